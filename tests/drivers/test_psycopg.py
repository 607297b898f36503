"""psycopg beside asyncpg: the same values, and what it alone has to see to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal
from ipaddress import IPv4Address
from typing import Any

import pytest
import pytest_asyncio

import asyncdb
from tests.plugins.databases import PSYCOPG, engines
from tests.plugins.slow import Slow

psycopg = pytest.importorskip("psycopg")
pytestmark = engines(*PSYCOPG)

# What both give, of equal values and the same types.
SAME = [
    "'x'::\"char\"",
    "'x'::name",
    "'a'::char(3)",
    "'<a/>'::xml",
    "1::oid",
    "'1'::xid",
    "'1'::xid8",
    "'1'::cid",
    "'(1,2)'::tid",
    "'1/2'::pg_lsn",
    "12.5::money",
    "'08:00:2b:01:02:03'::macaddr",
    "'10.0.0.1'::inet",
    "'10.0.0.1/8'::inet",
    "'::1'::inet",
    "'10.0.0.0/8'::cidr",
    "'a b'::tsvector",
    "'$.a'::jsonpath",
    """'{"a":1}'::json""",
    """'{"a":1.5}'::jsonb""",
    "'null'::jsonb",
    "'[1]'::jsonb",
    "1.10::numeric",
    "0::numeric",
    "1e20::numeric",
    "1e-10::numeric",
    "1.1::float4",
    "1.1::float8",
    "'infinity'::float8",
    "pg_sleep(0)",
    "true",
    "NULL",
    "'infinity'::date",
    "'-infinity'::date",
    "'infinity'::timestamp",
    "'-infinity'::timestamptz",
    "'2024-01-02'::date",
    "'12:30:15.5'::time",
    "'2024-01-02 03:04:05.678+00'::timestamptz",
    "'2024-01-02 03:04:05'::timestamp",
    "'12:30+02'::timetz",
    "'12:30-02:30'::timetz",
    "'\\x0102'::bytea",
    "'1 year 2 mons 3 days 4 hours'::interval",
    "'-1 day 2 hours'::interval",
    "ARRAY[1,2,NULL]",
    "ARRAY[[1,2],[3,4]]",
    "'{}'::int[]",
    "ARRAY['a','b\"\\']",
    "ARRAY['2024-01-02 00:00+00'::timestamptz]",
    "ARRAY['infinity'::date]",
    "ARRAY[1.5,2]",
    "'[0:1]={1,2}'::int[]",
    "ARRAY[ARRAY['a']]",
    "ARRAY['10.0.0.1'::inet]",
    "'{1.5}'::money[]",
    "ARRAY['{\"a\":1}'::jsonb]",
    "'1 2'::int2vector",
    "ROW(1, 'a', NULL, true)",
    "'pg_class'::regclass",
    "'int'::regtype",
]
# What psycopg has no type for, or one of its own: docs/reference/postgresql-drivers.md.
OTHERS = {
    "B'101'": "101",
    "ARRAY[B'11']": ["11"],
    "'(1,2)'::point": "(1,2)",
    "'((1,2),(3,4))'::box": "(3,4),(1,2)",
    "ARRAY['(1,2)'::point]": ["(1,2)"],
}


@pytest_asyncio.fixture
async def beside(postgresql_url: str) -> AsyncIterator[asyncdb.Connection]:
    """A connection by asyncpg."""
    async with asyncdb.connect(postgresql_url) as other:
        yield other


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
async def test_the_same_values(
    database_url: str, beside: asyncdb.Connection, zone: str
) -> None:
    """What asyncpg gives is what is given, in any zone, whole or in pieces."""
    async with asyncdb.connect(database_url, time_zone=zone) as db:
        for expression in SAME:
            sql = f"SELECT {expression} AS v"
            expected = await beside.fetchval(sql)
            found = [await db.fetchval(sql)]
            async with db.stream(sql) as rows:
                found += [row[0] async for row in rows]
            for value in found:
                assert (type(expected), expected) == (type(value), value), expression
                assert _zones(expected) == _zones(value), expression


def _zones(value: Any) -> Any:
    values = value if isinstance(value, list) else [value]
    return [getattr(one, "tzinfo", None) for one in values]


async def test_other_values(db: asyncdb.Connection) -> None:
    """Types that psycopg does not know come as their text, and go in as it."""
    for expression, text in OTHERS.items():
        kind = await db.fetchval(f"SELECT CAST(pg_typeof({expression}) AS text)")
        kind = kind.replace("bit", "varbit")
        assert text == await db.fetchval(f"SELECT {expression}")
        assert text == await db.fetchval(f"SELECT CAST(? AS {kind})", [text])


async def test_ranges_are_psycopg_s(db: asyncdb.Connection) -> None:
    """Ranges go in and come out as psycopg's, of the database's own types too."""
    from psycopg.types.multirange import Multirange
    from psycopg.types.range import Range

    await db.execute("DROP TYPE IF EXISTS span")
    await db.execute("CREATE TYPE span AS RANGE (subtype = float8)")
    whole = Multirange([Range(1, 3), Range(5, None)])
    for kind, value in (
        ("int4range", Range(1, 5)),
        ("int4range", Range(empty=True)),
        ("numrange", Range(None, Decimal("1.5"), "(]")),
        ("tstzrange", Range(datetime(2024, 1, 1, tzinfo=UTC), None)),
        ("span", Range(1.5, 2.5)),
        ("int4range[]", [Range(1, 2), None]),
        *([("int4multirange", whole)] if db.dialect.server_version >= (14,) else []),
    ):
        assert value == await db.fetchval(f"SELECT CAST(? AS {kind})", [value])
    await db.execute("DROP TYPE span")


async def test_types_of_the_database(
    db: asyncdb.Connection, beside: asyncdb.Connection, table: str
) -> None:
    """Enumerations, domains and rows, in arrays and in each other, go in and out."""
    await db.executescript(f"""
        CREATE TYPE {table}_mood AS ENUM ('sad', 'glad');
        CREATE DOMAIN {table}_few AS integer CHECK (VALUE < 10);
        CREATE TYPE {table}_pair AS (n {table}_few, mood {table}_mood, at date);
        CREATE TABLE {table} (
            id integer, m {table}_mood, ms {table}_mood[], f {table}_few,
            fs {table}_few[], p {table}_pair, ps {table}_pair[])
    """)
    try:
        pair = (7, "sad", date(2024, 1, 2))
        row = [1, "glad", ["sad", None], 3, [4, 5], pair, [pair, None]]
        insert = f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?, ?, ?)"
        await db.execute(insert, row)
        await db.executemany(insert, [[2, *row[1:]]])
        names = ["id", "m", "ms", "f", "fs", "p", "ps"]
        await db.load_rows(table, names, [[3, *row[1:]]])

        select = f"SELECT * FROM {table} ORDER BY id"
        found = await db.fetchall(select)
        assert [(n, *row[1:]) for n in (1, 2, 3)] == found
        assert "sad" == found[0].p.mood
        expected = await beside.fetchall(select)
        assert [tuple(map(repr, one[:5])) for one in expected] == [
            tuple(map(repr, one[:5])) for one in found
        ]
        with pytest.raises(asyncdb.InvalidText):
            await db.execute(f"UPDATE {table} SET m = ?", ["angry"])
        with pytest.raises(asyncdb.CheckViolation):
            await db.execute(f"UPDATE {table} SET f = ?", [10])
    finally:
        await db.executescript(f"""
            DROP TABLE {table}; DROP TYPE {table}_pair; DROP TYPE {table}_few;
            DROP TYPE {table}_mood
        """)


async def test_loading_what_has_a_text_alone(
    db: asyncdb.Connection, table: str
) -> None:
    """COPY takes no column whose binary form is not known; INSERT does."""
    await db.execute(f"CREATE TABLE {table} (p point)")
    with pytest.raises(asyncdb.NotSupportedError, match="executemany"):
        await db.load_rows(table, ["p"], [["(1,2)"]])
    await db.executemany(f"INSERT INTO {table} VALUES (?)", [["(1,2)"], ["(3,4)"]])

    assert ["(1,2)", "(3,4)"] == await db.fetchall(f"SELECT p FROM {table}", into=str)


async def test_a_server_refuses_a_row_of_copy(
    db: asyncdb.Connection, table: str
) -> None:
    """A row that breaks a constraint among many loads none, whenever it is told."""
    await db.execute(f"CREATE TABLE {table} (n integer CHECK (n <> 3), s text)")
    rows = [[n, "x" * 1000] for n in range(2000)]
    for wrong in (rows, [*rows[1000:], rows[3]]):
        with pytest.raises(asyncdb.CheckViolation):
            await db.load_rows(table, ["n", "s"], wrong)
        assert 0 == await db.fetchval(f"SELECT count(*) FROM {table}")


# -- the connection of psycopg's -------------------------------------------------------


async def test_psycopg_s_own_calls(db: asyncdb.Connection, table: str) -> None:
    """`db.native` works beside asyncdb's verbs, in autocommit and in a block."""
    native = db.native
    await native.execute(f"CREATE TABLE {table} (n integer)")
    async with db.transaction():
        cursor = await native.execute(
            f"INSERT INTO {table} VALUES (%s) RETURNING n", [1]
        )
        assert (1,) == await cursor.fetchone()
        assert 1 == await db.fetchval(f"SELECT count(*) FROM {table}")
    async with (
        native.cursor() as cursor,
        cursor.copy(f"COPY {table} FROM STDIN") as copy,
    ):
        for n in range(2, 1000):
            await copy.write_row([n])
    async with native.pipeline():
        await native.execute("SELECT 1")
        await native.execute("SELECT 2")

    assert 999 == await db.fetchval(f"SELECT count(*) FROM {table}")


