"""The pool on the fake: what comes back, who waits, what is replaced."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

import asyncdb
from asyncdb.testing.fake import Faults, LostError, faults

URL = "fake://?concurrent=true"


@pytest.fixture
def ordered() -> Iterator[Faults]:
    """The fake's orders."""
    with faults() as given:
        yield given


@asynccontextmanager
async def pool_of(size: int, **options: Any) -> AsyncIterator[asyncdb.Pool]:
    """Give a pool whose clock stands still: `tick(pool, seconds)` moves it."""
    async with asyncdb.create_pool(URL, max_size=size, **options) as pool:
        start = pool._lifecycle.loop.time()
        pool._lifecycle.now = lambda: start
        yield pool


def tick(pool: asyncdb.Pool, seconds: float) -> None:
    """Let time pass for the pool's sessions."""
    now = pool._lifecycle.now() + seconds
    pool._lifecycle.now = lambda: now


async def settle() -> None:
    """Let every task that can run do so."""
    for _ in range(12):
        await asyncio.sleep(0)


async def statuses(pool: asyncdb.Pool) -> tuple[int, int, int]:
    """Return size, idle, in_use when everything has come to rest."""
    await settle()
    stats = pool.stats()
    return stats.size, stats.idle, stats.in_use


# -- opening and options ---------------------------------------------------------------


async def test_opening_makes_min_size(ordered: Faults) -> None:
    """A pool opens `min_size` connections, and says so."""
    async with pool_of(5, min_size=3) as pool:
        assert (3, 3, 0) == await statuses(pool)
        assert 3 == ordered.opened
        assert repr(pool).endswith("size=3/5 idle=3 waiting=0>")

    assert 3 == ordered.closed


async def test_a_wrong_password_shows_at_once(ordered: Faults) -> None:
    """A pool that cannot connect does not open."""
    ordered.add("connect", asyncdb.AuthenticationFailed("no"))
    with pytest.raises(asyncdb.AuthenticationFailed):
        await asyncdb.create_pool(URL, min_size=2)

    ordered.add("connect", asyncio.Event().wait)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await asyncdb.create_pool(URL)
    assert ordered.opened == ordered.closed


async def test_nobody_needs_a_connection_yet(ordered: Faults) -> None:
    """With `min_size=0` a pool opens without one, and a loan says why there is none."""
    down = asyncdb.ConnectionFailed("nobody there")
    ordered.add("connect", down)
    async with pool_of(2, min_size=0) as pool:
        assert (0, 0, 0) == await statuses(pool)
        assert ("fake", ()) == (pool.dialect.name, pool.dialect.server_version)
        ordered.add("connect", down)
        with pytest.raises(asyncdb.ConnectionFailed, match="nobody there"):
            await pool.fetchval("SELECT 1")

        assert 1 == await pool.fetchval("SELECT 1")
        assert (2, 1) == (pool.stats().failures, pool.stats().created)

    ordered.add("connect", asyncdb.AuthenticationFailed("no"))
    with pytest.raises(asyncdb.AuthenticationFailed):
        await asyncdb.create_pool(URL, min_size=0)
    ordered.add("connect", down)
    with pytest.raises(asyncdb.ConnectionFailed):
        await asyncdb.create_pool(URL, min_size=1)
    assert ordered.opened == ordered.closed


async def test_options_come_from_url_and_keywords() -> None:
    """The pool's options and the driver's stand side by side in the URL."""
    url = f"{URL}&max_size=3&acquire_timeout=none&close_timeout=2"
    async with asyncdb.create_pool(url, min_size=0) as pool:
        assert (0, 3) == (pool.stats().min_size, pool.stats().max_size)


@pytest.mark.parametrize("sizes", [(2, 1), (0, 0)])
async def test_sizes_must_fit(sizes: tuple[int, int]) -> None:
    """A `min_size` above `max_size`, or no connection at all, is refused."""
    with pytest.raises(asyncdb.InterfaceError, match="max_size"):
        await asyncdb.create_pool(URL, min_size=sizes[0], max_size=sizes[1])


def test_an_unknown_option_is_refused() -> None:
    """An option that neither the pool nor the driver has is refused, with a hint."""
    with pytest.raises(asyncdb.URLError, match="did you mean 'max_size'"):
        asyncdb.create_pool(URL, max_sice=3)


