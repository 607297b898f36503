"""What aiomysql and asyncmy have in common: the same API, as documented."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

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


class Family(Contestant):
    """A raw driver.

    Attributes:
        library: the module.
        unbuffered: its class of cursors that stream.
    """

    library: Any
    unbuffered: Any

    async def open(self, url: str) -> None:
        """Connect."""
        parts = urlsplit(url)
        login = {
            "host": parts.hostname,
            "port": parts.port,
            "user": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
            "db": parts.path.removeprefix("/"),
            "autocommit": True,
            "charset": "utf8mb4",
        }
        self.db = await self.library.connect(**login)
        self.pool = await self.library.create_pool(minsize=1, maxsize=10, **login)

    async def close(self) -> None:
        """Close all."""
        self.db.close()
        self.pool.close()
        await self.pool.wait_closed()

    async def one(self, number: int) -> Any:
        """Select a point on a held connection."""
        async with self.db.cursor() as cursor:
            await cursor.execute(f"{POINT}%s", (number,))
            return await cursor.fetchone()

    async def lent(self, number: int) -> Any:
        """Select a point, on a connection from the pool."""
        async with self.pool.acquire() as db, db.cursor() as cursor:
            await cursor.execute(f"{POINT}%s", (number,))
            return await cursor.fetchone()

    async def _all(self, count: int) -> Any:
        async with self.db.cursor() as cursor:
            await cursor.execute(f"{UP_TO}%s", (count,))
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
            async with self.db.cursor(self.unbuffered) as cursor:
                await cursor.execute(ALL)
                async for _row in cursor:
                    pass

    async def insert(self, times: int) -> None:
        """Workload 6."""
        for i in range(times):
            async with self.db.cursor() as cursor:
                await cursor.execute(_THREE, ("a name", i, "a note"))

    async def bulk(self, times: int) -> None:
        """Workload 7."""
        for _ in range(times):
            await self.db.begin()
            async with self.db.cursor() as cursor:
                await cursor.executemany(_THREE, BULK)
            await self.db.commit()

    async def transaction(self, times: int) -> None:
        """Workload 8."""
        for i in range(times):
            async with self.pool.acquire() as db, db.cursor() as cursor:
                await db.begin()
                await cursor.execute(f"{UPDATE}%s", (1,))
                await cursor.execute(f"{UPDATE}%s", (2,))
                await cursor.execute(f"{POINT}%s", (i % 1000 + 1,))
                await cursor.fetchone()
                await db.commit()

    async def objects(self, times: int) -> None:
        """Workload 9."""
        for _ in range(times):
            [Item(*row) for row in await self._all(10_000)]

    async def clear(self) -> None:
        """Remove what was inserted."""
        async with self.db.cursor() as cursor:
            await cursor.execute("TRUNCATE log")
