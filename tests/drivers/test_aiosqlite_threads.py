"""Which of SQLite's threads runs what: one for all, until it does not get on."""

from __future__ import annotations

import asyncio
import gc
import random
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any
from weakref import ref

import pytest

import asyncdb
from asyncdb.drivers.aiosqlite import threads
from asyncdb.drivers.aiosqlite.connection import AiosqliteConnection
from tests.plugins.scale import eventually

MANY = 6


def session(db: asyncdb.Connection) -> AiosqliteConnection:
    """Return the driver's connection."""
    found: Any = db._session.inner
    assert isinstance(found, AiosqliteConnection)
    return found


async def thread(db: asyncdb.Connection) -> int:
    """Return the thread that runs a job of this connection."""
    found: int = await session(db).hop(threading.get_ident)
    return found


def own(db: asyncdb.Connection) -> int | None:
    """Return the thread that aiosqlite made for it."""
    return session(db)._native._thread.ident


async def lead(owner: asyncdb.Connection, dbs: list[asyncdb.Connection]) -> None:
    """Have a connection's thread take what comes next."""
    others = [db for db in dbs if db is not owner]
    for _ in range(1000):
        await asyncio.gather(*map(thread, [owner, *others]))
        if session(owner)._crew._leader is session(owner)._member.worker:
            return
    pytest.fail("on this machine all jobs take long")


class Long:
    """A job that takes until it is told to end."""

    def __init__(self, db: asyncdb.Connection) -> None:
        self._go_on = threading.Event()
        self._begun = threading.Event()
        self.thread = 0
        self.task = asyncio.create_task(session(db).hop(self._run))

    def _run(self) -> None:
        self.thread = threading.get_ident()
        self._begun.set()
        assert self._go_on.wait(20)

    async def begun(self) -> None:
        """Wait until it runs."""
        assert await asyncio.to_thread(self._begun.wait, 20)

    def end(self) -> None:
        """Let it end."""
        self._go_on.set()


async def take_thread(
    owner: asyncdb.Connection, other: asyncdb.Connection, dbs: list[asyncdb.Connection]
) -> Long:
    """Have a long job of another connection run in the thread of `owner`."""
    await lead(owner, dbs)
    job = Long(other)
    await job.begun()
    assert own(owner) == job.thread
    return job


@pytest.fixture
async def dbs(sqlite_url: str) -> AsyncIterator[list[asyncdb.Connection]]:
    """Connections to one file; in the end nothing of the crew is left undone."""
    async with AsyncExitStack() as stack:
        dbs = [
            await stack.enter_async_context(asyncdb.connect(sqlite_url))
            for _ in range(MANY)
        ]
        await dbs[0].execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
        yield dbs
        members = [session(db)._member for db in dbs]

    async def done() -> bool:
        return not any(member.worker.pending for member in members)

    await eventually(done)


