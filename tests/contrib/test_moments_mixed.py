"""Moments on SQLite of several text forms in one column, and their conversion."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, time, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import (
    Column,
    Date,
    DateTime,
    Integer,
    MetaData,
    Table,
    Time,
    case,
    create_engine,
    desc,
    func,
    insert,
    literal,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.operators import eq, ge, gt, le, lt, ne

import asyncdb
from asyncdb.contrib._compiling import sqlalchemy_dialect
from asyncdb.contrib.sqlalchemy import Core
from asyncdb.dialects.sqlite import DIALECT
from tests.contrib.test_moments import NOON, SECOND, made
from tests.plugins.databases import engines

mixed = Table(
    "mixed",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("at", DateTime, index=True),
    Column("other", DateTime),
)
# All are noon.
FORMS = [
    "2024-02-29 12:00:00",
    "2024-02-29 12:00:00+00:00",
    "2024-02-29 12:00:00.000",
    "2024-02-29 12:00:00.000000",
    "2024-02-29 12:00:00.000000+00:00",
]


async def filled(db: asyncdb.Connection) -> Core:
    """The table with noon in all forms, and a later moment."""
    core = Core(db)
    await core.create_all(mixed.metadata)
    rows = [(form, other) for form, other in zip(FORMS, FORMS[::-1], strict=True)]
    await db.executemany("INSERT INTO mixed (at, other) VALUES (?, ?)", rows)
    await core.execute(insert(mixed).values(at=NOON + SECOND, other=NOON))
    return core


@engines("sqlite")
async def test_equal_moments_of_several_forms_are_one(db: asyncdb.Connection) -> None:
    """GROUP BY, DISTINCT, UNION and windows take the texts of a moment for one."""
    core = await filled(db)
    at, other = mixed.c.at, mixed.c.other
    counted = select(at, func.count().label("n")).order_by(at)
    both = [(NOON, 5), (NOON + SECOND, 1)]

    assert both == await core.fetchall(counted.group_by(at))
    assert both == await core.fetchall(counted.group_by("at"))
    assert 2 == len(await core.fetchall(select(at).distinct()))
    assert [NOON] == await core.fetchall(select(other).distinct(), into=datetime)
    within = select(at.label("x")).distinct().subquery()
    assert 1 == len(await core.fetchall(select(within).where(within.c.x == NOON)))
    assert 2 == len(await core.fetchall(select(at).union(select(other))))
    assert 12 == len(await core.fetchall(select(at).union_all(select(other))))
    assert 2 == await core.fetchval(select(func.count(at.distinct())))
    number = func.row_number().over(partition_by=at, order_by=mixed.c.id)
    assert 5 == max(await core.fetchall(select(number), into=int))
    for order, ranks in ((at, {1, 6}), (at.desc(), {1, 2})):
        ranked = select(func.rank().over(order_by=order))
        assert ranks == {*await core.fetchall(ranked, into=int)}
    told = case({NOON: "noon"}, value=at, else_="later")
    assert ["noon"] * 5 + ["later"] == await core.fetchall(select(told), into=str)
    later = select(func.nullif(at, NOON, type_=DateTime))
    assert [None] * 5 + [NOON + SECOND] == await core.fetchall(
        later, into=datetime | None
    )


@engines("sqlite")
async def test_queries_keep_their_columns(db: asyncdb.Connection) -> None:
    """What is rewritten keeps names, order and all columns, texts among them."""
    core = await filled(db)
    at = mixed.c.at
    plain = select(text("1 AS one"), at, at, mixed.c.id < 0).distinct()
    row = await core.fetchone(plain.order_by("at"))
    named = select(at.label("x")).distinct().order_by(desc("x"))
    once = select(at).distinct().cte("once")
    first = select(at.label("at"), literal(1).label("n")).where(mixed.c.id == 1)
    counted = first.cte("counted", recursive=True)
    counted = counted.union(
        select(counted.c.at, counted.c.n + 1).where(counted.c.n < 3)
    )

    assert row is not None
    assert (1, NOON, NOON, False) == row
    assert ("one", "at") == row.keys()[:2]
    assert [NOON + SECOND, NOON] == await core.fetchall(named, into=datetime)
    inside = select(func.count()).where(at.in_(select(once.c.at)))
    assert 6 == await core.fetchval(inside)
    assert [(NOON, 1), (NOON, 2), (NOON, 3)] == await core.fetchall(select(counted))


@engines("sqlite")
async def test_columns_of_several_forms_are_compared(db: asyncdb.Connection) -> None:
    """Two columns are compared by what they mean, in joins and subqueries too."""
    core = await filled(db)
    at, other, alias = mixed.c.at, mixed.c.other, mixed.alias()
    count = select(func.count())

    assert 5 == await core.fetchval(count.where(at == other))
    assert 1 == await core.fetchval(count.where(at > other))
    assert 5 == await core.fetchval(count.where(at <= other))
    assert 5 == await core.fetchval(count.where(at.in_(select(other))))
    assert 5 == await core.fetchval(count.where(literal(NOON).between(at, other)))
    joined = select(mixed.c.id).join(alias, alias.c.at == at)
    assert 26 == len(await core.fetchall(joined))
    inner = select(alias.c.other).where(alias.c.id == mixed.c.id).scalar_subquery()
    assert 5 == await core.fetchval(count.where(at == inner))
    last = select(at).where(at == select(func.max(at)).scalar_subquery())
    assert [NOON + SECOND] == await core.fetchall(last, into=datetime)
    assert 5 == await core.fetchval(count.where(func.datetime(at) == NOON))
    assert 5 == await core.fetchval(count.where(func.coalesce(at, other) == NOON))


@engines("sqlite")
async def test_an_index_serves_comparisons(db: asyncdb.Connection) -> None:
    """A comparison with a moment searches an index, as one of texts would."""
    core = await filled(db)
    dialect = sqlalchemy_dialect(db.dialect)
    literally = {"literal_binds": True}

    for condition in (
        mixed.c.at == NOON,
        mixed.c.at < NOON,
        mixed.c.at.between(NOON, NOON + SECOND),
        mixed.c.at == select(func.max(mixed.c.other)).scalar_subquery(),
    ):
        query = select(mixed.c.id).where(condition)
        compiled = query.compile(dialect=dialect, compile_kwargs=literally)
        plan = await core.fetchall(f"EXPLAIN QUERY PLAN {compiled}")
        assert any("SEARCH mixed USING" in row.detail for row in plan)


@engines("sqlite")
async def test_nulls_are_as_ever(db: asyncdb.Connection) -> None:
    """A comparison with NULL is neither true nor false."""
    core = await filled(db)
    await core.execute(update(mixed).values(other=None))
    at, other = mixed.c.at, mixed.c.other
    null = literal(None, DateTime)

    for condition in (at == other, at != other, at < null, other.between(NOON, NOON)):
        count = select(func.count()).where(condition)
        assert 0 == await core.fetchval(count)
    assert 6 == await core.fetchval(select(func.count()).where(other.is_(None)))
    distinct = select(func.count()).where(other.is_distinct_from(NOON))
    assert 6 == await core.fetchval(distinct)


# Every form of a moment.
def forms(moment: datetime) -> st.SearchStrategy[str]:
    """The texts that a moment may have in a column."""
    found = {moment.isoformat(" "), moment.isoformat(" ", "microseconds")}
    if moment.microsecond % 1000 == 0:
        found.add(moment.isoformat(" ", "milliseconds"))
    return st.sampled_from([f + zone for f in sorted(found) for zone in ("", "+00:00")])


NEAR = st.builds(
    lambda seconds, micros: NOON + seconds * SECOND + micros * SECOND / 1_000_000,
    st.integers(-2, 50),
    st.sampled_from([0, 1, 10, 1000, 100_000, 500_000, 999_999]),
)
WRITTEN = NEAR.flatmap(lambda moment: st.tuples(st.just(moment), forms(moment)))


@given(WRITTEN, WRITTEN)
def test_every_form_compares_as_its_moment(
    left: tuple[datetime, str], right: tuple[datetime, str]
) -> None:
    """Whatever two texts of moments there are, SQLite compares them as Python does."""
    a, b = left[0], right[0]
    texts = [literal_column(f"'{side[1]}'", DateTime) for side in (left, right)]
    compared = [
        compare(*sides)
        for compare in (eq, ne, lt, le, gt, ge)
        for sides in ((texts[0], b), (literal(a), texts[1]), texts)
    ]
    query = select(*compared).compile(
        dialect=sqlalchemy_dialect(DIALECT), compile_kwargs={"literal_binds": True}
    )
    raw = sqlite3.connect(":memory:")
    found = raw.execute(str(query)).fetchone()
    raw.close()

    expected = [compare(a, b) for compare in (eq, ne, lt, le, gt, ge) for _ in range(3)]
    assert expected == [*map(bool, found)]


# -- defaults --------------------------------------------------------------------------


def stamped(default: Any) -> Table:
    """A table whose moments the database makes."""
    return Table(
        "stamped",
        MetaData(),
        Column("id", Integer, primary_key=True),
        Column("at", DateTime, server_default=default),
        Column("hour", Time, server_default=func.current_time()),
    )


@engines("sqlite")
async def test_now_has_the_one_form(db: asyncdb.Connection) -> None:
    """What the database makes of `func.now()` is a text as Core writes it."""
    table = stamped(func.now())
    core = Core(db)
    await core.create_all(table.metadata)
    await core.execute(insert(table).values(id=1))
    await core.execute(insert(table).values(id=2, at=func.current_timestamp()))
    sizes = select(func.length(table.c.at), func.length(table.c.hour))

    assert [(26, 15), (26, 15)] == await core.fetchall(sizes)
    now = datetime.now(UTC).replace(tzinfo=None)
    for row in await core.fetchall(select(table.c.at)):
        assert -60 * SECOND < now - row.at < 60 * SECOND
    soon = select(func.count()).where(table.c.at <= func.now())
    assert 2 == await core.fetchval(soon)


async def test_sqlalchemys_server_defaults_are_found(
    sqlite_url: str, request: pytest.FixtureRequest
) -> None:
    """Rows with `DEFAULT CURRENT_TIMESTAMP` are found by the moment that they show."""
    theirs = create_engine(sqlite_url)
    request.addfinalizer(theirs.dispose)
    table = stamped(func.now())
    table.metadata.create_all(theirs)
    with theirs.begin() as connection:
        connection.execute(insert(table).values(id=1))

    async with asyncdb.connect(sqlite_url) as db:
        core = Core(db)
        await core.execute(insert(table).values(id=2))
        for row in await core.fetchall(select(table)):
            same = select(func.count()).where(
                table.c.at == row.at, table.c.hour == row.hour, table.c.id == row.id
            )
            later = select(func.count()).where(table.c.at > row.at)
            assert 1 == await core.fetchval(same)
            assert await core.fetchval(later) < 2
        await core.convert_moments(table.metadata)
    with theirs.begin() as connection:
        for row in connection.execute(select(table)).all():
            same = select(func.count()).where(
                table.c.at == row.at, table.c.id == row.id
            )
            assert 1 == connection.scalar(same)


# -- zones, refusals, the conversion ---------------------------------------------------


@engines("sqlite")
async def test_zones_become_utc(db: asyncdb.Connection) -> None:
    """Aware moments are stored and found as their instant, whatever their zone."""
    table = Table(
        "zones", MetaData(), Column("a", DateTime(timezone=True)), Column("n", DateTime)
    )
    core = Core(db)
    await core.create_all(table.metadata)
    instant = NOON.replace(tzinfo=UTC)
    tokyo = instant.astimezone(timezone(timedelta(hours=9)))
    await core.execute(insert(table), {"a": tokyo, "n": tokyo})

    assert (instant, NOON) == await core.fetchone(select(table))
    for value in (instant, tokyo, NOON):
        both = select(func.count()).where(table.c.a == value, table.c.n == value)
        assert 1 == await core.fetchval(both)
    stored = await db.fetchone("SELECT a, n FROM zones")
    assert ("2024-02-29 12:00:00.000000",) * 2 == stored


@engines("sqlite")
async def test_a_form_of_the_users_own_is_kept(db: asyncdb.Connection) -> None:
    """`storage_format=` of SQLAlchemy's own types is written, read and compared."""
    seconds = sqlite.DATETIME(truncate_microseconds=True)
    digits = sqlite.TIME(
        storage_format="%(hour)02d%(minute)02d%(second)02d",
        regexp=r"(\d\d)(\d\d)(\d\d)",
    )
    table = Table("own", MetaData(), Column("at", seconds), Column("hour", digits))
    core = Core(db)
    await core.create_all(table.metadata)
    await core.execute(insert(table), {"at": NOON, "hour": time(12, 30)})
    same = select(table).where(table.c.at == NOON, table.c.at.in_([NOON]))

    assert [(NOON, time(12, 30))] == await core.fetchall(same)
    assert "2024-02-29 12:00:00" == await db.fetchval("SELECT at FROM own")
    assert 0 == await core.convert_moments(table.metadata)


