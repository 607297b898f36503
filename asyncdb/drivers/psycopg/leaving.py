"""Cancel requests, which take turns, and the end of a session that is cut."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
from collections.abc import Hashable
from typing import Any

import psycopg
from psycopg import pq

from asyncdb.dialects.postgresql.stopping import LIMIT, see_out, send_off, turn
from asyncdb.drivers.psycopg.line import Line

_log = logging.getLogger("asyncdb.drivers.psycopg")


class Stop:
    """Asks the server, over a line of its own, to stop what a session does.

    Args:
        pgconn: libpq's connection, open; it may be closed afterwards.
    """

    def __init__(self, pgconn: Any) -> None:
        # libpq before 17 has no request that can be waited for.
        waits = psycopg.capabilities.has_cancel_safe()
        self._request = pgconn.cancel_conn() if waits else None
        self._blocking: Any = None if waits else pgconn.get_cancel()
        self._used = False

    async def send(self) -> None:
        """Ask once; when this returns the server has sent the signal."""
        if self._request is None:
            await asyncio.to_thread(self._blocking.cancel)
            return
        if self._used:
            self._request.reset()
        self._used = True
        try:
            self._request.start()
            while (wanted := self._request.poll()) != pq.PollingStatus.OK:
                if wanted == pq.PollingStatus.FAILED:
                    raise psycopg.OperationalError("the request did not arrive")
                await when_ready(self._request.socket, wanted)
        except BaseException:
            self._request.reset()  # closes its socket
            raise


async def when_ready(descriptor: int, wanted: int) -> None:
    """Wait until a socket can be read from, or written to, as libpq wants it."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    reads = wanted == pq.PollingStatus.READING
    (loop.add_reader if reads else loop.add_writer)(descriptor, wake)
    try:
        await ready
    finally:
        (loop.remove_reader if reads else loop.remove_writer)(descriptor)


def account(pgconn: Any) -> Hashable:
    """Return whose turn it is: an address and a user."""
    return pgconn.hostaddr or pgconn.host, pgconn.port, pgconn.user


async def stop(pgconn: Any) -> None:
    """Ask the server to stop what a session does.

    Raises:
        TimeoutError: it did not answer.
    """
    async with turn(account(pgconn)), asyncio.timeout(LIMIT):
        await Stop(pgconn).send()


def cut(line: Line, *, at_once: bool = False) -> asyncio.Task[None] | None:
    """Cut a session's line, and see the session out in the background.

    Args:
        line: the session's.
        at_once: by a reset of the line, so that the server's next answer fails and it
            begins nothing of what it has read; then nobody sees when the session ends.

    Returns:
        The task that ends when the session is gone, or with `at_once` was told to stop;
        `None` where nobody can tell.
    """
    try:
        if not line.is_over():
            return _reset(line) if at_once else _leave(line)
    # NotImplementedError is how asyncio says that a loop watches no files.
    except (RuntimeError, OSError, NotImplementedError, psycopg.Error):
        _log.debug("a session is not seen out: its loop or its socket is gone")
    line.finish()
    return None


def _reset(line: Line) -> asyncio.Task[None]:
    pgconn = line.pgconn
    whose, request = account(pgconn), Stop(pgconn)
    # The socket is closed without a goodbye, which would wait behind what was sent.
    with socket.socket(fileno=os.dup(pgconn.socket)) as rest:
        rest.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.finish()
    return send_off(whose, request.send)


def _leave(line: Line) -> asyncio.Task[None]:
    pgconn = line.pgconn
    asyncio.get_running_loop()  # or RuntimeError, before anything is open
    whose, request = account(pgconn), Stop(pgconn)
    rest = socket.socket(fileno=os.dup(pgconn.socket))
    line.finish()
    rest.setblocking(False)
    return see_out(rest, whose, request.send)
