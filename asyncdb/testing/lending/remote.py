"""A stand-in for a driver's session that lives in the background's loop."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, NoReturn, TypeVar

from asyncdb import errors
from asyncdb.driver import (
    Dialect,
    Driver,
    DriverConnection,
    DriverCursor,
    Lexis,
    Result,
    Row,
    Statement,
    SupportsExactCount,
    SupportsLastWords,
    SupportsLoad,
    SupportsPlainRows,
    SupportsReset,
    TransactionOptions,
)
from asyncdb.testing.lending.background import Background

T = TypeVar("T")

_NO_NATIVE: Final = (
    "in tests, asyncdb_pool and asyncdb_rollback lend sessions that live in another "
    "thread: there is no native connection to hand out. Open a pool of your own at "
    "asyncdb_url for this test"
)


@dataclass(frozen=True, eq=False)
class Caller:
    """Who asks for something, as messages name it.

    Args:
        task: the application's task.
        place: `file:line` of the application.
    """

    task: asyncio.Task[Any] | None
    place: str

    def __str__(self) -> str:
        """Name the task and its place."""
        name = self.task.get_name() if self.task else "no task"
        return f"task {name!r} at {self.place}"


CALLER: ContextVar[Caller] = ContextVar("asyncdb_testing_caller")


def _caller() -> Caller:
    """Find who called us: the first frame outside of this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and _is_ours(frame.f_globals.get("__name__", "")):
        frame = frame.f_back
    code = frame.f_code
    return Caller(asyncio.current_task(), f"{code.co_filename}:{frame.f_lineno}")


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in ("asyncdb", "asyncio", "contextlib")


class RemoteCursor(DriverCursor):
    """A result read in pieces, over there."""

    def __init__(self, owner: RemoteConnection, inner: DriverCursor) -> None:
        self._owner = owner
        self._inner = inner

    @property
    def columns(self) -> tuple[tuple[str, Any], ...]:
        """`(name, type code)` of each column."""
        return self._inner.columns

    async def fetch(self, size: int) -> list[Row]:
        """Return the next rows."""
        return await self._owner.ask(self._inner.fetch(size))

    async def close(self) -> None:
        """Leave the result."""
        await self._owner.ask(self._inner.close())


class RemoteConnection:
    """What one loop holds of a session over there: a `DriverConnection`, by its shape.

    Args:
        background: where the session lives.
        inner: the session.
        driver: its driver, which names its errors.
    """

    def __init__(
        self, background: Background, inner: DriverConnection, driver: Driver
    ) -> None:
        self._background = background
        self._inner = inner
        self._driver = driver

    async def ask(self, work: Coroutine[Any, Any, T]) -> T:
        """Have something done over there; its errors come back with our names."""
        token = CALLER.set(_caller())
        try:
            return await self._background.ask(self._named(work))
        finally:
            CALLER.reset(token)

    async def _named(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return await work
        except errors.Error:
            raise
        except Exception as error:
            found = self._driver.translate(error)
            if found is None:
                raise
            raise found from error

    # -- facts -------------------------------------------------------------------------

    @property
    def dialect(self) -> Dialect:
        """The server's facts."""
        return self._inner.dialect

    @property
    def native(self) -> NoReturn:
        """Refuse: it serves another loop."""
        raise errors.InterfaceError(_NO_NATIVE)

    @property
    def lexis(self) -> Lexis:
        """How this session's text is quoted, as far as it is known."""
        return self._inner.lexis

    async def read_lexis(self) -> Lexis:
        """Ask the server how its text is quoted."""
        return await self.ask(self._inner.read_lexis())

    # -- statements --------------------------------------------------------------------

    async def execute(self, statement: Statement, args: Sequence[Any]) -> Result:
        """Run a statement and give its whole result."""
        return await self.ask(self._inner.execute(statement, args))

    async def execute_plain(self, statement: Statement, args: Sequence[Any]) -> Result:
        """Run a statement whose rows are read by position."""
        inner = self._inner
        if isinstance(inner, SupportsPlainRows):
            return await self.ask(inner.execute_plain(statement, args))
        return await self.ask(inner.execute(statement, args))

    async def execute_many(
        self, statement: Statement, rows: Sequence[Sequence[Any]]
    ) -> int:
        """Run a statement for each row."""
        return await self.ask(self._inner.execute_many(statement, rows))

    async def execute_many_exactly(
        self, statement: Statement, rows: Sequence[Sequence[Any]]
    ) -> int:
        """Run a statement for each row, and count."""
        inner = self._inner
        if isinstance(inner, SupportsExactCount):
            return await self.ask(inner.execute_many_exactly(statement, rows))
        return await self.ask(inner.execute_many(statement, rows))

    async def open_cursor(
        self, statement: Statement, args: Sequence[Any]
    ) -> DriverCursor:
        """Run a statement and read its result in pieces."""
        cursor = await self.ask(self._inner.open_cursor(statement, args))
        return RemoteCursor(self, cursor)

    async def open_plain_cursor(
        self, statement: Statement, args: Sequence[Any]
    ) -> DriverCursor:
        """Run a statement and read its rows, by position, in pieces."""
        inner = self._inner
        if not isinstance(inner, SupportsPlainRows):
            return await self.open_cursor(statement, args)
        return RemoteCursor(
            self, await self.ask(inner.open_plain_cursor(statement, args))
        )

    # -- transactions ------------------------------------------------------------------

    async def begin(self, options: TransactionOptions) -> None:
        """Open a transaction."""
        await self.ask(self._inner.begin(options))

    async def commit(self) -> None:
        """Commit."""
        await self.ask(self._inner.commit())

    async def rollback(self) -> None:
        """Roll back."""
        await self.ask(self._inner.rollback())

    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._inner.in_transaction()

    # -- the end -----------------------------------------------------------------------

    async def reset(self) -> bool:
        """Bring the session back to its first state, where it can do that."""
        inner = self._inner
        return isinstance(inner, SupportsReset) and await self.ask(inner.reset())

    def last_words(self) -> errors.ConnectionLost | None:
        """Say who has ended the session, if it was the other side."""
        inner = self._inner
        return inner.last_words() if isinstance(inner, SupportsLastWords) else None

    def is_closed(self) -> bool:
        """Whether the session is over."""
        return self._inner.is_closed()

    async def close(self) -> None:
        """Say goodbye and close."""
        await self.ask(self._inner.close())

    def terminate(self) -> None:
        """Close at once; from any thread."""
        with suppress(RuntimeError):  # the background has ended, and all in it
            self._background.loop.call_soon_threadsafe(self._inner.terminate)


class LoadingConnection(RemoteConnection):
    """A stand-in for a session that loads rows faster than by INSERT."""

    async def load_rows(
        self,
        table: Sequence[str],
        columns: Sequence[str],
        batches: AsyncIterator[Sequence[Sequence[Any]]],
    ) -> int:
        """Load rows; they are read here, for here is the loop of who gives them."""
        inner = self._inner
        assert isinstance(inner, SupportsLoad)  # noqa: S101  # it was looked at
        held = [batch async for batch in batches]
        return await self.ask(inner.load_rows(table, columns, _again(held)))


async def _again(
    batches: list[Sequence[Sequence[Any]]],
) -> AsyncIterator[Sequence[Sequence[Any]]]:
    for batch in batches:
        yield batch


def stand_in(
    background: Background, inner: DriverConnection, driver: Driver
) -> DriverConnection:
    """Make the stand-in for a session, which can what the session can."""
    loads = isinstance(inner, SupportsLoad)
    kind = LoadingConnection if loads else RemoteConnection
    return kind(background, inner, driver)
