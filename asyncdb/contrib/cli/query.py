"""`asyncdb query`: one statement, its rows."""

from __future__ import annotations

import re
import sys
from typing import Annotated, Any

import typer

import asyncdb
from asyncdb.contrib.cli.arguments import Ask, Url, read_params
from asyncdb.contrib.cli.running import run
from asyncdb.contrib.cli.secrecy import connected, read_url
from asyncdb.contrib.cli.writing import Format, writer

# What gives rows: it is read in pieces. Everything else says how many rows it was.
_READS = frozenset(
    (
        *("SELECT", "WITH", "VALUES", "TABLE", "SHOW", "EXPLAIN", "PRAGMA"),
        *("DESCRIBE", "DESC", "FETCH"),
    )
)
_FIRST = re.compile(r"(?:\s|\(|--[^\n]*\n|/\*.*?\*/)*(\w+)", re.DOTALL)


def query(
    url: Url,
    sql: Annotated[str, typer.Argument(help="One statement; - reads it from stdin.")],
    values: Annotated[
        list[str] | None,
        typer.Argument(help="Values for ?, in their order; -- goes before -7."),
    ] = None,
    *,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", help="A value for :name.", metavar="NAME=VALUE"),
    ] = None,
    form: Annotated[Format, typer.Option("--format", "-f")] = Format.table,
    timeout: Annotated[
        float | None,
        typer.Option(help="Seconds for the answer.", metavar="SECONDS"),
    ] = None,
    ask: Ask = False,
) -> None:
    """Run a statement and write its rows; a million of them take no more memory.

    A value is an int (7), a float (7.5), true, false, null, or else text. A type before
    it says what it is: text:7, decimal:7.50, date:2024-02-29; also time, datetime,
    uuid, json, bytes (hexadecimal), int, float and bool.

    ```
    asyncdb query "SELECT * FROM users WHERE id = ?" 7
    asyncdb query "SELECT * FROM sales WHERE at > :day" -p day=date:2024-02-29
    asyncdb query -f csv "SELECT * FROM users" > users.csv
    asyncdb query -f jsonl "SELECT * FROM users" | head -1
    ```
    """
    params = read_params(values or [], param or [])
    text = sys.stdin.read() if sql == "-" else sql
    run(_query(read_url_or_fail(url), text, params, form, timeout, ask=ask))


def read_url_or_fail(url: str) -> asyncdb.DatabaseURL:
    """Return a URL; one that is not understood ends the process.

    Raises:
        BadParameter: it is not understood.
    """
    try:
        return read_url(url)
    except asyncdb.URLError as error:
        raise typer.BadParameter(str(error)) from None


async def _query(
    url: asyncdb.DatabaseURL,
    sql: str,
    params: Any,
    form: Format,
    timeout: float | None,
    *,
    ask: bool,
) -> None:
    async with connected(url, ask=ask) as db:
        first = _FIRST.match(sql)
        if first is None or first[1].upper() not in _READS:
            cursor = await db.execute(sql, params, timeout=timeout)
            await write_result(cursor, form)
            return
        async with db.stream(sql, params, timeout=timeout) as rows:
            names = [column[0] for column in rows.description or ()]
            out = writer(form, names)
            while batch := await rows.fetchmany():
                out.rows(batch)
            out.end()


async def write_result(cursor: asyncdb.Cursor, form: Format) -> None:
    """Write the rows of a statement, or how many it was."""
    if cursor.description is None:
        if cursor.rowcount >= 0:
            noun = "row" if cursor.rowcount == 1 else "rows"
            sys.stderr.write(f"({cursor.rowcount:,} {noun})\n")
        return
    out = writer(form, [column[0] for column in cursor.description])
    out.rows(await cursor.fetchall())
    out.end()
