"""The end of a transaction: done, not done, or unknown, and said as it is."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

import asyncdb
from asyncdb.testing.fake import faults
from tests.plugins.databases import ENGINES, POSTGRESQLS, PSYCOPG, SERVERS, engines
from tests.plugins.proxy import MakeProxy, Proxy

ON_SERVERS = engines(*SERVERS, *PSYCOPG)
LIMIT = 0.3
SLACK = 0.5


@pytest_asyncio.fixture
async def proxy(database_url: str, make_proxy: MakeProxy) -> Proxy:
    """A proxy in front of the database."""
    return await make_proxy(database_url)


@pytest_asyncio.fixture
async def remote(
    proxy: Proxy, database_url: str, table: str
) -> AsyncIterator[asyncdb.Connection]:
    """A connection through the proxy, and a table with the column a."""
    async with asyncdb.connect(database_url) as db:
        await db.execute(f"CREATE TABLE {table} (a INTEGER)")
    async with asyncdb.connect(proxy.url, close_timeout=LIMIT) as db:
        yield db
    proxy.cut()  # a server that heard nothing would hold its locks


async def count(url: str, table: str) -> int:
    """Count a table's rows, from another connection."""
    async with asyncdb.connect(url) as db:
        return int(await db.fetchval(f"SELECT count(*) FROM {table}"))


@ON_SERVERS
@pytest.mark.parametrize("how", ["block", "tx.commit", "commit"])
async def test_an_answer_that_never_came(
    remote: asyncdb.Connection, proxy: Proxy, table: str, how: str
) -> None:
    """A COMMIT whose answer is lost is CommitUnknown, whichever way it was sent."""

    async def work() -> None:
        insert = f"INSERT INTO {table} VALUES (1)"
        if how == "commit":
            await remote.begin()
            await remote.execute(insert)
            proxy.stall()
            await remote.commit()
            return
        async with remote.transaction() as tx:
            await remote.execute(insert)
            proxy.stall()
            if how == "tx.commit":
                await tx.commit()

    task = asyncio.create_task(work())
    await proxy.stalled.wait()
    proxy.cut()
    with pytest.raises(asyncdb.CommitUnknown) as caught:
        async with asyncio.timeout(2):
            await task

    assert caught.value.__cause__ is not None
    assert not caught.value.is_transient
    assert remote.is_closed


@ON_SERVERS
async def test_a_commit_that_was_done_and_not_heard(
    remote: asyncdb.Connection, proxy: Proxy, database_url: str, table: str
) -> None:
    """It may have happened: the answer is cut, the rows are there."""
    with pytest.raises(asyncdb.CommitUnknown):
        async with remote.transaction():
            await remote.execute(f"INSERT INTO {table} VALUES (1)")
            proxy.cut_after(2)

    assert 1 == await count(database_url, table)


@ON_SERVERS
async def test_cancelled_in_a_silent_commit(
    remote: asyncdb.Connection, proxy: Proxy, table: str
) -> None:
    """Cancelled while COMMIT is unanswered: CancelledError from CommitUnknown."""

    async def work() -> None:
        async with remote.transaction():
            await remote.execute(f"INSERT INTO {table} VALUES (1)")
            proxy.stall()

    task = asyncio.create_task(work())
    await proxy.stalled.wait()
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task

    assert time.monotonic() - began < 0.5
    assert isinstance(caught.value.__cause__, asyncdb.CommitUnknown)
    assert remote.is_closed


@ON_SERVERS
async def test_a_deadline_in_a_silent_commit(
    proxy: Proxy, database_url: str, table: str
) -> None:
    """statement_timeout over a COMMIT without an answer is CommitUnknown."""
    async with asyncdb.connect(database_url) as db:
        await db.execute(f"CREATE TABLE {table} (a INTEGER)")
    async with asyncdb.connect(
        proxy.url, close_timeout=LIMIT, statement_timeout=LIMIT
    ) as db:
        with pytest.raises(asyncdb.CommitUnknown):
            async with db.transaction():
                await db.execute(f"INSERT INTO {table} VALUES (1)")
                proxy.stall()
    proxy.cut()


@ON_SERVERS
async def test_a_batch_that_is_late_in_a_silent_commit(
    database_url: str, make_proxy: MakeProxy, table: str
) -> None:
    """Nor is the batch's own timeout an answer: its statements have run."""
    commits = b"COMMIT", b"SET autocommit = 1"
    sent = False

    def edit(side: str, data: bytes) -> bytes:
        if side == "client" and sent and any(word in data for word in commits):
            proxy.stall()
        return data

    async with asyncdb.connect(database_url) as db:
        await db.execute(f"CREATE TABLE {table} (a INTEGER)")
    proxy = await make_proxy(database_url, edit)
    queued = []
    async with asyncdb.connect(proxy.url, close_timeout=LIMIT) as db:
        with pytest.raises(asyncdb.CommitUnknown) as caught:
            async with db.batch(transaction=True, timeout=2) as batch:
                for number in (1, 2):
                    insert = f"INSERT INTO {table} VALUES (?)"
                    queued.append(batch.execute(insert, [number]))
                sent = True

    assert proxy.stalled.is_set()
    assert isinstance(caught.value.__cause__, asyncdb.StatementTimeout)
    for one in queued:
        with pytest.raises(asyncdb.CommitUnknown):
            one.result()
    assert 2 == await count(database_url, table)


