"""What a borrower did to its session, and what the next one finds of it."""

from __future__ import annotations

import pytest

import asyncdb
from tests.plugins.databases import POSTGRESQLS, engines

# What touches | a question to the session | replaced, not reset
POSTGRESQL = [
    ("SET search_path = pg_catalog", "SHOW search_path", False),
    ("SET ROLE pg_monitor", "SELECT current_user", False),
    ("SET SESSION AUTHORIZATION pg_monitor", "SELECT session_user", False),
    ("SELECT set_config('search_path', 'x', false)", "SHOW search_path", False),
    ("SELECT \"set_config\"('search_path', 'x', false)", "SHOW search_path", False),
    ("SET TIME ZONE 'Asia/Tokyo'", "SHOW TimeZone", False),
    ("SET lock_timeout = '77s'", "SHOW lock_timeout", False),
    (
        "SELECT pg_advisory_lock(7)",
        "SELECT count(*) FROM pg_locks WHERE objid = 7",
        False,
    ),
    ("CREATE TEMP TABLE kept (a INT)", "SELECT to_regclass('pg_temp.kept')", False),
    ("CREATE TABLE pg_temp.kept (a INT)", "SELECT to_regclass('pg_temp.kept')", False),
    ("SELECT 1 AS a INTO TEMPORARY kept", "SELECT to_regclass('pg_temp.kept')", False),
    ("LISTEN news", "SELECT count(*) FROM pg_listening_channels()", False),
    (
        "DECLARE kept CURSOR WITH HOLD FOR SELECT 1",
        "SELECT count(*) FROM pg_cursors WHERE name = 'kept'",
        False,
    ),
    (
        "PREPARE kept AS SELECT 1",
        "SELECT count(*) FROM pg_prepared_statements WHERE from_sql",
        True,
    ),
    (
        "DO $$ BEGIN EXECUTE 'SET search_path = x'; END $$",
        "SHOW search_path",
        False,
    ),
]
MYSQL = [
    ("SET @a = 5", "SELECT @a"),
    ("SELECT @b := 5", "SELECT @b"),
    ("SELECT 5 INTO @c", "SELECT @c"),
    ("SET sql_mode = ''", "SELECT @@sql_mode"),
    ("SET time_zone = '+09:00'", "SELECT @@time_zone"),
    ("SET SESSION innodb_lock_wait_timeout = 77", "SELECT @@innodb_lock_wait_timeout"),
    ("USE information_schema", "SELECT database()"),
    ("SELECT GET_LOCK('kept', 0)", "SELECT IS_FREE_LOCK('kept')"),
    ("SET autocommit = 0", "SELECT @@autocommit"),
    ("SET NAMES latin1", "SELECT @@character_set_client"),
]


async def check(url: str, touch: str, question: str) -> dict[str, int]:
    """Touch a session, ask the next borrower, and return what was closed why."""
    async with asyncdb.create_pool(url, max_size=1) as pool:
        before = await pool.fetchval(question)
        async with pool.acquire() as db:
            await db.execute(touch)
        after = await pool.fetchval(question)
        await pool.execute(touch)

        assert before == after
        assert before == await pool.fetchval(question)
        return dict(pool.stats().closed)


@engines(*POSTGRESQLS)
@pytest.mark.parametrize(
    ("touch", "question", "replaced"), POSTGRESQL, ids=[line[0] for line in POSTGRESQL]
)
async def test_postgresql(
    database_url: str, touch: str, question: str, replaced: bool
) -> None:
    """Nothing of a session's settings, locks, tables, channels and cursors is left."""
    closed = await check(database_url, touch, question)

    assert ({"reset": 2} if replaced else {}) == closed


@engines("mariadb", "mysql")
@pytest.mark.parametrize(("touch", "question"), MYSQL, ids=[line[0] for line in MYSQL])
async def test_mysql(database_url: str, touch: str, question: str) -> None:
    """Nothing of a session's variables, modes, locks and database is left."""
    assert {} == await check(database_url, touch, question)


@engines(*POSTGRESQLS)
async def test_kept_statements_survive(database_url: str) -> None:
    """A reset leaves the statements that are kept prepared alone."""
    count = "SELECT count(*) FROM pg_prepared_statements WHERE statement = ?"
    async with asyncdb.create_pool(database_url, max_size=1) as pool:
        await pool.fetchval("SELECT 4711")
        await pool.execute("SET search_path = pg_catalog")

        assert 1 == await pool.fetchval(count, ["SELECT 4711"])


@engines(*POSTGRESQLS)
async def test_listeners_are_gone(database_url: str) -> None:
    """What was registered with the library itself is gone with its borrower."""
    async with asyncdb.create_pool(database_url, max_size=1) as pool:
        heard: list[object] = []
        async with pool.acquire() as db:
            if "psycopg" in database_url:
                await db.execute("LISTEN news")
                db.native.add_notify_handler(heard.append)
            else:
                await db.native.add_listener("news", lambda *said: heard.append(said))
        await pool.execute("NOTIFY news")
        await pool.fetchval("SELECT 1")

        assert [] == heard
