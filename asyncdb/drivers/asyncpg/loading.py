"""Rows loaded by COPY."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from asyncpg import exceptions

from asyncdb.drivers.asyncpg.arguments import aware, instants
from asyncdb.drivers.asyncpg.translation import misfit
from asyncdb.sql import quote_identifier as quoted

if TYPE_CHECKING:
    from asyncdb.drivers.asyncpg.connection import AsyncpgConnection

# What asyncpg's encoders raise here as it is, and in statements as a DataError.
_MISFITS = (TypeError, ValueError, ArithmeticError, AttributeError)


async def load(
    connection: AsyncpgConnection,
    table: Sequence[str],
    columns: Sequence[str],
    batches: AsyncIterator[Sequence[Sequence[Any]]],
) -> str:
    """Load rows by COPY, which is atomic by itself, and return its command tag.

    Raises:
        DataError: a value does not fit its column.
    """
    of_source: BaseException | None = None

    async def records() -> AsyncIterator[Sequence[Any]]:
        nonlocal of_source
        try:
            async for batch in batches:
                for row in batch:
                    yield aware(row, found) if found else row
        except Exception as error:
            of_source = error
            raise

    names = ", ".join(quoted(name, connection.dialect) for name in columns)
    text = f"SELECT {names} FROM {quoted(table, connection.dialect)}"
    kept = connection._kept.get(text) or await connection._prepare(text)
    found = instants([oid for _, oid in kept.columns or ()])
    try:
        tag: str = await connection.native.copy_records_to_table(
            table[-1],
            schema_name=table[-2] if len(table) > 1 else None,
            columns=columns,
            records=records(),
        )
    except _MISFITS as error:
        if error is of_source or isinstance(error, exceptions.InterfaceError):
            raise
        raise misfit(error) from error
    return tag
