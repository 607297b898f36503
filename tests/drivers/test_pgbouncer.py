"""PostgreSQL through PgBouncer: recognised, and used as its mode allows.

What PgBouncer 1.26 says of itself, older ones do not: then the careful way is taken.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

import asyncdb
from asyncdb.contrib.postgresql import Notification, listen, notify
from asyncdb.dialects.postgresql import PostgreSQLOptions, pgbouncer
from asyncdb.dialects.postgresql.pgbouncer import CAREFUL, DIRECT, Memory, Pooling
from asyncdb.dialects.postgresql.recognising import Candidate
from tests.plugins.databases import POSTGRESQLS, engines
from tests.plugins.pgbouncers import MakePgBouncer, PgBouncer

TELLS = (1, 26)  # of itself
RENAMES = (1, 21)  # prepared statements, with max_prepared_statements
SETTING = "SELECT current_setting(?)"


def with_kept(bouncer: PgBouncer, number: int) -> dict[str, Any]:
    """The setting that an old PgBouncer does not know."""
    return {"max_prepared_statements": number} if bouncer.version >= RENAMES else {}


async def statements(pool: asyncdb.Pool, tasks: int, times: int) -> list[int]:
    """Run the same few statements in many tasks; the sums that they give."""

    async def one(task: int) -> int:
        total = 0
        for number in range(times):
            sql = f"SELECT CAST(? AS int) + {number % 5}"
            total += await pool.fetchval(sql, [task]) - task
        return total

    return await asyncio.gather(*[one(task) for task in range(tasks)])


# -- transaction mode ------------------------------------------------------------------


@pytest.mark.parametrize("kept", [0, 100])
@pytest.mark.parametrize(
    "options",
    [{}, {"lock_timeout": None}, {"pgbouncer": True}],
    ids=["refused", "by its key", "by option"],
)
async def test_statements(
    make_pgbouncer: MakePgBouncer, options: dict[str, Any], kept: int
) -> None:
    """More connections than PgBouncer has sessions: each statement gets its answer."""
    bouncer = make_pgbouncer(default_pool_size=3)
    if bouncer.version >= RENAMES:
        bouncer = make_pgbouncer(default_pool_size=3, max_prepared_statements=kept)
    async with asyncdb.create_pool(bouncer.url, max_size=8, **options) as pool:
        assert 8 * [100] == await statements(pool, tasks=8, times=50)
        assert 1 <= pool.stats().size
        assert not pool.stats().closed


@engines("postgresql")
async def test_the_verbs(make_pgbouncer: MakePgBouncer, table: str) -> None:
    """Transactions, streams, many rows and COPY hold together what belongs together."""
    bouncer = make_pgbouncer(default_pool_size=2)
    async with asyncdb.create_pool(bouncer.url, max_size=4) as pool:
        await pool.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, name text)")

        async def work(base: int) -> None:
            insert = f"INSERT INTO {table} VALUES (?, ?)"
            async with pool.transaction() as db:
                await db.execute(insert, [base, "one"])
                await db.executemany(insert, [[base + n, None] for n in range(1, 20)])
                with pytest.raises(ZeroDivisionError):
                    async with db.transaction():
                        await db.execute(f"DELETE FROM {table}")
                        raise ZeroDivisionError
            async with pool.acquire() as db:
                rows = [[base + n, "loaded"] for n in range(20, 40)]
                await db.load_rows(table, ["id", "name"], rows)
                sql = f"SELECT id FROM {table} WHERE id BETWEEN ? AND ? ORDER BY id"
                async with db.stream(sql, [base, base + 99]) as stream:
                    found = [row.id async for row in stream]
            assert [*range(base, base + 40)] == found

        await asyncio.gather(*[work(100 * task) for task in range(4)])

        assert 160 == await pool.fetchval(f"SELECT count(*) FROM {table}")


@pytest.mark.parametrize("mode", ["transaction", "session"])
@pytest.mark.parametrize("kept", [0, 50])
@engines("postgresql")
async def test_batches(
    make_pgbouncer: MakePgBouncer, table: str, mode: str, kept: int
) -> None:
    """Batches of many tasks get their own answers, in transactions and outside."""
    bouncer = make_pgbouncer()
    settings = {"pool_mode": mode, "default_pool_size": 2 if mode != "session" else 4}
    bouncer = make_pgbouncer(**settings, **with_kept(bouncer, kept))
    async with asyncdb.create_pool(bouncer.url, max_size=4) as pool:
        await pool.execute(f"CREATE TABLE {table} (id int PRIMARY KEY)")
        insert = f"INSERT INTO {table} VALUES (?)"
        select = f"SELECT id FROM {table} WHERE"

        async def work(base: int) -> None:
            for n in range(base, base + 20, 2):
                async with pool.batch() as batch:
                    batch.execute(insert, [n])
                    found = batch.fetchall(f"{select} id = ?", [n], into=int)
                    limit = batch.fetchval(SETTING, ["lock_timeout"])
                assert ([n], "5s") == (found.result(), limit.result())
                with pytest.raises(asyncdb.UniqueViolation):
                    async with pool.batch(transaction=False) as batch:
                        batch.execute(insert, [n + 1])
                        batch.execute(insert, [n])
                        last = batch.fetchval(f"{select} id = ?", [n + 1])
                assert n + 1 == last.result()
                with pytest.raises(asyncdb.UniqueViolation):
                    async with pool.batch() as batch:
                        batch.execute(insert, [-n - 1])
                        batch.execute(insert, [n])

        await asyncio.gather(*[work(100 * task) for task in range(6)])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                async with pool.batch() as batch:
                    batch.execute(insert, [-1])
                    batch.execute("SELECT pg_sleep(60)")

        assert 120 == await pool.fetchval(f"SELECT count(*) FROM {table}")


async def test_the_portable_session(make_pgbouncer: MakePgBouncer) -> None:
    """The time zone holds on whichever session; the lock's limit in transactions."""
    bouncer = make_pgbouncer(default_pool_size=2)
    async with asyncdb.connect(bouncer.url, lock_timeout=1.5) as db:
        assert "UTC" == await db.fetchval(SETTING, ["TimeZone"])
        async with db.transaction():
            assert "1500ms" == await db.fetchval(SETTING, ["lock_timeout"])
        assert "0" == await db.fetchval(SETTING, ["lock_timeout"])
    async with asyncdb.connect(bouncer.url, lock_timeout=None) as db, db.transaction():
        assert "0" == await db.fetchval(SETTING, ["lock_timeout"])


