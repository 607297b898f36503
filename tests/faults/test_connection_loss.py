"""A line that breaks or falls silent: said as what it is, and nothing hangs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

import asyncdb
from tests.plugins.databases import PSYCOPG, SERVERS, engines
from tests.plugins.proxy import MakeProxy, Proxy
from tests.plugins.servers import Server
from tests.plugins.slow import Slow

ON_SERVERS = engines(*SERVERS, *PSYCOPG)
LIMIT = 0.3
SLACK = 0.5  # seconds for the driver to give up politely


@pytest_asyncio.fixture
async def proxy(database_url: str, make_proxy: MakeProxy) -> Proxy:
    """A proxy in front of the database."""
    return await make_proxy(database_url)


@pytest_asyncio.fixture
async def db(proxy: Proxy, _tables: list[str]) -> AsyncIterator[asyncdb.Connection]:
    """A connection through the proxy, which closes fast."""
    async with asyncdb.connect(proxy.url, close_timeout=LIMIT) as db:
        yield db


@pytest_asyncio.fixture
async def observer(database_url: str) -> AsyncIterator[asyncdb.Connection]:
    """A connection that does not go through the proxy."""
    async with asyncdb.connect(database_url) as connection:
        yield connection


async def is_gone(
    db: asyncdb.Connection, kind: type[asyncdb.Error] = asyncdb.ConnectionClosed
) -> None:
    """Assert that a connection is closed and says so, now and later."""
    assert db.is_closed
    assert not db.in_transaction
    for _ in range(2):
        with pytest.raises(kind) as caught:
            await db.fetchval("SELECT 1")
        assert kind is type(caught.value)


async def is_lost(db: asyncdb.Connection) -> None:
    """Assert that a connection says that the other side has ended it."""
    await is_gone(db, asyncdb.ConnectionLost)


@ON_SERVERS
async def test_cut_in_mid_statement(
    db: asyncdb.Connection, observer: asyncdb.Connection, proxy: Proxy
) -> None:
    """A line that breaks under a statement is ConnectionLost, and stays so."""
    slow = await Slow.on(db, observer)
    task = asyncio.ensure_future(db.execute(slow.sql))
    await slow.started()
    proxy.cut()

    with pytest.raises(asyncdb.ConnectionLost):
        async with asyncio.timeout(2):
            await task
    await is_lost(db)


@ON_SERVERS
@pytest.mark.parametrize("size", [1, 4, 7, 60, 1000])
async def test_a_torn_answer(db: asyncdb.Connection, proxy: Proxy, size: int) -> None:
    """An answer that ends in the middle is ConnectionLost, never a short one."""
    proxy.cut_after(size)
    with pytest.raises(asyncdb.ConnectionLost):
        async with asyncio.timeout(2):
            await db.fetchall("SELECT ?, ?", ["x" * 2000, "y"])

    await is_lost(db)


@ON_SERVERS
async def test_cut_while_idle(db: asyncdb.Connection, proxy: Proxy) -> None:
    """A line that broke while nobody looked is told at the next statement."""
    proxy.cut()
    with pytest.raises(asyncdb.ConnectionLost):
        async with asyncio.timeout(2):
            await db.fetchval("SELECT 1")

    await is_lost(db)


@ON_SERVERS
async def test_cut_inside_a_block(
    db: asyncdb.Connection, observer: asyncdb.Connection, proxy: Proxy, table: str
) -> None:
    """A block whose line breaks ends as ConnectionLost, and left nothing."""
    await db.execute(f"CREATE TABLE {table} (a INTEGER)")
    slow = await Slow.on(db, observer)

    async def work() -> None:
        async with db.transaction():
            await db.execute(f"INSERT INTO {table} VALUES (1)")
            async with db.transaction():
                await db.execute(slow.sql)

    task = asyncio.create_task(work())
    await slow.started()
    proxy.cut()
    with pytest.raises(asyncdb.ConnectionLost):
        async with asyncio.timeout(2):
            await task

    await is_lost(db)
    assert 0 == await observer.fetchval(f"SELECT count(*) FROM {table}")
    await slow.end()


@ON_SERVERS
async def test_cut_in_a_stream(db: asyncdb.Connection, proxy: Proxy) -> None:
    """A stream whose line breaks raises ConnectionLost instead of ending early."""
    ten = " UNION ALL ".join(f"SELECT {n} AS n" for n in range(10))
    sql = f"SELECT a.n, ? FROM ({ten}) a, ({ten}) b, ({ten}) c"
    with pytest.raises(asyncdb.ConnectionLost):
        async with asyncio.timeout(2):
            async with db.stream(sql, ["x" * 4000], batch=10) as rows:
                await rows.fetchmany()
                proxy.cut()
                async for _ in rows:
                    pass

    await is_lost(db)


@ON_SERVERS
@pytest.mark.parametrize("block", [False, True], ids=["alone", "in_a_block"])
async def test_silence_under_a_deadline(
    db: asyncdb.Connection, proxy: Proxy, block: bool
) -> None:
    """A statement with a timeout ends on a silent line, and the connection is gone."""

    async def work() -> None:
        if block:
            async with db.transaction(), db.transaction():
                proxy.stall()
                await db.fetchval("SELECT 1", timeout=LIMIT)
        else:
            proxy.stall()
            await db.fetchval("SELECT 1", timeout=LIMIT)

    began = time.monotonic()
    with pytest.raises(asyncdb.StatementTimeout):
        await work()

    assert time.monotonic() - began < LIMIT + SLACK
    await is_gone(db)


@ON_SERVERS
@pytest.mark.parametrize("inner", [False, True], ids=["transaction", "savepoint"])
async def test_rolling_back_on_a_silent_line(
    db: asyncdb.Connection, proxy: Proxy, inner: bool
) -> None:
    """A rollback takes close_timeout at most and does not hide the first error."""

    async def work() -> None:
        async with db.transaction():
            await db.fetchval("SELECT 1")
            if inner:
                async with db.transaction():
                    proxy.stall()
                    raise ZeroDivisionError
            proxy.stall()
            raise ZeroDivisionError

    began = time.monotonic()
    with pytest.raises(ZeroDivisionError):
        await work()

    assert time.monotonic() - began < LIMIT + SLACK
    await is_gone(db)


@ON_SERVERS
async def test_closing_on_a_silent_line(db: asyncdb.Connection, proxy: Proxy) -> None:
    """Closing takes close_timeout at most, also after a cancelled statement."""
    proxy.stall()
    task = asyncio.ensure_future(db.fetchval("SELECT 1"))
    await proxy.stalled.wait()
    task.cancel()
    await asyncio.wait([task])
    began = time.monotonic()
    await db.close()

    assert time.monotonic() - began < LIMIT + SLACK
    assert db.is_closed


@ON_SERVERS
async def test_cancelled_on_a_silent_line(db: asyncdb.Connection, proxy: Proxy) -> None:
    """A cancellation returns within half a second though nobody answers."""
    await db.fetchval("SELECT 1")
    proxy.stall()
    task = asyncio.ensure_future(db.fetchval("SELECT 1"))
    await proxy.stalled.wait()
    began = time.monotonic()
    task.cancel()
    await asyncio.wait([task])

    assert task.cancelled()
    assert time.monotonic() - began < 0.5
    await is_gone(db)


@ON_SERVERS
async def test_ended_by_an_administrator(
    db: asyncdb.Connection, observer: asyncdb.Connection
) -> None:
    """A session that an administrator ends under a statement is ConnectionLost."""
    mine, end = {
        "postgresql": ("pg_backend_pid()", "SELECT pg_terminate_backend({})"),
        "mysql": ("connection_id()", "KILL {}"),
    }[db.dialect.name]
    number = await db.fetchval(f"SELECT {mine}")
    slow = await Slow.on(db, observer)
    task = asyncio.ensure_future(db.execute(slow.sql))
    await slow.started()
    await observer.execute(end.format(number))

    with pytest.raises(asyncdb.ConnectionLost):
        async with asyncio.timeout(2):
            await task
    await is_lost(db)


async def test_connecting_to_a_stopped_server(server: Server) -> None:
    """It accepts and never answers: given up after connect_timeout, and good later."""
    server.freeze()
    began = time.monotonic()
    with pytest.raises(asyncdb.ConnectionFailed):
        await asyncdb.connect(server.url, connect_timeout=LIMIT)
    seconds = time.monotonic() - began
    server.thaw()

    assert seconds < LIMIT + SLACK
    async with asyncdb.connect(server.url) as db:
        assert 1 == await db.fetchval("SELECT 1")


async def test_a_stopped_server(server: Server) -> None:
    """A server that is stopped hangs nothing that has a deadline, nor close()."""
    async with asyncdb.connect(server.url, close_timeout=LIMIT) as db:
        await db.fetchval("SELECT 1")
        server.freeze()
        began = time.monotonic()
        with pytest.raises(asyncdb.StatementTimeout):
            await db.fetchval("SELECT 1", timeout=LIMIT)
    seconds = time.monotonic() - began
    server.thaw()

    assert seconds < 2 * LIMIT + SLACK
    assert db.is_closed


async def test_a_stopped_server_and_statement_timeout(server: Server) -> None:
    """statement_timeout ends a statement though the server cannot keep it itself."""
    async with asyncdb.connect(
        server.url, close_timeout=LIMIT, statement_timeout=LIMIT
    ) as db:
        await db.fetchval("SELECT 1")
        server.freeze()
        began = time.monotonic()
        with pytest.raises(asyncdb.StatementTimeout):
            await db.fetchval("SELECT 1")
        seconds = time.monotonic() - began
    server.thaw()

    assert seconds < LIMIT + 0.5 + SLACK


async def test_a_killed_server(server: Server) -> None:
    """A server that dies under a statement, or between two, is said to be lost."""
    async with (
        asyncdb.connect(server.url) as busy,
        asyncdb.connect(server.url) as idle,
        asyncdb.connect(server.url) as observer,
    ):
        slow = await Slow.on(busy, observer)
        task = asyncio.ensure_future(busy.execute(slow.sql))
        await slow.started()
        server.kill()

        with pytest.raises(asyncdb.ConnectionLost):
            async with asyncio.timeout(2):
                await task
        with pytest.raises(asyncdb.ConnectionLost):
            await idle.fetchval("SELECT 1")
        await is_lost(busy)
        await is_lost(idle)