@engines("sqlite")
@pytest.mark.parametrize("column", ["d", "a", "t"])
async def test_what_is_no_moment_is_refused(
    db: asyncdb.Connection, column: str
) -> None:
    """A text for a moment would be kept by SQLite: it is InvalidDatetime here."""
    columns = [Column("d", Date), Column("a", DateTime), Column("t", Time)]
    table = Table("refusing", MetaData(), *columns)
    core = Core(db)
    await core.create_all(table.metadata)

    with pytest.raises(asyncdb.InvalidDatetime, match="needed, not a str") as caught:
        await core.execute(insert(table), {column: "secret"})
    assert "secret" not in str(caught.value)


@engines("sqlite")
@pytest.mark.parametrize(
    "bad",
    ["'2024-02-29T12:00:00'", "'2024-02-29 12:00:00+02:00'", "'tomorrow'", "17",
     "'2024-02-29 12:00:00.1234567'", "'2024-02-29 12:00:00+0200'"],
)  # fmt: skip
async def test_the_conversion_takes_no_nonsense(
    db: asyncdb.Connection, bad: str
) -> None:
    """What is no moment in UTC stops the conversion, which then has done nothing."""
    core = await filled(db)
    before = await db.fetchall("SELECT at, other FROM mixed")
    await db.execute(f"UPDATE mixed SET other = {bad} WHERE id = 6")

    with pytest.raises(asyncdb.InvalidDatetime, match=r"mixed\.other"):
        await core.convert_moments(mixed.metadata)
    after = await db.fetchall("SELECT at, other FROM mixed")
    assert before[:5] == after[:5]


@engines("sqlite")
async def test_the_conversion_tells_duplicates(db: asyncdb.Connection) -> None:
    """One moment in two forms in a UNIQUE column is a UniqueViolation."""
    table, _ = made("datetime", unique=True)
    core = Core(db)
    await core.create_all(table.metadata)
    rows = [(form,) for form in FORMS[:2]]
    await db.executemany("INSERT INTO moments (at) VALUES (?)", rows)

    with pytest.raises(asyncdb.UniqueViolation):
        await core.convert_moments(table.metadata)
    assert FORMS[:2] == await db.fetchall("SELECT at FROM moments", into=str)


async def test_the_conversion_is_sqlites(db: asyncdb.Connection) -> None:
    """Elsewhere moments have a type, and nothing is converted nor asked."""
    found = await Core(db).convert_moments(stamped(func.now()).metadata)

    assert 0 == found