async def test_awaiting_instead_of_a_block() -> None:
    """A pool can be awaited and closed by hand, twice."""
    pool = await asyncdb.create_pool(URL)
    assert 1 == await pool.fetchval("SELECT 1")
    await pool.close()
    await pool.close()

    assert pool.is_closed
    with pytest.raises(asyncdb.PoolClosed):
        await pool.fetchval("SELECT 1")
    with pytest.raises(asyncdb.PoolClosed):
        await pool.acquire()


# -- borrowing -------------------------------------------------------------------------


async def test_the_lent_connection_ends_with_its_block() -> None:
    """Used after its block a connection is refused, whoever has its session now."""
    async with pool_of(1) as pool:
        async with pool.acquire() as first:
            pass
        async with pool.acquire() as second:
            assert first is not second
            for use in (first.fetchval("SELECT 1"), first.ping(), first.begin()):
                with pytest.raises(asyncdb.ConnectionClosed, match="was returned"):
                    await use
            with pytest.raises(asyncdb.ConnectionClosed, match="was returned"):
                _ = first.native
            assert first.is_closed
            assert not first.in_transaction
            await first.close()

            assert 1 == await second.fetchval("SELECT 1")


async def test_releasing_by_hand() -> None:
    """An awaited connection is given back once; a stranger's is refused."""
    async with pool_of(2) as pool, asyncdb.connect(URL) as stranger:
        db = await pool.acquire()
        await pool.release(db)
        await pool.release(db)
        assert (1, 1, 0) == await statuses(pool)
        with pytest.raises(asyncdb.InterfaceError, match="not borrowed"):
            await pool.release(stranger)
        async with pool_of(1) as other, other.acquire() as theirs:
            with pytest.raises(asyncdb.InterfaceError, match="not borrowed"):
                await pool.release(theirs)


async def test_an_acquire_timeout_says_what_is_wrong() -> None:
    """Who waits in vain learns the numbers, and that it waits for itself."""
    async with pool_of(1) as pool, pool.acquire():
        with pytest.raises(asyncdb.PoolTimeout, match="1 of 1 open, 1 in use") as mine:
            await pool.acquire(timeout=0)
        with pytest.raises(asyncdb.PoolTimeout) as other:
            await asyncio.create_task(pool._checkout.borrow(0))
        assert (2, 0) == (pool.stats().timeouts, pool.stats().full)
    assert "waits for itself" in str(mine.value)
    assert "waits for itself" not in str(other.value)


async def test_too_many_waiting() -> None:
    """More than `max_waiting` tasks are refused at once."""
    async with pool_of(1, max_waiting=1) as pool:
        async with pool.acquire():
            waiting = asyncio.create_task(pool.fetchval("SELECT 1"))
            await settle()
            with pytest.raises(asyncdb.PoolFull, match="1 tasks are waiting"):
                await pool.fetchval("SELECT 1")
        assert 1 == await waiting
        assert (0, 1) == (pool.stats().timeouts, pool.stats().full)


async def test_growing_is_no_waiting() -> None:
    """With `max_waiting=0` a pool still opens the connections it may have."""
    async with pool_of(2, max_waiting=0) as pool, pool.acquire(), pool.acquire():
        with pytest.raises(asyncdb.PoolFull):
            await pool.acquire()


async def test_waiters_are_served_in_order() -> None:
    """A hundred tasks on three connections are served in the order of coming."""
    order: list[int] = []

    async def work(pool: asyncdb.Pool, place: int) -> None:
        async with pool.acquire() as db:
            order.append(place)
            await db.fetchval("SELECT 1")

    async with pool_of(3) as pool:
        async with asyncio.timeout(10):
            await asyncio.gather(*(work(pool, place) for place in range(100)))
        stats = pool.stats()

    assert list(range(100)) == order
    assert (3, 100) == (stats.size, stats.acquires)
    assert stats.wait_time >= stats.wait_time_max > 0


async def test_a_stuck_connect_blocks_no_free_connection(ordered: Faults) -> None:
    """While one connect hangs, what comes back serves those who wait."""
    async with pool_of(2) as pool:
        held = await pool.acquire()
        stuck = asyncio.Event()
        ordered.add("connect", stuck.wait)
        waiting = asyncio.create_task(pool.fetchval("SELECT 1"))
        await settle()
        await pool.release(held)

        assert 1 == await waiting
        assert 2 == await pool.fetchval("SELECT 2")
        stuck.set()


