"""Statements that asyncdb keeps prepared, when the schema changes underneath."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import asyncdb
from asyncdb.testing.conformance.chapter import ids
from tests.plugins.databases import engines

pytestmark = engines("postgresql")


@pytest.fixture
async def observer(database_url: str) -> AsyncIterator[asyncdb.Connection]:
    """Somebody else."""
    async with asyncdb.connect(database_url) as observer:
        yield observer


async def test_a_table_that_changed(
    db: asyncdb.Connection, observer: asyncdb.Connection, table: str
) -> None:
    """A statement that reads it is prepared again, in the same call."""
    sql = f"SELECT * FROM {table}"
    await db.execute(f"CREATE TABLE {table} (a INTEGER)")
    await db.execute(f"INSERT INTO {table} VALUES (1)")
    assert [(1,)] == await db.fetchall(sql)
    await observer.execute(f"ALTER TABLE {table} ADD COLUMN b INTEGER")
    found = await db.fetchall(sql)

    assert [(1, None)] == found
    assert ["a", "b"] == list(found[0].keys())


async def test_a_table_that_changed_in_a_block(
    db: asyncdb.Connection, table: str
) -> None:
    """PostgreSQL has failed the transaction by then; the next one goes on."""
    sql = f"SELECT * FROM {table}"
    await db.execute(f"CREATE TABLE {table} (a INTEGER)")
    assert [] == await db.fetchall(sql)
    with pytest.raises(asyncdb.DatabaseError):
        async with db.transaction():
            await db.execute(f"ALTER TABLE {table} ADD COLUMN b INTEGER")
            await db.fetchall(sql)
    async with db.transaction():
        await db.execute(f"ALTER TABLE {table} ADD COLUMN id INTEGER")
        await db.execute(f"INSERT INTO {table} VALUES (1, 2)")
    assert [2] == await ids(db, table)


@pytest.mark.parametrize("block", [True, False])
async def test_a_type_that_changed(
    db: asyncdb.Connection, observer: asyncdb.Connection, table: str, block: bool
) -> None:
    """asyncpg refuses what it has learned of a composite type, and learns it anew."""
    kind = f"{table}_pair"
    sql = f"SELECT p FROM {table}"
    await db.execute(f"CREATE TYPE {kind} AS (a INTEGER)")
    try:
        await db.execute(f"CREATE TABLE {table} (p {kind})")
        await db.execute(f"INSERT INTO {table} VALUES (ROW(1))")
        assert [((1,),)] == await db.fetchall(sql)
        await observer.execute(f"ALTER TYPE {kind} ADD ATTRIBUTE b INTEGER")
        if block:
            with pytest.raises(asyncdb.DatabaseError):
                async with db.transaction():
                    await db.fetchall(sql)

        assert [((1, None),)] == await db.fetchall(sql)
    finally:
        await db.execute(f"DROP TYPE {kind} CASCADE")


async def test_somebody_deallocates_all(db: asyncdb.Connection) -> None:
    """What was kept is prepared again."""
    assert 3 == await db.fetchval("SELECT CAST(? AS integer)", [3])
    await db.execute("DEALLOCATE ALL")

    assert 4 == await db.fetchval("SELECT CAST(? AS integer)", [4])
