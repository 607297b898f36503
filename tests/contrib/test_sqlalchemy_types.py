"""Types of SQLAlchemy: each engine's own, and what they make read `into=` classes."""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any, NamedTuple, TypedDict
from uuid import UUID

import pytest
import pytest_asyncio
from pydantic import BaseModel
from sqlalchemy import (
    ARRAY,
    JSON,
    TIMESTAMP,
    Column,
    Date,
    DateTime,
    Enum,
    Integer,
    Interval,
    MetaData,
    Numeric,
    String,
    Table,
    Time,
    Uuid,
    any_,
    insert,
    select,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.types import TypeDecorator

import asyncdb
from asyncdb.contrib.sqlalchemy import Core
from tests.plugins.databases import POSTGRESQLS, engines


class Color(enum.Enum):
    """Names in the database, members in Python."""

    RED = "r"
    BLUE = "b"


class Level(enum.IntEnum):
    """Numbers that are members."""

    LOW = 1
    HIGH = 2


@dataclass(frozen=True)
class Money:
    """What a type of a user's own makes of a text."""

    amount: Decimal
    currency: str


class Moneys(TypeDecorator[Money]):
    """Money as a text, `1.50 EUR`."""

    impl = String(30)
    cache_ok = True

    def process_bind_param(self, value: Money | None, dialect: Any) -> str | None:
        """Write it as text."""
        return None if value is None else f"{value.amount} {value.currency}"

    def process_result_value(self, value: str | None, dialect: Any) -> Money | None:
        """Read the text."""
        if value is None:
            return None
        amount, currency = value.split()
        return Money(Decimal(amount), currency)


# -- `into=` ---------------------------------------------------------------------------

things = Table(
    "typed_things",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("color", Enum(Color, name="typed_color")),
    Column("level", Enum(Level, native_enum=False, length=9)),
    Column("key", Uuid),
    Column("at", DateTime(timezone=True)),
    Column("local", DateTime),
    Column("day", Date),
    Column("hour", Time),
    Column("span", Interval),
    Column("price", Numeric(9, 2)),
    Column("data", JSON),
    Column("list", JSON),
    Column("money", Moneys),
)
THING: dict[str, Any] = {
    "id": 1,
    "color": Color.BLUE,
    "level": Level.HIGH,
    "key": UUID(int=7),
    "at": datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC),
    "local": datetime(2024, 1, 2, 3, 4, 5),  # noqa: DTZ001  # it has no zone
    "day": date(2024, 1, 2),
    "hour": time(3, 4, 5),
    "span": timedelta(days=2, seconds=3),
    "price": Decimal("1.50"),
    "data": {"a": [1, None]},
    "list": [1, 2],
    "money": Money(Decimal("1.5"), "EUR"),
}


@dataclass
class Thing:
    """All of them as a dataclass."""

    id: int
    color: Color | None
    level: Level
    key: UUID
    at: datetime
    local: datetime
    day: date
    hour: time
    span: timedelta
    price: Decimal
    data: dict[str, Any]
    list: list[int]
    money: Money


class Named(NamedTuple):
    """Some of them as a tuple with names."""

    id: int
    color: Color
    money: Money | None


class Typed(TypedDict):
    """The same as a dict."""

    id: int
    color: Color
    money: Money


class Modelled(BaseModel):
    """The same as a model of pydantic."""

    id: int
    color: Color
    money: Money


@pytest_asyncio.fixture
async def core(db: asyncdb.Connection) -> AsyncIterator[Core]:
    """Statements on a connection to each engine in turn, with one thing there."""
    found = Core(db)
    await found.create_all(things.metadata)
    try:
        await found.execute(insert(things), THING)
        yield found
    finally:
        await found.drop_all(things.metadata)


async def test_what_types_have_made_is_read_into_classes(core: Core) -> None:
    """A value that a type of SQLAlchemy's has made already fits its annotation."""
    thing = Thing(**THING)
    some = select(things.c.id, things.c.color, things.c.money)
    expected = {name: THING[name] for name in ("id", "color", "money")}

    assert thing == await core.fetchone(select(things), into=Thing)
    async with core.stream(select(things), into=Thing) as rows:
        assert [thing] == [row async for row in rows]
    assert Named(**expected) == await core.fetchone(some, into=Named)
    assert expected == await core.fetchone(some, into=Typed)
    assert Modelled(**expected) == await core.fetchone(some, into=Modelled)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("color", Color),
        ("color", Color | None),
        ("level", Level),
        ("money", Money),
        ("money", Money | None),
        ("span", timedelta),
        ("data", dict[str, list[int | None]]),
    ],
    ids=str,
)
async def test_one_value_of_a_type(core: Core, name: str, kind: Any) -> None:
    """The same holds for a single value, and for NULL where that is allowed."""
    assert THING[name] == await core.fetchval(select(things.c[name]), into=kind)
    await core.execute(things.update().values({name: None}))
    if type(None) in getattr(kind, "__args__", ()):
        assert await core.fetchval(select(things.c[name]), into=kind) is None
    elif name != "data":  # JSON's null is a value of its own
        with pytest.raises(asyncdb.DataError, match="NULL"):
            await core.fetchval(select(things.c[name]), into=kind)


