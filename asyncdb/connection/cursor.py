"""Results in the user's hands: a `Cursor` holds one whole, a `Stream` reads one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, overload

from typing_extensions import TypeForm, TypeVar

from asyncdb.connection.chunks import Rows
from asyncdb.errors import InterfaceError
from asyncdb.sql import Template
from asyncdb.values.rows import Row

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from asyncdb.driver import DriverCursor, Result
    from asyncdb.values import Decoding

T = TypeVar("T")
RowT = TypeVar("RowT", default=Row)
Text: TypeAlias = str | Template
Seconds: TypeAlias = float | None
Params: TypeAlias = Sequence[Any] | Mapping[str, Any] | None
# PEP 249: name, type code, display size, internal size, precision, scale, null ok.
Description: TypeAlias = tuple[tuple[str, Any, None, None, None, None, None], ...]


class Runner(Protocol):
    """What a cursor runs on: a connection."""

    async def _execute(
        self, sql: Text, params: Params, timeout: Seconds = None
    ) -> Result: ...

    async def _execute_many(
        self,
        sql: str,
        rows: Rows,
        *,
        exact_rowcount: bool = False,
        timeout: Seconds = None,
    ) -> Result: ...


class Cursor:
    """The whole result of a statement, and the PEP 249 way to run one.

    `await db.execute(...)` gives one that has run; `db.cursor()` an empty one, whose
    `execute()` runs on that connection. Its rows are in memory already: its `fetch...`
    are awaited only so that they read like every other driver's.

    Example:
        >>> import asyncio, asyncdb
        >>> async def main():
        ...     async with asyncdb.connect("sqlite://") as db, db.cursor() as cur:
        ...         await cur.execute("SELECT 1 AS one UNION SELECT 2")
        ...         return cur.rowcount, await cur.fetchone(), await cur.fetchall()
        >>> asyncio.run(main())
        (2, Row(one=1), [Row(one=2)])
    """

    __slots__ = ("_position", "_result", "_runner", "arraysize")

    def __init__(self, runner: Runner | None, result: Result | None = None) -> None:
        self._runner = runner
        self._result = result
        self._position = 0
        self.arraysize = 1

    async def execute(
        self, sql: Text, params: Params = None, *, timeout: Seconds = None
    ) -> Self:
        """Run a statement and hold its result; see `Executor.execute`.

        Args:
            sql: the statement.
            params: a sequence for `?`, a mapping for `:name`, or `None`.
            timeout: seconds for the answer.

        Returns:
            The cursor itself.

        Raises:
            InterfaceError: the cursor is closed or came from a pool.
        """
        runner = self._bound()
        self._result, self._position = None, 0
        self._result = await runner._execute(sql, params, timeout)
        return self

    async def executemany(
        self,
        sql: str,
        rows: Rows,
        *,
        exact_rowcount: bool = False,
        timeout: Seconds = None,
    ) -> Self:
        """Run a statement for each of `rows`; see `Executor.executemany`.

        Args:
            sql: the statement.
            rows: an iterable of sequences or of mappings.
            exact_rowcount: pay for a count where the fast way has none.
            timeout: seconds for all rows together.

        Returns:
            The cursor itself.

        Raises:
            InterfaceError: the cursor is closed or came from a pool.
        """
        runner = self._bound()
        self._result, self._position = None, 0
        self._result = await runner._execute_many(
            sql, rows, exact_rowcount=exact_rowcount, timeout=timeout
        )
        return self

    @overload
    async def fetchone(self) -> Row | None: ...
    @overload
    async def fetchone(self, *, into: TypeForm[T]) -> T | None: ...
    async def fetchone(self, *, into: Any = None) -> Any:
        """Return the next row, `None` after the last; see `Executor.fetchone`."""
        found = self._next(1)
        return next(iter(found if into is None else self._read(into, found)), None)

    @overload
    async def fetchmany(self, size: int | None = None) -> list[Row]: ...
    @overload
    async def fetchmany(
        self, size: int | None = None, *, into: TypeForm[T]
    ) -> list[T]: ...
    async def fetchmany(
        self, size: int | None = None, *, into: Any = None
    ) -> list[Any]:
        """Return the next rows.

        Args:
            size: how many at most; `arraysize` when `None`.
            into: what a row is to become; see `Executor.fetchall`.

        Returns:
            The rows; an empty list after the last.
        """
        found = self._next(self.arraysize if size is None else size)
        return found if into is None else self._read(into, found)

    @overload
    async def fetchall(self) -> list[Row]: ...
    @overload
    async def fetchall(self, *, into: TypeForm[T]) -> list[T]: ...
    async def fetchall(self, *, into: Any = None) -> list[Any]:
        """Return all rows that are left; see `Executor.fetchall`."""
        found = self._next(None)
        return found if into is None else self._read(into, found)

    @overload
    async def fetchval(self) -> Any: ...
    @overload
    async def fetchval(self, *, into: TypeForm[T]) -> T | None: ...
    async def fetchval(self, *, into: Any = None) -> Any:
        """Return the first value of the next row, `None` after the last."""
        found = self._next(1)
        if into is None or not found:
            return found[0][0] if found else None
        return read_value(self._held(), into, found[0])

    def _next(self, size: int | None) -> list[Row]:
        """Step over the next rows; a row that does not fit `into` is past, too."""
        position = self._position
        end = None if size is None else position + size
        found = self._held().rows[position:end]
        self._position = position + len(found)
        return found

    def _read(self, into: Any, rows: list[Row]) -> list[Any]:
        return read_rows(self._held(), into, rows)

    @property
    def description(self) -> Description | None:
        """PEP 249's seven items for each column; `None` without columns.

        The second, the type code, is the driver's own: an OID (PostgreSQL), a field
        type (MySQL), `None` (SQLite).
        """
        columns = self._result.columns if self._result else None
        if columns is None:
            return None
        return tuple((n, code, None, None, None, None, None) for n, code in columns)

    @property
    def rowcount(self) -> int:
        """Rows matched, inserted or returned; -1 when unknown or before a statement."""
        return self._result.rowcount if self._result else -1

    @property
    def lastrowid(self) -> int | None:
        """The key that an INSERT of one row made; `None` otherwise, and on PostgreSQL.

        `INSERT ... RETURNING id` says it wherever `db.dialect.supports_returning`.
        """
        return self._result.lastrowid if self._result else None

    @property
    def rownumber(self) -> int:
        """The index of the next row."""
        return self._position

    async def close(self) -> None:
        """Drop the result; the cursor cannot be used again."""
        self._runner = self._result = None

    async def __aenter__(self) -> Self:
        """Return the cursor."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the cursor."""
        await self.close()

    async def __aiter__(self) -> AsyncIterator[Row]:
        """Iterate over the rows that are left."""
        while (row := await self.fetchone()) is not None:
            yield row

    def __repr__(self) -> str:
        """Show the state, without values."""
        if self._result is None:
            return "<asyncdb.Cursor empty>"
        return f"<asyncdb.Cursor rowcount={self.rowcount} at row {self._position}>"

    def _held(self) -> Result:
        if self._result is None:
            message = "the cursor holds no result: execute a statement first"
            raise InterfaceError(message)
        return self._result

    def _bound(self) -> Runner:
        if self._runner is None:
            message = (
                "this cursor only holds a result (it was closed, or came from a pool): "
                "execute on the connection or the pool"
            )
            raise InterfaceError(message)
        return self._runner


