"""Core statements of every kind give the same on every database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    DateTime,
    Executable,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Numeric,
    Sequence,
    String,
    Table,
    bindparam,
    case,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    literal_column,
    select,
    text,
    true,
    tuple_,
    union,
    union_all,
    update,
)
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable, DropIndex, DropTable
from sqlalchemy.sql import quoted_name
from sqlalchemy.sql.selectable import SelectLabelStyle
from sqlalchemy.types import ARRAY

import asyncdb
from asyncdb.contrib.sqlalchemy import Core
from tests.plugins.databases import POSTGRESQLS, engines

metadata = MetaData()
users = Table(
    "said_users",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(50), unique=True),
    Column("age", Integer, default=7, onupdate=lambda: 70),
    Column("boss", ForeignKey("said_users.id")),
    Column("doc", JSON),
    Column("amount", Numeric(10, 2)),
    Column("at", DateTime),
)
# Reserved words, and characters that would end a `:name`.
posts = Table(
    quoted_name("said Posts", quote=True),
    metadata,
    Column("id", Integer, primary_key=True),
    Column("user_id", ForeignKey("said_users.id")),
    Column("name", String(50)),
    Column("select", String(20)),
    Column("Group By", Integer),
    Column("a%b", Integer),
    Column("x:y?", Integer),
    Column("per(c)", Integer),
    Column("order", Integer),
)
counts = Table(
    "said_counts",
    metadata,
    Column("k", String(20), primary_key=True),
    Column("v", Integer),
)
DOC = {"a": "x", "n": 5, "f": 1.5, "b": True, "l": [1, 2], "o": {"x": "y"}, "z": None}
AT = datetime(2024, 1, 2, 3, 4, 5)  # noqa: DTZ001  # the column has no zone
USERS = [
    {"name": "ann", "boss": None, "doc": DOC, "amount": Decimal("1.50"), "at": AT},
    {"name": "bob", "boss": 1, "doc": [1], "amount": None, "at": None},
    {"name": "cid", "boss": 2, "doc": None, "amount": Decimal("2.25"), "at": AT},
]


@pytest_asyncio.fixture
async def core(db: asyncdb.Connection) -> AsyncIterator[Core]:
    """Statements on a connection to each engine in turn, with rows in the tables."""
    found = Core(db)
    await found.create_all(metadata)
    try:
        await found.executemany(insert(users), USERS)
        odd = {"select": "s", "Group By": 1, "a%b": 2, "x:y?": 3, "per(c)": 4}
        owned = [
            {"user_id": key, "name": f"p{n}", "order": n, **odd}
            for n, key in [(1, 1), (2, 1), (3, 2)]
        ]
        await found.executemany(insert(posts), owned)
        yield found
    finally:
        await found.drop_all(metadata)


async def rows(
    core: Core, statement: Executable, params: dict[str, Any] | None = None
) -> list[tuple[Any, ...]]:
    """Return what a statement gives, which a stream gives too."""
    found = [tuple(row) for row in await core.fetchall(statement, params)]
    async with core.stream(statement, params, batch=2) as stream:
        assert found == [tuple(row) async for row in stream]
    return found


async def test_names_that_stand_twice(core: Core) -> None:
    """Columns of one name are reached by position, whatever the labels."""
    both = select(users.c.name, posts.c.name, users.c.age, posts.c.order)
    both = both.join(posts).order_by(posts.c.id)
    boss = users.alias("boss")
    pairs = select(users.c.name, boss.c.name).join(boss, users.c.boss == boss.c.id)

    for style in ("NONE", "TABLENAME_PLUS_COL", "DISAMBIGUATE_ONLY"):
        styled = both.set_label_style(SelectLabelStyle[f"LABEL_STYLE_{style}"])
        assert ("ann", "p1", 7, 1) == (await rows(core, styled))[0]
    assert [("bob", "ann"), ("cid", "bob")] == await rows(core, pairs.order_by("id"))
    assert ("ann", "p1") == (await core.fetchall(both, into=tuple))[0][:2]


async def test_expressions(core: Core) -> None:
    """case, cast, count, literals, labels and functions are typed by the statement."""
    u = users.c
    old = case((u.id > 1, "old"), else_="new")
    typed = select(old, cast(u.age, String(9)), cast(literal("12"), Integer), u.id % 2)
    casted = select(cast(literal(1), Numeric(9, 2)), literal(True), literal(None))
    fixed = select(literal_column("'a:b 100%'").label("odd name"), func.upper("ä b"))
    best = select(func.max(u.at), func.min(u.amount), func.count(), func.sum(u.amount))

    assert [("new", "7", 12, 1), ("old", "7", 12, 0), ("old", "7", 12, 1)] == (
        await rows(core, typed.order_by(u.id))
    )
    assert [(Decimal("1.00"), True, None)] == await rows(core, casted)
    assert "a:b 100%" == (await rows(core, fixed))[0][0]
    assert [(AT, Decimal("1.50"), 3, Decimal("3.75"))] == await rows(core, best)
    assert 3 == await core.fetchval(func.abs(-3))


async def test_sets_subqueries_and_windows(core: Core) -> None:
    """Unions, CTEs (recursive too), EXISTS, correlated subqueries, windows."""
    u, p = users.c, posts.c
    named = union(select(u.name), select(p.name)).order_by("name").limit(2)
    same = union_all(select(u.amount, u.at), select(u.amount, u.at)).limit(1)
    tree = select(u.id, literal(0).label("level")).where(u.boss.is_(None))
    found = tree.cte("tree", recursive=True)
    below = select(u.id, found.c.level + 1).join(found, u.boss == found.c.id)
    found = found.union_all(below)
    number = func.row_number().over(order_by=u.id.desc())
    number_of = select(func.count()).where(p.user_id == u.id).scalar_subquery()

    assert [("ann",), ("bob",)] == await rows(core, named)
    assert [(Decimal("1.50"), AT)] == await rows(core, same)
    assert [(1, 0), (2, 1), (3, 2)] == await rows(core, select(found).order_by("id"))
    assert [(1,), (2,)] == await rows(
        core, select(u.id).where(exists().where(p.user_id == u.id)).order_by(u.id)
    )
    assert [(True,)] == await rows(core, select(exists().where(u.id == 1)))
    assert [(1, 3, 2), (2, 2, 1), (3, 1, 0)] == await rows(
        core, select(u.id, number, number_of.label("n")).order_by(u.id)
    )


async def test_lateral(core: Core) -> None:
    """LATERAL joins where the engine has them, and is refused clearly elsewhere."""
    first = select(posts.c.name).where(posts.c.user_id == users.c.id)
    first = first.order_by(posts.c.id).limit(1).lateral("first")
    statement = select(users.c.name, first.c.name).join(first, true()).order_by("id")

    if core.dialect.name == "sqlite" or core.dialect.flavor == "mariadb":
        with pytest.raises(asyncdb.ProgrammingError):
            await core.fetchall(statement)
    else:
        assert [("ann", "p1"), ("bob", "p3")] == await rows(core, statement)


async def test_bound_parameters(core: Core) -> None:
    """bindparam by name, callable, typed, in lists, and written into the text."""
    u = users.c
    ids = select(u.id).order_by(u.id)
    some = u.name.in_(bindparam("names", expanding=True))
    called = bindparam("name", callable_=lambda: "ann")
    inlined = bindparam("name", "b'\\:x ann", literal_execute=True)
    listed = bindparam("names", ["ann", "b'\\:x"], literal_execute=True, expanding=True)
    typed = select(u.id).where(u.at == bindparam("at", type_=DateTime)).order_by(u.id)

    assert [(1,)] == await rows(core, ids.where(u.name == bindparam("n")), {"n": "ann"})
    assert [(1,)] == await rows(core, ids.where(u.name == called))
    assert [(1,), (2,)] == await rows(core, ids.where(some), {"names": ["ann", "bob"]})
    assert [] == await rows(core, ids.where(some), {"names": []})
    assert [] == await rows(core, ids.where(u.name == inlined))
    assert [(1,)] == await rows(core, ids.where(u.name.in_(listed)))
    assert [(1,), (3,)] == await rows(core, typed, {"at": AT})
    assert [] == await rows(core, ids.where(tuple_(u.id, u.name).in_([])))
    for wrong in (5, "ann"):
        with pytest.raises(asyncdb.ParameterError, match=":names takes a list"):
            await core.fetchall(ids.where(some), {"names": wrong})


async def test_values_in_the_text_are_each_statements_own(core: Core) -> None:
    """What SQLAlchemy writes into the text itself is not kept with the statement."""
    for name, key in [("ann", 1), ("bob", 2)]:
        own = bindparam("name", name, literal_execute=True)
        assert key == await core.fetchval(select(users.c.id).where(users.c.name == own))
    joined = select(func.aggregate_strings(users.c.name, "; "))

    assert {"ann", "bob", "cid"} == {*(await core.fetchval(joined)).split("; ")}


async def test_texts(core: Core) -> None:
    """text() takes names, lists, escaped colons; columns() types it, by name too."""
    one = text("SELECT id, amount, at FROM said_users WHERE id = :i OR boss = -:i")
    listed = text("SELECT id FROM said_users WHERE id IN :ids ORDER BY id")
    listed = listed.bindparams(bindparam("ids", expanding=True))
    inner = text("SELECT id, at FROM said_users").columns(users.c.id, users.c.at)
    inner_rows = inner.subquery("inner_rows")

    typed = one.columns(at=DateTime, amount=Numeric(10, 2))
    assert [(1, Decimal("1.50"), AT)] == await rows(core, typed, {"i": 1})
    assert [(1,), (2,)] == await rows(core, listed, {"ids": [1, 2]})
    assert [("a:b",)] == await rows(core, text(r"SELECT 'a\:b'"))
    assert [(AT,)] == await rows(
        core, select(inner_rows.c.at).where(inner_rows.c.id == 3)
    )


async def test_json_paths(core: Core) -> None:
    """Parts of a JSON column are read as what they are, and found by."""
    doc = users.c.doc
    one = select(
        doc["a"].as_string(),
        doc["n"].as_integer(),
        doc["f"].as_float(),
        doc["b"].as_boolean(),
        doc["l"],
        doc[("o", "x")].as_string(),
        doc[("l", 1)].as_integer(),
        doc["nothing"],
        doc["z"],
    ).where(users.c.id == 1)
    found = select(users.c.id).where(doc["n"].as_integer() == 5)

    expected = ("x", 5, 1.5, True, [1, 2], "y", 2, None, None)
    assert [expected] == await rows(core, one)
    assert [(1,)] == await rows(core, found)


async def test_reserved_words_and_schemas(core: Core, database_url: str) -> None:
    """Odd names of columns bind and find; a table may name its schema."""
    odd = {"select": "s", "Group By": 1, "a%b": 2, "x:y?": 3, "per(c)": 4, "order": 1}
    found = select(posts.c.id)
    for name, value in odd.items():
        found = found.where(posts.c[name] == value)
    own = asyncdb.DatabaseURL(database_url).database
    schema = {"postgresql": "public", "sqlite": "main"}.get(core.dialect.name, own)
    there = Table("said_users", MetaData(), Column("id", Integer), schema=schema)

    assert [(1,)] == await rows(core, found)
    assert 3 == await core.fetchval(select(func.count()).select_from(there))


async def test_rows_are_locked(core: Core) -> None:
    """FOR UPDATE, of which SQLite needs none, in all its forms."""
    ids = select(users.c.id).order_by(users.c.id)
    async with core.transaction() as tx:
        for options in ({"skip_locked": True}, {"nowait": True}, {"read": True}):
            found = await tx.fetchall(ids.with_for_update(**options), into=int)
            assert [1, 2, 3] == found


async def test_inserts_of_many_values(core: Core) -> None:
    """Several rows in one INSERT, or from a SELECT, with defaults for each row."""
    ages = iter([1, 2, 3])
    shadow = Table(
        "said_users",
        MetaData(),
        Column("id", Integer, primary_key=True),
        Column("name", String(50)),
        Column("age", Integer, default=lambda: next(ages)),
        Column(
            "amount",
            Numeric(10, 2),
            default=lambda c: len(c.get_current_parameters()["name"]),
        ),
    )
    several = await core.execute(insert(shadow).values([{"name": "x"}, {"name": "xx"}]))
    copied = select(users.c.name, users.c.id).where(users.c.id < 3).cte("copied")
    copy = insert(counts).from_select(["k", "v"], select(copied))
    taken = select(shadow.c.age, shadow.c.amount).where(shadow.c.name.like("x%"))

    assert 2 == several.rowcount
    assert [(1, 1), (2, 2)] == await rows(core, taken.order_by(shadow.c.age))
    assert 2 == (await core.execute(copy)).rowcount
    counted = insert(counts).values(k=func.lower("KEY"), v=select(5).scalar_subquery())
    assert 1 == (await core.execute(counted)).rowcount
    assert [("ann", 1), ("bob", 2), ("key", 5)] == await rows(
        core, select(counts).order_by(counts.c.k)
    )


async def test_an_insert_without_values(core: Core, new_table: Any) -> None:
    """An INSERT may leave everything to the defaults, SQL's among them."""
    made = Table(
        new_table(),
        MetaData(),
        Column("id", Integer, primary_key=True),
        Column("top", Integer, default=select(func.max(users.c.id)).scalar_subquery()),
        Column("low", String(9), default=func.lower("LOW"), onupdate=func.upper("up")),
        Column("own", Integer, server_default="3"),
    )
    await core.execute(CreateTable(made))

    first = await core.execute(insert(made))
    second = await core.execute(insert(made), {})
    await core.execute(update(made).where(made.c.id == 2).values(own=4))

    assert (1, 2) == (first.lastrowid, second.lastrowid)
    assert [(1, 3, "low", 3), (2, 3, "UP", 4)] == await rows(core, select(made))


