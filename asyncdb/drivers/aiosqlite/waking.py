"""How the threads of an event loop's connections tell it that a job is done.

`loop.call_soon_threadsafe()` would do, but costs more than a short statement: a handle
with a copy of the context and three system calls for each result. Here a result goes on
a pile, and the loop is woken once for all that lie there when it comes.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import deque
from typing import Protocol
from weakref import ReferenceType, WeakKeyDictionary, ref

from asyncdb.drivers.aiosqlite.signals import Signal


class Done(Protocol):
    """What is through."""

    def settle(self) -> None:
        """Tell who waits; called in the loop."""
        ...


class Waker(Protocol):
    """Wakes one event loop."""

    def wake(self, done: Done) -> None:
        """Have it settled in the loop, if there still is one; from any thread."""
        ...


def waker(loop: asyncio.AbstractEventLoop) -> Waker:
    """Return the waker of a running loop, which lasts as long as that loop."""
    if sys.platform == "win32":  # its loops watch sockets alone, and tell so too late
        return _CallSoon(loop)
    known = _wakers.get(loop)
    found = None if known is None else known()
    if found is None:
        try:
            found = _Pile()
            loop.add_reader(found.signal.fileno(), found.answer)
        except (
            NotImplementedError,  # how AbstractEventLoop says that it watches no files
            OSError,  # no file is left for the signal
        ):
            return _CallSoon(loop)
        _wakers[loop] = ref(found)
    return found


class _Pile:
    """What is done, and a signal for the loop to watch."""

    __slots__ = ("__weakref__", "_done", "_woken", "signal")

    def __init__(self) -> None:
        self._done: deque[Done] = deque()
        self._woken = False
        self.signal = Signal(blocking=False)

    def wake(self, done: Done) -> None:
        self._done.append(done)
        # Two threads may both find it not woken, and wake it twice. The loop takes the
        # mark away before it looks at the pile, so that nothing is left lying there.
        if not self._woken:
            self._woken = True
            self.signal.send()

    def answer(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self.signal.receive()
        self._woken = False
        done = self._done
        try:
            # Not all that will come: tasks run meanwhile, and have more done.
            for _ in range(len(done)):
                done.popleft().settle()
        finally:
            if done and not self._woken:  # a task has ended the program
                self._woken = True
                self.signal.send()


class _CallSoon:
    """The way that every loop has."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def wake(self, done: Done) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is gone, and who waited too
            self._loop.call_soon_threadsafe(done.settle)


# The loop itself holds its pile. Held here, one with jobs that nobody will settle any
# more would stay for ever, as they know their loop.
_wakers: WeakKeyDictionary[asyncio.AbstractEventLoop, ReferenceType[_Pile]] = (
    WeakKeyDictionary()
)
