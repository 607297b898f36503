"""A command's work, run: how it ends, and what it says then."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine
from typing import Any, NoReturn

import typer

import asyncdb
from asyncdb.contrib.copying import CopyRefused

FAILED, MISUSED, INTERRUPTED, NOT_READ = 1, 2, 130, 141
# Of ours, what is wrong with the call and not with the database.
_MISUSES = (
    asyncdb.URLError,
    asyncdb.ParameterError,
    asyncdb.UnknownDriver,
    asyncdb.MissingDriver,
)


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine until its end, and end the process as it ended.

    Ctrl-C cancels it, which stops the statement at the server.

    Raises:
        Exit: it did not end well; with the process's exit code.
    """
    try:
        asyncio.run(work)
        sys.stdout.flush()
    except KeyboardInterrupt:
        fail("interrupted", INTERRUPTED)
    except BrokenPipeError:
        # Python would complain when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(NOT_READ) from None
    except CopyRefused as error:
        fail(said(error), FAILED)
    except _MISUSES as error:
        fail(said(error), MISUSED)
    except asyncdb.Error as error:
        fail(said(error), FAILED)
    except (OSError, UnicodeDecodeError) as error:
        fail(str(error), MISUSED)


def said(error: BaseException) -> str:
    """Return an error's message with its notes."""
    notes = "".join(f"\n  {note}" for note in getattr(error, "__notes__", ()))
    return f"{error}{notes}"


def fail(message: str, code: int) -> NoReturn:
    """Say why, and end.

    Raises:
        Exit: always.
    """
    sys.stderr.write(f"asyncdb: {message}\n")
    raise typer.Exit(code)
