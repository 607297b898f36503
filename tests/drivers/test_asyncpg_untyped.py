"""Markers for which PostgreSQL finds no type: what is sent, how often, and what not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

import asyncdb
from asyncdb.dialects.postgresql import kept
from asyncdb.dialects.postgresql.forms import Memory
from asyncdb.testing.conformance.chapter import ids
from tests.plugins.databases import POSTGRESQLS, engines
from tests.plugins.proxy import Proxy, Side

pytestmark = engines(*POSTGRESQLS)


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    """A process that has not seen any statement yet."""
    monkeypatch.setattr(kept, "MEMORY", Memory())
    return kept.MEMORY


# -- the wire --------------------------------------------------------------------------


class Wire:
    """Counts round trips, and keeps what was sent."""

    def __init__(self) -> None:
        self._last: Side = "server"
        self.trips = 0
        self.sent = b""

    def __call__(self, side: Side, data: bytes) -> bytes:
        """See bytes pass."""
        self.trips += side == "client" and self._last == "server"
        self.sent += data if side == "client" else b""
        self._last = side
        return data

    async def count(self, work: Awaitable[Any]) -> int:
        """Return the round trips of a piece of work."""
        before = self.trips
        await work
        return self.trips - before


@pytest.fixture
def wire() -> Wire:
    """What passes between `wired` and the server."""
    return Wire()


@pytest.fixture
async def wired(database_url: str, wire: Wire) -> AsyncIterator[asyncdb.Connection]:
    """A connection whose wire is watched."""
    async with (
        Proxy(database_url, wire) as proxy,
        asyncdb.connect(proxy.url, tls="disable") as db,
    ):
        yield db


@pytest.mark.parametrize(
    ("sql", "params"),
    [
        ("SELECT id FROM {t} WHERE id = ? AND name = ?", [1, "Ann"]),
        ("SELECT id FROM {t} WHERE n > ? ORDER BY id LIMIT ?", [1, 5]),
        ("SELECT id FROM {t} WHERE id IN (?, ?)", [1, 2]),
        ("INSERT INTO {t} VALUES (?, ?, ?) ON CONFLICT DO NOTHING", [1, "Ann", None]),
        ("UPDATE {t} SET name = ?, n = ? WHERE id = ?", ["Ann", 10, 1]),
        ("SELECT lower(?), CAST(? AS integer)", ["A", 1]),
        ("SELECT ?, coalesce(name, ?) FROM {t}", ["a", None]),
        ("SELECT id FROM {t} WHERE :a IS NULL OR id = :a", {"a": 1}),
        ("SELECT jsonb_build_object('a', ?)", [1]),
        ("SELECT ? + ?, ?", [1, 2, 3]),
        ("SELECT sum(x) FROM (VALUES (?), (?)) AS t (x)", [1, 2]),
    ],
)
async def test_no_round_trip_is_added(
    wired: asyncdb.Connection, wire: Wire, people: str, sql: str, params: Any
) -> None:
    """What can be told from the text costs nothing: prepare and run, then run."""
    sql = sql.replace("{t}", people)

    assert 2 == await wire.count(wired.fetchall(sql, params))
    assert 1 == await wire.count(wired.fetchall(sql, params))


@pytest.fixture
async def people(db: asyncdb.Connection, table: str) -> str:
    """The name of a table with three rows."""
    columns = "id INTEGER PRIMARY KEY, name TEXT NOT NULL, n INTEGER"
    await db.execute(f"CREATE TABLE {table} ({columns})")
    rows = [(1, "Ann", 10), (2, "Bob", None), (3, "Cid", 30)]
    await db.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", rows)
    return table


async def test_another_connection_knows(
    wired: asyncdb.Connection, wire: Wire, db: asyncdb.Connection
) -> None:
    """What one connection has found out, the others of the process do at once."""
    sql = "SELECT greatest(?, ?), round(? / ?)"
    values = [3, 20, 9, 2]
    assert (20, 4) == await db.fetchone(sql, values)

    assert 2 == await wire.count(wired.fetchone(sql, values))
    assert 1 == await wire.count(wired.fetchone(sql, values))


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO {t} SELECT ?, coalesce(?, ?)",
        "INSERT INTO {t} VALUES (?, nullif(?, ?))",
        "WITH a AS (INSERT INTO {t} VALUES (?, 1) RETURNING 1) SELECT ? + ? FROM a",
        "INSERT INTO {t} VALUES (?, 0) RETURNING greatest(?, ?)",
    ],
)
async def test_nothing_is_run_twice(
    db: asyncdb.Connection, table: str, sql: str
) -> None:
    """A statement that writes is executed once, whatever was tried before."""
    await db.execute(f"CREATE TABLE {table} (id integer, n integer)")
    sql = sql.replace("{t}", table)
    for number in range(3):
        assert 1 == (await db.execute(sql, [number, 1, 2])).rowcount
    async with db.stream(sql, [3, 1, 2**40 if "RETURNING" in sql else 2]) as rows:
        assert ("RETURNING" in sql) == bool([row async for row in rows])
    await db.executemany(sql, [[4, 1, 2], [5, None, 2]])

    assert [0, 1, 2, 3, 4, 5] == await ids(db, table)


async def test_a_failure_is_not_repeated(db: asyncdb.Connection, table: str) -> None:
    """What the server refused while it ran is not run in another form."""
    await db.execute(f"CREATE TABLE {table} (id integer)")
    sql = f"INSERT INTO {table} SELECT ? FROM generate_series(1, 1 / (? - ?))"
    for _ in range(2):
        with pytest.raises(asyncdb.DivisionByZero):
            await db.execute(sql, [1, 2, 2])
    await db.execute(sql, [1, 3, 2])

    assert [1] == await ids(db, table)


# -- blocks ----------------------------------------------------------------------------


async def test_a_block_says_what_to_write(db: asyncdb.Connection, people: str) -> None:
    """The server cannot be asked twice in a block: the error names the markers."""
    sql = f"UPDATE {people} SET n = CASE WHEN n > :a THEN :b ELSE :c END WHERE id = 1"
    values = {"a": 1, "b": 2, "c": None}
    with pytest.raises(asyncdb.ProgrammingError, match=r"no type for :b, .*CAST") as e:
        async with db.transaction():
            await db.execute(sql, values)

    assert "42804" == e.value.sqlstate
    async with db.transaction():  # it was learned from
        await db.execute(sql, values)
    assert 2 == await db.fetchval(f"SELECT n FROM {people} WHERE id = 1")


async def test_a_wrong_value_stays_wrong(db: asyncdb.Connection, people: str) -> None:
    """What a column or the text itself has a type for is not argued with."""
    for sql, value in (
        ("UPDATE {t} SET name = ?", 5),
        ("INSERT INTO {t} (id, name) VALUES (9, ?)", Decimal(5)),
        ("INSERT INTO {t} (id, name) SELECT 9, ?", date(2024, 1, 1)),
        ("SELECT id FROM {t} WHERE name = ?", 5),
        ("SELECT id FROM {t} WHERE id = ?", "x"),
        ("SELECT lower(?)", 5),
        ("SELECT CAST(? AS timestamp)", datetime(2024, 1, 1, tzinfo=UTC)),
        ("UPDATE {t} SET n = ?", 2**40),
        ("UPDATE {t} SET n = ?", 7.5),
        ("INSERT INTO {t} (id, name, n) VALUES (9, 'x', ?)", Decimal("7.5")),
    ):
        for _ in range(2):
            with pytest.raises(asyncdb.DataError, match="parameter"):
                await db.execute(sql.replace("{t}", people), [value])

    assert [1, 2, 3] == await ids(db, people)


@pytest.mark.parametrize("fraction", [7.5, Decimal("7.5"), float("inf"), 1e300])
async def test_no_column_takes_the_half_of_a_number(
    db: asyncdb.Connection, people: str, fraction: Any
) -> None:
    """A column of whole numbers refuses a fraction, by any way, and takes 7.0 as 7."""
    insert = f"INSERT INTO {people} VALUES (?, 'x', ?)"
    rows = [[7, 7.0], [8, Decimal(8)]]
    await db.execute(insert, rows[0])
    await db.executemany(insert, rows[1:])
    await db.load_rows(people, ["id", "name", "n"], [[9, "x", 9.0]])
    bad = [10, fraction]
    with pytest.raises(asyncdb.DataError):
        await db.execute(insert, bad)
    with pytest.raises(asyncdb.DataError, match="row 2, parameter 2: a fraction"):
        await db.executemany(insert, [[11, 1], bad])
    with pytest.raises(asyncdb.DataError, match="row 2, parameter 3: a fraction"):
        await db.load_rows(
            people, ["id", "name", "n"], [[12, "x", 1], [10, "x", bad[1]]]
        )

    found = await db.fetchall(f"SELECT id, n FROM {people} WHERE id > 3 ORDER BY id")
    assert [(7, 7), (8, 8), (9, 9)] == found


async def test_an_unknown_function(db: asyncdb.Connection) -> None:
    """A mistake that is none of a marker's is told as it was found."""
    for _ in range(2):
        with pytest.raises(asyncdb.UndefinedFunction, match=r"no_such\(unknown\)"):
            await db.execute("SELECT no_such(?)", [1])

    assert 1 == await db.fetchval("SELECT 1")