def upsert(core: Core, **values: Any) -> Any:
    """An INSERT that adds to the row that is there."""
    if core.dialect.name == "mysql":
        mine = mysql.insert(counts).values(**values)
        return mine.on_duplicate_key_update(v=counts.c.v + mine.inserted.v)
    other = postgresql if core.dialect.name == "postgresql" else sqlite
    statement = other.insert(counts).values(**values)
    total = {"v": counts.c.v + statement.excluded.v}
    return statement.on_conflict_do_update(index_elements=["k"], set_=total)


async def test_upserts(core: Core) -> None:
    """Each engine's own upsert runs, by one row and by many."""
    await core.execute(upsert(core, k="a", v=1))
    await core.execute(upsert(core, k="a", v=2))
    await core.executemany(upsert(core), [{"k": k, "v": 10} for k in "aab"])

    assert [("a", 23), ("b", 10)] == await rows(core, select(counts).order_by("k"))


async def test_updates_and_deletes(core: Core) -> None:
    """Correlated subqueries and other tables in UPDATE and DELETE; onupdate holds."""
    u, p = users.c, posts.c
    number_of = select(func.count()).where(p.user_id == u.id).scalar_subquery()
    changed = await core.execute(update(users).where(u.id < 3).values(amount=number_of))
    joined = update(users).where(u.id == p.user_id, p.name == "p3").values(age=5)

    assert 2 == changed.rowcount
    assert 1 == (await core.execute(joined)).rowcount
    assert [(Decimal(2), 70), (Decimal(1), 5), (Decimal("2.25"), 7)] == await rows(
        core, select(u.amount, u.age).order_by(u.id)
    )
    gone = delete(posts).where(exists().where(u.id == p.user_id, u.name == "ann"))
    assert 2 == (await core.execute(gone)).rowcount


