"""What a thread has to do, and what wakes it.

`queue.SimpleQueue` would do, but wakes the thread with the interpreter's lock in hand:
where both share a core, the thread takes over, finds the lock taken, and sleeps again,
until the loop lets go of it. To write to a pipe is to let go of it first.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

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
                self._bell.wait()  # perhaps for nothing: it was rung before
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
            self._is_due = True
            loop.call_soon(self._wake)

    def close(self) -> None:
        """Let go of the pipe: the thread has ended."""
        self._bell = _Event()  # for who is about to ring

    def _wake(self) -> None:
        self._is_due = False
        if self._is_asleep:
            self._is_asleep = False
            self._bell.ring()


class _Bell(Protocol):
    """Rung by one thread and waited for by another, which forgets it then."""

    def ring(self) -> None: ...

    def wait(self) -> object: ...


def _bell() -> _Bell:
    if sys.platform != "win32":
        try:
            return _Pipe()
        except OSError:  # no file is left for it
            pass
    return _Event()


class _Pipe:
    __slots__ = ("_pipe",)

    def __init__(self) -> None:
        self._pipe: tuple[int, ...] = ()  # when there is no room for one
        self._pipe = os.pipe()

    def ring(self) -> None:
        os.write(self._pipe[1], b"!")

    def wait(self) -> None:
        os.read(self._pipe[0], 64)

    def __del__(self) -> None:
        for end in self._pipe:
            os.close(end)


class _Event:
    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = threading.Event()

    def ring(self) -> None:
        self._event.set()

    def wait(self) -> None:
        self._event.wait()
        self._event.clear()