# -- what PostgreSQL alone has ---------------------------------------------------------


@pytest.mark.parametrize("pgbouncer", [False, True])
@pytest.mark.parametrize(
    ("sql", "values", "found"),
    [
        ("SELECT jsonb_build_object('a', ?)", [None], {"a": None}),
        (
            "SELECT jsonb_build_object('a', ?)",
            [[1, {"b": "c"}]],
            {"a": [1, {"b": "c"}]},
        ),
        ("SELECT to_char(?, 'YYYY')", [date(2024, 1, 1)], "2024"),
        ("SELECT to_char(?, 'YYYY')", [None], None),
        ("SELECT date '2024-02-28' + ?", [2], date(2024, 3, 1)),
        ("SELECT date '2024-02-28' + ?", [timedelta(1)], datetime(2024, 2, 29)),  # noqa: DTZ001
        ("SELECT sum(x) FROM (VALUES (?), (?)) t (x)", [None, None], None),
        ("SELECT unnest(?)", [[1]], 1),
        ("SELECT array_length(?, 1)", [["a", "b"]], 2),
        ("SELECT ? = ANY(?)", [2, [1, 2]], True),
        ("SELECT coalesce(?, 5)", [2**40], 2**40),
        ("SELECT CAST(? AS date)", ["2024-02-29"], date(2024, 2, 29)),
        ("SELECT ?::text", [5], "5"),
        ("SELECT concat(?, ?, ?)", ["a", 1, None], "a1"),
        ("SELECT ? || ?", [1, 2], "12"),
        ("SELECT ? || ?", [[1], [2]], [1, 2]),
        ("SELECT extract(year FROM ?)", [date(2024, 1, 1)], Decimal(2024)),
        ("SELECT length(?)", [b"\xff\xfe\xfd"], 3),
        ("SELECT ?->>?", [[5, 6], 1], "6"),
    ],
)
async def test_functions(
    database_url: str, sql: str, values: Any, found: Any, pgbouncer: bool
) -> None:
    """Each value is what it would be as a literal, kept prepared or not."""
    async with asyncdb.connect(database_url, pgbouncer=pgbouncer) as db:
        for _ in range(3):
            assert found == await db.fetchval(sql, values)
            async with db.stream(sql, values) as rows:
                assert [(found,)] == [row async for row in rows]


