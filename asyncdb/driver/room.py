"""Where a loop reads bytes into: one room for all its connections.

asyncio makes a new object of 256 KB for each read of a socket and shortens it to what
came. The C library maps pages for that and unmaps them, each time, until something as
large happens to have been freed: by far the dearest part of a small answer. A protocol
that offers a buffer (https://docs.python.org/3/library/asyncio-protocol.html#buffered-streaming-protocols)
spares that; and as a loop says what came before it reads on, one buffer serves all.
"""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

# A quarter of what asyncio's transports read at once: for a copy of 128 KB and more the
# C library maps pages, each time (decision 44).
CHUNK = 64 * 1024

_rooms: WeakKeyDictionary[asyncio.AbstractEventLoop, memoryview] = WeakKeyDictionary()


def room() -> memoryview:
    """Return the running loop's: to be copied from before anything is awaited."""
    loop = asyncio.get_running_loop()
    found = _rooms.get(loop)
    if found is None:
        found = _rooms[loop] = memoryview(bytearray(CHUNK))
    return found
