"""asyncpg by itself, as its documentation shows it: the 1 of PostgreSQL's column."""

from __future__ import annotations

from typing import Any

import asyncpg

from benchmarks.contestants.contestant import (
    ALL,
    BULK,
    INSERT,
    POINT,
    UP_TO,
    UPDATE,
    Contestant,
    Item,
)

_THREE = f"{INSERT}($1, $2, $3)"


class Asyncpg(Contestant):
    """The raw driver."""

    async def open(self, url: str) -> None:
        """Connect."""
        self.db = await asyncpg.connect(url)
        self.pool = await asyncpg.create_pool(url, min_size=1, max_size=10)

    async def close(self) -> None:
        """Close all."""
        await self.db.close()
        await self.pool.close()

    async def one(self, number: int) -> Any:
        """Select a point on a held connection."""
        return await self.db.fetchrow(f"{POINT}$1", number)

    async def lent(self, number: int) -> Any:
        """Select a point, on a connection from the pool."""
        return await self.pool.fetchrow(f"{POINT}$1", number)

    async def hundred(self, times: int) -> None:
        """Workload 3."""
        for _ in range(times):
            await self.db.fetch(f"{UP_TO}$1", 100)

    async def many(self, times: int) -> None:
        """Workload 4."""
        for _ in range(times):
            await self.db.fetch(f"{UP_TO}$1", 10_000)

    async def stream(self, times: int) -> None:
        """Workload 5."""
        for _ in range(times):
            async with self.db.transaction():
                async for _row in self.db.cursor(ALL):
                    pass

    async def insert(self, times: int) -> None:
        """Workload 6."""
        for i in range(times):
            await self.db.execute(_THREE, "a name", i, "a note")

    async def bulk(self, times: int) -> None:
        """Workload 7."""
        for _ in range(times):
            async with self.db.transaction():
                await self.db.executemany(_THREE, BULK)

    async def transaction(self, times: int) -> None:
        """Workload 8."""
        for i in range(times):
            async with self.pool.acquire() as db, db.transaction():
                await db.execute(f"{UPDATE}$1", 1)
                await db.execute(f"{UPDATE}$1", 2)
                await db.fetchrow(f"{POINT}$1", i % 1000 + 1)

    async def objects(self, times: int) -> None:
        """Workload 9."""
        for _ in range(times):
            rows = await self.db.fetch(f"{UP_TO}$1", 10_000)
            [Item(*row) for row in rows]

    async def clear(self) -> None:
        """Remove what was inserted."""
        await self.db.execute("DELETE FROM log")


contestant = Asyncpg
