"""A result in the user's hands: `Cursor`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, TypeAlias, overload

from typing_extensions import TypeForm, TypeVar

from asyncdb.connection.chunks import Rows
from asyncdb.connection.runner import Params, Runner, Seconds, Text
from asyncdb.driver import Result
from asyncdb.errors import InterfaceError
from asyncdb.values.rows import Row

if TYPE_CHECKING:
    from typing import Self

T = TypeVar("T", default=Row)
# PEP 249: name, type code, display size, internal size, precision, scale, null ok.
Description: TypeAlias = tuple[tuple[str, Any, None, None, None, None, None], ...]


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
        self._result = await runner.execute(sql, params, timeout)
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
        self._result = await runner.execute_many(
            sql, rows, exact_rowcount=exact_rowcount, timeout=timeout
        )
        return self

    async def executescript(
        self, text: str, *, transaction: bool = True, timeout: Seconds = None
    ) -> Self:
        """Run a script and hold its results; see `Executor.executescript`.

        Args:
            text: the script.
            transaction: run it in one transaction, where the engine can.
            timeout: seconds for all of it together.

        Returns:
            The cursor itself.

        Raises:
            InterfaceError: the cursor is closed or came from a pool.
        """
        runner = self._bound()
        self._result, self._position = None, 0
        self._result = await runner.execute_script(
            text, timeout, transaction=transaction
        )
        return self

    def nextset(self) -> bool | None:
        """Go on to the next result: of a procedure, or of a script's next statement.

        What is left of the one at hand is dropped. A procedure of MySQL gives the rows
        of each of its SELECTs, and at its end a result without rows; PostgreSQL and
        SQLite have one result for each statement.

        Returns:
            `True` when there is one, `None` after the last (PEP 249).

        Example:
            >>> import asyncio, asyncdb
            >>> async def main():
            ...     async with asyncdb.connect("sqlite://") as db:
            ...         cur = await db.executescript("SELECT 1; SELECT 2")
            ...         first = await cur.fetchval()
            ...         return first, cur.nextset(), await cur.fetchval(), cur.nextset()
            >>> asyncio.run(main())
            (1, True, 2, None)
        """
        held = self._held()
        following = held.following
        if following is None:
            return None
        following.decoding = held.decoding
        self._result, self._position = following, 0
        return True

    async def fetchone(
        self,
        *,
        into: TypeForm[T] = Row,  # type: ignore[assignment]  # its default
    ) -> T | None:
        """Return the next row, `None` after the last; see `Executor.fetchone`."""
        return next(iter(self._read(into, self._next(1))), None)

    async def fetchmany(
        self,
        size: int | None = None,
        *,
        into: TypeForm[T] = Row,  # type: ignore[assignment]  # its default
    ) -> list[T]:
        """Return the next rows.

        Args:
            size: how many at most; `arraysize` when `None`.
            into: what a row is to become; see `Executor.fetchall`.

        Returns:
            The rows; an empty list after the last.
        """
        return self._read(into, self._next(self.arraysize if size is None else size))

    async def fetchall(
        self,
        *,
        into: TypeForm[T] = Row,  # type: ignore[assignment]  # its default
    ) -> list[T]:
        """Return all rows that are left; see `Executor.fetchall`."""
        return self._read(into, self._next(None))

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
        return read_rows(self._held(), into, rows) if is_typed(into) else rows

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


def is_typed(into: object) -> bool:
    """Tell whether rows are to become something else than rows."""
    return into is not Row and into is not None


def read_rows(result: Result, into: Any, rows: list[Row]) -> list[Any]:
    """Make rows of a result into what `into` names."""
    if result.columns is None:
        message = "the statement gives no rows that could be read `into` something"
        raise InterfaceError(message)
    return result.decoding.rows(into, result.columns, rows)


def read_value(result: Result, into: Any, row: Row) -> Any:
    """Make the first value of a row into what `into` names."""
    return result.decoding.value(into, result.columns or (), row)