async def test_time_limits(make_pgbouncer: MakePgBouncer) -> None:
    """What the server is not told to keep, asyncdb keeps; the session goes on."""
    bouncer = make_pgbouncer(default_pool_size=1)
    async with asyncdb.connect(bouncer.url, statement_timeout=0.2) as db:
        assert not db.dialect.supports_statement_timeout
        with pytest.raises(asyncdb.StatementTimeout):
            await db.execute("SELECT pg_sleep(60)")

        assert "0" == await db.fetchval(SETTING, ["statement_timeout"])


async def test_cancelled(make_pgbouncer: MakePgBouncer) -> None:
    """A cancelled statement is stopped on the server, through PgBouncer."""
    bouncer = make_pgbouncer(default_pool_size=1)
    async with asyncdb.create_pool(bouncer.url, max_size=2) as pool:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await pool.execute("SELECT pg_sleep(60)")

        async with asyncio.timeout(10):  # there is one session for all
            assert 1 == await pool.fetchval("SELECT 1")


async def test_kept_statements(make_pgbouncer: MakePgBouncer) -> None:
    """They are kept where PgBouncer prepares them on whichever session, else not."""
    bouncer = make_pgbouncer(default_pool_size=1)
    if bouncer.version < RENAMES:
        pytest.skip("this PgBouncer has no max_prepared_statements")
    names = "SELECT name LIKE 'PGBOUNCER%' FROM pg_prepared_statements"
    for number in (0, 50):
        bouncer = make_pgbouncer(default_pool_size=1, max_prepared_statements=number)
        for option in (None, True):
            async with asyncdb.connect(bouncer.url, pgbouncer=option) as db:
                for _ in range(3):
                    assert 1 == await db.fetchval("SELECT CAST(? AS int)", [1])
                found = await db.fetchall(names)

                assert bool(number) == ((True,) in found)
                assert (False,) not in found


async def test_renamed_statements(make_pgbouncer: MakePgBouncer) -> None:
    """Whether statements may be kept is found out also where PgBouncer says nothing."""
    bouncer = make_pgbouncer(default_pool_size=1)
    cases: list[tuple[dict[str, Any], bool]] = [({"pool_mode": "session"}, False)]
    cases += [({"pool_mode": "statement"}, False)]
    for number in (0, 50):
        kept = with_kept(bouncer, number)
        cases.append((kept, bool(kept.get("max_prepared_statements"))))
    for settings, expected in cases:
        one = make_pgbouncer(default_pool_size=1, **settings)
        async with asyncdb.connect(one.url, pgbouncer=True) as db:
            session = candidate(db)
            assert expected is await session.renames()
            if session.is_closed():  # BEGIN is no statement of this mode
                assert "statement" == settings["pool_mode"]
                continue
            assert not db.in_transaction
            assert 0 == await db.fetchval(
                "SELECT count(*) FROM pg_prepared_statements "
                "WHERE name ~ '^asyncdb_[0-9a-f]{16}$'"
            )


