"""A result read in batches, in constant memory: `Stream`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Generic

from typing_extensions import TypeForm, TypeVar

from asyncdb.connection.cursor import Description, is_typed
from asyncdb.connection.runner import OpenStream, Params, Runner, Seconds
from asyncdb.errors import InterfaceError
from asyncdb.values.rows import Row

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

RowT = TypeVar("RowT", default=Row)


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
        *("_batch", "_into", "_opened", "_params", "_runner", "_sql", "_timeout"),
    )

    def __init__(
        self,
        runner: Runner[Any, Any],
        sql: Any,
        params: Params,
        batch: int,
        *,
        into: TypeForm[RowT] | None = None,
        timeout: Seconds = None,
    ) -> None:
        if batch < 1:
            message = f"batch must be at least 1, not {batch}"
            raise InterfaceError(message)
        self._runner = runner
        self._sql = sql
        self._params = params
        self._batch = batch
        self._into = into if is_typed(into) else None
        self._timeout = timeout  # for each answer
        self._opened: OpenStream | None = None

    async def __aenter__(self) -> Self:
        """Run the statement."""
        self._opened = await self._runner.open_stream(
            self._sql, self._params, self._timeout, plain=self._into is not None
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the result; the connection is free again."""
        opened, self._opened = self._opened, None
        if opened is None:
            return
        try:
            await opened.close()
        except Exception as failure:
            if error is None:
                raise
            error.add_note(f"closing the stream failed too: {type(failure).__name__}")

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
        opened = self._open()
        rows: list[Any] = await opened.fetch(size or self._batch)
        if self._into is None or not rows:
            return rows
        return opened.decoding.rows(self._into, opened.columns, rows)

    def _open(self) -> OpenStream:
        if self._opened is None:
            message = "the stream is not open: use it inside `async with`"
            raise InterfaceError(message)
        return self._opened