@pytest.mark.parametrize("steps", range(14))
async def test_cancelled_anywhere(steps: int, ordered: Faults) -> None:
    """A task cancelled at any await leaves no slot, no session and no transaction."""

    async def work(pool: asyncdb.Pool) -> None:
        async with pool.acquire() as db:
            await db.execute("CREATE TEMP TABLE t (a)")
            async with db.transaction():
                await db.execute("INSERT INTO t VALUES (1)")

    async with pool_of(1) as pool:
        task = asyncio.create_task(work(pool))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await settle()

        assert (0, 0) == (pool.stats().in_use, pool.stats().waiting)
        async with pool.acquire() as db:
            assert not db.in_transaction
            with pytest.raises(asyncdb.UndefinedTable):
                await db.execute("SELECT * FROM t")
    assert ordered.opened == ordered.closed


# -- coming back -----------------------------------------------------------------------


async def test_an_open_transaction_is_rolled_back(ordered: Faults) -> None:
    """BEGIN left open, by text or by `begin()`, is rolled back."""
    async with pool_of(1) as pool:
        async with pool.acquire() as db:
            await db.execute("CREATE TABLE t (a)")
            await db.begin()
            await db.execute("INSERT INTO t VALUES (1)")
        async with pool.acquire() as db:
            await db.execute("BEGIN")
            await db.execute("INSERT INTO t VALUES (2)")
        await pool.execute("BEGIN")

        assert 0 == await pool.fetchval("SELECT count(*) FROM t")
    assert 1 == ordered.opened


async def test_a_rollback_that_fails_replaces_the_session(ordered: Faults) -> None:
    """A session that cannot be rolled back is replaced, and nobody hears of it."""
    async with pool_of(1) as pool:
        ordered.add("rollback", LostError())
        async with pool.acquire() as db:
            await db.begin()

        assert 1 == await pool.fetchval("SELECT 1")
        assert {"broken": 1} == pool.stats().closed


async def test_a_rollback_that_hangs_is_bounded(ordered: Faults) -> None:
    """A session whose rollback hangs is cut after `close_timeout`."""
    async with pool_of(1, close_timeout=0.01) as pool:
        ordered.add("rollback", asyncio.Event().wait)
        async with asyncio.timeout(5):
            async with pool.acquire() as db:
                await db.begin()

            assert 1 == await pool.fetchval("SELECT 1")


@pytest.mark.parametrize(
    ("sql", "kept"),
    [
        ("SELECT 1", True),
        ("CREATE TABLE t (a)", True),
        ("CREATE TEMP TABLE t (a)", False),
        ('CREATE TABLE "temp".t (a)', False),
        ("PRAGMA foreign_keys = OFF", False),
        ("ATTACH ':memory:' AS other", False),
    ],
)
async def test_only_what_was_touched_is_reset(sql: str, kept: bool) -> None:
    """A session is reset, here replaced, only after what may have changed it."""
    async with pool_of(1) as pool:
        await pool.execute(sql)
        await settle()
        assert ({} if kept else {"reset": 1}) == pool.stats().closed
        async with pool.acquire() as db:
            await db.execute("SELECT 1")
        async with pool.acquire() as db:
            assert isinstance(db.native, sqlite3.Connection)

        assert (1 if kept else 2) == pool.stats().closed["reset"]


async def test_several_statements_count_as_touching() -> None:
    """A text of several statements is reset after: its first words tell too little."""
    async with pool_of(1) as pool:
        with pytest.raises(asyncdb.MultipleStatements):
            await pool.execute("SELECT 1; SELECT 2")
        await settle()
        assert {"reset": 1} == pool.stats().closed
        await pool.execute("SELECT 1; -- and nothing more")
        await settle()

        assert {"reset": 1} == pool.stats().closed


@pytest.mark.parametrize(("reset", "replaced"), [("always", 2), ("never", None)])
async def test_reset_always_and_never(reset: str, replaced: int | None) -> None:
    """`reset` decides for all sessions, whatever was done in them."""
    async with pool_of(1, reset=reset) as pool:
        await pool.execute("PRAGMA foreign_keys = OFF")
        await pool.fetchval("SELECT 1")
        await settle()

        assert replaced == pool.stats().closed.get("reset")