@pytest.fixture
def long(dbs: list[asyncdb.Connection]) -> Iterator[list[Long]]:
    """What has to be ended, whatever happens."""
    kept: list[Long] = []
    yield kept
    for job in kept:
        job.end()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that is busy a short job may seem to be a long one."""
    monkeypatch.setattr(threads, "_STUCK_AFTER", 60)


@pytest.mark.usefixtures("patient")
async def test_one_thread_reads_for_all(dbs: list[asyncdb.Connection]) -> None:
    """Short jobs of many connections run in the same thread; a single one at home."""
    together = [await asyncio.gather(*map(thread, dbs)) for _ in range(3)]
    last, *one_by_one = [await thread(db) for db in [dbs[0], *dbs]]

    assert 1 == len({last, *together[0], *together[1], *together[2]})
    assert [own(db) for db in dbs] == one_by_one


async def test_what_takes_long_holds_up_nobody(
    dbs: list[asyncdb.Connection], long: list[Long]
) -> None:
    """Those behind it go on in another thread, and those who come later, too."""
    for db in dbs[:-1]:
        long.append(Long(db))
        assert 1 == await dbs[-1].fetchval("SELECT 1")
        await long[-1].begun()

    assert MANY - 1 == len({job.thread for job in long})
    assert await thread(dbs[-1]) not in {job.thread for job in long}
    for job in long:
        job.end()
        await job.task


async def test_whose_thread_is_taken_finds_another(
    dbs: list[asyncdb.Connection], long: list[Long]
) -> None:
    """A connection whose own thread runs a long job of another is served."""
    owner, other = dbs[:2]
    long.append(await take_thread(owner, other, dbs))

    async with asyncio.timeout(10):
        await owner.fetchval("SELECT 1")
        await owner.execute("INSERT INTO t VALUES (1)")
        await owner.close()
    assert not long[0].task.done()


@pytest.mark.usefixtures("patient")
async def test_cancelled_behind_a_long_one(
    dbs: list[asyncdb.Connection], long: list[Long]
) -> None:
    """It does not run at all, and its connection is as it was."""
    ran: list[int] = []
    await thread(dbs[0])
    long.append(Long(dbs[0]))
    task = asyncio.create_task(session(dbs[1]).hop(ran.append, 1))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    long[0].end()
    await long[0].task
    assert 7 == await dbs[1].fetchval("SELECT 7")
    assert [] == ran


async def test_cancelled_while_it_runs(dbs: list[asyncdb.Connection]) -> None:
    """Others behind it lose nothing, and are not interrupted."""
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
    await thread(dbs[0])
    task = asyncio.create_task(dbs[0].fetchval(f"{endless} SELECT max(i) FROM n"))
    others = [asyncio.create_task(db.fetchval("SELECT 7")) for db in dbs[1:]]
    await asyncio.sleep(0)
    task.cancel()

    assert [7] * (MANY - 1) == await asyncio.gather(*others)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert 7 == await dbs[0].fetchval("SELECT 7")


@pytest.mark.parametrize("cut", [True, False])
async def test_the_thread_that_leads_ends(
    dbs: list[asyncdb.Connection], cut: bool
) -> None:
    """Its connection is closed: the jobs of others that it was given are done."""
    owner, *others = dbs
    await lead(owner, dbs)
    tasks = [asyncio.create_task(db.fetchval("SELECT 7")) for db in others]
    await asyncio.sleep(0)
    if cut:
        session(owner).terminate()
    else:
        await owner.close()

    assert [7] * (MANY - 1) == await asyncio.gather(*tasks)
    assert [7] * (MANY - 1) == [await db.fetchval("SELECT 7") for db in others]


@pytest.mark.parametrize("cut", [True, False])
async def test_closed_while_its_job_runs_elsewhere(
    dbs: list[asyncdb.Connection], cut: bool
) -> None:
    """The file is closed when that job has stopped, and nobody waits behind it."""
    db = dbs[1]
    await lead(dbs[0], dbs)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
    running = asyncio.create_task(db.fetchval(f"{endless} SELECT max(i) FROM n"))
    others = [asyncio.create_task(thread(other)) for other in dbs if other is not db]
    await asyncio.gather(*others)  # in another thread by now
    raw = session(db)._raw
    if cut:
        session(db).terminate()
    else:
        await db.close()
    with pytest.raises(asyncdb.Error):
        await running
    ended = session(db)._native._thread
    await asyncio.to_thread(ended.join, 10)

    assert not ended.is_alive()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        raw.execute("SELECT 1")


@pytest.mark.usefixtures("patient")  # readers behind it would not be moved
async def test_a_writer_holds_up_no_reader(
    dbs: list[asyncdb.Connection], long: list[Long]
) -> None:
    """What it does until it has committed has a thread to itself."""
    writer, *readers = dbs
    async with writer.transaction():
        await writer.execute("INSERT INTO t VALUES (1)")
        long.append(Long(writer))
        await long[0].begun()
        assert [0] * len(readers) == [
            await db.fetchval("SELECT count(*) FROM t") for db in readers
        ]
        assert long[0].thread not in await asyncio.gather(*map(thread, readers))
        long[0].end()
        await long[0].task


async def test_native_has_its_own_thread(
    dbs: list[asyncdb.Connection], long: list[Long]
) -> None:
    """All of a connection happens in aiosqlite's thread when it was handed out."""
    await thread(dbs[1])
    for db in dbs:
        assert db.native is session(db)._native
    assert [own(db) for db in dbs] == await asyncio.gather(*map(thread, dbs))

    long.append(Long(dbs[0]))
    await long[0].begun()
    assert own(dbs[0]) == long[0].thread
    found = await asyncio.gather(*map(thread, dbs[1:]))
    assert [own(db) for db in dbs[1:]] == found


