"""Many rows in one go: `executemany()` and `load_rows()`, all or nothing.

Rows of an iterator are taken a few thousand at a time. What needs more than one round
trip goes into a transaction of its own, unless one is open already.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any

from asyncdb import errors
from asyncdb.connection.chunks import Rows, chunks
from asyncdb.connection.deadline import shorter
from asyncdb.connection.session import Session
from asyncdb.driver import DriverConnection, Result, SupportsExactCount, SupportsLoad
from asyncdb.options import TransactionOptions
from asyncdb.sql import (
    Statement,
    arguments,
    quote_identifier,
    refuse_lists_in_rows,
    style_of,
)

_PLAIN = TransactionOptions()
_AS_THEY_ARE = frozenset([list, tuple])


class ManyRows(Session):
    """What a connection does with many rows."""

    __slots__ = ()

    async def _execute_many(
        self,
        sql: str,
        rows: Rows,
        *,
        exact_rowcount: bool = False,
        timeout: float | None = None,
    ) -> Result:
        if not isinstance(sql, str):
            message = f"executemany() takes a str, not a {type(sql).__name__}"
            raise errors.InterfaceError(message)

        async def work(session: DriverConnection) -> int:
            async def send(batch: list[Any]) -> int:
                return await self._send_many(session, sql, batch, exact=exact_rowcount)

            return await self._in_pieces(session, rows, send)

        return Result(None, [], await self._guarded(work, sql, shorter(timeout, None)))

    async def _load_rows(
        self, table: str | Sequence[str], columns: Sequence[str], rows: Rows
    ) -> int:
        parts = [table] if isinstance(table, str) else list(table)
        if isinstance(columns, str) or not columns:
            message = "columns is a list of names, one for each value of a row"
            raise errors.ParameterError(message)
        target = quote_identifier(parts, self._session.dialect)
        names = [quote_identifier(name, self._session.dialect) for name in columns]
        width = len(columns)

        async def work(session: DriverConnection) -> int:
            if isinstance(session, SupportsLoad):
                async with aclosing(self._encoded(rows, width)) as batches:
                    return await session.load_rows(parts, list(columns), batches)
            markers = ", ".join("?" * width)
            sql = f"INSERT INTO {target} ({', '.join(names)}) VALUES ({markers})"

            async def send(batch: list[Any]) -> int:
                _check_width(batch, width)
                return await self._send_many(session, sql, batch)

            return await self._in_pieces(session, rows, send)

        count: int = await self._guarded(work)
        return count

    async def _in_pieces(
        self,
        session: DriverConnection,
        rows: Rows,
        send: Callable[[list[Any]], Awaitable[int]],
    ) -> int:
        """Send rows a list at a time, in one transaction when there are more."""
        total, own = 0, False
        async with aclosing(chunks(rows)) as source:
            try:
                batch = await anext(source, None)
                while batch is not None:
                    following = await anext(source, None)
                    if following is not None and not session.in_transaction():
                        if own:
                            message = "the server ended the transaction half way"
                            raise errors.TransactionError(message)
                        await session.begin(_PLAIN)
                        own = True
                    count = await send(batch)
                    total = -1 if count < 0 or total < 0 else total + count
                    batch = following
            except BaseException:
                if own:
                    await self._roll_back_now(session)
                raise
        if own:
            await self._commit_now(session)
        return total

    async def _send_many(
        self,
        session: DriverConnection,
        sql: str,
        batch: list[Any],
        *,
        exact: bool = False,
    ) -> int:
        if "\\" in sql:
            await self._learn_lexis(session)
        statement = self._prepare(sql, style_of(batch[0]))
        values = _all_arguments(statement, batch)
        if statement.memberships:
            refuse_lists_in_rows(statement, values, self._options.converters)
        encoded = self._encoders.encode_many(values, statement.order)
        if exact and isinstance(session, SupportsExactCount):
            return await session.execute_many_exactly(statement, encoded)
        return await session.execute_many(statement, encoded)

    async def _encoded(
        self, rows: Rows, width: int
    ) -> AsyncGenerator[Sequence[Sequence[Any]]]:
        async for batch in chunks(rows):
            _check_width(batch, width)
            yield self._encoders.encode_many(batch)


def _all_arguments(statement: Statement, batch: list[Any]) -> list[Any]:
    """Return the values of each row; rows that are right as they are, as they are."""
    if (
        statement.style == "positional"
        and _AS_THEY_ARE.issuperset(map(type, batch))
        and {len(statement.order)}.issuperset(map(len, batch))
    ):
        return batch
    values: list[Any] = []
    try:
        for row in batch:
            values.append(arguments(statement, row))  # noqa: PERF401  # to count them
    except errors.ParameterError as error:
        error.args = (f"row {len(values) + 1}: {error.args[0]}",)
        raise
    return values


def _check_width(batch: list[Any], width: int) -> None:
    for row in batch:
        if not isinstance(row, Sequence) or isinstance(row, str | bytes):
            message = f"a row is a list or tuple of values, not a {type(row).__name__}"
            raise errors.ParameterError(message)
        if len(row) != width:
            message = f"a row has {len(row)} values for {width} columns"
            raise errors.ParameterError(message)
