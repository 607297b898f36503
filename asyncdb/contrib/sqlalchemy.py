"""SQLAlchemy Core statements on an asyncdb connection or pool.

No engine, no session, no greenlet: SQLAlchemy writes the text and converts values by
its types, asyncdb runs it. It needs `pip install 'asyncdb-toolkit[sqlalchemy]'`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Executable, MetaData, Table
from sqlalchemy.engine.mock import MockConnection

import asyncdb
from asyncdb.connection import OpenStream, Params, Result, Seconds, Step
from asyncdb.contrib._binding import bind, bind_load, bind_many
from asyncdb.contrib._column_types import Process
from asyncdb.contrib._compiling import Ready, compiler_for, unique_moments
from asyncdb.contrib._old_moments import convert
from asyncdb.values.rows import tuple_row

if TYPE_CHECKING:
    from asyncdb.options import TransactionOptions


class Core(asyncdb.Executor["str | Executable", "Core"]):
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

    __slots__ = ("_core", "_db")

    def __init__(self, db: asyncdb.Executor) -> None:
        self._core = _CoreRunner(db)
        super().__init__(self._core)
        self._db = db

    @property
    def db(self) -> asyncdb.Executor:
        """The connection or pool itself."""
        return self._db

    async def load_rows(
        self,
        table: str | Sequence[str] | Table,
        columns: Sequence[str | Column[Any]],
        rows: Any,
    ) -> int:
        """Load rows into a table; see `Executor.load_rows`.

        Args:
            table: its name, or the `Table`, whose columns' types make the values.
            columns: those that a row has values for, or their names.
            rows: an iterable or async iterable of sequences.

        Returns:
            The number of rows loaded.
        """
        return await self._core.load_rows(table, columns, rows)

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


class _CoreRunner:
    """Compiles what is to be run, and converts the rows by the statement's types."""

    def __init__(self, db: asyncdb.Executor) -> None:
        self._db = db
        self._runner = db.runner

    @property
    def dialect(self) -> asyncdb.Dialect:
        return self._runner.dialect

    async def execute(
        self, sql: Any, params: Params, timeout: Seconds = None, *, plain: bool = False
    ) -> Result:
        if not isinstance(sql, Executable):
            return await self._runner.execute(sql, params, timeout, plain=plain)
        ready, text, bound = bind(self.dialect, sql, params)
        if ready.unique is not None:
            await ready.unique.check(self._db)
        result = await self._runner.execute(text, bound, timeout, plain=plain)
        return _read(ready, result)

    async def execute_batch(
        self,
        steps: Sequence[Step],
        timeout: Seconds = None,
        *,
        transaction: bool | None = None,
    ) -> None:
        compiled: list[Ready | None] = []
        sent = []
        for step in steps:
            text, params, ready = step.sql, step.params, None
            if isinstance(text, Executable):
                ready, text, params = bind(self.dialect, text, params)
                if ready.unique is not None:
                    await ready.unique.check(self._db)
            compiled.append(ready)
            sent.append(Step(text, params, plain=step.plain))
        try:
            await self._runner.execute_batch(sent, timeout, transaction=transaction)
        finally:
            for step, done, ready in zip(steps, sent, compiled, strict=True):
                step.error, step.result = done.error, done.result
                if ready is not None and step.result is not None:
                    step.result = _read(ready, step.result)

    async def execute_many(
        self,
        sql: Any,
        rows: Any,
        *,
        exact_rowcount: bool = False,
        timeout: Seconds = None,
    ) -> Result:
        if isinstance(sql, Executable):
            ready, rows = await bind_many(self.dialect, sql, rows)
            if ready.unique is not None:
                await ready.unique.check(self._db)
            sql = ready.text
        return await self._runner.execute_many(
            sql, rows, exact_rowcount=exact_rowcount, timeout=timeout
        )

    async def execute_script(
        self, text: str, timeout: Seconds = None, *, transaction: bool = True
    ) -> Result:
        return await self._runner.execute_script(text, timeout, transaction=transaction)

    async def load_rows(self, table: Any, columns: Sequence[Any], rows: Any) -> int:
        if isinstance(table, Table):
            if unique := unique_moments(table, self.dialect):
                await unique.check(self._db)
            table, columns, rows = bind_load(self.dialect, table, columns, rows)
        return await self._runner.load_rows(table, columns, rows)

    async def open_stream(
        self, sql: Any, params: Params, timeout: Seconds = None, *, plain: bool = False
    ) -> OpenStream:
        if not isinstance(sql, Executable):
            return await self._runner.open_stream(sql, params, timeout, plain=plain)
        ready, text, bound = bind(self.dialect, sql, params)
        if ready.unique is not None:
            await ready.unique.check(self._db)
        opened = await self._runner.open_stream(text, bound, timeout, plain=plain)
        processes = ready.processes(opened.columns)
        return opened if processes is None else _CoreStream(opened, processes)

    @asynccontextmanager
    async def transaction(self, options: TransactionOptions) -> AsyncIterator[Core]:
        async with self._runner.transaction(options) as db:
            own = isinstance(db, asyncdb.Executor)  # a pool's block has a connection
            yield Core(db if own else self._db)


def _read(ready: Ready, result: Result) -> Result:
    """Give a result the form that the statement says."""
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


class _CoreStream:
    """A stream whose rows are converted by the statement's types."""

    def __init__(self, opened: OpenStream, processes: Sequence[Process | None]) -> None:
        self._opened = opened
        self._processes = processes
        self.columns = _columns(opened.columns, processes)
        self.decoding = opened.decoding

    async def fetch(self, size: int) -> Any:
        rows = await self._opened.fetch(size)
        return _processed(self.columns, self._processes, rows)

    async def close(self) -> None:
        await self._opened.close()


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
