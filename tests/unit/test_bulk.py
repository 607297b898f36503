"""Many rows in pieces: how many at a time, and what ends them half way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import asyncdb
from asyncdb.testing.fake import Faults, faults

INSERT = "INSERT INTO t VALUES (?)"


@pytest.fixture
def ordered() -> Iterator[Faults]:
    """The fake's orders."""
    with faults() as given:
        yield given


@pytest.fixture
async def db(ordered: Faults) -> AsyncIterator[asyncdb.Connection]:
    """A connection with an empty table."""
    async with asyncdb.connect("fake://") as db:
        await db.execute("CREATE TABLE t (a INTEGER)")
        ordered.passed.clear()
        yield db


async def later(rows: Any) -> AsyncIterator[Any]:
    """Give rows asynchronously."""
    for row in rows:
        yield row


@pytest.mark.parametrize("make", [iter, later], ids=["iterator", "async"])
async def test_an_iterator_goes_in_pieces(
    make: Any, db: asyncdb.Connection, ordered: Faults
) -> None:
    """Rows of an iterator go 5,000 at a time, in one transaction."""
    rows = make([(i,) for i in range(10_001)])

    assert 10_001 == (await db.executemany(INSERT, rows)).rowcount
    assert ["begin", *["execute_many"] * 3, "commit"] == ordered.passed


@pytest.mark.parametrize("make", [list, iter, later], ids=["list", "iterator", "async"])
async def test_what_fits_goes_at_once(
    make: Any, db: asyncdb.Connection, ordered: Faults
) -> None:
    """What is one piece is sent in one go, without a transaction of ours around it."""
    rows = make([(i,) for i in range(5000)])

    assert 5000 == (await db.executemany(INSERT, rows)).rowcount
    assert ["execute_many"] == ordered.passed


async def test_pieces_in_a_transaction(db: asyncdb.Connection, ordered: Faults) -> None:
    """In a transaction that is open already no other is begun, and none committed."""
    async with db.transaction():
        await db.executemany(INSERT, iter([(i,) for i in range(5001)]))

        assert ["begin", "execute_many", "execute_many"] == ordered.passed


async def test_a_transaction_that_ends_half_way(
    db: asyncdb.Connection, ordered: Faults
) -> None:
    """Where the server ends the transaction between two pieces no third one is sent."""

    async def end() -> None:
        db.native.execute("ROLLBACK")

    ordered.add("execute_many", end)
    with pytest.raises(asyncdb.TransactionError, match="half way"):
        await db.executemany(INSERT, iter([(i,) for i in range(10_001)]))

    assert 1 == ordered.passed.count("execute_many")
    assert not db.in_transaction


async def test_a_piece_that_fails(db: asyncdb.Connection, ordered: Faults) -> None:
    """A later piece that fails takes the earlier ones with it."""
    rows = iter([*((i,) for i in range(5000)), (object(),)])
    with pytest.raises(asyncdb.DataError):
        await db.executemany(INSERT, rows)

    assert ["begin", "execute_many", "rollback"] == ordered.passed
    assert 0 == await db.fetchval("SELECT count(*) FROM t")


async def test_loading_sends_the_same_pieces(
    db: asyncdb.Connection, ordered: Faults
) -> None:
    """`load_rows`, where a driver has nothing faster, sends the pieces of INSERT."""
    assert 5001 == await db.load_rows("t", ["a"], iter([(i,) for i in range(5001)]))
    assert ["begin", *["execute_many"] * 2, "commit"] == ordered.passed