async def test_a_cancelled_call_of_psycopg_s(
    db: asyncdb.Connection, database_url: str
) -> None:
    """psycopg stops its own statement, and the connection serves on."""
    async with asyncdb.connect(database_url) as observer:
        slow = await Slow.on(db, observer)
        task = asyncio.create_task(db.native.execute(slow.sql))
        await slow.started()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await slow.stopped()

        assert 1 == await db.fetchval("SELECT 1")


async def test_the_end_is_told(db: asyncdb.Connection, database_url: str) -> None:
    """A listener hears at once that the server has ended an idle session."""
    lost = asyncio.Event()
    db.native.add_termination_listener(lambda _: lost.set())
    pid = await db.fetchval("SELECT pg_backend_pid()")
    async with asyncdb.connect(database_url) as other:
        await other.fetchval("SELECT pg_terminate_backend(?)", [pid])
        async with asyncio.timeout(5):
            await lost.wait()
    with pytest.raises(asyncdb.ConnectionLost, match="administrator"):
        await db.fetchval("SELECT 1")


async def test_statements_that_are_kept_no_more(database_url: str) -> None:
    """The server forgets what the cache has dropped."""
    async with asyncdb.connect(database_url, statement_cache_size=2) as db:
        for n in range(10):
            await db.fetchval(f"SELECT {n}")

        sql = "SELECT count(*) FROM pg_prepared_statements"
        assert await db.fetchval(sql, into=int) <= 3