async def test_a_broken_connection_is_replaced(ordered: Faults) -> None:
    """A statement that loses its connection costs that one only."""
    async with pool_of(2) as pool:
        ordered.add("execute", LostError())
        with pytest.raises(asyncdb.ConnectionLost):
            await pool.fetchval("SELECT 1")

        assert 1 == await pool.fetchval("SELECT 1")
        assert {"broken": 1} == pool.stats().closed


async def test_released_in_use(ordered: Faults) -> None:
    """A connection given back while another task is using it is cut, not lent again."""
    async with pool_of(1) as pool:
        db = await pool.acquire()
        ordered.add("execute", asyncio.Event().wait)
        task = asyncio.create_task(db.fetchval("SELECT 1"))
        await settle()
        await pool.release(db)

        assert {"busy": 1} == pool.stats().closed
        assert 1 == await pool.fetchval("SELECT 1")
        task.cancel()


async def test_a_statement_error_costs_nothing() -> None:
    """A connection whose statement failed stays in the pool."""
    async with pool_of(1) as pool:
        with pytest.raises(asyncdb.UndefinedTable):
            await pool.execute("SELECT * FROM missing")
        with pytest.raises(asyncdb.UndefinedTable):
            async with pool.transaction() as db:
                await db.execute("SELECT * FROM missing")

        assert {} == pool.stats().closed


# -- health, age, number ---------------------------------------------------------------


async def idle_pair(pool: asyncdb.Pool) -> None:
    """Make two connections, both idle."""
    async with pool.acquire(), pool.acquire():
        pass


async def test_a_dead_idle_connection_is_not_lent(ordered: Faults) -> None:
    """One that died while idle is replaced unseen, and the others are asked."""
    async with pool_of(2) as pool:
        await idle_pair(pool)
        *_, last = pool._kernel
        last.inner.terminate()
        before = ordered.passed.count("execute")

        assert 1 == await pool.fetchval("SELECT 1")
        assert 2 == ordered.passed.count("execute") - before  # a ping and the statement
        assert {"lost": 1} == pool.stats().closed


async def test_a_restart_is_noticed_once_for_all(ordered: Faults) -> None:
    """After one lost connection the others are asked before they are lent, once."""
    async with pool_of(3) as pool:
        async with pool.acquire(), pool.acquire(), pool.acquire():
            pass
        ordered.add("execute", LostError())  # of the statement
        with pytest.raises(asyncdb.ConnectionLost):
            await pool.fetchval("SELECT 1")
        for _ in range(2):  # of the pings
            ordered.add("execute", LostError())

        assert 1 == await pool.fetchval("SELECT 1")
        assert {"broken": 3} == pool.stats().closed
        before = len(ordered.passed)
        await pool.fetchval("SELECT 1")
        assert 1 == len(ordered.passed) - before


async def test_a_long_idle_connection_is_asked(ordered: Faults) -> None:
    """After `health_check_after_idle` a ping goes before the loan."""
    async with pool_of(1, health_check_after_idle=5) as pool:
        for seconds, points in ((4, 1), (6, 2)):
            tick(pool, seconds)
            before = len(ordered.passed)
            await pool.fetchval("SELECT 1")

            assert points == len(ordered.passed) - before


async def test_a_cancelled_waiter_does_not_stop_a_ping(ordered: Faults) -> None:
    """Who is cancelled while its connection is asked leaves it to the next."""
    async with pool_of(1, health_check_after_idle=5) as pool:
        tick(pool, 6)
        answer = asyncio.Event()
        ordered.add("execute", answer.wait)
        task = asyncio.create_task(pool.fetchval("SELECT 1"))
        await settle()
        task.cancel()
        await settle()
        answer.set()

        assert 2 == await pool.fetchval("SELECT 2")
        assert {} == pool.stats().closed


async def test_an_old_connection_is_replaced() -> None:
    """After `max_lifetime` a connection is replaced, when lent or when given back."""
    async with pool_of(1, max_lifetime=100) as pool:
        tick(pool, 89)
        await pool.fetchval("SELECT 1")
        assert {} == pool.stats().closed
        tick(pool, 12)
        await pool.fetchval("SELECT 1")
        assert {"lifetime": 1} == pool.stats().closed
        async with pool.acquire():
            tick(pool, 101)
        await settle()

        assert {"lifetime": 2} == pool.stats().closed


