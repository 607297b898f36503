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
_QUERIES = frozenset(["SELECT", "VALUES"])
_WRITES = frozenset(["INSERT", "UPDATE", "DELETE", "REPLACE"])


def describe(raw: sqlite3.Connection, statement: Statement) -> Description:
    """Have SQLite prepare a statement; it tells no columns of RETURNING.

    Args:
        raw: the connection.
        statement: one that reads or changes rows. (Some PRAGMAs would run.)

    Raises:
        NotSupportedError: SQLite tells nothing of such a statement before it runs.
    """
    verb, words = statement.verb, statement.words
    writes = verb in _WRITES or (verb == "WITH" and not _WRITES.isdisjoint(words))
    if not writes and verb not in _QUERIES and verb != "WITH":
        message = f"SQLite tells nothing of a {verb} statement before it runs"
        raise NotSupportedError(message)
    keys = dict.fromkeys(statement.keys)
    try:
        # By position and by name alike: each key is one variable, in their order.
        raw.execute(f"EXPLAIN {statement.text}", [None] * len(statement.order)).close()
        columns = None if writes else _columns(raw, statement)
    except sqlite3.Error as error:
        note(error, statement)
        raise
    return Description(columns, len(keys))


def _columns(
    raw: sqlite3.Connection, statement: Statement
) -> tuple[tuple[str, None], ...]:
    # A view has no parameters.
    sql = " NULL ".join(statement.pieces) if statement.keys else statement.text
    drop = f"DROP VIEW IF EXISTS temp.{_VIEW}"
    raw.execute(drop).close()  # one that was interrupted has left it there
    raw.execute(f"CREATE TEMP VIEW {_VIEW} AS {sql}").close()
    try:
        found = raw.execute(f"PRAGMA temp.table_info({_VIEW})").fetchall()
    finally:
        raw.execute(drop).close()
    names: list[str] = []
    for _, name, *_ in found:
        # A second column of a name is called `id:1`.
        before, _, number = name.rpartition(":")
        names.append(before if number.isdigit() and before in names else name)
    return tuple((name, None) for name in names)
