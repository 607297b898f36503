"""One statement at a time: rows, counts, keys, cursors."""

from __future__ import annotations

import pytest

import asyncdb
from asyncdb.testing.conformance.chapter import Chapter, ids


class Statements(Chapter):
    """Every verb gives the same on every engine."""

    async def test_select(self, db: asyncdb.Connection, people: str) -> None:
        """A SELECT gives its rows, their names and their number."""
        cur = await db.execute(f"SELECT id, name, n FROM {people} ORDER BY id")

        assert [(1, "Ann", 10), (2, "Bob", None), (3, "Cid", 30)] == (
            await cur.fetchall()
        )
        assert 3 == cur.rowcount
        assert cur.lastrowid is None
        assert ["id", "name", "n"] == [column[0] for column in cur.description or ()]

    async def test_empty_result_has_columns(
        self, db: asyncdb.Connection, table: str
    ) -> None:
        """A SELECT without rows still has its columns."""
        cur = await db.execute(f"SELECT id, name FROM {table}")

        assert 0 == cur.rowcount
        assert [] == await cur.fetchall()
        assert ["id", "name"] == [column[0] for column in cur.description or ()]

    async def test_fetchone(self, db: asyncdb.Connection, people: str) -> None:
        """`fetchone` gives the first row, or None."""
        sql = f"SELECT name FROM {people} WHERE id >= ? ORDER BY id"

        assert ("Bob",) == await db.fetchone(sql, [2])
        assert await db.fetchone(sql, [9]) is None

    async def test_fetchval(self, db: asyncdb.Connection, people: str) -> None:
        """`fetchval` gives the first column of the first row, or None."""
        sql = f"SELECT name, id FROM {people} WHERE id = :id"

        assert "Ann" == await db.fetchval(sql, {"id": 1})
        assert await db.fetchval(sql, {"id": 9}) is None
        assert 3 == await db.fetchval(f"SELECT count(*) FROM {people}")

    async def test_fetchmany(self, db: asyncdb.Connection, people: str) -> None:
        """`fetchmany` gives the first rows and leaves the connection free."""
        sql = f"SELECT id FROM {people} ORDER BY id"

        assert [(1,), (2,)] == await db.fetchmany(sql, size=2)
        assert [(1,), (2,), (3,)] == await db.fetchmany(sql)

    async def test_insert_counts(self, db: asyncdb.Connection, table: str) -> None:
        """An INSERT counts the rows inserted and has no columns."""
        cur = await db.execute(f"INSERT INTO {table} VALUES (1, 'a', 1), (2, 'b', 2)")

        assert 2 == cur.rowcount
        assert cur.description is None
        assert [] == await cur.fetchall()

    async def test_update_counts_matched(
        self, db: asyncdb.Connection, people: str
    ) -> None:
        """An UPDATE counts the rows matched, changed or not."""
        same = await db.execute(f"UPDATE {people} SET name = 'Ann' WHERE id = 1")
        some = await db.execute(f"UPDATE {people} SET n = ? WHERE id > ?", [5, 1])
        none = await db.execute(f"UPDATE {people} SET n = 1 WHERE id = 9")

        assert (1, 2, 0) == (same.rowcount, some.rowcount, none.rowcount)

    async def test_delete_counts(self, db: asyncdb.Connection, people: str) -> None:
        """A DELETE counts the rows deleted."""
        cur = await db.execute(f"DELETE FROM {people} WHERE id < :id", {"id": 3})

        assert 2 == cur.rowcount
        assert [3] == await ids(db, people)

    async def test_ddl_count_is_unknown(
        self, db: asyncdb.Connection, table: str
    ) -> None:
        """A statement that neither reads nor writes rows counts -1."""
        cur = await db.execute(f"CREATE INDEX {table}_i ON {table} (n)")

        assert -1 == cur.rowcount

    async def test_lastrowid(self, db: asyncdb.Connection, table: str) -> None:
        """`lastrowid` is the key that this INSERT made, and None after all else."""
        identity = db.dialect.identity_column
        await db.execute(f"CREATE TABLE {table}_k (id {identity}, a INTEGER)")
        try:
            insert = f"INSERT INTO {table}_k (a) VALUES (?)"
            first = await db.execute(insert, [5])
            second = await db.execute(insert, [6])
            update = await db.execute(f"UPDATE {table}_k SET a = 1")
            select = await db.execute(f"SELECT a FROM {table}_k")
            keys = await ids(db, f"{table}_k")
            delete = await db.execute(f"DELETE FROM {table}_k WHERE id = {keys[0]}")
        finally:
            await db.execute(f"DROP TABLE {table}_k")

        known = db.dialect.supports_lastrowid
        assert (keys if known else [None, None]) == [first.lastrowid, second.lastrowid]
        others = (update, select, delete)
        assert [None] * 3 == [cur.lastrowid for cur in others]

    async def test_lastrowid_of_several(
        self, db: asyncdb.Connection, table: str
    ) -> None:
        """`lastrowid` is None after an INSERT of several rows, or of no row."""
        identity = db.dialect.identity_column
        await db.execute(f"INSERT INTO {table} VALUES (1, 'a', 1), (2, 'b', 2)")
        await db.execute(f"CREATE TABLE {table}_k (id {identity}, a INTEGER)")
        insert = f"INSERT INTO {table}_k (a)"
        select = f"{insert} SELECT n FROM {table} WHERE id <= ?"
        try:
            several = [
                await db.execute(f"{insert} VALUES (5), (6)"),
                await db.execute(f"{insert} VALUES (?), (?), (?)", [7, 8, 9]),
                await db.execute(select, [2]),
                await db.execute(select, [0]),
                await db.executemany(f"{insert} VALUES (?)", [[1], [2]]),
            ]
            one = await db.execute(select, [1])
            last = max(await ids(db, f"{table}_k"))
        finally:
            await db.execute(f"DROP TABLE {table}_k")

        assert [None] * 5 == [cur.lastrowid for cur in several]
        assert one.lastrowid == (last if db.dialect.supports_lastrowid else None)

    async def test_returning(self, db: asyncdb.Connection, table: str) -> None:
        """INSERT ... RETURNING gives rows where the dialect says so."""
        if not db.dialect.supports_returning:
            pytest.skip("no RETURNING here")
        cur = await db.execute(
            f"INSERT INTO {table} VALUES (1, 'a', 5), (2, 'b', 6) RETURNING id, n"
        )

        assert [(1, 5), (2, 6)] == await cur.fetchall()
        assert 2 == cur.rowcount

    async def test_cursor(self, db: asyncdb.Connection, people: str) -> None:
        """A cursor runs statements and walks through rows, PEP 249's way."""
        async with db.cursor() as cur:
            await cur.execute(f"SELECT id FROM {people} WHERE id > ? ORDER BY id", [0])
            first, rest = await cur.fetchone(), await cur.fetchmany(1)
            left, after = await cur.fetchall(), await cur.fetchone()

            assert [(1,), [(2,)], [(3,)], None] == [first, rest, left, after]
            await cur.execute(f"SELECT id FROM {people} ORDER BY id")
            assert [1, 2, 3] == [row.id async for row in cur]
            await cur.executemany(
                f"INSERT INTO {people} VALUES (?, ?, ?)", [(4, "d", 4), (5, "e", 5)]
            )
            assert 2 == cur.rowcount
        with pytest.raises(asyncdb.InterfaceError):
            await cur.execute("SELECT 1")

    async def test_cursor_steps_over_what_it_gave(
        self, db: asyncdb.Connection, people: str
    ) -> None:
        """Each row is given once, whichever fetch follows which."""
        async with db.cursor() as cur:
            await cur.execute(f"SELECT id FROM {people} ORDER BY id")
            assert (2, 2) == (len(await cur.fetchmany(2)), cur.rownumber)
            third = await cur.fetchone()
            assert third == (3,)
            assert 3 == cur.rownumber
            assert ([], None) == (await cur.fetchmany(2), await cur.fetchval())
            assert ([], 3) == (await cur.fetchall(), cur.rownumber)

            await cur.execute(f"SELECT id, name FROM {people} ORDER BY id")
            assert (0, 1, 1) == (cur.rownumber, await cur.fetchval(), cur.rownumber)
            assert [(2, "Bob"), (3, "Cid")] == await cur.fetchmany(9)
            assert await cur.fetchone() is None

            await cur.execute(f"SELECT id FROM {people} ORDER BY id")
            cur.arraysize = 2
            assert [] == await cur.fetchmany(0)
            assert [[(1,), (2,)], [(3,)]] == [
                await cur.fetchmany(),
                await cur.fetchall(),
            ]

    async def test_cursor_shows_its_state(
        self, db: asyncdb.Connection, people: str
    ) -> None:
        """The repr of a cursor shows how far it is, and no value."""
        cur = db.cursor()
        assert "<asyncdb.Cursor empty>" == repr(cur)
        await cur.execute(f"SELECT name FROM {people} WHERE id < ?", [3])
        await cur.fetchone()

        assert "<asyncdb.Cursor rowcount=2 at row 1>" == repr(cur)
        await cur.close()
        assert "<asyncdb.Cursor empty>" == repr(cur)

    async def test_empty_cursor_refuses(self, db: asyncdb.Connection) -> None:
        """A cursor without a result says so."""
        with pytest.raises(asyncdb.InterfaceError, match="execute"):
            await db.cursor().fetchone()

    @pytest.mark.parametrize("text", ["", "   ", "-- nothing", "/* nothing */", ";"])
    async def test_empty_text(self, db: asyncdb.Connection, text: str) -> None:
        """A text without a statement is refused, and the connection goes on."""
        with pytest.raises(asyncdb.ProgrammingError):
            await db.execute(text)

        assert 1 == await db.fetchval("SELECT 1")

    async def test_not_a_text(self, db: asyncdb.Connection) -> None:
        """A statement that is not a str is refused."""
        with pytest.raises(asyncdb.InterfaceError, match="bytes"):
            await db.execute(b"SELECT 1")  # type: ignore[arg-type]

    async def test_autocommit(self, db: asyncdb.Connection, table: str) -> None:
        """Outside a transaction each statement commits by itself."""
        await db.execute(f"INSERT INTO {table} VALUES (1, 'a', 1)")

        assert not db.in_transaction
