"""SQL in files of its own: asyncdb as a driver of aiosql.

To import this module registers the name, on whatever database a connection or pool is::

    import aiosql
    import asyncdb.contrib.sqlfiles

    queries = aiosql.from_path("queries.sql", "asyncdb")
    user = await queries.get_user(db, id=1)

It needs `pip install 'asyncdb-toolkit[sqlfiles]'`; see docs/how-to/sql-files.md.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import aiosql

import asyncdb

# What binds the parameters of a query.
Params = Sequence[Any] | Mapping[str, Any] | None


class AsyncdbAdapter:
    r"""What aiosql calls: `aiosql.from_path(path, AsyncdbAdapter)` does it too.

    A query with `record_class` is read by asyncdb's `into=`, so that its annotations
    say what the values become.

    Example:
        >>> import asyncio, aiosql, asyncdb
        >>> text = "-- name: double(n)$\nSELECT :n * 2"
        >>> queries = aiosql.from_str(text, AsyncdbAdapter)
        >>> async def main():
        ...     async with asyncdb.connect("sqlite://") as db:
        ...         return await queries.double(db, n=21)
        >>> asyncio.run(main())
        42
    """

    is_aio_driver = True

    def process_sql(self, _name: str, _operation: object, sql: str) -> str:
        """Return the text as it is: asyncdb binds `:name`."""
        return sql.strip().removesuffix(";")

    async def select(
        self,
        db: asyncdb.Executor,
        _name: str,
        sql: str,
        parameters: Params,
        record_class: Callable[..., Any] | None = None,
    ) -> AsyncIterator[Any]:
        """Give all rows."""
        for row in await db.fetchall(sql, parameters or None, **_into(record_class)):
            yield row

    async def select_one(
        self,
        db: asyncdb.Executor,
        _name: str,
        sql: str,
        parameters: Params,
        record_class: Callable[..., Any] | None = None,
    ) -> Any:
        """Return the first row, or `None`."""
        return await db.fetchone(sql, parameters or None, **_into(record_class))

    async def select_value(
        self, db: asyncdb.Executor, _name: str, sql: str, parameters: Params
    ) -> Any:
        """Return the first value of the first row, or `None`."""
        return await db.fetchval(sql, parameters or None)

    @asynccontextmanager
    async def select_cursor(
        self, db: asyncdb.Executor, _name: str, sql: str, parameters: Params
    ) -> AsyncIterator[asyncdb.Stream]:
        """Give a stream, in constant memory."""
        async with db.stream(sql, parameters or None) as rows:
            yield rows

    async def insert_returning(
        self, db: asyncdb.Executor, _name: str, sql: str, parameters: Params
    ) -> Any:
        """Return what RETURNING gives (one column: its value), else the new key."""
        cur = await db.execute(sql, parameters or None)
        if cur.description is None:
            return cur.lastrowid
        row = await cur.fetchone()
        return row[0] if row is not None and len(row) == 1 else row

    async def insert_update_delete(
        self, db: asyncdb.Executor, _name: str, sql: str, parameters: Params
    ) -> int:
        """Return how many rows it was."""
        return (await db.execute(sql, parameters or None)).rowcount

    async def insert_update_delete_many(
        self, db: asyncdb.Executor, _name: str, sql: str, parameters: Any
    ) -> int:
        """Return how many rows it was; -1 when unknown."""
        return (await db.executemany(sql, parameters)).rowcount

    async def execute_script(self, db: asyncdb.Executor, sql: str) -> str:
        """Run the statements of a script."""
        await db.executescript(sql)
        return "DONE"


def _into(record_class: Callable[..., Any] | None) -> dict[str, Any]:
    return {} if record_class is None else {"into": record_class}


# Of its protocol only the names of arguments differ, which aiosql does not use.
aiosql.register_adapter("asyncdb", cast("Any", AsyncdbAdapter))