async def test_upkeep_of_the_idle() -> None:
    """Idle ones beyond `min_size` are closed, dead and old ones replaced."""
    async with pool_of(4, min_size=1, max_idle=10, max_lifetime=100) as pool:
        async with pool.acquire(), pool.acquire(), pool.acquire():
            pass
        next(iter(pool._kernel)).inner.terminate()
        pool._lifecycle.look_after()
        assert (2, 2, 0) == await statuses(pool)
        tick(pool, 11)
        pool._lifecycle.look_after()
        assert (1, 1, 0) == await statuses(pool)
        tick(pool, 101)
        pool._lifecycle.look_after()
        assert (0, 0, 0) == await statuses(pool)
        pool._lifecycle.look_after()

        assert (1, 1, 0) == await statuses(pool)
        assert {"lost": 1, "idle": 1, "lifetime": 1} == pool.stats().closed


async def test_upkeep_that_fails_is_logged(
    ordered: Faults, caplog: pytest.LogCaptureFixture
) -> None:
    """A connection that cannot be opened ahead is logged and counted, no more."""
    async with pool_of(3) as pool:
        ordered.add("connect", asyncdb.ConnectionFailed("down"))
        pool.resize(min_size=2)

        assert (1, 1, 0) == await statuses(pool)
        assert 1 == pool.stats().failures
    assert "could not open a connection ahead" in caplog.text


async def test_draining() -> None:
    """Drained, each connection is replaced: the idle now, the lent when it is back."""
    async with pool_of(2, min_size=2) as pool:
        async with pool.acquire() as db:
            pool.drain()
            await settle()
            assert {"drained": 1} == pool.stats().closed
            assert 1 == await db.fetchval("SELECT 1")
        await pool.fetchval("SELECT 1")

        assert {"drained": 2} == pool.stats().closed


async def test_resizing() -> None:
    """A pool grows and shrinks while it is used."""
    async with pool_of(1) as pool:
        pool.resize(min_size=2, max_size=3)
        assert (2, 2, 0) == await statuses(pool)
        async with pool.acquire(), pool.acquire():
            pool.resize(min_size=0, max_size=1)
            with pytest.raises(asyncdb.PoolTimeout):
                await pool.acquire(timeout=0)
        assert (1, 1, 0) == await statuses(pool)
        with pytest.raises(asyncdb.InterfaceError):
            pool.resize(max_size=0)

        assert {"shrunk": 1} == pool.stats().closed


async def test_a_private_database_has_one_connection(ordered: Faults) -> None:
    """A database that lives in its connection has one, which is never replaced."""
    async with asyncdb.create_pool("fake://", min_size=3, max_size=9) as pool:
        await pool.execute("CREATE TABLE t (a)")
        pool._lifecycle.now = lambda: 10**9
        pool._lifecycle.look_after()
        pool.drain()
        pool.resize(max_size=5)

        assert 0 == await pool.fetchval("SELECT count(*) FROM t")
        with pytest.raises(asyncdb.PoolTimeout, match="in memory has one"):
            async with pool.acquire():
                await pool.acquire(timeout=0)
    assert 1 == ordered.opened


# -- the end ---------------------------------------------------------------------------


async def test_closing_waits_for_borrowers(ordered: Faults) -> None:
    """Closing refuses new loans, and waits for those who have one."""
    pool = await asyncdb.create_pool(URL)
    db = await pool.acquire()
    closing = asyncio.create_task(pool.close())
    await settle()
    with pytest.raises(asyncdb.PoolClosed):
        await pool.fetchval("SELECT 1")
    assert 1 == await db.fetchval("SELECT 1")
    assert not closing.done()
    await pool.release(db)
    await closing

    assert ordered.opened == ordered.closed
    assert {"closed": 1} == pool.stats().closed


async def test_closing_does_not_wait_for_ever(
    ordered: Faults, caplog: pytest.LogCaptureFixture
) -> None:
    """A borrower who does not come back is cut when the time is over."""
    pool = await asyncdb.create_pool(URL, max_size=1)
    db = await pool.acquire()
    waiting = asyncio.create_task(pool._checkout.borrow(None))
    await settle()
    await pool.close(timeout=0.01)

    assert db.is_closed
    assert "cuts 1 connections" in caplog.text
    with pytest.raises(asyncdb.PoolClosed):
        await waiting
    await pool.release(db)
    assert (0, 0) == (pool.stats().size, pool.stats().in_use)
    assert ordered.opened == ordered.closed


