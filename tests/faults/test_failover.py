"""A primary that is demoted or dies under a pool: left, found anew, nothing lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

import asyncdb
from asyncdb.connection.addresses import SILENCE
from tests.plugins import binaries
from tests.plugins.databases import SERVERS
from tests.plugins.pairs import Pair, start_pair
from tests.plugins.scale import eventually


@pytest.fixture(autouse=True)
def nobody_was_silent() -> Iterator[None]:
    """Each test begins with no memory of the others' silent hosts."""
    SILENCE.clear()
    yield
    SILENCE.clear()


@pytest_asyncio.fixture
async def table(pair: Pair) -> AsyncIterator[str]:
    """A table on the primary, and on the second server where it repeats nothing."""
    async with asyncdb.connect(pair.urls[0]) as db:
        await db.execute("CREATE TABLE moved (id INTEGER PRIMARY KEY)")
        yield "moved"
        await db.execute("DROP TABLE moved")


@pytest.mark.parametrize("word", ["any", "read-write"])
async def test_a_primary_that_takes_no_more_writes(
    pair: Pair, table: str, word: Any
) -> None:
    """Its sessions are given up; where it is wanted again it is found again."""
    url = pair.url(*pair.hosts)
    async with asyncdb.create_pool(url, target_session_attrs=word, min_size=2) as pool:
        insert = f"INSERT INTO {table} VALUES (?)"
        await pool.execute(insert, [1])
        pair.demote(0)
        try:
            # PostgreSQL's sessions hear of it one by one, MySQL's at once.
            await eventually(lambda: refuses(pool, insert))
            await eventually(lambda: gave_up(pool))
            if word == "read-write":
                with pytest.raises(asyncdb.ConnectionFailed, match="takes writes"):
                    await pool.execute(insert, [3])
            elif word == "any":
                assert 1 == await pool.fetchval("SELECT 1")
        finally:
            pair.restore(0)

        async def writes_again() -> bool:
            try:
                await pool.execute(insert, [4])
            except (asyncdb.ReadOnlyTransaction, asyncdb.ConnectionFailed):
                return False
            return True

        await eventually(writes_again)


async def refuses(pool: asyncdb.Pool, insert: str) -> bool:
    """Tell whether a write is refused, in a block that leaves nothing."""
    try:
        async with pool.transaction() as db:
            await db.execute(insert, [2])
            raise ZeroDivisionError
    except ZeroDivisionError:
        return False
    except asyncdb.ReadOnlyTransaction:
        return True


async def gave_up(pool: asyncdb.Pool) -> bool:
    """Tell whether a session was given up because of its server."""
    return pool.stats().closed.get("demoted", 0) > 0


async def test_ones_own_word_is_no_demotion(pair: Pair, table: str) -> None:
    """SET ... READ ONLY, a setting, and a block for reading leave the session alone."""
    name = "default_transaction_read_only"
    words = "SET SESSION TRANSACTION READ ONLY" if pair.is_mysql else f"SET {name} = on"
    insert = f"INSERT INTO {table} VALUES (1)"
    url = pair.url(*pair.hosts)
    async with asyncdb.create_pool(url, max_size=1, reset="never") as pool:
        with pytest.raises(asyncdb.ReadOnlyTransaction):
            async with pool.transaction(readonly=True) as db:
                await db.execute(insert)
        async with pool.acquire() as db:
            await db.execute(words)
            with pytest.raises(asyncdb.ReadOnlyTransaction):
                await db.execute(insert)
        with pytest.raises(asyncdb.ReadOnlyTransaction):
            await pool.execute(insert)
        assert 1 == await pool.fetchval("SELECT 1")

        assert {} == pool.stats().closed
        assert 1 == pool.stats().created


async def test_a_pool_for_reading_stays(pair: Pair, table: str) -> None:
    """A write by mistake does not cost a pool of standbys its sessions."""
    url = pair.url(*pair.hosts)
    async with asyncdb.create_pool(url, target_session_attrs="standby") as pool:
        for _ in range(3):
            with pytest.raises(asyncdb.ReadOnlyTransaction):
                await pool.execute("CREATE TABLE not_here (a INTEGER)")

        assert {} == pool.stats().closed


async def test_ping_asks_for_the_primary(pair: Pair, table: str) -> None:
    """While no primary is to be had `ping()`, and so readiness, fails."""
    url = pair.url(*pair.hosts)
    wanted: Any = "read-write"
    async with asyncdb.create_pool(url, target_session_attrs=wanted) as pool:
        await pool.ping()
        pair.demote(0)
        try:

            async def fails() -> bool:
                try:
                    await pool.ping()
                except asyncdb.ConnectionFailed:
                    return True
                return False

            await eventually(fails)
        finally:
            pair.restore(0)

        async def answers() -> bool:
            return not await fails()

        await eventually(answers)


