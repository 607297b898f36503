"""The matrix of databases, and the fixtures that hand them out.

A test that takes `db` or `database_url` runs once for each engine of `ENGINES`. Its
server is the one that a URL in the environment names, else a throw-away one that starts
when the first test asks for it, else the test is skipped and says why.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import secrets
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pytest
import pytest_asyncio

import asyncdb
from tests.plugins import binaries, servers

# engine -> the variable that names a server one already has
VARIABLES = {
    "postgresql": "ASYNCDB_TEST_POSTGRESQL_URL",
    "mariadb": "ASYNCDB_TEST_MARIADB_URL",
    "mysql": "ASYNCDB_TEST_MYSQL_URL",
}
# Few machines have Oracle's MySQL: it is in the matrix only where somebody names one.
_MYSQL = bool(os.environ.get(VARIABLES["mysql"]) or os.environ.get("ASYNCDB_MYSQLD"))
SERVERS = ("postgresql", "mariadb", "mysql") if _MYSQL else ("postgresql", "mariadb")
ENGINES = ("sqlite", *SERVERS)
ENGINES_AND_FAKE = ("fake", *ENGINES)
# A second driver for a server: in the matrix only where its library is installed.
# asyncmy is in the kit and where it is named; psycopg, which shares little of asyncpg's
# way, wherever PostgreSQL is.
_ASYNCMY = importlib.util.find_spec("asyncmy") is not None
PSYCOPG = (
    ("postgresql+psycopg",) if importlib.util.find_spec("psycopg") is not None else ()
)
ASYNCMY = tuple(
    f"{engine}+asyncmy" for engine in SERVERS if _ASYNCMY and engine != "postgresql"
)
SECOND_DRIVERS = (*ASYNCMY, *PSYCOPG)
# Both drivers of PostgreSQL, for tests of what it alone has.
POSTGRESQLS = ("postgresql", *PSYCOPG)


def engines(*names: str, fixture: str = "database_url") -> pytest.MarkDecorator:
    """Run a test (or, as `pytestmark`, a file) on these engines alone.

    Args:
        names: such as `"mariadb", "mysql"`, or with a second driver
            `"mariadb+asyncmy"`; those outside the matrix are left out.
        fixture: `"database_url"`, which `db` and `table` follow, or `"server"`.
    """
    known = (*ENGINES_AND_FAKE, *SECOND_DRIVERS)
    chosen = [name for name in names if name in known]
    return pytest.mark.parametrize(fixture, chosen, indirect=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--require-databases`."""
    parser.addoption(
        "--require-databases",
        default="",
        metavar="ENGINE,...",
        help="engines that must be there: fail instead of skipping their tests",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to begin without a database that is required."""
    try:
        found = {engine: binaries.find(engine) for engine in SERVERS}
    except FileNotFoundError as error:
        raise pytest.UsageError(str(error)) from None
    asked = str(config.getoption("--require-databases"))
    required = [engine for engine in asked.split(",") if engine]
    if unknown := set(required) - set(ENGINES):
        message = (
            f"--require-databases: {', '.join(sorted(unknown))} not among "
            f"{', '.join(ENGINES)}"
        )
        raise pytest.UsageError(message)
    lacking = [e for e in required if e in found and _why_not(e)]
    if lacking:
        message = f"no server for {', '.join(lacking)}: {binaries.advice(lacking)}"
        raise pytest.UsageError(message)


def pytest_report_header() -> list[str]:
    """Say which databases the tests run on."""
    lines = [f"sqlite: {sqlite3.sqlite_version}"]
    for engine, variable in VARIABLES.items():
        if engine not in SERVERS:
            lines.append(f"{engine}: not asked for ({_either(engine)} asks for it)")
        elif url := os.environ.get(variable):
            lines.append(f"{engine}: at {urlsplit(url).hostname}")
        elif program := binaries.find(engine):
            version = ".".join(map(str, binaries.version(program)))
            lines.append(f"{engine}: {version}, our own, {program}")
        else:
            lines.append(f"{engine}: none ({_why_not(engine)})")
    return lines


def _either(engine: str) -> str:
    return f"{VARIABLES[engine]} or {binaries.VARIABLES[engine]}"


def _why_not(engine: str) -> str | None:
    """Why there is no server of this engine; `None` when there is."""
    if os.environ.get(VARIABLES[engine]) or binaries.find(engine):
        return None
    return f"no {engine} found; `make test` gets one, {_either(engine)} names one"


class Databases:
    """A database of this session's own on each server that a test asked for."""

    def __init__(self) -> None:
        self.name = f"asyncdb_{os.getpid()}_{secrets.token_hex(3)}"
        self._servers: dict[str, servers.Server] = {}
        self._urls: dict[str, str] = {}
        self._failures: dict[str, Exception] = {}

    def url(self, engine: str) -> str:
        """The database's URL; starts the server and makes it the first time."""
        if engine in self._failures:
            raise self._failures[engine]  # not again for every test
        if engine not in self._urls:
            if reason := _why_not(engine):
                pytest.skip(reason)
            try:
                self._urls[engine] = self._create(engine)
            except Exception as error:
                self._failures[engine] = error
                raise
        return self._urls[engine]

    def close(self) -> None:
        """Drop the databases, stop our servers."""
        for engine, url in self._urls.items():
            if engine not in self._servers:
                force = " WITH (FORCE)" if engine == "postgresql" else ""
                given = os.environ[VARIABLES[engine]]
                run_statement(engine, given, f"DROP DATABASE {_name(url)}{force}")
        for server in self._servers.values():
            server.stop()

    def _create(self, engine: str) -> str:
        url = os.environ.get(VARIABLES[engine])
        if not url:
            self._servers[engine] = servers.start(engine)
            url = self._servers[engine].url
        charset = "" if engine == "postgresql" else " CHARACTER SET utf8mb4"
        run_statement(engine, url, f"CREATE DATABASE {self.name}{charset}")
        return urlsplit(url)._replace(path="/" + self.name).geturl()


def _name(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


def run_statement(engine: str, url: str, sql: str) -> None:
    """Run a statement through the driver's own library: ours is what is under test.

    In a thread, for pytest-asyncio's loop may be set in this one.
    """
    run = _in_postgresql if engine == "postgresql" else _in_mysql
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(run(url, sql))).result()


def _login(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    given = {
        "host": parts.hostname,
        "port": parts.port,
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
    }
    return {name: value for name, value in given.items() if value}


async def _in_postgresql(url: str, sql: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(**_login(url), database=_name(url))
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


async def _in_mysql(url: str, sql: str) -> None:
    import aiomysql

    connection = await aiomysql.connect(**_login(url))
    try:
        async with connection.cursor() as cursor:
            await cursor.execute("SET lock_wait_timeout = 10")
            await cursor.execute(sql)
    finally:
        connection.close()


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """The session's databases, made when they are asked for."""
    mine = Databases()
    yield mine
    mine.close()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A new file."""
    return f"sqlite:///{quote(str(tmp_path / 'test.db'))}"


@pytest.fixture
def postgresql_url(databases: Databases) -> str:
    """This session's database on PostgreSQL."""
    return databases.url("postgresql")


@pytest.fixture
def mariadb_url(databases: Databases) -> str:
    """This session's database on MariaDB."""
    return databases.url("mariadb")


@pytest.fixture
def mysql_url(databases: Databases) -> str:
    """This session's database on Oracle's MySQL, where somebody asked for it."""
    if "mysql" not in SERVERS:
        pytest.skip(f"MySQL is not asked for: set {_either('mysql')}")
    return databases.url("mysql")


@pytest.fixture(params=(*ENGINES, *PSYCOPG))
def database_url(request: pytest.FixtureRequest) -> str:
    """A database on each engine in turn."""
    return engine_url(request, request.param)


def engine_url(request: pytest.FixtureRequest, engine: str) -> str:
    """The URL for one id of the matrix, such as `"mariadb+asyncmy"`."""
    if engine == "fake":
        return "fake://"
    server, _, driver = engine.partition("+")
    url: str = request.getfixturevalue(f"{server}_url")
    return url.replace("://", f"+{driver}://", 1) if driver else url


@pytest_asyncio.fixture
async def db(
    database_url: str, _tables: list[str]
) -> AsyncIterator[asyncdb.Connection]:
    """A connection to each engine in turn."""
    async with asyncdb.connect(database_url) as connection:
        yield connection


@pytest_asyncio.fixture
async def _tables(database_url: str) -> AsyncIterator[list[str]]:
    """Names of tables, dropped when the test and its `db` are over."""
    names: list[str] = []
    yield names
    # SQLite's file and the fake's memory go with the test anyway.
    if names and not database_url.startswith(("sqlite", "fake")):
        async with asyncdb.connect(database_url) as connection:
            for name in reversed(names):
                await connection.execute(f"DROP TABLE IF EXISTS {name}")


@pytest.fixture
def new_table(request: pytest.FixtureRequest, _tables: list[str]) -> Callable[[], str]:
    """A function that gives a free table name; the table is dropped after the test."""
    words = re.sub(r"\W+", "_", request.node.originalname.removeprefix("test_"))

    def new() -> str:
        _tables.append(f"t_{words[:40].lower()}_{secrets.token_hex(4)}")
        return _tables[-1]

    return new


@pytest.fixture
def table(new_table: Callable[[], str]) -> str:
    """A free table name; the table is dropped after the test."""
    return new_table()


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[servers.Server]:
    """A server of this file's own, to freeze, kill and restart, of each engine in turn.

    Each test finds it up.
    """
    if binaries.find(request.param) is None:
        pytest.skip(f"no {request.param} of our own to break")
    with servers.start(request.param) as own:
        yield own


@pytest.fixture(autouse=True)
def _server_is_up(request: pytest.FixtureRequest) -> Iterator[None]:
    """Undo what the test before did to `server`."""
    if "server" not in request.fixturenames:
        yield
        return
    own: servers.Server = request.getfixturevalue("server")
    own.thaw()
    own.start()
    yield
    own.thaw()
