"""What one thread waits for, and another one sends: a file of the kernel's.

To write to a file is to let go of the interpreter's lock first; and an event loop can
watch one.
"""

from __future__ import annotations

import os
import sys

_SIGNAL = (1).to_bytes(8, sys.byteorder)  # of eight bytes: what an eventfd counts


class Signal:
    """An eventfd, or the two ends of a pipe where there is none (outside Linux).

    Args:
        blocking: `receive()` waits for a signal; else it raises `BlockingIOError`.

    Raises:
        OSError: no file is left for it.
    """

    __slots__ = ("_ends",)

    def __init__(self, *, blocking: bool) -> None:
        self._ends: tuple[int, ...] = ()  # when there is no room for one
        self._ends = (os.eventfd(0),) if hasattr(os, "eventfd") else os.pipe()
        for end in self._ends:
            os.set_blocking(end, blocking)

    def fileno(self) -> int:
        """Return the file to watch."""
        return self._ends[0]

    def send(self) -> None:
        """Send one."""
        os.write(self._ends[-1], _SIGNAL)

    def receive(self) -> None:
        """Receive one, or several that were sent by now."""
        os.read(self._ends[0], 64)

    def __del__(self) -> None:
        """Close the file: nobody knows it any more."""
        for end in self._ends:
            os.close(end)
