"""Who ended a session decides about the error, on drivers that tell and that do not."""

from __future__ import annotations

import pytest

import asyncdb
from asyncdb.driver import SupportsLastWords
from asyncdb.testing.fake import FakeConnection, LostError, faults


async def test_the_other_side() -> None:
    """It is said at every use, and the session is no less lost for it."""
    with faults() as ordered:
        async with asyncdb.connect("fake://") as db:
            ordered.add("execute", LostError())
            for _ in range(3):
                with pytest.raises(asyncdb.ConnectionLost):
                    await db.fetchval("SELECT 1")
            assert db.is_closed


async def test_this_side() -> None:
    """What was closed is closed."""
    db = await asyncdb.connect("fake://")
    await db.close()

    with pytest.raises(asyncdb.ConnectionClosed):
        await db.fetchval("SELECT 1")


async def test_between_two_statements_of_a_block() -> None:
    """Every block is lost, and says by what."""
    with faults() as ordered:
        async with asyncdb.connect("fake://") as db:
            with pytest.raises(asyncdb.TransactionError) as caught:
                async with db.transaction() as outer, db.transaction() as inner:
                    ordered.add("execute", LostError())
                    with pytest.raises(asyncdb.ConnectionLost):
                        await db.fetchval("SELECT 1")
                    assert not inner.is_open
                    assert not outer.is_open
            assert isinstance(caught.value.__cause__, asyncdb.ConnectionLost)


async def test_a_driver_that_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the capability this side is taken to have ended it."""

    class Mute(FakeConnection):
        """As if it did not have it."""

        last_words = None  # type: ignore[assignment]

    monkeypatch.setattr("asyncdb.testing.fake.FakeConnection", Mute)
    with faults() as ordered:
        async with asyncdb.connect("fake://") as db:
            assert not isinstance(db._session.inner, SupportsLastWords)
            ordered.add("execute", LostError())
            with pytest.raises(asyncdb.ConnectionLost):
                await db.fetchval("SELECT 1")
            with pytest.raises(asyncdb.ConnectionClosed):
                await db.fetchval("SELECT 1")
