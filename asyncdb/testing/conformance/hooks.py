"""Hooks: what an application does with connections before and after each use."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import asyncdb
from asyncdb.testing.conformance.chapter import Chapter, needs_two_connections


class Hooks(Chapter):
    """`on_connect`, `on_acquire`, `on_release`."""

    async def test_on_connect_runs_once(self, database_url: str) -> None:
        """It runs before anybody has the connection, and may use every verb."""
        seen: list[object] = []

        async def prepare(db: asyncdb.Connection) -> None:
            seen.append(await db.fetchval("SELECT 7"))
            async with db.transaction():
                seen.append((await db.execute("SELECT 8")).rowcount)
            seen.append(db.native is not None)

        async with asyncdb.connect(database_url, on_connect=prepare) as db:
            assert [7, 1, True] == seen
            assert 9 == await db.fetchval("SELECT 9")
        assert 3 == len(seen)

    async def test_on_connect_for_each_of_a_pool(self, database_url: str) -> None:
        """Each connection of a pool is prepared once; an untouched one stays so."""
        prepared: list[asyncdb.Connection] = []

        async def prepare(db: asyncdb.Connection) -> None:
            await db.fetchval("SELECT 1")
            prepared.append(db)

        async with asyncdb.create_pool(
            database_url, min_size=2, max_size=2, on_connect=prepare
        ) as pool:
            opened = pool.stats().size
            for _ in range(3):
                async with pool.acquire() as db:
                    await db.fetchval("SELECT 1")
                await pool.fetchval("SELECT 1")

            assert opened == len(prepared) == pool.stats().created

        with pytest.raises(asyncdb.ConnectionClosed, match="for its hook alone"):
            await prepared[0].fetchval("SELECT 1")

    async def test_on_connect_again_after_a_reset(
        self, database_url: str, table: str
    ) -> None:
        """What a borrower changed is reset, and what the hook did is there again."""
        runs = 0

        async def prepare(db: asyncdb.Connection) -> None:
            nonlocal runs
            runs += 1
            await db.fetchval("SELECT 1")

        async with asyncdb.create_pool(
            database_url, max_size=1, on_connect=prepare
        ) as pool:
            async with pool.acquire() as db:
                _ = db.native  # touched: anything may have been done with it
            async with pool.acquire() as db:
                await db.fetchval("SELECT 1")

        assert 2 == runs

    async def test_on_connect_that_raises(self, database_url: str) -> None:
        """Its error is the caller's, and the connection is closed."""
        seen: list[asyncdb.Connection] = []

        async def prepare(db: asyncdb.Connection) -> None:
            seen.append(db)
            raise LookupError

        with pytest.raises(LookupError):
            await asyncdb.connect(database_url, on_connect=prepare)
        with pytest.raises(LookupError):
            await asyncdb.create_pool(database_url, on_connect=prepare)

        assert all(db.is_closed for db in seen)
        assert 2 == len(seen)

    async def test_a_hook_s_own_cancellation(self, database_url: str) -> None:
        """One that nobody asked for is an error: the pool's task would end unheard."""

        async def prepare(_: asyncdb.Connection) -> None:
            raise asyncio.CancelledError

        with pytest.raises(asyncdb.InterfaceError, match="on_connect raised"):
            await asyncdb.connect(database_url, on_connect=prepare)
        async with asyncio.timeout(60):
            with pytest.raises(asyncdb.InterfaceError, match="on_connect raised"):
                await asyncdb.create_pool(database_url, on_connect=prepare)

    async def test_on_connect_that_hangs(self, database_url: str) -> None:
        """It has no more than `connect_timeout`."""

        async def prepare(_: asyncdb.Connection) -> None:
            await asyncio.Event().wait()

        with pytest.raises(asyncdb.ConnectionFailed, match="on_connect"):
            await asyncdb.connect(database_url, on_connect=prepare, connect_timeout=0.5)

    async def test_on_connect_that_is_cancelled(self, database_url: str) -> None:
        """Cancelling a connect while its hook runs leaves nothing open."""
        seen: list[asyncdb.Connection] = []
        running = asyncio.Event()

        async def prepare(db: asyncdb.Connection) -> None:
            seen.append(db)
            running.set()
            await asyncio.Event().wait()

        async def connect() -> None:
            await asyncdb.connect(database_url, on_connect=prepare)

        task = asyncio.create_task(connect())
        await running.wait()
        task.cancel()
        await asyncio.wait([task])

        assert task.cancelled()
        assert seen[0].is_closed

    async def test_hooks_leave_nothing_open(self, database_url: str) -> None:
        """A hook that leaves a transaction behind is refused."""

        async def prepare(db: asyncdb.Connection) -> None:
            await db.begin()

        with pytest.raises(asyncdb.InterfaceError, match="left a transaction"):
            await asyncdb.connect(database_url, on_connect=prepare)

    async def test_on_acquire_and_on_release(self, database_url: str) -> None:
        """They run before and after each loan, those of the pool's verbs included."""
        seen: list[str] = []

        async def before(db: asyncdb.Connection) -> None:
            seen.append(f"before {await db.fetchval('SELECT 1')}")

        async def after(db: asyncdb.Connection) -> None:
            seen.append(f"after {await db.fetchval('SELECT 2')}")

        async with asyncdb.create_pool(
            database_url, max_size=1, on_acquire=before, on_release=after
        ) as pool:
            async with pool.acquire() as db:
                seen.append(f"within {await db.fetchval('SELECT 3')}")
            async with pool.transaction() as db:
                await db.fetchval("SELECT 4")
            assert ["before 1", "within 3", "after 2"] == seen[:3]
            await pool.fetchval("SELECT 5")

        assert 3 == seen.count("before 1") == seen.count("after 2")

    async def test_on_acquire_gives_one_up(self, database_url: str) -> None:
        """`False` closes the connection, and the next one is taken."""
        verdicts = iter([False, None, None])

        async def before(_: asyncdb.Connection) -> object:
            return next(verdicts)

        async with asyncdb.create_pool(
            database_url, max_size=1, on_acquire=before
        ) as pool:
            assert 1 == await pool.fetchval("SELECT 1")
            assert {"refused": 1} == pool.stats().closed
            assert 2 == pool.stats().created

    async def test_on_acquire_that_raises(self, database_url: str) -> None:
        """The error is the borrower's; the pool goes on with another connection."""
        failures = iter([LookupError()])

        async def before(_: asyncdb.Connection) -> None:
            for failure in failures:
                raise failure

        async with asyncdb.create_pool(
            database_url, max_size=1, on_acquire=before
        ) as pool:
            with pytest.raises(LookupError):
                await pool.fetchval("SELECT 1")
            assert 1 == await pool.fetchval("SELECT 1")

    async def test_on_acquire_that_wants_another(self, database_url: str) -> None:
        """A hook that waits for its own pool waits no longer than a loan may take."""
        pools: list[asyncdb.Pool] = []

        async def before(_: asyncdb.Connection) -> None:
            async with pools[0].acquire():
                pass

        async with asyncdb.create_pool(
            database_url, max_size=1, on_acquire=before, acquire_timeout=0.3
        ) as pool:
            pools.append(pool)
            with pytest.raises(asyncdb.PoolTimeout):
                await pool.fetchval("SELECT 1")

    async def test_on_release_gives_one_up(
        self, database_url: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """`False` or an error closes the connection; the borrower is not disturbed."""
        verdicts: list[Any] = [LookupError(), False]

        async def after(_: asyncdb.Connection) -> object:
            verdict = verdicts.pop() if verdicts else None
            if isinstance(verdict, Exception):
                raise verdict
            return verdict

        async with asyncdb.create_pool(
            database_url, max_size=1, on_release=after
        ) as pool:
            for _ in range(3):
                async with pool.acquire() as db:
                    await db.fetchval("SELECT 1")
            assert {"refused": 2} == pool.stats().closed
        assert "on_release failed" in caplog.text

    async def test_on_release_after_a_rollback(
        self, db: asyncdb.Connection, database_url: str, table: str
    ) -> None:
        """It sees no transaction of the borrower's."""
        needs_two_connections(db)
        seen: list[object] = []

        async def after(db: asyncdb.Connection) -> None:
            seen.append(db.in_transaction)
            seen.append(await db.fetchval(f"SELECT count(*) FROM {table}"))

        async with (
            asyncdb.create_pool(database_url, max_size=1, on_release=after) as pool,
            pool.acquire() as borrowed,
        ):
            await borrowed.begin()
            await borrowed.execute(f"INSERT INTO {table} VALUES (1, 'a', 1)")

        assert [False, 0] == seen
