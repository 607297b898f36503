"""Typed reads: what an annotation makes of values and rows, per engine, without one."""

from __future__ import annotations

import dataclasses
import enum
import subprocess
import sys
from dataclasses import InitVar, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address
from typing import (
    Annotated,
    Any,
    ClassVar,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    TypedDict,
    TypeVar,
)
from uuid import UUID

import attrs
import msgspec
import pydantic
import pytest
from typing_extensions import TypeAliasType

from asyncdb import DataError, InterfaceError
from asyncdb.dialect import Dialect
from asyncdb.dialects import mysql, postgresql, sqlite
from asyncdb.values import Decoding, decoding

T = TypeVar("T")
SQLITE = Decoding(sqlite.DIALECT, {})
POSTGRESQL = Decoding(postgresql.DIALECT, {})
MARIADB = Decoding(mysql.MARIADB, {})
ENGINES = {"sqlite": SQLITE, "postgresql": POSTGRESQL, "mariadb": MARIADB}
ID = UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")


class Color(enum.Enum):
    """An enumeration."""

    RED = "red"


class Access(enum.IntFlag):
    """Flags."""

    READ = 1
    WRITE = 2


class DriverUUID(UUID):
    """What a driver makes of a uuid."""


UserId = NewType("UserId", int)
Pair = TypeAliasType("Pair", tuple[int, str])
Several = TypeAliasType("Several", list[T], type_params=(T,))


def columns(*names: str) -> tuple[tuple[str, Any], ...]:
    """Name columns without type codes."""
    return tuple((name, None) for name in names)


def one(decoding: Decoding, into: Any, value: Any) -> Any:
    """Read one value."""
    return decoding.value(into, columns("v"), (value,))


def row(into: Any, **values: Any) -> Any:
    """Read one row on SQLite."""
    return SQLITE.rows(into, columns(*values), [tuple(values.values())])[0]


@pytest.mark.parametrize(
    ("engine", "into", "value", "expected"),
    [
        ("sqlite", bool, 1, True),
        ("mariadb", bool, 0, False),
        ("sqlite", float, 3, 3.0),
        ("sqlite", Decimal, "1.10", Decimal("1.10")),
        ("sqlite", Decimal, 5, Decimal(5)),
        ("sqlite", UUID, str(ID), ID),
        ("mariadb", UUID, ID.bytes, ID),
        ("postgresql", UUID, DriverUUID(str(ID)), ID),
        ("sqlite", date, "2026-02-28", date(2026, 2, 28)),
        ("sqlite", datetime, "2026-02-28 01:02:03", datetime(2026, 2, 28, 1, 2, 3)),  # noqa: DTZ001
        (
            "sqlite",
            datetime,
            "2026-02-28 03:00:00+02:00",
            datetime(2026, 2, 28, 1, tzinfo=UTC),
        ),
        ("sqlite", time, "01:02:03", time(1, 2, 3)),
        ("mariadb", time, timedelta(hours=1), time(1)),
        ("sqlite", timedelta, -1, timedelta(microseconds=-1)),
        ("sqlite", dict, '{"a": 1}', {"a": 1}),
        ("mariadb", list, "[1]", [1]),
        ("sqlite", list[int], "[1]", [1]),
        ("postgresql", list[UUID], [DriverUUID(str(ID))], [ID]),
        ("postgresql", list[Any], [1, "a"], [1, "a"]),
        (
            "sqlite",
            dict[str, float | None],
            '{"a": 1, "b": null}',
            {"a": 1.0, "b": None},
        ),
        ("sqlite", dict[str, list[Color]], '{"a": ["red"]}', {"a": [Color.RED]}),
        ("postgresql", set[int], [1, 1], {1}),
        ("postgresql", tuple[int, str], [1, "a"], (1, "a")),
        ("postgresql", tuple[int, ...], [1, 2, 3], (1, 2, 3)),
        ("sqlite", Color, "red", Color.RED),
        ("sqlite", Access, 3, Access.READ | Access.WRITE),
        ("sqlite", Literal["a", 1], 1, 1),
        ("sqlite", Literal[True], 1, True),
        ("sqlite", int | None, None, None),
        ("sqlite", None, None, None),
        ("sqlite", Annotated[int, "of years"], 1, 1),
        ("sqlite", UserId, 1, 1),
        ("sqlite", Several[bool], "[true]", [True]),
        ("sqlite", Any, "x", "x"),
        ("sqlite", Decimal, 1.5, Decimal("1.5")),
        ("sqlite", Decimal, 123456789012345.0, Decimal(123456789012345)),
        ("sqlite", int | str, "1", "1"),
        ("sqlite", int | UUID, str(ID), ID),
        ("postgresql", IPv4Address, IPv4Address("1.2.3.4"), IPv4Address("1.2.3.4")),
    ],
)
def test_values_that_fit(engine: str, into: Any, value: Any, expected: Any) -> None:
    """A value becomes what the annotation says, exactly of its type."""
    found = one(ENGINES[engine], into, value)

    assert (expected, type(expected)) == (found, type(found))


