"""Values that survive the trip: equal, and of the same type, on every engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

import asyncdb
from asyncdb.testing.conformance.chapter import Chapter

NewTable = Callable[[str], Awaitable[str]]

_EAST = timezone(timedelta(hours=5, minutes=30))

# The portable set, by the names of `Dialect.column_types`: the type, and some values.
PORTABLE: dict[str, tuple[Any, list[Any]]] = {
    "bool": (bool, [True, False]),
    "int": (int, [0, -1, 2**63 - 1, -(2**63)]),
    "float": (float, [0.0, 0.1, -1e308, 5e-324, 1e16, 3.0]),
    "Decimal": (Decimal, [Decimal(s) for s in ("0", "1.10", "-1E+2", "123456.789012")]),
    "str": (str, ["", " a ", 'O\'Hara \\ "x" ? :y %s', "Çidé 中 🎉", "\n\t\x01\x7f"]),
    "bytes": (bytes, [b"", bytes(range(256)), b"\x00'\\"]),
    "date": (date, [date(2026, 2, 28), date(1000, 1, 1), date(9999, 12, 31)]),
    "time": (time, [time(0), time(23, 59, 59, 999999), time(12, 30)]),
    "datetime, naive": (
        datetime,
        [datetime(2026, 2, 28, 23, 59, 59, 1), datetime(1999, 1, 1)],  # noqa: DTZ001
    ),
    "datetime, aware": (
        datetime,
        [
            datetime(2026, 2, 28, 23, 59, 59, 1, UTC),
            datetime(2030, 1, 1, tzinfo=_EAST),
        ],
    ),
    "timedelta": (
        timedelta,
        [timedelta(0), timedelta(days=-3, microseconds=1), timedelta(hours=800)],
    ),
    "UUID": (UUID, [UUID(int=0), UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")]),
    "dict, list": (
        dict,
        [{}, {"a": [1, 2.5, None, True, "Ç'\\🎉"], "b": {"c": {}}}],
    ),
}
_EACH = [
    pytest.param(name, value, id=f"{name}-{i}")
    for name, (_, values) in PORTABLE.items()
    for i, value in enumerate(values)
]

# What no engine takes, with a column it is meant for.
REFUSED: list[tuple[str, Any, type[asyncdb.Error]]] = [
    ("int", 2**63, asyncdb.NumericOutOfRange),
    ("int", -(2**63) - 1, asyncdb.NumericOutOfRange),
    ("str", "a\0b", asyncdb.InvalidText),
    ("str", "a\ud800b", asyncdb.InvalidText),
    ("time", time(1, tzinfo=UTC), asyncdb.InvalidDatetime),
    ("Decimal", Decimal("sNaN"), asyncdb.NumericOutOfRange),
    (
        "datetime, aware",
        datetime.min.replace(tzinfo=_EAST),
        asyncdb.InvalidDatetime,
    ),
    ("dict, list", {"a": float("nan")}, asyncdb.DataError),
    ("dict, list", {1: "a"}, asyncdb.DataError),
    ("dict, list", {"a": "\0"}, asyncdb.DataError),
    ("dict, list", {"a": 2**63}, asyncdb.DataError),
    ("dict, list", {"a": object()}, asyncdb.DataError),
    ("str", object(), asyncdb.DataError),
    ("int", 1j, asyncdb.DataError),
]


class Color(Enum):
    """An enumeration of texts."""

    RED = "red"
    BLUE = "blue"


class Size(IntEnum):
    """An enumeration of numbers."""

    SMALL = 1
    LARGE = 2


def same(expected: Any, actual: Any) -> bool:
    """Tell whether two values are equal, of one type, and aware or naive alike."""
    zones = [getattr(value, "tzinfo", None) is None for value in (expected, actual)]
    alike = type(expected) is type(actual) and zones[0] == zones[1]
    return alike and bool(expected == actual)


class Values(Chapter):
    """Values of the portable set go in as themselves and come back equal."""

    @pytest_asyncio.fixture
    async def new_values(
        self, db: asyncdb.Connection, database_url: str
    ) -> AsyncIterator[NewTable]:
        """A function that makes a table with a column `v`, and gives its name."""
        names: list[str] = []

        async def new(kind: str) -> str:
            declared = db.dialect.column_types.get(kind)
            if declared is None:
                pytest.skip(f"this database has no column type for {kind}")
            names.append(f"kit_{uuid4().hex[:12]}")
            columns = f"id INTEGER PRIMARY KEY, v {declared}"
            await db.execute(f"CREATE TABLE {names[-1]} ({columns})")
            return names[-1]

        yield new
        if db.dialect.supports_concurrent_connections and names:
            await db.close()
            async with asyncdb.connect(database_url) as cleaner:
                for name in names:
                    await cleaner.execute(f"DROP TABLE {name}")

    @pytest.mark.parametrize(("kind", "value"), _EACH)
    async def test_value_comes_back(
        self, db: asyncdb.Connection, new_values: NewTable, kind: str, value: Any
    ) -> None:
        """Through `execute` and `executemany`, `fetchval` and `stream`: the same."""
        table = await new_values(kind)
        into: Any = PORTABLE[kind][0]
        insert = f"INSERT INTO {table} VALUES (?, ?)"
        await db.execute(insert, [1, value])
        await db.executemany(insert, [(2, value), (3, None)])

        select = f"SELECT v FROM {table} ORDER BY id"
        found = [await db.fetchval(f"{select} LIMIT 1", into=into)]
        row: Any = tuple[into | None]
        async with db.stream(select, into=row) as rows:
            found += [one[0] async for one in rows]

        assert found[-1] is None
        assert all(same(value, one) for one in found[:-1]), found
        if isinstance(value, datetime) and value.tzinfo is not None:
            assert {UTC} == {getattr(one, "tzinfo", None) for one in found[:-1]}

    @pytest.mark.parametrize("text", ["0", "1.10", "-99999999.99", "100", "0.05"])
    async def test_decimal_column(self, db: asyncdb.Connection, text: str) -> None:
        """A DECIMAL(p, s), where the engine has one, gives back an equal Decimal."""
        value, name = Decimal(text), f"kit_{uuid4().hex[:12]}"
        await db.execute(f"CREATE TABLE {name} (v DECIMAL(10, 2))")
        try:
            await db.execute(f"INSERT INTO {name} VALUES (?)", [value])
            await db.executemany(f"INSERT INTO {name} VALUES (?)", [(value,)])
            await db.load_rows(name, ["v"], [(value,)])

            select = f"SELECT v FROM {name}"
            found: list[Any] = await db.fetchall(select, into=Decimal)
            found += [await db.fetchval(select, into=Decimal)]
            async with db.stream(select, into=tuple[Decimal]) as rows:
                found += [one async for (one,) in rows]
            assert [value] * 7 == found
            assert {Decimal} == {*map(type, found)}
            equal = f"{select} WHERE v = ?"
            assert 3 == len(await db.fetchall(equal, [value]))
        finally:
            await db.execute(f"DROP TABLE {name}")

    async def test_naive_is_utc(
        self, db: asyncdb.Connection, new_values: NewTable
    ) -> None:
        """A naive datetime for a column of instants is one of UTC."""
        if not db.dialect.typed_columns:
            pytest.skip("its columns take both as they are")
        table = await new_values("datetime, aware")
        naive = datetime(2026, 7, 1, 12)  # noqa: DTZ001
        await db.execute(f"INSERT INTO {table} VALUES (1, ?)", [naive])
        await db.executemany(f"INSERT INTO {table} VALUES (?, ?)", [(2, naive)])
        await db.load_rows(table, ["id", "v"], [(3, naive)])

        found = await db.fetchall(f"SELECT v FROM {table}", into=datetime)
        assert [naive.replace(tzinfo=UTC)] * 3 == found

    @pytest.mark.parametrize(
        ("kind", "member"), [("str", Color.BLUE), ("int", Size.LARGE)]
    )
    async def test_enum_goes_by_value(
        self, db: asyncdb.Connection, new_values: NewTable, kind: str, member: Enum
    ) -> None:
        """A member of an Enum is stored as its value and read as the member."""
        table = await new_values(kind)
        await db.execute(f"INSERT INTO {table} VALUES (1, ?)", [member])
        await db.executemany(f"INSERT INTO {table} VALUES (?, ?)", [(2, member)])

        values = f"SELECT v FROM {table}"
        assert [(member.value,)] * 2 == await db.fetchall(values)
        assert [member] * 2 == await db.fetchall(values, into=type(member))

    async def test_json_array(
        self, db: asyncdb.Connection, new_values: NewTable
    ) -> None:
        """A list is a JSON array, and a str in its place is JSON's text."""
        table = await new_values("dict, list")
        insert = f"INSERT INTO {table} VALUES (?, ?)"
        await db.execute(insert, [1, '[1, "a"]'])
        value: list[Any] = [1, "a"]
        if db.dialect.name != "postgresql":  # there a list may be an array as well
            await db.execute(insert, [2, value])

        found = await db.fetchall(f"SELECT v FROM {table}", into=list)
        assert all(value == one for one in found)

    @pytest.mark.parametrize(("kind", "value", "error"), REFUSED)
    async def test_refused(
        self,
        db: asyncdb.Connection,
        new_values: NewTable,
        kind: str,
        value: Any,
        error: type[asyncdb.Error],
    ) -> None:
        """What cannot be held is refused, without showing it, and nothing is stored."""
        table = await new_values(kind)
        insert = f"INSERT INTO {table} VALUES (?, ?)"

        with pytest.raises(error) as caught:
            await db.execute(insert, [1, value])
        with pytest.raises(error):
            await db.executemany(insert, [(2, None), (3, value)])

        assert repr(value) not in str(caught.value)
        assert 0 == await db.fetchval(f"SELECT count(*) FROM {table}")

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
    async def test_special_floats(
        self, db: asyncdb.Connection, new_values: NewTable, value: float
    ) -> None:
        """NaN and the infinities come back or are refused; they never change."""
        table = await new_values("float")
        try:
            await db.execute(f"INSERT INTO {table} VALUES (1, ?)", [value])
        except asyncdb.NumericOutOfRange:
            expected: list[str] = []
        else:
            expected = [repr(value)]

        found = await db.fetchall(f"SELECT v FROM {table}", into=float)
        assert expected == [repr(one) for one in found]
