"""SQLAlchemy Core statements on an asyncdb connection or pool.

No engine, no session, no greenlet: SQLAlchemy writes the text and converts values by
its types, asyncdb runs it. It needs `pip install 'asyncdb-toolkit[sqlalchemy]'`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar, cast, overload

from sqlalchemy import Column, Executable, MetaData, Table
from sqlalchemy.engine.mock import MockConnection
from typing_extensions import TypeForm

import asyncdb
from asyncdb.connection.cursor import Params, Seconds
from asyncdb.connection.cursor import Text as SQLText
from asyncdb.contrib._binding import bind, bind_load, bind_many
from asyncdb.contrib._column_types import Process
from asyncdb.contrib._compiling import compiler_for, unique_moments
from asyncdb.contrib._old_moments import convert
from asyncdb.values.rows import tuple_row

T = TypeVar("T")
# The methods of `Core` take any of these where asyncdb's take a text alone.
Text: TypeAlias = SQLText | Executable


class Core(asyncdb.Executor):
    """A connection or pool whose every verb also takes a SQLAlchemy Core statement.

    Parameters of a statement are given as a mapping, or are in the statement. Texts go
    through as they are. An INSERT of one row tells its key as `lastrowid`, on
    PostgreSQL too. `load_rows()` takes a `Table`, and then its columns' types make the
    values. Several may wrap the same connection. A default that would take a
    query of its own, and what the database has not, raise `NotSupportedError`.

    Args:
        db: a connection (inside a transaction or not) or a pool.

    Example:
        >>> import asyncio, asyncdb
        >>> from sqlalchemy import Column, Integer, MetaData, String, Table, select
        >>> metadata = MetaData()
        >>> users = Table(
        ...     "users",
        ...     metadata,
        ...     Column("id", Integer, primary_key=True),
        ...     Column("name", String(50)),
        ... )
        >>> async def main():
        ...     async with asyncdb.connect("sqlite://") as connection:
        ...         db = Core(connection)
        ...         await db.create_all(metadata)
        ...         cur = await db.execute(users.insert(), {"name": "Ann"})
        ...         query = select(users).where(users.c.id == cur.lastrowid)
        ...         return await db.fetchone(query)
        >>> asyncio.run(main())
        Row(id=1, name='Ann')
    """

    __slots__ = ("_db",)

    def __init__(self, db: asyncdb.Executor) -> None:
        self._db = db

    @property
    def db(self) -> asyncdb.Executor:
        """The connection or pool itself."""
        return self._db

    @property
    def dialect(self) -> asyncdb.Dialect:
        """Facts about the database: `name`, `flavor`, `server_version`, ..."""
        return self._db.dialect

    @asynccontextmanager
    async def transaction(
        self,
        *,
        isolation: asyncdb.Isolation | None = None,
        readonly: bool = False,
        deferrable: bool = False,
    ) -> AsyncIterator[Core]:
        """Open a transaction for a block, or a savepoint inside another.

        Args:
            isolation: the SQL standard's level, the session's own when `None`.
            readonly: the database refuses writes.
            deferrable: PostgreSQL's DEFERRABLE; without effect elsewhere.

        Yields:
            A `Core` on the connection that has it.
        """
        opened = self._db.transaction(
            isolation=isolation, readonly=readonly, deferrable=deferrable
        )
        async with opened as db:
            yield Core(db) if isinstance(db, asyncdb.Executor) else self

    async def create_all(self, metadata: MetaData) -> None:
        """Create all tables, with their types and indexes, in the order of their keys.

        Args:
            metadata: of SQLAlchemy. What is there already raises `DuplicateTable`.
        """
        await self._run_ddl(metadata.create_all)

    async def drop_all(self, metadata: MetaData) -> None:
        """Drop all tables, with their types.

        Args:
            metadata: of SQLAlchemy. What is not there raises `UndefinedTable`.
        """
        await self._run_ddl(metadata.drop_all)

    async def convert_moments(self, metadata: MetaData) -> int:
        """Give the moments of a SQLite file the one text form that they have here.

        That is SQLAlchemy's. What SQLAlchemy and encode/databases wrote has it, but for
        `DEFAULT CURRENT_TIMESTAMP`; what asyncdb wrote before, and what texts without
        types write, has not. All or nothing; to run it again changes nothing. Without
        effect on other databases.

        Args:
            metadata: of SQLAlchemy: its columns of `DateTime`, `Time` and `Interval`
                are converted. A table that is not there is passed over.

        Returns:
            How many values were changed.

        Raises:
            InvalidDatetime: a value is no moment in UTC.
            UniqueViolation: a moment that must be unique is there in two forms.
        """
        if self.dialect.name != "sqlite":
            return 0
        async with self.transaction() as core:
            return await convert(core.db, metadata, compiler_for(self.dialect).dialect)

    async def _run_ddl(self, make: Any) -> None:
        found: list[Any] = []
        dialect = compiler_for(self.dialect).dialect
        mock = MockConnection(dialect, lambda ddl, *_: found.append(ddl))
        make(mock, checkfirst=False)
        for statement in found:
            await self.execute(statement)

    # -- what the verbs are made of ----------------------------------------------------

    async def _execute(
        self,
        sql: Text,
        params: Params,
        timeout: Seconds = None,
        *,
        plain: bool = False,
    ) -> Any:
        if not isinstance(sql, Executable):
            return await self._db._execute(sql, params, timeout, plain=plain)
        ready, text, bound = bind(self.dialect, sql, params)
        if ready.unique is not None:
            await ready.unique.check(self._db)
        result = await self._db._execute(text, bound, timeout, plain=plain)
        if ready.tells_key:
            # SQLAlchemy has asked for the key; the user asked for no rows.
            key = result.rows[0][0] if len(result.rows) == 1 else None
            result.lastrowid = key if isinstance(key, int) else None
            result.columns, result.rows = None, []
        elif result.columns and ready.is_sql:
            processes = ready.processes(result.columns)
            if processes is not None:
                result.rows = _processed(result.columns, processes, result.rows)
                result.columns = _columns(result.columns, processes)
        return result

    async def _execute_many(
        self,
        sql: Text,
        rows: Any,
        *,
        exact_rowcount: bool = False,
        timeout: Seconds = None,
    ) -> Any:
        if isinstance(sql, Executable):
            ready, rows = await bind_many(self.dialect, sql, rows)
            if ready.unique is not None:
                await ready.unique.check(self._db)
            sql = ready.text
        return await self._db._execute_many(
            cast("str", sql), rows, exact_rowcount=exact_rowcount, timeout=timeout
        )

    async def _load_rows(
        self, table: str | Sequence[str] | Table, columns: Sequence[Any], rows: Any
    ) -> int:
        if isinstance(table, Table):
            if unique := unique_moments(table, self.dialect):
                await unique.check(self._db)
            table, columns, rows = bind_load(self.dialect, table, columns, rows)
        return await self._db._load_rows(table, columns, rows)

    def _streamer(self) -> Any:
        return _Streamer(self._db)

    if TYPE_CHECKING:  # the verbs are inherited; here is what else they take

        async def execute(  # noqa: D102
            self, sql: Text, params: Params = None, *, timeout: Seconds = None
        ) -> asyncdb.Cursor: ...
        async def executemany(  # noqa: D102
            self,
            sql: Text,
            rows: Any,
            *,
            exact_rowcount: bool = False,
            timeout: Seconds = None,
        ) -> asyncdb.Cursor: ...
        async def load_rows(  # noqa: D102
            self,
            table: str | Sequence[str] | Table,
            columns: Sequence[str | Column[Any]],
            rows: Any,
        ) -> int: ...

        @overload
        async def fetchone(
            self,
            sql: Text,
            params: Params = None,
            *,
            timeout: Seconds = None,
        ) -> asyncdb.Row | None: ...
        @overload
        async def fetchone(
            self,
            sql: Text,
            params: Params = None,
            *,
            into: TypeForm[T],
            timeout: Seconds = None,
        ) -> T | None: ...
        async def fetchone(self, *args: Any, **kwargs: Any) -> Any: ...  # noqa: D102

        @overload
        async def fetchmany(
            self,
            sql: Text,
            params: Params = None,
            *,
            size: int = 100,
            timeout: Seconds = None,
        ) -> list[asyncdb.Row]: ...
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
        async def fetchmany(self, *args: Any, **kwargs: Any) -> Any: ...  # noqa: D102

        @overload
        async def fetchall(
            self,
            sql: Text,
            params: Params = None,
            *,
            timeout: Seconds = None,
        ) -> list[asyncdb.Row]: ...
        @overload
        async def fetchall(
            self,
            sql: Text,
            params: Params = None,
            *,
            into: TypeForm[T],
            timeout: Seconds = None,
        ) -> list[T]: ...
        async def fetchall(self, *args: Any, **kwargs: Any) -> Any: ...  # noqa: D102

        @overload
        async def fetchval(
            self,
            sql: Text,
            params: Params = None,
            *,
            timeout: Seconds = None,
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
        async def fetchval(self, *args: Any, **kwargs: Any) -> Any: ...  # noqa: D102

        @overload
        def stream(
            self,
            sql: Text,
            params: Params = None,
            *,
            batch: int = 1000,
            timeout: Seconds = None,
        ) -> asyncdb.Stream: ...
        @overload
        def stream(
            self,
            sql: Text,
            params: Params = None,
            *,
            into: TypeForm[T],
            batch: int = 1000,
            timeout: Seconds = None,
        ) -> asyncdb.Stream[T]: ...
        def stream(self, *args: Any, **kwargs: Any) -> Any: ...  # noqa: D102


class _Streamer:
    """Compiles what a stream reads, and converts its rows."""

    def __init__(self, db: asyncdb.Executor) -> None:
        self._db = db
        self._inner: Any = db._streamer()
        self._processes: Sequence[Process | None] | None = None

    async def _open_stream(self, stream: Any, sql: Text, params: Params) -> Any:
        if not isinstance(sql, Executable):
            return await self._inner._open_stream(stream, sql, params)
        ready, text, bound = bind(self._db.dialect, sql, params)
        if ready.unique is not None:
            await ready.unique.check(self._db)
        stream._sql = text  # what an error shows
        cursor = await self._inner._open_stream(stream, text, bound)
        self._processes = ready.processes(cursor.columns)
        if self._processes is None:
            return cursor
        return _Opened(cursor, _columns(cursor.columns, self._processes))

    async def _read_stream(self, cursor: Any, size: int) -> Any:
        if self._processes is None:
            return await self._inner._read_stream(cursor, size)
        rows = await self._inner._read_stream(cursor.native, size)
        return _processed(cursor.columns, self._processes, rows)

    async def _close_stream(self, cursor: Any) -> None:
        await self._inner._close_stream(getattr(cursor, "native", cursor))


class _Opened(NamedTuple):
    native: Any
    columns: Any


def _processed(
    columns: Any, processes: Sequence[Process | None], rows: Iterable[Any]
) -> list[asyncdb.Row]:
    """Give the values of rows the types that the statement says."""
    make = tuple_row(tuple(name for name, _ in columns))
    return [
        make(
            value if process is None else process(value)
            for process, value in zip(processes, row, strict=True)
        )
        for row in rows
    ]


def _columns(columns: Any, processes: Sequence[Process | None]) -> tuple[Any, ...]:
    """Forget the type codes of columns whose values are no longer the driver's."""
    return tuple(
        (name, code if process is None else None)
        for (name, code), process in zip(columns, processes, strict=True)
    )
