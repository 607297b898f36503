"""psycopg 3 with its own pool and its pipeline, which is its way to a batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from benchmarks.contestants.contestant import POINT, UPDATE
from benchmarks.contestants.psycopg_ import Psycopg
from benchmarks.table import WORKLOADS


class Pipeline(Psycopg):
    """A peer, for the batch alone: in all else it is psycopg."""

    lacks: ClassVar[Mapping[str, str]] = {
        w.name: "as psycopg 3" for w in WORKLOADS if w.name != "batch"
    }

    async def batch(self, times: int) -> None:
        """Workload 11."""
        for i in range(times):
            async with (
                self.pool.connection() as db,
                db.pipeline(),
                db.transaction(),
            ):
                await db.execute(f"{UPDATE}%s", (1,))
                await db.execute(f"{UPDATE}%s", (2,))
                cursor = await db.execute(f"{POINT}%s", (i % 1000 + 1,))
                await cursor.fetchone()


contestant = Pipeline
