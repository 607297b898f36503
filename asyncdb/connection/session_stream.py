"""A result that is read in pieces through the session's guard."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncdb.connection.exclusive import ExclusiveUse
    from asyncdb.driver import DriverCursor
    from asyncdb.values import Decoding
    from asyncdb.values.rows import Row


class SessionStream:
    """A result read in pieces: while it is open the session serves nothing else.

    Args:
        use: the exclusive use of the session.
        cursor: the driver's.
        decoding: how the rows are read `into` something.
        sql: the user's text, for an error to show.
        seconds: for each answer; `None` for as long as it takes.
        patience: seconds for leaving it.
    """

    __slots__ = ("_cursor", "_patience", "_seconds", "_sql", "_use", "decoding")

    def __init__(
        self,
        use: ExclusiveUse,
        cursor: DriverCursor,
        decoding: Decoding,
        sql: object,
        *,
        seconds: float | None,
        patience: float,
    ) -> None:
        self._use = use
        self._cursor = cursor
        self.decoding = decoding
        self._sql = sql
        self._seconds = seconds
        self._patience = patience

    @property
    def columns(self) -> tuple[tuple[str, Any], ...]:
        """`(name, type code)` of each column."""
        return self._cursor.columns

    async def fetch(self, size: int) -> list[Row]:
        """Return the next rows, at most `size`; the empty list says that it is over."""
        use = self._use
        if use.task is not None:
            raise use.busy(asyncio.current_task())
        use.stream = None  # for this one the way is free
        try:
            rows: list[Row] = await use.run(
                lambda _: self._cursor.fetch(size), self._sql, self._seconds
            )
        finally:
            use.stream = self
        return rows

    async def close(self) -> None:
        """Leave the result; the session is free again."""
        use = self._use
        use.stream = None
        if not use.inner.is_closed():
            await use.run(lambda _: self._cursor.close(), seconds=self._patience)
