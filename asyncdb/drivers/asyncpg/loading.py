"""Rows loaded by COPY."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
from asyncpg import exceptions

from asyncdb.drivers.asyncpg.arguments import records
from asyncdb.drivers.asyncpg.translation import misfit

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
