"""Rows loaded by COPY, or by INSERTs where there is no COPY."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
from asyncpg import exceptions

from asyncdb.dialects.postgresql import LEXIS
from asyncdb.driver import DriverConnection
from asyncdb.drivers.asyncpg.arguments import records
from asyncdb.drivers.asyncpg.settling import Settling
from asyncdb.drivers.asyncpg.translation import misfit
from asyncdb.options import TransactionOptions
from asyncdb.sql import prepare
from asyncdb.sql import quote_identifier as quoted

# What asyncpg's encoders raise here as it is, and in statements as a DataError.
_MISFITS = (TypeError, ValueError, ArithmeticError, AttributeError)


async def load(
    native: asyncpg.Connection,
    table: Sequence[str],
    columns: Sequence[str],
    batches: AsyncIterator[Sequence[Sequence[Any]]],
    types: Sequence[int],
) -> str:
    """Load rows by COPY, which is atomic by itself, and return its command tag.

    `types` are those of the columns.

    Raises:
        DataError: a value does not fit its column.
    """
    of_source: BaseException | None = None

    async def source() -> AsyncIterator[Sequence[Sequence[Any]]]:
        nonlocal of_source
        try:
            async for batch in batches:
                yield batch
        except Exception as error:
            of_source = error
            raise

    try:
        tag: str = await native.copy_records_to_table(
            table[-1],
            schema_name=table[-2] if len(table) > 1 else None,
            columns=columns,
            records=records(source(), types),
        )
    except _MISFITS as error:
        if error is of_source or isinstance(error, exceptions.InterfaceError):
            raise
        raise misfit(error) from error
    return tag


async def insert(
    connection: DriverConnection,
    settling: Settling,
    table: Sequence[str],
    columns: Sequence[str],
    batches: AsyncIterator[Sequence[Sequence[Any]]],
) -> int:
    """Load rows by INSERTs, in a transaction; return their number.

    Args:
        connection: the session.
        settling: its.
        table: its name, with its schema first.
        columns: their names.
        batches: the rows.
    """
    names = ", ".join(quoted(name, connection.dialect) for name in columns)
    markers = ", ".join("?" * len(columns))
    text = f"INSERT INTO {quoted(table, connection.dialect)} ({names})"
    text += f" VALUES ({markers})"
    statement = prepare(text, "positional", LEXIS, "dollar")
    own, total = not connection.in_transaction(), 0
    try:
        if own:
            await connection.begin(TransactionOptions())
        async for batch in batches:
            total += await connection.execute_many(statement, batch)
        if own:
            await connection.commit()
    except BaseException:
        if own and not connection.is_closed():
            await settling.undo()
        raise
    return total
