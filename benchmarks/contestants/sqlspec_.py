"""sqlspec, on every engine."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

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

# ruff: noqa: PLC0415  # an environment has one of the libraries


def _config(url: str) -> tuple[Any, str]:
    """The configuration for a URL, and the driver's marker."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        from sqlspec.adapters.aiosqlite import AiosqliteConfig

        path = parts.path.removeprefix("/")
        login = {"database": path, "isolation_level": None, "pool_size": HELD_AND_TEN}
        return AiosqliteConfig(connection_config=login), "?"
    if parts.scheme == "postgresql+psycopg":
        from sqlspec.adapters.psycopg import PsycopgAsyncConfig

        pool = {
            "conninfo": url.replace("+psycopg", "", 1),
            "min_size": 1,
            "max_size": HELD_AND_TEN,
            "autocommit": True,
        }
        return PsycopgAsyncConfig(connection_config=pool), "%s"
    if parts.scheme == "postgresql":
        from sqlspec.adapters.asyncpg import AsyncpgConfig

        pool = {"dsn": url, "min_size": 1, "max_size": HELD_AND_TEN}
        return AsyncpgConfig(connection_config=pool), "$1"
    login = {
        "host": parts.hostname,
        "port": parts.port,
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "database": parts.path.removeprefix("/"),
        "minsize": 1,
        "maxsize": HELD_AND_TEN,
        "autocommit": True,
    }
    if parts.scheme == "mysql+aiomysql":
        from sqlspec.adapters.aiomysql import AiomysqlConfig

        return AiomysqlConfig(connection_config=login), "%s"
    from sqlspec.adapters.asyncmy import AsyncmyConfig

    return AsyncmyConfig(connection_config=login), "%s"


class Sqlspec(Contestant):
    """A peer."""

    async def open(self, url: str) -> None:
        """Connect."""
        self.config, mark = _config(url)
        self.mark = mark
        self.item = TextItem if mark == "?" else Item
        marks = "$1, $2, $3" if mark == "$1" else ", ".join([mark] * 3)
        self.three = f"{INSERT}({marks})"
        self._held = self.config.provide_session()
        self.db = await self._held.__aenter__()

    async def close(self) -> None:
        """Close all."""
        await self._held.__aexit__(None, None, None)
        await self.config.close_pool()

    async def one(self, number: int) -> Any:
        """Select a point on a held connection."""
        return await self.db.select_one(f"{POINT}{self.mark}", (number,))

    async def lent(self, number: int) -> Any:
        """Select a point, on a connection from the pool."""
        async with self.config.provide_session() as db:
            return await db.select_one(f"{POINT}{self.mark}", (number,))

    async def hundred(self, times: int) -> None:
        """Workload 3."""
        for _ in range(times):
            await self.db.select(f"{UP_TO}{self.mark}", (100,))

    async def many(self, times: int) -> None:
        """Workload 4."""
        for _ in range(times):
            await self.db.select(f"{UP_TO}{self.mark}", (10_000,))

    async def stream(self, times: int) -> None:
        """Workload 5."""
        for _ in range(times):
            async with self.db.select_stream(ALL, native_only=True) as rows:
                async for _row in rows:
                    pass

    async def insert(self, times: int) -> None:
        """Workload 6; every session is in autocommit."""
        for i in range(times):
            await self.db.execute(self.three, ("a name", i, "a note"))

    async def bulk(self, times: int) -> None:
        """Workload 7."""
        for _ in range(times):
            await self.db.begin()
            await self.db.execute_many(self.three, BULK)
            await self.db.commit()

    async def transaction(self, times: int) -> None:
        """Workload 8."""
        for i in range(times):
            async with self.config.provide_session() as db:
                await db.begin()
                await db.execute(f"{UPDATE}{self.mark}", (1,))
                await db.execute(f"{UPDATE}{self.mark}", (2,))
                await db.select_one(f"{POINT}{self.mark}", (i % 1000 + 1,))
                await db.commit()

    async def objects(self, times: int) -> None:
        """Workload 9."""
        sql = f"{UP_TO}{self.mark}"
        for _ in range(times):
            await self.db.select(sql, (10_000,), schema_type=self.item)

    async def clear(self) -> None:
        """Remove what was inserted."""
        await self.db.execute("DELETE FROM log")


contestant = Sqlspec
