"""Stopping work on the server: KILL over another connection.

Where an address leads to several servers (a balancer, a failover), the other connection
may reach another one, on which the same number is somebody else's session. So the
server is asked who it is before anything is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from asyncdb.dialects.mysql.literals import text
from asyncdb.dialects.mysql.protocol.answers import server_values
from asyncdb.dialects.mysql.protocol.wire import Wire
from asyncdb.dialects.mysql.session import SERVER

# Seconds for all of it: it is an attempt, and somebody may be waiting.
LIMIT = 2.0
# Seconds of that which a cancelled call waits itself: the work has usually ended when
# it returns, also at a program's end, when nothing runs in the background any more.
PATIENCE = 0.3

_log = logging.getLogger("asyncdb.dialects.mysql")
# The loop itself keeps only weak references to tasks.
_running: set[asyncio.Task[bool]] = set()


async def kill(wire: Wire, server: str, *, query: bool) -> bool:
    """Stop a session's work.

    Args:
        wire: the session's; another one to where it leads carries the KILL.
        server: which server it is on, as told when it was opened.
        query: only the statement that runs now, if one does; else the whole session.

    Returns:
        Whether the server did so, within `LIMIT`.
    """
    what = "QUERY " if query else ""
    question = f"SELECT {SERVER} = {text(server)}"
    try:
        async with asyncio.timeout(LIMIT), _beside(wire) as side:
            answer = await side.ask(question)
            if answer.error is not None or str(server_values(answer)[0]) != "1":
                _log.debug("not killed: another server answers at %r", wire.target)
                return False
            answer = await side.ask(f"KILL {what}{wire.session_number}")
            return answer.error is None
    except Exception as error:  # noqa: BLE001
        # No password: connection errors name user and host at most.
        _log.debug("not killed: %s", type(error).__name__)
        return False


async def stop(wire: Wire, server: str) -> None:
    """Kill the session behind a wire that was cut, waiting for `PATIENCE` at most."""
    task = kill_later(wire, server)
    if task is not None:
        await asyncio.wait([task], timeout=PATIENCE)


def kill_later(wire: Wire, server: str) -> asyncio.Task[bool] | None:
    """Kill the session behind a wire that was cut, in the background."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # the loop has ended
        return None
    task = loop.create_task(kill(wire, server, query=False))
    _running.add(task)
    task.add_done_callback(_running.discard)
    return task


@contextlib.asynccontextmanager
async def _beside(main: Wire) -> AsyncIterator[Wire]:
    wire = await main.another()
    try:
        yield wire
    finally:
        wire.abort()
