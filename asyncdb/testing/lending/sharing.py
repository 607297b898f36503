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
from itertools import count, islice
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
from asyncdb.sql import prepare
from asyncdb.testing.lending.remote import CALLER, Caller

OVER: Final = (
    "the test that this connection belonged to is over, and what it did is rolled back"
)
_LOST: Final = (
    "the test's transaction is over before the test is: the database has ended it, or "
    "something committed (DDL on MySQL and MariaDB), or the connection was lost. What "
    "asyncdb_rollback promises does not hold here: use asyncdb_pool for this test"
)
_DDL: Final = (
    "{verb} would commit the test's transaction: on MySQL and MariaDB, DDL commits. "
    "Make tables in the schema (the fixture asyncdb_schema), or use asyncdb_pool for "
    "this test, which makes the database clean without a transaction"
)
_ITSELF: Final = (
    "dead lock: this task has an open transaction on another connection, begun at "
    "{place}, and asyncdb_rollback has one connection for all. Use the "
    "connection that the task has, or asyncdb_pool for this test"
)
_TOO_LATE: Final = (
    "dead lock? After {seconds:g} seconds the one connection of asyncdb_rollback was "
    "still in the hands of {holder}, which has a transaction open there. "
    "If it waits for this one, both wait for ever: use asyncdb_pool for this test"
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
_CHECKS: Final = (
    "SAVEPOINT asyncdb_test_checks",
    "SET CONSTRAINTS ALL IMMEDIATE",
    "ROLLBACK TO SAVEPOINT asyncdb_test_checks",
    "RELEASE SAVEPOINT asyncdb_test_checks",
)


class OpenTransaction:
    """A transaction of a real session, that is open for the length of a test.

    Args:
        inner: the session, in a transaction.
        patience: seconds that a session waits for another one.
    """

    def __init__(self, inner: DriverConnection, patience: float) -> None:
        self._inner = inner
        self._patience = patience
        self._turn = asyncio.Lock()
        self._names = count(1)
        self._wire = asyncio.Lock()
        self._holder: Caller | None = None
        self._over = False

    @property
    def dialect(self) -> Dialect:
        """The server's facts."""
        return self._inner.dialect

    @property
    def lexis(self) -> Lexis:
        """How text is quoted."""
        return self._inner.lexis

    @property
    def was_lost(self) -> bool:
        """Whether the transaction has ended before its time."""
        return self._inner.is_closed() or not self._inner.in_transaction()

    @property
    def is_good(self) -> bool:
        """Whether the transaction is open, and the test goes on."""
        return not self._over and not self.was_lost

    def session(self) -> DriverConnection:
        """Make one more session over it."""
        if self._over:
            raise errors.InterfaceError(OVER)
        loads = isinstance(self._inner, SupportsLoad)
        return SharedLoadingConnection(self) if loads else SharedConnection(self)

    def _check(self) -> None:
        """Refuse to go on; asked when nothing else is going on on the wire."""
        if self._over:
            raise errors.InterfaceError(OVER)
        if self.was_lost:
            raise errors.InterfaceError(_LOST)

    async def take(self) -> None:
        """Wait for one's turn."""
        if self._over:
            raise errors.InterfaceError(OVER)
        me = CALLER.get()
        holder = self._holder
        if holder is not None and me.task is not None and holder.task is me.task:
            raise errors.InterfaceError(_ITSELF.format(place=holder.place))
        try:
            async with asyncio.timeout(self._patience):
                await self._turn.acquire()
        except TimeoutError:
            raise errors.InterfaceError(
                _TOO_LATE.format(seconds=self._patience, holder=self._holder)
            ) from None
        self._holder = me

    def give(self) -> None:
        """Let the next one in."""
        self._holder = None
        self._turn.release()

    @asynccontextmanager
    async def use(self) -> AsyncGenerator[DriverConnection]:
        """Have the real session for one exchange with the server."""
        async with self._wire:
            self._check()
            yield self._inner

    async def say(self, *texts: str) -> None:
        """Run statements of ours."""
        dialect = self.dialect
        for text in texts:
            statement = prepare(text, "none", self.lexis, dialect.placeholder)
            async with self.use() as inner:
                await inner.execute(statement, ())

    async def mark(self) -> str:
        """Set a savepoint."""
        name = f"asyncdb_test_{next(self._names)}"
        await self.say(f"SAVEPOINT {name}")
        return name

    async def keep(self, name: str) -> None:
        """Keep what was done since a savepoint."""
        await self.say(f"RELEASE SAVEPOINT {name}")

    async def undo(self, name: str) -> None:
        """Undo what was done since a savepoint, unless all is undone already."""
        if self.is_good:
            await self.say(f"ROLLBACK TO SAVEPOINT {name}", f"RELEASE SAVEPOINT {name}")

    async def check_constraints(self) -> None:
        """Check those that are deferred, as COMMIT would, and defer them again."""
        if self.dialect.name == "postgresql":
            await self.say(*_CHECKS)

    async def end(self, patience: float) -> bool:
        """Roll all of it back; tell whether the database is as it was."""
        self._over = True
        lost = self.was_lost
        try:
            async with asyncio.timeout(patience), self._wire:
                await self._inner.rollback()
        except Exception:  # noqa: BLE001  # it goes, and the transaction with it
            self._inner.terminate()
        return not lost


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
