"""An asyncpg whose inner parts are others: its public ways serve."""

from __future__ import annotations

import asyncio

import pytest

import asyncdb
from asyncdb.drivers.asyncpg import inner
from asyncdb.testing.conformance import Conformance
from tests.plugins.slow import Slow

PARTS = (
    "RUNS_DIRECTLY",
    "BEGINS_ALONG",
    "LISTENS",
    "SEES_OUT",
    "REPEATS",
    "FORGETS",
    "CLOSES_PORTALS",
)


def test_this_version_has_them() -> None:
    """Else all that follows would be what every other test runs, too."""
    assert {True} == {getattr(inner, part) for part in PARTS}


class TestConformance(Conformance):
    """The kit passes without any of the inner parts."""

    @pytest.fixture(autouse=True)
    def without(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have none of them."""
        for part in PARTS:
            monkeypatch.setattr(inner, part, False)

    @pytest.fixture
    def database_url(self, postgresql_url: str) -> str:
        """PostgreSQL."""
        return postgresql_url

    async def test_cancelled_all_the_same(self, database_url: str) -> None:
        """A statement is stopped on the server, by asyncpg's own request."""
        async with (
            asyncdb.connect(database_url) as db,
            asyncdb.connect(database_url) as observer,
        ):
            slow = await Slow.on(db, observer)
            task = asyncio.create_task(db.execute(slow.sql))
            await slow.started()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await slow.stopped()
