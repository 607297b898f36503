"""Typed rows: `into=`, and what does not fit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypedDict

import pytest

import asyncdb
from asyncdb.testing.conformance.chapter import Chapter


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A dataclass of every modern habit."""

    name: str
    id: int
    n: int | None
    tags: list[str] = field(default_factory=list)


class Pair(NamedTuple):
    """A named tuple."""

    id: int
    name: str


class Loose(TypedDict):
    """A typed dict."""

    id: int
    n: int | None


@dataclass(frozen=True)
class Point:
    """A type of the user's own."""

    x: int
    y: int


def _to_dict(point: Point) -> dict[str, int]:
    return {"x": point.x, "y": point.y}


def _from_dict(value: dict[str, int]) -> Point:
    return Point(**value)


class Typed(Chapter):
    """Rows become what an annotation says, or an error that says where."""

    async def test_classes(self, db: asyncdb.Connection, people: str) -> None:
        """Columns are matched to fields by name, in any order."""
        sql = f"SELECT id, n, name FROM {people} ORDER BY id"

        assert Person(id=1, name="Ann", n=10) == await db.fetchone(sql, into=Person)
        found = await db.fetchall(sql, into=Person)
        assert [(1, 10), (2, None), (3, 30)] == [(p.id, p.n) for p in found]
        pairs = await db.fetchmany(
            f"SELECT name, id FROM {people} ORDER BY id", into=Pair, size=2
        )
        assert [Pair(1, "Ann"), Pair(2, "Bob")] == pairs
        loose = await db.fetchall(
            f"SELECT n, id FROM {people} WHERE id = 2", into=Loose
        )
        assert [{"id": 2, "n": None}] == loose

    async def test_plain_shapes(self, db: asyncdb.Connection, people: str) -> None:
        """Dicts, tuples and single values, with and without types."""
        sql = f"SELECT id, name FROM {people} WHERE id = 1"

        assert [{"id": 1, "name": "Ann"}] == await db.fetchall(sql, into=dict)
        assert [(1, "Ann")] == await db.fetchall(sql, into=tuple)
        assert (1, "Ann") == await db.fetchone(sql, into=tuple[int, str])
        assert "Ann" == await db.fetchone(f"SELECT name FROM {people}", into=str)
        assert 1 == await db.fetchval(sql, into=int)
        assert [10, None, 30] == await db.fetchall(
            f"SELECT n FROM {people} ORDER BY id", into=int | None
        )

    async def test_cursor_and_stream(self, db: asyncdb.Connection, people: str) -> None:
        """Cursors and streams read the same."""
        cur = await db.execute(f"SELECT id, name FROM {people} ORDER BY id")

        assert Pair(1, "Ann") == await cur.fetchone(into=Pair)
        assert [Pair(2, "Bob")] == await cur.fetchmany(1, into=Pair)
        assert 3 == await cur.fetchval(into=int)
        assert [] == await cur.fetchall(into=Pair)
        sql = f"SELECT id, name FROM {people} ORDER BY id"
        async with db.stream(sql, into=Pair, batch=2) as rows:
            found = [pair async for pair in rows]
        assert [Pair(1, "Ann"), Pair(2, "Bob"), Pair(3, "Cid")] == found

    async def test_nothing_found(self, db: asyncdb.Connection, people: str) -> None:
        """No row is `None` or an empty list."""
        sql = f"SELECT id, name FROM {people} WHERE id = 99"

        assert None is await db.fetchone(sql, into=Pair)
        assert None is await db.fetchval(sql, into=int)
        assert [] == await db.fetchall(sql, into=Pair)

    @pytest.mark.parametrize(
        ("columns", "said"),
        [
            ("id", "no column for field 'name'"),
            ("id, name, n", "no field for column 'n'"),
            ("id, name, name", "more than one column for field 'name'"),
        ],
    )
    async def test_columns_that_do_not_fit(
        self, db: asyncdb.Connection, people: str, columns: str, said: str
    ) -> None:
        """Missing, extra and duplicate columns are named, rows or no rows."""
        for end in ("", "WHERE id = 99"):
            with pytest.raises(asyncdb.InterfaceError, match=said) as caught:
                await db.fetchall(f"SELECT {columns} FROM {people} {end}", into=Pair)
            assert "Pair" in str(caught.value)

    async def test_values_that_do_not_fit(
        self, db: asyncdb.Connection, people: str
    ) -> None:
        """The error names target, field, column and type; the transaction goes on."""
        async with db.transaction():
            with pytest.raises(asyncdb.DataError) as caught:
                await db.fetchall(
                    f"SELECT id AS name, 1 AS id FROM {people}", into=Pair
                )
            with pytest.raises(asyncdb.DataError, match="NULL does not fit int"):
                await db.fetchall(f"SELECT n FROM {people}", into=int)
            await db.execute(f"UPDATE {people} SET n = 7")

        for word in ("Pair", "field 'name'", "column 'name'", "type int", "str"):
            assert word in str(caught.value)
        assert ("name",) == caught.value.columns
        assert [7] * 3 == await db.fetchall(f"SELECT n FROM {people}", into=int)

    async def test_stream_goes_on_after_a_misfit(
        self, db: asyncdb.Connection, people: str
    ) -> None:
        """A value that does not fit leaves stream and connection whole."""
        sql = f"SELECT n FROM {people} ORDER BY id"
        async with db.stream(sql, into=int, batch=1) as rows:
            assert [10] == await rows.fetchmany()
            with pytest.raises(asyncdb.DataError):
                await rows.fetchmany()
            assert [30] == await rows.fetchmany()

        assert 3 == await db.fetchval(f"SELECT count(*) FROM {people}")

    async def test_no_rows_by_nature(self, db: asyncdb.Connection, people: str) -> None:
        """A statement that gives no rows cannot be read into something."""
        with pytest.raises(asyncdb.InterfaceError):
            await db.fetchall(f"UPDATE {people} SET n = 1", into=Pair)

    async def test_converters(self, database_url: str) -> None:
        """Types of one's own go in, and come out where an annotation names them."""
        converters: Any = {Point: (_to_dict, _from_dict)}
        async with asyncdb.connect(database_url, converters=converters) as db:
            declared = db.dialect.column_types["dict, list"]
            await db.execute("DROP TABLE IF EXISTS kit_points")
            await db.execute(f"CREATE TABLE kit_points (p {declared})")
            try:
                await db.execute("INSERT INTO kit_points VALUES (?)", [Point(1, 2)])
                rows: list[list[Any]] = [[Point(1, 2)], [None]]
                await db.executemany("INSERT INTO kit_points VALUES (?)", rows)

                found = await db.fetchall("SELECT p FROM kit_points", into=Point | None)
                assert [Point(1, 2)] * 2 == [p for p in found if p is not None]
            finally:
                await db.execute("DROP TABLE kit_points")

    @pytest.mark.parametrize(
        "wrong", [{"x": (str, str)}, {Point: str}, {Point: (1, 2)}]
    )
    async def test_converters_of_a_wrong_shape(
        self, database_url: str, wrong: Any
    ) -> None:
        """They are refused before a connection is opened."""
        with pytest.raises(TypeError, match="converters takes"):
            await asyncdb.connect(database_url, converters=wrong)
