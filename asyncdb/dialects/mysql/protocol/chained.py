"""BEGIN and a statement in one text: refused, it keeps the statement from running.

Commands that are sent back to back run each, whatever became of the one before; the
statements of one text end with the first that fails.

A session takes one statement in a text, so that nobody brings in a second one. The
command in front of the text switches that off, and the one behind it on again
(https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_set_option.html).
No text with a semicolon in it goes this way, not even one inside a string: what the
server finds there is what we have put there.
"""

from __future__ import annotations

from asyncdb.dialects.mysql.protocol.answers import Answer
from asyncdb.dialects.mysql.protocol.exchange import Exchange
from asyncdb.dialects.mysql.protocol.wire import SET_OPTION
from asyncdb.sql.statement import Statement

# What a server says of a statement that KILL QUERY has stopped.
STOPPED = b"\xff\x25\x05#70100Query execution was interrupted"
SEVERAL, SINGLE = SET_OPTION + b"\0\0", SET_OPTION + b"\1\0"
# Statements that give one result each, whatever is in them.
_GIVES_ONE = frozenset(["SELECT", "INSERT", "REPLACE", "UPDATE", "DELETE", "WITH"])


def can_follow(statement: Statement, text: str, most: int) -> bool:
    """Tell whether a statement can be sent behind something of ours.

    Args:
        statement: which one.
        text: it with its values.
        most: bytes that the server takes.
    """
    # A character has up to four bytes; ours are few.
    short = len(text) < most // 4 - 100
    return short and statement.verb in _GIVES_ONE and ";" not in text


async def chained(exchange: Exchange, payload: bytes) -> Answer:
    """Run statements in one round trip, up to the first that fails.

    Args:
        exchange: the session's.
        payload: their text.

    Returns:
        The answer to the last that ran, which may have failed; those before it are in
        its `earlier`.

    Raises:
        Exception: the library's, and the session is over: it could not be brought back
            to taking one.
    """
    several, answer, single = await exchange.ask(SEVERAL, payload, SINGLE)
    if single.error is not None and several.error is None:
        exchange.abort()
        raise exchange.wire.server_error(single.error)
    if answer.stopped:
        answer.error = STOPPED
    return answer
