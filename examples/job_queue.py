"""A queue of jobs in a table: four workers, no job lost, none done twice.

    python job_queue.py         makes tables, adds twenty jobs, works until all are done
    python job_queue.py work    works until SIGTERM, which lets the jobs in hand end

The environment's DATABASE_URL says which database; without it, a SQLite in memory.
"""

import asyncio
import contextlib
import os
import signal
import sys
import time
from dataclasses import dataclass

import asyncdb
from asyncdb.contrib.postgresql import listen, notify

URL = os.environ.get("DATABASE_URL") or "sqlite://"
LEASE = float(os.environ.get("LEASE", "30"))  # longer than any job takes
SECONDS = float(os.environ.get("SECONDS", "0.01"))  # what a job takes here
WORKERS, ATTEMPTS, POLL = 4, 5, 0.1
JOBS, RESULTS = "example_jobs", "example_results"


@dataclass
class Job:
    """A job in hand; it is ours as long as the table has the same `attempt`."""

    id: int
    number: int
    attempt: int


async def work(job: Job) -> int:
    """Do what takes long, outside of any transaction; one in seven fails at first."""
    await asyncio.sleep(SECONDS)
    if job.number % 7 == 0 and job.attempt == 1:
        raise RuntimeError("try again")
    return job.number**2


class Queue:
    """The jobs, and those who work on them."""

    def __init__(self, pool: asyncdb.Pool, stop_after: int | None = None) -> None:
        self.pool, self.stop_after, self.done = pool, stop_after, 0
        self.stopping, self.wake = False, asyncio.Event()
        self.hears = pool.dialect.name == "postgresql"

    async def create(self) -> None:
        """Make the tables."""
        dialect = self.pool.dialect
        await self.pool.execute(
            f"CREATE TABLE {JOBS} (id {dialect.identity_column}, number INTEGER, "
            f"state VARCHAR(6), due {dialect.column_types['float']}, attempt INTEGER)"
        )
        await self.pool.execute(f"CREATE INDEX {JOBS}_due ON {JOBS} (state, due)")
        await self.pool.execute(f"CREATE TABLE {RESULTS} (job BIGINT, result BIGINT)")

    async def add(self, numbers: range) -> None:
        """Add jobs; in the transaction of what they are about, they come with it."""
        insert = f"INSERT INTO {JOBS} (number, state, due, attempt) VALUES (?, ?, ?, 0)"
        async with self.pool.transaction() as db:
            await db.executemany(insert, [(n, "todo", time.time()) for n in numbers])
            if self.hears:
                await notify(db, JOBS)

    async def claim(self, db: asyncdb.Connection) -> Job | None:
        """Take a job that is due, by putting it off: if we die, it is due again."""
        skip = "FOR UPDATE SKIP LOCKED" if db.dialect.supports_skip_locked else ""
        select = (
            f"SELECT id, number, attempt FROM {JOBS} WHERE state = 'todo' AND due <= ? "
            f"ORDER BY due LIMIT 1 {skip}"
        )
        update = f"UPDATE {JOBS} SET due = ?, attempt = ? WHERE id = ? AND attempt = ?"
        while job := await db.fetchone(select, [time.time()], into=Job):
            before, job.attempt = job.attempt, job.attempt + 1
            taken = [time.time() + LEASE, job.attempt, job.id, before]
            if (await db.execute(update, taken)).rowcount:
                return job
        return None

    async def finish(self, db: asyncdb.Connection, job: Job, result: int) -> bool:
        """End the job and keep its result, both or neither, if it is still ours."""
        update = f"UPDATE {JOBS} SET state = 'done' WHERE id = ? AND attempt = ?"
        ours = (await db.execute(update, [job.id, job.attempt])).rowcount == 1
        if ours:
            await db.execute(f"INSERT INTO {RESULTS} VALUES (?, ?)", [job.id, result])
        return ours

    async def put_off(self, job: Job) -> None:
        """Try again later, and each time later; not for ever."""
        state = "todo" if job.attempt < ATTEMPTS else "failed"
        update = f"UPDATE {JOBS} SET state = ?, due = ? WHERE id = ? AND attempt = ?"
        due = time.time() + 0.1 * 2**job.attempt
        await self.pool.execute(update, [state, due, job.id, job.attempt])

    async def step(self) -> None:
        """Do a job, or wait for one."""
        self.wake.clear()
        job = await self.pool.retry(self.claim)
        if job is None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.wake.wait(), POLL)
            return
        try:
            result = await work(job)
        except RuntimeError:
            await self.put_off(job)
            return
        ours = await self.pool.retry(self.finish, job, result)
        self.done += ours  # not `+= await`: the others count meanwhile
        print(f"\rdone {self.done}", end="", flush=True)
        if self.done == self.stop_after:
            self.stop()

    async def worker(self) -> None:
        """Do one job after the other."""
        while not self.stopping:
            try:
                await self.step()
            except (asyncdb.OperationalError, asyncdb.ConnectionClosed):
                await asyncio.sleep(POLL)  # a server restarts; the job is due again

    async def ear(self) -> None:
        """On PostgreSQL, hear of new jobs; a Missed is a reason to look, too."""
        async with listen(self.pool, JOBS) as messages:
            async for _ in messages:
                self.wake.set()

    def stop(self) -> None:
        """Let the workers end what they are doing."""
        self.stopping = True
        self.wake.set()

    async def run(self) -> None:
        """Work until somebody says stop."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.stop)
        ears = [asyncio.create_task(self.ear())] if self.hears else []
        await asyncio.gather(*(self.worker() for _ in range(WORKERS)))
        for ear in ears:
            ear.cancel()
            await asyncio.wait([ear])
        print("\nstopped")


async def main() -> None:
    """Work, on jobs of one's own or on those that are there."""
    async with asyncdb.create_pool(URL, max_size=WORKERS) as pool:
        if sys.argv[1:] == ["work"]:
            await Queue(pool).run()
            return
        queue = Queue(pool, stop_after=20)
        await queue.create()
        try:
            await queue.add(range(20))
            await queue.run()
        finally:
            await pool.execute(f"DROP TABLE {JOBS}")
            await pool.execute(f"DROP TABLE {RESULTS}")


if __name__ == "__main__":
    asyncio.run(main())
