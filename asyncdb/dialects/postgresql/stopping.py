"""Stopping work on the server, and seeing a session out.

A statement is stopped by a cancel request over a second line. Here an account has two
such lines at most at a time, however many statements are to be stopped.

A session whose line is cut goes on until its statement has ended, and only then sees
that nobody is there. So it is asked to stop, and the socket is kept until the server
has closed its end, which is the last thing that a session of PostgreSQL does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from typing import Any
from weakref import WeakKeyDictionary

# Lines of an account that carry cancel requests.
_MOST = 2
# Seconds for one of them.
LIMIT = 2.0
# Seconds for a session to go by itself, and between two requests to stop.
_BY_ITSELF, _REPEAT = 0.01, 0.1
# Seconds after which a session that does not go is left.
_LONGEST = 10.0

_log = logging.getLogger("asyncdb.drivers.postgresql")
_turns: WeakKeyDictionary[
    asyncio.AbstractEventLoop, dict[Hashable, asyncio.Semaphore]
] = WeakKeyDictionary()
# The loop itself keeps only weak references to tasks.
_running: set[asyncio.Task[None]] = set()


def turn(account: Hashable) -> asyncio.Semaphore:
    """Find what those wait for who want to stop something of an account.

    Args:
        account: an address and a user.
    """
    turns = _turns.setdefault(asyncio.get_running_loop(), {})
    return turns.setdefault(account, asyncio.Semaphore(_MOST))


def see_out(
    line: socket.socket, account: Hashable, stop: Callable[[], Awaitable[object]]
) -> asyncio.Task[None]:
    """See a session out whose line was cut, in the background.

    Args:
        line: another descriptor of its socket; it is closed here.
        account: an address and a user.
        stop: sends a cancel request.

    Returns:
        The task that ends when the session is gone.
    """
    task = _keep(_see_out(line, turn(account), stop))
    # It may be cancelled before its first step.
    task.add_done_callback(lambda _: line.close())
    return task


def send_off(
    account: Hashable, stop: Callable[[], Awaitable[object]]
) -> asyncio.Task[None]:
    """Stop what a session does whose line was reset, in the background.

    Args:
        account: an address and a user.
        stop: sends a cancel request.

    Returns:
        The task that ends when that was sent.
    """
    return _keep(_stop(turn(account), stop))


def _keep(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    task = asyncio.get_running_loop().create_task(work)
    _running.add(task)
    task.add_done_callback(_running.discard)
    return task


async def _see_out(
    line: socket.socket,
    turn: asyncio.Semaphore,
    stop: Callable[[], Awaitable[object]],
) -> None:
    try:
        reader, writer = await asyncio.open_connection(sock=line)
        try:
            writer.write_eof()
            async with asyncio.timeout(_LONGEST):
                pause = _BY_ITSELF
                while not await _ends(reader, pause):
                    await _stop(turn, stop)
                    pause = _REPEAT
        finally:
            writer.transport.abort()
    except OSError as error:  # TimeoutError too
        _log.debug("a session was not seen out: %s", type(error).__name__)


async def _stop(turn: asyncio.Semaphore, stop: Callable[[], Awaitable[object]]) -> None:
    try:
        async with turn, asyncio.timeout(LIMIT):
            await stop()
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
