"""The exclusive use of a driver's session: one task at a time, every failure told."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, NoReturn

from asyncdb import errors
from asyncdb.connection.deadline import within
from asyncdb.driver import SupportsLastWords

if TYPE_CHECKING:
    from asyncdb.connection.transaction import Transaction
    from asyncdb.driver import Driver, DriverConnection

_CLOSED: Final = "the connection is closed; open another one"


class ExclusiveUse:
    """Lets one task at a time at a driver's session.

    Whatever the driver raises is translated on the way out, and the open blocks learn
    of it.

    Args:
        driver: names what its library raises.
        inner: the driver's session.
    """

    __slots__ = (
        "_driver",
        "_loop",
        "_process",
        "blocks",
        "inner",
        "lease",
        "lost",
        "stream",
        "task",
    )

    def __init__(self, driver: Driver, inner: DriverConnection) -> None:
        self._driver = driver
        self.inner = inner
        self._loop = asyncio.get_running_loop()
        self._process = os.getpid()
        self.blocks: list[Transaction] = []
        self.task: asyncio.Task[Any] | None = None  # who is inside
        self.stream: object = None  # what is being read, between two of its pieces
        # The error of a line that was cut by the other side.
        self.lost: weakref.ref[BaseException] | None = None
        self.lease: Any = None  # a pool's, which wants to know of doubts

    @property
    def is_busy(self) -> bool:
        """Whether a task is inside, or a stream is open."""
        return self.task is not None or self.stream is not None

    @property
    def forked(self) -> bool:
        """Whether this is a forked process, to which the session does not belong."""
        return os.getpid() != self._process

    def enter(self) -> DriverConnection:
        """Let this task in, if the session can serve it; who leaves sets `task`."""
        try:
            task = asyncio.current_task()
        except RuntimeError:  # no loop runs here: a forked process, or no coroutine
            raise self.elsewhere() from None
        if self.task is not None or self.stream is not None:
            raise self.busy(task)
        inner = self.inner
        if inner.is_closed():
            raise self.failed(gone(inner))
        if task is not None and task.get_loop() is not self._loop:
            raise self.elsewhere()
        self.task = task
        return inner

    async def run(
        self,
        work: Callable[[DriverConnection], Coroutine[Any, Any, Any]],
        sql: object = None,
        seconds: float | None = None,
    ) -> Any:
        """Enter, do one thing with the session, and leave.

        Args:
            work: what is done.
            sql: the user's text, for an error to show.
            seconds: how long it may take; `None` for as long as it takes.
        """
        inner = self.enter()
        try:
            return await within(seconds, work(inner))
        except BaseException as error:
            found = self.failed(error, sql)
            if found is error:
                raise
            raise found from error
        finally:
            self.task = None

    def failed(self, error: BaseException, sql: object = None) -> BaseException:
        """Translate what a driver raised, and tell the blocks."""
        found: BaseException | None = error
        if not isinstance(error, errors.Error):
            found = self._driver.translate(error)
        if isinstance(found, errors.DatabaseError):
            found.sql = found.sql or (sql if isinstance(sql, str) else None)
            if isinstance(found, errors.ConnectionLost):
                self.lost = self.lost or weakref.ref(found)
            elif found.doubts_server and self.lease is not None:
                # In a block for reading a write is refused by whatever server.
                self.lease.doubted |= not (self.blocks and self.blocks[0].is_readonly)
        failed = found is None or isinstance(found, errors.DatabaseError)
        # An error of ours before anything was sent leaves a block as it is.
        if self.blocks and (failed or found is not error):
            self.blocks[-1].failed(found or error)
            if not self.inner.in_transaction():
                self.lose(found or error)
        return found or error

    def lose(self, error: BaseException | None) -> None:
        """Tell the blocks that the server has ended their transaction."""
        for block in self.blocks:
            block.lost(error)

    # -- refusals ----------------------------------------------------------------------

    def elsewhere(self) -> errors.WrongLoop:
        """Make the error for a use from another loop or process."""
        return errors.WrongLoop(wrong_loop("connection", self._process))

    def busy(self, task: asyncio.Task[Any] | None) -> errors.ConnectionBusy:
        """Make the error for a use by `task` while another one is inside."""
        if self.task is None:
            return errors.ConnectionBusy(
                "a stream is open on this connection: finish or leave it first, or use "
                "a second connection"
            )
        mine, other = (t.get_name() if t else "no task" for t in (task, self.task))
        return errors.ConnectionBusy(
            f"task {other!r} is using this connection, task {mine!r} wants it too: a "
            "connection serves one task at a time; take one from a pool for each"
        )


def gone(inner: DriverConnection) -> errors.Error:
    """Make the error for a session that is over: by whom decides its class."""
    if isinstance(inner, SupportsLastWords):
        lost = inner.last_words()
        if lost is not None:
            return lost
    return errors.ConnectionClosed(getattr(inner, "farewell", _CLOSED))


class Ended:
    """Stands for the driver's session in a connection whose time is over.

    Args:
        inner: the driver's session.
        farewell: what who uses it all the same is told.
    """

    __slots__ = ("dialect", "farewell")

    def __init__(self, inner: DriverConnection, farewell: str) -> None:
        self.dialect = inner.dialect
        self.farewell = farewell

    @property
    def native(self) -> NoReturn:
        """Refuse."""
        raise errors.ConnectionClosed(self.farewell)

    def is_closed(self) -> bool:
        """Tell that it is over."""
        return True

    def in_transaction(self) -> bool:
        """Tell that nothing is open in it."""
        return False

    def terminate(self) -> None:
        """Leave the session to whoever has it."""


def wrong_loop(thing: str, process: int) -> str:
    """Say why a thing that was made in `process` cannot be used here."""
    if process != os.getpid():
        return (
            f"this {thing} belongs to the process {process} that this one was forked "
            "from: open another one here"
        )
    return f"a {thing} serves only the event loop, and thread, that it was opened in"
