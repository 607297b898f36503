"""What is measured, and what asyncdb must reach: the table of the issue."""

from __future__ import annotations

from typing import NamedTuple

ENGINES = ("postgresql", "aiomysql", "asyncmy", "sqlite")
TITLES = {
    "postgresql": "PostgreSQL / asyncpg",
    "aiomysql": "MariaDB / aiomysql",
    "asyncmy": "MariaDB / asyncmy",
    "sqlite": "SQLite / aiosqlite idiom",
}
SERVERS = {"postgresql": "postgresql", "aiomysql": "mariadb", "asyncmy": "mariadb"}

ROWS = 100_000  # in the table that is read
TASKS, SELECTS = 200, 20


class Workload(NamedTuple):
    """One row of the table.

    Args:
        name: the contestants' method.
        title: what it does.
        operations: how often the method does it in one round, at first.
        targets: the most that asyncdb may take, the raw driver's own idiom = 1, in the
            order of `ENGINES`.
    """

    name: str
    title: str
    operations: int
    targets: tuple[float, float, float, float]


WORKLOADS = (
    Workload("point", "point select, held connection", 200, (1.05, 0.95, 1.10, 0.38)),
    Workload("pooled", "point select, from the pool", 200, (0.50, 0.95, 1.10, 0.40)),
    Workload("hundred", "100 rows x 8 columns", 60, (1.08, 1.00, 1.10, 0.85)),
    Workload("many", "10,000 rows", 1, (1.08, 1.00, 1.10, 1.00)),
    Workload("stream", "stream 100,000 rows", 1, (0.60, 1.00, 1.10, 0.90)),
    Workload("insert", "INSERT + commit", 150, (1.05, 1.00, 1.10, 0.62)),
    Workload("bulk", "10,000 rows, executemany", 1, (1.05, 1.00, 1.05, 1.00)),
    Workload(
        "transaction", "transaction of 3 from the pool", 60, (0.80, 1.00, 1.05, 0.80)
    ),
    Workload("objects", "10,000 rows into a dataclass", 1, (1.10, 1.05, 1.15, 1.05)),
    Workload(
        "tasks", "200 tasks x 20 selects, pool of 10", 1, (0.45, 0.90, 1.05, 0.40)
    ),
)
GROWTH_MB = 8.0  # what a stream may add to the memory
IMPORT_MS = 40.0  # what `import asyncdb` may take over `import asyncio`
