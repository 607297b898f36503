"""Giving back: by whom, from where, and only once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

import asyncdb
from asyncdb.testing.fake import Faults, faults

URL = "fake://?concurrent=true"


@pytest.fixture
def ordered() -> Iterator[Faults]:
    """The fake's orders."""
    with faults() as given:
        yield given


async def test_a_second_giving_back_hurts_no_later_borrower() -> None:
    """Given back again when its session is lent anew, a connection changes nothing."""
    async with asyncdb.create_pool(URL, max_size=1) as pool:
        first = await pool.acquire()
        await pool.release(first)
        second = await pool.acquire()
        await pool.release(first)

        assert 1 == pool.stats().in_use
        assert 1 == await second.fetchval("SELECT 1")
        await pool.release(second)
        assert (0, 1) == (pool.stats().in_use, pool.stats().idle)


async def test_giving_back_from_another_loop_is_refused() -> None:
    """Another thread's loop cannot give a connection back; its own can afterwards."""
    async with asyncdb.create_pool(URL, max_size=1) as pool:
        db = await pool.acquire()
        caught: list[BaseException] = []

        def other() -> None:
            try:
                asyncio.run(pool.release(db))
            except asyncdb.WrongLoop as error:
                caught.append(error)

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()

        assert 1 == len(caught)
        assert 1 == await db.fetchval("SELECT 1")
        await pool.release(db)
        assert 1 == pool.stats().idle


async def test_what_was_given_back_refuses_in_its_own_words() -> None:
    """The refusal of a connection that was given back has no other error behind it."""
    async with asyncdb.create_pool(URL) as pool:
        async with pool.acquire() as db:
            pass
        with pytest.raises(asyncdb.ConnectionClosed, match="returned") as caught:
            _ = db.native

    assert caught.value.__cause__ is None


async def test_a_transaction_that_cannot_begin(ordered: Faults) -> None:
    """A block of the pool whose BEGIN fails is not entered, and keeps no connection."""
    async with asyncdb.create_pool(URL, max_size=1) as pool:
        ordered.add("begin", asyncdb.LockTimeout("no"))
        with pytest.raises(asyncdb.LockTimeout):
            async with pool.transaction():
                pytest.fail("the block was entered")

        assert (0, 1) == (pool.stats().in_use, pool.stats().idle)
        assert 1 == await pool.fetchval("SELECT 1")


async def test_after_the_end_nothing_is_left_to_do(ordered: Faults) -> None:
    """What comes back to a terminated pool is cut already: no task has to close it."""
    pool = await asyncdb.create_pool(URL, max_size=1)
    with pytest.raises(ZeroDivisionError):
        async with pool.acquire():
            pool.terminate()
            raise ZeroDivisionError

    assert (0, 0) == (pool.stats().size, pool.stats().in_use)
    assert ordered.opened == ordered.closed
