"""Statements that are queued and sent together: `Batch`."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, overload

from typing_extensions import TypeForm, TypeVar

from asyncdb.connection.cursor import Cursor, T, is_typed, read_rows, read_value
from asyncdb.connection.runner import Params, Runner, S_contra, Seconds, Step
from asyncdb.errors import InterfaceError, TransactionError
from asyncdb.sql import Template
from asyncdb.values.rows import Row

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from asyncdb.driver import Result

R_co = TypeVar("R_co", covariant=True, default=Any)


class _State(Enum):
    NEW = "not entered: use it in `async with`"
    QUEUING = "still being queued: its results are there when the block has ended"
    OVER = "over"
    DROPPED = "dropped, for its block was left by an exception: nothing was sent"


class Queued(Generic[R_co]):
    """A statement of a batch; its `result()` is there when the block has ended."""

    __slots__ = ("_batch", "_read", "_step", "_value")

    def __init__(
        self, batch: Batch[Any], step: Step, read: Callable[[Result], R_co]
    ) -> None:
        self._batch = batch
        self._step = step
        self._read = read
        self._value: list[R_co] = []  # made once, when it is asked for

    def result(self) -> R_co:
        """Return what the statement gave: what its verb gives on a connection.

        Raises:
            InterfaceError: the block has not ended yet, or was left by an exception.
            TransactionError: it did not run, or was undone with the others.
            Error: its own failure; or the row does not fit `into`.
        """
        if not self._value:
            found = self._batch._find(self._step)
            self._value.append(self._read(found))
        return self._value[0]

    def __repr__(self) -> str:
        """Show the state, without values."""
        step = self._step
        state = "done" if step.result else "failed" if step.error else "no result"
        return f"<asyncdb.Queued {state}>"


class Batch(Generic[S_contra]):
    """A block that queues statements and sends them together: `async with db.batch()`.

    Each verb takes what it takes on a connection, and gives a `Queued`.

    Example:
        >>> import asyncio, asyncdb
        >>> async def main():
        ...     async with asyncdb.connect("sqlite://") as db:
        ...         await db.execute("CREATE TABLE t (a INTEGER)")
        ...         async with db.batch() as batch:
        ...             added = batch.execute("INSERT INTO t VALUES (?)", [7])
        ...             found = batch.fetchall("SELECT a FROM t", into=int)
        ...         return added.result().rowcount, found.result()
        >>> asyncio.run(main())
        (1, [7])
    """

    __slots__ = ("_failure", "_runner", "_state", "_steps", "_timeout", "_transaction")

    def __init__(
        self,
        runner: Runner[Any, Any],
        *,
        transaction: bool | None,
        timeout: Seconds,
    ) -> None:
        self._runner = runner
        self._transaction = transaction
        self._timeout = timeout
        self._steps: list[Step] = []
        self._state = _State.NEW
        self._failure: BaseException | None = None

    def execute(
        self, sql: S_contra | Template, params: Params = None
    ) -> Queued[Cursor]:
        """Queue a statement; its result is the cursor that `Executor.execute` gives.

        Args:
            sql: the statement.
            params: a sequence for `?`, a mapping for `:name`, or `None`.
        """
        return self._queue(sql, params, lambda result: Cursor(None, result))

    def fetchone(
        self,
        sql: S_contra | Template,
        params: Params = None,
        *,
        into: TypeForm[T] = Row,  # type: ignore[assignment]  # its default
    ) -> Queued[T | None]:
        """Queue a statement; its result is its first row, `None` when there is none.

        Args:
            sql: the statement.
            params: a sequence for `?`, a mapping for `:name`, or `None`.
            into: what the row is to become; see `Executor.fetchall`.
        """

        def read(result: Result) -> Any:
            rows: list[Any] = result.rows[:1]
            rows = read_rows(result, into, rows) if is_typed(into) else rows
            return rows[0] if rows else None

        return self._queue(sql, params, read, plain=is_typed(into))

    def fetchall(
        self,
        sql: S_contra | Template,
        params: Params = None,
        *,
        into: TypeForm[T] = Row,  # type: ignore[assignment]  # its default
    ) -> Queued[list[T]]:
        """Queue a statement; its result is all its rows.

        Args:
            sql: the statement.
            params: a sequence for `?`, a mapping for `:name`, or `None`.
            into: what a row is to become; see `Executor.fetchall`.
        """

        def read(result: Result) -> Any:
            rows = result.rows
            return read_rows(result, into, rows) if is_typed(into) else rows

        return self._queue(sql, params, read, plain=is_typed(into))

    @overload
    def fetchval(
        self, sql: S_contra | Template, params: Params = None
    ) -> Queued[Any]: ...
    @overload
    def fetchval(
        self,
        sql: S_contra | Template,
        params: Params = None,
        *,
        into: TypeForm[T],
    ) -> Queued[T | None]: ...
    def fetchval(
        self, sql: S_contra | Template, params: Params = None, *, into: Any = None
    ) -> Queued[Any]:
        """Queue a statement; its result is the first column of its first row.

        Args:
            sql: the statement.
            params: a sequence for `?`, a mapping for `:name`, or `None`.
            into: the type of the value.
        """

        def read(result: Result) -> Any:
            if into is None or not result.rows:
                return result.rows[0][0] if result.rows else None
            return read_value(result, into, result.rows[0])

        return self._queue(sql, params, read, plain=True)

    def __len__(self) -> int:
        """Return how many statements are queued."""
        return len(self._steps)

    def _queue(
        self,
        sql: Any,
        params: Params,
        read: Callable[[Result], Any],
        *,
        plain: bool = False,
    ) -> Queued[Any]:
        if self._state is not _State.QUEUING:
            message = f"this batch is {self._state.value}"
            raise InterfaceError(message)
        step = Step(sql, params, plain=plain)
        self._steps.append(step)
        return Queued(self, step, read)

    def _find(self, step: Step) -> Result:
        """Return the result of a statement, or say why there is none."""
        if step.result is not None:
            return step.result
        if step.error is not None:
            raise step.error
        if self._state is not _State.OVER:
            message = f"this batch is {self._state.value}"
            raise InterfaceError(message)
        message = "this statement did not run, or was undone: its batch has failed"
        raise TransactionError(message) from self._failure

    async def __aenter__(self) -> Self:
        """Begin to queue."""
        if self._state is not _State.NEW:
            message = "a batch() is for one block; call batch() again"
            raise InterfaceError(message)
        self._state = _State.QUEUING
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Send what was queued, and wait for all of it."""
        if error is not None:
            self._state = _State.DROPPED
            return
        self._state = _State.OVER
        if not self._steps:
            return
        try:
            await self._runner.execute_batch(
                self._steps, self._timeout, transaction=self._transaction
            )
        except BaseException as failure:
            self._failure = failure
            raise
