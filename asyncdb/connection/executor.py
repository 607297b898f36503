"""The verbs that a connection and a pool share, once."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Generic, overload

from typing_extensions import TypeForm

from asyncdb.connection.batch import Batch
from asyncdb.connection.chunks import Rows
from asyncdb.connection.cursor import Cursor, T, is_typed, read_rows, read_value
from asyncdb.connection.runner import B_co, Params, Runner, S_contra, Seconds
from asyncdb.connection.stream import Stream
from asyncdb.options import Isolation, TransactionOptions
from asyncdb.sql import Template
from asyncdb.values.rows import Row

if TYPE_CHECKING:
    from asyncdb.dialect import Dialect


class Executor(Generic[S_contra, B_co]):
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

    __slots__ = ("_runner",)

    def __init__(self, runner: Runner[S_contra, B_co]) -> None:
        self._runner = runner

    @property
    def runner(self) -> Runner[S_contra, B_co]:
        """What carries out the statements; for those who wrap an executor."""
        return self._runner

    @property
    def dialect(self) -> Dialect:
        """Facts about the database: `name`, `flavor`, `server_version`, ..."""
        return self._runner.dialect

    async def execute(
        self,
        sql: S_contra | Template,
        params: Params = None,
        *,
        timeout: Seconds = None,
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
        return Cursor(None, await self._runner.execute(sql, params, timeout))

    async def executemany(
        self,
        sql: S_contra,
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
        run = self._runner.execute_many
        found = await run(sql, rows, exact_rowcount=exact_rowcount, timeout=timeout)
        return Cursor(None, found)

    async def executescript(
        self, text: str, *, transaction: bool = True, timeout: Seconds = None
    ) -> Cursor:
        """Run a script: many statements, one after another.

        It is cut by the engine's own rules: triggers and procedures, `$$`, comments
        and MySQL's DELIMITER lines are understood; see docs/how-to/scripts.md.

        Args:
            text: the script. It takes no parameters.
            transaction: run it in one transaction, all or nothing, unless it has BEGIN
                and COMMIT of its own; where DDL commits (MySQL) only without DDL.
                `False` for what must stand alone, such as VACUUM. Inside a
                transaction() it is a part of that.
            timeout: seconds for all of it together.

        Returns:
            A cursor with the first statement's result; `nextset()` leads to the others.

        Raises:
            DatabaseError: the database said no; the message has the statement's number
                and line, `sql` its text.
            ProgrammingError: a string or comment never ends; nothing was sent.

        Example:
            >>> import asyncio, asyncdb
            >>> async def main():
            ...     async with asyncdb.connect("sqlite://") as db:
            ...         await db.executescript("CREATE TABLE t (a); CREATE TABLE u (b)")
            ...         return await db.fetchval("SELECT count(*) FROM u")
            >>> asyncio.run(main())
            0
        """
        run = self._runner.execute_script
        return Cursor(None, await run(text, timeout, transaction=transaction))

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
        return await self._runner.load_rows(table, columns, rows)

    async def fetchone(
        self,
        sql: S_contra | Template,
        params: Params = None,
        *,
        into: TypeForm[T] = Row,  # type: ignore[assignment]  # its default
        timeout: Seconds = None,
    ) -> T | None:
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
        plain = is_typed(into)
        result = await self._runner.execute(sql, params, timeout, plain=plain)
        found: list[Any] = result.rows[:1]
        if plain:
            found = read_rows(result, into, found)
        return found[0] if found else None

    async def fetchmany(
        self,
        sql: S_contra | Template,
        params: Params = None,
        *,
        into: TypeForm[T] = Row,  # type: ignore[assignment]  # its default
        size: int = 100,
        timeout: Seconds = None,
    ) -> list[T]:
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

    async def fetchall(
        self,
        sql: S_contra | Template,
        params: Params = None,
        *,
        into: TypeForm[T] = Row,  # type: ignore[assignment]  # its default
        timeout: Seconds = None,
    ) -> list[T]:
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
        plain = is_typed(into)
        result = await self._runner.execute(sql, params, timeout, plain=plain)
        found: list[Any] = result.rows
        return read_rows(result, into, found) if plain else found

    @overload
    async def fetchval(
        self,
        sql: S_contra | Template,
        params: Params = None,
        *,
        timeout: Seconds = None,
    ) -> Any: ...
    @overload
    async def fetchval(
        self,
        sql: S_contra | Template,
        params: Params = None,
        *,
        into: TypeForm[T],
        timeout: Seconds = None,
    ) -> T | None: ...
    async def fetchval(
        self,
        sql: S_contra | Template,
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
        result = await self._runner.execute(sql, params, timeout, plain=True)
        if into is None or not result.rows:
            return result.rows[0][0] if result.rows else None
        return read_value(result, into, result.rows[0])

    def stream(
        self,
        sql: S_contra | Template,
        params: Params = None,
        *,
        into: TypeForm[T] = Row,  # type: ignore[assignment]  # its default
        batch: int = 1000,
        timeout: Seconds = None,
    ) -> Stream[T]:
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
        return Stream(self._runner, sql, params, batch, into=into, timeout=timeout)

    def batch(
        self, *, transaction: bool | None = None, timeout: Seconds = None
    ) -> Batch[S_contra]:
        """Queue statements in a block, and send them together at its end.

        In one round trip where the driver can, else one after another, with the same
        meaning. Inside a transaction() they are a part of that: the first error fails
        the block. See docs/how-to/batches.md.

        Args:
            transaction: outside a transaction, run them in one, all or nothing, or
                (`False`) each for itself, whatever becomes of the others. `None`: a
                pool's are one transaction, a connection's stand for themselves.
            timeout: seconds for all of them together.

        Returns:
            An async context manager, whose verbs give what has a `result()` when the
            block has ended. That raises the first error, with its statement's number.

        Example:
            >>> import asyncio, asyncdb
            >>> async def main():
            ...     async with asyncdb.create_pool("sqlite://") as pool:
            ...         async with pool.batch() as batch:
            ...             batch.execute("CREATE TABLE t (a INTEGER)")
            ...             batch.execute("INSERT INTO t VALUES (?)", [7])
            ...             found = batch.fetchval("SELECT a FROM t")
            ...         return found.result()
            >>> asyncio.run(main())
            7
        """
        return Batch(self._runner, transaction=transaction, timeout=timeout)

    def transaction(
        self,
        *,
        isolation: Isolation | None = None,
        readonly: bool = False,
        deferrable: bool = False,
    ) -> AbstractAsyncContextManager[B_co]:
        """Open a transaction for a block: committed at its end, else rolled back.

        Args:
            isolation: the SQL standard's level, the session's own when `None`.
            readonly: the database refuses writes.
            deferrable: PostgreSQL's DEFERRABLE; without effect elsewhere.

        Returns:
            An async context manager.
        """
        options = TransactionOptions(
            isolation=isolation, readonly=readonly, deferrable=deferrable
        )
        return self._runner.transaction(options)
