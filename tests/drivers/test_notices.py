"""What each server says beside its answers, and what hearing it costs."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

import asyncdb
from asyncdb import Notice
from tests.plugins.databases import POSTGRESQLS, engines
from tests.plugins.proxy import MakeProxy, Side

MYSQL = ("mariadb", "mysql", "mariadb+asyncmy", "mysql+asyncmy")
# Each gives one warning of code 1292 for each row, in whatever mode.
WARNS = "SELECT CAST('12x' AS SIGNED)"
ASKED = "SHOW SESSION STATUS LIKE 'Com_show_warnings'"


@pytest.fixture
def heard() -> list[Notice]:
    """What was heard."""
    return []


@pytest_asyncio.fixture
async def listening(
    database_url: str, heard: list[Notice]
) -> AsyncIterator[asyncdb.Connection]:
    """A connection with a listener."""
    async with asyncdb.connect(database_url, on_notice=heard.append) as db:
        yield db


# -- PostgreSQL ------------------------------------------------------------------------

RAISE = """DO $$ BEGIN
    RAISE NOTICE 'first' USING DETAIL = 'more', HINT = 'do this', ERRCODE = 'XX123';
    RAISE WARNING 'second';
    RAISE INFO 'third';
    RAISE DEBUG 'not sent by default';
END $$"""


@engines(*POSTGRESQLS)
async def test_fields(listening: asyncdb.Connection, heard: list[Notice]) -> None:
    """Severity, SQLSTATE, message, detail and hint are the server's, in its order."""
    await listening.execute(RAISE)

    assert [
        Notice(
            severity="NOTICE",
            sqlstate="XX123",
            code="XX123",
            message="first",
            detail="more",
            hint="do this",
        ),
        Notice(severity="WARNING", sqlstate="01000", code="01000", message="second"),
        Notice(severity="INFO", sqlstate="00000", code="00000", message="third"),
    ] == heard
    assert "NOTICE: first\nDETAIL: more\nHINT: do this" == str(heard[0])


