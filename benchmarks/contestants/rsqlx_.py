"""rsqlx, which is Rust's sqlx for Python, on every engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import rsqlx

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


class Rsqlx(Contestant):
    """A peer; it makes dictionaries of rows, so objects are made by hand."""

    lacks: ClassVar[Mapping[str, str]] = {
        "point": "outside a transaction it takes a connection for each statement",
        "stream": "it reads every result whole",
    }

    async def open(self, url: str) -> None:
        """Connect."""
        scheme, _, rest = url.partition("://")
        engine = scheme.partition("+")[0].replace("mariadb", "mysql")
        self.item = TextItem if engine == "sqlite" else Item
        mark = "$1" if engine == "postgresql" else "?"
        marks = "$1, $2, $3" if mark == "$1" else "?, ?, ?"
        self.point_sql = f"{POINT}{mark}"
        self.up_to = f"{UP_TO}{mark}"
        self.update = f"{UPDATE}{mark}"
        self.three = f"{INSERT}({marks})"
        query = "?ssl-mode=disabled" if engine == "mysql" else ""
        self.pool = await rsqlx.connect(
            f"{engine}://{rest}{query}", min_connections=1, max_connections=10
        )

    async def close(self) -> None:
        """Close all."""
        await self.pool.close()

    async def lent(self, number: int) -> Any:
        """Select a point, on a connection from the pool."""
        return await self.pool.fetch_optional(self.point_sql, [number])

    one = lent

    async def hundred(self, times: int) -> None:
        """Workload 3."""
        for _ in range(times):
            await self.pool.fetch(self.up_to, [100])

    async def many(self, times: int) -> None:
        """Workload 4."""
        for _ in range(times):
            await self.pool.fetch(self.up_to, [10_000])

    async def insert(self, times: int) -> None:
        """Workload 6."""
        for i in range(times):
            await self.pool.execute(self.three, ["a name", i, "a note"])

    async def bulk(self, times: int) -> None:
        """Workload 7."""
        rows = [list(row) for row in BULK]
        for _ in range(times):
            async with await self.pool.begin() as db:
                await db.execute_many(self.three, rows)

    async def transaction(self, times: int) -> None:
        """Workload 8."""
        for i in range(times):
            async with await self.pool.begin() as db:
                await db.execute(self.update, [1])
                await db.execute(self.update, [2])
                await db.fetch_optional(self.point_sql, [i % 1000 + 1])

    async def objects(self, times: int) -> None:
        """Workload 9."""
        for _ in range(times):
            rows = await self.pool.fetch(self.up_to, [10_000])
            [self.item(*row.values()) for row in rows]

    async def clear(self) -> None:
        """Remove what was inserted."""
        await self.pool.execute("DELETE FROM log")


contestant = Rsqlx
