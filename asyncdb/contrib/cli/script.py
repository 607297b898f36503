"""`asyncdb run`: a script of many statements."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

import asyncdb
from asyncdb.contrib.cli import running
from asyncdb.contrib.cli.arguments import Ask, Url
from asyncdb.contrib.cli.query import read_url_or_fail, write_result
from asyncdb.contrib.cli.secrecy import connected
from asyncdb.contrib.cli.writing import Format


def run(
    url: Url,
    file: Annotated[Path, typer.Argument(help="The script; - reads stdin.")],
    *,
    transaction: Annotated[
        bool,
        typer.Option(help="All or nothing, where the engine can."),
    ] = True,
    form: Annotated[Format, typer.Option("--format", "-f")] = Format.table,
    ask: Ask = False,
) -> None:
    """Run a script: many statements, and the rows of those that have some.

    It is cut by the engine's own rules: trigger bodies, $$, DELIMITER lines.

    ```
    asyncdb run schema.sql
    asyncdb run --no-transaction vacuum.sql
    generate | asyncdb run -
    ```
    """
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{file}: {error}") from None
    running.run(
        _run(read_url_or_fail(url), text, form, transaction=transaction, ask=ask)
    )


async def _run(
    url: asyncdb.DatabaseURL, text: str, form: Format, *, transaction: bool, ask: bool
) -> None:
    async with connected(url, ask=ask, create=True) as db:
        cursor = await db.executescript(text, transaction=transaction)
        await write_result(cursor, form)
        while cursor.nextset():
            await write_result(cursor, form)
