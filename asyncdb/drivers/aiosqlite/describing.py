"""What a statement takes and gives: what SQLite tells without running it.

sqlite3 has columns only of what it has begun to run. But EXPLAIN prepares a statement,
and a view that is made of a query has its columns; one in `temp` is not in the file.
"""

from __future__ import annotations

import sqlite3

from asyncdb.driver import Description
from asyncdb.drivers.aiosqlite.jobs import note
from asyncdb.errors import NotSupportedError
from asyncdb.sql.statement import Statement

_VIEW = "asyncdb_description"
_QUERIES = frozenset(["SELECT", "VALUES", "WITH"])
_WRITES = frozenset(["INSERT", "UPDATE", "DELETE", "REPLACE"])


def describe(raw: sqlite3.Connection, statement: Statement) -> Description:
    """Have SQLite prepare a statement; it tells no columns of RETURNING.

    Args:
        raw: the connection.
        statement: one that reads or changes rows. (Some PRAGMAs would run.)

    Raises:
        NotSupportedError: SQLite tells nothing of such a statement before it runs.
    """
    verb = statement.verb
    if verb not in _WRITES | _QUERIES:
        message = f"SQLite tells nothing of a {verb} statement before it runs"
        raise NotSupportedError(message)
    keys = dict.fromkeys(statement.keys)
    try:
        # By position and by name alike: each key is one variable, in their order.
        raw.execute(f"EXPLAIN {statement.text}", [None] * len(statement.order)).close()
        columns = None if verb in _WRITES else _columns(raw, statement)
    except sqlite3.Error as error:
        note(error, statement)
        raise
    return Description(columns, len(keys))


def _columns(
    raw: sqlite3.Connection, statement: Statement
) -> tuple[tuple[str, None], ...] | None:
    # A view has no parameters.
    sql = " NULL ".join(statement.pieces) if statement.keys else statement.text
    drop = f"DROP VIEW IF EXISTS temp.{_VIEW}"
    # In a block that only reads no view may be made, not even there.
    (reads,) = raw.execute("PRAGMA query_only").fetchone()
    if reads:
        raw.execute("PRAGMA query_only=OFF")
    try:
        raw.execute(drop).close()  # one that was interrupted has left it there
        raw.execute(f"CREATE TEMP VIEW {_VIEW} AS {sql}").close()
        found = raw.execute(f"PRAGMA temp.table_info({_VIEW})").fetchall()
        raw.execute(drop).close()
    except sqlite3.OperationalError:
        if statement.verb == "WITH" and not _WRITES.isdisjoint(statement.words):
            return None  # WITH ... INSERT, of which no view is made
        raise
    finally:
        if reads:
            raw.execute("PRAGMA query_only=ON")
    names: list[str] = []
    for _, name, *_ in found:
        # A second column of a name is called `id:1`.
        before, _, number = name.rpartition(":")
        names.append(before if number.isdigit() and before in names else name)
    return tuple((name, None) for name in names)
