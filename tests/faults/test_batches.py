"""Batches that end in the middle: what has run is told, nothing behind it runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

import asyncdb
from tests.plugins.databases import ENGINES, SECOND_DRIVERS, SERVERS, engines
from tests.plugins.proxy import MakeProxy
from tests.plugins.scale import eventually
from tests.plugins.slow import Slow

ALL = (*ENGINES, *SECOND_DRIVERS)
ON_SERVERS = engines(*SERVERS, *SECOND_DRIVERS)
SESSIONS = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE pid = ?",
    "mysql": "SELECT count(*) FROM information_schema.processlist WHERE id = ?",
}
OWN = {"postgresql": "SELECT pg_backend_pid()", "mysql": "SELECT connection_id()"}


@pytest_asyncio.fixture
async def observer(database_url: str) -> AsyncIterator[asyncdb.Connection]:
    """A second connection."""
    async with asyncdb.connect(database_url) as connection:
        yield connection


@pytest_asyncio.fixture
async def insert(db: asyncdb.Connection, table: str) -> str:
    """A statement that inserts a number, which the connection knows already."""
    await db.execute(f"CREATE TABLE {table} (a INTEGER PRIMARY KEY)")
    text = f"INSERT INTO {table} VALUES (?)"
    async with db.batch() as batch:
        batch.execute(text, [100])
        batch.execute(f"DELETE FROM {table}")
    return text


class Cut:
    """A batch with a statement in the middle that does not end.

    Args:
        db: the connection.
        observer: another one.
        insert: a statement that inserts a number.
    """

    def __init__(
        self, db: asyncdb.Connection, observer: asyncdb.Connection, insert: str
    ) -> None:
        self._db = db
        self._observer = observer
        self._insert = insert
        self.queued: list[asyncdb.Queued[object]] = []

    async def begin(
        self, *, transaction: bool = False, timeout: float | None = None
    ) -> asyncio.Task[None]:
        """Begin it, and return when it is in the middle."""
        self.slow = await Slow.on(self._db, self._observer)
        self.pid = None
        if self.slow.engine in OWN:
            self.pid = await self._db.fetchval(OWN[self.slow.engine])

        async def run() -> None:
            async with self._db.batch(
                transaction=transaction, timeout=timeout
            ) as batch:
                self.queued = [
                    batch.execute(self._insert, [1]),
                    batch.fetchval("SELECT 41 + ?", [1]),
                    batch.execute(self.slow.sql),
                    *(batch.execute(self._insert, [n]) for n in range(2, 20)),
                ]

        task = asyncio.create_task(run())
        await self.slow.started()
        return task

    async def assert_left(self, *numbers: int) -> None:
        """Assert which rows are there when the server is done with it."""
        await self.slow.stopped()
        if self._db.is_closed:
            await eventually(self._is_gone)
        else:
            assert 42 == await self._db.fetchval("SELECT 41 + ?", [1])
            assert not self._db.in_transaction
        table = self._insert.split()[2]
        found = await self._observer.fetchall(f"SELECT a FROM {table}", into=int)
        assert list(numbers) == found

    async def _is_gone(self) -> bool:
        if self.pid is None:
            return True
        sql = SESSIONS[self.slow.engine]
        return not await self._observer.fetchval(sql, [self.pid])

    def assert_told(self) -> None:
        """Assert that what was done is told, and the others have an error."""
        first, second, *others = self.queued
        done = first.result()
        assert isinstance(done, asyncdb.Cursor)
        assert (1, 42) == (done.rowcount, second.result())
        for queued in others:
            with pytest.raises(asyncdb.Error):
                queued.result()


@engines(*ALL)
async def test_cancelled_outside(
    db: asyncdb.Connection, observer: asyncdb.Connection, insert: str
) -> None:
    """What ran before stays and is told; nothing behind the cancelled one runs."""
    cut = Cut(db, observer, insert)
    task = await cut.begin()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await cut.assert_left(1)
    cut.assert_told()


@engines(*ALL)
async def test_late_outside(
    db: asyncdb.Connection, observer: asyncdb.Connection, insert: str
) -> None:
    """So it is when the batch's time is over."""
    cut = Cut(db, observer, insert)
    task = await cut.begin(timeout=0.5)
    with pytest.raises(asyncdb.StatementTimeout, match="statement 3 of 21"):
        await task

    await cut.assert_left(1)
    cut.assert_told()


@engines(*ALL)
@pytest.mark.parametrize("how", ["cancel", "timeout"])
async def test_cut_short_in_a_transaction(
    db: asyncdb.Connection, observer: asyncdb.Connection, insert: str, how: str
) -> None:
    """Of a batch that is a transaction nothing is left, and nothing has a result."""
    cut = Cut(db, observer, insert)
    task = await cut.begin(transaction=True, timeout=0.5 if how == "timeout" else None)
    if how == "cancel":
        task.cancel()
    kind = asyncio.CancelledError if how == "cancel" else asyncdb.StatementTimeout
    with pytest.raises(kind):
        await task

    await cut.assert_left()
    for queued in cut.queued:
        with pytest.raises(asyncdb.TransactionError):
            queued.result()


