"""asyncdb, on every engine; the way a user would write it."""

from __future__ import annotations

from typing import Any

import asyncdb
from benchmarks.contestants.contestant import (
    ALL,
    BULK,
    INSERT,
    POINT,
    UP_TO,
    UPDATE,
    Contestant,
    Item,
    TextItem,
)

_THREE = f"{INSERT}(?, ?, ?)"


class Asyncdb(Contestant):
    """One contestant for all engines."""

    async def open(self, url: str) -> None:
        """Connect."""
        self.item = TextItem if url.startswith("sqlite") else Item
        self.db = await asyncdb.connect(url)
        self.pool = await asyncdb.create_pool(url, min_size=1, max_size=10)

    async def close(self) -> None:
        """Close all."""
        await self.db.close()
        await self.pool.close()

    async def one(self, number: int) -> Any:
        """Select a point on a held connection."""
        return await self.db.fetchone(f"{POINT}?", [number])

    async def lent(self, number: int) -> Any:
        """Select a point, on a connection from the pool."""
        return await self.pool.fetchone(f"{POINT}?", [number])

    async def hundred(self, times: int) -> None:
        """Workload 3."""
        for _ in range(times):
            await self.db.fetchall(f"{UP_TO}?", [100])

    async def many(self, times: int) -> None:
        """Workload 4."""
        for _ in range(times):
            await self.db.fetchall(f"{UP_TO}?", [10_000])

    async def stream(self, times: int) -> None:
        """Workload 5."""
        for _ in range(times):
            async with self.db.stream(ALL) as rows:
                async for _row in rows:
                    pass

    async def insert(self, times: int) -> None:
        """Workload 6."""
        for i in range(times):
            await self.db.execute(_THREE, ["a name", i, "a note"])

    async def bulk(self, times: int) -> None:
        """Workload 7."""
        for _ in range(times):
            async with self.db.transaction():
                await self.db.executemany(_THREE, BULK)

    async def transaction(self, times: int) -> None:
        """Workload 8."""
        for i in range(times):
            async with self.pool.transaction() as db:
                await db.execute(f"{UPDATE}?", [1])
                await db.execute(f"{UPDATE}?", [2])
                await db.fetchone(f"{POINT}?", [i % 1000 + 1])

    async def batch(self, times: int) -> None:
        """Workload 11."""
        for i in range(times):
            async with self.pool.batch() as batch:
                batch.execute(f"{UPDATE}?", [1])
                batch.execute(f"{UPDATE}?", [2])
                found = batch.fetchone(f"{POINT}?", [i % 1000 + 1])
            found.result()

    async def objects(self, times: int) -> None:
        """Workload 9."""
        for _ in range(times):
            await self.db.fetchall(f"{UP_TO}?", [10_000], into=self.item)

    async def clear(self) -> None:
        """Remove what was inserted."""
        await self.db.execute("DELETE FROM log")


contestant = Asyncdb
