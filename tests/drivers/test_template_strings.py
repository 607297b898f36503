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


@pytest.mark.parametrize("transaction", [False, True])
async def test_in_a_batch(
    db: asyncdb.Connection, users: str, transaction: bool
) -> None:
    """A batch takes them; an error has the text, and none of the values."""
    insert = 't"INSERT INTO {t:i} VALUES ({id}, {name})"'
    ids = asyncdb.expand([4, 5])
    select = template('t"SELECT name FROM {t:i} WHERE id IN ({ids})"', t=users, ids=ids)
    async with db.batch(transaction=transaction) as batch:
        batch.execute(template(insert, t=users, id=4, name="Dan"))
        found = batch.fetchall(select, into=str)
    with pytest.raises(asyncdb.UniqueViolation, match="statement 2 of 2") as caught:
        async with db.batch(transaction=transaction) as batch:
            batch.execute(template(insert, t=users, id=5, name="Eve"))
            batch.execute(template(insert, t=users, id=1, name="secret"))

    assert ["Dan"] == found.result()
    assert "secret" not in f"{caught.value} {caught.value.sql}"
    assert (4 if transaction else 5) == await db.fetchval(
        f"SELECT count(*) FROM {users}"
    )


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
