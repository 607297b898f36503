"""The verbs that write, which a connection and a pool share; see `Executor`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from asyncdb.connection.chunks import Rows
from asyncdb.connection.cursor import Cursor, Params, Seconds, Text

if TYPE_CHECKING:
    from asyncdb.driver import Result


class Writer(ABC):
    """What runs statements, for their effect more than for their rows."""

    __slots__ = ()

    @abstractmethod
    async def _execute(
        self,
        sql: Text,
        params: Params,
        timeout: Seconds = None,
        *,
        plain: bool = False,
    ) -> Result:
        """Run a statement; `plain` if its rows are read by position alone."""
        ...

    @abstractmethod
    async def _execute_many(
        self,
        sql: str,
        rows: Rows,
        *,
        exact_rowcount: bool = False,
        timeout: Seconds = None,
    ) -> Result: ...

    @abstractmethod
    async def _load_rows(
        self, table: str | Sequence[str], columns: Sequence[str], rows: Rows
    ) -> int: ...

    async def execute(
        self, sql: Text, params: Params = None, *, timeout: Seconds = None
    ) -> Cursor:
        """Run a statement.

        Args:
            sql: the statement.
            params: a sequence for `?`, a mapping for `:name`, or `None`.
            timeout: seconds after which it is stopped with `StatementTimeout`; see
                docs/how-to/timeouts-and-cancellation.md.

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
        return Cursor(None, await self._execute(sql, params, timeout))

    async def executemany(
        self,
        sql: str,
        rows: Rows,
        *,
        exact_rowcount: bool = False,
        timeout: Seconds = None,
    ) -> Cursor:
        """Run a statement for each of `rows`, in as few round trips as possible.

        All or nothing: a failure leaves no row behind.

        Args:
            sql: the statement.
            rows: an iterable or async iterable of sequences (for `?`) or of mappings
                (for `:name`), which is not held in memory.
            exact_rowcount: pay for a count where the fast way has none: PostgreSQL,
                for anything but a plain INSERT (a fifth slower).
            timeout: seconds for all rows together.

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
        found = await self._execute_many(
            sql, rows, exact_rowcount=exact_rowcount, timeout=timeout
        )
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