@pytest.mark.parametrize("turns", range(1, 8))
async def test_cut_when_its_job_has_hardly_begun(
    dbs: list[asyncdb.Connection], turns: int
) -> None:
    """An interrupt that comes too early is repeated, and nobody waits behind."""
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
    for db in dbs[:-1]:
        task = asyncio.create_task(db.fetchval(f"{endless} SELECT max(i) FROM n"))
        for _ in range(turns):
            await asyncio.sleep(0)
        session(db).terminate()
        assert 7 == await dbs[-1].fetchval("SELECT 7")
        with pytest.raises(asyncdb.Error):
            await task


@pytest.mark.parametrize("cut", [True, False])
async def test_interrupted_before_sqlite_has_begun(
    dbs: list[asyncdb.Connection], cut: bool
) -> None:
    """SQLite does not hear it, and is told again until the statement has ended."""
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
    ours = session(dbs[0])
    begun, go_on = threading.Event(), threading.Event()

    def job(raw: sqlite3.Connection) -> None:
        begun.set()
        assert go_on.wait(20)
        raw.execute(f"{endless} SELECT max(i) FROM n").fetchall()

    task = asyncio.create_task(ours.hop(job, ours._raw))
    assert await asyncio.to_thread(begun.wait, 20)
    if cut:
        ours.terminate()
    else:
        task.cancel()
        await asyncio.sleep(0)  # it is interrupted for the first time
    go_on.set()
    done, _ = await asyncio.wait([task], timeout=10)

    assert done
    assert cut is ours.is_closed()
    with pytest.raises(sqlite3.OperationalError if cut else asyncio.CancelledError):
        await task


async def test_a_job_waits_for_its_connection(dbs: list[asyncdb.Connection]) -> None:
    """While another job of it runs, no job begins, nor is it taken from its thread."""
    member = session(dbs[0])._member
    job = threads.Job(member, threading.get_ident)
    with member.running:
        member.crew.give(job, shared=True)
        waiting = asyncio.ensure_future(job.ended())
        done, _ = await asyncio.wait([waiting], timeout=0.05)  # a wait gives no sign
        assert not done
        assert not job.has_begun
        assert not job.take_back()

    assert own(dbs[0]) == await job


async def test_closed_while_it_waits_behind_a_long_one(
    dbs: list[asyncdb.Connection], long: list[Long]
) -> None:
    """It is closed at once, though the long job runs in its own thread."""
    owner, other = dbs[:2]
    long.append(await take_thread(owner, other, dbs))
    waiting = asyncio.create_task(owner.fetchval("SELECT 7"))
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await owner.close()
        with pytest.raises(asyncdb.Error):
            await waiting
    assert not long[0].task.done()


async def test_what_cannot_be_interrupted_keeps_its_thread(
    dbs: list[asyncdb.Connection], long: list[Long]
) -> None:
    """It goes on in the thread that it took, which is nobody else's any more."""
    for db in dbs[:-1]:
        long.append(Long(db))
        await long[-1].begun()
        long[-1].task.cancel()  # and its connection is given up
        with pytest.raises(asyncio.CancelledError):
            await long[-1].task
        assert db.is_closed
        async with asyncio.timeout(10):
            assert 7 == await dbs[-1].fetchval("SELECT 7")
            await dbs[-1].execute("INSERT INTO t DEFAULT VALUES")


async def test_the_lock_of_a_connection_that_is_cut(
    dbs: list[asyncdb.Connection], long: list[Long]
) -> None:
    """Its transaction is over at once, though somebody's long job has its thread."""
    x, y, z = dbs[:3]
    long.append(await take_thread(x, z, dbs))
    await x.begin()
    await x.execute("INSERT INTO t VALUES (1)")
    running = asyncio.create_task(session(x).hop(threading.Event().wait, 0.05))
    await asyncio.sleep(0)
    session(x).terminate()
    async with asyncio.timeout(4):
        await y.execute("INSERT INTO t VALUES (2)")
    await asyncio.gather(running, return_exceptions=True)

    assert not long[0].task.done()
    assert 2 == await y.fetchval("SELECT max(id) FROM t")