@ON_SERVERS
async def test_killed(
    db: asyncdb.Connection, observer: asyncdb.Connection, insert: str
) -> None:
    """Of a session that the server ends in the middle, what was answered is told."""
    cut = Cut(db, observer, insert)
    task = await cut.begin()
    await cut.slow.end()
    with pytest.raises(asyncdb.ConnectionLost, match="statement 3 of 21"):
        await task

    assert db.is_closed
    await cut.assert_left(1)
    cut.assert_told()


@ON_SERVERS
async def test_another_task_s_rows(
    database_url: str, observer: asyncdb.Connection
) -> None:
    """After a cancelled batch on its connection the next task gets its own rows."""
    async with asyncdb.create_pool(database_url, max_size=1) as pool:
        for transaction in (True, False):
            slow = await Slow.on(await _borrowed(pool), observer)

            async def run(slow: Slow = slow, transaction: bool = transaction) -> None:
                async with pool.batch(transaction=transaction) as batch:
                    batch.fetchval("SELECT 1")
                    batch.execute(slow.sql)
                    for number in range(2, 50):
                        batch.fetchval("SELECT ?", [number])

            task = asyncio.create_task(run())
            await slow.started()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

            for number in range(100, 110):
                assert number == await pool.fetchval(
                    "SELECT CAST(? AS DECIMAL)", [number]
                )
            await slow.stopped()
            assert 0 == pool.stats().in_use


async def _borrowed(pool: asyncdb.Pool) -> asyncdb.Connection:
    async with pool.acquire() as db:
        return db


@ON_SERVERS
@pytest.mark.parametrize("how", ["cut", "cancel"])
async def test_an_unknown_commit(
    database_url: str, make_proxy: MakeProxy, table: str, how: str
) -> None:
    """A batch whose COMMIT is not answered is CommitUnknown, and so is each result."""
    async with asyncdb.connect(database_url) as other:
        await other.execute(f"CREATE TABLE {table} (a INTEGER PRIMARY KEY)")

    def stall_behind_commit(side: str, data: bytes) -> bytes:
        # By which MySQL commits, too, where a batch has switched it off.
        ends = b"COMMIT" in data or b"autocommit = 1" in data
        if armed and side == "client" and ends:
            proxy.stall()
            unheard.set()
        return data

    armed: list[bool] = []
    unheard = asyncio.Event()
    proxy = await make_proxy(database_url, stall_behind_commit)
    async with asyncdb.connect(proxy.url, close_timeout=0.3) as db:
        text = f"INSERT INTO {table} VALUES (?)"
        async with db.batch(transaction=True) as batch:
            batch.execute(text, [1])
            batch.execute(text, [2])
        armed.append(True)
        queued = []

        async def run() -> None:
            async with db.batch(transaction=True) as batch:
                queued.append(batch.execute(text, [3]))
                queued.append(batch.execute(text, [4]))

        task = asyncio.create_task(run())
        await unheard.wait()
        if how == "cut":
            proxy.cut()
        else:
            task.cancel()
        with pytest.raises(
            asyncdb.CommitUnknown if how == "cut" else asyncio.CancelledError
        ) as caught:
            await task

        assert "of the batch" not in str(caught.value)
        for one in queued:
            with pytest.raises(asyncdb.CommitUnknown):
                one.result()
    proxy.cut()  # a server that heard nothing would hold its locks


@engines(*ALL)
async def test_cancelled_among_many(
    db: asyncdb.Connection, observer: asyncdb.Connection, insert: str
) -> None:
    """Cancelled between two quick statements, it stops; the front of it is there."""
    table = insert.split()[2]
    many = 40_000
    queued: list[asyncdb.Queued[asyncdb.Cursor]] = []
    name = db.dialect.name
    pid = await db.fetchval(OWN[name]) if name in OWN else None

    async def run() -> None:
        async with db.batch() as batch:
            queued.extend(batch.execute(insert, [n]) for n in range(many))

    task = asyncio.create_task(run())

    async def has_begun() -> bool:
        return bool(await observer.fetchval(f"SELECT count(*) FROM {table}"))

    await eventually(has_begun, within=20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    if db.is_closed:
        assert pid is not None

        async def is_gone() -> bool:
            sql = SESSIONS[db.dialect.name]
            return not await observer.fetchval(sql, [pid])

        await eventually(is_gone)
    else:  # it answers when all is over
        assert 42 == await db.fetchval("SELECT 41 + ?", [1])
    found = await observer.fetchall(f"SELECT a FROM {table} ORDER BY a", into=int)
    assert list(range(len(found))) == found
    assert 0 < len(found) < many
    for one in queued[len(found) + 1 :]:
        with pytest.raises(asyncdb.Error):
            one.result()
