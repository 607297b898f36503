"""SQLite's `executemany()` puts many rows into one INSERT, where it means the same."""

from __future__ import annotations

from typing import Any

import pytest

import asyncdb

TABLES = (
    "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b, UNIQUE (a))",
    "CREATE TABLE log (id INTEGER PRIMARY KEY, a)",
    """CREATE TRIGGER told AFTER INSERT ON t BEGIN
        INSERT INTO log (a) VALUES (new.a);
    END""",
    """CREATE TRIGGER skipped BEFORE INSERT ON t WHEN new.b = 'skip' BEGIN
        SELECT raise(IGNORE);
    END""",
    "CREATE VIEW seen AS SELECT 'any' FROM t",
)
UPSERT = "ON CONFLICT (a) DO UPDATE SET b = t.b || excluded.b"
DEPENDS = "(SELECT count(*) FROM t) || last_insert_rowid()"
# One piece, a piece and a rest, less than a piece, several pieces.
SIZES = (50, 73, 7, 250)
# They are inserted one by one for comparison, and half of them stand there twice.
ROWS = [[n // 2, "skip" if n % 11 == 0 else f"b{n}"] for n in range(max(SIZES))]


async def _opened() -> asyncdb.Connection:
    db = await asyncdb.connect("sqlite://")
    for sql in TABLES:
        await db.execute(sql)
    return db


async def _contents(db: asyncdb.Connection) -> list[Any]:
    return [
        tuple(row)
        for table in ("t", "log")
        for row in await db.fetchall(f"SELECT * FROM {table} ORDER BY id")
    ]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "sql",
    [
        "INSERT OR IGNORE INTO t (a, b) VALUES (?, ?)",
        "INSERT OR REPLACE INTO t (a, b) VALUES (?, lower(?))",
        "REPLACE INTO t (a, b) VALUES (?, ?) -- and more",
        "INSERT INTO t (a, b) VALUES (?, ?) ON CONFLICT DO NOTHING",
        f"INSERT INTO t (a, b) VALUES (?, ?) {UPSERT}",
        "INSERT OR IGNORE INTO t (a, b) VALUES (?, ?) RETURNING id",
        "INSERT OR IGNORE INTO t (a, b) SELECT ?, ?",
        f"INSERT OR IGNORE INTO t (a, b) VALUES (?, ? || {DEPENDS})",
        "INSERT OR IGNORE INTO t (a, b) VALUES (?, ? || ('any' IN seen))",
        "INSERT OR IGNORE INTO t (a, b) VALUES (?, ? || [changes]())",
        "INSERT OR REPLACE INTO t (a, b) VALUES (?, ?) /* two */, (-1, 'b')",
        "INSERT OR REPLACE INTO t (a, b) VALUES (?, ?) -- two\n, (-1, 'b')",
        "INSERT OR REPLACE INTO t (a, b) VALUES (?, ?) UNION ALL SELECT -1, 'b'",
        f"INSERT INTO t (a, b) VALUES (?, ?) {UPSERT} || changes()",
        f"INSERT INTO t (a, b) VALUES (?, ?) {UPSERT} WHERE t.b <> excluded.b;",
        f"INSERT INTO t (a, b) VALUES (?, ?) {UPSERT} || (SELECT count(*) FROM t)",
    ],
)
async def test_many_rows_are_as_one_by_one(sql: str, size: int) -> None:
    """Contents, keys, triggers and the count are those of as many statements."""
    async with await _opened() as db, await _opened() as slow:
        found = await db.executemany(sql, ROWS[:size])
        counts = [(await slow.execute(sql, row)).rowcount for row in ROWS[:size]]

        assert await _contents(db) == await _contents(slow)
        assert sum(counts) == found.rowcount


async def test_a_row_that_is_refused_leaves_none_behind() -> None:
    """However far the rows before it had come, and with the error of that row."""
    rows = [[n, "x"] for n in range(120)]
    rows[77] = [3, "again"]
    async with await _opened() as db:
        with pytest.raises(asyncdb.UniqueViolation) as caught:
            await db.executemany("INSERT INTO t (a, b) VALUES (?, ?)", rows)

        assert ("a",) == caught.value.columns
        assert [] == await _contents(db)


@pytest.mark.parametrize("size", SIZES)
async def test_a_parent_behind_its_child_is_refused(size: int) -> None:
    """SQLite looks at foreign keys after a statement; as many would be refused."""
    table = "CREATE TABLE Tree (id INTEGER PRIMARY KEY, parent REFERENCES tree (id))"
    sql = "INSERT INTO tree (id, parent) VALUES (?, ?)"
    upwards = [[n, n - 1 if n else None] for n in range(size)]
    async with asyncdb.connect("sqlite://") as db:
        await db.execute(table)
        with pytest.raises(asyncdb.ForeignKeyViolation):
            await db.executemany(sql, upwards[::-1])

        assert 0 == await db.fetchval("SELECT count(*) FROM tree")
        assert size == (await db.executemany(sql, upwards)).rowcount


async def test_more_values_than_one_statement_takes() -> None:
    """A wide table has fewer rows in a statement, or one."""
    columns = [f"c{n}" for n in range(1500)]
    sql = f"INSERT INTO wide VALUES ({', '.join('?' * len(columns))})"
    rows = [[row * 10_000 + n for n in range(len(columns))] for row in range(60)]
    async with asyncdb.connect("sqlite://") as db:
        await db.execute(f"CREATE TABLE wide ({', '.join(columns)})")
        found = await db.executemany(sql, rows)

        assert 60 == found.rowcount
        assert rows == [list(row) for row in await db.fetchall("SELECT * FROM wide")]


async def test_a_row_that_is_too_short_is_named() -> None:
    """Among many rows, the error says which one, and nothing is sent."""
    rows = [[n, "x"] for n in range(60)] + [[60]]
    async with await _opened() as db:
        with pytest.raises(asyncdb.ParameterError, match=r"^row 61: .* 1 given"):
            await db.executemany("INSERT INTO t (a, b) VALUES (?, ?)", rows)

        assert [] == await _contents(db)