@pytest.mark.parametrize(
    ("engine", "into", "value"),
    [
        ("postgresql", bool, 1),
        ("sqlite", bool, 2),
        ("sqlite", int, True),
        ("sqlite", int, "1"),
        ("sqlite", int, 1.0),
        ("sqlite", int, None),
        ("sqlite", float, 2**53 + 1),
        ("postgresql", Decimal, 1.5),
        ("sqlite", Decimal, 0.1 + 0.2),
        ("sqlite", Decimal, float("inf")),
        ("sqlite", Decimal, "NaN"),
        ("sqlite", Decimal, "secret"),
        ("sqlite", str, 1),
        ("sqlite", str, b"x"),
        ("sqlite", UUID, "secret"),
        ("sqlite", date, datetime(2026, 1, 1)),  # noqa: DTZ001
        ("sqlite", datetime, "secret"),
        ("postgresql", timedelta, 5),
        ("mariadb", time, timedelta(hours=25)),
        ("sqlite", dict, "[1]"),
        ("sqlite", dict, "secret"),
        ("postgresql", dict, "{}"),
        ("sqlite", list[int], '["secret"]'),
        ("sqlite", list[int], "[null]"),
        ("sqlite", Color, "secret"),
        ("sqlite", Access, 8.5),
        ("sqlite", Literal["a"], "secret"),
        ("sqlite", UUID | Color, "secret"),
        ("sqlite", IPv4Address, "1.2.3.4"),
        ("postgresql", tuple[int, str], [1]),
    ],
)
def test_values_that_do_not_fit(engine: str, into: Any, value: Any) -> None:
    """A value that does not fit is an error that tells its type and hides it."""
    with pytest.raises(DataError) as caught:
        one(ENGINES[engine], into, value)

    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None
    assert ("v",) == caught.value.columns
    assert "NULL" in str(caught.value) or type(value).__name__ in str(caught.value)


# -- classes ---------------------------------------------------------------------------


@dataclass
class Plain:
    """A dataclass with defaults, and things that are no fields."""

    id: int
    name: str = "?"
    tags: list[str] = field(default_factory=list)
    shown: str = field(default="x", init=False)
    count: ClassVar[int] = 0


@dataclass
class Box(Generic[T]):
    """A generic one."""

    item: T
    more: list[T] | None = None


@dataclass
class IntBox(Box[int]):
    """Its type is filled in by a base class."""


class Named(NamedTuple):
    """A named tuple with a default."""

    id: int
    on: bool = True


class Loose(TypedDict):
    """A typed dict with a key that may be missing."""

    id: int
    on: NotRequired[bool]


class LooserStill(TypedDict, total=False):
    """A typed dict of keys that may be missing."""

    id: int


@attrs.define(kw_only=True)
class Attrs:
    """A class of attrs with an alias and a converter."""

    _id: int
    when: date
    n: int = attrs.field(converter=int, default=0)


class Struct(msgspec.Struct, frozen=True, kw_only=True):
    """A struct of msgspec."""

    id: int
    on: bool = False


class Inner(pydantic.BaseModel):
    """A model inside."""

    a: int


class Model(pydantic.BaseModel):
    """A model of pydantic with what only pydantic can check."""

    id: int = pydantic.Field(gt=0)
    on: bool
    took: timedelta = timedelta(0)
    inner: Inner | None = None
    email: str = pydantic.Field(alias="eMail", default="")


@pydantic.dataclasses.dataclass
class Checked:
    """A dataclass of pydantic."""

    id: int = pydantic.Field(gt=0)


