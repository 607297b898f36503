"""Databases to copy, and what makes copying hard."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
import pytest_asyncio

import asyncdb
from tests.plugins.databases import ENGINES, engine_url

LONG = "a_name_of_sixty_three_bytes_is_as_long_as_postgresql_keeps_them"
WIDE = 300


@asynccontextmanager
async def new_database(url: str) -> AsyncIterator[str]:
    """Make an empty database beside the one of a URL; of SQLite a new file."""
    if url.startswith("sqlite"):
        yield f"{url}.{secrets.token_hex(4)}.db"
        return
    name = f"copy_{secrets.token_hex(6)}"
    charset = "" if url.startswith("postgres") else " CHARACTER SET utf8mb4"
    force = " WITH (FORCE)" if url.startswith("postgres") else ""
    async with asyncdb.connect(url) as db:
        await db.execute(f"CREATE DATABASE {name}{charset}")
    try:
        yield urlsplit(url)._replace(path=f"/{name}").geturl()
    finally:
        async with asyncdb.connect(url) as db:
            await db.execute(f"DROP DATABASE {name}{force}")


KINDS = (
    ("bool", True),
    ("int", 2**63 - 1),
    ("float", 0.1),
    ("Decimal", Decimal("12345678901234567890.0123456789")),
    ("str", "naïve 🦄 'quoted' \\ back\\slash \"double\" `tick`\n\ttab"),
    ("bytes", bytes(range(256))),
    ("date", date(2024, 2, 29)),
    ("time", time(23, 59, 59, 999_999)),
    ("datetime, naive", datetime(1999, 12, 31, 23, 59, 59, 999_999)),  # noqa: DTZ001
    ("datetime, aware", datetime(2024, 2, 29, 12, 0, 0, 1, tzinfo=UTC)),
    ("timedelta", timedelta(hours=30, microseconds=7)),
    ("UUID", UUID("00000000-0000-4000-8000-00000000e123")),
    ("dict, list", {"🦄": [1, 1.5, None, True, "x'y"], "a": {"b": 12345678901234}}),
)
LOWER = (False, -(2**63), -1e308, Decimal("-0.0000000001"), "", b"")


def column_type(db: asyncdb.Connection, kind: str) -> str:
    """The column type that a copy from this engine takes for the kind."""
    if db.dialect.name == "sqlite":
        # Words that SQLite stores alike, and that say what they are.
        words = {"Decimal": "DECIMAL_TEXT", "dict, list": "JSON_TEXT"}
        words |= {"bool": "BOOLEAN", "date": "DATE", "time": "TIME", "UUID": "UUID"}
        words |= {"datetime, naive": "DATETIME", "datetime, aware": "TIMESTAMPTZ"}
        words |= {"timedelta": "INTERVAL"}
        return words.get(kind, db.dialect.column_types[kind])
    return db.dialect.column_types[kind]


async def make_nasty(db: asyncdb.Connection) -> dict[str, int]:
    """Make what copying must bear; return how many rows each table has."""

    def q(name: str) -> str:
        return asyncdb.quote_identifier(name, db.dialect)

    await plain_mode(db)

    async def run(sql: str) -> None:
        await db.execute(sql)

    identity, text = db.dialect.identity_column, db.dialect.text_column
    number, boolean = column_type(db, "int"), column_type(db, "bool")
    short = text.format(length=40)
    yes = "TRUE" if db.dialect.name == "postgresql" else "1"
    # Reserved words, mixed case, blanks, quotes; defaults; a check; a key of two.
    await run(
        f"CREATE TABLE {q('Order')} ({q('id')} {identity}, {q('select')} {short} "
        f"NOT NULL DEFAULT 'it''s', {q('Group')} {number} DEFAULT -7, "
        f"{q('a b')} {boolean} DEFAULT {yes}, "
        f"{q('made')} {column_type(db, 'datetime, naive')} DEFAULT CURRENT_TIMESTAMP"
        f"{'(6)' if db.dialect.name == 'mysql' else ''}, "
        f"CONSTRAINT {q('positive Group')} CHECK ({q('Group')} < 100 "
        f"AND {q('select')} <> 'it''s NOT')"
        f")"
    )
    await run(
        f"CREATE UNIQUE INDEX {q('Order_select')} ON {q('Order')} ({q('select')})"
    )
    await run(
        f"CREATE INDEX {q('Order_two')} ON {q('Order')} ({q('Group')} DESC, {q('a b')})"
    )
    await run(
        f"CREATE TABLE {q('composite')} ({q('From')} {number} NOT NULL, {q('to')} "
        f"{short} NOT NULL, {q('n')} {number}, PRIMARY KEY ({q('From')}, {q('to')}), "
        f"CONSTRAINT {q('one_n')} UNIQUE ({q('n')}, {q('to')}))"
    )
    await run(
        f"CREATE TABLE {q(LONG)} ({q('id')} {identity}, {q('From')} {number}, "
        f"{q('to')} {short}, CONSTRAINT {q(LONG[:58] + '_key')} "
        f"FOREIGN KEY ({q('From')}, {q('to')}) REFERENCES {q('composite')} "
        f"({q('From')}, {q('to')}) ON DELETE CASCADE)"
    )
    await make_circle(db)
    # Every kind of value, and NULL everywhere.
    columns = ", ".join(f"{q(_short(k))} {column_type(db, k)} NULL" for k, _ in KINDS)
    await run(f"CREATE TABLE {q('values')} ({q('id')} {identity}, {columns})")
    await run(f"CREATE TABLE {q('empty')} ({q('id')} {number} PRIMARY KEY)")
    wide = ", ".join(
        f"{q(f'Column {n}')} {number if n % 3 else column_type(db, 'str')}"
        for n in range(WIDE)
    )
    await run(f"CREATE TABLE {q('wide')} ({wide})")
    return await fill_nasty(db)


async def plain_mode(db: asyncdb.Connection) -> None:
    """Have MySQL take a quote in a CHECK, for as long as the session lasts."""
    if db.dialect.name == "mysql" and not db.dialect.flavor:
        mode = "REPLACE(@@sql_mode, 'NO_BACKSLASH_ESCAPES', '')"
        await db.execute(f"SET SESSION sql_mode = {mode}")


async def make_circle(db: asyncdb.Connection) -> None:
    """Make two tables that refer to each other, and to themselves."""
    number = column_type(db, "int")
    later = db.dialect.name != "sqlite"
    end = "" if later else ", FOREIGN KEY (egg) REFERENCES egg (id)"
    await db.execute(
        f"CREATE TABLE hen (id {number} PRIMARY KEY, egg {number}, mother {number}, "
        f"FOREIGN KEY (mother) REFERENCES hen (id){end})"
    )
    await db.execute(
        f"CREATE TABLE egg (id {number} PRIMARY KEY, hen {number}, "
        "FOREIGN KEY (hen) REFERENCES hen (id))"
    )
    if later:
        await db.execute("ALTER TABLE hen ADD FOREIGN KEY (egg) REFERENCES egg (id)")


def _short(kind: str) -> str:
    return "v " + kind.replace(", ", "_")


async def fill_nasty(db: asyncdb.Connection) -> dict[str, int]:
    """Fill what `make_nasty` makes."""
    counts: dict[str, int] = {"empty": 0}

    async def fill(table: str, columns: list[str], rows: Iterable[Any]) -> None:
        counts[table] = await db.load_rows(table, columns, rows)

    order: list[tuple[Any, ...]]
    order = [(n, f"name {n}", n % 50, n % 2 == 0) for n in range(1, 2501)]
    order += [(2501, "Name 1", None, None), (2600, "🦄", -5, True)]
    await fill("Order", ["id", "select", "Group", "a b"], order)
    await db.execute(
        f"DELETE FROM {asyncdb.quote_identifier('Order', db.dialect)} WHERE id = 2600"
    )
    counts["Order"] -= 1
    if db.dialect.name == "postgresql":  # where a key that is given counts nothing up
        sequence = """pg_get_serial_sequence('"Order"', 'id')"""
        await db.execute(f"SELECT setval({sequence}, 2600)")
    two = [(n, f"to {n % 7}", None if n % 5 == 0 else n) for n in range(100)]
    await fill("composite", ["From", "to", "n"], two)
    long = [(n, f"to {n % 7}") for n in range(100)] + [(None, None), (3, None)]
    await fill(LONG, ["From", "to"], long)
    await fill("hen", ["id", "mother"], [(1, None), (2, 1), (3, 3)])
    await fill("egg", ["id", "hen"], [(10, 1), (11, 2), (12, None)])
    await db.execute("UPDATE hen SET egg = 10 WHERE id = 2")
    names = [_short(kind) for kind, _ in KINDS]
    full = [value for _, value in KINDS]
    rows = [full, [None] * len(full), [*LOWER, *[None] * (len(full) - len(LOWER))]]
    rows += [[*full[:-1], None], [*[None] * (len(full) - 1), "null"]]
    rows += [[*[None] * (len(full) - 1), '"text of JSON"']]
    await fill("values", names, rows)
    wide = [[n if n % 3 else f"{n} 🦄" for n in range(WIDE)], [None] * WIDE]
    await fill("wide", [f"Column {n}" for n in range(WIDE)], wide)
    return counts


# -- fixtures --------------------------------------------------------------------------


class Open:
    """Makes empty databases for a test, and connections to them."""

    def __init__(self, request: pytest.FixtureRequest, stack: AsyncExitStack) -> None:
        self._request = request
        self._stack = stack

    async def url(self, engine: str) -> str:
        """A new database's URL."""
        base = engine_url(self._request, engine)
        return await self._stack.enter_async_context(new_database(base))

    async def new(self, engine: str) -> asyncdb.Connection:
        """A connection to a new database."""
        return await self.connect(await self.url(engine))

    async def connect(self, url: str | asyncdb.DatabaseURL) -> asyncdb.Connection:
        """A connection that is closed at the end."""
        return await self._stack.enter_async_context(asyncdb.connect(url))


@pytest_asyncio.fixture
async def opener(request: pytest.FixtureRequest) -> AsyncIterator[Open]:
    """What makes databases."""
    async with AsyncExitStack() as stack:
        yield Open(request, stack)


@pytest.fixture(params=[(a, b) for a in ENGINES for b in ENGINES], ids="-".join)
def ways(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Each engine, and each to copy into."""
    found: tuple[str, str] = request.param
    return found


@pytest_asyncio.fixture
async def source(opener: Open, ways: tuple[str, str]) -> asyncdb.Connection:
    """An empty database of the first engine."""
    return await opener.new(ways[0])


@pytest_asyncio.fixture
async def target(opener: Open, ways: tuple[str, str]) -> asyncdb.Connection:
    """An empty database of the second engine."""
    return await opener.new(ways[1])
