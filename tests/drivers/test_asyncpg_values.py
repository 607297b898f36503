"""What only PostgreSQL and asyncpg have passes through, in and out."""

from __future__ import annotations

from datetime import UTC, datetime, time
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address
from typing import Any
from uuid import UUID

import asyncpg
import pytest

import asyncdb
from tests.plugins.databases import engines

pytestmark = engines("postgresql")

_ID = UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        ("int4range", asyncpg.Range(1, 5)),
        ("inet", IPv4Address("10.0.0.1")),
        ("inet", IPv4Interface("10.0.0.1/8")),
        ("inet", IPv6Address("::1")),
        ("cidr", IPv4Network("10.0.0.0/8")),
        ("bit(4)", asyncpg.BitString("1010")),
        ("point", asyncpg.Point(1, 2)),
        ("box", asyncpg.Box((3, 4), (1, 2))),
        ("circle", asyncpg.Circle((1, 2), 3)),
        ("polygon", asyncpg.Polygon((0, 0), (1, 1), (1, 0))),
        ("int[]", [1, None, 3]),
        ("text[]", ["a", "b"]),
        ("float8", float("inf")),
        ("timestamptz[]", [datetime(2026, 1, 1, tzinfo=UTC)]),
        ("jsonb", [1, {"a": None}]),
        ("json", {"a": 1}),
        ("numeric", Decimal("1e-1000")),
    ],
)
async def test_own_types(db: asyncdb.Connection, declared: str, value: Any) -> None:
    """They go in as parameters, come back equal, typed and untyped."""
    sql = f"SELECT CAST(? AS {declared}) AS v"

    assert value == await db.fetchval(sql, [value])
    assert value == await db.fetchval(sql, [value], into=type(value))


async def test_numeric_has_nan(db: asyncdb.Connection) -> None:
    """NUMERIC and float8 have NaN; a signalling one is refused."""
    value = await db.fetchval("SELECT CAST(? AS numeric)", [Decimal("NaN")])
    assert value.is_nan()
    for wrong in (Decimal("sNaN"), Decimal("1E+200000")):
        with pytest.raises(asyncdb.NumericOutOfRange):
            await db.fetchval("SELECT CAST(? AS numeric)", [wrong])


async def test_numeric_has_infinity(db: asyncdb.Connection) -> None:
    """NUMERIC has infinities from PostgreSQL 14 on."""
    if db.dialect.server_version < (14,):
        pytest.skip("this server is older")
    sql = "SELECT CAST(? AS numeric)"

    assert Decimal("-Infinity") == await db.fetchval(sql, [Decimal("-Infinity")])


async def test_a_uuid_is_exactly_one(db: asyncdb.Connection) -> None:
    """A typed read gives no subclass, alone, in arrays and in classes."""
    value = await db.fetchval("SELECT CAST(? AS uuid)", [_ID], into=UUID)
    (array,) = await db.fetchall("SELECT CAST(? AS uuid[])", [[_ID]], into=list[UUID])

    assert ([UUID], UUID) == ([type(one) for one in array], type(value))
    assert ([_ID], _ID) == (array, value)


async def test_naive_instants_in_arrays(db: asyncdb.Connection) -> None:
    """A naive datetime is of UTC in an array too, nested or not."""
    naive = datetime(2026, 1, 1)  # noqa: DTZ001
    row = await db.fetchone("SELECT CAST(? AS timestamptz[])", [[[naive], [None]]])

    assert ([[naive.replace(tzinfo=UTC)], [None]],) == row


async def test_naive_stays_naive(db: asyncdb.Connection) -> None:
    """A column without a zone refuses an aware datetime: it would lose the zone."""
    aware = datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(asyncdb.DataError):
        await db.fetchval("SELECT CAST(? AS timestamp)", [aware])

    naive = aware.replace(tzinfo=None)
    assert naive == await db.fetchval("SELECT CAST(? AS timestamp)", [naive])


@pytest.mark.parametrize("value", ["a\0b", "\ud800", 2**63, time(1, tzinfo=UTC)])
async def test_refused_before_sending(db: asyncdb.Connection, value: Any) -> None:
    """What is refused on every engine is not sent: the parameter is named."""
    with pytest.raises(asyncdb.DataError, match="parameter 2: "):
        await db.fetchval("SELECT CAST(? AS text), CAST(? AS text)", ["a", value])

    assert 1 == await db.fetchval("SELECT 1")


async def test_json_says_why(db: asyncdb.Connection) -> None:
    """A value that is not JSON is told by the type in it."""
    with pytest.raises(asyncdb.DataError, match=r"not JSON: .*complex"):
        await db.fetchval("SELECT CAST(? AS jsonb)", [{"a": [1j]}])
    with pytest.raises(asyncdb.DataError, match="a key of type int"):
        await db.fetchval("SELECT CAST(? AS jsonb)", [{1: 2}])


async def test_a_list_is_an_array_outside_of_in(db: asyncdb.Connection) -> None:
    """`= ANY(?)` takes a list as ever, and so does an IN that says it is an array."""
    numbers = "SELECT n FROM generate_series(1, 3) AS g(n) WHERE"

    assert [(1,), (3,)] == await db.fetchall(f"{numbers} n = ANY(?)", [[1, 3]])
    assert [(2,)] == await db.fetchall(f"{numbers} n <> ALL(:ns)", {"ns": [1, 3]})
    arrays = f"{numbers} ARRAY[n] IN (CAST(? AS int[]))"
    assert [(1,)] == await db.fetchall(arrays, [[1]])
    with pytest.raises(asyncdb.ParameterError, match="expand"):
        await db.fetchall(f"{numbers} n IN (?)", [[1, 3]])
