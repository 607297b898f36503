"""A pool's acquire and release, cancelled at the n-th await, for every n."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import pytest

import asyncdb
from tests.plugins.databases import ENGINES_AND_FAKE, PSYCOPG, engines
from tests.plugins.scale import eventually
from tests.plugins.stepping import When, cancel_at

pytestmark = engines(*ENGINES_AND_FAKE, *PSYCOPG)


async def lend(pool: asyncdb.Pool) -> None:
    """Borrow and give back, nothing touched."""
    async with pool.acquire() as db:
        await db.fetchval("SELECT 1")


async def lend_and_touch(pool: asyncdb.Pool) -> None:
    """Borrow and give back what has to be reset."""
    async with pool.acquire() as db:
        assert db.native is not None
        await db.fetchval("SELECT 1")


async def leave_open(pool: asyncdb.Pool) -> None:
    """Borrow and give back with a transaction open."""
    async with pool.acquire() as db:
        await db.begin()


async def lend_anew(pool: asyncdb.Pool) -> None:
    """Borrow a connection that has to be made first."""
    pool.drain()
    await lend(pool)


@pytest.mark.parametrize("when", ["early", "late"])
@pytest.mark.parametrize("use", [lend, lend_and_touch, leave_open, lend_anew])
async def test_a_cancelled_use_loses_nothing(
    database_url: str, use: Callable[[asyncdb.Pool], Awaitable[Any]], when: When
) -> None:
    """Wherever it is cancelled, the slot comes back and the pool serves on, in time."""
    async with asyncdb.create_pool(database_url, max_size=1) as pool:
        for number in count(1):
            attempt = await cancel_at(lambda: use(pool), number, when)

            assert attempt.error is None, repr(attempt.error)
            assert attempt.seconds < 0.5

            async def is_whole() -> bool:
                stats = pool.stats()
                return (stats.in_use, stats.waiting) == (0, 0) and stats.size <= 1

            await eventually(is_whole)
            async with asyncio.timeout(5), pool.acquire() as db:
                assert number == await db.fetchval("SELECT ? + 0", [number])
                assert not db.in_transaction
            if not attempt.reached:
                break
        assert number > 1
