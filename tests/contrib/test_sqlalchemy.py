"""SQLAlchemy Core statements mean the same on every database."""

from __future__ import annotations

import enum
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    DateTime,
    Enum,
    Executable,
    Float,
    ForeignKey,
    Identity,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    Time,
    Uuid,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import CreateTable, DropTable
from sqlalchemy.types import TypeDecorator

import asyncdb
from asyncdb.contrib import _compiling
from asyncdb.contrib.sqlalchemy import Core


class Color(enum.Enum):
    """A type of its own on PostgreSQL, names in a text elsewhere."""

    RED = "r"
    BLUE = "b"


class Shouted(TypeDecorator[str]):
    """A type of a user's: text that is stored in capitals and read in small letters."""

    impl = String(20)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        """Store in capitals."""
        return value.upper() if value is not None else None

    def process_result_value(self, value: str | None, dialect: Any) -> str | None:
        """Read in small letters."""
        return value.lower() if value is not None else None


exact = DateTime(timezone=True).with_variant(
    mysql.DATETIME(timezone=True, fsp=6), "mysql", "mariadb"
)
metadata = MetaData()
users = Table(
    "core_users",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(50), nullable=False),
    Column("token", Uuid, default=uuid4),
    Column("visits", Integer, default=0, onupdate=99),
    Column("joined", exact, server_default=func.now()),
)
posts = Table(
    "core_posts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("user_id", ForeignKey("core_users.id")),
    Column("title", String(50)),
)
things = Table(
    "core_things",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("text", String(50)),
    Column("price", Numeric(12, 3)),
    Column("ratio", Float(53)),
    Column("at", exact),
    Column("local", DateTime),
    Column("day", Date),
    Column("hour", Time),
    Column("flag", Boolean),
    Column("data", JSON),
    Column("key", Uuid),
    Column("color", Enum(Color, name="core_color")),
    Column("blob", LargeBinary),
    Column("loud", Shouted),
    Column("odd name: 1-a", Integer),
)


@pytest_asyncio.fixture
async def core(db: asyncdb.Connection) -> AsyncIterator[Core]:
    """Statements on a connection to each engine in turn, with the tables above."""
    found = Core(db)
    await found.create_all(metadata)
    try:
        yield found
    finally:
        await found.drop_all(metadata)


THING: dict[str, Any] = {
    "id": 1,
    "text": "a 'b' \\ :c %s é",
    "price": Decimal("1234567.125"),
    "ratio": 0.1,
    "at": datetime(2024, 2, 29, 12, 30, 1, 123456, tzinfo=UTC),
    "local": datetime(2024, 2, 29, 12, 30, 1),  # noqa: DTZ001
    "day": date(2024, 2, 29),
    "hour": time(23, 59, 58),
    "flag": True,
    "data": {"a": [1, None, "x"], "b": {"c": 1.5}},
    "key": UUID("12345678-1234-5678-1234-567812345678"),
    "color": Color.BLUE,
    "blob": b"\x00\xff'\\",
    "loud": "quiet",
    "odd name: 1-a": 7,
}


@pytest.mark.parametrize("transaction", [False, True])
async def test_a_batch(core: Core, transaction: bool) -> None:
    """Statements of a batch have their types and defaults, beside texts."""
    async with core.batch(transaction=transaction) as batch:
        added = batch.execute(insert(things).values(THING))
        found = batch.fetchone(select(things))
        user = batch.execute(insert(users).values(name="Ann"))
        token = batch.fetchval(select(users.c.token))
        plain = batch.fetchval(
            "SELECT count(*) FROM core_users WHERE name = ?", ["Ann"]
        )
        none = batch.fetchone(select(users).where(users.c.id.in_([98, 99])))

    row = found.result()
    assert row is not None
    assert list(THING.values()) == list(row)
    assert (1, 1) == (added.result().rowcount, user.result().rowcount)
    assert isinstance(token.result(), UUID)
    assert 1 == plain.result()
    assert none.result() is None


async def test_a_batch_that_fails(core: Core) -> None:
    """The error names the statement; outside a transaction the others have run."""
    one = insert(users).values(id=1, name="Ann")
    with pytest.raises(asyncdb.UniqueViolation, match="statement 2 of 3"):
        async with core.batch() as batch:
            statements = (one, one, select(users.c.name))
            queued = [batch.fetchall(statement) for statement in statements]

    assert ["Ann"] == [row.name for row in queued[2].result()]
    with pytest.raises(asyncdb.UniqueViolation):
        queued[1].result()


