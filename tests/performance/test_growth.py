"""Cost grows as the work grows: counted where that can be done, else with much room."""

from __future__ import annotations

import asyncio
import gc
import sys
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import asyncdb
from asyncdb._sql import parameters
from asyncdb._sql.parameters import prepare
from asyncdb.dialect import Lexis
from tests.plugins.databases import ENGINES_AND_FAKE, engines

NUMBERS = (
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
    "SELECT i FROM n"
)


async def calls(work: Callable[[], Awaitable[Any]]) -> int:
    """Calls of Python functions of ours in a piece of work."""
    count = 0

    def see(frame: Any, event: str, _: Any) -> None:
        nonlocal count
        count += event == "call" and "asyncdb" in frame.f_code.co_filename

    gc.collect()  # not in between: what others left behind has a __del__ of ours
    gc.disable()
    sys.setprofile(see)
    try:
        await work()
    finally:
        sys.setprofile(None)
        gc.enable()
    return count


async def test_rows_cost_no_calls() -> None:
    """A result of 100,000 rows takes the calls that one of 100 takes."""
    async with asyncdb.connect("fake://") as db:
        await db.fetchall(NUMBERS, [1])
        few = await calls(lambda: db.fetchall(NUMBERS, [100]))
        many = await calls(lambda: db.fetchall(NUMBERS, [100_000]))

    assert many == few


@pytest.mark.parametrize("count", [1_000, 10_000])
async def test_a_stream_costs_calls_by_the_batch(count: int) -> None:
    """A stream takes calls by the batch, and the generator's step by the row."""

    async def read() -> None:
        async with db.stream(NUMBERS, [count], batch=500) as rows:
            async for _ in rows:
                pass

    async with asyncdb.connect("fake://") as db:
        await read()
        found = await calls(read)

    assert found <= 1.05 * count + 40 * (count / 500 + 3)


@engines("sqlite")
async def test_a_stream_takes_constant_memory(db: asyncdb.Connection) -> None:
    """A stream of 100,000 rows holds no more of them than one of 1,000."""
    peaks = []
    for count in (1_000, 1_000, 100_000):
        tracemalloc.start()
        async with db.stream(NUMBERS, [count], batch=500) as rows:
            async for _ in rows:
                pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[2] < 2 * peaks[1] + 100_000


def test_kept_statements_are_bounded() -> None:
    """Texts that never come again push each other out of the cache."""
    lexis = Lexis()
    for i in range(20_000):
        prepare(f"SELECT {i}, ?", "positional", lexis, "qmark")
    info = parameters._cached.cache_info()

    assert info.currsize <= parameters.CACHED_TEXTS <= 10_000


@engines("postgresql")
async def test_prepared_statements_are_bounded(db: asyncdb.Connection) -> None:
    """The server keeps as many statements of ours as we do."""
    for i in range(600):
        await db.fetchval(f"SELECT {i}")
    kept = await db.fetchval("SELECT count(*) FROM pg_prepared_statements")

    assert kept <= 300


async def test_waiting_tasks_cost_the_same_each() -> None:
    """A task costs the same calls, whether ten wait for the pool or a thousand."""
    each = []
    for waiting in (10, 100, 1_000):
        async with asyncdb.create_pool("fake://", min_size=10, max_size=10) as pool:

            async def work(pool: asyncdb.Pool = pool) -> None:
                await pool.fetchval("SELECT 1")

            async def all_of_them(
                number: int = waiting,
                work: Callable[[], Awaitable[None]] = work,
            ) -> None:
                await asyncio.gather(*(work() for _ in range(number)))

            await all_of_them()
            each.append(await calls(all_of_them) / waiting)

    assert each[2] <= 1.5 * each[1]
    assert each[2] <= 120, each


@engines(*ENGINES_AND_FAKE)
async def test_answers_are_right_under_many_tasks(database_url: str) -> None:
    """Two hundred tasks on a pool each get their own answers."""

    async def work(number: int) -> None:
        for i in range(3):
            assert number * 10 + i == await pool.fetchval(
                "SELECT ? + 0", [number * 10 + i]
            )

    async with asyncdb.create_pool(database_url, max_size=5) as pool:
        await asyncio.gather(*map(work, range(200)))