async def test_a_member_of_another_class_does_not_fit(core: Core) -> None:
    """A member fits the annotation of its own class alone."""
    with pytest.raises(asyncdb.DataError, match="does not fit"):
        await core.fetchval(select(things.c.color), into=Level)
    with pytest.raises(asyncdb.DataError, match="does not fit"):
        await core.fetchval(select(things.c.money), into=Thing | None)


async def test_a_plain_text_is_read_into_enums_as_before(core: Core) -> None:
    """Where SQLAlchemy has no part in it, an Enum is made of its values, or NULL."""
    both = "SELECT 'r' AS c UNION ALL SELECT NULL"

    assert Color.RED == await core.fetchval("SELECT 'r'", into=Color)
    assert [Color.RED, None] == await core.fetchall(both, into=Color | None)


# -- one meaning on every engine -------------------------------------------------------


async def test_moments_without_a_zone_are_naive(
    db: asyncdb.Connection, table: str
) -> None:
    """A column is aware when its type says so, and only then, on every engine."""
    made = Table(table, MetaData(), Column("t", TIMESTAMP), Column("d", DateTime))
    core = Core(db)
    await core.create_all(made.metadata)
    await core.execute(insert(made), {"t": THING["local"], "d": THING["local"]})

    assert (THING["local"], THING["local"]) == await core.fetchone(select(made))


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("local", asyncdb.InvalidDatetime),
        ("hour", asyncdb.InvalidDatetime),
        ("price", asyncdb.InvalidText),
    ],
)
@engines("sqlite")
async def test_sqlite_keeps_no_nonsense(core: Core, name: str, error: Any) -> None:
    """SQLite would keep any text in any column; servers refuse it themselves."""
    with pytest.raises(error) as caught:
        await core.execute(insert(things), {name: "secret"})

    assert "secret" not in str(caught.value)
    await core.execute(things.update(), {"price": "2.50"})
    assert Decimal("2.50") == await core.fetchval(select(things.c.price))


# -- PostgreSQL ------------------------------------------------------------------------


def moment(day: int) -> datetime:
    """An aware moment."""
    return datetime(2024, 1, day, tzinfo=UTC)


# Type and value; where it is no operand of `=`, PostgreSQL has none or wants a cast.
COMPARED: dict[str, tuple[Any, Any]] = {
    "int4range": (pg.INT4RANGE, Range(1, 5)),
    "int8range": (pg.INT8RANGE, Range(1, None, bounds="()")),
    "numrange": (pg.NUMRANGE, Range(Decimal("1.5"), Decimal(2), bounds="(]")),
    "daterange": (pg.DATERANGE, Range(date(2024, 1, 1), date(2024, 2, 1))),
    "tsrange": (pg.TSRANGE, Range(THING["local"], None)),
    "tstzrange": (pg.TSTZRANGE, Range(moment(1), moment(2))),
    "empty range": (pg.INT4RANGE, Range(empty=True)),
    "int4multirange": (pg.INT4MULTIRANGE, [Range(1, 5), Range(7, 9)]),
    "tstzmultirange": (pg.TSTZMULTIRANGE, [Range(moment(1), moment(2))]),
    "no multirange": (pg.NUMMULTIRANGE, []),
    "bit": (pg.BIT(5), "10101"),
    "varbit": (pg.BIT(varying=True), "101"),
    "inet": (pg.INET, ip_interface("10.0.0.1/8")),
    "inet, text": (pg.INET, "::1"),
    "cidr": (pg.CIDR, ip_network("10.0.0.0/8")),
    "macaddr": (pg.MACADDR, "08:00:2b:01:02:03"),
    "int[]": (pg.ARRAY(Integer), [1, None]),
    "int[][]": (pg.ARRAY(Integer, dimensions=2), [[1, 2], [3, 4]]),
    "text[]": (ARRAY(String), ["a", "b,'\"{}"]),
    "tuple[]": (pg.ARRAY(Integer, as_tuple=True), (1, 2)),
    "uuid[]": (pg.ARRAY(Uuid), [UUID(int=1)]),
    "enum[]": (pg.ARRAY(Enum(Color, name="typed_colors")), [Color.RED, Color.BLUE]),
    "timestamptz[]": (pg.ARRAY(DateTime(timezone=True)), [moment(1)]),
    "jsonb": (pg.JSONB, {"a": [1, None, "x"], "b": 1.5}),
    "jsonb[]": (pg.ARRAY(pg.JSONB), [{"a": 1}, [1]]),
    "enum": (Enum(Color, name="typed_color_2"), Color.RED),
    "interval": (pg.INTERVAL, timedelta(days=3, microseconds=5)),
    "uuid": (pg.UUID, UUID(int=5)),
    "uuid, text": (pg.UUID(as_uuid=False), str(UUID(int=5))),
    "bytea": (pg.BYTEA, b"\0\xff"),
    "oid": (pg.OID, 5),
    "domain": (pg.DOMAIN("typed_domain", Integer, check="VALUE > 0"), 5),
    "float": (Numeric(9, 2, asdecimal=False), 1.5),
}
OTHERS: dict[str, tuple[Any, Any]] = {
    "json": (pg.JSON, {"a": 1}),
    "jsonb, text": (pg.JSONB, "text"),
    "tsvector": (pg.TSVECTOR, "fat cat"),
    "tsquery": (pg.TSQUERY, "fat & cat"),
    "money": (pg.MONEY, "$12.30"),
    "regclass": (pg.REGCLASS, "pg_class"),
    "jsonpath": (pg.JSONPATH, "$.a"),
}
# SQLAlchemy's own, about types that say nothing of their operators.
quiet = pytest.mark.filterwarnings("ignore:Type object")


