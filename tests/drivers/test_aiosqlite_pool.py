"""SQLite under a pool: who writes, what a reset undoes, one database in memory."""

from __future__ import annotations

import asyncio
import random

import pytest

import asyncdb
from asyncdb.drivers.aiosqlite.writing import Queue, turn, writes
from asyncdb.sql import prepare
from asyncdb.testing.conformance.chapter import ids

# Runs until it is stopped.
ENDLESS = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
    " SELECT count(*) FROM n"
)


async def settle() -> None:
    """Let every task that can run do so."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize("block", [True, False])
async def test_a_hundred_writers(sqlite_url: str, block: bool) -> None:
    """A hundred tasks with ten commits each meet no lock, and none is lost."""
    async with asyncdb.create_pool(sqlite_url, max_size=10) as pool:
        await pool.execute("PRAGMA synchronous = OFF")
        await pool.execute("CREATE TABLE t (a INTEGER, b INTEGER)")
        insert = "INSERT INTO t VALUES (?, ?)"

        async def write(a: int) -> None:
            for b in range(10):
                if block:
                    async with pool.transaction() as db:
                        await db.execute(insert, [a, b])
                else:
                    await pool.execute(insert, [a, b])

        await asyncio.gather(*(write(a) for a in range(100)))

        count = await pool.fetchval(
            "SELECT count(*) FROM (SELECT DISTINCT a, b FROM t)"
        )
        assert 1000 == count


async def test_writers_queue_in_order(sqlite_url: str) -> None:
    """Separate connections of a process write in the order of coming."""
    connections = [await asyncdb.connect(sqlite_url) for _ in range(6)]
    first, *others = connections
    await first.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, place INTEGER)")
    insert = "INSERT INTO t (place) VALUES (?)"
    async with first.transaction():
        await first.fetchval("SELECT 1")  # a block has its turn from here
        tasks = []
        for place, db in enumerate(others):
            tasks.append(asyncio.create_task(db.execute(insert, [place])))
            await settle()
    await asyncio.gather(*tasks)

    sql = "SELECT place FROM t ORDER BY id"
    assert [0, 1, 2, 3, 4] == [row.place for row in await first.fetchall(sql)]
    for db in connections:
        await db.close()


async def test_readers_do_not_queue(sqlite_url: str) -> None:
    """A read, in autocommit or in a read-only block, waits for no writer."""
    async with asyncdb.connect(sqlite_url) as writer, asyncdb.connect(sqlite_url) as db:
        await writer.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
        async with writer.transaction():
            await writer.execute("INSERT INTO t VALUES (1)")
            async with asyncio.timeout(5):
                assert [] == await ids(db, "t")
                async with db.transaction(readonly=True):
                    assert [] == await ids(db, "t")


@pytest.mark.parametrize(
    "end",
    [
        "commit",
        "rollback",
        "error",
        "text",
        "interrupt",
        "close",
        "terminate",
        "cancel",
    ],
)
async def test_the_turn_ends_with_the_transaction(sqlite_url: str, end: str) -> None:
    """However a transaction ends, the next writer has its turn."""
    async with asyncdb.connect(sqlite_url, lock_timeout=3) as other:
        await other.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
        db = await asyncdb.connect(sqlite_url)
        long = (
            "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1"
            " FROM n) SELECT i FROM n"
        )
        if end == "text":
            await db.execute("BEGIN IMMEDIATE")
            await db.execute("ROLLBACK")
        else:
            await db.begin()
        if end in ("commit", "rollback", "close", "terminate"):
            await db.fetchval("SELECT 1")
        if end == "commit":
            await db.commit()
        elif end == "rollback":
            await db.rollback()
        elif end in ("close", "terminate"):
            await (db.close() if end == "close" else asyncio.to_thread(int))
            db._session.inner.terminate()
        elif end == "error":
            with pytest.raises(asyncdb.UndefinedTable):
                await db.execute("INSERT INTO missing VALUES (1)")
            await db.rollback()
        elif end in ("interrupt", "cancel"):
            task = asyncio.create_task(db.execute(long))
            done, _ = await asyncio.wait([task], timeout=0.05)
            assert not done
            if end == "cancel":
                task.cancel()
            else:
                db._session.inner._raw.interrupt()
            await asyncio.gather(task, return_exceptions=True)

        await other.execute("INSERT INTO t VALUES (1)")
        assert [1] == await ids(other, "t")
        await db.close()


async def test_a_turn_that_does_not_come(sqlite_url: str) -> None:
    """Who waits longer than `lock_timeout` for another writer here is told."""
    async with (
        asyncdb.connect(sqlite_url) as db,
        asyncdb.connect(sqlite_url, lock_timeout=0.01) as other,
        asyncdb.connect(sqlite_url, lock_timeout=None) as impatient,
    ):
        await db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
        async with db.transaction():
            await db.execute("INSERT INTO t VALUES (0)")
            for late in (other, impatient):
                with pytest.raises(
                    asyncdb.LockTimeout, match="of this process"
                ) as error:
                    await late.execute("INSERT INTO t VALUES (1)")
                assert error.value.is_transient
        await other.execute("INSERT INTO t VALUES (1)")


async def test_the_line_survives_cancellations() -> None:
    """Waiters cancelled at any moment leave the line in order, and the turn free."""
    line, chance = Queue(), random.Random(3)
    inside = most = 0

    async def write() -> None:
        nonlocal inside, most
        await line.enter(5)
        inside += 1
        most = max(most, inside)
        try:
            await asyncio.sleep(0)
        finally:
            inside -= 1
            line.leave()

    tasks = [asyncio.create_task(write()) for _ in range(500)]
    for task in tasks:
        if chance.random() < 0.5:
            task.cancel()
        if chance.random() < 0.3:
            await asyncio.sleep(0)
    await asyncio.gather(*tasks, return_exceptions=True)

    assert 1 == most
    await line.enter(0)


async def test_one_line_for_a_file() -> None:
    """Connections to the same file stand in one line, to others in others."""
    first, second, third = turn("/a"), turn("/a"), turn("/b")

    assert first._queue is second._queue is not third._queue


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1", False),
        ("WITH a AS (SELECT 1) SELECT * FROM a", False),
        ("WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", True),
        ("BEGIN", False),
        ("BEGIN IMMEDIATE", True),
        ("PRAGMA user_version", False),
        ("UPDATE t SET a = 1", True),
        ("CREATE TABLE t (a)", True),
        ("VACUUM", True),
        ("COMMIT", False),
    ],
)
async def test_who_is_a_writer(sql: str, expected: bool) -> None:
    """A statement's words tell whether it takes the write lock."""
    async with asyncdb.connect("sqlite://") as db:
        assert expected == writes(prepare(sql, "none", db.dialect.lexis, "qmark"))


