"""One task at a time; clean or gone after a cancellation."""

from __future__ import annotations

import asyncio

import pytest

import asyncdb
from asyncdb.testing.conformance.chapter import Chapter


class Guarding(Chapter):
    """A connection never mixes two tasks up."""

    async def test_two_tasks(self, db: asyncdb.Connection) -> None:
        """The second task gets ConnectionBusy at once, naming both."""

        async def use(number: int) -> int:
            return int(await db.fetchval("SELECT ? + 0", [number]))

        async with asyncio.timeout(5):
            first = asyncio.create_task(use(1), name="first")
            second = asyncio.create_task(use(2), name="second")
            done = await asyncio.gather(first, second, return_exceptions=True)

        assert 1 == done[0]
        assert isinstance(done[1], asyncdb.ConnectionBusy)
        assert "first" in str(done[1])
        assert "second" in str(done[1])
        assert 3 == await use(3)

    async def test_cancelled_statement(self, db: asyncdb.Connection) -> None:
        """Cancelled at its first step, a connection is clean or gone."""
        for number in range(20):
            task = asyncio.create_task(db.fetchval("SELECT ? + 0", [number]))
            for _ in range(number % 4):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if db.is_closed:
                break

            assert number == await db.fetchval("SELECT ? + 0", [number])

    async def test_cancelled_block(self, db: asyncdb.Connection, table: str) -> None:
        """A cancelled block leaves no transaction open."""
        entered = asyncio.Event()

        async def work() -> None:
            async with db.transaction():
                await db.execute(f"INSERT INTO {table} VALUES (1, 'a', 1)")
                entered.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(work())
        await entered.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        assert task.cancelled()
        assert not db.in_transaction
        assert 0 == await db.fetchval(f"SELECT count(*) FROM {table}")

    async def test_swallowed_cancellation(
        self, db: asyncdb.Connection, table: str
    ) -> None:
        """A timeout that is swallowed inside a block leaves only rollback."""
        with pytest.raises((asyncdb.TransactionError, asyncdb.ConnectionClosed)):
            async with db.transaction():
                await db.execute(f"INSERT INTO {table} VALUES (1, 'a', 1)")
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
                try:
                    await db.fetchval("SELECT 1")
                except asyncio.CancelledError:
                    task.uncancel()
                await db.execute(f"INSERT INTO {table} VALUES (2, 'b', 2)")

        if not db.is_closed:
            assert not db.in_transaction
            assert 0 == await db.fetchval(f"SELECT count(*) FROM {table}")
