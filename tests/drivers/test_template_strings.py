"""Real template strings, on Pythons that have them (the kit uses a stand-in).

Their syntax would not even parse on older ones, so each is a text here.
"""

from __future__ import annotations

import sys
from typing import Any

import pytest

import asyncdb

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 14), reason="template strings came with Python 3.14"
)


def template(source: str, **names: Any) -> Any:
    """Evaluate the source of a template string."""
    return eval(source, {}, names)


@pytest.fixture
async def users(db: asyncdb.Connection, table: str) -> str:
    """A table with three users."""
    await db.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, name VARCHAR(50))")
    await db.executemany(
        f"INSERT INTO {table} VALUES (?, ?)", [(1, "Ann"), (2, "Bob"), (3, "' OR 1=1")]
    )
    return table


async def test_values_are_bound(db: asyncdb.Connection, users: str) -> None:
    """Values are bound, whatever they look like; `:i` quotes an identifier."""
    query = template(
        't"SELECT id FROM {users:i} WHERE name = {name}"', users=users, name="' OR 1=1"
    )

    assert [(3,)] == await db.fetchall(query)
    assert 3 == await db.fetchval(query)
    assert [(3,)] == [row async for row in await db.execute(query)]


async def test_nested_and_lists(db: asyncdb.Connection, users: str) -> None:
    """A nested template is a fragment, and lists compose."""
    ids = asyncdb.expand([1, 2])
    where = template('t"id IN ({ids}) AND name <> {no}"', ids=ids, no="x")
    source = 't"SELECT id FROM {t:i} WHERE {where} ORDER BY id"'
    query = template(source, t=users, where=where)

    async with db.stream(query) as rows:
        assert [1, 2] == [row.id async for row in rows]


@pytest.mark.parametrize(
    "source",
    [
        't"SELECT {x!r}"',
        't"SELECT {x:>5}"',
        't"SELECT {x=}"',
        "t\"SELECT '{x}'\"",
        't"SELECT 1 -- {x}"',
        "t\"SELECT '{x:i}'\"",
    ],
)
async def test_refused(db: asyncdb.Connection, source: str) -> None:
    """Conversions, other format specs, and holes in literals are refused."""
    with pytest.raises(asyncdb.ParameterError):
        await db.execute(template(source, x="y"))

    assert 1 == await db.fetchval("SELECT 1")