async def test_the_schema_changes(
    db: asyncdb.Connection, people: str, database_url: str
) -> None:
    """A form that served is given up where it serves no longer."""
    sql = f"SELECT n + x FROM {people}, (SELECT ? AS x) AS s WHERE id = 1"
    assert 15 == await db.fetchval(sql, [5])
    async with asyncdb.connect(database_url) as other:
        await other.execute(f"ALTER TABLE {people} ALTER n TYPE interval USING '1 day'")
    with pytest.raises(asyncdb.UndefinedFunction):
        await db.fetchval(sql, [5])

    assert timedelta(2) == await db.fetchval(sql, [timedelta(1)])


@pytest.mark.parametrize("way", ["execute", "stream", "many"])
async def test_no_lock_is_left(
    db: asyncdb.Connection, people: str, database_url: str, way: str
) -> None:
    """A statement that was prepared in vain holds no lock, and no transaction."""
    sql = f"SELECT name || ?, n = ?, ? FROM {people}"
    bad = [5, "x", b"\0"]
    with pytest.raises(asyncdb.DataError):
        if way == "execute":
            await db.execute(sql, bad)
        elif way == "stream":
            async with db.stream(sql, bad):
                pass
        else:
            await db.executemany(sql, [bad, bad])

    async with asyncdb.connect(database_url, lock_timeout=1) as other:
        await other.execute(f"ALTER TABLE {people} ADD COLUMN extra integer")
    assert not db.in_transaction
    assert [("Ann5", True, b"\0")] == await db.fetchall(
        f"{sql} WHERE id = 1", [5, 10, b"\0"]
    )
