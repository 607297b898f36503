"""The one transaction of a rollback: whose turn it is, and what is said in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import count
from typing import Final

from asyncdb import errors
from asyncdb.driver import Dialect, DriverConnection, Lexis, SupportsLoad
from asyncdb.sql import prepare
from asyncdb.testing.lending.remote import CALLER, Caller

_OVER: Final = (
    "the test that this connection belonged to is over, and what it did is rolled back"
)
_LOST: Final = (
    "the test's transaction is over before the test is: the database has ended it, or "
    "something committed (DDL on MySQL and MariaDB), or the connection was lost. What "
    "asyncdb_rollback promises does not hold here: use asyncdb_pool for this test"
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

    @property
    def loads(self) -> bool:
        """Whether the session loads rows faster than by INSERT."""
        return isinstance(self._inner, SupportsLoad)

    def check_over(self) -> None:
        """Refuse when the test is over."""
        if self._over:
            raise errors.InterfaceError(_OVER)

    def _check(self) -> None:
        """Refuse to go on; asked when nothing else is going on on the wire."""
        self.check_over()
        if self.was_lost:
            raise errors.InterfaceError(_LOST)

    async def take(self) -> None:
        """Wait for one's turn."""
        self.check_over()
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