async def test_what_is_read_is_shown(db: asyncdb.Connection) -> None:
    """Whoever looks sees what a stream reads, whatever its text."""
    sql = "SELECT query FROM pg_stat_activity /* x */ WHERE pid = pg_backend_pid()"
    async with db.stream(f"{sql} -- */ '") as rows:
        (query,) = [row[0] async for row in rows]

    assert query.startswith("FETCH FORWARD")
    assert "FROM pg_stat_activity" in query


@pytest.mark.parametrize("pgbouncer", [False, True])
async def test_what_cannot_be_declared(
    database_url: str, table: str, pgbouncer: bool
) -> None:
    """A stream of what writes, or explains, is read as it comes, and left early."""
    async with asyncdb.connect(database_url, pgbouncer=pgbouncer) as db:
        await db.execute(f"CREATE TABLE {table} (n integer)")
        insert = f"INSERT INTO {table} SELECT generate_series(1, ?) RETURNING n"
        with_it = f"WITH a AS ({insert}) SELECT n FROM a"
        for sql in (insert, with_it):
            async with db.stream(sql, [1000], batch=10) as rows:
                assert [(1,), (2,)] == await rows.fetchmany(2)
                assert not db.in_transaction
        async with db.transaction():
            async with db.stream(insert, [5]) as rows:
                assert db.in_transaction
                assert 5 == len([row async for row in rows])
            async with db.stream("EXPLAIN SELECT 1") as rows:
                assert 1 == len([row async for row in rows])
        with pytest.raises(asyncdb.DivisionByZero):
            async with db.stream(
                f"INSERT INTO {table} SELECT 1 / 0 RETURNING n"
            ) as rows:
                await rows.fetchmany()
        assert 2005 == await db.fetchval(f"SELECT count(*) FROM {table}")


# -- libpq -----------------------------------------------------------------------------


async def test_an_older_libpq(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its newest calls a statement is stopped, and a stream read."""
    for name in ("cancel_safe", "stream_chunked", "send_close_prepared"):
        monkeypatch.setattr(psycopg.capabilities, f"has_{name}", lambda *_: False)
    async with (
        asyncdb.connect(database_url) as db,
        asyncdb.connect(database_url) as observer,
    ):
        slow = await Slow.on(db, observer)
        task = asyncio.create_task(db.execute(slow.sql))
        await slow.started()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await slow.stopped()
        async with db.stream("EXPLAIN SELECT 1") as rows:
            assert 1 == len([row async for row in rows])

        assert 1 == await db.fetchval("SELECT 1")


@pytest.mark.parametrize(
    ("change", "code"),
    [({"password": "wrong"}, "28P01"), ({"database": "no_such"}, "3D000")],
)
async def test_a_server_that_speaks_another_language(
    database_url: str, monkeypatch: pytest.MonkeyPatch, change: Any, code: str
) -> None:
    """Whose words are not understood, its code is found all the same (on Linux)."""
    from asyncdb.drivers.psycopg import login

    monkeypatch.setattr(login, "_WORDS", {})
    url = asyncdb.DatabaseURL(database_url).replace(**change)
    with pytest.raises(asyncdb.ConnectionFailed) as caught:
        await asyncdb.connect(url)

    assert code == caught.value.sqlstate


async def test_a_loop_that_watches_no_sockets(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows' usual loop is refused by name, with what to do."""
    kind = type(asyncio.get_running_loop())
    monkeypatch.setattr(asyncio, "ProactorEventLoop", kind, raising=False)
    with pytest.raises(asyncdb.InterfaceError, match="SelectorEventLoop"):
        await asyncdb.connect(database_url)


async def test_values_of_libpq_s_settings(database_url: str) -> None:
    """A setting's value may have blanks, quotes and backslashes."""
    odd = "a b\\ 'c' -c x=1"
    settings = {"app.odd": odd}
    async with asyncdb.connect(database_url, settings=settings) as db:
        assert odd == await db.fetchval("SHOW app.odd")
        assert IPv4Address("10.0.0.1") == await db.fetchval("SELECT inet '10.0.0.1'")