@pytest.mark.parametrize(
    ("into", "values", "expected"),
    [
        (Plain, {"id": 1}, Plain(1)),
        (Plain, {"tags": '["a"]', "id": 1}, Plain(1, tags=["a"])),
        (Box[bool], {"item": 1}, Box(True)),
        (Box[UUID], {"item": str(ID), "more": f'["{ID}"]'}, Box(ID, [ID])),
        (IntBox, {"item": 1}, IntBox(1)),
        (Box, {"item": "any"}, Box("any")),
        (Named, {"on": 0, "id": 1}, Named(1, on=False)),
        (Loose, {"id": 1}, {"id": 1}),
        (Loose, {"id": 1, "on": 1}, {"id": 1, "on": True}),
        (LooserStill, {"id": 1}, {"id": 1}),
        (
            Attrs,
            {"_id": 1, "when": "2026-01-01", "n": "5"},
            Attrs(id=1, when=date(2026, 1, 1), n=5),
        ),
        (Struct, {"id": 1, "on": 1}, Struct(id=1, on=True)),
        (
            Model,
            {"id": 1, "on": 1, "took": 5},
            Model(id=1, on=True, took=timedelta(0, 0, 5)),
        ),
        (
            Model,
            {"id": 1, "on": 0, "inner": '{"a": 3}', "eMail": "a@b"},
            Model(id=1, on=False, inner=Inner(a=3), eMail="a@b"),
        ),
        (Checked, {"id": 1}, Checked(1)),
        (dict, {"a": 1, "b": "x"}, {"a": 1, "b": "x"}),
        (dict[str, bool], {"a": 1, "b": 0}, {"a": True, "b": False}),
        (tuple, {"a": 1, "b": "x"}, (1, "x")),
        (tuple[bool, str], {"a": 1, "b": "x"}, (True, "x")),
        (tuple[bool, ...], {"a": 1, "b": 0}, (True, False)),
        (Pair, {"a": 1, "b": "x"}, (1, "x")),
        (bool, {"a": 1}, True),
        (list[Plain], {"a": '[{"id": 1}]'}, [Plain(1)]),
    ],
)
def test_rows_that_fit(into: Any, values: dict[str, Any], expected: Any) -> None:
    """Columns find their fields by name, and values become what these say."""
    found = row(into, **values)

    assert (expected, type(expected)) == (found, type(found))


@dataclass
class WithInitVar:
    """One of its arguments is no field."""

    id: int
    seed: InitVar[int]


@dataclass
class Unknown:
    """Its annotation names nothing."""

    id: Nothing  # type: ignore[name-defined]  # noqa: F821


@pytest.mark.parametrize(
    ("into", "values", "said"),
    [
        (Plain, {"name": "x"}, "does not fit Plain: no column for field 'id'"),
        (Plain, {"id": 1, "a": 1, "b": 1}, "no field for column 'a', 'b'"),
        (Plain, {"id": 1, "shown": 1}, "no field for column 'shown'"),
        (Model, {"id": 1, "on": 1, "x": 1}, "no field for column 'x'"),
        (WithInitVar, {"id": 1, "seed": 1}, "seed is an InitVar"),
        (Unknown, {"id": 1}, "names Nothing"),
        (int, {"a": 1, "b": 1}, "int takes one column, not 2"),
        (tuple[int], {"a": 1, "b": 1}, "a tuple of 1"),
        (dict[int, int], {"a": 1}, "keys"),
        ("Plain", {"a": 1}, "no value"),
    ],
)
def test_shapes_that_do_not_fit(into: Any, values: dict[str, Any], said: str) -> None:
    """What cannot be made of these columns is told before any row is looked at."""
    with pytest.raises(InterfaceError, match=said):
        row(into, **values)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="syntax of Python 3.12")
def test_type_parameters() -> None:
    """What is written in the syntax of Python 3.12 is understood."""
    names: dict[str, Any] = {"dataclass": dataclass}
    exec(
        "type Two = tuple[int, bool]\n"
        "@dataclass\n"
        "class New[T]:\n"
        "    item: T\n"
        "class Of(New[bool]):\n"
        "    pass\n",
        names,
    )

    assert (1, True) == row(names["Two"], a=1, b=1)
    assert row(names["New"][bool], item=1).item is True
    assert row(names["Of"], item=1).item is True


def test_columns_of_one_name() -> None:
    """Two columns of a name are refused where names count, and fine where not."""
    twice = columns("a", "a")
    for into in (dict, LooserStill):
        with pytest.raises(InterfaceError, match="'a'"):
            SQLITE.rows(into, twice, [])

    assert [(1, 2)] == SQLITE.rows(tuple, twice, [(1, 2)])


def test_errors_say_where() -> None:
    """Target, field, column and type stand in the message; the value does not."""
    with pytest.raises(DataError) as caught:
        row(Plain, id="secret")
    assert str(caught.value).startswith(
        "Plain, field 'id' (column 'id'): a value of type str does not fit int"
    )

    with pytest.raises(DataError, match=r"NULL does not fit str; say str \| None"):
        row(Plain, id=1, name=None)


