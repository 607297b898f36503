"""tortoise-orm's connections, with raw SQL."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

from tortoise import Tortoise, connections
from tortoise.transactions import in_transaction

from benchmarks.contestants.contestant import (
    BULK,
    INSERT,
    POINT,
    UP_TO,
    UPDATE,
    Contestant,
    Item,
    TextItem,
)


def _from_row(row: Any) -> TextItem:
    return TextItem(*row)


def _from_mapping(row: Any) -> Item:
    return Item(*row.values())


class TortoiseSQL(Contestant):
    """A peer; its raw SQL makes no objects, so they are made by hand."""

    lacks: ClassVar[Mapping[str, str]] = {
        "stream": "its raw SQL reads every result whole"
    }

    async def open(self, url: str) -> None:
        """Connect."""
        scheme, _, rest = url.partition("://")
        engine = scheme.partition("+")[0].replace("postgresql", "asyncpg")
        engine = "psycopg" if scheme.endswith("+psycopg") else engine
        size = "" if engine == "sqlite" else "?minsize=1&maxsize=10"
        if engine == "psycopg":
            size = "?min_size=1&max_size=10"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # "has no models"
            await Tortoise.init(
                db_url=f"{engine}://{rest}{size}", modules={"models": [__name__]}
            )
        if engine != "sqlite":  # there it has one connection, which is held
            reason = "outside a transaction it takes a connection for each statement"
            self.lacks = {**self.lacks, "point": reason}
        self.make = _from_row if engine == "sqlite" else _from_mapping
        self.db = connections.get("default")
        marks = {"asyncpg": "$1", "mysql": "%s", "psycopg": "%s", "sqlite": "?"}
        self.mark = marks[engine]
        self.three = {
            "asyncpg": f"{INSERT}($1, $2, $3)",
            "mysql": f"{INSERT}(%s, %s, %s)",
            "psycopg": f"{INSERT}(%s, %s, %s)",
            "sqlite": f"{INSERT}(?, ?, ?)",
        }[engine]

    async def close(self) -> None:
        """Close all."""
        await Tortoise.close_connections()

    async def lent(self, number: int) -> Any:
        """Select a point, on a connection from the pool."""
        return await self.db.execute_query(f"{POINT}{self.mark}", [number])

    one = lent

    async def hundred(self, times: int) -> None:
        """Workload 3."""
        for _ in range(times):
            await self.db.execute_query(f"{UP_TO}{self.mark}", [100])

    async def many(self, times: int) -> None:
        """Workload 4."""
        for _ in range(times):
            await self.db.execute_query(f"{UP_TO}{self.mark}", [10_000])

    async def insert(self, times: int) -> None:
        """Workload 6."""
        for i in range(times):
            await self.db.execute_query(self.three, ["a name", i, "a note"])

    async def bulk(self, times: int) -> None:
        """Workload 7."""
        for _ in range(times):
            async with in_transaction() as db:
                await db.execute_many(self.three, BULK)

    async def transaction(self, times: int) -> None:
        """Workload 8."""
        for i in range(times):
            async with in_transaction() as db:
                await db.execute_query(f"{UPDATE}{self.mark}", [1])
                await db.execute_query(f"{UPDATE}{self.mark}", [2])
                await db.execute_query(f"{POINT}{self.mark}", [i % 1000 + 1])

    async def objects(self, times: int) -> None:
        """Workload 9."""
        for _ in range(times):
            _, rows = await self.db.execute_query(f"{UP_TO}{self.mark}", [10_000])
            [self.make(row) for row in rows]

    async def clear(self) -> None:
        """Remove what was inserted."""
        await self.db.execute_query("DELETE FROM log")


contestant = TortoiseSQL