async def test_values_come_back_as_they_went(core: Core) -> None:
    """A value of each type is read equal, and of the same type, on every engine."""
    await core.execute(insert(things), THING)

    row = await core.fetchone(select(things))

    assert row is not None
    assert THING == row.asdict()
    pairs = zip(row, THING.values(), strict=True)
    assert all(isinstance(got, type(sent)) for got, sent in pairs)


async def test_null_stays_null(core: Core) -> None:
    """NULL in a column of any type is read as None."""
    nothing = {**dict.fromkeys(THING), "id": 1}
    await core.execute(insert(things).values(nothing))

    row = await core.fetchone(select(things))

    assert row is not None
    assert nothing == row.asdict()


@pytest.mark.parametrize("name", [name for name in THING if name != "data"])
async def test_values_are_found(core: Core, name: str) -> None:
    """A value of each type finds its row again, in WHERE as parameter and in a list."""
    await core.execute(insert(things), THING)
    column = things.c[name]
    if name == "ratio" and core.dialect.name == "mysql":
        column = column + 0.0  # the comparison of floats is MySQL's own matter

    one = await core.fetchval(select(things.c.id).where(column == THING[name]))
    listed = select(things.c.id).where(column.in_([THING[name]]))

    assert 1 == one
    assert 1 == await core.fetchval(listed)


