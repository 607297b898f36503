"""The portable session: the same text means the same thing."""

from __future__ import annotations

import asyncio

import pytest

import asyncdb
from asyncdb.testing.conformance.chapter import Chapter, needs_two_connections


class Session(Chapter):
    """Each line of the portable session, where it can be said in portable SQL."""

    async def test_double_quotes_are_names(
        self, db: asyncdb.Connection, people: str
    ) -> None:
        """`"name"` is an identifier."""
        sql = f'SELECT "name" FROM {people} WHERE "id" = 1'

        assert "Ann" == await db.fetchval(sql)

    async def test_bars_concatenate(self, db: asyncdb.Connection) -> None:
        """`||` concatenates."""
        assert "ab" == await db.fetchval("SELECT 'a' || 'b'")

    async def test_backslash_is_a_character(self, db: asyncdb.Connection) -> None:
        r"""`'a\b'` is three characters, with parameters and without."""
        assert "a\\b" == await db.fetchval("SELECT 'a\\b'")
        assert ("a\\", "b") == await db.fetchone("SELECT 'a\\', ?", ["b"])

    async def test_foreign_keys_hold(self, db: asyncdb.Connection, table: str) -> None:
        """A reference to a missing row is refused."""
        child = f"{table}_f"
        await db.execute(
            f"CREATE TABLE {child} (p INTEGER, FOREIGN KEY (p) REFERENCES {table} (id))"
        )
        try:
            with pytest.raises(asyncdb.ForeignKeyViolation):
                await db.execute(f"INSERT INTO {child} VALUES (1)")
        finally:
            await db.execute(f"DROP TABLE {child}")

    async def test_text_is_unicode(self, db: asyncdb.Connection, table: str) -> None:
        """Text of every plane comes back as it went in."""
        text = "aß中🎉\U0010ffff"
        await db.execute(f"INSERT INTO {table} VALUES (1, ?, 1)", [text])

        assert text == await db.fetchval(f"SELECT name FROM {table}")

    async def test_waiting_for_a_lock_ends(
        self, db: asyncdb.Connection, people: str, database_url: str
    ) -> None:
        """A lock that is not granted within lock_timeout is a LockTimeout."""
        needs_two_connections(db)
        update = f"UPDATE {people} SET n = 5 WHERE id = 1"
        async with (
            asyncdb.connect(database_url, lock_timeout=1) as other,
            db.transaction(),
        ):
            await db.execute(update)
            async with asyncio.timeout(20):
                with pytest.raises(asyncdb.LockTimeout) as caught:
                    await other.execute(update)

        assert caught.value.is_transient

    async def test_locked_rows_are_skipped(
        self, db: asyncdb.Connection, people: str, database_url: str
    ) -> None:
        """SKIP LOCKED leaves out what somebody has locked, or is no SQL of the engine.

        A row taken by its key, so that nothing but the row is locked.
        """
        lock = f"SELECT id FROM {people} WHERE id = ? FOR UPDATE SKIP LOCKED"
        if not db.dialect.supports_skip_locked:
            with pytest.raises(asyncdb.SQLSyntaxError):
                await db.fetchall(lock, [1])
            return
        async with (
            asyncdb.connect(database_url) as other,
            db.transaction(),
            other.transaction(),
        ):
            assert (1,) == await db.fetchone(lock, [1])
            assert None is await other.fetchone(lock, [1])
            assert (2,) == await other.fetchone(lock, [2])

    async def test_lock_is_waited_for(
        self, db: asyncdb.Connection, people: str, database_url: str
    ) -> None:
        """A lock that is granted in time is no error."""
        needs_two_connections(db)
        update = f"UPDATE {people} SET n = ? WHERE id = 1"
        async with asyncdb.connect(database_url, lock_timeout=20) as other:
            async with db.transaction():
                await db.execute(update, [5])
                waiting = asyncio.create_task(other.execute(update, [6]))
                done, _ = await asyncio.wait([waiting], timeout=0.2)
                assert not done
            await waiting

        assert 6 == await db.fetchval(f"SELECT n FROM {people} WHERE id = 1")