def candidate(db: asyncdb.Connection) -> Candidate:
    """What looks at a driver's connection."""
    if db.url.driver == "psycopg":
        from asyncdb.drivers.psycopg.recognising import PsycopgCandidate

        return PsycopgCandidate(db.native)
    from asyncdb.drivers.asyncpg.recognising import AsyncpgCandidate

    return AsyncpgCandidate(db.native)


async def test_listening_is_refused(make_pgbouncer: MakePgBouncer) -> None:
    """LISTEN, which nobody would ever answer, says so as text and in contrib."""
    bouncer = make_pgbouncer()
    async with asyncdb.create_pool(bouncer.url) as pool:
        with pytest.raises(asyncdb.NotSupportedError, match="in transaction mode"):
            await pool.execute("LISTEN jobs")
        with pytest.raises(asyncdb.NotSupportedError, match="in transaction mode"):
            async with listen(pool, "jobs"):
                pass
        await notify(pool, "jobs", "to others")


async def test_settings_are_refused(make_pgbouncer: MakePgBouncer) -> None:
    """A setting would be another client's next: no connection is made with one."""
    bouncer = make_pgbouncer()
    with pytest.raises(asyncdb.URLError, match="cannot be kept through PgBouncer"):
        await asyncdb.connect(bouncer.url, settings={"search_path": "app"})


async def test_a_reset(make_pgbouncer: MakePgBouncer) -> None:
    """A loan that touched the session is given back, and nothing is sent for it."""
    bouncer = make_pgbouncer(default_pool_size=1)
    async with asyncdb.create_pool(bouncer.url, max_size=1) as pool:
        await pool.execute("SET work_mem = '5MB'")

        # Nobody's: it is what the next client of PgBouncer finds, too.
        assert "5MB" == await pool.fetchval(SETTING, ["work_mem"])
        assert not pool.stats().closed


async def test_a_restart(make_pgbouncer: MakePgBouncer) -> None:
    """A pool finds PgBouncer again when it comes back, also in another mode."""
    bouncer = make_pgbouncer()
    async with asyncdb.create_pool(bouncer.url, max_size=2) as pool:
        assert 2 * [100] == await statements(pool, tasks=2, times=50)
        bouncer.kill()
        bouncer.settings["pool_mode"] = "session"
        bouncer.start()

        with contextlib.suppress(asyncdb.ConnectionLost):  # of the one that is tried
            await pool.fetchval("SELECT 1")
        assert 1 == await pool.fetchval("SELECT 1")
        if bouncer.version >= TELLS:
            async with pool.acquire() as db:
                await db.execute("LISTEN jobs")


async def test_statement_mode(make_pgbouncer: MakePgBouncer) -> None:
    """Where PgBouncer takes no transactions, single statements work."""
    bouncer = make_pgbouncer(pool_mode="statement")
    async with asyncdb.create_pool(bouncer.url, max_size=4) as pool:
        assert 4 * [20] == await statements(pool, tasks=4, times=10)
        with pytest.raises(asyncdb.Error):
            async with pool.transaction():
                pass

        assert 1 == await pool.fetchval("SELECT 1")


# -- session mode ----------------------------------------------------------------------


async def test_session_mode(make_pgbouncer: MakePgBouncer) -> None:
    """A session of one's own has all of a session, also settings that are refused."""
    bouncer = make_pgbouncer(pool_mode="session")
    options: dict[str, Any] = {"settings": {"search_path": "a, b", "app.x": "it's \\"}}
    if bouncer.version < TELLS:
        options["pgbouncer"] = False
    async with asyncdb.create_pool(bouncer.url, max_size=1, **options) as pool:
        for _ in range(2):
            assert "5s" == await pool.fetchval(SETTING, ["lock_timeout"])
            assert "UTC" == await pool.fetchval(SETTING, ["TimeZone"])
            assert "a, b" == await pool.fetchval(SETTING, ["search_path"])
            assert "it's \\" == await pool.fetchval(SETTING, ["app.x"])
            assert pool.dialect.supports_statement_timeout
            async with pool.acquire() as db:
                await db.execute("SET lock_timeout = 0")
                await db.execute("SET search_path = other")
                assert "0" == await db.fetchval(SETTING, ["lock_timeout"])
        kept = await pool.fetchval("SELECT count(*) FROM pg_prepared_statements")
        assert 0 < kept
        assert not pool.stats().closed
        async with listen(pool, "jobs", **options) as messages:
            await notify(pool, "jobs", "42")
            message = await anext(messages)
        assert isinstance(message, Notification)
        assert "42" == message.payload


