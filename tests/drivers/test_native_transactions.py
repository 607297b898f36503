"""A transaction that `db.native` has ended under a block."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

import asyncdb
from asyncdb.testing.conformance.chapter import ids
from tests.plugins.databases import ENGINES, SECOND_DRIVERS, engines

pytestmark = engines(*ENGINES, *SECOND_DRIVERS)


@pytest_asyncio.fixture
async def table(db: asyncdb.Connection, table: str) -> AsyncIterator[str]:
    """A table."""
    await db.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY)")
    yield table


async def roll_back(db: asyncdb.Connection) -> None:
    """Roll back by the library's own connection."""
    native: Any = db.native
    if db.dialect.name == "mysql":
        async with native.cursor() as cursor:
            await cursor.execute("ROLLBACK")
    else:
        await native.execute("ROLLBACK")


async def _execute(db: asyncdb.Connection, table: str) -> None:
    await db.execute(f"INSERT INTO {table} (id) VALUES (?)", [2])


async def _execute_many(db: asyncdb.Connection, table: str) -> None:
    await db.executemany(f"INSERT INTO {table} (id) VALUES (?)", [[2], [3]])


async def _batch(db: asyncdb.Connection, table: str) -> None:
    async with db.batch() as batch:
        batch.execute(f"INSERT INTO {table} (id) VALUES (?)", [2])


async def _stream(db: asyncdb.Connection, table: str) -> None:
    async with db.stream(f"INSERT INTO {table} (id) VALUES (2)"):
        pytest.fail("it runs")


@pytest.mark.parametrize("verb", [_execute, _execute_many, _batch, _stream])
async def test_nothing_runs_behind_a_transaction_that_is_over(
    db: asyncdb.Connection,
    table: str,
    verb: Callable[[asyncdb.Connection, str], Awaitable[None]],
) -> None:
    """What comes next in the block is refused, and not committed by itself."""
    with pytest.raises(asyncdb.TransactionError, match="ended"):
        async with db.transaction():
            await db.execute(f"INSERT INTO {table} (id) VALUES (1)")
            await roll_back(db)
            assert not db.in_transaction
            await verb(db, table)

    assert [] == await ids(db, table)
    await _execute(db, table)
    assert [2] == await ids(db, table)


@pytest.mark.parametrize("rows", [[1], []])
async def test_a_block_that_is_over_is_not_told_as_committed(
    db: asyncdb.Connection, table: str, rows: list[int]
) -> None:
    """Its end says so, though the server would answer COMMIT with success."""
    with pytest.raises(asyncdb.TransactionError, match="ended before its COMMIT"):
        async with db.transaction():
            for number in rows:
                await db.execute(f"INSERT INTO {table} (id) VALUES (?)", [number])
            await roll_back(db)

    assert [] == await ids(db, table)
    await _execute(db, table)
    assert [2] == await ids(db, table)


async def test_a_block_without_statements_commits(
    db: asyncdb.Connection, table: str
) -> None:
    """There is a transaction to end, whatever the driver has sent of it."""
    async with db.transaction() as tx:
        await tx.commit()
    async with db.transaction():
        pass
    async with db.transaction(), db.batch():
        pass

    assert not db.in_transaction
