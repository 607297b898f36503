"""A whole driver in one file: the standard library's sqlite3, a thread for each call.

It marks parameters by number (`$1`), like PostgreSQL, and makes rows of tuples, so that
it takes other ways through the core than the driver on aiosqlite.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from asyncdb import errors
from asyncdb.dialect import Dialect, Lexis
from asyncdb.dialects import database_error
from asyncdb.dialects.sqlite import DIALECT as SQLITE
from asyncdb.dialects.sqlite_errors import from_code
from asyncdb.driver import Driver, DriverConnection, DriverCursor, Result
from asyncdb.options import ConnectOptions, TransactionOptions
from asyncdb.sql.statement import Statement
from asyncdb.url import DatabaseURL
from asyncdb.values.rows import Row, tuple_row

DIALECT = replace(SQLITE, name="fourth", placeholder="dollar")
_WRITES = frozenset(["INSERT", "UPDATE", "DELETE", "REPLACE"])


@dataclass(frozen=True, kw_only=True)
class FourthOptions(ConnectOptions):
    """It takes what every driver takes."""


def named(args: Sequence[Any]) -> dict[str, Any]:
    """Return the parameters as sqlite3 wants them for `$1`, `$2`, ..."""
    return {str(number): value for number, value in enumerate(args, 1)}


class FourthCursor(DriverCursor):
    """A result read in pieces."""

    def __init__(self, connection: FourthConnection, raw: sqlite3.Cursor) -> None:
        self._connection = connection
        self._raw = raw
        names = tuple(column[0] for column in raw.description or ())
        self._columns = tuple((name, None) for name in names)
        self._row = tuple_row(names)

    @property
    def columns(self) -> tuple[tuple[str, Any], ...]:
        """Names, without types."""
        return self._columns

    async def fetch(self, size: int) -> list[Row]:
        """Return the next rows."""
        rows = await self._connection.run(self._raw.fetchmany, size)
        return [self._row(row) for row in rows]

    async def close(self) -> None:
        """Drop the result."""
        if not self._connection.is_closed():
            self._raw.close()


class FourthConnection(DriverConnection):
    """The session."""

    def __init__(self, raw: sqlite3.Connection) -> None:
        self._raw = raw
        self._closed = False
        self._readonly = False

    @property
    def dialect(self) -> Dialect:
        """The facts."""
        return replace(DIALECT, server_version=sqlite3.sqlite_version_info)

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

    async def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call in a thread; cancelled, stop SQLite and wait until it has stopped."""
        work = asyncio.ensure_future(asyncio.to_thread(function, *args))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            while not work.done():
                self._raw.interrupt()
                await asyncio.wait([work], timeout=0.01)
            work.exception()  # has been seen
            raise

    async def execute(self, statement: Statement, args: Sequence[Any]) -> Result:
        """Run a statement and give its whole result."""
        result: Result = await self.run(self._execute, statement, args)
        return result

    def _execute(self, statement: Statement, args: Sequence[Any]) -> Result:
        before = self._raw.total_changes
        cursor = self._raw.execute(statement.text, named(args))
        if cursor.description is None:
            count = cursor.rowcount
            if count < 0 and not _WRITES.isdisjoint(statement.words):
                count = self._raw.total_changes - before
            made = count == 1 and statement.verb in ("INSERT", "REPLACE")
            return Result(None, [], count, cursor.lastrowid if made else None)
        names = tuple(column[0] for column in cursor.description)
        row = tuple_row(names)
        rows = [row(values) for values in cursor.fetchall()]
        return Result(tuple((name, None) for name in names), rows, len(rows))

    async def execute_many(
        self, statement: Statement, rows: Sequence[Sequence[Any]]
    ) -> int:
        """Run a statement for each row, all or nothing."""
        count: int = await self.run(self._execute_many, statement, rows)
        return count

    def _execute_many(self, statement: Statement, rows: Sequence[Sequence[Any]]) -> int:
        own = not self._raw.in_transaction
        if own:
            self._raw.execute("BEGIN IMMEDIATE")
        try:
            before = self._raw.total_changes
            counted = self._raw.executemany(statement.text, map(named, rows)).rowcount
            if own:
                self._raw.execute("COMMIT")
        except BaseException:
            if own and self._raw.in_transaction:
                self._raw.execute("ROLLBACK")
            raise
        return counted if counted >= 0 else self._raw.total_changes - before

    async def open_cursor(
        self, statement: Statement, args: Sequence[Any]
    ) -> DriverCursor:
        """Run a statement and read its result in pieces."""
        work = self._raw.execute, statement.text, named(args)
        return FourthCursor(self, await self.run(*work))

    async def begin(self, options: TransactionOptions) -> None:
        """Open a transaction."""
        try:
            if options.readonly:
                self._readonly = True
                await self.run(self._raw.execute, "PRAGMA query_only = ON")
                await self.run(self._raw.execute, "BEGIN")
            else:
                await self.run(self._raw.execute, "BEGIN IMMEDIATE")
        except BaseException:
            await self.rollback()
            raise

    async def commit(self) -> None:
        """Commit."""
        if not self._raw.in_transaction:
            message = "the transaction was already over"
            raise errors.TransactionError(message)
        await self.run(self._raw.execute, "COMMIT")
        await self._writable()

    async def rollback(self) -> None:
        """Roll back."""
        if self.in_transaction():
            await self.run(self._raw.execute, "ROLLBACK")
        await self._writable()

    async def _writable(self) -> None:
        if self._readonly and not self._closed:
            await self.run(self._raw.execute, "PRAGMA query_only = OFF")
            self._readonly = False

    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return not self._closed and self._raw.in_transaction

    def is_closed(self) -> bool:
        """Whether the session is over."""
        return self._closed

    async def close(self) -> None:
        """Close the file."""
        self.terminate()

    def terminate(self) -> None:
        """Close the file."""
        if not self._closed:
            self._closed = True
            self._raw.close()


class FourthDriver(Driver):
    """The entry point's object."""

    @property
    def dialect(self) -> Dialect:
        """The facts."""
        return DIALECT

    @property
    def options(self) -> type[ConnectOptions]:
        """The options."""
        return FourthOptions

    async def connect(
        self, url: DatabaseURL, options: ConnectOptions
    ) -> DriverConnection:
        """Open a file."""
        raw = sqlite3.connect(
            url.database or ":memory:",
            timeout=options.lock_timeout or 0,
            isolation_level=None,
            check_same_thread=False,
        )
        raw.execute("PRAGMA foreign_keys = ON")
        raw.execute("PRAGMA journal_mode = wal")
        return FourthConnection(raw)

    def translate(self, error: BaseException) -> errors.Error | None:
        """Return asyncdb's error for sqlite3's."""
        code = getattr(error, "sqlite_errorcode", None)
        if code is not None:
            return from_code(code, getattr(error, "sqlite_errorname", ""), str(error))
        if isinstance(error, OverflowError):
            return errors.NumericOutOfRange("an integer is beyond 64 bits")
        if isinstance(error, UnicodeEncodeError):
            return errors.InvalidText("text holds surrogates")
        if isinstance(error, sqlite3.Error):
            if "one statement at a time" in str(error):
                return database_error(errors.MultipleStatements)
            return errors.InterfaceError("sqlite3 cannot do this")
        return None


driver = FourthDriver()
