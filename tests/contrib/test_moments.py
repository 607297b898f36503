"""Moments on SQLite through Core: one text form, SQLAlchemy's, and the others found."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    Date,
    DateTime,
    Engine,
    Integer,
    Interval,
    MetaData,
    Table,
    Time,
    bindparam,
    create_engine,
    delete,
    func,
    insert,
    literal,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects import sqlite

import asyncdb
from asyncdb.contrib.sqlalchemy import Core
from tests.plugins.databases import engines

NOON = datetime(2024, 2, 29, 12)  # noqa: DTZ001  # it has no zone
SECOND = timedelta(seconds=1)
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # Interval's

# Column type -> five values in their order; the third is the one looked for.
VALUES: dict[str, tuple[Any, list[Any]]] = {
    "date": (Date, [date(2024, 2, day) for day in (1, 2, 3, 4, 5)]),
    "datetime": (
        DateTime,
        [NOON - SECOND, NOON - SECOND / 1000, NOON, NOON + SECOND / 4, NOON + SECOND],
    ),
    "aware": (
        DateTime(timezone=True),
        [(NOON + n * SECOND / 4).replace(tzinfo=UTC) for n in (-4, -1, 0, 1, 4)],
    ),
    "time": (
        Time,
        [time(11), time(11, 59, 59, 999999), time(12), time(12, 0, 0, 1), time(13)],
    ),
    "interval": (
        Interval,
        [-SECOND, SECOND / 10, SECOND, SECOND * 1.5, timedelta(days=400)],
    ),
}
types = pytest.mark.parametrize("name", VALUES)


def of_first_release(value: Any) -> str | None:
    """How asyncdb 0.1 stored a value of a column through Core."""
    if value is None:
        return None
    if isinstance(value, timedelta):
        value = EPOCH + value
    found: str = (
        value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
    )
    return found


def made(name: str, **options: Any) -> tuple[Table, list[Any]]:
    """A table with a column of this type, and its values."""
    kind, values = VALUES[name]
    key = Column("id", Integer, primary_key=True)
    table = Table("moments", MetaData(), key, Column("at", kind, **options))
    return table, values


@pytest.fixture
def theirs(sqlite_url: str) -> Iterator[Engine]:
    """SQLAlchemy's own engine on the file."""
    engine = create_engine(sqlite_url)
    yield engine
    engine.dispose()


def written_by_sqlalchemy(engine: Engine, table: Table, values: list[Any]) -> None:
    """Have SQLAlchemy make the table and write the values."""
    table.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(table), [{"at": value} for value in values])


def written_by_first_release(engine: Engine, table: Table, values: list[Any]) -> None:
    """Make the table, and write the values as asyncdb 0.1 did."""
    table.metadata.create_all(engine)
    rows = [(of_first_release(value),) for value in values]
    with sqlite3.connect(engine.url.database or "") as raw:
        raw.executemany("INSERT INTO moments (at) VALUES (?)", rows)
    raw.close()


WRITERS = [written_by_sqlalchemy, written_by_first_release]
writers = pytest.mark.parametrize("write", WRITERS)


@types
@writers
async def test_old_rows_are_found(
    theirs: Engine, sqlite_url: str, name: str, write: Callable[..., None]
) -> None:
    """Rows of other writers are compared, ordered and read as what they mean."""
    table, values = made(name)
    write(theirs, table, [values[n] for n in (3, 0, 4, 2, 1)])
    noon, at = values[2], table.c.at

    async with asyncdb.connect(sqlite_url) as db:
        core = Core(db)

        async def found(condition: Any) -> list[Any]:
            query = select(at).where(condition).order_by(at)
            return [row.at for row in await core.fetchall(query)]

        assert values == await found(table.c.id > 0)
        assert [noon] == await found(at == noon)
        assert values[:2] + values[3:] == await found(at != noon)
        assert values[:2] == await found(at < noon)
        assert values[:3] == await found(at <= noon)
        assert values[3:] == await found(at > noon)
        assert values[2:] == await found(at >= noon)
        assert values[2:] == await found(literal(noon, at.type) <= at)
        assert values[1:3] == await found(at.between(values[1], noon))
        assert [values[0], *values[3:]] == await found(~at.between(values[1], noon))
        assert [noon, values[4]] == await found(at.in_([noon, values[4]]))
        assert values[:2] + values[3:4] == await found(at.not_in([noon, values[4]]))
        assert [] == await found(at.in_([]))
        assert values == await found(at.not_in([]))
        assert values[2:] == await found(tuple_(at, table.c.id) >= (noon, 0))
        assert [noon] == await found(~at.is_distinct_from(noon))
        assert [noon] == await found(
            at == select(func.max(at)).where(at <= noon).scalar_subquery()
        )


