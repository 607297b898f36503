"""The end of a session that is cut."""

from __future__ import annotations

import asyncio
import logging
import socket
from functools import partial
from typing import Any

from asyncpg import connect_utils

from asyncdb.dialects.postgresql.stopping import see_out
from asyncdb.drivers.asyncpg import inner

_log = logging.getLogger("asyncdb.drivers.asyncpg")


def account(native: Any) -> tuple[Any, str]:
    """Name where a session is, and whose: what its cancel requests share."""
    return native._addr, native._params.user


def cut(native: Any) -> asyncio.Task[None] | None:
    """Cut a session's line, and see the session out in the background.

    Returns:
        The task that ends when the session is gone; `None` where nobody can tell.
    """
    try:
        if inner.SEES_OUT and not native.is_closed():
            return _leave(native)
    except (RuntimeError, OSError, NotImplementedError):  # the loop watches no files
        _log.debug("a session is not seen out: its loop or its socket is gone")
    native.terminate()
    return None


def _leave(native: Any) -> asyncio.Task[None]:
    stop = partial(
        connect_utils._cancel,
        loop=native._loop,  # which knows the address
        addr=native._addr,
        params=native._params,
        backend_pid=native._protocol.backend_pid,
        backend_secret=native._protocol.backend_secret,
    )
    line: socket.socket = native._transport.get_extra_info("socket").dup()
    native.terminate()
    return see_out(line, account(native), stop)
