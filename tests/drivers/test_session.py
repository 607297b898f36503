"""Each line of docs/reference/session.md, and that it can be switched off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import asyncdb
from tests.plugins.databases import POSTGRESQLS, SERVERS, engines
from tests.plugins.servers import Server

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "session.md"
MYSQLS = engines("mariadb", "mysql")
PORTABLE = {
    "ANSI_QUOTES",
    "PIPES_AS_CONCAT",
    "NO_BACKSLASH_ESCAPES",
    "STRICT_ALL_TABLES",
    "ERROR_FOR_DIVISION_BY_ZERO",
    "NO_ZERO_DATE",
    "NO_ZERO_IN_DATE",
    "NO_ENGINE_SUBSTITUTION",
    "NO_AUTO_VALUE_ON_ZERO",
}


# -- PostgreSQL -----------------------------------------------------------------------


@engines(*POSTGRESQLS)
@pytest.mark.parametrize(
    ("name", "value", "off"),
    [
        ("TimeZone", "UTC", {"time_zone": None}),
        ("lock_timeout", "5000", {"lock_timeout": None}),
        ("lock_timeout", "5000", {"pgbouncer": True}),
    ],
)
async def test_postgresql_settings(
    database_url: str, name: str, value: str, off: dict[str, Any]
) -> None:
    """A setting is what the page says, and the server's own with the option."""
    sql = "SELECT setting, source = 'client' AS ours FROM pg_settings WHERE name = ?"
    async with asyncdb.connect(database_url) as db:
        assert (value, True) == await db.fetchone(sql, [name])

    async with asyncdb.connect(database_url, **off) as db:
        assert not (await db.fetchone(sql, [name])).ours


@engines(*POSTGRESQLS)
async def test_postgresql_text(db: asyncdb.Connection) -> None:
    """Text is UTF-8."""
    assert "UTF8" == await db.fetchval("SHOW client_encoding")


# -- MySQL and MariaDB ----------------------------------------------------------------


@MYSQLS
@pytest.mark.parametrize(
    ("name", "value", "off"),
    [
        ("time_zone", "+00:00", {"time_zone": None}),
        ("innodb_lock_wait_timeout", 5, {"lock_timeout": None}),
        ("lock_wait_timeout", 5, {"lock_timeout": None}),
        ("lc_messages", "en_US", {"lc_messages": None}),
    ],
)
async def test_mysql_settings(
    database_url: str, name: str, value: Any, off: dict[str, Any]
) -> None:
    """A setting is what the page says, and the server's own with the option."""
    async with asyncdb.connect(database_url) as db:
        assert value == await db.fetchval(f"SELECT @@session.{name}")

    async with asyncdb.connect(database_url, **off) as db:
        mine, own = await db.fetchone(f"SELECT @@session.{name}, @@global.{name}")
        assert mine == own


@MYSQLS
async def test_mysql_modes(database_url: str) -> None:
    """`sql_mode` has the portable modes, the server's own with None, or a text."""
    sql = "SELECT @@session.sql_mode"
    async with asyncdb.connect(database_url) as db:
        modes = set((await db.fetchval(sql)).split(","))
        assert set() == PORTABLE - modes
        assert (db.dialect.flavor != "mariadb") == ("ONLY_FULL_GROUP_BY" in modes)

    async with asyncdb.connect(database_url, sql_mode=None) as db:
        mine, own = await db.fetchone(f"{sql}, @@global.sql_mode")
        assert mine == own
        assert "x" == await db.fetchval('SELECT "x"')
        assert ("a\b", "'\\") == await db.fetchone("SELECT 'a\\b', ?", ["'\\"])

    async with asyncdb.connect(database_url, sql_mode="ANSI_QUOTES") as db:
        assert "ANSI_QUOTES" == await db.fetchval(sql)


