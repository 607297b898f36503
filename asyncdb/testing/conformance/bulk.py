"""Many rows, one statement."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

import asyncdb
from asyncdb.testing.conformance.chapter import Chapter, ids


class Bulk(Chapter):
    """`executemany` is all or nothing, and counts."""

    async def test_sequences(self, db: asyncdb.Connection, table: str) -> None:
        """Rows as sequences bind `?`."""
        cur = await db.executemany(
            f"INSERT INTO {table} VALUES (?, ?, ?)", [(1, "a", None), [2, "b", 5]]
        )

        assert 2 == cur.rowcount
        rows = await db.fetchall(f"SELECT id, name, n FROM {table} ORDER BY id")
        assert [(1, "a", None), (2, "b", 5)] == rows

    async def test_mappings(self, db: asyncdb.Connection, table: str) -> None:
        """Rows as mappings bind `:name`."""
        rows = [{"id": i, "name": f"n{i}"} for i in range(3)]
        sql = f"INSERT INTO {table} (name, id) VALUES (:name, :id)"
        await db.executemany(sql, rows)

        assert [0, 1, 2] == await ids(db, table)

    async def test_nothing(self, db: asyncdb.Connection, table: str) -> None:
        """No rows are no work."""
        cur = await db.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", [])

        assert 0 == cur.rowcount
        assert [] == await ids(db, table)

    async def test_iterators(self, db: asyncdb.Connection, table: str) -> None:
        """Iterators and async iterators are taken, in pieces."""
        sql = f"INSERT INTO {table} VALUES (?, ?, ?)"

        async def some() -> AsyncIterator[Any]:
            for i in range(6000, 6003):
                yield i, "async", i

        first = await db.executemany(sql, ((i, "x", i) for i in range(5100)))
        second = await db.executemany(sql, some())

        assert (5100, 3) == (first.rowcount, second.rowcount)
        assert 5103 == await db.fetchval(f"SELECT count(*) FROM {table}")
        assert not db.in_transaction

    async def test_update(self, db: asyncdb.Connection, people: str) -> None:
        """An UPDATE for each row counts rows matched, or says that it does not know."""
        cur = await db.executemany(
            f"UPDATE {people} SET n = ? WHERE id = ?", [(1, 1), (1, 1), (3, 3), (9, 9)]
        )

        assert cur.rowcount in (3, -1)
        rows = await db.fetchall(f"SELECT n FROM {people} ORDER BY id")
        assert [(1,), (None,), (3,)] == rows

    async def test_exact_rowcount(self, db: asyncdb.Connection, people: str) -> None:
        """`exact_rowcount=True` counts rows matched on every engine."""
        sql = f"UPDATE {people} SET n = :n WHERE id <= :id ; -- RETURNING"
        rows = [{"n": i, "id": i} for i in range(4)]
        cur = await db.executemany(sql, rows, exact_rowcount=True)

        assert 0 + 1 + 2 + 3 == cur.rowcount
        found = await db.fetchall(f"SELECT n FROM {people} ORDER BY id")
        assert [(3,), (3,), (3,)] == found

    @pytest.mark.parametrize("count", [10, 6000])
    async def test_all_or_nothing(
        self, db: asyncdb.Connection, table: str, count: int
    ) -> None:
        """A row that fails takes all others with it, in one piece or several."""
        rows = ((i % (count - 1), "x", i) for i in range(count))
        with pytest.raises(asyncdb.UniqueViolation):
            await db.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", rows)

        assert [] == await ids(db, table)
        assert not db.in_transaction

    async def test_many_inside_a_transaction(
        self, db: asyncdb.Connection, table: str
    ) -> None:
        """In a transaction it is part of it."""
        with pytest.raises(ZeroDivisionError):
            async with db.transaction():
                await db.executemany(
                    f"INSERT INTO {table} VALUES (?, ?, ?)", [(1, "a", 1)]
                )
                assert [1] == await ids(db, table)
                raise ZeroDivisionError

        assert [] == await ids(db, table)

    @pytest.mark.parametrize(
        "rows",
        [[(1, "a")], [(1, "a", 1), (2,)], "abc", 5, [(1, object(), 1)], [5], {"id": 1}],
    )
    async def test_rows_that_do_not_fit(
        self, db: asyncdb.Connection, table: str, rows: Any
    ) -> None:
        """Rows that do not fit are refused, and nothing is stored."""
        with pytest.raises((asyncdb.ParameterError, asyncdb.DataError)):
            await db.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", rows)

        assert [] == await ids(db, table)

    async def test_the_row_that_does_not_fit_is_named(
        self, db: asyncdb.Connection, table: str
    ) -> None:
        """Where one of many rows does not fit the error says which, counted from 1."""
        sql = f"INSERT INTO {table} VALUES (?, ?, ?)"
        for number in (1, 3):
            rows: list[tuple[Any, ...]] = [(i, "a", i) for i in range(4)]
            rows[number - 1] = (7,)
            with pytest.raises(asyncdb.ParameterError, match=rf"\brow {number}: "):
                await db.executemany(sql, rows)

    async def test_many_of_what_is_not_a_text(self, db: asyncdb.Connection) -> None:
        """`executemany` refuses a statement that is not a str, and says what it is."""
        with pytest.raises(asyncdb.InterfaceError, match="takes a str, not a bytes"):
            await db.executemany(b"SELECT ?", [[1]])  # type: ignore[arg-type]

    async def test_values_are_values(self, db: asyncdb.Connection, table: str) -> None:
        """What looks like SQL is stored as it is, also in bulk."""
        names = ["'); --", "\\", "VALUES (?, ?)", "ON DUPLICATE", ":x", "%s", ""]
        rows = [(i, name, sys.maxsize % 7) for i, name in enumerate(names)]
        await db.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", rows)

        found = await db.fetchall(f"SELECT name FROM {table} ORDER BY id")
        assert names == [row.name for row in found]

    async def test_load_rows(self, db: asyncdb.Connection, table: str) -> None:
        """`load_rows` takes any iterable, quotes names, and returns the count."""
        columns = ["id", "name", "n"]
        rows = [(1, "'); --", None), [2, "\\N\t\n\\", 5]]

        assert 2 == await db.load_rows(table, columns, rows)
        many = ((i, f"n{i}", i) for i in range(3, 5500))
        assert 5497 == await db.load_rows([table], columns, many)
        assert 0 == await db.load_rows(table, columns, [])
        found = await db.fetchall(f"SELECT name FROM {table} WHERE id < 3 ORDER BY id")
        assert [("'); --",), ("\\N\t\n\\",)] == found
        assert 5499 == await db.fetchval(f"SELECT count(*) FROM {table}")

    async def test_load_rows_async(self, db: asyncdb.Connection, table: str) -> None:
        """`load_rows` takes an async iterator, and some of the columns."""

        async def rows() -> AsyncIterator[Any]:
            for i in range(5):
                yield "x", i

        assert 5 == await db.load_rows(table, ["name", "id"], rows())
        assert [0, 1, 2, 3, 4] == await ids(db, table)

    @pytest.mark.parametrize("count", [10, 6000])
    async def test_load_rows_all_or_nothing(
        self, db: asyncdb.Connection, table: str, count: int
    ) -> None:
        """A row that fails takes all others with it, and the connection goes on."""
        columns = ["id", "name", "n"]
        twice = ((i % (count - 1), "x", i) for i in range(count))
        with pytest.raises(asyncdb.UniqueViolation):
            await db.load_rows(table, columns, twice)
        odd = ((i, object() if i == count - 1 else "x", i) for i in range(count))
        with pytest.raises(asyncdb.DataError):
            await db.load_rows(table, columns, odd)
        short = ((i, "x", i)[: 2 + (i < count - 1)] for i in range(count))
        with pytest.raises(asyncdb.ParameterError):
            await db.load_rows(table, columns, short)

        assert [] == await ids(db, table)
        assert not db.in_transaction

    async def test_load_rows_names(self, db: asyncdb.Connection, table: str) -> None:
        """Names that are none are refused or not found, and never become SQL."""
        with pytest.raises(asyncdb.UndefinedTable):
            await db.load_rows(f"{table} (id) VALUES (1) --", ["id"], [[1]])
        with pytest.raises(asyncdb.UndefinedColumn):
            await db.load_rows(table, ["nope"], [[1]])
        none: list[list[str] | str] = [[], "id", ""]
        for columns in none:
            with pytest.raises(asyncdb.ParameterError, match="a list of names"):
                await db.load_rows(table, columns, [[1]])

        assert [] == await ids(db, table)

    @pytest.mark.parametrize(
        "row",
        ["abc", b"abc", {"id": 1, "name": "a", "n": 1}, {1, 2, 3}, 5],
        ids=lambda row: type(row).__name__,
    )
    async def test_load_rows_that_are_none(
        self, db: asyncdb.Connection, table: str, row: Any
    ) -> None:
        """What is no list or tuple of values is no row, however long it is."""
        kind = type(row).__name__
        with pytest.raises(asyncdb.ParameterError, match=f"not a {kind}"):
            await db.load_rows(table, ["id", "name", "n"], [(1, "a", 1), row])

        assert [] == await ids(db, table)