# -- a failover, with writers ----------------------------------------------------------


@pytest.fixture(params=SERVERS)
def own_pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """A pair to be killed."""
    if binaries.find(request.param) is None:
        pytest.skip(f"no {request.param} of our own")
    with start_pair(request.param) as made:
        yield made


@pytest.mark.parametrize("word", ["any", "read-write"])
async def test_a_probe_leaves_a_frozen_primary(own_pair: Pair, word: str) -> None:
    """A ping that is given up costs its connection, and the next finds the new primary.

    Without traffic, which waits for readiness, nothing else would find it.
    """
    pair = own_pair
    url = pair.url(*pair.hosts, options=f"target_session_attrs={word}")
    async with asyncdb.create_pool(url, connect_timeout=3, close_timeout=0.5) as pool:
        pair.servers[0].freeze()

        async def is_ready() -> bool:
            try:
                async with asyncio.timeout(2):
                    await pool.ping()
            except (TimeoutError, asyncdb.Error):
                return False
            return True

        assert not await is_ready()
        await asyncio.to_thread(pair.promote, 1)
        await eventually(is_ready)

        assert {"broken": 1} == pool.stats().closed
        pair.servers[0].thaw()


class Writers:
    """Tasks that insert numbers, each in a transaction of its own, and keep accounts.

    Args:
        pool: where.
        count: how many tasks.
    """

    def __init__(self, pool: asyncdb.Pool, count: int = 4) -> None:
        self._pool = pool
        self._count = count
        self.acknowledged: list[int] = []
        self.unknown: list[int] = []
        self.last = 0.0
        self._next = 0

    async def insert(self, db: asyncdb.Connection, number: int) -> None:
        """Insert a number."""
        await db.execute("INSERT INTO moved VALUES (?)", [number])

    async def run(self, until: asyncio.Event) -> None:
        """Write until it is enough."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._count):
                group.create_task(self._run(until))

    async def _run(self, until: asyncio.Event) -> None:
        while not until.is_set():
            self._next += 1
            number = self._next
            try:
                await self._pool.retry(self.insert, number)
            except asyncdb.CommitUnknown:
                self.unknown.append(number)
            else:
                self.acknowledged.append(number)
                self.last = time.monotonic()


@pytest.mark.parametrize("how", ["killed", "demoted"])
async def test_a_failover_under_writers(own_pair: Pair, how: str) -> None:
    """Writers by retry() go on after the promotion; what was acknowledged is there."""
    pair = own_pair
    # Only PostgreSQL's second server has what the first one had.
    created = pair.servers if pair.is_mysql else pair.servers[:1]
    for server in created:
        where = f"{server.database}." if pair.is_mysql else ""
        pair.tell(server, f"CREATE TABLE {where}moved (id INTEGER PRIMARY KEY)")
    if how == "killed" and not pair.is_mysql:
        # Not where it goes on: its commits would wait for a standby that is none.
        pair.acknowledge_together()
    wanted: Any = "read-write"
    url = pair.url(*pair.hosts)
    async with asyncdb.create_pool(
        url, target_session_attrs=wanted, max_size=4, connect_timeout=2
    ) as pool:
        writers, enough = Writers(pool), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(writers.run(enough))

            async def written(more: int) -> None:
                goal = len(writers.acknowledged) + more
                await eventually(lambda: have(writers, goal))

            await written(20)
            before: set[int] = set()
            if how == "killed":
                if pair.is_mysql:  # its rows are only there
                    pair.demote(0)
                    before = await numbers(pair.urls[0])
                pair.servers[0].kill()
            else:
                pair.demote(0)
            await asyncio.to_thread(pair.promote, 1)
            began = time.monotonic()
            await written(1)
            gap = time.monotonic() - began
            await written(20)
            enough.set()
        stats = pool.stats()
    found = before | await numbers(pair.urls[1])
    if how == "demoted":
        found |= await numbers(pair.urls[0])

    assert gap < 3
    assert set(writers.acknowledged) <= found
    assert found - set(writers.acknowledged) <= set(writers.unknown)
    if how == "demoted":
        assert stats.closed["demoted"] > 0
        assert not writers.unknown


async def have(writers: Writers, goal: int) -> bool:
    """Tell whether so many were acknowledged."""
    return len(writers.acknowledged) >= goal


async def numbers(url: str) -> set[int]:
    """Return what a server has."""
    async with asyncdb.connect(url) as db:
        return {row.id for row in await db.fetchall("SELECT id FROM moved")}
