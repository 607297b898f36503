"""How time and memory grow as the work does, each subject in a process of its own.

`python -m benchmarks.growth CORE SUBJECT URL` is such a process: it writes a line of
JSON for each size, `[size, repetitions' seconds, megabytes or null]`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import asyncdb
from asyncdb.testing import faults
from benchmarks.contestants.contestant import COLUMNS
from benchmarks.measure import Spread, spread
from benchmarks.table import ENGINES
from benchmarks.worker import peak, pin

POOL = 10
LOANS = 1_000
SECONDS = 1.0  # for the repetitions of one size; there is always one
MOST = 31  # of them
FAKE = "fake://?concurrent=true"
TEN = " UNION ALL ".join(["SELECT 0 AS n", *(f"SELECT {n}" for n in range(1, 10))])
ROWS = f"SELECT {COLUMNS} FROM items, ({TEN}) AS ten LIMIT "

# -- what is done --------------------------------------------------------------------


async def rows(url: str, size: int) -> float:
    """Stream so many rows of eight columns."""
    async with asyncdb.connect(url) as db:
        begun = time.perf_counter()
        async with db.stream(f"{ROWS}{size}") as found:
            count = 0
            async for _row in found:
                count += 1
        seconds = time.perf_counter() - begun
    assert count == size  # noqa: S101  # else the time is of something else
    return seconds


_numbers = itertools.count()


async def texts(url: str, size: int) -> float:
    """Send so many texts that never come again."""
    async with asyncdb.connect(url) as db:
        begun = time.perf_counter()
        for start in range(0, size, 1_000):
            with faults():  # the fake keeps a list of what was done
                for _ in range(min(1_000, size - start)):
                    await db.execute(f"SELECT {next(_numbers)}, ?", [1])
        return time.perf_counter() - begun


async def waiters(url: str, size: int) -> float:
    """Let so many tasks take a connection from a pool of ten."""
    async with asyncdb.create_pool(url, min_size=POOL, max_size=POOL) as pool:

        async def work() -> None:
            async with pool.acquire():
                await asyncio.sleep(0)  # else nobody would have to wait

        begun = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(size)))
        return time.perf_counter() - begun


async def idle(url: str, size: int) -> float:
    """Take and give back a connection, so many idle ones beside it."""
    async with asyncdb.create_pool(url, min_size=size, max_size=size) as pool:
        begun = time.perf_counter()
        for _ in range(LOANS):
            async with pool.acquire():
                pass
        return time.perf_counter() - begun


async def upkeep(url: str, size: int) -> float:
    """Look after so many idle connections once, which the pool does by a timer."""
    async with asyncdb.create_pool(url, min_size=size, max_size=size) as pool:
        begun = time.perf_counter()
        pool._lifecycle.look_after()
        return time.perf_counter() - begun


async def opening(url: str, size: int) -> float:
    """Open a pool with so many connections, and close it."""
    begun = time.perf_counter()
    async with asyncdb.create_pool(url, min_size=size, max_size=size):
        pass
    return time.perf_counter() - begun


class Subject(NamedTuple):
    """Something whose cost may grow.

    Args:
        title: what there is more and more of.
        unit: what is to cost the same, however much there is.
        units: how many of them there are in one measurement of a size.
        work: does it and returns the seconds it took.
        sizes: how much.
    """

    title: str
    unit: str
    units: Callable[[int], int]
    work: Callable[[str, int], Awaitable[float]]
    sizes: tuple[int, ...]


def _each(size: int) -> int:
    return size


_TO_A_MILLION = (100, 1_000, 10_000, 100_000, 1_000_000)
_IDLE = (5, 50, 500, 5_000)
SUBJECTS = {
    "rows": Subject("rows of a stream", "a row", _each, rows, _TO_A_MILLION),
    "texts": Subject("texts, all different", "a text", _each, texts, _TO_A_MILLION),
    "waiters": Subject(
        f"tasks, on a pool of {POOL}",
        "a loan",
        _each,
        waiters,
        (1, 10, 100, 1_000, 10_000),
    ),
    "idle": Subject("idle connections", "a loan", lambda _: LOANS, idle, _IDLE),
    "upkeep": Subject("idle connections", "one looked after", _each, upkeep, _IDLE),
    "opening": Subject("connections", "one opened and closed", _each, opening, _IDLE),
}


def engines(subject: str) -> tuple[str, ...]:
    """Where a subject is measured: what the pool does costs the same everywhere."""
    return ENGINES if subject == "rows" else ("fake",)


# -- measuring -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """What one size took.

    Args:
        size: of the subject.
        seconds: for one unit.
        megabytes: that it added to the memory at most, `None` where nobody knows.
    """

    size: int
    seconds: Spread
    megabytes: float | None


def measure(subject: str, url: str, core: int) -> Iterator[Step]:
    """Measure a subject, from the smallest size to the largest.

    Raises:
        RuntimeError: it failed.
    """
    units = SUBJECTS[subject].units
    command = [sys.executable, "-m", "benchmarks.growth", str(core), subject, url]
    root = Path(__file__).resolve().parents[1]
    with subprocess.Popen(
        command, cwd=root, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None  # noqa: S101  # asked for above
        for line in child.stdout:
            size, seconds, megabytes = json.loads(line)
            each = [took / units(size) for took in seconds]
            yield Step(size, spread(each), megabytes)
    if child.returncode:
        message = f"it ended with code {child.returncode}"
        raise RuntimeError(message)


async def _repeat(
    subject: Subject, url: str, size: int
) -> tuple[list[float], float | None]:
    """The seconds of each repetition, and the memory of the first.

    What that leaves behind would hide a part of the others'.
    """
    seconds: list[float] = []

    async def once() -> None:
        seconds.append(await subject.work(url, size))

    begun = time.monotonic()
    megabytes = await peak(once)
    while len(seconds) < MOST and time.monotonic() - begun < SECONDS:
        await once()
    return seconds, megabytes


def main() -> None:
    """Be the process."""
    core, name, url = sys.argv[1:]
    pin(int(core))
    subject = SUBJECTS[name]
    with asyncio.Runner() as runner:
        runner.run(subject.work(url, subject.sizes[0]))  # imports, and warms
        for size in subject.sizes:
            seconds, megabytes = runner.run(_repeat(subject, url, size))
            print(json.dumps([size, seconds, megabytes]), flush=True)


if __name__ == "__main__":
    main()