@engines("sqlite", *POSTGRESQLS)
@pytest.mark.parametrize("by_hand", [False, True], ids=["block", "commit"])
async def test_a_commit_that_is_refused(
    db: asyncdb.Connection, table: str, by_hand: bool
) -> None:
    """A constraint that fails at COMMIT is told by name, and nothing is left open."""
    await db.execute(
        f"CREATE TABLE {table} (a INTEGER PRIMARY KEY, b INTEGER "
        f"REFERENCES {table} (a) DEFERRABLE INITIALLY DEFERRED)"
    )
    insert = f"INSERT INTO {table} VALUES (1, 2)"
    with pytest.raises(asyncdb.ForeignKeyViolation):
        if by_hand:
            await db.begin()
            await db.execute(insert)
            await db.commit()
        else:
            async with db.transaction():
                await db.execute(insert)

    assert not db.in_transaction
    assert 0 == await db.fetchval(f"SELECT count(*) FROM {table}")
    async with db.transaction():
        await db.execute(f"INSERT INTO {table} VALUES (1, 1)")


@pytest.mark.parametrize("swallow", [False, True], ids=["told", "swallowed"])
@ON_SERVERS
async def test_a_deadlock(
    db: asyncdb.Connection, database_url: str, table: str, swallow: bool
) -> None:
    """The loser of a deadlock is told, and nothing more of its block is committed."""
    await db.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, n INTEGER)")
    await db.executemany(f"INSERT INTO {table} VALUES (?, 0)", [[1], [2], [3]])
    meeting = asyncio.Barrier(2)

    async def move(one: asyncdb.Connection, first: int, second: int) -> str:
        add = f"UPDATE {table} SET n = n + 1 WHERE id = ?"
        try:
            async with one.transaction():
                await one.execute(add, [first])
                await meeting.wait()
                try:
                    await one.execute(add, [second])
                except asyncdb.DeadlockDetected:
                    if not swallow:
                        raise
                    await one.execute(add, [3])  # on MySQL it would be autocommitted
        except asyncdb.DeadlockDetected as error:
            return "lost" if error.is_transient else "lost for good"
        except asyncdb.TransactionError as error:
            deadlock = isinstance(error.__cause__, asyncdb.DeadlockDetected)
            return "refused" if deadlock else "refused for nothing"
        return "done"

    async with asyncdb.connect(database_url) as other:
        ends = await asyncio.gather(move(db, 1, 2), move(other, 2, 1))

    assert {"done", "refused" if swallow else "lost"} == set(ends)
    rows = await db.fetchall(f"SELECT n FROM {table} ORDER BY id")
    assert [1, 1, 0] == [row.n for row in rows]


@engines(*POSTGRESQLS)
async def test_a_serialization_failure(
    db: asyncdb.Connection, database_url: str, table: str
) -> None:
    """A write against a snapshot that is too old fails, and the block is over."""
    await db.execute(f"CREATE TABLE {table} (n INTEGER)")
    await db.execute(f"INSERT INTO {table} VALUES (0)")
    async with asyncdb.connect(database_url) as other:
        with pytest.raises(asyncdb.SerializationFailure) as caught:
            async with db.transaction(isolation="repeatable read"):
                await db.fetchval(f"SELECT n FROM {table}")
                await other.execute(f"UPDATE {table} SET n = 1")
                await db.execute(f"UPDATE {table} SET n = 2")

    assert caught.value.is_transient
    assert "40001" == caught.value.sqlstate
    assert 1 == await db.fetchval(f"SELECT n FROM {table}")


@engines("sqlite")
async def test_a_snapshot_that_is_too_old(
    db: asyncdb.Connection, database_url: str, table: str
) -> None:
    """On SQLite a deferred BEGIN of the user's that turns to writing too late fails."""
    await db.execute(f"CREATE TABLE {table} (n INTEGER)")
    async with asyncdb.connect(database_url) as other:
        await db.execute("BEGIN")
        await db.fetchall(f"SELECT n FROM {table}")
        await other.execute(f"INSERT INTO {table} VALUES (1)")
        with pytest.raises(asyncdb.SerializationFailure):
            await db.execute(f"INSERT INTO {table} VALUES (2)")
        await db.rollback()

    assert not db.in_transaction


@engines(*ENGINES, *PSYCOPG)
async def test_an_error_that_is_swallowed(db: asyncdb.Connection, table: str) -> None:
    """A block whose error was swallowed does not commit, and says so (25P02)."""
    await db.execute(f"CREATE TABLE {table} (a INTEGER PRIMARY KEY)")
    insert = f"INSERT INTO {table} VALUES (1)"
    with pytest.raises(asyncdb.TransactionError, match="UniqueViolation"):
        async with db.transaction():
            await db.execute(insert)
            with contextlib.suppress(asyncdb.UniqueViolation):
                await db.execute(insert)

    assert not db.in_transaction
    assert 0 == await db.fetchval(f"SELECT count(*) FROM {table}")


@engines("fake")
@pytest.mark.parametrize("point", ["rollback", "execute"])
async def test_a_rollback_that_fails(database_url: str, point: str) -> None:
    """A rollback that fails hides nothing: the first error is raised, the line cut."""
    with faults() as ordered:
        db = await asyncdb.connect(database_url)
        with pytest.raises(ZeroDivisionError):
            async with db.transaction():
                if point == "execute":
                    async with db.transaction():
                        ordered.add("execute", OSError("no"))  # for ROLLBACK TO
                        raise ZeroDivisionError
                ordered.add("rollback", RuntimeError("no"))
                raise ZeroDivisionError

        assert db.is_closed
        assert ordered.opened == ordered.closed


@engines("fake")
async def test_a_commit_that_fails_and_cannot_be_rolled_back(database_url: str) -> None:
    """A failing COMMIT leaves nothing open even when its rollback fails too."""
    with faults() as ordered:
        db = await asyncdb.connect(database_url)
        ordered.add("commit", ValueError("first"))
        ordered.add("rollback", RuntimeError("second"))
        with pytest.raises(ValueError, match="first"):
            async with db.transaction():
                await db.execute("SELECT 1")

        assert db.is_closed
