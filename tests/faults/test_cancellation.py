"""A cancelled verb returns at once, stops the server, and leaves all clean."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

import asyncdb
from tests.plugins.databases import (
    ENGINES_AND_FAKE,
    POSTGRESQLS,
    PSYCOPG,
    SERVERS,
    engines,
)
from tests.plugins.scale import Scaled
from tests.plugins.slow import Slow

PROMPT = 0.5


@pytest_asyncio.fixture
async def observer(database_url: str) -> AsyncIterator[asyncdb.Connection]:
    """A second connection."""
    async with asyncdb.connect(database_url) as connection:
        yield connection


async def cancel(task: asyncio.Task[Any]) -> None:
    """Cancel a task, which has to end by that, promptly."""
    began = time.monotonic()
    task.cancel()
    await asyncio.wait([task])
    seconds = time.monotonic() - began

    assert task.cancelled()
    assert seconds < PROMPT


async def assert_usable(db: asyncdb.Connection) -> None:
    """Assert that a connection is clean or gone, and says which at once."""
    if db.is_closed:
        return
    async with asyncio.timeout(PROMPT):
        assert 42 == await db.fetchval("SELECT 41 + ?", [1])
    assert not db.in_transaction


async def _stream(db: asyncdb.Connection, sql: str) -> None:
    async with db.stream(sql, batch=1) as rows:
        async for _ in rows:
            pass


async def _cursor(db: asyncdb.Connection, sql: str) -> None:
    async with db.cursor() as cursor:
        await cursor.execute(sql)


async def _batch(db: asyncdb.Connection, sql: str) -> None:
    async with db.batch() as batch:
        batch.execute("SELECT 1")
        batch.execute(sql)
        batch.execute("SELECT 2")


Verb = Callable[[asyncdb.Connection, str], Awaitable[Any]]
VERBS: dict[str, Verb] = {
    "execute": lambda db, sql: db.execute(sql),
    "fetchone": lambda db, sql: db.fetchone(sql),
    "fetchmany": lambda db, sql: db.fetchmany(sql),
    "fetchall": lambda db, sql: db.fetchall(sql),
    "fetchval": lambda db, sql: db.fetchval(sql),
    "stream": _stream,
    "cursor": _cursor,
    "batch": _batch,
}


@pytest.mark.parametrize("verb", VERBS)
async def test_a_running_statement(
    db: asyncdb.Connection, observer: asyncdb.Connection, verb: str
) -> None:
    """Cancelled in mid statement, a verb is back at once and the server has stopped."""
    slow = await Slow.on(db, observer)
    task = asyncio.ensure_future(VERBS[verb](db, slow.sql))
    await slow.started()

    await cancel(task)

    await slow.stopped()
    await assert_usable(db)


async def test_a_timeout_is_a_cancellation(
    db: asyncdb.Connection, observer: asyncdb.Connection
) -> None:
    """`asyncio.timeout()` around a statement ends as TimeoutError and does the same."""
    slow = await Slow.on(db, observer)
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await db.execute(slow.sql)

    assert time.monotonic() - began < 0.1 + PROMPT
    await slow.stopped()
    await assert_usable(db)


@pytest.mark.parametrize("many", [False, True], ids=["execute", "executemany"])
async def test_a_running_write(
    db: asyncdb.Connection, observer: asyncdb.Connection, table: str, many: bool
) -> None:
    """A write that is cancelled in the middle leaves no row, then or later."""
    await db.execute(f"CREATE TABLE {table} (a INTEGER)")
    slow = await Slow.on(db, observer)
    insert = slow.insert.format(table)
    if many:
        marker = "CAST(? AS INTEGER)" if db.dialect.name == "postgresql" else "?"
        insert = f"{insert} WHERE {marker} = 1"
        task = asyncio.ensure_future(db.executemany(insert, [[1], [1]]))
    else:
        task = asyncio.ensure_future(db.execute(insert))
    await slow.started()

    await cancel(task)

    await slow.stopped()
    await assert_usable(db)
    assert 0 == await observer.fetchval(f"SELECT count(*) FROM {table}")


async def test_in_a_block(
    db: asyncdb.Connection, observer: asyncdb.Connection, table: str
) -> None:
    """A cancelled statement ends the block it is in: nothing of it stays."""
    await db.execute(f"CREATE TABLE {table} (a INTEGER)")
    slow = await Slow.on(db, observer)

    async def work() -> None:
        async with db.transaction():
            await db.execute(f"INSERT INTO {table} VALUES (1)")
            async with db.transaction():
                await db.execute(slow.sql)

    task = asyncio.create_task(work())
    await slow.started()
    await cancel(task)

    await assert_usable(db)
    assert 0 == await observer.fetchval(f"SELECT count(*) FROM {table}")


async def test_waiting_for_a_lock(
    db: asyncdb.Connection, observer: asyncdb.Connection, table: str
) -> None:
    """Cancelled while it waits for a lock, a statement is back and writes nothing."""
    await db.execute(f"CREATE TABLE {table} (a INTEGER)")
    await db.execute(f"INSERT INTO {table} VALUES (1)")
    async with observer.transaction():
        await observer.execute(f"UPDATE {table} SET a = 2")
        task = asyncio.ensure_future(db.execute(f"UPDATE {table} SET a = 3"))
        done, _ = await asyncio.wait([task], timeout=0.1)  # a wait gives no sign
        assert not done

        await cancel(task)

    await assert_usable(db)
    assert 2 == await observer.fetchval(f"SELECT a FROM {table}")


@engines("sqlite")
async def test_waiting_to_begin(
    db: asyncdb.Connection, observer: asyncdb.Connection
) -> None:
    """On SQLite a block that waits for the write lock can be cancelled at once."""

    async def work() -> None:
        async with db.transaction():
            await db.fetchval("SELECT 1")

    async with observer.transaction():
        await observer.fetchval("SELECT 1")
        task = asyncio.create_task(work())
        done, _ = await asyncio.wait([task], timeout=0.1)
        assert not done

        await cancel(task)

    await assert_usable(db)


async def test_close_while_another_task_is_inside(
    db: asyncdb.Connection, observer: asyncdb.Connection
) -> None:
    """close() does not wait for a statement of another task: it ends it."""
    slow = await Slow.on(db, observer)
    task = asyncio.ensure_future(db.execute(slow.sql))
    await slow.started()

    async with asyncio.timeout(2):
        await db.close()
        await asyncio.wait([task])

    assert db.is_closed
    assert isinstance(task.exception(), asyncdb.Error)
    await slow.stopped()


@engines(*POSTGRESQLS)
async def test_no_lock_is_kept_by_a_statement_that_was_only_prepared(
    db: asyncdb.Connection, observer: asyncdb.Connection, table: str
) -> None:
    """An argument that PostgreSQL's client refuses leaves no implicit transaction open.

    asyncpg has prepared the statement by then, and the server holds its locks.
    """
    await db.execute(f"CREATE TABLE {table} (a INTEGER)")
    locks = (
        "SELECT count(*) FROM pg_locks WHERE relation = CAST(? AS regclass) "
        "AND pid <> pg_backend_pid()"
    )
    with pytest.raises(asyncdb.DataError):
        await db.execute(f"INSERT INTO {table} VALUES (?)", ["x"])

    assert 0 == await observer.fetchval(locks, [table])
    async with asyncio.timeout(1):
        await observer.execute(f"ALTER TABLE {table} ADD COLUMN b INTEGER")


@engines(*SERVERS, *PSYCOPG)
async def test_no_cancellation_is_lost(
    database_url: str, observer: asyncdb.Connection, scaled: Scaled
) -> None:
    """However early a statement is cancelled, the server does not go on with it.

    PostgreSQL's cancel request may overtake the statement that it is for.
    """
    dice = random.Random(5)
    db = await asyncdb.connect(database_url)
    try:
        for _ in range(scaled(60, 1_000)):
            if db.is_closed:
                db = await asyncdb.connect(database_url)
            slow = await Slow.on(db, observer)
            task = asyncio.ensure_future(db.execute(slow.sql))
            await asyncio.sleep(dice.random() * 0.004)
            await cancel(task)
            await slow.stopped()
    finally:
        await db.close()


@engines(*ENGINES_AND_FAKE, *PSYCOPG)
async def test_storm(database_url: str, scaled: Scaled) -> None:
    """No row of another's query is ever seen, whenever queries are cancelled."""
    dice, loop = random.Random(7), asyncio.get_running_loop()
    db = await asyncdb.connect(database_url)
    cancelled = 0
    try:
        for number in range(scaled(200, 2_000)):
            if db.is_closed:
                db = await asyncdb.connect(database_url)
            sql = "SELECT ? + 0"
            if number % 3 == 0:
                sql += f" /* {number} */"  # a text that is new to the driver
            task = asyncio.ensure_future(db.fetchval(sql, [number]))
            lot = dice.random()
            if lot < 0.2:
                for _ in range(dice.randrange(5)):
                    await asyncio.sleep(0)
                task.cancel()
            elif lot < 0.7:
                loop.call_later(dice.random() * 0.002, task.cancel)
            await asyncio.wait([task])
            if task.cancelled():
                cancelled += 1
            else:
                assert number == task.result()
            if not db.is_closed:
                assert -number == await db.fetchval("SELECT 0 - ?", [number])
    finally:
        await db.close()

    assert cancelled