@types
@writers
async def test_old_rows_are_changed_and_removed(
    theirs: Engine, sqlite_url: str, name: str, write: Callable[..., None]
) -> None:
    """An UPDATE and a DELETE meet the rows of other writers."""
    table, values = made(name)
    write(theirs, table, values)
    at = table.c.at

    async with asyncdb.create_pool(sqlite_url) as pool:
        core = Core(pool)
        change = update(table).where(at == values[2]).values(at=values[3])
        assert 1 == (await core.execute(change)).rowcount
        assert 2 == (await core.execute(delete(table).where(at == values[3]))).rowcount
        typed = text("DELETE FROM moments WHERE at = :at").bindparams(
            bindparam("at", values[4], at.type)
        )
        if write is written_by_sqlalchemy:
            assert 1 == (await core.execute(typed)).rowcount
        else:
            await core.execute(delete(table).where(at >= values[4]))
        left = await core.fetchall(select(at).order_by(at))

    assert values[:2] == [row.at for row in left]


@types
async def test_duplicates_of_sqlalchemys_rows_are_refused(
    theirs: Engine, sqlite_url: str, name: str
) -> None:
    """The same moment in a UNIQUE column is a UniqueViolation, by every verb."""
    table, values = made(name, unique=True)
    written_by_sqlalchemy(theirs, table, values[1:])
    twice = [values[0], values[2]]

    async with asyncdb.connect(sqlite_url) as db:
        core = Core(db)
        with pytest.raises(asyncdb.UniqueViolation):
            await core.execute(insert(table).values(at=values[2]))
        with pytest.raises(asyncdb.UniqueViolation):
            await core.executemany(insert(table), [{"at": value} for value in twice])
        with pytest.raises(asyncdb.UniqueViolation):
            await core.load_rows(table, ["at"], [(value,) for value in twice])
        with pytest.raises(asyncdb.UniqueViolation):
            await core.execute(
                update(table).where(table.c.at == values[1]).values(at=values[2])
            )
        changed = sqlite.insert(table).values(at=values[2])
        await core.execute(changed.on_conflict_do_nothing(index_elements=["at"]))

        assert 4 == await core.fetchval(select(func.count()).select_from(table))


@pytest.mark.parametrize("name", [name for name in VALUES if name != "date"])
async def test_the_first_releases_duplicates_wait_for_the_conversion(
    theirs: Engine, sqlite_url: str, name: str
) -> None:
    """A UNIQUE column with older texts takes no row before it is converted."""
    table, values = made(name, unique=True)
    written_by_first_release(theirs, table, values)

    async with asyncdb.create_pool(sqlite_url) as pool:
        core = Core(pool)
        for write in (
            core.execute(insert(table), {"at": values[2]}),
            core.execute(update(table).values(at=values[2])),
            core.execute(update(table), {"at": values[2]}),
            core.execute(update(table).ordered_values((table.c.at, values[2]))),
            core.executemany(insert(table), [{"at": values[2]}]),
            core.load_rows(table, [table.c.at], [(values[2],)]),
        ):
            with pytest.raises(asyncdb.InvalidDatetime, match="convert_moments"):
                await write
        untouched = update(table).values(id=table.c.id + 10)
        assert 5 == (await core.execute(untouched)).rowcount
        assert 0 < await core.convert_moments(table.metadata)
        assert 0 == await core.convert_moments(table.metadata)
        with pytest.raises(asyncdb.UniqueViolation):
            await core.execute(insert(table), {"at": values[2]})
        found = await core.fetchall(select(table.c.at).order_by(table.c.at))

    assert values == [row.at for row in found]


@types
async def test_what_was_converted_is_sqlalchemys(
    theirs: Engine, sqlite_url: str, name: str
) -> None:
    """After the conversion, SQLAlchemy's own engine finds what asyncdb 0.1 wrote."""
    table, values = made(name)
    written_by_first_release(theirs, table, [*values, None])
    async with asyncdb.connect(sqlite_url) as db:
        await Core(db).convert_moments(table.metadata)

    check_theirs(theirs, table, values)


@types
async def test_sqlalchemy_finds_ours(
    theirs: Engine, sqlite_url: str, name: str
) -> None:
    """SQLAlchemy's own engine finds what Core writes, by whichever verb."""
    table, values = made(name)
    async with asyncdb.connect(sqlite_url) as db:
        core = Core(db)
        await core.create_all(table.metadata)
        await core.execute(insert(table).values(at=values[0]))
        await core.execute(insert(table), {"at": values[1]})
        await core.executemany(insert(table), [{"at": values[2]}, {"at": None}])
        await core.load_rows(table, [table.c.at], iter([(values[3],)]))
        await core.execute(insert(table).values([{"at": values[4]}]))

    check_theirs(theirs, table, values)


def check_theirs(engine: Engine, table: Table, values: list[Any]) -> None:
    """Find, order, update and delete by SQLAlchemy's own engine."""
    at = table.c.at
    with engine.begin() as connection:

        def found(condition: Any) -> list[Any]:
            rows = connection.scalars(select(at).where(condition).order_by(at))
            # SQLAlchemy reads what has a zone as naive.
            return [
                r.replace(tzinfo=UTC) if getattr(v, "tzinfo", None) else r
                for r, v in zip(rows.all(), expected, strict=True)
            ]

        expected = values
        assert values == found(at.is_not(None))
        expected = values[2:3]
        assert expected == found(at == values[2])
        expected = values[:3]
        assert expected == found(at <= values[2])
        changed = connection.execute(
            update(table).where(at == values[1]).values(at=values[0])
        )
        assert 1 == changed.rowcount
        assert 2 == connection.execute(delete(table).where(at == values[0])).rowcount
        assert 1 == connection.execute(delete(table).where(at.is_(None))).rowcount


