"""One writer of a file at a time: the connections of a process queue for it, in order.

SQLite has one writer anyway. Those that meet a lock wait in naps, without an order, and
give up by their own clocks: with many of them some wait very long. Here they stand in a
line and each is told when it is its turn. Other processes, and other event loops, are
still met as SQLite's locks, which `lock_timeout` waits for.

A connection has its turn for a statement in autocommit, and for a transaction from its
BEGIN IMMEDIATE to its end, however that comes.
"""

from __future__ import annotations

import asyncio
from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, WeakValueDictionary

from asyncdb.dialects import database_error
from asyncdb.errors import LockTimeout
from asyncdb.wait_queue import Expired, WaitQueue

if TYPE_CHECKING:
    from asyncdb.sql.statement import Statement

_READS = frozenset(["SELECT", "VALUES", "EXPLAIN", "PRAGMA", "ATTACH", "DETACH"])
# They end a transaction, or leave open whether it is one that writes.
_ENDS = frozenset(["COMMIT", "END", "ROLLBACK", "RELEASE", "SAVEPOINT"])
_NEVER = _READS | _ENDS
_WRITES = frozenset(["INSERT", "UPDATE", "DELETE", "REPLACE"])
_AT_ONCE = frozenset(["IMMEDIATE", "EXCLUSIVE"])


def writes(statement: Statement) -> bool:
    """Tell whether a statement takes the write lock when it begins."""
    verb = statement.verb
    if verb in _NEVER:
        return False
    if verb == "WITH":
        return not _WRITES.isdisjoint(statement.words)
    return verb != "BEGIN" or not _AT_ONCE.isdisjoint(statement.words)


class Queue:
    """The line for one file, in one event loop."""

    __slots__ = ("__weakref__", "_line", "_taken", "closing")

    def __init__(self) -> None:
        # Of the threads: of two that close at once each takes the other for somebody
        # who goes on, and neither brings the log into the file.
        self.closing = Lock()
        # A turn handed over is taken: from the moment `leave()` served a waiter,
        # before that one's task runs.
        self._taken = False
        self._line: WaitQueue[None] = WaitQueue()

    async def enter(self, seconds: float) -> None:
        """Wait for a turn.

        Raises:
            LockTimeout: it did not come within `seconds`.
        """
        if self.enter_now():
            return
        if seconds <= 0:
            raise _too_late()
        waiter = self._line.join(seconds)
        try:
            await waiter
        except Expired:
            raise _too_late() from None
        except asyncio.CancelledError:
            if not waiter.cancelled() and waiter.done() and not waiter.exception():
                self.leave()  # served and cancelled in the same moment
            raise
        finally:
            self._line.leave(waiter)

    def enter_now(self) -> bool:
        """Take the turn if nobody has it."""
        free, self._taken = not self._taken, True
        return free

    def leave(self) -> None:
        """Let the next one have its turn."""
        waiter = self._line.next()
        if waiter is None:
            self._taken = False
        else:
            waiter.set_result(None)


class Turn:
    """A connection's place: it has its turn or not."""

    __slots__ = ("_queue", "held")

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self.held = False

    async def take(self, seconds: float) -> None:
        """Wait for this connection's turn, if it does not have it."""
        if not self.held:
            await self._queue.enter(seconds)
            self.held = True

    def take_now(self) -> None:
        """Have the turn without waiting for it.

        Raises:
            LockTimeout: another one has it.
        """
        self.held = self.held or self._queue.enter_now()
        if not self.held:
            raise _too_late()

    @property
    def closing(self) -> Lock:
        """What a thread holds while it closes the file."""
        return self._queue.closing

    def give(self) -> None:
        """Let the next one have its turn, if this one has it."""
        if self.held:
            self.held = False
            self._queue.leave()


# Kept as long as a connection of theirs lives.
_queues: WeakKeyDictionary[
    asyncio.AbstractEventLoop, WeakValueDictionary[str, Queue]
] = WeakKeyDictionary()


def turn(path: str) -> Turn:
    """Return a place in the line for a file.

    Args:
        path: its real path, the same for all who open it.
    """
    here = _queues.setdefault(asyncio.get_running_loop(), WeakValueDictionary())
    queue = here.get(path)
    if queue is None:
        queue = here[path] = Queue()
    return Turn(queue)


def _too_late() -> LockTimeout:
    return database_error(
        LockTimeout,
        detail="another connection of this process is writing to the file, and did not "
        "end within lock_timeout",
        code="SQLITE_BUSY",
    )
