"""A verified fake: a driver in a page, which can be ordered to fail, stall or drop.

`fake://` is a private database in memory. It passes the conformance kit like the real
drivers, and like a stranger's it comes in by `asyncdb.driver`; the facts of its engine,
which is SQLite, it shares with SQLite's driver. Whatever it does passes a *point* first
(`connect execute execute_many open_cursor fetch close_cursor begin commit rollback
close`), where the next order waiting for that point is carried out.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal, TypeAlias

from asyncdb import errors
from asyncdb.dialects.sqlite import DIALECT as SQLITE
from asyncdb.dialects.sqlite_errors import from_code
from asyncdb.driver import (
    ConnectOptions,
    DatabaseURL,
    Dialect,
    Driver,
    DriverConnection,
    DriverCursor,
    Lexis,
    Result,
    Role,
    Row,
    Statement,
    TransactionOptions,
    database_error,
    tuple_row,
)

# Where an order can be carried out.
Point: TypeAlias = Literal[
    "connect", "execute", "execute_many", "open_cursor", "fetch", "close_cursor",
    "begin", "commit", "rollback", "close",
]  # fmt: skip
# What happens at a point: it is raised, or awaited.
Order: TypeAlias = BaseException | Callable[[], Awaitable[Any]]

# -- dialect facts --------------------------------------------------------------------

# One connection at a time sees a database in memory.
DIALECT = replace(SQLITE, name="fake", supports_concurrent_connections=False)
# Of a database with a name, which all connections see.
CONCURRENT = replace(DIALECT, supports_concurrent_connections=True)


@dataclass(frozen=True, kw_only=True)
class FakeOptions(ConnectOptions):
    """The fake takes what every driver takes.

    Args:
        concurrent: claim that there may be several connections, though each has a
            database of its own: for tests of a pool.
    """

    concurrent: bool = False


# -- orders ---------------------------------------------------------------------------


class LostError(Exception):
    """Order it to cut the connection at a point."""


class Faults:
    """The orders that wait to be carried out, and what was opened and closed.

    Attributes:
        opened: how many connections were.
        closed: how many of them were.
        passed: the points that were passed.
        roles: host -> what the server there is, now; a primary where nothing is said.

    Example:
        >>> import asyncio, asyncdb
        >>> from asyncdb.testing import faults
        >>> async def main():
        ...     with faults() as ordered:
        ...         async with asyncdb.connect("fake://") as db:
        ...             ordered.add("execute", ConnectionResetError())
        ...             try:
        ...                 await db.execute("SELECT 1")
        ...             except asyncdb.ConnectionLost:
        ...                 return "lost"
        >>> asyncio.run(main())
        'lost'
    """

    def __init__(self) -> None:
        self.opened = 0
        self.closed = 0
        self.passed: list[Point] = []
        self.roles: dict[str | None, Role] = {}
        self._orders: dict[Point, deque[Order]] = defaultdict(deque)

    def add(self, point: Point, order: Order) -> None:
        """Have the next call that passes a point raise an exception, or await.

        Args:
            point: where.
            order: an exception to raise, or a function whose result is awaited (an
                `asyncio.Event().wait` stalls until it is set).
        """
        self._orders[point].append(order)

    async def at(self, point: Point) -> None:
        """Carry out the next order for this point, if there is one."""
        self.passed.append(point)
        await asyncio.sleep(0)  # every point is one where a cancellation can arrive
        if not self._orders[point]:
            return
        order = self._orders[point].popleft()
        if isinstance(order, BaseException):
            raise order
        await order()


_current = Faults()


@contextmanager
def faults() -> Iterator[Faults]:
    """Give orders to the fake for the length of a block.

    Returns:
        A context manager that gives fresh `Faults`.
    """
    global _current  # noqa: PLW0603  # the fake is reached by URL: there is no object
    before, _current = _current, Faults()
    try:
        yield _current
    finally:
        _current = before


# -- cursor ---------------------------------------------------------------------------


class FakeCursor(DriverCursor):
    """A result read in pieces."""

    def __init__(self, raw: sqlite3.Cursor) -> None:
        self._raw = raw
        names = tuple(column[0] for column in raw.description or ())
        self._columns = tuple((name, None) for name in names)
        self._rows = map(tuple_row(names), raw)

    @property
    def columns(self) -> tuple[tuple[str, Any], ...]:
        """Names, without types."""
        return self._columns

    async def fetch(self, size: int) -> list[Row]:
        """Return the next rows."""
        await _current.at("fetch")
        return list(islice(self._rows, size))

    async def close(self) -> None:
        """Drop the result."""
        await _current.at("close_cursor")
        self._raw.close()


# -- connection -----------------------------------------------------------------------


class FakeConnection(DriverConnection):
    """A session: sqlite3 in memory, without a thread."""

    def __init__(self, dialect: Dialect = DIALECT, host: str | None = None) -> None:
        self._dialect = dialect
        self._host = host
        self.role = _current.roles.get(host, Role())
        self._raw = sqlite3.connect(":memory:", isolation_level=None)
        self._raw.execute("PRAGMA foreign_keys=ON")
        self._closed = False
        self._lost = False  # by order, as if the other side had gone
        self._readonly = False
        _current.opened += 1

    @property
    def dialect(self) -> Dialect:
        """The fake's facts."""
        return self._dialect

    @property
    def native(self) -> sqlite3.Connection:
        """The connection of sqlite3."""
        return self._raw

    @property
    def lexis(self) -> Lexis:
        """It quotes like SQLite."""
        return DIALECT.lexis

    async def read_lexis(self) -> Lexis:
        """Return the same."""
        return DIALECT.lexis

    async def read_role(self) -> Role:
        """Return what the server is said to be now."""
        await self._at("execute")
        return _current.roles.get(self._host, Role())

    async def execute(self, statement: Statement, args: Sequence[Any]) -> Result:
        """Run a statement and give its whole result."""
        await self._at("execute")
        before = self._raw.total_changes
        cursor = self._raw.execute(statement.text, args)
        if cursor.description is None:
            count = cursor.rowcount
            if count < 0 and statement.verb == "WITH":
                count = self._raw.total_changes - before
            made = count == 1 and statement.verb in ("INSERT", "REPLACE")
            return Result(None, [], count, cursor.lastrowid if made else None)
        names = tuple(column[0] for column in cursor.description)
        rows: list[Any] = list(map(tuple_row(names), cursor))
        return Result(tuple((name, None) for name in names), rows, len(rows))

    async def execute_many(
        self, statement: Statement, rows: Sequence[Sequence[Any]]
    ) -> int:
        """Run a statement for each row, all or nothing."""
        await self._at("execute_many")
        own = not self._raw.in_transaction
        if own:
            self._raw.execute("BEGIN")
        try:
            count = self._raw.executemany(statement.text, rows).rowcount
        except BaseException:
            if own:
                self._raw.execute("ROLLBACK")
            raise
        if own:
            self._raw.execute("COMMIT")
        return count

    async def open_cursor(
        self, statement: Statement, args: Sequence[Any]
    ) -> DriverCursor:
        """Run a statement and read its result in pieces."""
        await self._at("open_cursor")
        return FakeCursor(self._raw.execute(statement.text, args))

    async def begin(self, options: TransactionOptions) -> None:
        """Open a transaction."""
        await self._at("begin")
        self._only_reading(options.readonly)
        self._raw.execute("BEGIN")

    async def commit(self) -> None:
        """Commit."""
        await self._at("commit")
        if not self._raw.in_transaction:
            message = "the transaction was already over"
            raise errors.TransactionError(message)
        self._raw.execute("COMMIT")
        self._only_reading(False)

    async def rollback(self) -> None:
        """Roll back."""
        await self._at("rollback")
        if self._raw.in_transaction:
            self._raw.execute("ROLLBACK")
        self._only_reading(False)

    def _only_reading(self, readonly: bool) -> None:  # what it sets
        if readonly != self._readonly:
            self._raw.execute(f"PRAGMA query_only={'ON' if readonly else 'OFF'}")
            self._readonly = readonly

    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return not self._closed and self._raw.in_transaction

    def is_closed(self) -> bool:
        """Whether the session is over."""
        return self._closed

    async def close(self) -> None:
        """Say goodbye and close."""
        await _current.at("close")
        self.terminate()

    def terminate(self) -> None:
        """Close at once."""
        if not self._closed:
            self._closed = True
            self._raw.close()
            _current.closed += 1

    def last_words(self) -> errors.ConnectionLost | None:
        """Make the error for a connection that an order has cut."""
        return errors.ConnectionLost("the connection was cut") if self._lost else None

    async def _at(self, point: Point) -> None:
        try:
            await _current.at(point)
        except (LostError, OSError):
            self._lost = True
            self.terminate()
            raise


