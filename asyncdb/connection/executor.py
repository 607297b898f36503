"""The verbs that a connection and a pool share, once."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, overload

from typing_extensions import TypeForm

from asyncdb.connection.cursor import (
    Params,
    Seconds,
    Stream,
    Streamer,
    T,
    Text,
    read_rows,
    read_value,
)
from asyncdb.connection.writing import Writer

if TYPE_CHECKING:
    from asyncdb.dialect import Dialect
    from asyncdb.options import Isolation
    from asyncdb.values.rows import Row


class Executor(Writer):
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
    def _streamer(self) -> Streamer:
        """What a stream reads through."""

    @overload
    def stream(
        self,
        sql: Text,
        params: Params = None,
        *,
        batch: int = 1000,
        timeout: Seconds = None,
    ) -> Stream: ...
    @overload
    def stream(
        self,
        sql: Text,
        params: Params = None,
        *,
        into: TypeForm[T],
        batch: int = 1000,
        timeout: Seconds = None,
    ) -> Stream[T]: ...
    def stream(
        self,
        sql: Text,
        params: Params = None,
        *,
        into: Any = None,
        batch: int = 1000,
        timeout: Seconds = None,
    ) -> Stream[Any]:
        """Read a result in batches, in constant memory.

        On PostgreSQL a transaction is held for the life of the block when none is
        open: a server-side cursor lives only there.

        Args:
            sql: the statement.
            params: its parameters.
            into: what a row is to become; see `fetchall`.
            batch: rows read at a time.
            timeout: seconds for the answer to each batch; see `execute`.

        Returns:
            An async context manager; inside, an async iterator of rows.

        Example:
            >>> import asyncio, asyncdb
            >>> async def main():
            ...     async with asyncdb.connect("sqlite://") as db:
            ...         async with db.stream("VALUES (1), (2)", into=int) as numbers:
            ...             return [number async for number in numbers]
            >>> asyncio.run(main())
            [1, 2]
        """
        host = self._streamer()
        return Stream(host, sql, params, batch, into=into, timeout=timeout)

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

    @overload
    async def fetchone(
        self, sql: Text, params: Params = None, *, timeout: Seconds = None
    ) -> Row | None: ...
    @overload
    async def fetchone(
        self,
        sql: Text,
        params: Params = None,
        *,
        into: TypeForm[T],
        timeout: Seconds = None,
    ) -> T | None: ...
    async def fetchone(
        self,
        sql: Text,
        params: Params = None,
        *,
        into: Any = None,
        timeout: Seconds = None,
    ) -> Any:
        """Run a statement and return its first row.

        Args:
            sql: the statement.
            params: a sequence for `?`, a mapping for `:name`, or `None`.
            into: what the row is to become; see `fetchall`.
            timeout: seconds for the answer; see `execute`.

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
        typed = into is not None
        result = await self._execute(sql, params, timeout, plain=typed)
        found = result.rows[:1]
        if into is not None:
            found = read_rows(result, into, found)
        return found[0] if found else None

    @overload
    async def fetchmany(
        self,
        sql: Text,
        params: Params = None,
        *,
        size: int = 100,
        timeout: Seconds = None,
    ) -> list[Row]: ...
    @overload
    async def fetchmany(
        self,
        sql: Text,
        params: Params = None,
        *,
        into: TypeForm[T],
        size: int = 100,
        timeout: Seconds = None,
    ) -> list[T]: ...
    async def fetchmany(
        self,
        sql: Text,
        params: Params = None,
        *,
        into: Any = None,
        size: int = 100,
        timeout: Seconds = None,
    ) -> list[Any]:
        """Run a statement and return its first rows; the rest is not read.

        Args:
            sql: the statement.
            params: a sequence for `?`, a mapping for `:name`, or `None`.
            into: what a row is to become; see `fetchall`.
            size: how many rows at most.
            timeout: seconds for the answer; see `execute`.

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
        opened = self.stream(sql, params, into=into, batch=size, timeout=timeout)
        async with opened as rows:
            return await rows.fetchmany()

    @overload
    async def fetchall(
        self, sql: Text, params: Params = None, *, timeout: Seconds = None
    ) -> list[Row]: ...
    @overload
    async def fetchall(
        self,
        sql: Text,
        params: Params = None,
        *,
        into: TypeForm[T],
        timeout: Seconds = None,
    ) -> list[T]: ...
    async def fetchall(
        self,
        sql: Text,
        params: Params = None,
        *,
        into: Any = None,
        timeout: Seconds = None,
    ) -> list[Any]:
        """Run a statement and return all its rows.

        With `into`, columns are matched to fields by name, and annotations say what a
        value becomes: a `UUID` is one on every engine. A value that does not fit raises
        `DataError`, columns that do not fit `InterfaceError`; neither harms an open
        transaction, for the database has done its part.

        Args:
            sql: the statement.
            params: a sequence for `?`, a mapping for `:name`, or `None`.
            into: what a row is to become: a dataclass, `NamedTuple`, `TypedDict`, a
                class of attrs, msgspec or pydantic, `dict`, `tuple`, `tuple[int, str]`,
                or for one column its type: `int`, `UUID | None`, `list[int]`, ...
            timeout: seconds for the answer; see `execute`.

        Returns:
            The rows, a list of your own.

        Example:
            >>> import asyncio, asyncdb
            >>> async def main():
            ...     async with asyncdb.connect("sqlite://") as db:
            ...         return await db.fetchall("SELECT ? AS n UNION SELECT 2", [1])
            >>> asyncio.run(main())
            [Row(n=1), Row(n=2)]

            >>> from dataclasses import dataclass
            >>> @dataclass
            ... class User:
            ...     id: int
            ...     active: bool
            >>> async def main():
            ...     async with asyncdb.connect("sqlite://") as db:
            ...         sql = "SELECT 7 AS id, 1 AS active"
            ...         return await db.fetchall(sql, into=User)
            >>> asyncio.run(main())
            [User(id=7, active=True)]
        """
        typed = into is not None
        result = await self._execute(sql, params, timeout, plain=typed)
        return result.rows if into is None else read_rows(result, into, result.rows)

    @overload
    async def fetchval(
        self, sql: Text, params: Params = None, *, timeout: Seconds = None
    ) -> Any: ...
    @overload
    async def fetchval(
        self,
        sql: Text,
        params: Params = None,
        *,
        into: TypeForm[T],
        timeout: Seconds = None,
    ) -> T | None: ...
    async def fetchval(
        self,
        sql: Text,
        params: Params = None,
        *,
        into: Any = None,
        timeout: Seconds = None,
    ) -> Any:
        """Run a statement and return the first column of its first row.

        Args:
            sql: the statement.
            params: a sequence for `?`, a mapping for `:name`, or `None`.
            into: the type of the value.
            timeout: seconds for the answer; see `execute`.

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
        result = await self._execute(sql, params, timeout, plain=True)
        if into is None or not result.rows:
            return result.rows[0][0] if result.rows else None
        return read_value(result, into, result.rows[0])
