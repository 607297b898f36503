"""`settings={...}` and `application_name`: in force, and kept through resets."""

from __future__ import annotations

import re
from typing import Any

import pytest

import asyncdb
from tests.plugins import binaries, servers
from tests.plugins.databases import POSTGRESQLS, SECOND_DRIVERS, SERVERS, engines

MYSQLS = engines("mariadb", "mysql", "mariadb+asyncmy", "mysql+asyncmy")

# settings | a question to the session | its answer | what a borrower does to it
POSTGRESQL: list[tuple[dict[str, Any], str, Any, str]] = [
    (
        {"search_path": 'pg_catalog, "My Schema"'},
        "SHOW search_path",
        'pg_catalog, "My Schema"',
        "SET search_path = public",
    ),
    ({"work_mem": "77MB"}, "SHOW work_mem", "77MB", "RESET work_mem"),
    ({"enable_seqscan": False}, "SHOW enable_seqscan", "off", "RESET ALL"),
    ({"random_page_cost": 1.5}, "SHOW random_page_cost", "1.5", "RESET ALL"),
    (
        {"app.tenant": "it's \\ 7"},
        "SHOW app.tenant",
        "it's \\ 7",
        "SET app.tenant = 'other'",
    ),
    ({"role": "pg_monitor"}, "SELECT current_user", "pg_monitor", "RESET ROLE"),
    ({"role": "pg_monitor"}, "SELECT current_user", "pg_monitor", "SET ROLE NONE"),
    (
        {"default_transaction_read_only": True},
        "SHOW transaction_read_only",
        "on",
        "SET default_transaction_read_only = off",
    ),
]
MYSQL: list[tuple[dict[str, Any], str, Any, str]] = [
    (
        {"group_concat_max_len": 777},
        "SELECT @@group_concat_max_len",
        777,
        "SET group_concat_max_len = 5",
    ),
    (
        {"group_concat_max_len": "777"},
        "SELECT @@group_concat_max_len",
        777,
        "SET group_concat_max_len = 5",
    ),
    (
        {"foreign_key_checks": False},
        "SELECT @@foreign_key_checks",
        0,
        "SET foreign_key_checks = 1",
    ),
    (
        {"default_storage_engine": "MyISAM"},
        "SELECT @@default_storage_engine",
        "MyISAM",
        "SET default_storage_engine = 'InnoDB'",
    ),
    ({"long_query_time": 1.5}, "SELECT @@long_query_time", 1.5, "SET @a = 1"),
]
SQLITE: list[tuple[dict[str, Any], str, Any, str]] = [
    ({"cache_size": -777}, "PRAGMA cache_size", -777, "PRAGMA cache_size = 5"),
    ({"cache_size": "-777"}, "PRAGMA cache_size", -777, "PRAGMA cache_size = 5"),
    ({"synchronous": "NORMAL"}, "PRAGMA synchronous", 1, "PRAGMA synchronous = OFF"),
    (
        {"recursive_triggers": True},
        "PRAGMA recursive_triggers",
        1,
        "PRAGMA recursive_triggers = OFF",
    ),
    ({"temp_store": 2}, "PRAGMA temp_store", 2, "PRAGMA temp_store = 0"),
]


async def check(
    url: str, settings: dict[str, Any], question: str, answer: Any, touch: str
) -> None:
    """See the setting before and after a borrower has changed it, in one pool."""
    async with asyncdb.create_pool(url, max_size=1, settings=settings) as pool:
        assert answer == await pool.fetchval(question)
        async with pool.acquire() as db:
            await db.execute(touch)
        assert answer == await pool.fetchval(question)
    async with asyncdb.create_pool(
        url, max_size=1, settings=settings, reset="always"
    ) as pool:
        for _ in range(3):
            assert answer == await pool.fetchval(question)


@engines(*POSTGRESQLS)
@pytest.mark.parametrize(("settings", "question", "answer", "touch"), POSTGRESQL)
async def test_postgresql(
    database_url: str, settings: dict[str, Any], question: str, answer: Any, touch: str
) -> None:
    """They come at start-up, and a reset goes back to them; the role does, too."""
    await check(database_url, settings, question, answer, touch)


@MYSQLS
@pytest.mark.parametrize(("settings", "question", "answer", "touch"), MYSQL)
async def test_mysql(
    database_url: str, settings: dict[str, Any], question: str, answer: Any, touch: str
) -> None:
    """They are set with the portable session, and again after each reset."""
    await check(database_url, settings, question, answer, touch)


