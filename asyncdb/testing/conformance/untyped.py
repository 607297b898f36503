"""Markers whose place says nothing of a type: each means its value, on every engine."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

import pytest

import asyncdb
from asyncdb.testing.conformance.chapter import Chapter

Values: TypeAlias = dict[str, Any]

_FILTERS = """\
SELECT id FROM {t} WHERE (:name IS NULL OR name = :name) AND (:low IS NULL OR n >= :low)
AND (n <= :high OR :high IS NULL) ORDER BY id"""
_COUNTING = """\
WITH RECURSIVE c (x) AS (SELECT :first UNION ALL SELECT x + 1 FROM c WHERE x < :last)
SELECT x FROM c ORDER BY x"""
_CASE = "SELECT CASE WHEN n > :limit THEN :high ELSE :low END FROM {t} WHERE id <> 2"
_TWO = "(SELECT :a AS x UNION ALL SELECT :b) AS s"

# Statement, values, what each row is read into, and the rows. The table {t} has
# (1, Ann, 10), (2, Bob, NULL), (3, Cid, 30).
THIRTY: list[tuple[str, Values, Any, list[Any]]] = [
    # Literals in the select list.
    ("SELECT :a", {"a": 1}, int, [1]),
    ("SELECT :a", {"a": 2**40}, int, [2**40]),
    ("SELECT :a", {"a": None}, int | None, [None]),
    ("SELECT :a, :b, :a", {"a": "x", "b": 2}, tuple[str, int, str], [("x", 2, "x")]),
    ("SELECT :tag, id FROM {t} WHERE id = :tag", {"tag": 3}, tuple[int, int], [(3, 3)]),
    ("SELECT x + 1 FROM (SELECT :a AS x) AS s", {"a": 4}, int, [5]),
    ("SELECT EXISTS (SELECT :a)", {"a": 0}, bool, [True]),
    # Optional filters.
    (_FILTERS, {"name": None, "low": None, "high": None}, int, [1, 2, 3]),
    (_FILTERS, {"name": "Cid", "low": 5, "high": None}, int, [3]),
    (_FILTERS, {"name": None, "low": None, "high": 29}, int, [1]),
    ("SELECT id FROM {t} WHERE :a IS NOT NULL AND n = 10", {"a": "x"}, int, [1]),
    ("SELECT id FROM {t} WHERE coalesce(:a, n) = n", {"a": 30}, int, [3]),
    # Functions.
    ("SELECT coalesce(:a, 5)", {"a": 7}, int, [7]),
    ("SELECT coalesce(:a, :b)", {"a": None, "b": 3}, int, [3]),
    ("SELECT nullif(:a, :b)", {"a": 3, "b": 3}, int | None, [None]),
    ("SELECT abs(:a)", {"a": -5}, int, [5]),
    ("SELECT upper(:a), length(:a)", {"a": "ab"}, tuple[str, int], [("AB", 2)]),
    ("SELECT substr(:a, :b, :c)", {"a": "abcd", "b": 2, "c": 2}, str, ["bc"]),
    ("SELECT count(:a) + count(:b) FROM {t}", {"a": 1, "b": None}, int, [3]),
    # Operators.
    ("SELECT :a + :b, -:a", {"a": 5, "b": 3}, tuple[int, int], [(8, -5)]),
    ("SELECT :a * :b", {"a": 1.5, "b": 2}, float, [3.0]),
    ("SELECT :a || :b || :a FROM {t} WHERE id = 1", {"a": "x", "b": 2}, str, ["x2x"]),
    ("SELECT :a > :b, :a = :b", {"a": 10, "b": 9}, tuple[bool, bool], [(True, False)]),
    ("SELECT :a IN (:b, :c)", {"a": 1, "b": 2, "c": 1}, bool, [True]),
    ("SELECT :a BETWEEN :b AND :c", {"a": 10, "b": 9, "c": 100}, bool, [True]),
    # A fraction beside whole numbers.
    ("SELECT id FROM {t} WHERE n < :a", {"a": 10.5}, int, [1]),
    ("SELECT id FROM {t} WHERE n = :a", {"a": 10.9}, int, []),
    ("SELECT id FROM {t} WHERE n > :a", {"a": Decimal("10.5")}, int, [3]),
    ("SELECT n * :a FROM {t} WHERE id = 1", {"a": 1.5}, float, [15.0]),
    ("SELECT :a / 2", {"a": 5.0}, float, [2.5]),
    ("SELECT coalesce(:a, 5)", {"a": 7.5}, float, [7.5]),
    # CASE.
    (_CASE, {"limit": 20, "high": 2, "low": 1}, int, [1, 2]),
    (_CASE, {"limit": 20, "high": "high", "low": "low"}, str, ["low", "high"]),
    (_CASE, {"limit": 20, "high": None, "low": 1.5}, float | None, [1.5, None]),
    ("SELECT CASE :a WHEN :b THEN 'same' END", {"a": 1, "b": 1}, str, ["same"]),
    ("SELECT id FROM {t} ORDER BY CASE WHEN id = :a THEN :b ELSE :c END, id",
     {"a": 3, "b": 0, "c": 1}, int, [3, 1, 2]),
    # Branches, derived tables, recursion.
    ("SELECT :a UNION SELECT :b UNION SELECT 3", {"a": 3, "b": 3}, int, [3]),
    ("SELECT n FROM {t} WHERE id = 1 UNION SELECT :a", {"a": 10}, int, [10]),
    (f"SELECT max(x) FROM {_TWO}", {"a": 10, "b": 9}, int, [10]),
    (f"SELECT sum(x) FROM {_TWO}", {"a": 1, "b": None}, Decimal, [Decimal(1)]),
    (_COUNTING, {"first": 1, "last": 4}, int, [1, 2, 3, 4]),
    ("SELECT id FROM {t} ORDER BY id LIMIT :n OFFSET :m", {"n": 1, "m": 1}, int, [2]),
]  # fmt: skip

# One of each type, in the order in which they are sent by one and the same text.
EACH: list[tuple[Any, Any]] = [
    (int, 1),
    (str, "one"),
    (type(None), None),
    (Decimal, Decimal("1.10")),
    (datetime, datetime(2024, 2, 29, 12, 30)),  # noqa: DTZ001  # naive
    (date, date(2024, 2, 29)),
    (time, time(12, 30, 15)),
    (timedelta, timedelta(hours=30)),
    (UUID, UUID(int=7)),
    (bytes, b"\x00'\\"),
    (list[int], [1, 2]),
    (dict, {"a": [1, None]}),
    (bool, True),
    (float, 0.1),
    (int, 2**63 - 1),
    (str, "two"),
]

_TWO_ROWS = """\
INSERT INTO {t} SELECT :id, :name, :n FROM {t} WHERE id = 1
UNION ALL SELECT :id + 1, :name, :n FROM {t} WHERE id = 1"""
_CASE_OF_NULL = """\
UPDATE {t} SET n = CASE WHEN :keep IS NULL THEN :n ELSE n END, name = :name
WHERE id = 3"""

# Statement, values, how many rows it is about, and what they are then.
WRITES: list[tuple[str, Values, int, list[tuple[Any, ...]]]] = [
    (
        _TWO_ROWS,
        {"id": 8, "name": "Eve", "n": 5},
        2,
        [(8, "Eve", 5), (9, "Eve", 5)],
    ),
    (
        "INSERT INTO {t} VALUES (:id, coalesce(:name, 'nobody'), coalesce(:n, :m))",
        {"id": 8, "name": None, "n": None, "m": 5},
        1,
        [(8, "nobody", 5)],
    ),
    (
        _CASE_OF_NULL,
        {"keep": None, "n": 31, "name": "Sid"},
        1,
        [(3, "Sid", 31)],
    ),
    (
        "UPDATE {t} SET n = coalesce(:n, n), name = coalesce(:name, name) WHERE id = 3",
        {"n": None, "name": "Sid"},
        1,
        [(3, "Sid", 30)],
    ),
]


class Untyped(Chapter):
    """PostgreSQL has no type for these markers; the others need none."""

    @pytest.mark.parametrize("style", ["named", "positional"])
    @pytest.mark.parametrize("number", range(len(THIRTY)))
    async def test_thirty_statements(
        self, db: asyncdb.Connection, people: str, style: str, number: int
    ) -> None:
        """The rows beside it, at the first time and later, by any verb, in a block."""
        sql, values, into, rows = THIRTY[number]
        sql = sql.replace("{t}", people)
        params: Any = values
        if style == "positional":
            sql, params = _positional(sql, values)
        found = [await db.fetchall(sql, params, into=into) for _ in range(2)]
        async with db.stream(sql, params, into=into) as stream:
            found.append([row async for row in stream])
        async with db.transaction():
            found.append(await db.fetchall(sql, params, into=into))
        await db.ping()

        for each in found:
            assert rows == each
            assert repr(rows) == repr(each)  # of the same types

    async def test_kinds_that_alternate(self, db: asyncdb.Connection) -> None:
        """One text, kept or not, gives each value back as what it was, twice over."""
        for sql in ("SELECT :v", "SELECT coalesce(:v, :v)"):
            for into, value in [*EACH, *EACH[::-1]]:
                found = await db.fetchval(sql, {"v": value}, into=into)

                assert (type(value), value) == (type(found), found)

    async def test_kinds_that_alternate_in_a_block(
        self, db: asyncdb.Connection
    ) -> None:
        """The same in one transaction, which no value ends."""
        async with db.transaction():
            for into, value in EACH:
                async with db.stream("SELECT :v, 1", {"v": value}) as rows:
                    assert 1 == len([row async for row in rows])
                found = await db.fetchval("SELECT :v AS v", {"v": value}, into=into)

                assert value == found

    @pytest.mark.parametrize("number", range(len(WRITES)))
    @pytest.mark.parametrize("way", ["execute", "executemany"])
    async def test_writes(
        self, db: asyncdb.Connection, people: str, way: str, number: int
    ) -> None:
        """What is written is what the values say; it is written once."""
        sql, values, count, rows = WRITES[number]
        sql = sql.replace("{t}", people)
        if way == "execute":
            assert count == (await db.execute(sql, values)).rowcount
        else:
            await db.executemany(sql, [values])
        ids = [row[0] for row in rows]
        select = f"SELECT * FROM {people} WHERE id IN (?) ORDER BY id"

        assert rows == await db.fetchall(select, [asyncdb.expand(ids)])

    async def test_many_rows_of_several_kinds(
        self, db: asyncdb.Connection, people: str
    ) -> None:
        """`executemany` whose rows differ in kind is all or nothing, in order."""
        sql = (
            f"UPDATE {people} SET name = name || ?, n = CASE WHEN ? IS NULL THEN ?"
            " ELSE ? END WHERE id = ?"
        )
        rows: list[list[Any]] = [
            ["a", None, 1, 2, 1],
            [2, 1, 3, 4, 1],
            ["c", "x", None, 6, 1],
        ]
        await db.executemany(sql, rows)
        with pytest.raises(asyncdb.NotNullViolation):
            await db.executemany(sql, [*rows, [None, 1, 1, 1, 1]])

        assert ("Anna2c", 6) == await db.fetchone(
            f"SELECT name, n FROM {people} WHERE id = 1"
        )
        assert not db.in_transaction

    async def test_many_fractions(self, db: asyncdb.Connection, people: str) -> None:
        """In `executemany` a fraction is one too, and a whole one what it is."""
        sql = f"UPDATE {people} SET name = name || '+' WHERE n > ?"
        limits: list[list[Any]] = [[9.5], [10.5], [29], [Decimal("29.5")], [30.0]]
        await db.executemany(sql, limits)

        names = await db.fetchall(f"SELECT name FROM {people} ORDER BY id", into=str)
        assert ["Ann+", "Bob", "Cid++++"] == names

    async def test_a_list_of_untyped_things(self, db: asyncdb.Connection) -> None:
        """`expand()` beside a marker without a type; the empty list has its meaning."""
        sql = "SELECT :a IN (:many), :a NOT IN (:none)"
        params = {"a": 2, "many": expand(1, 2, 3), "none": expand()}
        kinds: Any = tuple[bool, bool]

        assert (True, True) == await db.fetchone(sql, params, into=kinds)
        params = {"a": "x", "many": expand("y"), "none": expand()}
        assert (False, True) == await db.fetchone(sql, params, into=kinds)

    async def test_values_as_a_table(self, db: asyncdb.Connection) -> None:
        """`VALUES` alone, where the database has it so (MySQL wants ROW)."""
        try:
            await db.fetchall("VALUES (1, 'a')")
        except asyncdb.SQLSyntaxError:
            pytest.skip("this database writes VALUES ROW(...)")
        kinds: Any = tuple[int, str]
        for values in ([1, "a"], [2**40, "b"]):
            found = await db.fetchone("VALUES (?, ?)", values, into=kinds)
            assert tuple(values) == found

        assert 3 == await db.fetchval(
            "WITH t (x) AS (VALUES (?), (?)) SELECT max(x) FROM t", [1, 3], into=int
        )

    async def test_an_aware_moment(self, db: asyncdb.Connection) -> None:
        """An instant in the select list is the same instant, in UTC."""
        noon = datetime(2024, 2, 29, 12, tzinfo=UTC)
        found = await db.fetchval("SELECT :a", {"a": noon}, into=datetime)

        assert found is not None
        assert noon == found.replace(tzinfo=UTC)


def expand(*values: Any) -> Any:
    """Write a list for one marker."""
    return asyncdb.expand(values)


def _positional(sql: str, values: Values) -> tuple[str, list[Any]]:
    """Write `?` for each named marker, and give its value each time."""
    params: list[Any] = []

    def replace(match: re.Match[str]) -> str:
        params.append(values[match[1]])
        return "?"

    return re.sub(r":(\w+)", replace, sql), params
