"""A result of SQLite's, read in pieces."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from asyncdb.driver import DriverCursor
from asyncdb.drivers.aiosqlite.jobs import fetch
from asyncdb.values.rows import Row, tuple_row


class AiosqliteCursor(DriverCursor):
    """A result read in pieces.

    Args:
        hop: runs a function in the connection's thread.
        is_closed: whether the connection is.
        raw: sqlite3's cursor.
        plain: rows are to be tuples.
    """

    def __init__(
        self,
        hop: Callable[..., Coroutine[Any, Any, Any]],
        is_closed: Callable[[], bool],
        raw: sqlite3.Cursor,
        *,
        plain: bool,
    ) -> None:
        self._hop = hop
        self._is_closed = is_closed
        self._raw = raw
        names = tuple(d[0] for d in raw.description or ())
        self._columns = tuple((name, None) for name in names)
        self._rows: Iterator[Any] = raw if plain else map(tuple_row(names), raw)

    @property
    def columns(self) -> tuple[tuple[str, Any], ...]:
        """Names; SQLite tells no types."""
        return self._columns

    async def fetch(self, size: int) -> list[Row]:
        """Return the next rows."""
        rows: list[Row] = await self._hop(fetch, self._rows, size)
        return rows

    async def close(self) -> None:
        """Drop the cursor, and with it SQLite's read lock."""
        if not self._is_closed():
            # Left open it would hold a lock, whatever became of who closes it.
            await self._hop(self._raw.close, droppable=False)
