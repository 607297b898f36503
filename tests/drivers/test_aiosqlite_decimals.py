"""DECIMAL columns of SQLite, whose values are floats there."""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal

import pytest

import asyncdb
from tests.plugins.databases import engines

pytestmark = engines("sqlite")


@dataclass
class Priced:
    """A row with a price."""

    price: Decimal | None


def decimals(digits: int, count: int) -> list[Decimal]:
    """Decimals of so many digits at most, at many magnitudes."""
    chance = random.Random(20260229)
    return [
        Decimal(chance.randrange(-(10**digits) + 1, 10**digits)).scaleb(
            chance.randrange(-20, 8)
        )
        for _ in range(count)
    ]


async def test_fifteen_digits_come_back(db: asyncdb.Connection) -> None:
    """A Decimal of up to 15 digits is read equal, whatever its scale."""
    values = decimals(15, 5000)
    await db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, price DECIMAL(20, 6))")
    rows = list(enumerate(values))
    await db.executemany("INSERT INTO t VALUES (?, ?)", rows)
    kinds = await db.fetchall("SELECT DISTINCT typeof(price) FROM t ORDER BY 1")

    assert [("integer",), ("real",)] == kinds
    assert values == await db.fetchall("SELECT price FROM t ORDER BY id", into=Decimal)


@pytest.mark.parametrize(
    "value",
    ["88338635796795000", "8.8338635796795E+16", "88338635796795000.0", "-1E+18"],
)
async def test_whole_numbers_stay_whole(db: asyncdb.Connection, value: str) -> None:
    """A whole number has no detour by a float, however it is written."""
    await db.execute("CREATE TABLE t (price DECIMAL(20, 0), note TEXT)")
    await db.execute("INSERT INTO t VALUES (:v, :v)", {"v": Decimal(value)})

    found = await db.fetchone("SELECT * FROM t", into=tuple[Decimal, Decimal])
    assert (Decimal(value), Decimal(value)) == found


@pytest.mark.parametrize(
    "value",
    [
        *("1234567890.1234567", "0.30000000000000004", "12345678901234567890.5"),
        *("1125899906842624.25", "1.23456789E-310"),
    ],
)
async def test_more_digits_are_refused(db: asyncdb.Connection, value: str) -> None:
    """A float that shows more digits is no Decimal that somebody has stored."""
    await db.execute("CREATE TABLE t (price DECIMAL(20, 6))")
    await db.execute("INSERT INTO t VALUES (?)", [Decimal(value)])
    assert isinstance(await db.fetchval("SELECT price FROM t"), float)

    for into in (Decimal, Priced, Decimal | None):
        with pytest.raises(asyncdb.DataError, match=r"15 digits.*TEXT") as caught:
            await db.fetchall("SELECT price FROM t", into=into)
        assert value not in str(caught.value)


async def test_infinity_is_no_decimal(db: asyncdb.Connection) -> None:
    """SQLite makes an infinity of what is too large for a float."""
    await db.execute("CREATE TABLE t (price DECIMAL(20, 6))")
    await db.execute("INSERT INTO t VALUES (?)", [float("inf")])

    with pytest.raises(asyncdb.DataError):
        await db.fetchval("SELECT price FROM t", into=Decimal)


async def test_rows_and_nulls(db: asyncdb.Connection) -> None:
    """Fields of classes are read as single values are."""
    await db.execute("CREATE TABLE t (price DECIMAL(10, 2))")
    await db.executemany("INSERT INTO t VALUES (?)", [(Decimal("1.10"),), (None,)])

    found = await db.fetchall("SELECT price FROM t", into=Priced)
    assert [Priced(Decimal("1.1")), Priced(None)] == found