async def test_an_aware_moment_is_an_instant(core: Core) -> None:
    """Another zone's time is stored as the same instant, and read in UTC."""
    there = datetime(2024, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    await core.execute(insert(things), {"id": 1, "at": there})

    found = await core.fetchval(select(things.c.at))

    assert there == found
    assert timedelta(0) == found.utcoffset()


@pytest.mark.parametrize(
    "value", [[1, 2], "text", 5, 1.5, True, {"k": "é'\\"}, [], {}], ids=repr
)
async def test_json_of_any_kind(core: Core, value: Any) -> None:
    """Whatever is JSON is read as it was written, also where it is no object."""
    await core.execute(insert(things), {"id": 1, "data": value})

    assert value == await core.fetchval(select(things.c.data))


async def test_an_insert_tells_its_key(core: Core) -> None:
    """INSERT of one row tells its key on every engine, without rows."""
    first = await core.execute(insert(users).values(name="Ann"))
    second = await core.execute(users.insert(), {"name": "Bob"})

    assert (1, 1, 2) == (first.rowcount, first.lastrowid, second.lastrowid)
    assert second.description is None


async def test_defaults_are_made(core: Core) -> None:
    """Defaults of Python and of the server fill what an INSERT or UPDATE leaves out."""
    await core.execute(insert(users).values(name="Ann"))
    row = await core.fetchone(select(users))
    await core.execute(update(users).values(name="Bob"))
    visits = await core.fetchval(select(users.c.visits))

    assert row is not None
    assert isinstance(row.token, UUID)
    assert (0, UTC) == (row.visits, row.joined.tzinfo)
    assert 99 == visits


async def test_a_default_may_look_at_the_row(core: Core) -> None:
    """A default that takes a context finds the other values of its row."""
    shadow = Table(
        "core_users",
        MetaData(),
        Column("id", Integer, primary_key=True),
        Column("name", String(50)),
        Column(
            "visits", Integer, default=lambda c: len(c.get_current_parameters()["name"])
        ),
    )
    await core.execute(insert(shadow), {"name": "four"})

    assert 4 == await core.fetchval(select(shadow.c.visits))


async def test_returning_gives_typed_rows(core: Core) -> None:
    """RETURNING of INSERT gives rows whose values have the columns' types."""
    if not core.dialect.supports_returning:
        pytest.skip("the engine has no INSERT ... RETURNING")
    statement = insert(users).returning(users.c.id, users.c.token, users.c.joined)

    row = await core.fetchone(statement, {"name": "Ann"})

    assert row is not None
    assert isinstance(row.token, UUID)
    assert isinstance(row.joined, datetime)


async def test_update_and_delete_count(core: Core) -> None:
    """UPDATE and DELETE tell the rows matched."""
    await core.executemany(insert(users), [{"name": n} for n in "abc"])
    changed = update(users).where(users.c.name != "a").values(visits=users.c.visits + 1)

    assert 2 == (await core.execute(changed)).rowcount
    assert 1 == await core.fetchval(select(users.c.visits).where(users.c.name == "b"))
    assert 3 == (await core.execute(delete(users))).rowcount


async def test_executemany_binds_each_row(core: Core) -> None:
    """Each row of executemany is converted, and gets defaults of its own."""
    rows = ({"name": f"u{n}", "joined": THING["at"]} for n in range(20))

    cur = await core.executemany(insert(users), rows)

    assert 20 == cur.rowcount
    found = await core.fetchall(select(users.c.token, users.c.joined))
    assert 20 == len({row.token for row in found})
    assert {THING["at"]} == {row.joined for row in found}


async def test_executemany_takes_async_rows(core: Core) -> None:
    """The rows of executemany may come from an async generator."""

    async def rows() -> AsyncIterator[dict[str, Any]]:
        for name in "ab":
            yield {"name": name}

    await core.executemany(insert(users), rows())
    await core.executemany(insert(users), [])

    assert 2 == await core.fetchval(select(func.count()).select_from(users))


async def test_executemany_of_an_update(core: Core) -> None:
    """An UPDATE with bound parameters runs for each row."""
    await core.executemany(insert(users), [{"name": n} for n in "ab"])
    change = update(users).where(users.c.name == bindparam("old"))

    await core.executemany(
        change.values(name=bindparam("new")),
        [{"old": "a", "new": "c"}, {"old": "b", "new": "d"}],
    )

    assert ["c", "d"] == await core.fetchall(
        select(users.c.name).order_by(users.c.id), into=str
    )


@pytest.mark.parametrize("size", [0, 1, 2, 3, 5, 100])
async def test_lists(core: Core, size: int) -> None:
    """IN and NOT IN take lists of every size, the empty one too."""
    await core.executemany(insert(users), [{"name": n} for n in "abc"])
    names = ["a", "b", *map(str, range(100))][:size]
    inside = select(users.c.name).where(users.c.name.in_(names)).order_by(users.c.id)
    outside = select(func.count()).where(users.c.name.not_in(names))

    assert ["a", "b"][:size] == await core.fetchall(inside, into=str)
    assert 3 - min(size, 2) == await core.fetchval(outside)


async def test_lists_of_pairs(core: Core) -> None:
    """IN takes tuples of columns."""
    await core.executemany(
        insert(users), [{"name": "a", "visits": 1}, {"name": "b", "visits": 2}]
    )
    pairs = tuple_(users.c.name, users.c.visits).in_([("a", 1), ("b", 1), ("c", 3)])

    assert ["a"] == await core.fetchall(select(users.c.name).where(pairs), into=str)


async def test_a_cached_statement_has_its_own_values(core: Core) -> None:
    """Statements of one shape share what is compiled, never their values."""
    await core.executemany(insert(users), [{"name": n} for n in "abc"])
    compiler = _compiling.compiler_for(core.dialect)
    before = len(compiler._kept)

    found = [
        await core.fetchval(select(users.c.name).where(users.c.name == name).limit(n))
        for name, n in [("a", 1), ("b", 2), ("c", 3)]
    ]

    assert ["a", "b", "c"] == found
    assert before + 1 >= len(compiler._kept)


async def test_joins_labels_and_duplicate_names(core: Core) -> None:
    """A join is read by its labels; columns of one name are told apart."""
    key = (await core.execute(insert(users), {"name": "Ann"})).lastrowid
    await core.execute(insert(posts), {"user_id": key, "title": "Hello"})
    joined = select(users.c.id, posts.c.id, posts.c.title.label("what")).join(posts)

    row = await core.fetchone(joined)

    assert row is not None
    assert {"id": 1, "id_1": 1, "what": "Hello"} == row.asdict()


@dataclass
class Thing:
    """What a row of things is read into."""

    id: int
    at: datetime
    flag: bool
    key: UUID
    price: Decimal


async def test_rows_are_read_into_classes(core: Core) -> None:
    """`into=` works on rows that SQLAlchemy's types have converted."""
    await core.execute(insert(things), THING)
    columns = [things.c[name] for name in Thing.__annotations__]
    expected = Thing(**{name: THING[name] for name in Thing.__annotations__})

    assert [expected] == await core.fetchall(select(*columns), into=Thing)
    async with core.stream(select(*columns), into=Thing) as rows:
        assert [expected] == [row async for row in rows]


async def test_streams_are_converted(core: Core) -> None:
    """Rows of a stream have the statement's types, of a plain text the driver's."""
    await core.executemany(insert(users), [{"name": str(n)} for n in range(5)])
    statement = select(users.c.token).order_by(users.c.id)

    async with core.stream(statement, batch=2) as rows:
        tokens = [row.token async for row in rows]
    async with core.stream("SELECT name FROM core_users ORDER BY id") as rows:
        names = [row.name async for row in rows]
    some = await core.fetchmany(statement, size=2)

    assert 5 == len({token for token in tokens if isinstance(token, UUID)})
    assert [*"01234"] == names
    assert tokens[:2] == [row.token for row in some]


async def test_texts_pass_through(core: Core) -> None:
    """Plain texts go as on the connection; text() takes named parameters and types."""
    await core.execute("INSERT INTO core_users (name) VALUES (?)", ["Ann"])
    typed = text("SELECT token, name FROM core_users WHERE name = :n AND '\\:x' <> ''")
    await core.execute(update(users).values(token=THING["key"]))

    row = await core.fetchone(typed.columns(token=Uuid), {"n": "Ann"})
    again = await core.fetchone(typed.bindparams(n="Ann").columns(users.c.token))

    assert (THING["key"], "Ann") == row
    assert row == again


async def test_ddl_runs(core: Core, new_table: Any) -> None:
    """CreateTable and DropTable run as statements."""
    made = Table(new_table(), MetaData(), Column("a", Integer, Identity()))
    await core.execute(CreateTable(made))
    await core.execute(CreateTable(made, if_not_exists=True))
    await core.execute(insert(made).values(a=1))

    assert 1 == await core.fetchval(select(made.c.a))
    await core.execute(DropTable(made))


async def test_transactions_nest(core: Core) -> None:
    """A transaction gives a Core; one inside it is a savepoint."""
    async with core.transaction() as outer:
        await outer.execute(insert(users), {"name": "kept"})
        with pytest.raises(RuntimeError):
            async with outer.transaction() as inner:
                await inner.execute(insert(users), {"name": "lost"})
                raise RuntimeError

    assert ["kept"] == await core.fetchall(select(users.c.name), into=str)


async def test_a_pool_works_too(core: Core, database_url: str) -> None:
    """The verbs, streams and transactions work on a pool."""
    async with asyncdb.create_pool(database_url, max_size=2) as pool:
        many = Core(pool)
        async with many.transaction() as tx:
            await tx.execute(insert(users), {"name": "Ann"})
        async with many.stream(select(users.c.joined)) as rows:
            joined = [row.joined async for row in rows]
        cur = await many.execute(insert(users), {"name": "Bob"})

        assert UTC == joined[0].tzinfo
        assert 2 == cur.lastrowid
        assert many.db is pool


@pytest.mark.parametrize(
    ("statement", "params"),
    [
        (select(users).where(users.c.id == bindparam("key")), None),
        (select(users).where(users.c.id == bindparam("key")), {"kye": 1}),
        (select(users).where(users.c.id == 1), {"other": 1}),
        (select(users), [1]),
        (CreateTable(users), {"a": 1}),
    ],
    ids=["missing", "misspelt", "too many", "a list", "of DDL"],
)
async def test_wrong_parameters(core: Core, statement: Executable, params: Any) -> None:
    """Parameters that do not fit are refused before anything is sent."""
    with pytest.raises(asyncdb.ParameterError):
        await core.execute(statement, params)


async def test_rows_of_other_names_are_refused(core: Core) -> None:
    """A row of executemany with other names than the first would lose values."""
    rows = [{"name": "a"}, {"name": "b", "visits": 1}]

    with pytest.raises(asyncdb.ParameterError):
        await core.executemany(insert(users), rows)
    with pytest.raises(asyncdb.ParameterError):
        await core.executemany(insert(users), [("a",)])
    assert 0 == await core.fetchval(select(func.count()).select_from(users))


async def test_errors_are_asyncdbs(core: Core) -> None:
    """A violated constraint is asyncdb's error, with the text and without values."""
    with pytest.raises(asyncdb.NotNullViolation) as caught:
        await core.execute(insert(users).values(name=None, visits=4711))

    assert "core_users" in (caught.value.sql or "")
    assert "4711" not in str(caught.value)


async def test_literal_text_is_quoted_for_the_session(core: Core) -> None:
    """What SQLAlchemy writes into the text itself means the same in our sessions."""
    odd = "a\\b'c:d%"
    statement = select(literal_column("1").label('say "x"'), func.length(odd))

    row = await core.fetchone(statement.where(func.length(odd) == len(odd)))

    assert row is not None
    assert (1, len(odd)) == row
    assert 'say "x"' == row.keys()[0]


def test_no_engine_and_no_greenlet() -> None:
    """Running statements loads neither greenlet nor a driver for SQLAlchemy."""
    code = """
import asyncio, sys
sys.modules["greenlet"] = None
import asyncdb
from asyncdb.contrib.sqlalchemy import Core
from sqlalchemy import select, literal
async def main():
    async with asyncdb.connect("sqlite://") as db:
        print(await Core(db).fetchval(select(literal(42))))
asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert ("42\n", "") == (done.stdout, done.stderr)
