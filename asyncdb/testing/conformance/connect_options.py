"""Options that several databases have: one name, one meaning."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

import asyncdb
from asyncdb.testing.conformance.chapter import Chapter, needs_two_connections

NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)
_HOUR = "EXTRACT(HOUR FROM v) * 60 + EXTRACT(MINUTE FROM v)"


class ConnectOptions(Chapter):
    """What an option of `connect()` means where there is one."""

    # -- time_zone ---------------------------------------------------------------------

    @pytest_asyncio.fixture
    async def noon(
        self, db: asyncdb.Connection, table: str, database_url: str
    ) -> AsyncIterator[str]:
        """The name of a table with the instant of noon in UTC, in the column `v`."""
        try:
            asyncdb.connect(database_url, time_zone="UTC")
        except asyncdb.URLError:
            pytest.skip("sessions of this database have no time zone")
        declared = db.dialect.column_types["datetime, aware"]
        await db.execute(f"CREATE TABLE {table}_z (id INTEGER, v {declared})")
        await db.execute(f"INSERT INTO {table}_z VALUES (1, ?)", [NOON])
        yield f"{table}_z"
        await db.execute(f"DROP TABLE {table}_z")

    @pytest.mark.parametrize(
        ("zone", "minutes"),
        [
            ("+02:00", 14 * 60),
            ("+0530", 17 * 60 + 30),
            ("-03", 9 * 60),
            ("-03:30", 8 * 60 + 30),
            ("UTC", 12 * 60),
            ("Z", 12 * 60),
        ],
    )
    async def test_offsets_count_east(
        self, noon: str, database_url: str, zone: str, minutes: int
    ) -> None:
        """An offset is ISO 8601's, east of UTC: at +02:00 noon in UTC is 14 o'clock."""
        async with asyncdb.connect(database_url, time_zone=zone) as there:
            found = await there.fetchval(f"SELECT {_HOUR} FROM {noon}")

        assert minutes == found

    async def test_a_zone_by_name(self, noon: str, database_url: str) -> None:
        """A name means the zone with its summers, where the server knows it."""
        try:
            there = await asyncdb.connect(database_url, time_zone="Europe/Berlin")
        except asyncdb.ConnectionFailed as error:
            assert "time_zone" in str(error)  # noqa: PT017  # it may also succeed
            pytest.skip("this server knows no names of zones")
        async with there:
            winter = await there.fetchval(f"SELECT {_HOUR} FROM {noon}")

        assert 13 * 60 == winter

    @pytest.mark.parametrize("zone", ["Mars/Olympus", "no zone", "'"])
    async def test_an_unknown_zone(
        self, noon: str, database_url: str, zone: str
    ) -> None:
        """What the server does not know is an error that says so."""
        with pytest.raises(asyncdb.ConnectionFailed, match="time_zone names no zone"):
            await asyncdb.connect(database_url, time_zone=zone)

    @pytest.mark.parametrize("zone", ["UTC+2", "<+02>-02", "2", "+25:00", "+02:60"])
    async def test_a_zone_that_would_mislead(
        self, noon: str, database_url: str, zone: str
    ) -> None:
        """A text that an engine reads as west of UTC is refused, with what to write."""
        with pytest.raises(asyncdb.URLError, match=r"\+02:00, east of UTC"):
            asyncdb.connect(database_url, time_zone=zone)

    # -- statement_timeout, lock_timeout -----------------------------------------------

    async def test_a_statement_that_takes_too_long(
        self, db: asyncdb.Connection, table: str, database_url: str
    ) -> None:
        """It ends as StatementTimeout within statement_timeout, and the next works."""
        needs_two_connections(db)
        rows = [(i, "x", i) for i in range(1000)]
        await db.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", rows)
        many = ", ".join(f"{table} t{i}" for i in range(5))
        slow = f"SELECT count(*) FROM {many} WHERE t0.n + t1.n + t2.n + t3.n < t4.n"
        async with asyncdb.connect(database_url, statement_timeout=0.3) as hasty:
            async with asyncio.timeout(20):
                with pytest.raises(asyncdb.StatementTimeout):
                    await hasty.fetchval(slow)

            assert 1000 == await hasty.fetchval(f"SELECT count(*) FROM {table}")

    async def test_a_lock_counts_less_than_a_second(
        self, db: asyncdb.Connection, people: str, database_url: str
    ) -> None:
        """A lock_timeout below a second is a wait of a second at most, not of none."""
        needs_two_connections(db)
        update = f"UPDATE {people} SET n = 5 WHERE id = 1"
        async with (
            asyncdb.connect(database_url, lock_timeout=0.05) as other,
            db.transaction(),
        ):
            await db.execute(update)
            async with asyncio.timeout(20):
                with pytest.raises(asyncdb.LockTimeout):
                    await other.execute(update)

    # -- isolation ---------------------------------------------------------------------

    async def test_repeatable_read(
        self, db: asyncdb.Connection, people: str, database_url: str
    ) -> None:
        """What was read once is read again, whatever others commit."""
        needs_two_connections(db)
        if "repeatable read" not in db.dialect.supports_isolation:
            pytest.skip("this database has no such level")
        select = f"SELECT n FROM {people} WHERE id = 1"
        modes: Any = {"isolation": "repeatable read", "readonly": True}
        async with asyncdb.connect(database_url) as other, db.transaction(**modes):
            before = await db.fetchval(select)
            await other.execute(f"UPDATE {people} SET n = 11 WHERE id = 1")
            after = await db.fetchval(select)

        assert (10, 10) == (before, after)
        assert 11 == await db.fetchval(select)

    async def test_nobody_sees_what_is_not_committed(
        self, db: asyncdb.Connection, people: str, database_url: str
    ) -> None:
        """At the level of a session's own, and of read committed, no read is dirty."""
        needs_two_connections(db)
        select = f"SELECT n FROM {people} WHERE id = 1"
        async with asyncdb.connect(database_url) as other, db.transaction():
            await db.execute(f"UPDATE {people} SET n = 11 WHERE id = 1")
            found = [await other.fetchval(select)]
            if "read committed" in db.dialect.supports_isolation:
                modes: Any = {"isolation": "read committed", "readonly": True}
                async with other.transaction(**modes):
                    found.append(await other.fetchval(select))

        assert {10} == set(found)