async def test_native_while_a_long_job_has_its_thread(
    dbs: list[asyncdb.Connection], long: list[Long]
) -> None:
    """The connection has another thread then, and waits for nobody."""
    owner, other = dbs[:2]
    long.append(await take_thread(owner, other, dbs))
    async with asyncio.timeout(10):
        cursor = await owner.native.execute("SELECT 7")
        assert (7,) == await cursor.fetchone()
        assert own(owner) == await thread(owner) != long[0].thread
        await owner.close()
    assert not long[0].task.done()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_forgotten_in_a_circle(sqlite_url: str) -> None:
    """Whose thread leads is forgotten: that thread's work goes on, in another one."""
    async with asyncdb.connect(sqlite_url) as kept:
        for _ in range(5):
            db: Any = await asyncdb.connect(sqlite_url)
            await thread(db)
            circle = [db]
            circle.append(circle)
            del db, circle
            gc.collect()
            async with asyncio.timeout(10):
                assert 7 == await kept.fetchval("SELECT 7")


async def test_a_block_that_reads_is_cancelled_at_any_time(sqlite_url: str) -> None:
    """The session may write afterwards, whenever it was."""
    chance = random.Random(1)
    async with asyncdb.connect(sqlite_url) as db:
        await db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")

        async def read() -> None:
            async with db.transaction(readonly=True):
                await db.fetchall("SELECT * FROM t")

        for _ in range(300):
            task = asyncio.create_task(read())
            loop = asyncio.get_running_loop()
            loop.call_later(chance.uniform(0, 0.0006), task.cancel)
            await asyncio.wait([task])
            await db.execute("UPDATE t SET id = id")


@pytest.mark.parametrize("seed", range(10))
async def test_all_of_it_at_random(sqlite_url: str, seed: int) -> None:
    """Whatever is long, short, cancelled, cut: each task has its own answer or error.

    And no two jobs of a connection run at the same time.
    """
    chance = random.Random(seed)
    inside: dict[int, int] = {}

    def job(me: int, seconds: float, value: int) -> int:
        inside[me] = inside.get(me, 0) + 1
        assert 1 == inside[me]
        threading.Event().wait(seconds)
        inside[me] -= 1
        return value

    async def use(pool: asyncdb.Pool, task: int) -> int:
        answers = 0
        for n in range(10):
            value = task * 100 + n
            try:
                async with pool.acquire() as db:
                    there = session(db)
                    seconds = chance.choice([0, 0, 0, 0.001, 0.004])
                    limit = chance.choice([None, None, 0.002])
                    async with asyncio.timeout(limit):
                        found = await there.hop(job, id(there), seconds, value)
                    assert value == found
                    if chance.random() < 0.5:
                        sql = "SELECT CAST(? AS INTEGER)"
                        assert value == await db.fetchval(sql, [value])
                    if chance.random() < 0.1:
                        assert db.native
                    if chance.random() < 0.2:
                        await db.execute("INSERT INTO t VALUES (?)", [value])
                    if chance.random() < 0.1:
                        there.terminate()
                    answers += 1
            except TimeoutError:
                pass
        return answers

    async with asyncio.timeout(30):
        async with asyncdb.create_pool(sqlite_url, max_size=5) as pool:
            await pool.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
            done = await asyncio.gather(*(use(pool, task) for task in range(20)))
            assert sum(done) > 100


def test_a_crew_goes_with_its_loop() -> None:
    """Jobs that wait when a loop ends keep neither it nor the threads."""

    async def leave() -> tuple[list[ref[Any]], list[threading.Thread]]:
        dbs = [await asyncdb.connect("sqlite://") for _ in range(2)]
        tasks = [asyncio.ensure_future(thread(db)) for db in dbs]
        await asyncio.sleep(0)
        ours = [session(db)._native._thread for db in dbs]
        for db in dbs:
            session(db).terminate()
        crew = session(dbs[0])._crew
        del tasks
        return [ref(asyncio.get_running_loop()), ref(crew)], ours

    left, ours = asyncio.run(leave())
    for one in ours:
        one.join(10)
    gc.collect()

    assert [None, None] == [thing() for thing in left]
    assert not any(one.is_alive() for one in ours)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_nothing_keeps_what_is_forgotten(sqlite_url: str) -> None:
    """A thread remembers its last job, and no connection by it."""

    async def forget() -> ref[Any]:
        db = await asyncdb.connect(sqlite_url)
        assert [7] == [row[0] for row in await db.fetchall("SELECT 7")]
        with pytest.raises(asyncdb.UndefinedTable):
            await db.execute("INSERT INTO missing VALUES (1)")
        return ref(db)

    async with asyncdb.connect(sqlite_url) as kept:
        await kept.fetchval("SELECT 7")
        forgotten = await forget()
        await asyncio.sleep(0)  # what woke this task holds the error as long as it runs
        gc.collect()

        assert forgotten() is None
