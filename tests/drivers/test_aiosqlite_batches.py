"""On SQLite a batch that is a transaction commits in the hop of its statements."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

import asyncdb
from asyncdb.drivers.aiosqlite import jobs
from asyncdb.testing.conformance.chapter import ids

INSERT = "INSERT INTO t (id) VALUES (?)"


@pytest.fixture
async def db(sqlite_url: str) -> AsyncIterator[asyncdb.Connection]:
    """A connection to a file, whose writers and readers are in each other's way."""
    async with asyncdb.connect(
        sqlite_url, journal_mode="delete", lock_timeout=10
    ) as db:
        await db.executescript(
            "CREATE TABLE t (id INTEGER PRIMARY KEY,"
            " parent INTEGER REFERENCES t DEFERRABLE INITIALLY DEFERRED)"
        )
        yield db


async def add(db: asyncdb.Connection, *numbers: int) -> list[asyncdb.Queued[Any]]:
    """Add rows in a transaction."""
    async with db.batch(transaction=True) as batch:
        return [batch.execute(INSERT, [n]) for n in numbers]


async def test_what_commit_refuses(db: asyncdb.Connection) -> None:
    """A constraint that waits for COMMIT undoes the batch, and is the error."""
    queued = []
    with pytest.raises(asyncdb.ForeignKeyViolation) as caught:
        async with db.batch(transaction=True) as batch:
            queued.append(batch.execute(INSERT, [1]))
            queued.append(batch.execute("INSERT INTO t VALUES (2, 99)"))

    assert "of the batch" not in str(caught.value)
    for one in queued:
        with pytest.raises(asyncdb.TransactionError, match="undone"):
            one.result()
    assert not db.in_transaction
    await add(db, 3)
    assert [3] == await ids(db, "t")


async def test_a_reader_is_in_the_way(
    db: asyncdb.Connection, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """COMMIT waits for those who read, as long as `lock_timeout` allows."""
    path = asyncdb.DatabaseURL(sqlite_url).database
    reader = sqlite3.connect(path, isolation_level=None)
    await add(db, 1)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM t").fetchall()
    loop, waits = asyncio.get_running_loop(), asyncio.Event()
    end = jobs.end

    def ended(raw: sqlite3.Connection, text: str, *, readonly: bool) -> None:
        try:
            end(raw, text, readonly=readonly)
        except sqlite3.OperationalError:
            loop.call_soon_threadsafe(waits.set)
            raise

    monkeypatch.setattr(jobs, "end", ended)
    task = asyncio.create_task(add(db, 2, 3))
    await waits.wait()
    assert not task.done()
    reader.execute("COMMIT")
    queued = await task

    assert [1, 1] == [one.result().rowcount for one in queued]
    assert [(1,), (2,), (3,)] == reader.execute("SELECT id FROM t").fetchall()
    reader.close()


@pytest.mark.parametrize("sent", [False, True])
async def test_cancelled_at_commit(
    db: asyncdb.Connection, monkeypatch: pytest.MonkeyPatch, sent: bool
) -> None:
    """Before COMMIT nothing is done; from then on it is not known."""
    loop, there, go = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
    end, run = jobs.end, jobs.run

    def stop() -> None:
        loop.call_soon_threadsafe(there.set)
        go.wait()

    def ended(*args: Any, **kwargs: Any) -> None:
        end(*args, **kwargs)
        stop()

    def ran(*args: Any, **kwargs: Any) -> Any:
        found = run(*args, **kwargs)
        stop()
        return found

    queued = []

    async def work() -> None:
        async with db.batch(transaction=True) as batch:
            queued.append(batch.execute(INSERT, [1]))

    with monkeypatch.context() as patched:
        patched.setattr(jobs, *(("end", ended) if sent else ("run", ran)))
        task = asyncio.create_task(work())
        await there.wait()
        task.cancel()
        loop.call_soon(loop.call_soon, go.set)
        with pytest.raises(asyncio.CancelledError) as caught:
            await task

    assert isinstance(caught.value.__cause__, asyncdb.CommitUnknown) is sent
    kind = asyncdb.CommitUnknown if sent else asyncdb.TransactionError
    with pytest.raises(kind):
        queued[0].result()
    assert not db.in_transaction
    assert ([1] if sent else []) == await ids(db, "t")
    await add(db, 2)


async def test_a_batch_that_reads(db: asyncdb.Connection) -> None:
    """It takes no write lock, and the next may write."""
    async with db.batch(transaction=True) as batch:
        count = batch.fetchval("SELECT count(*) FROM t")
    assert 0 == count.result()
    await add(db, 1)
    assert [1] == await ids(db, "t")
