"""What aiomysql's driver alone does, on MariaDB and on MySQL."""

# ruff: noqa: DTZ001  # naive datetimes are among what is tested

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import random
import subprocess
import sys
import tracemalloc
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import aiomysql
import pytest

import asyncdb
from asyncdb.dialects.mysql import facts
from asyncdb.dialects.mysql.protocol.shapes import SHAPES
from asyncdb.options import TransactionOptions
from tests.plugins.databases import ASYNCMY, engine_url

Connection = asyncdb.Connection

SLEEPS = "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE ?"
ATTACKS = [
    "\\' OR 1=1 -- ",
    "' OR 1=1 -- ",
    "\\",
    "\\\\'",
    "中' OR 1=1 -- ",
    "縗' OR 1=1 -- ",
    "¿' OR 1=1 -- ",
    "\x1a'\n\r\t",
    '" OR 1=1 -- ',
    "a\\' UNION SELECT 'x",
]
MODES = [
    "DO 1",
    "SET sql_mode = ''",
    "SET sql_mode = 'NO_BACKSLASH_ESCAPES'",
    "SET sql_mode = 'ANSI'",
    "SET NAMES gbk",
    "SET NAMES sjis",
    "SET NAMES latin1",
    "SET NAMES gb18030",
    "SET character_set_client = gbk",
    "CALL {}()",
]


@pytest.fixture(params=["mariadb", "mysql", *ASYNCMY])
def mysql_family_url(request: pytest.FixtureRequest) -> str:
    """A database on MariaDB, then on MySQL; and both through asyncmy."""
    return engine_url(request, request.param)


@pytest.fixture
def database_url(mysql_family_url: str) -> str:
    """What `db` and `table` follow."""
    return mysql_family_url


@pytest.fixture
def is_mariadb(db: Connection) -> bool:
    """Which of the two it is."""
    return db.dialect.flavor == "mariadb"


async def eventually(
    check: Callable[[], Awaitable[bool]], seconds: float = 5.0, pause: float = 0.02
) -> bool:
    """Whether something becomes true in time."""
    end = asyncio.get_running_loop().time() + seconds
    while not await check():
        if asyncio.get_running_loop().time() > end:
            return False
        await asyncio.sleep(pause)
    return True


def shouted(count: int) -> list[str]:
    """Random text with all that is special to somebody."""
    odd = "'\"\\`%_;-#/*\n\r\t\x1a\x7f \u00a0éß中縗🎉\U0010ffff?:$"
    return [
        "".join(random.choices(odd + "abcXYZ019", k=random.randrange(20)))
        for _ in range(count)
    ]


# -- values are literals ---------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
async def test_no_mode_lets_a_value_out(db: Connection, table: str, mode: str) -> None:
    """In no session mode does a value become SQL."""
    procedure = f"p_{table}"
    if "{}" in mode:
        await db.execute(
            f"CREATE PROCEDURE {procedure}() SET sql_mode = 'NO_BACKSLASH_ESCAPES'"
        )
    await db.execute(f"CREATE TABLE {table} (a TEXT CHARACTER SET utf8mb4, b BLOB)")
    try:
        await db.execute(mode.format(procedure))
    except asyncdb.DatabaseError:
        pytest.skip("the server has no such character set")
    try:
        for attack in ATTACKS:
            raw = attack.encode()
            await db.execute(f"INSERT INTO {table} VALUES (?, ?)", [attack, raw])
            for value in (attack, raw):
                sql = f"SELECT COUNT(*) FROM {table} WHERE a = ? AND NOT a <> ?"
                assert await db.fetchval(sql, [attack, value]) <= 1
            sql = f"SELECT HEX(a), b FROM {table} WHERE b = ?"
            found = await db.fetchall(sql, [raw])
            assert [(raw.hex().upper(), raw)] == found
    finally:
        await db.execute("SET NAMES utf8mb4")
        await db.execute(f"DROP PROCEDURE IF EXISTS {procedure}")


async def test_thousands_of_texts_and_bytes_come_back(
    db: Connection, table: str
) -> None:
    """3,000 random texts and bytes are stored and read as they were."""
    rows = [
        (i, value, random.randbytes(random.randrange(30)))
        for i, value in enumerate(shouted(3000))
    ]
    await db.execute(f"CREATE TABLE {table} (id INT PRIMARY KEY, a TEXT, b BLOB)")
    await db.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", rows)
    found = await db.fetchall(f"SELECT id, a, b FROM {table} ORDER BY id")

    assert rows == found
    for _, text, raw in random.sample(rows, 200):
        assert (text, raw) == await db.fetchone("SELECT ?, ?", [text, raw])


VALUES: list[tuple[str, Any]] = [
    ("BIGINT", 2**63 - 1),
    ("BIGINT", -(2**63)),
    ("DOUBLE", 1e308),
    ("DOUBLE", 5e-324),
    ("DOUBLE", 0.1),
    (
        "DECIMAL(65, 30)",
        Decimal("-12345678901234567890.000000000000000000000000000001"),
    ),
    ("VARCHAR(20)", "it's \\ 中🎉"),
    ("VARBINARY(20)", b"\x00'\\\xff"),
    ("DATE", date(1, 1, 1)),
    ("DATE", date(9999, 12, 31)),
    ("DATETIME(6)", datetime(2024, 2, 29, 23, 59, 59, 999999)),
    ("TIMESTAMP(6) NULL", datetime(2024, 2, 29, 1, 2, 3, 4, tzinfo=UTC)),
    ("TIME(6)", timedelta(hours=-838, minutes=-59, seconds=-59)),
    ("TIME(6)", timedelta(microseconds=1)),
    ("YEAR", 1999),
    ("BIT(12)", 0xABC),
]


