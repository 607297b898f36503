"""`statement_timeout` and `timeout=`: a statement ends in time, as StatementTimeout."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

import asyncdb
from asyncdb.testing.fake import faults
from tests.plugins.databases import ENGINES_AND_FAKE, PSYCOPG, engines
from tests.plugins.slow import Slow

LIMIT = 0.2
SLACK = 0.5


@pytest_asyncio.fixture
async def observer(database_url: str) -> AsyncIterator[asyncdb.Connection]:
    """A second connection."""
    async with asyncdb.connect(database_url) as connection:
        yield connection


async def _stream(db: asyncdb.Connection, sql: str) -> None:
    async with db.stream(sql, batch=1, timeout=LIMIT) as rows:
        await rows.fetchmany()


async def _cursor(db: asyncdb.Connection, sql: str) -> None:
    await db.cursor().execute(sql, timeout=LIMIT)


async def _batch(db: asyncdb.Connection, sql: str) -> None:
    async with db.batch(timeout=LIMIT) as batch:
        batch.execute("SELECT 1")
        batch.execute(sql)
        batch.execute("SELECT 2")


VERBS: dict[str, Callable[[asyncdb.Connection, str], Awaitable[Any]]] = {
    "execute": lambda db, sql: db.execute(sql, timeout=LIMIT),
    "fetchone": lambda db, sql: db.fetchone(sql, timeout=LIMIT),
    "fetchmany": lambda db, sql: db.fetchmany(sql, timeout=LIMIT),
    "fetchall": lambda db, sql: db.fetchall(sql, timeout=LIMIT),
    "fetchval": lambda db, sql: db.fetchval(sql, timeout=LIMIT),
    "stream": _stream,
    "cursor": _cursor,
    "batch": _batch,
}


async def late(work: Awaitable[Any], slack: float = SLACK) -> asyncdb.StatementTimeout:
    """Await something that has to end as StatementTimeout, in time."""
    began = time.monotonic()
    with pytest.raises(asyncdb.StatementTimeout) as caught:
        await work

    assert time.monotonic() - began < LIMIT + slack
    return caught.value


async def assert_usable(db: asyncdb.Connection) -> None:
    """Assert that a connection is clean or gone."""
    if not db.is_closed:
        assert not db.in_transaction
        assert 42 == await db.fetchval("SELECT 41 + ?", [1])


@pytest.mark.parametrize("verb", VERBS)
async def test_timeout_of_one_call(
    db: asyncdb.Connection, observer: asyncdb.Connection, verb: str
) -> None:
    """Every verb takes `timeout=`: then the work is stopped on the server, too."""
    slow = await Slow.on(db, observer)

    error = await late(VERBS[verb](db, slow.sql))

    assert slow.sql == error.sql
    assert isinstance(error, asyncdb.OperationalError)
    await slow.stopped()
    await assert_usable(db)


async def test_executemany(
    db: asyncdb.Connection, observer: asyncdb.Connection, table: str
) -> None:
    """For executemany it holds for all rows together, and none of them stays."""
    await db.execute(f"CREATE TABLE {table} (a INTEGER)")
    slow = await Slow.on(db, observer)
    marker = "CAST(? AS INTEGER)" if db.dialect.name == "postgresql" else "?"
    sql = f"{slow.insert.format(table)} WHERE {marker} = 1"
    await late(db.executemany(sql, [[1], [1]], timeout=LIMIT))

    await slow.stopped()
    await assert_usable(db)
    assert 0 == await observer.fetchval(f"SELECT count(*) FROM {table}")


async def test_statement_timeout(
    database_url: str, observer: asyncdb.Connection
) -> None:
    """The option holds for every statement, and the connection goes on afterwards."""
    async with asyncdb.connect(database_url, statement_timeout=LIMIT) as db:
        slow = await Slow.on(db, observer)
        error = await late(db.execute(slow.sql), slack=1.0)

        assert slow.sql == error.sql
        assert not db.is_closed
        await slow.stopped()
        await assert_usable(db)


async def test_a_script(database_url: str, observer: asyncdb.Connection) -> None:
    """`statement_timeout` holds for each statement of a script, `timeout=` for all."""
    options: dict[str, Any] = {"statement_timeout": LIMIT}
    async with asyncdb.connect(database_url, **options) as db:
        slow = await Slow.on(db, observer)
        error = await late(db.executescript(f"SELECT 1; {slow.sql}"), SLACK + 0.5)
        assert "statement 2 of 2" in str(error)
        await assert_usable(db)
    async with asyncdb.connect(database_url) as db:
        slow = await Slow.on(db, observer)
        await late(db.executescript(f"SELECT 1; {slow.sql}", timeout=LIMIT))
        await assert_usable(db)


async def test_the_shorter_one_wins(
    database_url: str, observer: asyncdb.Connection
) -> None:
    """`timeout=` may be shorter than the option; a longer one changes nothing."""
    async with asyncdb.connect(database_url, statement_timeout=30) as db:
        slow = await Slow.on(db, observer)
        await late(db.execute(slow.sql, timeout=LIMIT))
    async with asyncdb.connect(database_url, statement_timeout=LIMIT) as db:
        slow = await Slow.on(db, observer)
        await late(db.execute(slow.sql, timeout=30), slack=1.0)


async def test_in_a_block(
    db: asyncdb.Connection, observer: asyncdb.Connection, table: str
) -> None:
    """A statement that ran out of time leaves only rollback of its block."""
    await db.execute(f"CREATE TABLE {table} (a INTEGER)")
    slow = await Slow.on(db, observer)
    with pytest.raises((asyncdb.TransactionError, asyncdb.ConnectionClosed)) as caught:
        async with db.transaction():
            await db.execute(f"INSERT INTO {table} VALUES (1)")
            await late(db.execute(slow.sql, timeout=LIMIT))
            await db.execute(f"INSERT INTO {table} VALUES (2)")

    if not db.is_closed:
        assert isinstance(caught.value.__cause__, asyncdb.StatementTimeout)
    await assert_usable(db)
    assert 0 == await observer.fetchval(f"SELECT count(*) FROM {table}")


@engines(*ENGINES_AND_FAKE, *PSYCOPG)
async def test_in_time(db: asyncdb.Connection) -> None:
    """What is done in time is not touched by a timeout."""
    assert 1 == await db.fetchval("SELECT 1", timeout=5)
    async with db.stream("SELECT 1", timeout=5) as rows:
        assert 1 == len([row async for row in rows])


@engines("fake")
@pytest.mark.parametrize("timeout", [0, -1, float("nan"), "1"])
async def test_a_timeout_that_is_none(db: asyncdb.Connection, timeout: Any) -> None:
    """A timeout that is not a number above 0 is refused before anything is sent."""
    with pytest.raises(asyncdb.InterfaceError, match="above 0"):
        await db.execute("SELECT 1", timeout=timeout)

    assert 1 == await db.fetchval("SELECT 1")


@engines("fake")
async def test_somebody_elses_timeout(db: asyncdb.Connection) -> None:
    """A cancellation from outside stays one, with a timeout of ours around the call."""
    with faults() as ordered:
        ordered.add("execute", asyncio.Event().wait)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await db.execute("SELECT 1", timeout=5)
