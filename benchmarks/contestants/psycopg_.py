"""psycopg 3 with its own pool: the 1 of its column."""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

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

_THREE = f"{INSERT}(%s, %s, %s)"


class Psycopg(Contestant):
    """The raw driver, and a peer of asyncpg's."""

    async def open(self, url: str) -> None:
        """Connect."""
        url = url.replace("+psycopg", "", 1)
        self.db = await AsyncConnection.connect(url, autocommit=True)
        self.pool = AsyncConnectionPool(
            url, min_size=1, max_size=10, open=False, kwargs={"autocommit": True}
        )
        await self.pool.open(wait=True)

    async def close(self) -> None:
        """Close all."""
        await self.db.close()
        await self.pool.close()

    async def one(self, number: int) -> Any:
        """Select a point on a held connection."""
        cursor = await self.db.execute(f"{POINT}%s", (number,))
        return await cursor.fetchone()

    async def lent(self, number: int) -> Any:
        """Select a point, on a connection from the pool."""
        async with self.pool.connection() as db:
            cursor = await db.execute(f"{POINT}%s", (number,))
            return await cursor.fetchone()

    async def _all(self, count: int) -> Any:
        cursor = await self.db.execute(f"{UP_TO}%s", (count,))
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
            async with self.db.transaction(), self.db.cursor("s") as cursor:
                await cursor.execute(ALL)
                async for _row in cursor:
                    pass

    async def insert(self, times: int) -> None:
        """Workload 6."""
        for i in range(times):
            await self.db.execute(_THREE, ("a name", i, "a note"))

    async def bulk(self, times: int) -> None:
        """Workload 7."""
        for _ in range(times):
            async with self.db.transaction(), self.db.cursor() as cursor:
                await cursor.executemany(_THREE, BULK)

    async def transaction(self, times: int) -> None:
        """Workload 8."""
        for i in range(times):
            async with self.pool.connection() as db, db.transaction():
                await db.execute(f"{UPDATE}%s", (1,))
                await db.execute(f"{UPDATE}%s", (2,))
                cursor = await db.execute(f"{POINT}%s", (i % 1000 + 1,))
                await cursor.fetchone()

    async def objects(self, times: int) -> None:
        """Workload 9."""
        for _ in range(times):
            [Item(*row) for row in await self._all(10_000)]

    async def clear(self) -> None:
        """Remove what was inserted."""
        await self.db.execute("DELETE FROM log")


contestant = Psycopg