async def test_terminating(ordered: Faults) -> None:
    """Terminated, a pool cuts all at once, with a statement running and one waiting."""
    pool = await asyncdb.create_pool(URL, max_size=1)
    ordered.add("execute", asyncio.Event().wait)
    running = asyncio.create_task(pool.fetchval("SELECT 1"))
    await settle()
    waiting = asyncio.create_task(pool.fetchval("SELECT 1"))
    await settle()
    pool.terminate()
    assert ordered.opened == ordered.closed
    running.cancel()
    done = await asyncio.gather(running, waiting, return_exceptions=True)

    assert isinstance(done[1], asyncdb.PoolClosed)
    assert 0 == pool.stats().size
    await pool.close()


async def test_a_forgotten_pool_warns(ordered: Faults) -> None:
    """A pool that nobody closed warns when it is collected, and leaves nothing open."""
    pool = await asyncdb.create_pool(URL)
    with pytest.warns(ResourceWarning, match="Pool fake://.* was never closed"):
        del pool
        gc.collect()

    assert ordered.opened == ordered.closed


async def test_a_forgotten_connection_comes_back(ordered: Faults) -> None:
    """A borrowed connection that nobody gave back warns, and its slot is free again."""
    async with pool_of(1) as pool:
        db = await pool.acquire()
        with pytest.warns(
            ResourceWarning, match="Connection fake://.* was never closed"
        ):
            del db
            gc.collect()

        assert 1 == await pool.fetchval("SELECT 1")
        assert {"leaked": 1} == pool.stats().closed


async def test_a_long_loan_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """After `leak_warning` seconds a log line says which task borrowed where, once."""
    async with pool_of(1, leak_warning=0) as pool:
        async with pool.acquire():
            await asyncio.sleep(0)
            await settle()
        async with pool_of(1, leak_warning=60) as other, other.acquire():
            pass

    (record,) = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert "test_a_long_loan_is_logged" in record.getMessage()
    assert "Task-" in record.getMessage()


# -- other loops, threads, processes ---------------------------------------------------


async def test_another_loop_is_refused() -> None:
    """Another thread's loop gets a sentence, and the pool is not hurt."""
    async with pool_of(1) as pool:
        caught: list[BaseException] = []

        async def use(work: Any) -> None:
            try:
                await work()
            except asyncdb.WrongLoop as error:
                caught.append(error)

        def other(work: Any) -> None:
            asyncio.run(use(work))

        for work in (lambda: pool.fetchval("SELECT 1"), pool.acquire, pool.close):
            thread = threading.Thread(target=other, args=[work])
            thread.start()
            thread.join()

        assert ["serves only the event loop" in str(error) for error in caught] == [
            True
        ] * 3
        with pytest.raises(asyncdb.WrongLoop):
            await asyncio.to_thread(pool.terminate)
        assert 1 == await pool.fetchval("SELECT 1")


def test_a_pool_whose_loop_is_gone_can_be_terminated() -> None:
    """Where no loop could close it any more, anybody may: nothing warns of it."""

    async def opened() -> asyncdb.Pool:
        pool = await asyncdb.create_pool("fake://")
        assert 1 == await pool.fetchval("SELECT 1")
        return pool

    with faults() as ordered:
        pool = asyncio.run(opened())
        pool.terminate()

        assert pool.is_closed
        assert ordered.opened == ordered.closed == 1
    del pool
    gc.collect()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
async def test_a_forked_process_is_refused() -> None:
    """A forked process gets a sentence, and leaves the parent's session alone."""
    async with pool_of(1) as pool, asyncdb.connect(URL) as db:
        said: list[str] = []
        child = os.fork()
        if not child:  # no loop runs in it
            for work in (pool.fetchval("SELECT 1"), db.ping(), db.close()):
                try:
                    work.send(None)
                except asyncdb.WrongLoop as error:
                    said.append(str(error))
            os._exit(not (len(said) == 3 and all("forked" in text for text in said)))
        _, status = os.waitpid(child, 0)  # noqa: ASYNC222  # it only refuses

        assert 0 == os.waitstatus_to_exitcode(status)
        assert 1 == await pool.fetchval("SELECT 1")
        assert 1 == await db.fetchval("SELECT 1")