@engines(*POSTGRESQLS)
async def test_levels(database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """Without a listener PostgreSQL's severity decides the level."""
    with caplog.at_level(logging.DEBUG, "asyncdb.server"):
        async with asyncdb.connect(database_url) as db:
            await db.execute("SET client_min_messages = debug1")
            await db.execute(RAISE)

    said = [(r.levelname, r.getMessage()) for r in caplog.records]
    assert [
        ("INFO", "NOTICE: first\nDETAIL: more\nHINT: do this"),
        ("WARNING", "WARNING: second"),
        ("INFO", "INFO: third"),
        ("DEBUG", "DEBUG: not sent by default"),
    ] == [line for line in said if line[1].partition(": ")[2]]


@engines(*POSTGRESQLS)
async def test_a_borrowers_own_listeners_are_gone(
    database_url: str, heard: list[Notice]
) -> None:
    """A reset removes the listeners that a borrower left there, not the pool's."""
    theirs: list[object] = []
    async with asyncdb.create_pool(
        database_url, max_size=1, on_notice=heard.append
    ) as pool:
        async with pool.acquire() as db:
            if "psycopg" in database_url:
                db.native.add_notice_handler(theirs.append)
            else:
                db.native.add_log_listener(lambda _, message: theirs.append(message))
            await db.execute("DO $$ BEGIN RAISE NOTICE 'both'; END $$")
        await pool.execute("DO $$ BEGIN RAISE NOTICE 'ours'; END $$")

    assert ["both", "ours"] == [notice.message for notice in heard]
    assert 1 == len(theirs)


# -- MySQL and MariaDB -----------------------------------------------------------------


@engines(*MYSQL)
async def test_warnings(listening: asyncdb.Connection, heard: list[Notice]) -> None:
    """A warning has MySQL's number, and the statement its own result."""
    assert 12 == await listening.fetchval(WARNS)

    (notice,) = heard
    assert ("WARNING", 1292, None) == (notice.severity, notice.code, notice.sqlstate)
    assert "12x" in notice.message


@engines(*MYSQL)
async def test_nobody_listens(database_url: str) -> None:
    """Without a listener, a statement that left warnings costs no round trip more."""
    async with asyncdb.connect(database_url) as db:
        await db.fetchval(WARNS)

        assert "0" == (await db.fetchall(ASKED))[0][1]


@engines(*MYSQL)
async def test_nothing_to_hear(
    listening: asyncdb.Connection, heard: list[Notice]
) -> None:
    """With a listener, a statement without warnings costs no round trip more."""
    await listening.fetchval("SELECT 1")

    assert "0" == (await listening.fetchall(ASKED))[0][1]
    assert [] == heard


@engines(*MYSQL)
async def test_asking_oneself(
    listening: asyncdb.Connection, heard: list[Notice]
) -> None:
    """SHOW WARNINGS still answers whoever asks, and is itself no news."""
    await listening.fetchval(WARNS)
    rows = await listening.fetchall("SHOW WARNINGS")

    assert [("Warning", 1292)] == [tuple(row)[:2] for row in rows]
    assert 1 == len(heard)


@engines(*MYSQL)
@pytest.mark.parametrize("rows", [1, 3])
async def test_warnings_of_many(
    listening: asyncdb.Connection, heard: list[Notice], table: str, rows: int
) -> None:
    """executemany tells of its INSERTs, and of the last of its other statements."""
    await listening.execute(f"CREATE TABLE {table} (a INTEGER)")
    insert = f"INSERT IGNORE INTO {table} VALUES (?)"
    await listening.executemany(insert, [["1x"]] * rows)
    inserted = len(heard)
    update = f"UPDATE IGNORE {table} SET a = ?"
    await listening.executemany(update, [["2x"]] * rows)

    assert rows == inserted
    assert len(heard) > inserted
    assert {"WARNING"} == {notice.severity for notice in heard}
    assert [(2,)] * rows == await listening.fetchall(f"SELECT a FROM {table}")


@engines(*MYSQL)
async def test_warnings_of_a_stream(
    listening: asyncdb.Connection, heard: list[Notice]
) -> None:
    """A stream tells at its end, and gives all its rows."""
    async with listening.stream(f"{WARNS} UNION ALL SELECT 13", batch=1) as rows:
        read = [row[0] async for row in rows]

    assert [12, 13] == read
    assert [1292] == [notice.code for notice in heard]
    assert 1 == await listening.fetchval("SELECT 1")


@engines(*MYSQL)
async def test_a_failure_of_the_question(
    database_url: str,
    heard: list[Notice],
    table: str,
    make_proxy: MakeProxy,
) -> None:
    """A line that is cut while warnings are asked for takes no statement back."""

    def edit(_: Side, data: bytes) -> bytes:
        if b"SHOW WARNINGS" in data:
            proxy.cut()
        return data

    proxy = await make_proxy(database_url, edit)
    async with asyncdb.connect(proxy.url, on_notice=heard.append) as db:
        await db.execute(f"CREATE TABLE {table} (a INTEGER)")
        cursor = await db.execute(f"INSERT IGNORE INTO {table} VALUES ('1x')")

        assert 1 == cursor.rowcount
        assert [] == heard
        with pytest.raises((asyncdb.ConnectionLost, asyncdb.ConnectionClosed)):
            await db.fetchval("SELECT 1")
    async with asyncdb.connect(database_url) as db:
        assert [(1,)] == await db.fetchall(f"SELECT a FROM {table}")


@engines("postgresql")
async def test_a_stream_that_cannot_begin(database_url: str) -> None:
    """A stream that fails ends no transaction that is not there: nothing is said."""
    heard: list[asyncdb.Notice] = []
    async with asyncdb.connect(database_url, on_notice=heard.append) as db:
        for sql in ("SELECT a FROM nowhere", "SELECT 1 / 0"):
            with pytest.raises(asyncdb.DatabaseError):
                async with db.stream(sql) as rows:
                    await rows.fetchmany()
            assert not db.in_transaction

    assert [] == heard
