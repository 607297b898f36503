"""Results read in pieces."""

from __future__ import annotations

import pytest
import pytest_asyncio

import asyncdb
from asyncdb.testing.conformance.chapter import Chapter, ids


class Streaming(Chapter):
    """A stream reads a result in batches, and may be left anywhere."""

    @pytest_asyncio.fixture
    async def many(self, db: asyncdb.Connection, table: str) -> str:
        """The name of a table with 2,500 rows."""
        rows = [(i, f"name {i}", i) for i in range(2500)]
        await db.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", rows)
        return table

    async def test_all_rows(self, db: asyncdb.Connection, many: str) -> None:
        """Every row comes once, in order."""
        async with db.stream(f"SELECT id, name FROM {many} ORDER BY id") as rows:
            found = [(row.id, row["name"]) async for row in rows]

        assert [(i, f"name {i}") for i in range(2500)] == found
        assert not db.in_transaction

    async def test_batches(self, db: asyncdb.Connection, many: str) -> None:
        """Batches have the size asked for."""
        sql = f"SELECT id FROM {many} WHERE id < :end"
        async with db.stream(sql, {"end": 250}, batch=100) as rows:
            assert ["id"] == [column[0] for column in rows.description]
            sizes = [len(batch) async for batch in rows.batches()]

        assert [100, 100, 50] == sizes

    async def test_left_early(self, db: asyncdb.Connection, many: str) -> None:
        """Left in the middle, it leaves the connection ready."""
        async with db.stream(f"SELECT id FROM {many} ORDER BY id", batch=10) as rows:
            async for row in rows:
                if row.id == 15:
                    break

        assert 2500 == await db.fetchval(f"SELECT count(*) FROM {many}")
        assert not db.in_transaction

    async def test_left_by_an_error(self, db: asyncdb.Connection, many: str) -> None:
        """Left by an exception, it leaves the connection ready and the error whole."""
        with pytest.raises(ZeroDivisionError):
            async with db.stream(f"SELECT id FROM {many}", batch=10) as rows:
                async for _ in rows:
                    raise ZeroDivisionError

        assert 2500 == await db.fetchval(f"SELECT count(*) FROM {many}")

    async def test_empty(self, db: asyncdb.Connection, many: str) -> None:
        """An empty result has columns and no rows."""
        async with db.stream(f"SELECT id FROM {many} WHERE id < 0") as rows:
            assert 1 == len(rows.description)
            assert [] == [row async for row in rows]

    async def test_busy_meanwhile(self, db: asyncdb.Connection, many: str) -> None:
        """While it is open the connection serves nothing else, on every engine."""
        async with db.stream(f"SELECT id FROM {many}", batch=10) as rows:
            await rows.fetchmany()
            with pytest.raises(asyncdb.ConnectionBusy, match="stream"):
                await db.fetchval("SELECT 1")
            assert "busy" in repr(db)

        assert 1 == await db.fetchval("SELECT 1")

    async def test_inside_a_transaction(
        self, db: asyncdb.Connection, many: str
    ) -> None:
        """In a transaction it sees that transaction, and leaves it open."""
        async with db.transaction():
            await db.execute(f"DELETE FROM {many} WHERE id > 4")
            async with db.stream(f"SELECT id FROM {many} ORDER BY id") as rows:
                assert [0, 1, 2, 3, 4] == [row.id async for row in rows]
            async with db.stream(f"SELECT id FROM {many}", batch=2) as rows:
                await rows.fetchmany()
            assert db.in_transaction

        assert [0, 1, 2, 3, 4] == await ids(db, many)

    async def test_bad_statement(self, db: asyncdb.Connection) -> None:
        """A statement that fails raises when the block is entered."""
        with pytest.raises(asyncdb.UndefinedTable):
            async with db.stream("SELECT * FROM no_such_table"):
                pass

        assert 1 == await db.fetchval("SELECT 1")
        assert not db.in_transaction

    async def test_not_open(self, db: asyncdb.Connection) -> None:
        """Outside its block it refuses."""
        stream = db.stream("SELECT 1")
        with pytest.raises(asyncdb.InterfaceError, match="async with"):
            await stream.fetchmany()
        with pytest.raises(asyncdb.InterfaceError):
            db.stream("SELECT 1", batch=0)
