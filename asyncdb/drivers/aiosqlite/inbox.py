"""What a thread has to do, and what wakes it.

`queue.SimpleQueue` would do, but wakes the thread with the interpreter's lock in hand:
where both share a core, the thread takes over, finds the lock taken, and sleeps again,
until the loop lets go of it. To send a `Signal` is to let go of it first.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from asyncdb.drivers.aiosqlite.signals import Signal

# A future of aiosqlite's own that is told of the result, and what is called.
Call = tuple[asyncio.Future[Any] | None, Callable[[], object]]


class Inbox:
    """The calls that wait for one thread: what aiosqlite takes for its queue."""

    __slots__ = ("_bell", "_calls", "_is_asleep", "_is_due")

    def __init__(self) -> None:
        self._calls: deque[Call] = deque()
        self._bell: _Bell = _bell()
        # Set by the thread before it looks for calls once more, and read by others
        # after they have put one: so one of the two sees it.
        self._is_asleep = False
        self._is_due = False  # it is to be woken soon

    def get(self) -> Call:
        """Return the next call, which the thread waits for."""
        while not self._calls:
            self._is_asleep = True
            if not self._calls:
                self._bell.receive()  # perhaps one that was sent before
            self._is_asleep = False
        return self._calls.popleft()

    def put_nowait(self, call: Call) -> None:
        """Have the thread do a call."""
        self._calls.append(call)
        self._wake()

    def put(self, call: Call, loop: asyncio.AbstractEventLoop) -> None:
        """Have the thread do a call, and others that tasks put in this turn of theirs.

        Woken by the first it would do that one, and sleep again.
        """
        self._calls.append(call)
        if self._is_asleep and not self._is_due:
            loop.call_soon(self._wake)
            self._is_due = True

    def close(self) -> None:
        """Let go of the file: the thread has ended."""
        self._bell = _Event()  # for who is about to send

    def _wake(self) -> None:
        self._is_due = False
        if self._is_asleep:
            self._is_asleep = False
            try:
                self._bell.send()
            except BaseException:  # Ctrl-C, perhaps before it was sent
                self._is_asleep = True
                raise


class _Bell(Protocol):
    """What wakes a thread, once."""

    def send(self) -> None: ...

    def receive(self) -> None: ...


def _bell() -> _Bell:
    if sys.platform != "win32":
        try:
            return Signal(blocking=True)
        except OSError:  # no file is left for it
            pass
    return _Event()


class _Event:
    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = threading.Event()

    def send(self) -> None:
        self._event.set()

    def receive(self) -> None:
        self._event.wait()
        self._event.clear()
