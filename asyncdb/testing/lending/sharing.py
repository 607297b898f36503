"""Many sessions over one open transaction, each of whose transactions is a savepoint.

Rules:

1. One session at a time is inside: for a statement, or from BEGIN to COMMIT. The others
   stand in line, so that savepoints end in the order that databases want: the last one
   first.
2. A statement outside of a session's transaction has a savepoint of its own: where a
   failed one spoils the whole transaction (PostgreSQL), it spoils nothing.
3. Nobody waits for himself: a task that holds a transaction here and asks for another
   session is refused at once. Who waits longer than `patience` is told for whom.
4. Nothing here commits. What would (DDL on MySQL) is refused before it is sent; if it
   happened all the same, everybody is told.

All of it runs in the background's loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any, Final, NoReturn

from asyncdb import errors
from asyncdb.driver import (
    Dialect,
    DriverConnection,
    DriverCursor,
    Lexis,
    Result,
    Row,
    Statement,
    SupportsExactCount,
    SupportsLoad,
    SupportsPlainRows,
    TransactionOptions,
)
from asyncdb.testing.lending.open_transaction import OpenTransaction

_DDL: Final = (
    "{verb} would commit the test's transaction: on MySQL and MariaDB, DDL commits. "
    "Make tables in the schema (the fixture asyncdb_schema), or use asyncdb_pool for "
    "this test, which makes the database clean without a transaction"
)
_BATCH = 1000  # rows read at a time
# "Statements That Cause an Implicit Commit" in MySQL's manual, by their first words.
# What is not here, such as a CALL that commits, is found out by what it does.
_COMMITTING: Final = frozenset(
    (
        *("ALTER", "CREATE", "DROP", "RENAME", "TRUNCATE", "GRANT", "REVOKE"),
        *("ANALYZE", "CACHE", "CHECK", "FLUSH", "IMPORT", "INSTALL", "LOCK"),
        *("OPTIMIZE", "REPAIR", "RESET", "UNINSTALL"),
    )
)


class HeldCursor(DriverCursor):
    """A result that is held whole, so that nobody has to wait until it is read.

    Args:
        columns: the cursor's.
        rows: all of them.
    """

    def __init__(self, columns: tuple[tuple[str, Any], ...], rows: list[Row]) -> None:
        self._columns = columns
        self._rows = iter(rows)

    @property
    def columns(self) -> tuple[tuple[str, Any], ...]:
        """`(name, type code)` of each column."""
        return self._columns

    async def fetch(self, size: int) -> list[Row]:
        """Return the next rows."""
        return list(islice(self._rows, size))

    async def close(self) -> None:
        """Leave it."""


class SharedConnection:
    """A `DriverConnection`, by its shape, whose transactions are savepoints.

    Args:
        shared: the transaction.
    """

    def __init__(self, shared: OpenTransaction) -> None:
        self._shared = shared
        self._block: str | None = None  # the savepoint that is its transaction
        self._closed = False
        self._farewells: set[asyncio.Task[None]] = set()

    @property
    def dialect(self) -> Dialect:
        """The server's facts."""
        return self._shared.dialect

    @property
    def native(self) -> NoReturn:
        """Refuse: what it did would not be undone."""
        raise errors.InterfaceError("there is no native connection in a rollback")

    @property
    def lexis(self) -> Lexis:
        """How this session's text is quoted."""
        return self._shared.lexis

    async def read_lexis(self) -> Lexis:
        """Ask the server."""
        async with self._inside() as inner:
            return await inner.read_lexis()

    # -- statements --------------------------------------------------------------------

    async def execute(self, statement: Statement, args: Sequence[Any]) -> Result:
        """Run a statement."""
        if statement.controls_transaction:
            return await self._control(statement)
        async with self._inside(statement) as inner:
            return await inner.execute(statement, args)

    async def execute_plain(self, statement: Statement, args: Sequence[Any]) -> Result:
        """Run a statement whose rows are read by position."""
        if statement.controls_transaction:
            return await self._control(statement)
        async with self._inside(statement) as inner:
            if isinstance(inner, SupportsPlainRows):
                return await inner.execute_plain(statement, args)
            return await inner.execute(statement, args)

    async def execute_many(
        self, statement: Statement, rows: Sequence[Sequence[Any]]
    ) -> int:
        """Run a statement for each row."""
        async with self._inside(statement) as inner:
            return await inner.execute_many(statement, rows)

    async def execute_many_exactly(
        self, statement: Statement, rows: Sequence[Sequence[Any]]
    ) -> int:
        """Run a statement for each row, and count."""
        async with self._inside(statement) as inner:
            if isinstance(inner, SupportsExactCount):
                return await inner.execute_many_exactly(statement, rows)
            return await inner.execute_many(statement, rows)

    async def open_cursor(
        self, statement: Statement, args: Sequence[Any]
    ) -> DriverCursor:
        """Run a statement and hold its rows."""
        async with self._inside(statement) as inner:
            return await _held(await inner.open_cursor(statement, args))

    async def open_plain_cursor(
        self, statement: Statement, args: Sequence[Any]
    ) -> DriverCursor:
        """Run a statement and hold its rows, which are read by position."""
        async with self._inside(statement) as inner:
            if isinstance(inner, SupportsPlainRows):
                return await _held(await inner.open_plain_cursor(statement, args))
            return await _held(await inner.open_cursor(statement, args))

    # -- transactions ------------------------------------------------------------------

    async def begin(self, options: TransactionOptions) -> None:  # noqa: ARG002
        """Set the savepoint; the open transaction has its isolation already."""
        self._block = await self._enter()

    async def commit(self) -> None:
        """Release the savepoint; a failure undoes what it covers."""
        name = self._block
        if name is None:
            raise errors.TransactionError("the transaction was already over")
        good = False
        try:
            await self._shared.check_constraints()
            good = True
        finally:
            self._block = None
            await self._leave(name, good=good)

    async def rollback(self) -> None:
        """Roll back to the savepoint."""
        name, self._block = self._block, None
        if name is not None:
            await self._leave(name, good=False)

    def in_transaction(self) -> bool:
        """Whether the savepoint is there."""
        return self._block is not None and self._shared.is_good

    async def _control(self, statement: Statement) -> Result:
        """Do what BEGIN, COMMIT and ROLLBACK, sent as text, do to a session."""
        verb = statement.verb
        if statement.multiple or verb in ("SET", "XA", "PREPARE"):
            message = f"{verb} would end the test's transaction: use transaction()"
            raise errors.TransactionError(message)
        if verb in ("BEGIN", "START"):
            if self._block is not None:
                raise errors.TransactionError("a transaction is open already")
            await self.begin(TransactionOptions())
        elif verb in ("COMMIT", "END"):
            if self._block is not None:
                await self.commit()
        else:
            await self.rollback()
        return Result(None, [], -1)

    # -- the end -----------------------------------------------------------------------

    async def reset(self) -> bool:
        """Leave it: what was set in the session is undone when the test ends."""
        return True

    def is_closed(self) -> bool:
        """Whether the session is over."""
        return self._closed

    async def close(self) -> None:
        """Roll back what is open; the real session stays."""
        self._closed = True
        await self.rollback()

    def terminate(self) -> None:
        """Roll back what is open, soon."""
        if not self._closed:
            self._closed = True
            task = asyncio.get_running_loop().create_task(self.rollback())
            self._farewells.add(task)
            task.add_done_callback(self._farewells.discard)

    # -- inside ------------------------------------------------------------------------

    @asynccontextmanager
    async def _inside(
        self, statement: Statement | None = None
    ) -> AsyncGenerator[DriverConnection]:
        """Have the real session for a statement, when it is this one's turn."""
        if statement is not None:
            self._refuse(statement)
        shared = self._shared
        if self._block is not None:
            async with shared.use() as inner:
                yield inner
            return
        name, good = await self._enter(), False
        try:
            async with shared.use() as inner:
                yield inner
            good = True
        finally:
            await self._leave(name, good=good)

    async def _enter(self) -> str:
        await self._shared.take()
        try:
            return await self._shared.mark()
        except BaseException:
            self._shared.give()
            raise

    async def _leave(self, name: str, *, good: bool = True) -> None:
        shared = self._shared
        try:
            if good and shared.is_good:
                try:
                    await shared.keep(name)
                except BaseException:
                    await shared.undo(name)
                    raise
            else:
                await shared.undo(name)
        finally:
            shared.give()

    def _refuse(self, statement: Statement) -> None:
        dialect = self.dialect
        if dialect.supports_transactional_ddl:
            return
        verb, words = statement.verb, statement.words
        temporary = verb in ("CREATE", "DROP") and "TEMPORARY" in words
        if verb in _COMMITTING and not temporary:
            raise errors.TransactionError(_DDL.format(verb=verb))


class SharedLoadingConnection(SharedConnection):
    """A session over one that loads rows faster than by INSERT."""

    async def load_rows(
        self,
        table: Sequence[str],
        columns: Sequence[str],
        batches: AsyncIterator[Sequence[Sequence[Any]]],
    ) -> int:
        """Load rows."""
        async with self._inside() as inner:
            assert isinstance(inner, SupportsLoad)  # noqa: S101  # it was looked at
            return await inner.load_rows(table, columns, batches)


async def _held(cursor: DriverCursor) -> DriverCursor:
    rows: list[Row] = []
    try:
        while more := await cursor.fetch(_BATCH):
            rows += more
        return HeldCursor(cursor.columns, rows)
    finally:
        await cursor.close()


def session_over(shared: OpenTransaction) -> DriverConnection:
    """Make one more session over the open transaction."""
    shared.check_over()
    kind = SharedLoadingConnection if shared.loads else SharedConnection
    return kind(shared)
