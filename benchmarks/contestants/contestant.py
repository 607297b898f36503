"""What every contestant does, and the statements that all of them send."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from benchmarks.table import SELECTS, TASKS

COLUMNS = "id, name, email, age, score, active, created, note"
POINT = f"SELECT {COLUMNS} FROM items WHERE id = "
UP_TO = f"SELECT {COLUMNS} FROM items WHERE id <= "
ALL = f"SELECT {COLUMNS} FROM items"
INSERT = "INSERT INTO log (name, n, note) VALUES "
UPDATE = "UPDATE accounts SET n = n + 1 WHERE id = "
# Where the held connection is one of the pool's, ten are left for the tasks.
HELD_AND_TEN = 11
BULK = [(f"name {i}", i, f"a note of some length, number {i}") for i in range(10_000)]


@dataclass(slots=True)
class Item:
    """What a row becomes."""

    id: int
    name: str
    email: str
    age: int
    score: float
    active: int
    created: datetime
    note: str


@dataclass(slots=True)
class TextItem:
    """The same where the library gives dates as they are stored, as text."""

    id: int
    name: str
    email: str
    age: int
    score: float
    active: int
    created: str
    note: str


class Contestant:
    """The eleven workloads of a library.

    `self.one(id)` selects a point on a held connection, `self.lent(id)` from the pool.

    Attributes:
        lacks: workload -> why the library has no way to do it.
    """

    lacks: ClassVar[Mapping[str, str]] = {}

    async def open(self, url: str) -> None:
        """Connect."""
        raise NotImplementedError

    async def close(self) -> None:
        """Close all."""

    async def one(self, number: int) -> Any:
        """Select a point on a held connection."""
        raise NotImplementedError

    async def lent(self, number: int) -> Any:
        """Select a point, on a connection from the pool."""
        raise NotImplementedError

    async def point(self, times: int) -> None:
        """Workload 1."""
        for i in range(times):
            await self.one(i % 1000 + 1)

    async def pooled(self, times: int) -> None:
        """Workload 2."""
        for i in range(times):
            await self.lent(i % 1000 + 1)

    async def tasks(self, times: int) -> None:
        """Workload 10."""

        async def work(start: int) -> None:
            for i in range(SELECTS):
                await self.lent((start * SELECTS + i) % 1000 + 1)

        for _ in range(times):
            await asyncio.gather(*map(work, range(TASKS)))

    async def transaction(self, times: int) -> None:
        """Workload 8."""
        raise NotImplementedError

    async def batch(self, times: int) -> None:
        """Workload 11: who has no batch does the transaction, which is the same."""
        await self.transaction(times)

    async def clear(self) -> None:
        """Remove what was inserted; not in the time."""