async def test_one_database_in_memory() -> None:
    """All borrowers of a pool in memory see one database, one after the other."""
    async with asyncdb.create_pool("sqlite://", max_size=10) as pool:
        await pool.execute("CREATE TABLE t (a INTEGER)")
        inserts = (pool.execute("INSERT INTO t VALUES (?)", [i]) for i in range(50))
        await asyncio.gather(*inserts)

        assert 50 == await pool.fetchval("SELECT count(*) FROM t")
        assert (1, 1) == (pool.stats().max_size, pool.stats().created)


async def test_a_reset_in_memory_keeps_the_data() -> None:
    """A touched session in memory is cleaned up in place: the data stays."""
    async with asyncdb.create_pool("sqlite://") as pool:
        await pool.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
        await pool.execute("INSERT INTO t VALUES (1)")
        async with pool.acquire() as db:
            await db.execute('CREATE TEMP TABLE "a ""b" (a)')
            await db.execute("CREATE TEMP VIEW v AS SELECT 1")
            await db.execute("PRAGMA foreign_keys = OFF")
            await db.execute("PRAGMA query_only = ON")
            await db.execute("ATTACH ':memory:' AS other")
            db.native._conn.row_factory = lambda *_: None

        assert [1] == await ids(pool, "t")
        assert 1 == await pool.fetchval("PRAGMA foreign_keys")
        assert 0 == await pool.fetchval("PRAGMA query_only")
        assert 0 == await pool.fetchval("SELECT count(*) FROM sqlite_temp_master")
        assert ["main"] == [
            row.name
            for row in await pool.fetchall("PRAGMA database_list")
            if row.name != "temp"
        ]
        assert {} == pool.stats().closed


async def test_a_touched_file_is_opened_again(sqlite_url: str) -> None:
    """A touched session of a file is replaced by a new one."""
    async with asyncdb.create_pool(sqlite_url, max_size=1) as pool:
        await pool.execute("PRAGMA foreign_keys = OFF")

        assert 1 == await pool.fetchval("PRAGMA foreign_keys")
        assert 1 <= pool.stats().closed["reset"]


async def test_terminating_while_a_statement_runs(sqlite_url: str) -> None:
    """`terminate()` stops a statement that would run for ever."""
    pool = await asyncdb.create_pool(sqlite_url)
    task = asyncio.create_task(pool.fetchval(ENDLESS))
    await asyncio.wait([task], timeout=0.05)
    pool.terminate()
    async with asyncio.timeout(5):
        with pytest.raises(asyncdb.DatabaseError):
            await task


async def test_terminating_who_waits_in_line(sqlite_url: str) -> None:
    """Whose turn comes when its connection is gone is told so."""
    pool = await asyncdb.create_pool(sqlite_url, min_size=2)
    await pool.execute("CREATE TABLE t (id INTEGER)")
    writer = await pool.acquire()
    await writer.begin()
    await writer.execute("INSERT INTO t VALUES (0)")
    task = asyncio.create_task(pool.execute("INSERT INTO t VALUES (1)"))
    await settle()
    pool.terminate()
    await asyncio.wait([task], timeout=5)

    assert task.done()
    with pytest.raises(asyncdb.ConnectionClosed):
        await task


async def test_cancelled_when_its_connection_is_gone() -> None:
    """A cancellation stays one, though there is nothing left to interrupt."""
    async with asyncdb.connect("sqlite://") as db:
        task = asyncio.create_task(db.execute(ENDLESS))
        await settle()
        thread = db.native._thread
        db._session.inner.terminate()
        thread.join(5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
