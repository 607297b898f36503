"""Rows loaded by COPY, in its binary form."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Sequence
from typing import Any

import psycopg

from asyncdb.dialects.postgresql import DIALECT, LEXIS
from asyncdb.dialects.postgresql.answers import unfit_in_row
from asyncdb.dialects.postgresql.numbers import integers, with_whole
from asyncdb.drivers.psycopg.catalogue import TEXT_FORM
from asyncdb.drivers.psycopg.encoding import MISFITS, Encode, Misfit
from asyncdb.drivers.psycopg.running import Running
from asyncdb.drivers.psycopg.translation import raise_first
from asyncdb.errors import DataError, NotSupportedError
from asyncdb.sql import prepare
from asyncdb.sql import quote_identifier as quoted

# https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format"
_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TAIL = b"\xff\xff"
_NULL = b"\xff\xff\xff\xff"
_count = struct.Struct("!h").pack
_length = struct.Struct("!i").pack

# Bytes that are given to libpq at a time.
_PIECE = 1 << 16


async def load(
    running: Running,
    table: Sequence[str],
    columns: Sequence[str],
    batches: AsyncIterator[Sequence[Sequence[Any]]],
) -> int:
    """Load rows by COPY, which is atomic by itself, and return their number.

    Raises:
        DataError: a value does not fit its column.
        NotSupportedError: a column's type has no binary form that is known here.
    """
    name = quoted(table, DIALECT)
    names = ", ".join(quoted(column, DIALECT) for column in columns)
    text = f"SELECT {names} FROM {name}"
    try:
        statement = prepare(text, "none", LEXIS, "dollar")
        kept = running.kept.get(text)
        if kept is None:
            kept, _ = await running.statements.find(statement, (), LEXIS)
        if running.line.unsynced:
            await running.line.sync()
        types = [oid for _, oid in kept.columns or ()]
        catalogue = running.statements.preparing.catalogue
        encoders = [catalogue.encoder(oid) for oid in types]
        if any(form == TEXT_FORM for _, form in encoders):
            message = (
                "a column of this table is of a type that COPY takes in a form that is "
                "not known here: insert its rows by executemany()"
            )
            raise NotSupportedError(message)
        command = f"COPY {name} ({names}) FROM STDIN (FORMAT BINARY)"
        raise_first(await running.line.query(command))
        how = [encode for encode, _ in encoders]
        return await _send(running, batches, how, integers(types))
    except BaseException as error:
        await running.settle(error)
        raise


async def _send(
    running: Running,
    batches: AsyncIterator[Sequence[Sequence[Any]]],
    encoders: Sequence[Encode],
    whole: Sequence[int],
) -> int:
    pgconn, line = running.pgconn, running.line
    out, sent = bytearray(_HEAD), 0
    async for batch in batches:
        for row in with_whole(batch, whole, sent):
            _add(out, row, encoders)
            if len(out) >= _PIECE:
                await _put(running, bytes(out))
                out.clear()
        sent += len(batch)
    await _put(running, bytes(out) + _TAIL)
    pgconn.put_copy_end()
    results = await line.results()
    raise_first(results)
    count: int | None = results[-1].command_tuples
    return -1 if count is None else count


async def _put(running: Running, data: bytes) -> None:
    """Send a piece; a server that has refused one is heard."""
    try:
        running.pgconn.put_copy_data(data)
        await running.line.flush()
    except psycopg.OperationalError:
        raise_first(await running.line.results())
        raise


def _add(out: bytearray, row: Sequence[Any], encoders: Sequence[Encode]) -> None:
    """Write a row."""
    if len(row) != len(encoders):
        raise DataError(f"a row has {len(row)} values for {len(encoders)} columns")
    out += _count(len(row))
    for value, encode in zip(row, encoders, strict=True):
        if value is None:
            out += _NULL
            continue
        try:
            data = encode(value)
        except DataError:
            raise
        except MISFITS as error:
            why = str(error) if isinstance(error, Misfit) else None
            raise unfit_in_row(why, error) from error
        out += _length(len(data))
        out += data
