"""Scripts: many statements in one text, one after another."""

from __future__ import annotations

import pytest

import asyncdb
from asyncdb.testing.conformance.chapter import Chapter, ids


class Scripts(Chapter):
    """`executescript()` and `nextset()`."""

    async def test_script_runs_all_its_statements(
        self, db: asyncdb.Connection, table: str
    ) -> None:
        """Statements run in order; blanks and comments between them are none."""
        cur = await db.executescript(f"""
            -- a comment; with a semicolon
            INSERT INTO {table} VALUES (1, 'a;b', 10);
            ;
            /* another; one */
            INSERT INTO {table} VALUES (2, 'it''s; c', 20), (3, 'd', 30);
            UPDATE {table} SET n = n + 1 WHERE id > 1;
            SELECT name FROM {table} ORDER BY id
        """)

        assert [1, 2, 2, 3] == [
            cur.rowcount,
            *(cur.rowcount for _ in iter(cur.nextset, None)),
        ]
        assert ["a;b", "it's; c", "d"] == [row[0] for row in await cur.fetchall()]

    async def test_script_results_one_by_one(self, db: asyncdb.Connection) -> None:
        """`nextset()` leads from one result to the next, and says when it is over."""
        async with db.cursor() as cur:
            await cur.executescript("SELECT 1 AS a; SELECT 2 AS b UNION SELECT 3")
            first = await cur.fetchall(into=int)
            names = [cur.description[0][0] if cur.description else None]
            more = cur.nextset()
            names.append(cur.description[0][0] if cur.description else None)
            second = await cur.fetchone(into=int)

            assert ([1], True, 2, ["a", "b"]) == (first, more, second, names)
            assert cur.nextset() is None
            assert [3] == await cur.fetchall(into=int)

    async def test_nextset_after_one_statement(self, db: asyncdb.Connection) -> None:
        """One statement has one result, on every engine."""
        cur = await db.execute("SELECT 1")

        assert cur.nextset() is None
        assert 1 == await cur.fetchval()

    async def test_script_is_all_or_nothing(
        self, db: asyncdb.Connection, table: str
    ) -> None:
        """A failure leaves nothing behind, and says which statement it was."""
        script = f"""INSERT INTO {table} VALUES (1, 'a', 1);
            INSERT INTO {table}
                VALUES (1, 'b', 2);
            INSERT INTO {table} VALUES (2, 'c', 3)"""
        with pytest.raises(asyncdb.UniqueViolation) as caught:
            await db.executescript(script)

        assert "statement 2 of 3, line 2" in str(caught.value)
        assert (caught.value.sql or "").endswith("VALUES (1, 'b', 2)")
        assert [] == await ids(db, table)
        assert not db.in_transaction

    async def test_script_without_a_transaction(
        self, db: asyncdb.Connection, table: str
    ) -> None:
        """With `transaction=False` each statement commits by itself."""
        script = (
            f"INSERT INTO {table} VALUES (1, 'a', 1); INSERT INTO {table} VALUES (1)"
        )
        with pytest.raises(asyncdb.DatabaseError, match="statement 2 of 2"):
            await db.executescript(script, transaction=False)

        assert [1] == await ids(db, table)

    async def test_script_in_a_block(self, db: asyncdb.Connection, table: str) -> None:
        """Inside a transaction a script is a part of it, and may not end it."""
        with pytest.raises(LookupError):
            async with db.transaction():
                await db.executescript(f"INSERT INTO {table} VALUES (1, 'a', 1);")
                raise LookupError
        assert [] == await ids(db, table)
        async with db.transaction():
            with pytest.raises(asyncdb.TransactionError, match="COMMIT"):
                await db.executescript(
                    f"INSERT INTO {table} VALUES (1, 'a', 1); COMMIT"
                )

        assert [] == await ids(db, table)

    async def test_script_with_a_transaction_of_its_own(
        self, db: asyncdb.Connection, table: str
    ) -> None:
        """A script may begin and end transactions, but not leave one open."""
        one = f"INSERT INTO {table} VALUES (1, 'a', 1);"
        await db.executescript(f"BEGIN; {one} COMMIT;")
        two = f"INSERT INTO {table} VALUES (2, 'a', 1);"
        with pytest.raises(asyncdb.TransactionError, match="did not end it"):
            await db.executescript(f"BEGIN; {two}")

        assert not db.in_transaction
        assert [1] == await ids(db, table)

    async def test_script_on_a_pool(self, database_url: str) -> None:
        """A pool runs a script on one connection, and keeps all its results."""
        async with asyncdb.create_pool(database_url, max_size=2) as pool:
            cur = await pool.executescript("SELECT 1; SELECT 2; SELECT 3")
            found = [await cur.fetchval()]
            while cur.nextset():
                found.append(await cur.fetchval())

            assert [1, 2, 3] == found
            assert 0 == pool.stats().in_use

    @pytest.mark.parametrize("script", ["", " ; -- nothing\n"])
    async def test_script_of_nothing(self, db: asyncdb.Connection, script: str) -> None:
        """A script without statements does nothing."""
        cur = await db.executescript(script)

        assert (-1, None, None) == (cur.rowcount, cur.description, cur.nextset())

    async def test_script_that_never_ends(
        self, db: asyncdb.Connection, table: str
    ) -> None:
        """A string without an end is found before anything is sent."""
        with pytest.raises(asyncdb.ProgrammingError, match="line 2"):
            await db.executescript(f"INSERT INTO {table} VALUES (1, 'a', 1);\n'open")

        assert [] == await ids(db, table)

    async def test_script_keeps_marks(self, db: asyncdb.Connection) -> None:
        """What looks like a parameter is sent as it is."""
        cur = await db.executescript("SELECT '?', ':name', '%s'")

        assert ("?", ":name", "%s") == tuple(await cur.fetchone() or ())