@MYSQLS
async def test_mysql_is_strict(
    db: asyncdb.Connection, database_url: str, table: str
) -> None:
    """What does not fit is refused; without the modes it is bent."""
    await db.execute(f"CREATE TABLE {table} (a VARCHAR(3), b SMALLINT, c DATE)")
    bad: list[tuple[str, type[asyncdb.Error]]] = [
        (f"INSERT INTO {table} (a) VALUES ('four')", asyncdb.StringTooLong),
        (f"INSERT INTO {table} (b) VALUES (70000)", asyncdb.NumericOutOfRange),
        (f"INSERT INTO {table} (b) VALUES (1 / 0)", asyncdb.DivisionByZero),
        (f"INSERT INTO {table} (c) VALUES ('0000-00-00')", asyncdb.InvalidDatetime),
        (f"INSERT INTO {table} (c) VALUES ('2025-00-10')", asyncdb.InvalidDatetime),
    ]
    for sql, kind in bad:
        with pytest.raises(kind):
            await db.execute(sql)

    async with asyncdb.connect(database_url, sql_mode="") as bending:
        for sql, _ in bad:
            await bending.execute(sql)

    assert len(bad) == await db.fetchval(f"SELECT count(*) FROM {table}")


@MYSQLS
async def test_mysql_stores_zero(db: asyncdb.Connection, table: str) -> None:
    """0 for a column of made keys is stored as 0."""
    await db.execute(f"CREATE TABLE {table} (id {db.dialect.identity_column})")
    await db.execute(f"INSERT INTO {table} VALUES (0)")

    assert 0 == await db.fetchval(f"SELECT id FROM {table}")


@MYSQLS
async def test_mysql_rows_matched(
    db: asyncdb.Connection, database_url: str, table: str
) -> None:
    """UPDATE counts what it matched; with found_rows=False, what it changed."""
    await db.execute(f"CREATE TABLE {table} (a INTEGER)")
    await db.execute(f"INSERT INTO {table} VALUES (1), (2)")
    update = f"UPDATE {table} SET a = 1"
    assert 2 == (await db.execute(update)).rowcount

    async with asyncdb.connect(database_url, found_rows=False) as other:
        assert 0 == (await other.execute(update)).rowcount


@MYSQLS
async def test_mysql_text(db: asyncdb.Connection) -> None:
    """Text is utf8mb4 on the way there and back, and each statement commits."""
    names = ("client", "connection", "results")
    sql = ", ".join(f"@@character_set_{name}" for name in names)

    assert ("utf8mb4",) * 3 == await db.fetchone(f"SELECT {sql}")
    assert 1 == await db.fetchval("SELECT @@autocommit")


@engines(*SERVERS, fixture="server")
async def test_time_is_utc(server: Server) -> None:
    """The clock is UTC's where the server's own is another."""
    if server.engine == "postgresql":
        sql = "SELECT EXTRACT(TIMEZONE FROM now())"
    else:
        sql = "SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), NOW())"
    async with asyncdb.connect(server.url) as db:
        assert 0 == await db.fetchval(sql)

    async with asyncdb.connect(server.url, time_zone=None) as db:
        assert 5.5 * 3600 == await db.fetchval(sql)


@engines("mariadb", "mysql", fixture="server")
async def test_messages_are_english(server: Server) -> None:
    """Names are found on a server that speaks German, and not with the option off."""
    async with asyncdb.connect(server.url) as db:
        before = await db.fetchval("SELECT @@global.lc_messages")
        await db.execute("SET GLOBAL lc_messages = 'de_DE'")
        await db.execute("CREATE TABLE spoken (a INTEGER NOT NULL)")
    insert = "INSERT INTO spoken VALUES (NULL)"
    try:
        async with asyncdb.connect(server.url) as db:
            with pytest.raises(asyncdb.NotNullViolation) as caught:
                await db.execute(insert)
            assert ("a",) == caught.value.columns

        async with asyncdb.connect(server.url, lc_messages=None) as db:
            with pytest.raises(asyncdb.NotNullViolation) as caught:
                await db.execute(insert)
            assert () == caught.value.columns
    finally:
        async with asyncdb.connect(server.url) as db:
            await db.execute(f"SET GLOBAL lc_messages = '{before}'")
            await db.execute("DROP TABLE spoken")


