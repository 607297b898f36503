"""The server ends a session between two statements: told as that, with its reason."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

import asyncdb
from tests.plugins.databases import SECOND_DRIVERS, SERVERS, engines
from tests.plugins.servers import Server

EVERYWHERE = engines(*SERVERS, *SECOND_DRIVERS)
NUMBER = {
    "postgresql": "SELECT pg_backend_pid()",
    "mysql": "SELECT connection_id()",
}
KILL = {"postgresql": "SELECT pg_terminate_backend({})", "mysql": "KILL {}"}


@pytest_asyncio.fixture
async def observer(database_url: str) -> AsyncIterator[asyncdb.Connection]:
    """A connection that ends the other one."""
    async with asyncdb.connect(database_url) as connection:
        yield connection


async def over(db: asyncdb.Connection) -> None:
    """Wait until the loop has heard that a session is over."""
    async with asyncio.timeout(10):
        while not db.is_closed:  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.01)


async def kill(db: asyncdb.Connection, observer: asyncdb.Connection) -> None:
    """End a session, and wait until it has heard of that."""
    number = await db.fetchval(NUMBER[db.dialect.name])
    await observer.execute(KILL[db.dialect.name].format(number))
    await over(db)


def reason(error: asyncdb.ConnectionLost, db: asyncdb.Connection) -> None:
    """Assert that an error tells why, where the server has told it."""
    assert type(error) is asyncdb.ConnectionLost
    assert error.is_transient is False
    if db.dialect.name == "postgresql":
        assert ("57P01", "57P01") == (error.code, error.sqlstate)
        assert "administrator" in str(error)
        assert "administrator" in (error.diag.message or "")


@EVERYWHERE
async def test_outside_a_block(
    db: asyncdb.Connection, observer: asyncdb.Connection
) -> None:
    """Each verb says it, however often; closing is harmless, and then it is closed."""
    await kill(db, observer)
    for work in (
        lambda: db.fetchval("SELECT 1"),
        lambda: db.executemany("SELECT ?", [[1]]),
        db.begin,
        db.ping,
    ):
        with pytest.raises(asyncdb.ConnectionLost) as caught:
            await work()
        reason(caught.value, db)
    with pytest.raises(asyncdb.ConnectionLost):
        async with db.stream("SELECT 1"):
            pass
    await db.close()
    with pytest.raises(asyncdb.ConnectionClosed):
        await db.fetchval("SELECT 1")


@EVERYWHERE
async def test_inside_a_block(
    db: asyncdb.Connection, observer: asyncdb.Connection, table: str
) -> None:
    """The block is lost: who goes on in it is told so, and it leaves nothing."""
    await db.execute(f"CREATE TABLE {table} (a INTEGER)")
    with pytest.raises(asyncdb.TransactionError, match="ConnectionLost") as refused:
        async with db.transaction():
            await db.execute(f"INSERT INTO {table} VALUES (1)")
            async with db.transaction():
                await kill(db, observer)
                with pytest.raises(asyncdb.ConnectionLost):
                    await db.fetchval("SELECT 1")
    lost = refused.value.__cause__
    assert isinstance(lost, asyncdb.ConnectionLost)
    reason(lost, db)

    assert 0 == await observer.fetchval(f"SELECT count(*) FROM {table}")


@EVERYWHERE
async def test_noticed_at_the_end_of_a_block(
    db: asyncdb.Connection, observer: asyncdb.Connection, table: str
) -> None:
    """COMMIT was not sent, so it is not unknown what became of it."""
    await db.execute(f"CREATE TABLE {table} (a INTEGER)")
    with pytest.raises(asyncdb.ConnectionLost) as caught:
        async with db.transaction():
            await db.execute(f"INSERT INTO {table} VALUES (1)")
            await kill(db, observer)
    reason(caught.value, db)

    assert 0 == await observer.fetchval(f"SELECT count(*) FROM {table}")


@EVERYWHERE
async def test_an_error_of_the_block_comes_first(
    db: asyncdb.Connection, observer: asyncdb.Connection
) -> None:
    """A block that is left by an exception ends as that exception."""
    with pytest.raises(ZeroDivisionError):
        async with db.transaction():
            await kill(db, observer)
            raise ZeroDivisionError

    assert not db.in_transaction


@EVERYWHERE
async def test_in_a_pool(database_url: str, observer: asyncdb.Connection) -> None:
    """Who holds it is told; the pool gives the next one another session."""
    async with asyncdb.create_pool(database_url, max_size=1) as pool:
        async with pool.acquire() as db:
            await kill(db, observer)
            with pytest.raises(asyncdb.ConnectionLost) as caught:
                await db.fetchval("SELECT 1")
            reason(caught.value, db)
        assert 1 == await pool.fetchval("SELECT 1")
        assert {"broken": 1} == pool.stats().closed


@EVERYWHERE
async def test_before_the_loop_has_heard(
    db: asyncdb.Connection, observer: asyncdb.Connection
) -> None:
    """A statement that is sent into the end of a session is lost as well."""
    await db.fetchval("SELECT 1")
    number = await db.fetchval(NUMBER[db.dialect.name])
    await observer.execute(KILL[db.dialect.name].format(number))
    with pytest.raises(asyncdb.ConnectionLost):
        while True:  # the server takes its time
            await db.fetchval("SELECT 1")

    assert db.is_closed


@pytest.mark.parametrize("asked", ["in_transaction", "ever"])
async def test_idle_for_too_long(server: Server, asked: str) -> None:
    """PostgreSQL and MySQL say that this is why; MariaDB says nothing."""
    postgresql, block = server.engine == "postgresql", asked == "in_transaction"
    name = "idle_in_transaction_session_timeout" if block else "idle_session_timeout"
    async with asyncdb.connect(server.url) as db:
        if postgresql and not block and db.dialect.server_version < (14,):
            pytest.skip("this PostgreSQL does not know it")
        setting = f"{name} = 50" if postgresql else "wait_timeout = 1"
        await db.execute(f"SET {setting}")
        if block:
            await db.begin()
            await db.fetchval("SELECT 1")
        await over(db)
        with pytest.raises(asyncdb.ConnectionLost) as caught:
            await db.fetchval("SELECT 1")
    known = {"postgresql": "25P03" if block else "57P05", "mysql": 4031}

    assert known.get(server.engine) == caught.value.code
    if caught.value.code is not None:
        assert str(caught.value).startswith("the server ended the connection: ")


async def test_a_server_that_shuts_down(server: Server) -> None:
    """It ends all sessions, and PostgreSQL says why."""
    async with asyncdb.connect(server.url) as db:
        await db.fetchval("SELECT 1")
        os.kill(server.pid, signal.SIGINT if server.engine == "postgresql" else 15)
        await over(db)
        with pytest.raises(asyncdb.ConnectionLost) as caught:
            await db.fetchval("SELECT 1")
        while server.is_running:  # noqa: ASYNC110  # the next test starts it again
            await asyncio.sleep(0.01)

    if server.engine == "postgresql":
        reason(caught.value, db)


@EVERYWHERE
async def test_ended_by_us(db: asyncdb.Connection) -> None:
    """What this side has closed, cut, or given back is closed, and not lost."""
    task = asyncio.ensure_future(db.fetchval("SELECT 1"))
    await asyncio.sleep(0)
    db._session.inner.terminate()
    await asyncio.wait([task])
    for _ in range(2):
        with pytest.raises(asyncdb.ConnectionClosed):
            await db.fetchval("SELECT 1")
