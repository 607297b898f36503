"""Hooks: an application's own functions, run on a session that is nobody's yet."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from asyncdb import errors
from asyncdb.connection.connection import Connection
from asyncdb.connection.exclusive import Ended

if TYPE_CHECKING:
    from asyncdb.connection.session import Session
    from asyncdb.options import Hook

_OVER: Final = "this connection was for its hook alone: do not keep it"


async def run_hook(name: str, hook: Hook, session: Session) -> tuple[object, bool]:
    """Run a hook on a session.

    Args:
        name: its option's.
        hook: the function.
        session: what its connection is made over; it stays as it is.

    Returns:
        What it returned, and whether it may have left something in the session.

    Raises:
        InterfaceError: it left a transaction or a stream open, or raised a
            `CancelledError` though nobody has cancelled it.
    """
    lent = session.lend(None)
    try:
        verdict = await hook(Connection(lent))
        if lent.is_busy or lent.has_transaction():
            message = f"{name} left a transaction, a stream or a task behind"
            raise errors.InterfaceError(message)
        return verdict, lent.touched
    except BaseException as error:
        lent.cut()
        if isinstance(error, asyncio.CancelledError) and not _is_cancelled():
            # Another's, which it awaited: a pool's own task would end without a word.
            message = f"{name} raised CancelledError, and nobody has cancelled it"
            raise errors.InterfaceError(message) from error
        raise
    finally:
        lent.end(Ended(session.inner, _OVER))


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0
