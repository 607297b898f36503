"""SQLAlchemy Core with `text()`, on every engine."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

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
)

_DRIVERS = {
    "postgresql": "postgresql+asyncpg",
    "postgresql+psycopg": "postgresql+psycopg",
    "mysql+aiomysql": "mysql+aiomysql",
    "mysql+asyncmy": "mysql+asyncmy",
    "sqlite": "sqlite+aiosqlite",
}
_POINT, _UP_TO, _ALL = text(f"{POINT}:id"), text(f"{UP_TO}:id"), text(ALL)
_UPDATE, _THREE = text(f"{UPDATE}:id"), text(f"{INSERT}(:a, :b, :c)")


class SQLAlchemy(Contestant):
    """A peer."""

    async def open(self, url: str) -> None:
        """Connect."""
        scheme, _, rest = url.partition("://")
        url = f"{_DRIVERS[scheme]}://{rest}"
        size = {"pool_size": HELD_AND_TEN, "max_overflow": 0}
        self.pool = create_async_engine(url, **size)
        # Else each statement would be BEGIN, itself and ROLLBACK.
        self.auto = create_async_engine(url, isolation_level="AUTOCOMMIT", **size)
        self.db = await self.auto.connect()

    async def close(self) -> None:
        """Close all."""
        await self.db.close()
        await self.auto.dispose()
        await self.pool.dispose()

    async def one(self, number: int) -> Any:
        """Select a point on a held connection."""
        return (await self.db.execute(_POINT, {"id": number})).first()

    async def lent(self, number: int) -> Any:
        """Select a point, on a connection from the pool."""
        async with self.auto.connect() as db:
            return (await db.execute(_POINT, {"id": number})).first()

    async def _all(self, count: int) -> Any:
        return (await self.db.execute(_UP_TO, {"id": count})).all()

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
            async with self.pool.connect() as db:
                async for _row in await db.stream(_ALL):
                    pass

    async def insert(self, times: int) -> None:
        """Workload 6."""
        for i in range(times):
            await self.db.execute(_THREE, {"a": "a name", "b": i, "c": "a note"})

    async def bulk(self, times: int) -> None:
        """Workload 7."""
        rows = [{"a": a, "b": b, "c": c} for a, b, c in BULK]
        for _ in range(times):
            async with self.pool.begin() as db:
                await db.execute(_THREE, rows)

    async def transaction(self, times: int) -> None:
        """Workload 8."""
        for i in range(times):
            async with self.pool.begin() as db:
                await db.execute(_UPDATE, {"id": 1})
                await db.execute(_UPDATE, {"id": 2})
                (await db.execute(_POINT, {"id": i % 1000 + 1})).first()

    async def objects(self, times: int) -> None:
        """Workload 9."""
        for _ in range(times):
            [Item(*row) for row in await self._all(10_000)]

    async def clear(self) -> None:
        """Remove what was inserted."""
        await self.db.execute(text("DELETE FROM log"))


contestant = SQLAlchemy
