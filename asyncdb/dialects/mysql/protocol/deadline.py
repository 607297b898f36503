"""`statement_timeout` for what MySQL's own limit does not cover.

`max_execution_time` stops SELECT only. Anything else is stopped by KILL QUERY over
another connection when its time is over; the error that follows is then a timeout.
MariaDB's `max_statement_time` covers all statements.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from asyncdb.dialects import database_error
from asyncdb.dialects.mysql.protocol.answers import Answer
from asyncdb.dialects.mysql.protocol.killing import kill
from asyncdb.errors import StatementTimeout

if TYPE_CHECKING:
    from asyncdb.dialects.mysql.protocol.connection import MySQLConnection

_INTERRUPTED = 1317


async def select_within(
    connection: MySQLConnection, seconds: float, text: str
) -> Answer:
    """Run a SELECT, which the server stops itself.

    Raises:
        StatementTimeout: it took too long. SLEEP() and a few other functions then just
            return, and the server makes a result of that instead of an error.
    """
    loop = asyncio.get_running_loop()
    begun = loop.time()
    answer = await connection.command(text, plain=True)
    if loop.time() - begun >= seconds:
        raise database_error(StatementTimeout)
    return answer


async def command_within(
    connection: MySQLConnection, seconds: float, text: str, *, plain: bool
) -> Answer:
    """Run a statement as `connection.command` does, but stop it after `seconds`.

    Raises:
        StatementTimeout: it was stopped.
    """
    loop = asyncio.get_running_loop()
    killing: list[asyncio.Task[bool]] = []

    def stop() -> None:
        work = kill(connection.wire, connection.session.server, query=True)
        killing.append(loop.create_task(work))

    timer = loop.call_later(seconds, stop)
    try:
        return await connection.command(text, plain=plain)
    except connection.wire.server_error_class as error:
        if killing and error.args[0] == _INTERRUPTED:
            timeout = database_error(
                StatementTimeout, sqlstate="70100", code=_INTERRUPTED
            )
            raise timeout from error
        raise
    finally:
        timer.cancel()
        for task in killing:
            # A KILL still under way would hit the next statement.
            if connection.is_closed():
                task.cancel()
            await asyncio.wait([task])