# -- driver ---------------------------------------------------------------------------


class FakeDriver(Driver):
    """The entry point's object."""

    @property
    def dialect(self) -> Dialect:
        """The fake's facts."""
        return DIALECT

    @property
    def options(self) -> type[ConnectOptions]:
        """The fake's options."""
        return FakeOptions

    async def connect(
        self,
        url: DatabaseURL,
        options: ConnectOptions,
    ) -> DriverConnection:
        """Open an empty database."""
        await _current.at("connect")
        concurrent = isinstance(options, FakeOptions) and options.concurrent
        return FakeConnection(CONCURRENT if concurrent else DIALECT, url.host)

    def translate(self, error: BaseException) -> errors.Error | None:
        """Return asyncdb's error for sqlite3's, or for an ordered one."""
        code = getattr(error, "sqlite_errorcode", None)
        if code is not None:
            return from_code(code, getattr(error, "sqlite_errorname", ""), str(error))
        if isinstance(error, LostError | OSError):
            return errors.ConnectionLost("the connection was cut")
        if isinstance(error, OverflowError):
            return errors.NumericOutOfRange("an integer is beyond 64 bits")
        if isinstance(error, UnicodeEncodeError):
            return errors.InvalidText("text holds surrogates, which are not characters")
        if isinstance(error, sqlite3.Error):
            if "one statement at a time" in str(error):
                return database_error(errors.MultipleStatements)
            return errors.InterfaceError("the fake cannot do this")
        return None


# What the entry point names.
driver = FakeDriver()
