"""Cost grows as the work grows, shown by counts: of calls, of objects, of bytes.

What the same steps take in time is measured by `python -m benchmarks --growth`.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import asyncdb
from asyncdb.dialect import Lexis
from asyncdb.pool.kernel import Resources
from asyncdb.sql import parameters
from asyncdb.sql.parameters import prepare
from asyncdb.testing import faults
from tests.plugins.databases import ENGINES, ENGINES_AND_FAKE, SECOND_DRIVERS, engines
from tests.plugins.scale import Scaled

NUMBERS = (
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
    "SELECT i FROM n"
)
# A million rows on every engine: MariaDB ends a recursion after a thousand. They are
# long enough that some ten thousand are more than what lies in buffers.
TEN = " UNION ALL ".join(["SELECT 0 AS n", *(f"SELECT {n}" for n in range(1, 10))])
MILLION = (
    f"WITH d AS ({TEN}) SELECT a.n + 10 * b.n + 100 * c.n + 1000 * e.n + 10000 * f.n "
    f"AS i, '{'x' * 100}' AS x FROM d AS a, d AS b, d AS c, d AS e, d AS f, d AS g "
    "LIMIT "
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


# -- rows ---------------------------------------------------------------------------


async def test_rows_cost_no_calls() -> None:
    """A result of 100,000 rows takes the calls that one of 100 takes."""
    async with asyncdb.connect("fake://") as db:
        await db.fetchall(NUMBERS, [1])
        few = await calls(lambda: db.fetchall(NUMBERS, [100]))
        many = await calls(lambda: db.fetchall(NUMBERS, [100_000]))

    assert many == few


@pytest.mark.parametrize("count", [1_000, 10_000, 100_000])
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


@engines(*ENGINES, *SECOND_DRIVERS)
async def test_a_stream_takes_constant_memory(db: asyncdb.Connection) -> None:
    """A stream of a million rows holds no more of them than one of 20,000."""
    blocks = []
    for count in (20_000, 20_000, 1_000_000):
        gc.collect()
        before = most = sys.getallocatedblocks()
        async with db.stream(f"{MILLION}{count}", batch=500) as rows:
            read = 0
            async for _ in rows:
                read += 1
                if read % 499 == 0:  # at every place in a batch, in turn
                    most = max(most, sys.getallocatedblocks())
        blocks.append(most - before)

        assert count == read

    assert blocks[2] < 1.1 * blocks[1] + 1_000


@engines(*ENGINES, *SECOND_DRIVERS)
async def test_a_stream_keeps_no_bytes(db: asyncdb.Connection) -> None:
    """Buffers do not grow with the stream either: they are few objects, but large."""
    peaks = []
    for count in (20_000, 60_000):
        tracemalloc.start()
        async with db.stream(f"{MILLION}{count}", batch=500) as rows:
            async for _ in rows:
                pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[1] < 1.1 * peaks[0] + 100_000


# -- texts --------------------------------------------------------------------------


def test_kept_statements_are_bounded(scaled: Scaled) -> None:
    """Texts that never come again push each other out; those in use stay."""
    lexis = Lexis()
    used = prepare("SELECT ?", "positional", lexis, "qmark")
    for i in range(scaled(100_000, 1_000_000)):
        prepare(f"SELECT {i}, ?", "positional", lexis, "qmark")
        if i % 1_000 == 0:
            assert used is prepare("SELECT ?", "positional", lexis, "qmark")
    info = parameters._cached.cache_info()

    assert info.currsize <= parameters.CACHED_TEXTS <= 10_000


@engines(*ENGINES_AND_FAKE, *SECOND_DRIVERS)
async def test_texts_leave_nothing_behind(db: asyncdb.Connection) -> None:
    """Texts and columns that never come again fill no cache beyond its bound."""
    blocks = []
    for start in range(0, 6_144, 2_048):  # bounds are powers of two: all are as full
        with faults():  # the fake keeps a list of what was done
            for i in range(start, start + 2_048):
                await db.fetchone(f"SELECT {i} AS a{i}")
        gc.collect()
        blocks.append(sys.getallocatedblocks())

    # Classes of rows are many objects each: a thousand and more of them would show.
    assert blocks[2] < blocks[1] + 2_000


@engines("postgresql")
async def test_prepared_statements_are_bounded(db: asyncdb.Connection) -> None:
    """The server keeps as many statements of ours as we do."""
    for i in range(600):
        await db.fetchval(f"SELECT {i}")
    kept = await db.fetchval("SELECT count(*) FROM pg_prepared_statements")

    assert kept <= 300


# -- waiting tasks ------------------------------------------------------------------


async def loans(pool: asyncdb.Pool, tasks: int) -> None:
    """Have so many tasks take a connection each, at once."""

    async def work() -> None:
        async with pool.acquire() as db:
            await db.fetchval("SELECT 1")

    await asyncio.gather(*(work() for _ in range(tasks)))


async def test_waiting_tasks_cost_the_same_each() -> None:
    """A task takes the same calls, whether ten wait for the pool or ten thousand."""
    url = "fake://?concurrent=true"
    found = {}
    async with asyncdb.create_pool(url, min_size=10, max_size=10) as pool:
        await loans(pool, 100)
        for tasks in (1, 10, 100, 1_000, 10_000):
            found[tasks] = await calls(lambda n=tasks: loans(pool, n))
    more = found[100] - found[10]  # ninety that have to wait

    assert found[10] == 10 * found[1]
    assert found[1_000] - found[100] == 10 * more
    assert found[10_000] - found[1_000] == 100 * more
    assert more / 90 <= 120


async def test_waiters_that_give_up_cost_the_same_each() -> None:
    """So does one that is cancelled or comes too late, from wherever in the line."""

    async def work(timeout: float) -> None:
        try:
            async with pool.acquire(timeout=timeout):
                pass
        except asyncdb.PoolTimeout:
            pass

    async def give_up(number: int) -> None:
        tasks = [asyncio.create_task(work(60 * (i % 2))) for i in range(number)]
        await asyncio.sleep(0.01)  # the others have come too late
        for task in tasks[::4]:
            task.cancel()
        await asyncio.wait(tasks[::4])
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    async with asyncdb.create_pool("fake://", max_size=1) as pool, pool.acquire():
        await give_up(100)
        few = await calls(lambda: give_up(100))
        many = await calls(lambda: give_up(10_000))

    assert many <= 100 * few


# -- idle connections ---------------------------------------------------------------

IDLE = 5_000


async def test_idle_connections_cost_a_loan_nothing() -> None:
    """A loan takes the same calls beside 5,000 idle connections as beside ten."""
    found = []
    for size in (10, IDLE):
        url = "fake://?concurrent=true"
        async with asyncdb.create_pool(url, min_size=size, max_size=size) as pool:
            await loans(pool, 10)
            found.append(await calls(lambda pool=pool: loans(pool, 10)))

    assert found[0] == found[1]


async def test_upkeep_costs_the_same_for_each() -> None:
    """Opening, looking after and closing 5,000 connections takes calls for each."""
    found = []
    for size in (50, IDLE):

        async def live(size: int = size) -> None:
            url = "fake://?concurrent=true"
            async with asyncdb.create_pool(url, min_size=size, max_size=size) as pool:
                pool._lifecycle.look_after()
                pool.drain()

        await live()
        found.append(await calls(live) / size)

    assert found[1] <= found[0]


class Counted:
    """A resource that counts how often it is looked at to find it among others."""

    looks = 0

    def __hash__(self) -> int:
        """Count: a set or a dict looks."""
        Counted.looks += 1
        return id(self)

    def __eq__(self, other: object) -> bool:
        """Count: a list or a deque looks at one after the other."""
        Counted.looks += 1
        return self is other


def counted(size: int) -> Resources[Counted]:
    """A kernel of resources that count."""

    async def make() -> Counted:
        return Counted()

    async def mend(_: Counted) -> bool:
        return True

    async def close(_: Counted) -> None:
        pass

    return Resources(make, mend, close, lambda _: True, print, max_size=size)


async def looks(size: int, work: Callable[[Resources[Counted]], None]) -> float:
    """How often each of so many idle resources is looked at in a piece of work."""
    kernel = counted(size)
    for resource in [await kernel.wait(None) for _ in range(size)]:
        kernel.put(resource)
    Counted.looks = 0
    work(kernel)
    return Counted.looks / size


def lend_all(kernel: Resources[Counted]) -> None:
    """Lend all, and take them back."""
    lent = [kernel.take() for _ in range(kernel.size)]
    for resource in lent:
        assert resource is not None
        kernel.put(resource)


def close_every_second(kernel: Resources[Counted]) -> None:
    """Sweep out every second one, as when they have lived long enough."""
    number = 0

    def keep(_: Counted) -> bool:
        nonlocal number
        number += 1
        return number % 2 == 0

    kernel.sweep(keep)


@pytest.mark.parametrize("work", [lend_all, close_every_second])
async def test_the_kernel_never_searches(
    work: Callable[[Resources[Counted]], None],
) -> None:
    """What is lent, given back or closed is not looked for among 5,000 others."""
    few, many = await looks(50, work), await looks(IDLE, work)

    assert many <= few <= 3


async def test_a_loan_wakes_no_idle_connection_but_its_own() -> None:
    """After a pause a loan asks one connection for a sign of life, not all of them."""
    url = "fake://?concurrent=true"
    with faults() as ordered:
        async with asyncdb.create_pool(url, min_size=100, max_size=100) as pool:
            keeper = pool._lifecycle
            clock = keeper.now
            keeper.now = lambda: clock() + 60
            ordered.passed.clear()
            await loans(pool, 2)
            asked = len(ordered.passed) - 2  # each ran a statement

            assert asked <= 2


# -- answers ------------------------------------------------------------------------


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