@quiet
@engines(*POSTGRESQLS)
@pytest.mark.parametrize("name", [*COMPARED, *OTHERS])
async def test_types_of_postgresql(
    db: asyncdb.Connection, table: str, name: str
) -> None:
    """What one of asyncdb and SQLAlchemy's engine writes, the other reads as itself."""
    kind, value = {**COMPARED, **OTHERS}[name]
    made = Table(table, MetaData(), Column("id", Integer), Column("v", kind))
    core = Core(db)
    read = select(made.c.v).order_by(made.c.id)
    engine = create_async_engine(db.url.sqlalchemy, poolclass=NullPool)
    await core.create_all(made.metadata)
    try:
        await core.execute(insert(made), {"id": 1, "v": value})
        await core.executemany(insert(made), [{"id": 2, "v": value}])
        await core.execute(insert(made), {"id": 3})
        async with engine.begin() as theirs:
            await theirs.execute(insert(made), {"id": 4, "v": value})
            expected = list(await theirs.scalars(read))

        found = [row.v for row in await core.fetchall(read)]
        assert expected == found
        assert [*map(type, expected)] == [*map(type, found)]
        assert found[0] == found[1] == found[3]
        if name in COMPARED:
            same = select(made.c.id).where(made.c.v == value).order_by(made.c.id)
            listed = select(made.c.id).where(made.c.v.in_([value])).order_by("id")
            assert [1, 2, 4] == await core.fetchall(same, into=int)
            assert [1, 2, 4] == await core.fetchall(listed, into=int)
    finally:
        await engine.dispose()
        await core.drop_all(made.metadata)


@engines(*POSTGRESQLS)
async def test_ranges_and_arrays_are_read_into_classes(
    db: asyncdb.Connection, table: str
) -> None:
    """`into=` takes what PostgreSQL's types make, too."""
    made = Table(
        table,
        MetaData(),
        Column("span", pg.INT4RANGE),
        Column("colors", pg.ARRAY(Enum(Color, name="typed_colors_2"))),
        Column("host", pg.INET),
    )
    core = Core(db)
    await core.create_all(made.metadata)
    try:
        given = {"span": Range(1, 5), "colors": [Color.RED], "host": ip_address("::1")}
        await core.execute(insert(made), given)

        read = select(made)
        found = await core.fetchone(read, into=tuple[Range[int], list[Color], Any])
        assert tuple(given.values()) == found
    finally:
        await core.drop_all(made.metadata)


@engines(*POSTGRESQLS)
async def test_parts_of_arrays_and_documents(
    db: asyncdb.Connection, table: str
) -> None:
    """Subscripts, slices and operators of arrays and JSONB bind what they are given."""
    made = Table(
        table, MetaData(), Column("a", pg.ARRAY(Integer)), Column("j", pg.JSONB)
    )
    a, j = made.c.a, made.c.j
    core = Core(db)
    await core.create_all(made.metadata)
    await core.execute(insert(made), {"a": [1, 2, 3], "j": {"n": 5, "l": [7, 8]}})
    parts = (a[2], a[1:2], a.contains([1]), 2 == any_(a), a.concat([4]))
    inner = (j["n"], j["n"].as_integer(), j["l"][1], j[("l", 0)], j.has_key("n"))

    assert (2, [1, 2], True, True, [1, 2, 3, 4]) == await core.fetchone(
        select(*parts).where(a[1] == 1)
    )
    assert (5, 5, 8, 7, True) == await core.fetchone(
        select(*inner).where(j.contains({"n": 5}), j["n"].as_integer() > 4)
    )
    await core.execute(made.update().values({a[1]: 9, j["n"]: 6}))
    assert (9, 6) == await core.fetchone(select(a[1], j["n"]))


