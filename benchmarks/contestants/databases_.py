"""encode/databases, on every engine."""

from __future__ import annotations

from typing import Any

from databases import Database

from benchmarks.contestants.contestant import (
    ALL,
    BULK,
    HELD_AND_TEN,
    INSERT,
    POINT,
    UP_TO,
    UPDATE,
    Contestant,
    Item,
    TextItem,
)

_THREE = f"{INSERT}(:a, :b, :c)"


class Databases(Contestant):
    """A peer; it makes no objects, so they are made by hand."""

    async def open(self, url: str) -> None:
        """Connect."""
        scheme, _, rest = url.partition("://")
        engine = scheme.partition("+")[0].replace("mariadb", "mysql")
        options = {"min_size": 1, "max_size": HELD_AND_TEN}
        if engine == "sqlite":
            options = {}  # it knows no pool: each connection is opened and closed
        self.item = TextItem if engine == "sqlite" else Item
        self.pool = Database(f"{engine}://{rest}", **options)
        await self.pool.connect()
        self.db = await self.pool.connection().__aenter__()

    async def close(self) -> None:
        """Close all."""
        await self.db.__aexit__(None, None, None)
        await self.pool.disconnect()

    async def one(self, number: int) -> Any:
        """Select a point on a held connection."""
        return await self.db.fetch_one(f"{POINT}:id", {"id": number})

    async def lent(self, number: int) -> Any:
        """Select a point, on a connection from the pool."""
        return await self.pool.fetch_one(f"{POINT}:id", {"id": number})

    async def hundred(self, times: int) -> None:
        """Workload 3."""
        for _ in range(times):
            await self.db.fetch_all(f"{UP_TO}:id", {"id": 100})

    async def many(self, times: int) -> None:
        """Workload 4."""
        for _ in range(times):
            await self.db.fetch_all(f"{UP_TO}:id", {"id": 10_000})

    async def stream(self, times: int) -> None:
        """Workload 5."""
        for _ in range(times):
            async with self.db.transaction():
                async for _row in self.db.iterate(ALL):
                    pass

    async def insert(self, times: int) -> None:
        """Workload 6."""
        for i in range(times):
            await self.db.execute(_THREE, {"a": "a name", "b": i, "c": "a note"})

    async def bulk(self, times: int) -> None:
        """Workload 7."""
        rows = [{"a": a, "b": b, "c": c} for a, b, c in BULK]
        for _ in range(times):
            async with self.db.transaction():
                await self.db.execute_many(_THREE, rows)

    async def transaction(self, times: int) -> None:
        """Workload 8."""
        for i in range(times):
            async with self.pool.transaction():
                await self.pool.execute(f"{UPDATE}:id", {"id": 1})
                await self.pool.execute(f"{UPDATE}:id", {"id": 2})
                await self.lent(i % 1000 + 1)

    async def objects(self, times: int) -> None:
        """Workload 9."""
        for _ in range(times):
            rows = await self.db.fetch_all(f"{UP_TO}:id", {"id": 10_000})
            [self.item(*row._mapping.values()) for row in rows]

    async def clear(self) -> None:
        """Remove what was inserted."""
        await self.db.execute("DELETE FROM log")


contestant = Databases