@pytest.mark.parametrize("place", ["file", "memory"])
@pytest.mark.parametrize("line", SQLITE)
async def test_sqlite(
    sqlite_url: str, place: str, line: tuple[dict[str, Any], str, Any, str]
) -> None:
    """They are PRAGMAs of each connection, and of the only one after each reset."""
    await check(sqlite_url if place == "file" else "sqlite://", *line)


async def test_sqlite_sets_them_first(sqlite_url: str) -> None:
    """What only a new file takes is set before anything is written to it."""
    async with asyncdb.connect(sqlite_url, settings={"page_size": 8192}) as db:
        await db.execute("CREATE TABLE t (a INTEGER)")

    async with asyncdb.connect(sqlite_url) as db:
        assert 8192 == await db.fetchval("PRAGMA page_size")


IN_URLS = {
    "postgresql": ("search_path=a,b", "SHOW search_path", "a,b", "search_path"),
    "mysql": (
        "group_concat_max_len=777",
        "SELECT @@group_concat_max_len",
        777,
        "group_concat_max_len",
    ),
    "sqlite": ("cache_size=-777", "PRAGMA cache_size", -777, "cache_size"),
}


async def test_in_a_url(database_url: str) -> None:
    """`?setting.name=value` says the same, and a keyword goes before it by name."""
    async with asyncdb.connect(database_url) as db:
        item, question, answer, name = IN_URLS[db.dialect.name]
    async with asyncdb.connect(f"{database_url}?setting.{item}") as db:
        assert answer == await db.fetchval(question)

    value: Any = "pg_catalog" if db.dialect.name == "postgresql" else 999
    async with asyncdb.connect(
        f"{database_url}?setting.{item}", settings={name: value}
    ) as db:
        assert value == await db.fetchval(question)


WRONG = {
    "postgresql": {"work_mem": "s3cret"},
    "mysql": {"group_concat_max_len": "s3cret"},
}


@engines(*SERVERS, *SECOND_DRIVERS)
async def test_a_value_that_the_server_does_not_take(database_url: str) -> None:
    """The error names the setting, and not its value, also among others."""
    async with asyncdb.connect(database_url) as db:
        wrong = WRONG[db.dialect.name]
        right = IN_URLS[db.dialect.name]
    settings = {right[3]: right[2], **wrong}
    with pytest.raises(asyncdb.ProgrammingError) as caught:
        await asyncdb.connect(database_url, settings=settings)

    (name,) = wrong
    text = str(caught.value)
    assert text.startswith(f"the server does not take the setting {name!r} (code ")
    assert "s3cret" not in text


OWNED: list[tuple[str, str, str]] = [
    *(
        ("postgresql://h/d", name, said)
        for name, said in (
            ("TimeZone", "the option time_zone"),
            ("lock_timeout", "the option lock_timeout"),
            ("statement_timeout", "the option statement_timeout"),
            ("application_name", "the option application_name"),
            ("client_encoding", "texts so"),
            ("standard_conforming_strings", "texts so"),
            ("session_authorization", "role"),
            ("transaction_isolation", "default_transaction_isolation"),
        )
    ),
    *(
        (f"{scheme}://h/d", name, said)
        for scheme in ("mysql", "mariadb")
        for name, said in (
            ("autocommit", "transaction()"),
            ("SQL_MODE", "the option sql_mode"),
            ("time_zone", "the option time_zone"),
            ("innodb_lock_wait_timeout", "the option lock_timeout"),
            ("lock_wait_timeout", "the option lock_timeout"),
            ("max_statement_time", "the option statement_timeout"),
            ("max_execution_time", "the option statement_timeout"),
            ("lc_messages", "the option lc_messages"),
            ("character_set_client", "utf8mb4"),
            ("collation_connection", "utf8mb4"),
        )
    ),
    ("sqlite://", "foreign_keys", "the option foreign_keys"),
    ("sqlite://", "main.journal_mode", "the option journal_mode"),
    ("sqlite://", "busy_timeout", "the option lock_timeout"),
    ("sqlite://", "query_only", 'the option mode="ro"'),
]


@pytest.mark.parametrize(("url", "name", "said"), OWNED)
def test_what_an_option_means_is_refused(url: str, name: str, said: str) -> None:
    """A setting that the portable session owns is refused with the option for it."""
    for make in (asyncdb.connect, asyncdb.create_pool):
        with pytest.raises(asyncdb.URLError) as caught:
            make(url, settings={name: "s3cret"})
        assert f"option 'settings' has {name!r}" in str(caught.value)
        assert said in str(caught.value)
        assert "s3cret" not in str(caught.value)
    with pytest.raises(asyncdb.URLError, match=re.escape(said)):
        asyncdb.connect(f"{url}?setting.{name}=1")