@engines(*POSTGRESQLS)
async def test_types_of_extensions(db: asyncdb.Connection, table: str) -> None:
    """HSTORE is a dict of texts, CITEXT a text that compares without case."""
    core = Core(db)
    has = "SELECT count(*) FROM pg_available_extensions WHERE name IN (?, ?)"
    if await db.fetchval(has, ["hstore", "citext"]) != 2:
        pytest.skip("this PostgreSQL has not its extensions beside it")
    for name in ("hstore", "citext"):
        with suppress(asyncdb.DatabaseError):  # another process makes it, too
            await db.execute(f"CREATE EXTENSION IF NOT EXISTS {name}")
    made = Table(table, MetaData(), Column("h", pg.HSTORE), Column("c", pg.CITEXT))
    await core.create_all(made.metadata)
    await core.execute(insert(made), {"h": {"a": "1", "b": None}, "c": "AbC"})

    row = await core.fetchone(select(made).where(made.c.c == "aBc"))
    assert ({"a": "1", "b": None}, "AbC") == row
    assert "1" == await core.fetchval(select(made.c.h["a"]))


@engines(*POSTGRESQLS)
@pytest.mark.parametrize(
    ("kind", "value"),
    [(pg.INT4RANGE, "[1,5)"), (pg.MONEY, Decimal(12)), (Time(timezone=True), time(1))],
    ids=["a text as range", "a number as money", "a naive time with zone"],
)
@quiet
async def test_values_that_a_type_does_not_take(
    db: asyncdb.Connection, table: str, kind: Any, value: Any
) -> None:
    """What asyncpg does not take is a DataError that says which parameter."""
    made = Table(table, MetaData(), Column("v", kind))
    core = Core(db)
    await core.create_all(made.metadata)
    if isinstance(kind, Time):
        value = value.replace(tzinfo=UTC)

    with pytest.raises(asyncdb.DataError, match="parameter"):
        await core.execute(insert(made), {"v": value})


# -- MySQL and MariaDB -----------------------------------------------------------------

MYSQL: dict[str, tuple[Any, Any]] = {
    "set": (mysql.SET("a", "b"), {"b"}),
    "set, bits": (mysql.SET("a", "b", retrieve_as_bitwise=True), {"b"}),
    "bit": (mysql.BIT(8), 200),
    "bit(1)": (mysql.BIT(1), 1),
    "year": (mysql.YEAR, 2024),
    "enum": (mysql.ENUM("x", "y"), "x"),
    "tinyint": (mysql.TINYINT, 5),
    "datetime(6)": (mysql.DATETIME(fsp=6), datetime(2024, 1, 1, 1, 2, 3, 4)),  # noqa: DTZ001
    "timestamp(6)": (mysql.TIMESTAMP(fsp=6), datetime(2024, 1, 1, 1, 2, 3, 4)),  # noqa: DTZ001
    "time(6)": (mysql.TIME(fsp=6), time(1, 2, 3, 4)),
    "decimal": (mysql.DECIMAL(30, 10), Decimal("1.5000000000")),
    "decimal as float": (Numeric(9, 2, asdecimal=False), 1.5),
    "double as decimal": (mysql.DOUBLE(asdecimal=True), Decimal("1.5000000000")),
    "varbinary": (mysql.VARBINARY(9), b"\0\\'"),
    "text": (mysql.LONGTEXT, "a\\b'c"),
}


@quiet
@engines("mariadb", "mysql", "mariadb+asyncmy", "mysql+asyncmy")
@pytest.mark.parametrize("name", MYSQL)
async def test_types_of_mysql(db: asyncdb.Connection, table: str, name: str) -> None:
    """MySQL's own types come back as they went, and are found."""
    kind, value = MYSQL[name]
    made = Table(table, MetaData(), Column("id", Integer), Column("v", kind))
    core = Core(db)
    await core.create_all(made.metadata)
    await core.executemany(insert(made), [{"id": 1, "v": value}, {"id": 2, "v": None}])

    found = await core.fetchall(select(made.c.v).order_by(made.c.id))
    assert [(value,), (None,)] == found
    assert type(value) is type(found[0].v)
    assert [(1,)] == await core.fetchall(select(made.c.id).where(made.c.v == value))