async def test_session_mode_that_is_not_known(make_pgbouncer: MakePgBouncer) -> None:
    """Without the option all but LISTEN works, whatever PgBouncer's age."""
    bouncer = make_pgbouncer(pool_mode="session", default_pool_size=8)
    async with asyncdb.create_pool(bouncer.url, max_size=4) as pool:
        assert 4 * [100] == await statements(pool, tasks=4, times=50)
        async with pool.transaction() as db:
            assert "5s" == await db.fetchval(SETTING, ["lock_timeout"])


async def test_a_setting_that_is_wrong(make_pgbouncer: MakePgBouncer) -> None:
    """A setting that is sent later is refused as one at start-up is."""
    bouncer = make_pgbouncer(pool_mode="session")
    with pytest.raises(asyncdb.ProgrammingError, match="'work_mem'"):
        await asyncdb.connect(
            bouncer.url, pgbouncer=False, settings={"work_mem": "much"}
        )


# -- logging in ------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["plain", "md5", "scram-sha-256"])
async def test_passwords(make_pgbouncer: MakePgBouncer, how: str) -> None:
    """PgBouncer on this machine may ask for the password in clear."""
    bouncer = make_pgbouncer(auth_type=how)
    wrong = asyncdb.DatabaseURL(bouncer.url).replace(password="wrong")
    async with asyncdb.connect(bouncer.url) as db:
        assert 1 == await db.fetchval("SELECT 1")
    with pytest.raises(asyncdb.AuthenticationFailed):
        await asyncdb.connect(wrong)


# -- what is known ---------------------------------------------------------------------


@engines(*POSTGRESQLS)
async def test_the_server_itself(database_url: str) -> None:
    """A server that nothing stands before is taken as such, with all it has."""
    async with asyncdb.connect(database_url) as db:
        assert db.dialect.supports_statement_timeout
        await db.execute("LISTEN jobs")
        await db.fetchval("SELECT CAST(? AS int)", [1])
        kept = await db.fetchval("SELECT count(*) FROM pg_prepared_statements")

    assert 0 < kept


def test_keys() -> None:
    """One server's key in 1,024 that was made up looks like a process: it is asked."""
    memory = Memory()

    assert memory.may_be_direct("a", 0) is True
    assert memory.may_be_direct("a", -5) is False
    assert memory.may_be_direct("a", 5_000_000) is False
    assert memory.may_be_direct("a", 4711) is None
    memory.keep("a", CAREFUL)
    assert memory.may_be_direct("a", 4711) is None
    memory.keep("a", DIRECT)
    assert memory.may_be_direct("a", 4711) is True
    assert memory.may_be_direct("b", 4711) is None


def test_the_memory_ends() -> None:
    """A program that connects to ever new addresses does not grow."""
    memory = Memory()
    for number in range(1000):
        memory.keep(number, DIRECT)

    assert memory.get(999) == DIRECT
    assert memory.get(0) is None


@pytest.mark.parametrize(
    ("mode", "kept", "option", "expected"),
    [
        ("session", "0", None, Pooling("tracked")),
        ("session", "0", False, Pooling("tracked")),
        ("session", "0", True, Pooling("tracked", shared=True)),
        ("transaction", "0", False, CAREFUL),
        ("transaction", "200", None, Pooling("tracked", shared=True)),
        ("statement", "", None, CAREFUL),
    ],
)
def test_reports(mode: str, kept: str, option: Any, expected: Pooling) -> None:
    """What PgBouncer says is believed before pgbouncer=False, not before True."""
    told = {"pgbouncer.pool_mode": mode, "pgbouncer.max_prepared_statements": kept}

    found = pgbouncer.reported(told, PostgreSQLOptions(pgbouncer=option))
    assert expected == found


def test_fewer_settings() -> None:
    """Each refusal leaves fewer settings for the start-up, and more for later."""
    options = PostgreSQLOptions(application_name="shop", settings={"a.b": "it's"})
    names = ["application_name", "standard_conforming_strings", "TimeZone"]

    pooling: Pooling | None = DIRECT
    assert [*names, "lock_timeout", "a.b"] == list(DIRECT.at_start(options))
    assert "" == DIRECT.set_later(options)
    pooling = DIRECT.with_less()
    assert pooling is not None
    assert names == list(pooling.at_start(options))
    assert (
        "SELECT set_config(E'lock_timeout', E'5000', false), "
        "set_config(E'a.b', E'it''s', false)"
    ) == pooling.set_later(options)
    assert all(name in pooling.set_again(options) for name in names)
    assert "" == CAREFUL.set_again(options)
    pooling = pooling.with_less()
    assert pooling is not None
    assert names[:1] == list(pooling.at_start(options))
    assert pooling.with_less() is None