async def test_databases_rows_are_found(sqlite_url: str) -> None:
    """A file that encode/databases wrote is read, found and refused as duplicate."""
    databases = pytest.importorskip("databases", reason="databases is not installed")
    table, values = made("datetime", unique=True)
    async with asyncdb.connect(sqlite_url) as db:
        await Core(db).create_all(table.metadata)
    async with databases.Database(sqlite_url) as database:
        for value in values:
            await database.execute(insert(table).values(at=value))

    async with asyncdb.connect(sqlite_url) as db:
        core = Core(db)
        assert 1 == len(
            await core.fetchall(select(table).where(table.c.at == values[2]))
        )
        with pytest.raises(asyncdb.UniqueViolation):
            await core.execute(insert(table).values(at=values[2]))


async def test_load_rows_takes_a_table(db: asyncdb.Connection, table: str) -> None:
    """The values of `load_rows()` go by the types of a Table's columns."""
    made = Table(
        table,
        MetaData(),
        Column("id", Integer),
        Column("at", DateTime),
        Column("span", Interval),
    )
    core = Core(db)
    await core.create_all(made.metadata)
    rows = [(1, NOON, SECOND), (2, None, None)]

    async def later() -> Any:
        yield 3, NOON, SECOND

    assert 2 == await core.load_rows(made, ["id", made.c.at, "span"], rows)
    assert 1 == await core.load_rows(made, ["id", "at", "span"], later())
    assert 1 == await core.load_rows(made, ["id"], [(4,)])
    found = await core.fetchall(select(made).order_by(made.c.id))
    assert [*rows, (3, NOON, SECOND), (4, None, None)] == found
    same = select(func.count()).where(made.c.at == NOON, made.c.span == SECOND)
    assert 2 == await core.fetchval(same)
    with pytest.raises(asyncdb.ParameterError, match="no column nope"):
        await core.load_rows(made, ["nope"], [(1,)])
    with pytest.raises(asyncdb.ParameterError, match="2 values for 1"):
        await core.load_rows(made, ["at"], [(NOON, NOON)])
    with pytest.raises(asyncdb.ParameterError, match="list of columns"):
        await core.load_rows(made, "at", [(NOON,)])


@engines("sqlite")
async def test_lists_of_moments(db: asyncdb.Connection) -> None:
    """A list that is given beside the statement is bound by its type, too."""
    table, values = made("datetime")
    core, at = Core(db), table.c.at
    await core.create_all(table.metadata)
    await core.executemany(insert(table), [{"at": value} for value in values])
    some = values[1:3]

    given = select(at).where(at.in_(bindparam("some", expanding=True))).order_by(at)
    assert some == await core.fetchall(given, {"some": some}, into=datetime)
    written = text("SELECT at FROM moments WHERE at IN (:some) ORDER BY at")
    typed = written.bindparams(bindparam("some", type_=DateTime)).columns(at=DateTime)
    found = await core.fetchall(typed, {"some": asyncdb.expand(some)}, into=datetime)
    assert some == found
    with pytest.raises(asyncdb.InvalidDatetime):
        await core.fetchall(typed, {"some": some})


async def test_a_date_is_its_midnight(db: asyncdb.Connection, table: str) -> None:
    """Moments are compared with dates as on servers, by values and by columns."""
    made = Table(
        table,
        MetaData(),
        Column("at", DateTime),
        Column("day", Date),
    )
    core, at, day = Core(db), made.c.at, made.c.day
    await core.create_all(made.metadata)
    midnight, leap = datetime(2024, 2, 29), date(2024, 2, 29)  # noqa: DTZ001
    rows = [{"at": m, "day": leap} for m in (midnight - SECOND, midnight, NOON)]
    await core.executemany(insert(made), rows)

    for condition, count in (
        (at == leap, 1),
        (at > leap, 1),
        (at >= leap, 2),
        (at < leap, 1),
        (at == day, 1),
        (day < at, 1),
        (day == midnight, 3),
        (day != NOON, 3),
        (at.between(leap, leap), 1),
        (day == leap, 3),
    ):
        found = select(func.count()).select_from(made).where(condition)
        assert count == await core.fetchval(found), str(condition)


async def test_a_file_that_cannot_be_told_is_looked_through_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative path after the folder was changed hides no older moments."""
    monkeypatch.chdir(tmp_path)
    table, values = made("datetime", unique=True)
    async with asyncdb.connect("sqlite:///relative.db") as db:
        core = Core(db)
        await core.create_all(table.metadata)
        monkeypatch.chdir("/")
        await core.execute(insert(table), {"at": values[0]})
        await db.execute("INSERT INTO moments (at) VALUES (?)", [values[2]])

        with pytest.raises(asyncdb.InvalidDatetime, match="moments has moments"):
            await core.execute(insert(table), {"at": values[2]})