@pytest.mark.parametrize("verb", ["insert", "update", "delete"])
async def test_returning(core: Core, verb: str) -> None:
    """RETURNING gives typed rows, or is refused before anything is sent."""
    given = (users.c.name, users.c.amount, users.c.doc)
    at = users.c.name == "ann"
    statement, row = {
        "insert": (insert(users).values(name="new", doc=[1]), ("new", None, [1])),
        "update": (update(users).where(at).values(doc={}), ("ann", Decimal("1.5"), {})),
        "delete": (
            delete(users).where(users.c.id == 3),
            ("cid", Decimal("2.25"), None),
        ),
    }[verb]
    has = core.dialect.supports_returning
    if not has or (core.dialect.flavor == "mariadb" and verb == "update"):
        with pytest.raises(asyncdb.NotSupportedError, match=f"{verb.upper()} ... RET"):
            await core.fetchone(statement.returning(*given))
    else:
        assert row == await core.fetchone(statement.returning(*given))


async def test_defaults_that_would_query(core: Core) -> None:
    """A default that would take a query of its own is refused, and says why."""
    asks: Any = lambda context: context.connection.scalar(select(1))  # noqa: E731
    columns = [Column("id", Integer, primary_key=True), Column("age", default=asks)]
    if core.dialect.flavor == "mariadb":  # PostgreSQL's are a part of the statement
        columns = [Column("id", Integer, Sequence("said_sequence"), primary_key=True)]

    with pytest.raises(asyncdb.NotSupportedError, match="a query of its own"):
        await core.execute(insert(Table("said_users", MetaData(), *columns)))


