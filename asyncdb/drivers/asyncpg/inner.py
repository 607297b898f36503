"""Inner parts of asyncpg that are used here, and whether this version has them.

They are not promised to anybody. What one of them is for is done by asyncpg's public
ways in a version that lacks it: slower, or with less to tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asyncpg import Connection, connect_utils
from asyncpg.cursor import Cursor
from asyncpg.prepared_stmt import PreparedStatement
from asyncpg.protocol import Protocol


def _has(kind: object, *names: str) -> bool:
    return all(hasattr(kind, name) for name in names)


# A prepared statement is run by one call into C.
RUNS_DIRECTLY = (
    _has(Protocol, "bind_execute")
    and _has(PreparedStatement, "_state")
    and _has(Connection, "_protocol")
)
# BEGIN is written right before a statement, and its answer passed over.
BEGINS_ALONG = (
    RUNS_DIRECTLY
    and _has(Protocol, "close_portal", "queries_count")
    and _has(Connection, "_copy_in", "_copy_out", "_get_statement", "_transport")
)
# What the server says of itself is heard.
LISTENS = _has(Connection, "_protocol", "_transport")
# A session that was cut is asked to stop, and waited for.
SEES_OUT = _has(
    Connection, "_addr", "_loop", "_params", "_protocol", "_transport"
) and _has(connect_utils, "_cancel")
# A cancel request that overtook its statement is sent again.
REPEATS = _has(Connection, "_cancel_current_command")
# Listeners that a borrower left are removed.
FORGETS = _has(Connection, "_listeners", "_log_listeners")
# A portal is closed before its transaction ends.
CLOSES_PORTALS = _has(Cursor, "_close_portal")


class PublicProtocol:
    """Runs prepared statements by asyncpg's public method."""

    async def bind_execute(
        self, prepared: PreparedStatement, args: Sequence[Any], *_: object
    ) -> tuple[list[Any], bytes, bool]:
        """Run a statement; give its rows, its tag, and that it is complete."""
        rows = await prepared.fetch(*args)
        return rows, prepared.get_statusmsg().encode(), True