def read_rows(result: Result, into: Any, rows: list[Row]) -> list[Any]:
    """Make rows of a result into what `into` names."""
    if result.columns is None:
        message = "the statement gives no rows that could be read `into` something"
        raise InterfaceError(message)
    return result.decoding.rows(into, result.columns, rows)


def read_value(result: Result, into: Any, row: Row) -> Any:
    """Make the first value of a row into what `into` names."""
    return result.decoding.value(into, result.columns or (), row)


class Streamer(Protocol):
    """What a stream reads through: a connection, which guards and translates."""

    async def _open_stream(
        self, stream: Stream[Any], sql: Text, params: Params
    ) -> DriverCursor:
        """Run the statement, and set the stream's `decoding`."""
        ...

    async def _read_stream(self, cursor: DriverCursor, size: int) -> list[Row]: ...

    async def _close_stream(self, cursor: DriverCursor) -> None: ...


class Stream(Generic[RowT]):
    """A result read in batches, in constant memory: `async with db.stream(...)`.

    While it is open the connection serves nothing else. It may be left at any row:
    the rest is not read.

    Example:
        >>> import asyncio, asyncdb
        >>> async def main():
        ...     async with asyncdb.connect("sqlite://") as db:
        ...         async with db.stream("SELECT 1 AS n UNION SELECT 2") as rows:
        ...             return [row.n async for row in rows]
        >>> asyncio.run(main())
        [1, 2]
    """

    __slots__ = (
        *("_batch", "_cursor", "_host", "_into", "_params", "_sql"),
        *("decoding", "timeout"),
    )
    decoding: Decoding  # how its rows are read `into` something; the host sets it

    def __init__(
        self,
        host: Streamer,
        sql: Text,
        params: Params,
        batch: int,
        *,
        into: TypeForm[RowT] | None = None,
        timeout: Seconds = None,
    ) -> None:
        if batch < 1:
            message = f"batch must be at least 1, not {batch}"
            raise InterfaceError(message)
        self._host = host
        self._sql = sql
        self._params = params
        self._batch = batch
        self._into = into
        self.timeout = timeout  # for each answer; the host keeps it
        self._cursor: DriverCursor | None = None

    async def __aenter__(self) -> Self:
        """Run the statement."""
        self._cursor = await self._host._open_stream(self, self._sql, self._params)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the result; the connection is free again."""
        cursor, self._cursor = self._cursor, None
        if cursor is None:
            return
        try:
            await self._host._close_stream(cursor)
        except Exception as failure:
            if error is None:
                raise
            error.add_note(f"closing the stream failed too: {type(failure).__name__}")

    @property
    def is_typed(self) -> bool:
        """Whether its rows are read `into` something."""
        return self._into is not None

    @property
    def description(self) -> Description:
        """PEP 249's seven items for each column."""
        columns = self._open().columns
        return tuple((n, code, None, None, None, None, None) for n, code in columns)

    # An async generator: one coroutine step a batch, none a row.
    async def __aiter__(self) -> AsyncIterator[RowT]:
        """Iterate over the rows."""
        while rows := await self.fetchmany():
            for row in rows:
                yield row

    async def batches(self) -> AsyncIterator[list[RowT]]:
        """Iterate over the rows a batch at a time: lists of at most `batch` rows."""
        while rows := await self.fetchmany():
            yield rows

    async def fetchmany(self, size: int | None = None) -> list[RowT]:
        """Return the next rows.

        Args:
            size: how many at most; the stream's batch when `None`.

        Returns:
            The rows; an empty list at the end.
        """
        cursor = self._open()
        rows: list[Any] = await self._host._read_stream(cursor, size or self._batch)
        if self._into is None or not rows:
            return rows
        return self.decoding.rows(self._into, cursor.columns, rows)

    def _open(self) -> DriverCursor:
        if self._cursor is None:
            message = "the stream is not open: use it inside `async with`"
            raise InterfaceError(message)
        return self._cursor