@engines(*POSTGRESQLS)
async def test_sequences(core: Core) -> None:
    """A sequence gives the key, in the same round trip."""
    own = MetaData()
    numbered = Table(
        "said_numbered",
        own,
        Column("id", Integer, Sequence("said_sequence", start=5), primary_key=True),
    )
    await core.create_all(own)
    try:
        assert 5 == (await core.execute(insert(numbered))).lastrowid
        assert 6 == await core.fetchval(select(Sequence("said_sequence").next_value()))
    finally:
        await core.drop_all(own)


async def test_ddl(core: Core, new_table: Callable[[], str]) -> None:
    """Tables and indexes are made and dropped, with comments and constraints."""
    made = Table(
        new_table(),
        MetaData(),
        Column("id", Integer, primary_key=True),
        Column("a", String(20), comment="it's 100% :x"),
        Column("b", Integer, CheckConstraint("b > 0")),
    )
    index = Index(f"{made.name}_b", made.c.b)
    for statement in (
        CreateTable(made),
        CreateTable(made, if_not_exists=True),
        CreateIndex(index),
        DropIndex(index),
    ):
        await core.execute(statement)

    with pytest.raises(asyncdb.IntegrityError):
        await core.execute(insert(made), {"a": "x", "b": 0})
    await core.execute(DropTable(made))
    await core.execute(DropTable(made, if_exists=True))


async def test_what_cannot_be_written(core: Core) -> None:
    """A name that no column has, or what the engine has not, is told before sending."""
    array = Table("said_array", MetaData(), Column("a", ARRAY(Integer)))

    with pytest.raises(asyncdb.ParameterError, match="nope"):
        await core.execute(insert(users), {"name": "x", "nope": 1})
    with pytest.raises(asyncdb.ParameterError, match="nope"):
        await core.execute(insert(users).values(nope=1))
    if core.dialect.name != "postgresql":
        with pytest.raises(asyncdb.NotSupportedError, match="ARRAY"):
            await core.execute(CreateTable(array))