@pytest.mark.parametrize(("kind", "value"), VALUES, ids=str)
async def test_a_column_gives_back_what_it_took(
    db: Connection, table: str, kind: str, value: Any
) -> None:
    """Each type's values come back equal and of the same type, found by themselves."""
    await db.execute(f"CREATE TABLE {table} (a {kind})")
    await db.execute(f"INSERT INTO {table} VALUES (?)", [value])
    found = await db.fetchval(f"SELECT a FROM {table} WHERE a = ?", [value])

    assert value == found
    assert type(value) is type(found)


async def test_values_that_read_back_as_others(db: Connection, table: str) -> None:
    """A time is an interval to the engine, a UUID text, a bool a number."""
    zone = timezone(timedelta(hours=5, minutes=30))
    await db.execute(f"CREATE TABLE {table} (a TIME, b CHAR(36), c BOOL, d DATETIME)")
    values = [time(1, 2, 3), UUID(int=7), True, datetime(2024, 1, 1, tzinfo=zone)]
    await db.execute(f"INSERT INTO {table} VALUES (?, ?, ?, ?)", values)

    assert (
        timedelta(hours=1, minutes=2, seconds=3),
        str(UUID(int=7)),
        1,
        datetime(2023, 12, 31, 18, 30),
    ) == await db.fetchone(f"SELECT * FROM {table}")


async def test_json_comes_as_far_as_the_server_tells(
    db: Connection, table: str, is_mariadb: bool
) -> None:
    """MySQL's JSON columns give objects; MariaDB's are text to the client."""
    value = {"a": ["é", None, True, 1.5, "it's \\"], "b": {}}
    await db.execute(f"CREATE TABLE {table} (a JSON)")
    await db.execute(f"INSERT INTO {table} VALUES (?)", [value])
    found = await db.fetchval(f"SELECT a FROM {table}")

    assert value == (json.loads(found) if is_mariadb else found)
    sql = f"SELECT JSON_EXTRACT(a, '$.a[2]') FROM {table}"
    assert await db.fetchval(sql) == ("true" if is_mariadb else True)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("VARCHAR(40)", "it's"),
        ("VARCHAR(40) CHARACTER SET latin1", "it's é"),
        ("VARCHAR(40) COLLATE utf8mb4_bin", "中"),
        ("ENUM('a''b', 'c')", "a'b"),
        ("VARBINARY(40)", b"\xff'"),
        ("DATE", date(2024, 1, 2)),
        ("DATETIME", datetime(2024, 1, 2)),
        ("DECIMAL(10, 2)", Decimal("1.50")),
        ("DOUBLE", 1.5),
        ("BIGINT", 5),
    ],
    ids=str,
)
async def test_a_literal_finds_its_index(
    db: Connection, table: str, kind: str, value: Any
) -> None:
    """The literals of values use an index as plain ones would."""
    await db.execute(f"CREATE TABLE {table} (a {kind}, b INT, KEY k (a))")
    await db.executemany(
        f"INSERT INTO {table} VALUES (?, ?)", [(value, 0)] + [(None, 1)] * 99
    )
    for sign in ("=", "<=>"):
        sql = f"EXPLAIN FORMAT=TRADITIONAL SELECT b FROM {table} WHERE a {sign} ?"
        if db.dialect.flavor == "mariadb":
            sql = sql.replace("FORMAT=TRADITIONAL ", "")
        (plan,) = await db.fetchall(sql, [value])

        assert ("k", "ref") == (plan["key"], plan["type"])
    assert 0 == await db.fetchval(f"SELECT b FROM {table} WHERE a = ?", [value])


async def test_plain_text_goes_where_the_grammar_takes_no_other(
    db: Connection,
) -> None:
    """A separator and a limit are places for plain literals only."""
    sql = (
        "SELECT GROUP_CONCAT(a ORDER BY a SEPARATOR ?)"
        " FROM (SELECT 1 AS a UNION SELECT 2 UNION SELECT 3) AS t"
    )

    assert "1; 2; 3" == await db.fetchval(sql, ["; "])
    assert 2 == len(await db.fetchall("SELECT 1 UNION SELECT 2 LIMIT ?", [2]))
    assert 6 == await db.fetchval("SELECT 5-?", [-1])


async def test_a_date_that_is_none_leaves_the_session_clean(
    db: Connection, table: str
) -> None:
    """What Python has not is a DataError, and the next query gets its answer."""
    await db.execute("SET sql_mode = ''")
    await db.execute(f"CREATE TABLE {table} (id INT, a DATE)")
    await db.execute(f"INSERT INTO {table} VALUES (1, '0000-00-00'), (2, NULL)")
    for sql in (f"SELECT * FROM {table}", f"SELECT * FROM {table} WHERE id = 1"):
        with pytest.raises(asyncdb.InvalidDatetime, match="column a"):
            await db.fetchall(sql)
        assert 5 == await db.fetchval("SELECT 5")
    async with db.stream(f"SELECT a FROM {table}", batch=1) as rows:
        with pytest.raises(asyncdb.InvalidDatetime):
            await rows.fetchmany()
    assert 6 == await db.fetchval("SELECT 6")


