"""What observers and the slow log see where hosts, files and engines come in."""

from __future__ import annotations

import asyncio
import functools
import logging
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import asyncdb
from asyncdb.contrib.sqlalchemy import Core
from asyncdb.dialect import Lexis
from asyncdb.testing.conformance.lists import Hole, Template
from asyncdb.testing.conformance.recorder import Recorder
from tests.plugins.databases import SERVERS, engines
from tests.plugins.proxy import MakeProxy
from tests.plugins.servers import Server

HERE = Path(__file__)
PLACE = re.compile(r"slow statement: [0-9.]+ seconds, .*, at (?P<place>[^ ].*?): [A-Z]")


# -- the place in the caller's code ---------------------------------------------------


def line_of(text: str) -> int:
    """The number of the one line of this file that ends with a mark."""
    marked = [
        number
        for number, line in enumerate(HERE.read_text().splitlines(), 1)
        if line.endswith(f"# {text}")
    ]
    (found,) = marked
    return found


@pytest.fixture
def places(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """The places of slow statements; they are forgotten then."""

    def found() -> list[str]:
        messages = [record.getMessage() for record in caplog.records]
        caplog.clear()
        return [match["place"] for text in messages if (match := PLACE.match(text))]

    return found


async def deeper(db: asyncdb.Executor) -> None:
    """A function of the application."""
    await db.fetchval("SELECT 1")  # deeper


def decorated(
    function: Callable[[asyncdb.Executor], Coroutine[Any, Any, None]],
) -> Callable[[asyncdb.Executor], Coroutine[Any, Any, None]]:
    """A decorator, as anybody has."""

    @functools.wraps(function)
    async def wrapped(db: asyncdb.Executor) -> None:
        await function(db)

    return wrapped


async def test_the_place(database_url: str, places: Callable[[], list[str]]) -> None:
    """A slow statement's place is the caller's, whatever it went through."""
    async with (
        asyncdb.connect(database_url, slow_statement_log=0) as db,
        asyncdb.create_pool(database_url, slow_statement_log=0) as pool,
    ):
        for one in (db, pool, Core(db)):
            await deeper(one)
            await decorated(deeper)(one)
            await asyncio.wait_for(deeper(one), 5)
            await asyncio.create_task(deeper(one))
        assert {f"{__file__}:{line_of('deeper')}"} == set(found := places())
        assert 12 == len(found)

        await db.fetchval("SELECT 1", timeout=5)  # limited
        async with db.cursor() as cur:
            await cur.execute("SELECT 1")  # cursor
        await db.fetchmany("SELECT 1")  # fetchmany
        async with db.stream("SELECT 1") as rows:  # stream
            assert 1 == len([row async for row in rows])
        marks = ("limited", "cursor", "fetchmany", "stream")
        assert [f"{__file__}:{line_of(mark)}" for mark in marks] == places()


async def test_a_place_that_is_nobodys(
    database_url: str, places: Callable[[], list[str]]
) -> None:
    """Who only runs the loop is not taken for the caller."""
    async with asyncdb.connect(database_url, slow_statement_log=0) as db:
        await asyncio.create_task(db.execute("SELECT 1"))

        assert ["no frame of yours: the task runs nothing else"] == places()


async def test_a_generator_is_a_place(
    database_url: str, places: Callable[[], list[str]]
) -> None:
    """Code in an async generator or an @asynccontextmanager is the caller's, too."""

    async def generator() -> AsyncIterator[object]:
        yield await db.fetchval("SELECT 1")  # generator

    @asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        await db.fetchval("SELECT 1")  # manager
        yield

    async with asyncdb.connect(database_url, slow_statement_log=0) as db:
        assert [1] == [number async for number in generator()]
        async with manager():
            pass

        marks = ("generator", "manager")
        assert [f"{__file__}:{line_of(mark)}" for mark in marks] == places()


async def test_in_a_url(caplog: pytest.LogCaptureFixture) -> None:
    """A URL can ask for it; a long text is shown in one line, without its middle."""
    async with asyncdb.connect("sqlite://?slow_statement_log=0") as db:
        columns = ",\n".join(f"{n} AS column_{n}" for n in range(300))
        await db.execute(f"SELECT {columns}")
    (record,) = caplog.records
    text = record.getMessage()

    assert record.levelno == logging.WARNING
    assert len(text) < 700
    assert "SELECT 0 AS column_0, 1 AS" in text
    assert " ... " in text
    assert text.endswith("299 AS column_299")


# -- where it is --------------------------------------------------------------------


@engines(*SERVERS)
async def test_several_hosts(database_url: str, make_proxy: MakeProxy) -> None:
    """A session is one event, whatever hosts were tried; it knows who answered."""
    proxy = await make_proxy(database_url)
    seen = Recorder()
    good = asyncdb.DatabaseURL(proxy.url)
    url = good.replace(hosts=[("127.0.0.1", 1), (good.host, good.port)])
    async with asyncdb.connect(url, tls="disable", observers=[seen]) as db:
        await db.fetchval("SELECT 1")
    opened, statement = seen.events

    assert (good.host, good.port, None) == (opened.host, opened.port, opened.error)
    assert (good.host, good.port) == (statement.host, statement.port)
    assert db.dialect is opened.dialect

    with pytest.raises(asyncdb.ConnectionFailed):
        await asyncdb.connect(url.replace(hosts=[("127.0.0.1", 1)]), observers=[seen])
    assert (1, asyncdb.ConnectionFailed) == (seen.last.port, seen.last.error)


@engines(*SERVERS)
async def test_a_password_that_is_wrong(database_url: str) -> None:
    """A login that fails is an event, with the class that the caller gets."""
    seen = Recorder()
    url = asyncdb.DatabaseURL(database_url).replace(password="wr0ng")
    with pytest.raises(asyncdb.AuthenticationFailed):
        await asyncdb.connect(url, observers=[seen])

    assert asyncdb.AuthenticationFailed is seen.last.error
    assert "wr0ng" not in repr(seen.last)


@engines(*SERVERS, fixture="server")
async def test_a_killed_server(server: Server) -> None:
    """A pool's events go on over a restart: lost, refused, there again."""
    seen = Recorder()
    async with asyncdb.create_pool(server.url, max_size=1, observers=[seen]) as pool:
        await pool.fetchval("SELECT 1")
        server.kill()
        with pytest.raises(asyncdb.Error):
            await pool.fetchval("SELECT 2")
        seen.events.clear()
        with pytest.raises(asyncdb.Error):
            await pool.fetchval("SELECT 3", timeout=5)
        assert {event.error for event in seen.events} & {
            asyncdb.ConnectionFailed,
            asyncdb.ConnectionLost,
        }
        server.restart()
        seen.take()
        await pool.fetchval("SELECT 4")
        lines = seen.take()

    assert "- connect" in lines
    assert ["+ SELECT 4", "- SELECT 4"] == lines[-2:]


@engines(*SERVERS)
async def test_a_commit_without_an_answer(
    database_url: str, make_proxy: MakeProxy, table: str
) -> None:
    """A COMMIT that nobody answers leaves the outcome of its block unknown."""
    proxy = await make_proxy(database_url)
    seen = Recorder()
    async with asyncdb.connect(database_url) as db:
        await db.execute(f"CREATE TABLE {table} (a INTEGER)")
    async with asyncdb.connect(
        proxy.url, tls="disable", close_timeout=0.3, observers=[seen]
    ) as db:
        with pytest.raises(asyncdb.CommitUnknown):
            async with db.transaction():
                await db.execute(f"INSERT INTO {table} VALUES (1)")
                proxy.stall()
                asyncio.get_running_loop().call_later(0.1, proxy.cut)
        commit, block = seen.events[-2:]

    assert ("COMMIT", asyncdb.CommitUnknown) == (commit.sql, commit.error)
    assert ("unknown", asyncdb.CommitUnknown) == (block.outcome, block.error)


@engines(*SERVERS)
async def test_a_commit_that_is_cancelled(
    database_url: str, make_proxy: MakeProxy, table: str
) -> None:
    """So does one that is cancelled while its answer is on the way."""
    proxy = await make_proxy(database_url)
    seen = Recorder()
    async with asyncdb.connect(database_url) as db:
        await db.execute(f"CREATE TABLE {table} (a INTEGER)")

    async def work() -> None:
        async with (
            asyncdb.connect(
                proxy.url, tls="disable", close_timeout=0.3, observers=[seen]
            ) as db,
            db.transaction(),
        ):
            await db.execute(f"INSERT INTO {table} VALUES (1)")
            proxy.stall()

    task = asyncio.create_task(work())
    await proxy.stalled.wait()
    task.cancel()
    await asyncio.wait([task])
    proxy.cut()

    assert task.cancelled()
    assert ("unknown", asyncio.CancelledError) == (seen.last.outcome, seen.last.error)


@engines("mariadb", "mysql")
async def test_a_transaction_that_ddl_ends(database_url: str, table: str) -> None:
    """DDL that ends the transaction unseen leaves its outcome unknown, not undone."""
    seen = Recorder()
    async with asyncdb.connect(database_url, observers=[seen]) as db:
        with pytest.raises(asyncdb.TransactionError):
            async with db.transaction():
                await db.execute(f"CREATE TABLE {table} (a INTEGER)")

    assert "unknown" == seen.last.outcome


@engines("mariadb", "mysql")
async def test_quotes_of_a_session(database_url: str) -> None:
    """The event's dialect quotes as its session does, for `sanitize()` to read."""
    seen = Recorder()
    sql = 'SELECT "secret"'
    async with asyncdb.connect(database_url, sql_mode="", observers=[seen]) as db:
        await db.fetchval(sql)
        first = seen.last.dialect
        await db.fetchval(sql)

        assert first is seen.last.dialect
        assert isinstance(first.lexis, Lexis)
        assert "SELECT ?" == asyncdb.sanitize(sql, first)
    async with asyncdb.connect(database_url, observers=[seen]) as db:
        await db.fetchval("SELECT 1")
        assert db.dialect is seen.last.dialect


async def test_a_template(database_url: str) -> None:
    """Of a template the text has names for its values; a wrong one has a text, too."""
    seen = Recorder()
    async with asyncdb.connect(database_url, observers=[seen]) as db:
        await db.fetchval(
            Template("SELECT ", Hole("s3cr3t"), " AS ", Hole("a", format_spec="i"))
        )
        text = seen.last.sql
        with pytest.raises(asyncdb.ParameterError):
            await db.fetchval(Template("SELECT ", Hole("", format_spec="i")))

    assert text.startswith("SELECT :")
    assert "s3cr3t" not in text
    assert text.endswith(('"a"', "`a`"))
    assert "SELECT ?" == seen.last.sql
