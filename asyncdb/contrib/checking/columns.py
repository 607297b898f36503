"""The columns of a statement, which is not run: those of a view that is made of it."""

from __future__ import annotations

import asyncdb

_VIEW = "asyncdb_check_columns"
_READING = frozenset(["SELECT", "WITH", "VALUES"])
_OF_POSTGRESQL = (
    "SELECT attname FROM pg_catalog.pg_attribute"
    f" WHERE attrelid = 'pg_temp.{_VIEW}'::regclass AND attnum > 0 ORDER BY attnum"
)


class _Undo(Exception):  # it is no error
    """Ends the transaction of the view."""


async def read_columns(
    db: asyncdb.Connection, one: asyncdb.SQLText, *, plain: bool
) -> list[str] | None:
    """Ask the engine for the columns of a statement.

    Args:
        db: the connection: SQLite's, whose temporary views are no part of the
            database, or PostgreSQL's, where the view is rolled back.
        one: the statement.
        plain: it has no parameters, so that a `?` is an operator.

    Returns:
        Their names; `None` where the engine has no harmless way to tell them.
    """
    if one.verb not in _READING:
        return None
    sql = one.sql if plain else " NULL ".join(one.pieces)
    names: list[str] | None = None
    try:
        if db.dialect.name == "sqlite":
            names = await _of_sqlite(db, sql)
        elif db.dialect.name == "postgresql":
            names = await _of_postgresql(db, sql)
    except asyncdb.DatabaseError:
        return None  # two columns of a name, WITH that writes, a read-only server
    return names


async def _of_sqlite(db: asyncdb.Connection, sql: str) -> list[str] | None:
    await db.execute(f"CREATE TEMP VIEW {_VIEW} AS {sql}")
    try:
        rows = await db.fetchall(f"PRAGMA temp.table_info({_VIEW})")
    finally:
        await db.execute(f"DROP VIEW temp.{_VIEW}")
    names = [str(row["name"]) for row in rows]
    # A second column of a name is renamed to `id:1`.
    return None if any(":" in name for name in names) else names


async def _of_postgresql(db: asyncdb.Connection, sql: str) -> list[str]:
    names: list[str] = []
    try:
        async with db.transaction():
            await db.execute(f"CREATE TEMP VIEW {_VIEW} AS {sql}")
            names += [str(row[0]) for row in await db.fetchall(_OF_POSTGRESQL)]
            raise _Undo
    except _Undo:
        return names
