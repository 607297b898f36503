"""Queries in SQL files run on every database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiosql
import pytest
import pytest_asyncio

import asyncdb
import asyncdb.contrib.sqlfiles

FILE = """
-- name: create_table()#
CREATE TABLE {table} (id {identity}, name VARCHAR(50), active {bool});

-- name: drop_table()#
DROP TABLE {table};

-- name: add(name, active)<!
INSERT INTO {table} (name, active) VALUES (:name, :active) {returning};

-- name: add_many*!
INSERT INTO {table} (name, active) VALUES (:name, :active);

-- name: every()
-- record_class: Person
SELECT id, name, active FROM {table} WHERE ':x' = ':x' ORDER BY id;

-- name: named(name)^
SELECT id, name FROM {table} WHERE name = :name;

-- name: typed(name)^
-- record_class: Person
SELECT id, name, active FROM {table} WHERE name = :name;

-- name: count()$
SELECT count(*) FROM {table};

-- name: rename(old, new)!
UPDATE {table} SET name = :new WHERE name = :old;

-- name: name_of(id)$
-- A comment with :nothing and a question?
SELECT name FROM {table} WHERE id = :id AND ':x' <> '?';

-- name: misspelt()$
SELECT nme FROM {table};

-- name: wrong_type()^
-- record_class: Wrong
SELECT id, name FROM {table};

-- name: two_at_once()#
DELETE FROM {table} WHERE name = 'a;b';
DELETE FROM {table} WHERE name = 'Ann';
"""


@dataclass
class Person:
    """What rows become."""

    id: int
    name: str
    active: bool


@dataclass
class Wrong:
    """What no row fits."""

    id: int
    name: int


RECORDS = {"Person": Person, "Wrong": Wrong}


@pytest_asyncio.fixture
async def queries(
    db: asyncdb.Connection, table: str, tmp_path: Path
) -> AsyncIterator[Any]:
    """The file's queries, with their table made, for each engine in turn."""
    text = FILE.format(
        table=table,
        identity=db.dialect.identity_column,
        bool=db.dialect.column_types["bool"],
        returning="RETURNING id" if db.dialect.supports_returning else "",
    )
    path = tmp_path / "queries.sql"
    path.write_text(text)
    found = aiosql.from_path(path, "asyncdb", record_classes=RECORDS)
    await found.create_table(db)
    yield found
    await found.drop_table(db)


async def test_each_kind_of_query(queries: Any, db: asyncdb.Connection) -> None:
    """Every operator of aiosql does what it says."""
    key = await queries.add(db, name="Ann", active=True)
    await queries.add_many(db, [{"name": n, "active": False} for n in ("Bob", "Cid")])

    assert (1, 3) == (key, await queries.count(db))
    assert (1, "Ann") == await queries.named(db, name="Ann")
    assert None is await queries.named(db, name="Zoe")
    assert 1 == await queries.rename(db, old="Bob", new="Bea")
    assert 0 == await queries.rename(db, old="Bob", new="Bea")
    assert "Bea" == await queries.name_of(db, id=2)
    assert None is await queries.name_of(db, id=99)
    assert [1, 2, 3] == [person.id async for person in queries.every(db)]


@pytest.mark.parametrize(
    ("name", "given", "error"),
    [
        ("add_many", [[{"name": "Bob"}]], asyncdb.ParameterError),
        ("misspelt", [], asyncdb.UndefinedColumn),
        ("wrong_type", [], asyncdb.DataError),
    ],
    ids=["a name is missing", "misspelt", "a wrong type"],
)
async def test_errors_are_asyncdbs(
    queries: Any, db: asyncdb.Connection, name: str, given: Any, error: Any
) -> None:
    """A query that fails raises what its text would, and the connection goes on."""
    await queries.add(db, name="Ann", active=True)

    with pytest.raises(error):
        await getattr(queries, name)(db, *given)

    assert 1 == await queries.count(db)


async def test_rows_become_records(queries: Any, db: asyncdb.Connection) -> None:
    """A query's record class is read by its annotations: a bool is one everywhere."""
    await queries.add(db, name="Ann", active=True)
    ann = Person(1, "Ann", active=True)

    assert [ann] == [row async for row in queries.every(db)]
    assert ann == await queries.typed(db, name="Ann")
    assert True is (await queries.typed(db, name="Ann")).active


async def test_cursors_stream(queries: Any, db: asyncdb.Connection) -> None:
    """The `_cursor` of a query is a stream."""
    await queries.add_many(db, [{"name": str(n), "active": True} for n in range(5)])

    async with queries.every_cursor(db) as rows:
        names = [row.name async for row in rows]

    assert [*"01234"] == names


async def test_a_pool_runs_them(queries: Any, database_url: str) -> None:
    """Queries take a pool, and a connection inside a transaction."""
    async with asyncdb.create_pool(database_url, max_size=2) as pool:
        async with pool.transaction() as tx:
            await queries.add(tx, name="Ann", active=True)

        assert 1 == await queries.count(pool)
        async with queries.every_cursor(pool) as rows:
            assert 1 == len(await rows.fetchmany())
