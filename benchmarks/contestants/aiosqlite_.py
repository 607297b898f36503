"""aiosqlite by itself, as its documentation shows it: the 1 of SQLite's column."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import aiosqlite

from benchmarks.contestants.contestant import (
    ALL,
    BULK,
    INSERT,
    POINT,
    UP_TO,
    UPDATE,
    Contestant,
    TextItem,
)

_THREE = f"{INSERT}(?, ?, ?)"


class Aiosqlite(Contestant):
    """The raw driver; it has no pool, so one connection serves all."""

    async def open(self, url: str) -> None:
        """Connect."""
        path = urlsplit(url).path.removeprefix("/")
        self.db = await aiosqlite.connect(path, isolation_level=None)
        await self.db.execute("PRAGMA foreign_keys=ON")

    async def close(self) -> None:
        """Close."""
        await self.db.close()

    async def one(self, number: int) -> Any:
        """Select a point on a held connection."""
        async with self.db.execute(f"{POINT}?", (number,)) as cursor:
            return await cursor.fetchone()

    lent = one

    async def _all(self, count: int) -> Any:
        async with self.db.execute(f"{UP_TO}?", (count,)) as cursor:
            return await cursor.fetchall()

    async def hundred(self, times: int) -> None:
        """Workload 3."""
        for _ in range(times):
            await self._all(100)

    async def many(self, times: int) -> None:
        """Workload 4."""
        for _ in range(times):
            await self._all(10_000)

    async def stream(self, times: int) -> None:
        """Workload 5."""
        for _ in range(times):
            async with self.db.execute(ALL) as cursor:
                async for _row in cursor:
                    pass

    async def insert(self, times: int) -> None:
        """Workload 6."""
        for i in range(times):
            async with self.db.execute(_THREE, ("a name", i, "a note")):
                pass

    async def bulk(self, times: int) -> None:
        """Workload 7."""
        for _ in range(times):
            await self.db.execute("BEGIN")
            await self.db.executemany(_THREE, BULK)
            await self.db.commit()

    async def transaction(self, times: int) -> None:
        """Workload 8."""
        for i in range(times):
            await self.db.execute("BEGIN IMMEDIATE")
            await self.db.execute(f"{UPDATE}?", (1,))
            await self.db.execute(f"{UPDATE}?", (2,))
            await self.one(i % 1000 + 1)
            await self.db.commit()

    async def objects(self, times: int) -> None:
        """Workload 9."""
        for _ in range(times):
            [TextItem(*row) for row in await self._all(10_000)]

    async def clear(self) -> None:
        """Remove what was inserted."""
        await self.db.execute("DELETE FROM log")


contestant = Aiosqlite