# -- the session -----------------------------------------------------------------------


async def test_the_session_is_the_portable_one(db: Connection) -> None:
    """Time zone, character set, modes and flags are as the design says."""
    sql = "SELECT @@autocommit, @@time_zone, @@character_set_client, @@lc_messages"
    modes = str(await db.fetchval("SELECT @@sql_mode")).split(",")

    assert (1, "+00:00", "utf8mb4", "en_US") == await db.fetchone(sql)
    assert {"ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "STRICT_ALL_TABLES"} <= {*modes}
    assert 5 == await db.fetchval("SELECT @@innodb_lock_wait_timeout")
    assert db.dialect.server_version > (8,)


async def test_a_changed_mode_is_noticed(db: Connection, database_url: str) -> None:
    """How the session reads a text is asked anew where it may have changed."""
    session = db._session.inner
    assert facts.LEXIS is await session.read_lexis()
    await db.execute("SET sql_mode = ''")
    assert facts.LEXIS is session.lexis
    assert facts.LEXIS_QUOTES_BACKSLASH is await session.read_lexis()
    assert session._exchange.session.sure
    assert ("a'", "b") == await db.fetchone("SELECT 'a\\'', ?", ["b"])
    await db.execute("SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'")
    assert facts.LEXIS_QUOTES is await session.read_lexis()
    await db.native.query("SET sql_mode = 'ANSI_QUOTES'")
    assert facts.LEXIS_BACKSLASH is await session.read_lexis()
    async with asyncdb.connect(database_url, sql_mode=None) as other:
        default = await other.fetchval("SELECT @@GLOBAL.sql_mode")
        assert default == await other.fetchval("SELECT @@sql_mode")
        assert facts.LEXIS_QUOTES_BACKSLASH is other._session.inner.lexis


async def test_a_changed_time_zone_is_noticed(
    db: Connection, table: str, database_url: str
) -> None:
    """A TIMESTAMP is aware in a session in UTC alone."""
    await db.execute(f"CREATE TABLE {table} (a TIMESTAMP NULL)")
    moment = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
    await db.execute(f"INSERT INTO {table} VALUES (?)", [moment])
    assert moment == await db.fetchval(f"SELECT a FROM {table}")
    await db.execute("SET time_zone = '+01:00'")
    naive = datetime(2024, 1, 2, 4, 4, 5)
    assert naive == await db.fetchval(f"SELECT a FROM {table}")
    async with db.stream(f"SELECT a FROM {table}") as rows:
        assert [(naive,)] == await rows.fetchmany()
    async with asyncdb.connect(database_url, time_zone="+02:00") as other:
        assert naive + timedelta(hours=1) == await other.fetchval(
            f"SELECT a FROM {table}"
        )
        with pytest.raises(asyncdb.InvalidDatetime, match="aware"):
            await other.execute(f"INSERT INTO {table} VALUES (?)", [moment])


async def test_found_rows_can_be_changed_rows(
    db: Connection, table: str, database_url: str
) -> None:
    """UPDATE counts the rows that it matched, unless that is switched off."""
    await db.execute(f"CREATE TABLE {table} (a INT)")
    await db.execute(f"INSERT INTO {table} VALUES (1), (2)")
    update = f"UPDATE {table} SET a = 1"

    assert 2 == (await db.execute(update)).rowcount
    async with asyncdb.connect(database_url, found_rows=False) as other:
        assert 0 == (await other.execute(update)).rowcount


async def test_lastrowid_is_of_an_insert_of_this_call(
    db: Connection, table: str
) -> None:
    """Only a row that this call inserted tells its key."""
    await db.execute(
        f"CREATE TABLE {table} (id INT AUTO_INCREMENT PRIMARY KEY, k INT UNIQUE, v INT)"
    )
    insert = f"INSERT INTO {table} (k, v) VALUES (1, ?)"
    upsert = f"{insert} ON DUPLICATE KEY UPDATE v = VALUES(v)"

    assert (1, 1) == await counts(db, upsert, [1])
    assert (1, None) == await counts(db, upsert, [1])
    assert (2, None) == await counts(db, upsert, [2])
    assert (1, None) == await counts(
        db, f"UPDATE {table} SET v = LAST_INSERT_ID(99)", []
    )
    assert (-1, None) == await counts(db, "DO LAST_INSERT_ID(5)", [])
    assert (2, 4) == await counts(db, f"REPLACE INTO {table} (k, v) VALUES (1, 5)", [])
    assert (1, 77) == await counts(db, f"INSERT INTO {table} VALUES (77, 2, 2)", [])
    assert (1, None) == await counts(db, f"INSERT INTO {table} VALUES (0, 3, 3)", [])


async def test_lastrowid_is_of_one_row(db: Connection, table: str) -> None:
    """Several rows tell no key, whatever the server says; one of a SELECT tells its."""
    await db.execute(
        f"CREATE TABLE {table} (id INT AUTO_INCREMENT PRIMARY KEY, k INT UNIQUE)"
    )
    into = f"INTO {table} (k)"
    upsert = "ON DUPLICATE KEY UPDATE k = VALUES(k)"

    assert (2, None) == await counts(db, f"INSERT {into} VALUES (1), (2)", [])
    assert (1, 3) == await counts(db, f"INSERT {into} SELECT 3", [])
    assert (2, None) == await counts(db, f"INSERT {into} SELECT 4 UNION SELECT 5", [])
    assert (0, None) == await counts(db, f"INSERT {into} SELECT 6 LIMIT 0", [])
    assert (0, None) == await counts(db, f"INSERT IGNORE {into} VALUES (?)", [1])
    assert (0, None) == await counts(db, f"INSERT IGNORE {into} VALUES (1), (2)", [])
    assert (2, None) == await counts(db, f"INSERT {into} VALUES (1), (7) {upsert}", [])
    assert (4, None) == await counts(db, f"REPLACE {into} VALUES (1), (2)", [])
    # The server has kept numbers for rows that it did not insert.
    cur = await db.execute(f"INSERT IGNORE {into} VALUES (1), (9)")
    assert cur.lastrowid == await db.fetchval(f"SELECT id FROM {table} WHERE k = 9")
    cur = await db.execute(f"INSERT {into} SET k = 10".replace("(k) ", ""))
    assert cur.lastrowid == await db.fetchval(f"SELECT id FROM {table} WHERE k = 10")


async def counts(db: Connection, sql: str, params: list[Any]) -> tuple[int, int | None]:
    """What a statement says that it did."""
    cursor = await db.execute(sql, params)
    return cursor.rowcount, cursor.lastrowid


async def test_a_procedure_gives_its_first_rows(db: Connection, table: str) -> None:
    """CALL: `fetchall` and a stream give the first result with columns."""
    await db.execute(f"CREATE TABLE {table} (a INT)")
    await db.execute(
        f"CREATE PROCEDURE p_{table}() BEGIN INSERT INTO {table} VALUES (1);"
        " SELECT 1 AS a UNION SELECT 2; SELECT 3 AS b, 4 AS c; END"
    )
    try:
        assert [(1,), (2,)] == await db.fetchall(f"CALL p_{table}()")
        async with db.stream(f"CALL p_{table}()") as rows:
            assert [(1,), (2,)] == await rows.fetchmany()
        assert 2 == await db.fetchval(f"SELECT COUNT(*) FROM {table}")
    finally:
        await db.execute(f"DROP PROCEDURE p_{table}")


async def test_a_local_file_is_not_asked_for(
    db: Connection, table: str, tmp_path: Path
) -> None:
    """LOAD DATA LOCAL is refused, and the session goes on."""
    file = tmp_path / "secret"
    file.write_text("secret")
    await db.execute(f"CREATE TABLE {table} (a TEXT)")
    with pytest.raises(asyncdb.DatabaseError):
        await db.execute(f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE {table}")
    assert 0 == await db.fetchval(f"SELECT COUNT(*) FROM {table}")


async def test_shapes_are_learned_once(db: Connection) -> None:
    """A second query with the same columns finds what the first had read."""
    sql = "SELECT 1 AS a_rare_name, 'x' AS another"
    await db.fetchall(sql)
    known = dict(SHAPES._known)
    await db.fetchall(sql)

    assert known == SHAPES._known


@pytest.mark.parametrize("pipeline", [True, False])
async def test_a_session_is_given_back_as_new(
    database_url: str, table: str, pipeline: bool
) -> None:
    """A reset takes back all that SQL can do to a session."""
    async with asyncdb.connect(database_url, pipeline=pipeline) as db:
        before = await db.fetchone("SELECT @@sql_mode, @@time_zone, DATABASE()")
        await db.execute(f"CREATE TEMPORARY TABLE {table} (a INT)")
        await db.execute("SET @mine = 5, sql_mode = '', time_zone = '+01:00'")
        await db.execute("SET NAMES latin1")
        await db.fetchval("SELECT GET_LOCK(?, 0)", [table])
        await db.execute("USE mysql")

        assert await db._session.inner.reset()
        assert before == await db.fetchone("SELECT @@sql_mode, @@time_zone, DATABASE()")
        assert (None, "é", 1) == await db.fetchone(
            "SELECT @mine, 'é', IS_FREE_LOCK(?)", [table]
        )
        with pytest.raises(asyncdb.UndefinedTable):
            await db.execute(f"SELECT * FROM {table}")
        assert facts.LEXIS is db._session.inner.lexis


async def test_a_session_without_a_database_stays_so(database_url: str) -> None:
    """Where there is no way back, the reset says so."""
    url = asyncdb.DatabaseURL(database_url).replace(database=None)
    async with asyncdb.connect(url) as db:
        assert await db._session.inner.reset()
        await db.execute("USE mysql")
        assert not await db._session.inner.reset()


# -- errors, and what is left after them -----------------------------------------------


async def test_an_error_may_come_after_rows(db: Connection, table: str) -> None:
    """A statement that fails at a late row gives its error, and no row."""
    await db.execute(f"CREATE TABLE {table} (id INT PRIMARY KEY, b VARCHAR(200))")
    await db.executemany(
        f"INSERT INTO {table} VALUES (?, ?)", [(i, "x" * 200) for i in range(2000)]
    )
    late = (
        f"SELECT id, b, (SELECT x FROM (SELECT 1 AS x UNION SELECT 2) AS u"
        f" WHERE {table}.id >= 1990) AS y FROM {table} ORDER BY id"
    ).replace("AS u WHERE", f"AS u WHERE u.x = 1 OR {table}.id >= 1990 AND")
    for _ in range(3):
        with pytest.raises(asyncdb.ProgrammingError) as caught:
            await db.fetchall(late)
        assert 1242 == caught.value.code
        assert 7 == await db.fetchval("SELECT 7")
    seen = 0
    with pytest.raises(asyncdb.ProgrammingError):
        async with db.stream(late, batch=10) as rows:
            async for _ in rows:
                seen += 1
    assert seen >= 0
    assert 8 == await db.fetchval("SELECT 8")


async def test_a_time_limit_ends_any_statement(
    database_url: str, db: Connection, table: str
) -> None:
    """`statement_timeout` stops reads and writes alike, and the session goes on."""
    await db.execute(f"CREATE TABLE {table} (a INT)")
    await db.execute(f"INSERT INTO {table} VALUES (1)")
    async with asyncdb.connect(database_url, statement_timeout=0.3) as other:
        for sql in (
            "SELECT SLEEP(5)",
            f"SELECT COUNT(*) FROM {table} WHERE SLEEP(5) = 0 OR a = 1",
            f"UPDATE {table} SET a = 2 WHERE SLEEP(5) = 0",
        ):
            with pytest.raises(asyncdb.StatementTimeout):
                await other.execute(sql)
            assert 1 == await other.fetchval(f"SELECT a FROM {table}")
        assert not other.is_closed


async def test_a_deadlock_ends_the_transaction_here_too(
    db: Connection, table: str, database_url: str
) -> None:
    """After 1213 nothing is open, on the server and in what we say."""
    await db.execute(f"CREATE TABLE {table} (id INT PRIMARY KEY, a INT)")
    await db.execute(f"INSERT INTO {table} VALUES (1, 0), (2, 0)")
    update = f"UPDATE {table} SET a = a + 1 WHERE id = ?"
    async with asyncdb.connect(database_url) as other:
        both = asyncio.Barrier(2)  # hold a lock each before they want the other's

        async def cross(connection: Connection, one: int, two: int) -> None:
            async with connection.transaction():
                await connection.execute(update, [one])
                await both.wait()
                await connection.execute(update, [two])

        work = cross(db, 1, 2), cross(other, 2, 1)
        found = await asyncio.gather(*work, return_exceptions=True)
        (lost,) = [error for error in found if error is not None]

        assert isinstance(lost, asyncdb.DeadlockDetected)
        assert lost.is_transient
        assert not db.in_transaction
        assert not other.in_transaction
    assert [1, 1] == [r.a for r in await db.fetchall(f"SELECT a FROM {table}")]


async def test_a_driver_level_commit_after_ddl_is_an_error(
    db: Connection, table: str
) -> None:
    """A transaction that CREATE TABLE has committed is not committed again."""
    session = db._session.inner
    await session.begin(TransactionOptions())
    assert session.in_transaction()
    await db.execute(f"CREATE TABLE {table} (a INT)")
    assert not session.in_transaction()
    with pytest.raises(asyncdb.TransactionError, match="CREATE TABLE"):
        await session.commit()


async def test_a_failed_call_may_leave_a_transaction(
    db: Connection, table: str
) -> None:
    """A procedure that opens a transaction and fails is found out."""
    await db.execute(
        f"CREATE PROCEDURE p_{table}() BEGIN START TRANSACTION;"
        f" SELECT * FROM missing_{table}; END"
    )
    try:
        with pytest.raises(asyncdb.UndefinedTable):
            await db.execute(f"CALL p_{table}()")
        assert db.in_transaction
        await db.rollback()
    finally:
        await db.execute(f"DROP PROCEDURE p_{table}")


@pytest.mark.parametrize(
    ("sql", "kind", "names"),
    [
        (
            "INSERT INTO {0} VALUES (3, 'forged'' for key ''k', 2, 1)",
            asyncdb.UniqueViolation,
            ("{0}_name", None),
        ),
        ("INSERT INTO {0} VALUES (3, NULL, 2, 1)", asyncdb.NotNullViolation, "name"),
        ("INSERT INTO {0} (id) VALUES (3)", asyncdb.NotNullViolation, "name"),
        ("INSERT INTO {0} VALUES (3, 'c', -1, 1)", asyncdb.CheckViolation, None),
        ("INSERT INTO {0} VALUES (3, 'c', 2, 9)", asyncdb.ForeignKeyViolation, "up"),
        ("DELETE FROM {0} WHERE id = 1", asyncdb.ForeignKeyViolation, "up"),
        (
            "INSERT INTO {0} VALUES (3, REPEAT('c', 99), 2, 1)",
            asyncdb.StringTooLong,
            "name",
        ),
        ("UPDATE {0} SET n = 1e10", asyncdb.NumericOutOfRange, "n"),
        ("UPDATE {0} SET n = 'x'", asyncdb.InvalidText, "n"),
        ("UPDATE {0} SET n = 1 / 0", asyncdb.DivisionByZero, None),
        ("SELECT DATE'2024-02-30'", asyncdb.InvalidDatetime, None),
        ("SELECT 9223372036854775807 + 1", asyncdb.NumericOutOfRange, None),
        ("SELECT * FROM {0}_none", asyncdb.UndefinedTable, None),
        ("SELECT none FROM {0}", asyncdb.UndefinedColumn, "none"),
        ("SELECT {0}_none()", asyncdb.UndefinedFunction, None),
        ("SELECT id FROM {0} a JOIN {0} b ON true", asyncdb.AmbiguousColumn, "id"),
        ("CREATE TABLE {0} (a INT)", asyncdb.DuplicateTable, None),
        ("ALTER TABLE {0} ADD COLUMN n INT", asyncdb.DuplicateColumn, "n"),
        ("SELEC 1", asyncdb.SQLSyntaxError, None),
        ("SELECT (SELECT id FROM {0})", asyncdb.ProgrammingError, None),
        ("RELEASE SAVEPOINT none", asyncdb.TransactionError, None),
        ("SELECT 1; SELECT 2", asyncdb.MultipleStatements, None),
    ],
    ids=str,
)
async def test_errors_have_classes_and_names(
    db: Connection, table: str, sql: str, kind: type[asyncdb.Error], names: Any
) -> None:
    """What happened is a class, where it happened are attributes, no value is shown."""
    await db.execute(
        f"CREATE TABLE {table} (id INT PRIMARY KEY, name VARCHAR(20) NOT NULL,"
        f" n INT, up INT, CONSTRAINT {table}_name UNIQUE (name),"
        f" CONSTRAINT {table}_n CHECK (n >= 0),"
        f" CONSTRAINT {table}_up FOREIGN KEY (up) REFERENCES {table} (id))"
    )
    await db.execute(
        f"INSERT INTO {table} VALUES (1, 'a', 1, NULL), (2, ?, 1, 1)",
        ["forged' for key 'k"],
    )
    sql = sql.format(table)
    with pytest.raises(asyncdb.Error) as caught:
        await db.execute(sql)
    error = caught.value

    assert kind is type(error), repr(error.__cause__)
    assert "forged" not in str(error)
    if isinstance(error, asyncdb.DatabaseError):
        assert sql == error.sql
    if isinstance(names, tuple):
        assert names[0].format(table) == error.constraint
    elif names:
        assert (names,) == error.columns
    if kind is asyncdb.ForeignKeyViolation:
        assert (table, f"{table}_up") == (error.table, error.constraint)
    if kind is asyncdb.CheckViolation:
        assert f"{table}_n" == error.constraint


# -- many rows ------------------------------------------------------------------------


@pytest.mark.parametrize("pipeline", [True, False])
@pytest.mark.parametrize("inside", [True, False])
async def test_many_updates_are_all_or_nothing(
    table: str, database_url: str, pipeline: bool, inside: bool
) -> None:
    """A failure amid a batch undoes all of it, and autocommit is on again."""
    async with asyncdb.connect(database_url, pipeline=pipeline) as db:
        await db.execute(
            f"CREATE TABLE {table} (id INT PRIMARY KEY, a INT CHECK (a < 9))"
        )
        rows = [(i, 1) for i in range(1000)]
        await db.executemany(f"INSERT INTO {table} VALUES (?, ?)", rows)
        update = f"UPDATE {table} SET a = ? WHERE id = ?"
        wrong = [(2, i) for i in range(700)] + [(9, 700)] + [(2, 701), (2, 702)]

        async def work(rows: list[Any]) -> int:
            if not inside:
                return (await db.executemany(update, rows)).rowcount
            async with db.transaction():
                await db.execute(f"UPDATE {table} SET a = 3 WHERE id = 999")
                return (await db.executemany(update, rows)).rowcount

        with pytest.raises(asyncdb.CheckViolation):
            await work(wrong)
        assert 1000 == await db.fetchval(f"SELECT SUM(a) FROM {table}")
        assert not db.in_transaction
        assert 1 == await db.fetchval("SELECT @@autocommit")
        assert 900 == await work([(2, i) for i in range(900)])
        assert not db.in_transaction
        assert 1 == await db.fetchval("SELECT @@autocommit")
        assert 1900 + 2 * inside == await db.fetchval(f"SELECT SUM(a) FROM {table}")


async def test_a_failure_in_a_savepoint_leaves_the_rest(
    db: Connection, table: str
) -> None:
    """Many rows in an inner block fail, the outer one commits what it did."""
    await db.execute(f"CREATE TABLE {table} (id INT PRIMARY KEY, a INT CHECK (a < 9))")
    await db.execute(f"INSERT INTO {table} VALUES (1, 1), (2, 1)")
    update = f"UPDATE {table} SET a = ? WHERE id = ?"
    async with db.transaction():
        await db.executemany(update, [(2, 1), (2, 2)])
        with pytest.raises(asyncdb.CheckViolation):
            async with db.transaction():
                await db.executemany(update, [(3, 1), (9, 2)])
        await db.execute(f"INSERT INTO {table} VALUES (3, 3)")

    assert [2, 2, 3] == [r.a for r in await db.fetchall(f"SELECT a FROM {table}")]
    assert 1 == await db.fetchval("SELECT @@autocommit")


async def test_a_deadlock_in_a_batch_commits_nothing_of_it(
    db: Connection, table: str, database_url: str
) -> None:
    """What a batch does after its transaction is gone is undone as well."""
    await db.execute(f"CREATE TABLE {table} (id INT PRIMARY KEY, a INT)")
    await db.executemany(f"INSERT INTO {table} VALUES (?, 0)", [[i] for i in range(50)])
    mine = await db.fetchval("SELECT CONNECTION_ID()")
    async with asyncdb.connect(database_url) as other:
        async with other.transaction():
            # The heavier transaction survives.
            await other.execute(f"UPDATE {table} SET a = 1 WHERE id >= 10")

            async def batch() -> None:
                async with db.transaction():
                    rows = [[5], [20], *([i] for i in range(6, 10))]
                    await db.executemany(f"UPDATE {table} SET a = 7 WHERE id = ?", rows)

            async def waits() -> bool:
                # The server shows for a moment what somebody saw before.
                sql = (
                    "SELECT COUNT(*) FROM information_schema.innodb_trx"
                    " WHERE trx_state = ? AND trx_mysql_thread_id = ?"
                )
                return 0 < await other.fetchval(sql, ["LOCK WAIT", mine])

            task = asyncio.ensure_future(batch())
            # Looked at more often, the table does not change.
            assert await eventually(waits, pause=0.2)
            await other.execute(f"UPDATE {table} SET a = 1 WHERE id = 5")
            with pytest.raises(asyncdb.DeadlockDetected):
                await task
        assert not db.in_transaction
        assert 0 == await db.fetchval(f"SELECT COUNT(*) FROM {table} WHERE a = 7")
        assert 1 == await db.fetchval("SELECT @@autocommit")


async def test_ddl_after_a_batch_is_seen(db: Connection, new_table: Any) -> None:
    """An implicit commit in a block is found out, a batch before it or not."""
    first, second = new_table(), new_table()
    await db.execute(f"CREATE TABLE {first} (id INT)")
    with pytest.raises(asyncdb.TransactionError):
        async with db.transaction():
            await db.executemany(f"UPDATE {first} SET id = ?", [[1], [2]])
            await db.execute(f"INSERT INTO {first} VALUES (1)")
            await db.execute(f"CREATE TABLE {second} (id INT)")
    assert 1 == await db.fetchval("SELECT @@autocommit")
    assert not db.in_transaction


async def test_inserts_of_many_pieces_are_one(db: Connection, table: str) -> None:
    """Rows of several megabytes go in pieces, and all of them or none."""
    await db.execute(f"CREATE TABLE {table} (id INT PRIMARY KEY, a MEDIUMTEXT)")
    rows = [(i, "é" * 1000) for i in range(2000)]
    insert = f"INSERT INTO {table} VALUES (?, ?)"
    with pytest.raises(asyncdb.UniqueViolation):
        await db.executemany(insert, [*rows, (5, "again")])
    assert 0 == await db.fetchval(f"SELECT COUNT(*) FROM {table}")
    assert 2000 == (await db.executemany(insert, rows)).rowcount
    assert not db.in_transaction
    assert 0 == (await db.executemany(insert, [])).rowcount


# -- streams --------------------------------------------------------------------------


async def a_million_rows(db: Connection, table: str) -> str:
    """A query of a million rows that come at once."""
    await db.execute(f"CREATE TABLE {table} (n INT)")
    await db.executemany(f"INSERT INTO {table} VALUES (?)", [[i] for i in range(100)])
    return f"SELECT a.n, REPEAT('x', 100) AS x FROM {table} a, {table} b, {table} c"


@pytest.mark.parametrize("inside", [False, True])
async def test_a_stream_left_early_is_stopped(
    db: Connection, table: str, inside: bool
) -> None:
    """The rest of a million rows is not read, and a transaction around stays open."""
    sql = await a_million_rows(db, table)
    if inside:
        await db.begin()
        await db.execute(f"INSERT INTO {table} VALUES (100)")
    for taken in (1, 3000):
        async with db.stream(sql, batch=taken) as rows:
            assert taken == len(await rows.fetchmany())
        assert 5 == await db.fetchval("SELECT 5")
    status = await db.fetchone("SHOW SESSION STATUS LIKE 'Bytes_sent'")
    assert status
    assert int(status[1]) < 100 << 20  # twice the rows are 230 MB
    assert inside == db.in_transaction
    if inside:
        await db.commit()
    assert 100 + inside == await db.fetchval(f"SELECT COUNT(*) FROM {table}")


async def test_statements_after_a_left_stream_are_not_killed(
    db: Connection, table: str
) -> None:
    """However late the KILL comes, it meets no other statement."""
    sql = await a_million_rows(db, table)
    for i in range(30):
        count = random.choice([10, 1000, 20_000, 60_000])
        async with db.stream(f"{sql} LIMIT {count}", batch=5) as rows:
            await rows.fetchmany()
        assert i == await db.fetchval("SELECT ?", [i])
        assert 1 == await db.fetchval("SELECT 1 + SLEEP(0.001)")


async def test_a_stream_takes_no_memory(db: Connection, table: str) -> None:
    """A hundred thousand rows pass through a few megabytes."""
    sql = await a_million_rows(db, table)
    async with db.stream(f"{sql} LIMIT 100000", batch=100) as rows:
        await rows.fetchmany()
        tracemalloc.start()
        try:
            seen = 100
            async for _ in rows:
                seen += 1
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert 100_000 == seen
    assert peak < 8 << 20


async def test_a_stream_of_a_statement_without_rows(db: Connection, table: str) -> None:
    """There is nothing to read, and the statement has run."""
    await db.execute(f"CREATE TABLE {table} (n INT)")
    async with db.stream(f"INSERT INTO {table} VALUES (1)") as rows:
        assert () == rows.description
        assert [] == await rows.fetchmany()
    assert 1 == await db.fetchval(f"SELECT n FROM {table}")


async def test_closing_in_a_stream_stops_it(
    db: Connection, table: str, database_url: str
) -> None:
    """A connection that is closed amid a stream leaves nothing running."""
    other = await asyncdb.connect(database_url)
    sql = await a_million_rows(other, table)
    async with other.stream(sql) as rows:
        await rows.fetchmany()
        await other.close()

    async def stopped() -> bool:
        return 0 == await db.fetchval(SLEEPS, [f"SELECT a.n%{table}%"])

    assert await eventually(stopped)


# -- cancelled, cut, killed ------------------------------------------------------------


@pytest.mark.parametrize("what", ["cancel", "timeout", "many", "stream", "terminate"])
async def test_work_that_nobody_waits_for_ends(
    db: Connection, table: str, database_url: str, what: str
) -> None:
    """Whoever stops waiting is free at once, and the server stops in two seconds."""
    mark = f"/* {table} */"
    sql = f"SELECT SLEEP(30) {mark}"
    other = await asyncdb.connect(database_url)

    async def run() -> None:
        if what == "many":
            await other.executemany(f"DO SLEEP(30) + ? {mark}", [[1]] * 50)
        elif what == "stream":
            async with other.stream(sql) as rows:
                await rows.fetchmany()
        else:
            await other.execute(sql)

    task = asyncio.ensure_future(run())

    async def running() -> bool:
        awake = f"{SLEEPS} AND command <> 'Sleep'"
        return 0 < await db.fetchval(awake, [f"%30%{mark}%"])

    async def stopped() -> bool:
        return 1 >= await db.fetchval(SLEEPS, [f"%{table}%"])

    assert await eventually(running)
    begun = asyncio.get_running_loop().time()
    if what == "terminate":
        other._session.inner.terminate()
        with pytest.raises(asyncdb.Error):
            await task
    else:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert asyncio.get_running_loop().time() - begun < 1.0
    assert other.is_closed
    assert await eventually(stopped, 2)
    await other.close()


async def test_random_cancellations_mix_no_answers_up(database_url: str) -> None:
    """After a cancel at any moment the next answer is right, or there is none."""
    db = await asyncdb.connect(database_url)
    for i in range(150):
        task = asyncio.ensure_future(db.fetchval("SELECT ?", [-i]))
        for _ in range(random.randrange(6)):
            await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            assert -i == await task
        if db.is_closed:
            await db.close()
            db = await asyncdb.connect(database_url)
        assert i == await db.fetchval("SELECT ?", [i])
    await db.close()


async def test_a_killed_session_is_lost(db: Connection, database_url: str) -> None:
    """A session that an administrator ended is a ConnectionLost, at work or idle."""
    async with asyncdb.connect(database_url) as other:
        number = await other.fetchval("SELECT CONNECTION_ID()")
        task = asyncio.ensure_future(other.execute(f"SELECT SLEEP(30), {number}"))

        async def sleeps() -> bool:
            return 0 < await db.fetchval(SLEEPS, [f"%SLEEP(30), {number}"])

        assert await eventually(sleeps)
        await db.execute(f"KILL {number}")
        with pytest.raises(asyncdb.ConnectionLost):
            await task
        assert other.is_closed
    async with asyncdb.connect(database_url) as other:
        number = await other.fetchval("SELECT CONNECTION_ID()")
        await db.execute(f"KILL {number}")

        async def closed() -> bool:
            return other.is_closed

        assert await eventually(closed)
        with pytest.raises(asyncdb.ConnectionLost):
            await other.execute("SELECT 1")


async def test_an_idle_session_that_timed_out_is_gone(database_url: str) -> None:
    """What the server says when it ends an idle session is no answer to anything."""
    async with asyncdb.connect(database_url) as db:
        await db.execute("SET wait_timeout = 1")

        async def closed() -> bool:
            return db.is_closed

        assert await eventually(closed, 10)
        with pytest.raises(asyncdb.ConnectionLost):
            await db.fetchval("SELECT 1")


async def test_the_native_connection_shares_the_wire(db: Connection) -> None:
    """Between our statements aiomysql's own cursors work on the same session."""
    for i in range(3):
        async with db.native.cursor() as cursor:
            await cursor.execute("SELECT %s", (i,))
            assert (i,) == await cursor.fetchone()
        assert i == await db.fetchval("SELECT ?", [i])


# -- the library ----------------------------------------------------------------------


def test_the_private_members_are_there() -> None:
    """What the driver relies on is in this version of aiomysql."""
    source = inspect.getsource(aiomysql.Connection)
    methods = ["_connect", "_request_authentication", "_read_packet"]
    methods += ["get_server_info", "thread_id"]
    attributes = ["_reader", "_writer", "_ssl_context", "_server_auth_plugin"]
    attributes += ["client_flag", "server_capabilities", "server_status"]

    assert all(callable(getattr(aiomysql.Connection, name)) for name in methods)
    assert not [name for name in attributes if f"self.{name} = " not in source]
    assert "if self._ssl_context and self.server_capabilities & CLIENT.SSL" in source
    assert isinstance(aiomysql.connection._StreamReader.eof_received, property)


def test_a_missing_library_says_what_to_install(tmp_path: Path) -> None:
    """Without aiomysql the error names the extra, not a module."""
    code = (
        "import sys; sys.modules['aiomysql'] = None\n"
        "import asyncdb\n"
        "try: asyncdb.connect('mysql://localhost/x')\n"
        "except asyncdb.MissingDriver as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert 'pip install "asyncdb-toolkit[mysql]"' in done.stdout, done.stderr
