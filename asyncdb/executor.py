"""The verbs that a connection and a pool share, once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from asyncdb._bulk import Rows
from asyncdb.cursor import Cursor, Params, Stream, Text

if TYPE_CHECKING:
    from asyncdb.dialect import Dialect
    from asyncdb.driver import Result
    from asyncdb.options import Isolation
    from asyncdb.rows import Row


class Executor(ABC):
    """A connection or a pool: what a repository asks for.

    Every verb takes a text and its parameters: a sequence binds `?`, a mapping binds
    `:name`, `None` sends the text untouched. All may raise `ParameterError` (text and
    parameters do not fit; nothing was sent), `DatabaseError` and its subclasses (the
    database said no), `ConnectionClosed`, and `ConnectionBusy` (another task is using
    the connection).

    Example:
        >>> import asyncio, asyncdb
        >>> async def count(db: asyncdb.Executor) -> int:
        ...     return await db.fetchval("SELECT count(*) FROM t WHERE a > ?", [1])
        >>> async def main():
        ...     async with asyncdb.connect("sqlite://") as db:
        ...         await db.execute("CREATE TABLE t (a INTEGER)")
        ...         await db.executemany("INSERT INTO t VALUES (?)", [[1], [2], [3]])
        ...         return await count(db)
        >>> asyncio.run(main())
        2
    """

    __slots__ = ()

    @property
    @abstractmethod
    def dialect(self) -> Dialect:
        """Facts about the database: `name`, `flavor`, `server_version`, ..."""

    @abstractmethod
    async def _execute(self, sql: Text, params: Params) -> Result: ...

    @abstractmethod
    async def _execute_many(
        self, sql: str, rows: Rows, *, exact_rowcount: bool = False
    ) -> Result: ...

    @abstractmethod
    async def _load_rows(
        self, table: str | Sequence[str], columns: Sequence[str], rows: Rows
    ) -> int: ...

    @abstractmethod
    def stream(self, sql: Text, params: Params = None, *, batch: int = 1000) -> Stream:
        """Read a result in batches, in constant memory.

        On PostgreSQL a transaction is held for the life of the block when none is
        open: a server-side cursor lives only there.

        Args:
            sql: the statement.
            params: its parameters.
            batch: rows read at a time.

        Returns:
            An async context manager; inside, an async iterator of rows.
        """

    @abstractmethod
    def transaction(
        self,
        *,
        isolation: Isolation | None = None,
        readonly: bool = False,
        deferrable: bool = False,
    ) -> AbstractAsyncContextManager[Any]:
        """Open a transaction for a block: committed at its end, else rolled back.

        Args:
            isolation: the SQL standard's level, the session's own when `None`.
            readonly: the database refuses writes.
            deferrable: PostgreSQL's DEFERRABLE; without effect elsewhere.

        Returns:
            An async context manager.
        """

    async def execute(self, sql: Text, params: Params = None) -> Cursor:
        """Run a statement.

        Args:
            sql: the statement.
            params: a sequence for `?`, a mapping for `:name`, or `None`.

        Returns:
            A cursor that holds the whole result: `rowcount`, `lastrowid`, the rows.

        Example:
            >>> import asyncio, asyncdb
            >>> async def main():
            ...     async with asyncdb.connect("sqlite://") as db:
            ...         await db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
            ...         cur = await db.execute("INSERT INTO t VALUES (:id)", {"id": 7})
            ...         return cur.rowcount, cur.lastrowid
            >>> asyncio.run(main())
            (1, 7)
        """
        return Cursor(None, await self._execute(sql, params))

    async def executemany(
        self, sql: str, rows: Rows, *, exact_rowcount: bool = False
    ) -> Cursor:
        """Run a statement for each of `rows`, in as few round trips as possible.

        All or nothing: a failure leaves no row behind.

        Args:
            sql: the statement.
            rows: an iterable or async iterable of sequences (for `?`) or of mappings
                (for `:name`), which is not held in memory.
            exact_rowcount: pay for a count where the fast way has none: PostgreSQL,
                for anything but a plain INSERT (a fifth slower).

        Returns:
            A cursor with `rowcount`, the sum over all rows; -1 when unknown.

        Example:
            >>> import asyncio, asyncdb
            >>> async def main():
            ...     async with asyncdb.connect("sqlite://") as db:
            ...         await db.execute("CREATE TABLE t (a INTEGER, b TEXT)")
            ...         rows = ((i, str(i)) for i in range(1000))
            ...         return await db.executemany("INSERT INTO t VALUES (?, ?)", rows)
            >>> asyncio.run(main()).rowcount
            1000
        """
        found = await self._execute_many(sql, rows, exact_rowcount=exact_rowcount)
        return Cursor(None, found)

    async def load_rows(
        self, table: str | Sequence[str], columns: Sequence[str], rows: Rows
    ) -> int:
        """Load rows into a table the fastest way there is: COPY on PostgreSQL.

        All or nothing, in constant memory, with the same rules for values as
        everywhere.

        Args:
            table: its name, or `("schema", "table")`; quoted, so its case counts.
            columns: the names of the columns that a row has values for.
            rows: an iterable or async iterable of sequences.

        Returns:
            The number of rows loaded.

        Raises:
            ParameterError: a row does not have a value for each column.

        Example:
            >>> import asyncio, asyncdb
            >>> async def main():
            ...     async with asyncdb.connect("sqlite://") as db:
            ...         await db.execute("CREATE TABLE t (a INTEGER, b TEXT)")
            ...         rows = ((i, str(i)) for i in range(10_000))
            ...         return await db.load_rows("t", ["a", "b"], rows)
            >>> asyncio.run(main())
            10000
        """
        return await self._load_rows(table, columns, rows)

    async def fetchone(self, sql: Text, params: Params = None) -> Row | None:
        """Run a statement and return its first row.

        Args:
            sql: the statement.
            params: a sequence for `?`, a mapping for `:name`, or `None`.

        Returns:
            The row, `None` when there is none.

        Example:
            >>> import asyncio, asyncdb
            >>> async def main():
            ...     async with asyncdb.connect("sqlite://") as db:
            ...         return await db.fetchone("SELECT :a AS a, 2 AS b", {"a": 1})
            >>> asyncio.run(main())
            Row(a=1, b=2)
        """
        rows = (await self._execute(sql, params)).rows
        return rows[0] if rows else None

    async def fetchmany(
        self, sql: Text, params: Params = None, *, size: int = 100
    ) -> list[Row]:
        """Run a statement and return its first rows; the rest is not read.

        Args:
            sql: the statement.
            params: a sequence for `?`, a mapping for `:name`, or `None`.
            size: how many rows at most.

        Returns:
            The rows.

        Example:
            >>> import asyncio, asyncdb
            >>> async def main():
            ...     async with asyncdb.connect("sqlite://") as db:
            ...         return await db.fetchmany("VALUES (1), (2), (3)", size=2)
            >>> [row[0] for row in asyncio.run(main())]
            [1, 2]
        """
        async with self.stream(sql, params, batch=size) as rows:
            return await rows.fetchmany()

    async def fetchall(self, sql: Text, params: Params = None) -> list[Row]:
        """Run a statement and return all its rows.

        Args:
            sql: the statement.
            params: a sequence for `?`, a mapping for `:name`, or `None`.

        Returns:
            The rows, a list of your own.

        Example:
            >>> import asyncio, asyncdb
            >>> async def main():
            ...     async with asyncdb.connect("sqlite://") as db:
            ...         return await db.fetchall("SELECT ? AS n UNION SELECT 2", [1])
            >>> asyncio.run(main())
            [Row(n=1), Row(n=2)]
        """
        return (await self._execute(sql, params)).rows

    async def fetchval(self, sql: Text, params: Params = None) -> Any:
        """Run a statement and return the first column of its first row.

        Args:
            sql: the statement.
            params: a sequence for `?`, a mapping for `:name`, or `None`.

        Returns:
            The value, `None` when there is no row.

        Example:
            >>> import asyncio, asyncdb
            >>> async def main():
            ...     async with asyncdb.connect("sqlite://") as db:
            ...         return await db.fetchval("SELECT ? + 1", [1])
            >>> asyncio.run(main())
            2
        """
        rows = (await self._execute(sql, params)).rows
        return rows[0][0] if rows else None
