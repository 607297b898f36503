"""Stopping work on the server, and seeing a session out.

asyncpg stops a statement by a cancel request over a second line. Here an account has
two such lines at most at a time, however many statements are to be stopped.

A session whose line is cut goes on until its statement has ended, and only then sees
that nobody is there. So it is asked to stop, and the socket is kept until the server
has closed its end, which is the last thing that a session of PostgreSQL does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

import asyncpg
from asyncpg import connect_utils

from asyncdb.drivers.asyncpg import inner

# Lines of an account that carry cancel requests.
_MOST = 2
# Seconds for one of them.
_LIMIT = 2.0
# Seconds for a session to go by itself, and between two requests to stop.
_BY_ITSELF, _REPEAT = 0.01, 0.1
# Seconds after which a session that does not go is left.
_LONGEST = 10.0

_log = logging.getLogger("asyncdb.drivers.asyncpg")
_Account: TypeAlias = tuple[Any, str]
_turns: WeakKeyDictionary[
    asyncio.AbstractEventLoop, dict[_Account, asyncio.Semaphore]
] = WeakKeyDictionary()
# The loop itself keeps only weak references to tasks.
_running: set[asyncio.Task[None]] = set()


class PgNative(asyncpg.Connection):  # type: ignore[misc]  # it has no types
    """asyncpg's connection, whose cancel requests take turns."""

    __slots__ = ()

    async def _cancel(self, waiter: Any, cancel_waiter: Any = None) -> None:
        if not inner.SEES_OUT:
            await super()._cancel(waiter, cancel_waiter)
            return
        turn = _turn(self)
        await turn.acquire()
        # It is done when the request is: what follows waits for the statement to end.
        waiter.add_done_callback(lambda _: turn.release())
        await super()._cancel(waiter, cancel_waiter)


def _turn(native: Any) -> asyncio.Semaphore:
    """Find what those wait for who want to stop something of an account."""
    # Its own loop may be a `WatchedLoop`, which each connection has for itself.
    turns = _turns.setdefault(asyncio.get_running_loop(), {})
    account = native._addr, native._params.user
    return turns.setdefault(account, asyncio.Semaphore(_MOST))


class Departure:
    """The end of a session that was cut.

    Args:
        native: the connection, still open; it is closed here.
    """

    def __init__(self, native: Any) -> None:
        self._turn = _turn(native)
        self._request = {
            "loop": asyncio.get_running_loop(),
            "addr": native._addr,
            "params": native._params,
            "backend_pid": native._protocol.backend_pid,
            "backend_secret": native._protocol.backend_secret,
        }
        line: socket.socket = native._transport.get_extra_info("socket").dup()
        native.terminate()
        self.task = asyncio.get_running_loop().create_task(self._see_out(line))
        _running.add(self.task)
        self.task.add_done_callback(_running.discard)
        # It may be cancelled before its first step.
        self.task.add_done_callback(lambda _: line.close())

    async def _see_out(self, line: socket.socket) -> None:
        try:
            reader, writer = await asyncio.open_connection(sock=line)
            try:
                writer.write_eof()
                async with asyncio.timeout(_LONGEST):
                    pause = _BY_ITSELF
                    while not await _ends(reader, pause):
                        await self._stop()
                        pause = _REPEAT
            finally:
                writer.transport.abort()
        except OSError as error:  # TimeoutError too
            _log.debug("a session was not seen out: %s", type(error).__name__)

    async def _stop(self) -> None:
        try:
            async with self._turn, asyncio.timeout(_LIMIT):
                await connect_utils._cancel(**self._request)
        except Exception as error:  # noqa: BLE001  # it is repeated
            _log.debug("not stopped: %s", type(error).__name__)


async def _ends(reader: asyncio.StreamReader, seconds: float) -> bool:
    """Read on; whether the server has closed in time."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            with contextlib.suppress(ConnectionError):
                while await reader.read(1 << 16):
                    pass
            return True
    return False


def cut(native: Any) -> asyncio.Task[None] | None:
    """Cut a session's line, and see the session out in the background.

    Returns:
        The task that ends when the session is gone; `None` where nobody can tell.
    """
    try:
        if inner.SEES_OUT and not native.is_closed():
            return Departure(native).task
    except (RuntimeError, OSError, NotImplementedError):  # the loop watches no files
        _log.debug("a session is not seen out: its loop or its socket is gone")
    native.terminate()
    return None