# -- SQLite ---------------------------------------------------------------------------


async def test_sqlite_foreign_keys(sqlite_url: str) -> None:
    """Foreign keys hold, and do not with foreign_keys=False."""
    async with asyncdb.connect(sqlite_url) as db:
        await db.execute("CREATE TABLE a (id INTEGER PRIMARY KEY)")
        await db.execute("CREATE TABLE b (a INTEGER REFERENCES a (id))")
        with pytest.raises(asyncdb.ForeignKeyViolation):
            await db.execute("INSERT INTO b VALUES (1)")

    async with asyncdb.connect(sqlite_url, foreign_keys=False) as db:
        assert 1 == (await db.execute("INSERT INTO b VALUES (1)")).rowcount


async def test_sqlite_wal(sqlite_url: str) -> None:
    """A file is in WAL mode; with journal_mode=None it keeps its own."""
    sql = "PRAGMA journal_mode"
    async with asyncdb.connect(f"{sqlite_url}2", journal_mode=None) as db:
        assert "delete" == await db.fetchval(sql)
    async with asyncdb.connect(sqlite_url) as db:
        assert "wal" == await db.fetchval(sql)

    async with asyncdb.connect(sqlite_url, journal_mode="truncate") as db:
        assert "truncate" == await db.fetchval(sql)


async def test_sqlite_takes_the_write_lock_with_the_first_statement(
    sqlite_url: str,
) -> None:
    """A block that may write keeps other writers out; one that reads does not."""
    async with (
        asyncdb.connect(sqlite_url) as db,
        asyncdb.connect(sqlite_url, lock_timeout=0.05) as other,
    ):
        async with db.transaction():
            assert 1 == await db.fetchval("SELECT 1")  # though it only reads
            with pytest.raises(asyncdb.LockTimeout):
                async with other.transaction():
                    await other.fetchval("SELECT 1")
            async with other.transaction(readonly=True):
                assert 1 == await other.fetchval("SELECT 1")

        async with db.transaction(readonly=True):
            assert 1 == await db.fetchval("SELECT 1")
            await other.execute("CREATE TABLE t (a INTEGER)")


async def test_sqlite_does_not_wait(sqlite_url: str) -> None:
    """With lock_timeout=None a lock is not waited for."""
    async with (
        asyncdb.connect(sqlite_url) as db,
        asyncdb.connect(sqlite_url, lock_timeout=None) as other,
        db.transaction(),
    ):
        await db.execute("CREATE TABLE t (a INTEGER)")
        with pytest.raises(asyncdb.LockTimeout):
            await other.execute("CREATE TABLE u (a INTEGER)")


# -- all ------------------------------------------------------------------------------


async def test_autocommit(
    database_url: str, db: asyncdb.Connection, table: str
) -> None:
    """Each statement commits by itself: another session sees it."""
    await db.execute(f"CREATE TABLE {table} (a INTEGER)")
    await db.execute(f"INSERT INTO {table} VALUES (1)")
    assert not db.in_transaction

    async with asyncdb.connect(database_url) as other:
        assert 1 == await other.fetchval(f"SELECT a FROM {table}")


def test_the_page_names_every_mode() -> None:
    """docs/reference/session.md has each mode and each option that these tests use."""
    page = PAGE.read_text()
    options = ["time_zone", "lock_timeout", "sql_mode", "found_rows", "lc_messages"]
    options += ["foreign_keys", "journal_mode", "pgbouncer", "statement_timeout"]

    assert [] == [word for word in (*PORTABLE, *options) if word not in page]
