"""The example of a job queue, under fire: no job is lost, none is done twice."""

from __future__ import annotations

import asyncio
import contextlib
import os
import runpy
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncdb
from tests.plugins.scale import eventually
from tests.plugins.servers import Server

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "job_queue.py"
MODULE = runpy.run_path(str(EXAMPLE), run_name="job_queue")
JOBS, RESULTS = MODULE["JOBS"], MODULE["RESULTS"]
NUMBER, PATIENCE = 40, 30


@contextlib.asynccontextmanager
async def workers(url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process with four workers, killed at the end if it still runs."""
    settings = {"DATABASE_URL": url, "LEASE": "2", "SECONDS": "0.1"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", str(EXAMPLE), "work"),
        env={**os.environ, **settings, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


class Book:
    """What the tables say, over a server that may be down.

    Args:
        url: the database's.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    async def ask(self, sql: str) -> list[Any]:
        """The rows of a query, by a connection of its own."""
        async with asyncdb.connect(self._url) as db:
            return await db.fetchall(sql)

    async def done(self, number: int) -> None:
        """Wait until so many results are there."""

        async def there() -> bool:
            rows = await self.ask(f"SELECT count(*) FROM {RESULTS}")
            return bool(rows[0][0] >= number)

        await eventually(there, within=PATIENCE)


async def prepare(url: str) -> Book:
    """Make the tables and add the jobs."""
    async with asyncdb.create_pool(url) as pool:
        queue = MODULE["Queue"](pool)
        await queue.create()
        await queue.add(range(NUMBER))
    return Book(url)


async def kill_in_mid_job(process: asyncio.subprocess.Process, book: Book) -> None:
    """SIGKILL the only process of workers when it has jobs in hand."""
    held = (
        f"SELECT count(*) FROM {JOBS} "
        "WHERE state = 'todo' AND attempt > 0 AND NOT (number % 7 = 0 AND attempt = 1)"
    )
    await book.done(3)
    while True:
        process.send_signal(signal.SIGSTOP)
        if (await book.ask(held))[0][0]:
            break
        process.send_signal(signal.SIGCONT)
    process.kill()
    await process.wait()


async def check(process: asyncio.subprocess.Process, book: Book) -> None:
    """All jobs are done, once each; SIGTERM ends the workers in peace."""
    await book.done(NUMBER)
    process.terminate()
    async with asyncio.timeout(PATIENCE):
        out, err = await process.communicate()
    # listen() logs that it has lost its connection; nothing else is said.
    said = [line for line in err.splitlines() if not line.startswith(b"listening on")]
    assert (0, []) == (process.returncode, said)
    assert out.endswith(b"\nstopped\n")

    results = Counter(row[0] for row in await book.ask(f"SELECT job FROM {RESULTS}"))
    jobs = await book.ask(f"SELECT id, state, number, attempt FROM {JOBS}")
    assert {job.id: 1 for job in jobs} == results
    assert {"done"} == {job.state for job in jobs}
    assert NUMBER == len(jobs)
    # Those that fail at first, and those that were in the hands of who died.
    assert all(job.attempt > 1 for job in jobs if job.number % 7 == 0)
    assert any(job.attempt > 1 for job in jobs if job.number % 7)


async def test_killed_workers(sqlite_url: str) -> None:
    """Workers that die in mid-job leave it to others, which do it once (SQLite)."""
    book = await prepare(sqlite_url)
    async with workers(sqlite_url) as first:
        await kill_in_mid_job(first, book)
    async with workers(sqlite_url) as second:
        await check(second, book)


async def test_killed_workers_and_server(server: Server) -> None:
    """So it is when the server is killed and restarted as well."""
    book = await prepare(server.url)
    try:
        async with workers(server.url) as first:
            await kill_in_mid_job(first, book)
        async with workers(server.url) as second:
            await book.done(12)
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            await check(second, book)
    finally:
        async with asyncdb.connect(server.url) as db:
            await db.execute(f"DROP TABLE {JOBS}")
            await db.execute(f"DROP TABLE {RESULTS}")
