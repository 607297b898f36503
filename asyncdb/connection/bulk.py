"""Many rows in one go: `executemany()` and `load_rows()`, all or nothing.

Rows of an iterator are taken a few thousand at a time. What needs more than one round
trip goes into a transaction of its own, unless one is open already.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from asyncdb import errors
from asyncdb.connection.chunks import Rows, chunks
from asyncdb.driver import SupportsExactCount, SupportsLoad
from asyncdb.options import TransactionOptions
from asyncdb.sql import Statement, arguments, quote_identifier

if TYPE_CHECKING:
    from asyncdb.connection.binding import Binder
    from asyncdb.connection.transaction_control import TransactionControl
    from asyncdb.driver import DriverConnection

_PLAIN = TransactionOptions()
_AS_THEY_ARE = frozenset([list, tuple])


class Bulk:
    """Sends many rows through one session of a driver.

    Args:
        inner: the driver's session.
        binder: prepares its statements.
        control: begins and ends its transactions.
        check: refuses a statement that has no place where the session is.
    """

    __slots__ = ("_binder", "_check", "_control", "_inner")

    def __init__(
        self,
        inner: DriverConnection,
        binder: Binder,
        control: TransactionControl,
        check: Callable[[Statement], None],
    ) -> None:
        self._inner = inner
        self._binder = binder
        self._control = control
        self._check = check

    async def execute(self, sql: str, rows: Rows, *, exact: bool = False) -> int:
        """Run a statement for each row; -1 when the count is unknown."""
        if not isinstance(sql, str):
            message = f"executemany() takes a str, not a {type(sql).__name__}"
            raise errors.InterfaceError(message)

        async def send(batch: list[Any]) -> int:
            return await self._send(sql, batch, exact=exact)

        return await self._in_pieces(rows, send)

    async def load(
        self, table: str | Sequence[str], columns: Sequence[str], rows: Rows
    ) -> int:
        """Load rows the fastest way the driver has."""
        parts = [table] if isinstance(table, str) else list(table)
        if isinstance(columns, str) or not columns:
            message = "columns is a list of names, one for each value of a row"
            raise errors.ParameterError(message)
        dialect = self._binder.dialect
        target = quote_identifier(parts, dialect)
        names = [quote_identifier(name, dialect) for name in columns]
        width = len(columns)
        if isinstance(self._inner, SupportsLoad):
            async with aclosing(self._encoded(rows, width)) as batches:
                return await self._inner.load_rows(parts, list(columns), batches)
        markers = ", ".join("?" * width)
        sql = f"INSERT INTO {target} ({', '.join(names)}) VALUES ({markers})"

        async def send(batch: list[Any]) -> int:
            _check_width(batch, width)
            return await self._send(sql, batch)

        return await self._in_pieces(rows, send)

    async def _in_pieces(
        self, rows: Rows, send: Callable[[list[Any]], Awaitable[int]]
    ) -> int:
        """Send rows a list at a time, in one transaction when there are more."""
        inner, total, own = self._inner, 0, False
        async with aclosing(chunks(rows)) as source:
            try:
                batch = await anext(source, None)
                while batch is not None:
                    following = await anext(source, None)
                    if following is not None and not inner.in_transaction():
                        if own:
                            message = "the server ended the transaction half way"
                            raise errors.TransactionError(message)
                        await inner.begin(_PLAIN)
                        own = True
                    count = await send(batch)
                    total = -1 if count < 0 or total < 0 else total + count
                    batch = following
            except BaseException:
                if own:
                    await self._control.roll_back(inner)
                raise
        if own:
            await self._control.commit(inner)
        return total

    async def _send(self, sql: str, batch: list[Any], *, exact: bool = False) -> int:
        statement = await self._binder.read(sql, batch[0])
        self._check(statement)
        values = _all_arguments(statement, batch)
        encoded = self._binder.encode_rows(statement, values)
        if exact and isinstance(self._inner, SupportsExactCount):
            return await self._inner.execute_many_exactly(statement, encoded)
        return await self._inner.execute_many(statement, encoded)

    async def _encoded(
        self, rows: Rows, width: int
    ) -> AsyncGenerator[Sequence[Sequence[Any]]]:
        async for batch in chunks(rows):
            _check_width(batch, width)
            yield self._binder.encode_many(batch)


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