@pytest.mark.parametrize("into", [Model, Checked])
def test_pydantic_refuses(into: Any) -> None:
    """What pydantic refuses is a DataError of ours, without the value."""
    with pytest.raises(
        DataError, match=r"field 'id', a value of type int: greater_than"
    ) as caught:
        row(into, **({"id": -77, "on": 1} if into is Model else {"id": -77}))

    assert "-77" not in str(caught.value)
    assert caught.value.__context__ is None


def test_an_open_model_takes_more() -> None:
    """A model with extra="allow" takes columns that it has no field for."""

    class Open(pydantic.BaseModel, extra="allow"):
        id: int

    assert {"id": 1, "x": 2} == row(Open, id=1, x=2).model_dump()


# -- what the engine tells ---------------------------------------------------------


def test_type_codes_save_the_look() -> None:
    """Where the engine has told the type, only NULL is looked for."""
    told = (("v", 23),)

    assert [1] == POSTGRESQL.rows(int, told, [(1,)])
    assert [1, None] == POSTGRESQL.rows(int | None, told, [(1,), (None,)])
    with pytest.raises(DataError, match="NULL"):
        POSTGRESQL.rows(int, told, [(None,)])
    with pytest.raises(DataError, match="type int"):
        POSTGRESQL.rows(str, told, [(1,)])


def test_shapes_are_made_once_and_bounded() -> None:
    """The function for a shape is kept; the least used go when there are too many."""
    reader = Decoding(Dialect(name="any"), {})
    reader.rows(int, columns("a"), [])
    kept = dict(reader._kept)
    reader.rows(int, columns("a"), [])
    assert kept == reader._kept

    for i in range(2000):
        reader.rows(int, columns(f"c{i}"), [])
        reader.rows(int, columns("a"), [])
    assert len(reader._kept) <= 512
    assert kept.items() <= reader._kept.items()


def test_connections_share() -> None:
    """One table serves all connections to an engine with the same converters."""
    server = dataclasses.replace(sqlite.DIALECT, server_version=(3, 40))
    own: Any = {Color: (str, Color)}
    plain, typed = Decoding.of(sqlite.DIALECT, {}), Decoding.of(sqlite.DIALECT, own)

    assert plain is Decoding.of(server, {})
    assert typed is Decoding.of(server, own)
    assert typed not in (plain, Decoding.of(sqlite.DIALECT, dict(own)))
    for _ in range(100):
        Decoding.of(sqlite.DIALECT, {Color: (str, Color)})
    assert len(decoding._shared) <= 64


def test_hostile_names_are_data() -> None:
    """A column's name is never part of the text."""
    evil = "x': __import__('os').abort(), 'y"

    assert [{evil: 1}] == SQLITE.rows(dict, columns(evil), [(1,)])


# -- converters -----------------------------------------------------------------------


@dataclass(frozen=True)
class Point:
    """A type of the user's own."""

    x: int
    y: int


def from_list(value: list[int]) -> Point:
    """Make a point of what JSON holds."""
    return Point(*value)


def from_text(value):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Make a point of whatever comes."""
    return Point(*map(int, value.split(",")))


@pytest.mark.parametrize(
    ("decode", "value"),
    [(from_list, "[1, 2]"), (from_list, [1, 2]), (from_text, "1,2")],
)
def test_converters_read_their_own(decode: Any, value: Any) -> None:
    """A decode function gets what it is annotated with, on every engine."""
    reader = Decoding(sqlite.DIALECT, {Point: decode})

    assert Point(1, 2) == one(reader, Point, value)
    assert [Point(1, 2)] == reader.rows(Point | None, columns("p"), [(value,)])
    assert [Box(Point(1, 2))] == reader.rows(Box[Point], columns("item"), [(value,)])
    with pytest.raises(DataError):
        one(reader, Point, "secret")


def test_no_library_is_imported() -> None:
    """Reading typed imports neither pydantic nor attrs nor msgspec."""
    code = (
        "import asyncio, asyncdb, sys\n"
        "async def main():\n"
        "    async with asyncdb.connect('fake://') as db:\n"
        "        await db.fetchall('SELECT 1', into=int)\n"
        "asyncio.run(main())\n"
        "print({'pydantic', 'attr', 'attrs', 'msgspec'} & sys.modules.keys())\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert "set()" == result.stdout.strip()
