"""`statement_timeout` for what MySQL's own limit does not cover.

`max_execution_time` stops SELECT only. Anything else is stopped by KILL QUERY over
another connection when its time is over; the error that follows is then a timeout.
MariaDB's `max_statement_time` covers all statements.
"""

from __future__ import annotations

import asyncio

from asyncdb.dialects import database_error
from asyncdb.dialects.mysql.protocol.answers import Answer
from asyncdb.dialects.mysql.protocol.exchange import Exchange
from asyncdb.errors import StatementTimeout

_INTERRUPTED = 1317


async def select_within(exchange: Exchange, seconds: float, text: str) -> Answer:
    """Run a SELECT, which the server stops itself.

    Raises:
        StatementTimeout: it took too long. SLEEP() and a few other functions then just
            return, and the server makes a result of that instead of an error.
    """
    loop = asyncio.get_running_loop()
    begun = loop.time()
    answer = await exchange.command(text, plain=True)
    if loop.time() - begun >= seconds:
        raise database_error(StatementTimeout)
    return answer


async def command_within(
    exchange: Exchange, seconds: float, text: str, *, plain: bool
) -> Answer:
    """Run a statement as `exchange.command` does, but stop it after `seconds`.

    Raises:
        StatementTimeout: it was stopped.
    """
    loop = asyncio.get_running_loop()
    killing: list[asyncio.Task[bool]] = []

    def stop() -> None:
        killing.append(loop.create_task(exchange.stop_statement()))

    timer = loop.call_later(seconds, stop)
    try:
        return await exchange.command(text, plain=plain)
    except exchange.wire.library.error as error:
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
            if exchange.wire.is_gone:
                task.cancel()
            await asyncio.wait([task])
