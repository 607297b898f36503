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


@pytest.fixture
async def kind(
    db: asyncdb.Connection, table: str, observer: asyncdb.Connection
) -> AsyncIterator[str]:
    """A composite type, and a table with a row that has it."""
    kind = f"{table}_pair"
    await db.execute(f"CREATE TYPE {kind} AS (a INTEGER)")
    await db.execute(f"CREATE TABLE {table} (n INTEGER, p {kind})")
    await db.execute(f"INSERT INTO {table} VALUES (0, ROW(1))")
    yield kind
    await observer.execute(f"DROP TYPE {kind} CASCADE")


@pytest.mark.parametrize("way", ["execute", "block", "stream", "many"])
async def test_a_type_that_changed(
    db: asyncdb.Connection,
    observer: asyncdb.Connection,
    table: str,
    kind: str,
    way: str,
) -> None:
    """The statement has run once, and says so; from then on its answers are read."""
    sql = f"UPDATE {table} SET n = n + ? RETURNING p"

    async def run() -> None:
        if way == "stream":
            async with db.stream(sql, [1]) as rows:
                assert 1 == len([row async for row in rows])
        elif way == "many":
            await db.executemany(sql, [[1], [0]], exact_rowcount=True)
        elif way == "block":
            async with db.transaction():
                await db.execute(sql, [1])
        else:
            await db.execute(sql, [1])

    await run()
    await observer.execute(f"ALTER TYPE {kind} ADD ATTRIBUTE b INTEGER")
    with pytest.raises(asyncdb.InternalError, match="has run"):
        await run()
    await run()

    kept = 2 if way == "block" else 3  # what a block did was rolled back
    (row,) = await db.fetchall(f"SELECT n, p FROM {table}")
    assert (kept, (1, None)) == tuple(row)


async def test_a_parameter_that_changed(
    db: asyncdb.Connection, observer: asyncdb.Connection, table: str, kind: str
) -> None:
    """What asyncpg refuses to send by an old type it learns anew, and sends."""
    scalar, composite = f"UPDATE {table} SET n = ?", f"UPDATE {table} SET p = ?"
    await db.execute(scalar, [1])
    await db.execute(composite, [(1,)])
    await observer.execute(f"ALTER TABLE {table} ALTER n TYPE text")
    await observer.execute(f"ALTER TYPE {kind} ADD ATTRIBUTE b INTEGER")
    await db.execute(scalar, ["one"])
    await db.execute(composite, [(1, 2)])
    with pytest.raises(asyncdb.DataError):
        await db.execute(scalar, [1])
    with pytest.raises(asyncdb.DataError):
        await db.executemany(scalar, [[1]])
    await observer.execute(f"ALTER TABLE {table} ALTER n TYPE integer USING 7")
    await db.executemany(scalar, [[8]])

    (row,) = await db.fetchall(f"SELECT n, p FROM {table}")
    assert (8, (1, 2)) == tuple(row)


async def test_somebody_deallocates_all(db: asyncdb.Connection) -> None:
    """What was kept is prepared again."""
    assert 3 == await db.fetchval("SELECT CAST(? AS integer)", [3])
    await db.execute("DEALLOCATE ALL")

    assert 4 == await db.fetchval("SELECT CAST(? AS integer)", [4])


@pytest.mark.parametrize("what", ["FROM STDIN", "TO STDOUT"])
async def test_copy_as_text(db: asyncdb.Connection, table: str, what: str) -> None:
    """It is refused before it is sent: nobody would answer it."""
    await db.execute(f"CREATE TABLE {table} (id INTEGER)")
    with pytest.raises(asyncdb.NotSupportedError, match="load_rows"):
        await db.execute(f"COPY {table} {what}")

    assert [] == await ids(db, table)
