"""asyncpg's record as a Row."""

from __future__ import annotations

from typing import Any

import asyncpg

from asyncdb.values.rows import Row, no_column

_get: Any = asyncpg.Record.__getitem__


class PgRow(Row, asyncpg.Record):  # type: ignore[misc]  # it has no types
    """A row that asyncpg makes."""

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        """Return the value at an index or under a name, or a tuple for a slice."""
        try:
            return _get(self, key)
        except KeyError:
            pass  # of asyncpg, which names nothing but the key
        raise KeyError(no_column(key, self.keys()))

    def __getattr__(self, name: str) -> Any:
        """Return the value under a name."""
        try:
            return _get(self, name)
        except KeyError:
            pass
        raise AttributeError(no_column(name, self.keys()))
