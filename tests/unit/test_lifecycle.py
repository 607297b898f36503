"""What a pool does with a session that comes back in disorder."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

import asyncdb
from asyncdb.testing.fake import FakeConnection, Faults, faults

URL = "fake://?concurrent=true"


@pytest.fixture
def ordered() -> Iterator[Faults]:
    """The fake's orders."""
    with faults() as given:
        yield given


async def settle() -> None:
    """Let every task that can run do so."""
    for _ in range(12):
        await asyncio.sleep(0)


@pytest.fixture
def resets(monkeypatch: pytest.MonkeyPatch) -> list[FakeConnection]:
    """The sessions that were reset: the fake learns how, for a test."""
    done: list[FakeConnection] = []

    async def reset(session: FakeConnection) -> bool:
        done.append(session)
        return True

    # A class of its own: `isinstance` remembers what FakeConnection once had.
    kind = type("Resetting", (FakeConnection,), {"reset": reset})
    monkeypatch.setattr("asyncdb.testing.fake.FakeConnection", kind)
    return done


async def test_a_reset_is_for_what_was_touched(resets: list[FakeConnection]) -> None:
    """After its reset a session is clean: what follows costs no other."""
    async with asyncdb.create_pool(URL, max_size=1) as pool:
        await pool.execute("PRAGMA foreign_keys = OFF")
        await settle()
        assert 1 == len(resets)
        await pool.fetchval("SELECT 1")
        async with pool.acquire() as db:
            await db.fetchval("SELECT 1")
        await settle()
        assert 1 == len(resets)
        async with pool.acquire() as db:
            await db.execute("PRAGMA foreign_keys = OFF")
        async with pool.acquire():
            pass

        assert (2, {}) == (len(resets), pool.stats().closed)


async def test_a_session_that_cannot_be_mended_is_cut(ordered: Faults) -> None:
    """To a session whose rollback fails nobody says goodbye: it may never answer."""
    async with asyncdb.create_pool(URL, max_size=1) as pool:
        ordered.add("rollback", asyncdb.OperationalError("no"))
        async with pool.acquire() as db:
            await db.begin()
        await settle()

        assert {"broken": 1} == pool.stats().closed
        assert "close" not in ordered.passed
        assert 1 == await pool.fetchval("SELECT 1")
    assert ordered.opened == ordered.closed


async def test_a_session_that_dies_of_its_mending_serves_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who waits for a session that ends while it is rolled back gets another one."""

    async def rollback(session: FakeConnection) -> None:
        session.terminate()

    async with asyncdb.create_pool(URL, max_size=1) as pool:
        db = await pool.acquire()
        await db.begin()
        waiting = asyncio.create_task(pool.fetchval("SELECT 1"))
        await settle()
        monkeypatch.setattr(FakeConnection, "rollback", rollback)
        await pool.release(db)

        assert 1 == await waiting
        assert 2 == pool.stats().created


@pytest.mark.parametrize(
    ("lifetime", "idle", "seconds"),
    [
        (None, None, 30),
        (3600, 600, 30),
        (20, None, 20),
        (None, 7, 7),
        (9, 7, 7),
        (1e-9, None, 0.05),
    ],
)
async def test_how_often_the_idle_are_looked_at(
    lifetime: float | None,
    idle: float | None,
    seconds: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every 30 seconds, or as often as the shortest of their times is over."""
    loop, after = asyncio.get_running_loop(), list[float]()
    later = loop.call_later

    def call_later(delay: float, *args: Any, **kwargs: Any) -> asyncio.TimerHandle:
        after.append(delay)
        return later(delay, *args, **kwargs)

    monkeypatch.setattr(loop, "call_later", call_later)
    async with asyncdb.create_pool(URL, max_lifetime=lifetime, max_idle=idle):
        assert seconds == after[-1]
