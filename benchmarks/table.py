"""What is measured, and what asyncdb must reach: the table of the issue."""

from __future__ import annotations

from typing import NamedTuple

ENGINES = ("postgresql", "psycopg", "aiomysql", "asyncmy", "sqlite")
TITLES = {
    "postgresql": "PostgreSQL / asyncpg",
    "psycopg": "PostgreSQL / psycopg",
    "aiomysql": "MariaDB / aiomysql",
    "asyncmy": "MariaDB / asyncmy",
    "sqlite": "SQLite / aiosqlite idiom",
}
SERVERS = {
    "postgresql": "postgresql",
    "psycopg": "postgresql",
    "aiomysql": "mariadb",
    "asyncmy": "mariadb",
}

ROWS = 100_000  # in the table that is read
TASKS, SELECTS = 200, 20


class Workload(NamedTuple):
    """One row of the table.

    Args:
        name: the contestants' method.
        title: what it does.
        operations: how often the method does it in one round, at first.
        targets: the most that asyncdb may take, the raw driver's own idiom = 1, in the
            order of `ENGINES`; `None` where the driver cannot do better than it does.
    """

    name: str
    title: str
    operations: int
    targets: tuple[float | None, float, float, float, float]


_ROWS = (
    ("point", "point select, held connection", 200, (1.05, 1.10, 0.95, 1.10, 0.38)),
    ("pooled", "point select, from the pool", 200, (0.50, 1.10, 0.95, 1.10, 0.40)),
    ("hundred", "100 rows x 8 columns", 60, (1.08, 1.10, 1.00, 1.10, 0.85)),
    ("many", "10,000 rows", 1, (1.08, 1.10, 1.00, 1.10, 1.00)),
    ("stream", "stream 100,000 rows", 1, (0.60, 1.10, 1.00, 1.10, 0.90)),
    ("insert", "INSERT + commit", 150, (1.05, 1.10, 1.00, 1.10, 0.62)),
    ("bulk", "10,000 rows, executemany", 1, (1.05, 1.10, 1.00, 1.05, 1.00)),
    ("transaction", "transaction of 3, pool", 60, (0.80, 1.10, 1.00, 1.05, 0.80)),
    ("objects", "10,000 rows, dataclass", 1, (1.10, 1.10, 1.05, 1.15, 1.05)),
    ("tasks", "200 tasks x 20, pool of 10", 1, (0.45, 0.60, 0.90, 1.05, 0.40)),
    # Its 1 is the driver's transaction of the row above but two.
    ("batch", "transaction of 3 as a batch", 60, (None, 0.55, 0.60, 0.60, 0.45)),
)
WORKLOADS = tuple(Workload(*row) for row in _ROWS)
GROWTH_MB = 8.0  # what a stream may add to the memory
IMPORT_MS = 40.0  # what `import asyncdb` may take over `import asyncio`
