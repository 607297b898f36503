"""On SQLite a batch that is a transaction commits in the hop of its statements."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

import asyncdb
from asyncdb.dialects.sqlite import LEXIS
from asyncdb.driver import Command
from asyncdb.drivers.aiosqlite import jobs
from asyncdb.sql import prepare
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


async def test_late_at_commit(
    db: asyncdb.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch whose time is over in COMMIT is not known, and says so itself."""
    go = threading.Event()
    end = jobs.end
    queued = []

    def ended(*args: Any, **kwargs: Any) -> None:
        end(*args, **kwargs)
        go.wait(5)

    with monkeypatch.context() as patched:
        patched.setattr(jobs, "end", ended)
        asyncio.get_running_loop().call_later(0.2, go.set)
        with pytest.raises(asyncdb.CommitUnknown) as caught:
            async with db.batch(transaction=True, timeout=0.1) as batch:
                queued.append(batch.execute(INSERT, [1]))

    assert isinstance(caught.value.__cause__, asyncdb.StatementTimeout)
    with pytest.raises(asyncdb.CommitUnknown):
        queued[0].result()
    assert not db.in_transaction
    assert [1] == await ids(db, "t")


async def test_cancelled_when_commit_has_failed(
    db: asyncdb.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What SQLite has refused and undone has certainly not happened."""
    loop, there, go = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def ended(raw: sqlite3.Connection, text: str, *, readonly: bool) -> None:
        raw.execute("ROLLBACK")
        loop.call_soon_threadsafe(there.set)
        go.wait(5)
        raise sqlite3.OperationalError

    queued = []

    async def work() -> None:
        async with db.batch(transaction=True) as batch:
            queued.append(batch.execute(INSERT, [1]))

    with monkeypatch.context() as patched:
        patched.setattr(jobs, "end", ended)
        task = asyncio.create_task(work())
        await there.wait()
        task.cancel()
        loop.call_soon(loop.call_soon, go.set)
        with pytest.raises(asyncio.CancelledError) as caught:
            await task

    assert caught.value.__cause__ is None
    with pytest.raises(asyncdb.TransactionError, match="undone"):
        queued[0].result()
    assert [] == await ids(db, "t")


async def test_closed_before_commit(
    db: asyncdb.Connection, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closed by another task before COMMIT was sent, nothing is done, for sure."""
    loop, there, go = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
    run = jobs.run
    queued = []

    def ran(*args: Any, **kwargs: Any) -> Any:
        found = run(*args, **kwargs)
        loop.call_soon_threadsafe(there.set)
        go.wait(5)
        return found

    async def work() -> None:
        async with db.batch(transaction=True) as batch:
            queued.append(batch.execute(INSERT, [1]))

    with monkeypatch.context() as patched:
        patched.setattr(jobs, "run", ran)
        task = asyncio.create_task(work())
        await there.wait()
        closing = asyncio.create_task(db.close())
        loop.call_soon(loop.call_soon, go.set)
        with pytest.raises(asyncdb.ConnectionClosed):
            await task
        await closing

    with pytest.raises(asyncdb.TransactionError, match="undone"):
        queued[0].result()
    async with asyncdb.connect(sqlite_url) as other:
        assert [] == await ids(other, "t")


def test_what_is_stopped_finds_no_commit() -> None:
    """COMMIT is announced before it is asked whether the batch is to stop.

    Asked first, a batch that was given up between the two would be committed.
    """
    raw = sqlite3.connect(":memory:", isolation_level=None)
    commands = [Command(prepare("SELECT 1", "none", LEXIS, "qmark"), [], plain=False)]
    outcomes: list[Any] = []
    announced = []

    def is_stopping() -> bool:
        announced.append(len(outcomes) > len(commands))
        return announced[-1]

    raw.execute("BEGIN")
    commit = partial(jobs.end, readonly=False)
    jobs.run_batch(raw, commands, outcomes, is_stopping, commit)

    assert [False, True] == announced
    assert len(commands) == len(outcomes)
    assert raw.in_transaction
    raw.close()


@pytest.mark.parametrize("transaction", [False, True])
async def test_each_statement_has_its_patience_once(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, transaction: bool
) -> None:
    """A lock is waited for as long as `lock_timeout` says, not twice as long."""
    path = asyncdb.DatabaseURL(sqlite_url).database
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("CREATE TABLE t (id)")
    run, tries = jobs.run_batch, []

    def ran(raw: sqlite3.Connection, commands: Any, outcomes: Any, *rest: Any) -> None:
        tries.append(len(outcomes))
        run(raw, commands, outcomes, *rest)

    monkeypatch.setattr(jobs, "run_batch", ran)
    begin, begun = jobs.begin_and, []

    def began(raw: sqlite3.Connection, *rest: Any) -> Any:
        begun.append(rest)
        return begin(raw, *rest)

    monkeypatch.setattr(jobs, "begin_and", began)
    async with asyncdb.connect(sqlite_url, lock_timeout=1e-6) as db:
        writer.execute("BEGIN IMMEDIATE")
        with pytest.raises(asyncdb.LockTimeout):
            async with db.batch(transaction=transaction) as batch:
                for number in (1, 2):
                    batch.execute(INSERT, [number])

    writer.close()
    if transaction:  # the lock is taken by BEGIN
        assert ([], 1) == (tries, len(begun))
    else:
        assert ([0, 1], 0) == (tries, len(begun))


async def test_a_batch_that_reads(db: asyncdb.Connection) -> None:
    """It takes no write lock, and the next may write."""
    async with db.batch(transaction=True) as batch:
        count = batch.fetchval("SELECT count(*) FROM t")
    assert 0 == count.result()
    await add(db, 1)
    assert [1] == await ids(db, "t")
