"""The pool: what is lent comes back clean, and nobody gets what is another's."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio

import asyncdb
from asyncdb.testing.conformance.chapter import COLUMNS, Chapter, ids


class Pooling(Chapter):
    """A pool of two connections, or of one where the database has only one."""

    @pytest_asyncio.fixture
    async def pool(self, database_url: str) -> AsyncIterator[asyncdb.Pool]:
        """An open pool."""
        async with asyncdb.create_pool(database_url, max_size=2) as pool:
            yield pool

    @pytest_asyncio.fixture
    async def pooled(self, pool: asyncdb.Pool) -> AsyncIterator[str]:
        """The name of an empty table with the columns id, name and n."""
        name = f"kit_{uuid4().hex[:12]}"
        await pool.execute(f"CREATE TABLE {name} ({COLUMNS})")
        yield name
        await pool.execute(f"DROP TABLE IF EXISTS {name}")

    async def test_pool_has_every_verb(self, pool: asyncdb.Pool, pooled: str) -> None:
        """A verb of the pool does what the connection's does."""
        rows = [(i, "x", i) for i in range(5)]
        await pool.executemany(f"INSERT INTO {pooled} VALUES (?, ?, ?)", rows)
        cursor = await pool.execute(f"UPDATE {pooled} SET n = 9 WHERE id = ?", [1])
        one = await pool.fetchone(f"SELECT n FROM {pooled} WHERE id = :id", {"id": 1})
        some = await pool.fetchmany(f"SELECT id FROM {pooled} ORDER BY id", size=2)
        async with pool.stream(f"SELECT id FROM {pooled} ORDER BY id", batch=2) as lazy:
            streamed = [row.id async for row in lazy]
        loaded = await pool.load_rows(pooled, ["id", "name", "n"], [(7, "y", None)])

        assert one == (9,)
        assert (1, 1) == (cursor.rowcount, loaded)
        assert [(0,), (1,)] == some
        assert [0, 1, 2, 3, 4] == streamed
        assert 6 == await pool.fetchval(f"SELECT count(*) FROM {pooled}")
        assert 0 == pool.stats().in_use

    async def test_pool_says_where_it_is(
        self, pool: asyncdb.Pool, database_url: str
    ) -> None:
        """A pool knows its URL and its database, and its repr hides the password."""
        async with pool.acquire() as db:
            assert asyncdb.DatabaseURL(database_url) == pool.url == db.url
            assert pool.dialect.name == db.dialect.name
            assert not pool.url.password or pool.url.password not in repr(pool)

    async def test_pool_transaction(self, pool: asyncdb.Pool, pooled: str) -> None:
        """A block of the pool commits at its end, and rolls back after an error."""
        async with pool.transaction() as db:
            await db.execute(f"INSERT INTO {pooled} VALUES (1, 'a', 1)")
        with pytest.raises(ZeroDivisionError):
            async with pool.transaction() as db:
                await db.execute(f"INSERT INTO {pooled} VALUES (2, 'b', 2)")
                raise ZeroDivisionError

        assert [1] == await ids(pool, pooled)
        assert 0 == pool.stats().in_use

    async def test_pool_rolls_back_what_was_left_open(
        self, pool: asyncdb.Pool, pooled: str
    ) -> None:
        """A transaction that a borrower left open is not there for the next one."""
        for begin in ("begin", "text"):
            async with pool.acquire() as db:
                await (db.begin() if begin == "begin" else db.execute("BEGIN"))
                await db.execute(f"INSERT INTO {pooled} VALUES (1, 'a', 1)")
            async with pool.acquire() as db:
                assert not db.in_transaction
                assert [] == await ids(db, pooled)

    async def test_pool_resets_what_was_touched(self, database_url: str) -> None:
        """A temporary table of one borrower does not meet the next."""
        name = f"kit_{uuid4().hex[:12]}"
        async with asyncdb.create_pool(database_url, max_size=1) as pool:
            async with pool.acquire() as db:
                await db.execute(f"CREATE TEMPORARY TABLE {name} (a INTEGER)")
                await db.execute(f"INSERT INTO {name} VALUES (1)")
            async with pool.acquire() as db:
                with pytest.raises(asyncdb.UndefinedTable):
                    await db.fetchval(f"SELECT a FROM {name}")
            await pool.execute(f"CREATE TEMPORARY TABLE {name} (a INTEGER)")
            with pytest.raises(asyncdb.UndefinedTable):
                await pool.fetchval(f"SELECT a FROM {name}")

    async def test_pool_resets_always_when_asked(self, database_url: str) -> None:
        """With `reset="always"` a session is the portable one for each borrower."""
        async with asyncdb.create_pool(
            database_url, max_size=1, reset="always"
        ) as pool:
            for _ in range(3):
                assert "a\\b" == await pool.fetchval("SELECT 'a\\b'")
                assert "ab" == await pool.fetchval("SELECT 'a' || 'b'")

    async def test_pool_keeps_what_was_not_touched(
        self, pool: asyncdb.Pool, pooled: str
    ) -> None:
        """Plain statements cost no reset: the same session serves them all."""
        for i in range(5):
            async with pool.transaction() as db:
                await db.execute(f"INSERT INTO {pooled} VALUES (?, 'a', 1)", [i])
            await pool.execute(f"UPDATE {pooled} SET n = n + 1 WHERE id = ?", [i])
            await pool.fetchall(f"SELECT * FROM {pooled}")

        assert (1, {}) == (pool.stats().created, pool.stats().closed)

    async def test_pool_refuses_a_returned_connection(self, pool: asyncdb.Pool) -> None:
        """A connection that was given back is refused, and so is its stream."""
        async with pool.acquire() as db:
            assert 1 == await db.fetchval("SELECT 1")
        with pytest.raises(asyncdb.ConnectionClosed, match="returned"):
            await db.fetchval("SELECT 1")
        with pytest.raises(asyncdb.ConnectionClosed, match="returned"):
            async with db.stream("SELECT 1"):
                pass

    async def test_pool_survives_cancellations(
        self, pool: asyncdb.Pool, pooled: str
    ) -> None:
        """Under random cancellations no task gets a wrong row, and no slot is lost."""
        chance = random.Random(7)  # noqa: S311  # a test's, to be repeated
        wrong = 0

        async def work(number: int) -> None:
            nonlocal wrong
            found = await pool.fetchval("SELECT ? + 0", [number])
            wrong += found != number
            async with pool.transaction() as db:
                await db.execute(
                    f"INSERT INTO {pooled} VALUES (?, 'a', ?)", [number, number]
                )
                sql = f"SELECT n FROM {pooled} WHERE id = ?"
                wrong += await db.fetchval(sql, [number]) != number

        tasks = [asyncio.create_task(work(number)) for number in range(60)]
        for task in tasks:
            await asyncio.sleep(chance.random() / 500)
            if chance.random() < 0.5:
                task.cancel()
        async with asyncio.timeout(30):
            await asyncio.gather(*tasks, return_exceptions=True)
        done = [n for n, task in enumerate(tasks) if not task.cancelled()]

        assert 0 == wrong
        assert (0, 0) == (pool.stats().in_use, pool.stats().waiting)
        if pool.stats().created == 1 or pool.dialect.supports_concurrent_connections:
            assert set(done) <= set(await ids(pool, pooled))

    async def test_pool_retries_a_transaction(
        self, pool: asyncdb.Pool, pooled: str
    ) -> None:
        """A transaction that met another one is run again, all of it and only once."""
        calls = 0

        async def transfer(db: asyncdb.Connection, key: int, name: str) -> str:
            nonlocal calls
            calls += 1
            await db.execute(f"INSERT INTO {pooled} VALUES (?, ?, 1)", [key, name])
            if calls < 3:
                raise asyncdb.SerializationFailure
            return name

        assert "a" == await pool.retry(transfer, 1, name="a", attempts=3)
        assert [1] == await ids(pool, pooled)

    async def test_pool_closes_in_time(self, database_url: str) -> None:
        """A pool ends in time whatever is still open in it."""
        pool = await asyncdb.create_pool(database_url, max_size=1)
        with pytest.raises(asyncdb.ConnectionClosed):
            async with pool.acquire() as db, db.transaction():
                await db.fetchval("SELECT 1")
                async with asyncio.timeout(5):
                    await pool.close(timeout=0.1)
                assert db.is_closed
        assert 0 == pool.stats().in_use