@pytest.mark.parametrize("url", ["postgresql://h/d", "mysql://h/d", "sqlite://"])
@pytest.mark.parametrize(
    "settings",
    [
        {"a b": 1},
        {"a = 1; DROP TABLE t; --": 1},
        {"": 1},
        {"@a": 1},
        {5: 1},
        {"a": None},
        {"a": [1]},
        {"a": float("nan")},
        {"a": "b\0c"},
    ],
)
def test_what_is_no_setting_is_refused(url: str, settings: Any) -> None:
    """Names and values that could be anything else never reach an engine."""
    with pytest.raises(asyncdb.URLError, match="option 'settings' has"):
        asyncdb.connect(url, settings=settings)


def test_settings_are_not_shown() -> None:
    """A setting may hold a secret: no repr has it."""
    from asyncdb.dialects.postgresql import PostgreSQLOptions

    assert "s3cret" not in repr(PostgreSQLOptions(settings={"app.key": "s3cret"}))
    url = asyncdb.DatabaseURL("postgresql://h/d?setting.app.token=s3cret")
    assert "s3cret" not in repr(url)


@MYSQLS
async def test_mysql_names_are_variables_only(database_url: str) -> None:
    """`PASSWORD = ...` in a SET statement would change the user's password."""
    with pytest.raises(asyncdb.ProgrammingError, match="the setting 'password'"):
        await asyncdb.connect(database_url, settings={"password": "other"})

    async with asyncdb.connect(database_url) as db:  # which is still the same
        assert 1 == await db.fetchval("SELECT 1")


# -- application_name ------------------------------------------------------------------


@engines(*POSTGRESQLS)
async def test_postgresql_application_name(database_url: str) -> None:
    """PostgreSQL shows it, through resets, and behind PgBouncer as well."""
    sql = "SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()"
    async with asyncdb.create_pool(
        database_url, max_size=1, application_name="shop's"
    ) as pool:
        assert "shop's" == await pool.fetchval(sql)
        await pool.execute("SET application_name = 'other'")
        assert "shop's" == await pool.fetchval(sql)

    bounced = f"{database_url}?application_name=shop&pgbouncer=true"
    async with asyncdb.connect(bounced) as db:
        assert "shop" == await db.fetchval(sql)


@pytest.mark.parametrize("driver", ["", "+asyncmy"])
@pytest.mark.parametrize("engine", [name for name in SERVERS if name != "postgresql"])
async def test_mysql_application_name(engine: str, driver: str) -> None:
    """MySQL's connection attribute program_name has it, through resets."""
    if binaries.find(engine) is None:
        pytest.skip(f"no {engine} of our own")
    if driver:
        pytest.importorskip("asyncmy")
    sql = (
        "SELECT attr_value FROM performance_schema.session_connect_attrs"
        " WHERE attr_name = 'program_name' AND processlist_id = connection_id()"
    )
    with servers.start(engine, **{"performance-schema": "ON"}) as server:
        url = server.url.replace("://", f"{driver}://", 1)
        async with asyncdb.create_pool(
            url, max_size=1, application_name="shop's ü"
        ) as pool:
            assert "shop's ü" == await pool.fetchval(sql)
            await pool.execute("SET @a = 1")
            assert "shop's ü" == await pool.fetchval(sql)
        async with asyncdb.connect(f"{url}?program_name=shop") as db:
            assert "shop" == await db.fetchval(sql)
        async with asyncdb.connect(url) as db:
            assert "asyncdb" == await db.fetchval(sql)


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_a_name_that_servers_would_cut(scheme: str) -> None:
    """More than 63 bytes are refused, which PostgreSQL would cut in silence."""
    asyncdb.connect(f"{scheme}://h/d", application_name="ü" * 31)
    with pytest.raises(asyncdb.URLError, match="at most 63 bytes"):
        asyncdb.connect(f"{scheme}://h/d", application_name="ü" * 32)


def test_pgbouncer_keeps_no_settings() -> None:
    """Behind PgBouncer a setting would be another client's next: it is refused."""
    for query in ("setting.work_mem=1MB", "schema=app", "options=-c%20work_mem%3D1MB"):
        with pytest.raises(
            asyncdb.URLError, match="cannot be kept with pgbouncer=True"
        ):
            asyncdb.connect(f"postgresql://h/d?pgbouncer=true&{query}")
