"""Values that a database holds and Python's types do not: a DataError, and no more."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest

import asyncdb
from tests.plugins.databases import ASYNCMY, POSTGRESQLS, engines

ON_POSTGRESQL = engines(*POSTGRESQLS)
ON_MYSQL = engines("mariadb", "mysql", *ASYNCMY)

WRONG = [
    ("date", "0044-03-15 BC"),
    ("date", "10000-01-01"),
    ("time", "24:00"),
    ("timetz", "24:00+00"),
    ("timestamp", "4713-01-01 BC"),
    ("timestamptz", "0001-01-01 BC"),
    ("timestamptz", "294276-01-01"),
    ("date[]", "{2020-01-01,0044-03-15 BC}"),
    ("daterange", "[0044-03-15 BC,2020-01-01]"),
]


async def goes_on(db: asyncdb.Connection) -> None:
    """Assert that a connection serves what comes next."""
    assert not db.in_transaction
    assert "7" == await db.fetchval("SELECT CAST(? AS CHAR(1))", ["7"])
    assert 1 == await db.fetchval("SELECT 1")


def names(error: asyncdb.DatabaseError, value: str, column: str = "v") -> None:
    """Assert that an error names the column, and not the value."""
    assert type(error) is asyncdb.InvalidDatetime
    assert (column,) == error.columns
    assert f"column {column}" in str(error)
    assert value not in f"{error!s} {error!r}"


@ON_POSTGRESQL
@pytest.mark.parametrize(
    ("kind", "value"), WRONG, ids=[f"{k}-{v[:5]}" for k, v in WRONG]
)
async def test_a_date_of_postgresql(
    db: asyncdb.Connection, kind: str, value: str
) -> None:
    """Read by any verb, typed or not, it is InvalidDatetime, and the session lives."""
    sql = f"SELECT 1 AS n, CAST('{value}' AS {kind}) AS v"
    for _ in range(2):  # at first, and when the statement is kept
        with pytest.raises(asyncdb.InvalidDatetime) as caught:
            await db.fetchall(sql)
        names(caught.value, value.replace("24:00", "no value"))
        assert isinstance(caught.value.__cause__, ValueError | OverflowError)
        await goes_on(db)
    with pytest.raises(asyncdb.InvalidDatetime):
        await db.fetchone(sql, into=dict)
    with pytest.raises(asyncdb.InvalidDatetime):
        async with db.stream(sql) as rows:
            await rows.fetchmany()
    await goes_on(db)


@ON_POSTGRESQL
async def test_it_fails_a_block(db: asyncdb.Connection, table: str) -> None:
    """The server knows of no failure, but the block has met one."""
    await db.execute(f"CREATE TABLE {table} (v DATE)")
    with pytest.raises(asyncdb.TransactionError, match="InvalidDatetime"):
        async with db.transaction():
            insert = f"INSERT INTO {table} VALUES ('0044-03-15 BC') RETURNING v"
            with pytest.raises(asyncdb.InvalidDatetime):
                await db.execute(insert)

    assert 0 == await db.fetchval(f"SELECT count(*) FROM {table}")
    await goes_on(db)


@ON_POSTGRESQL
@pytest.mark.parametrize("exact", [False, True])
async def test_in_a_bulk_that_returns(
    db: asyncdb.Connection, table: str, exact: bool
) -> None:
    """RETURNING in a bulk is read where asyncpg counts by it, and then refused."""
    await db.execute(f"CREATE TABLE {table} (n INT, v DATE DEFAULT '0044-03-15 BC')")
    sql = f"INSERT INTO {table} (n) VALUES (?) RETURNING v"
    work = db.executemany(sql, [[1], [2], [3]], exact_rowcount=exact)
    if exact and db.url.driver != "psycopg":  # which counts without
        with pytest.raises(asyncdb.InvalidDatetime) as caught:
            await work
        names(caught.value, "0044")
    else:
        await work
    await goes_on(db)


@ON_POSTGRESQL
async def test_in_the_middle_of_a_stream(db: asyncdb.Connection) -> None:
    """Rows before it are read; the stream can be left, and the connection goes on."""
    sql = (
        "SELECT DATE '2020-01-01' - n * 800000 AS v FROM generate_series(0, 2) n"
        " ORDER BY n"
    )
    async with db.stream(sql, batch=1) as rows:
        assert [(date(2020, 1, 1),)] == await rows.fetchmany()
        with pytest.raises(asyncdb.InvalidDatetime) as caught:
            await rows.fetchmany()
    names(caught.value, "BC")

    await goes_on(db)


@ON_POSTGRESQL
async def test_a_value_of_no_column_with_a_date(db: asyncdb.Connection) -> None:
    """Inside a row the column's type is no date: then it is a DataError at least."""
    with pytest.raises(asyncdb.DataError) as caught:
        await db.fetchall("SELECT ROW(DATE '0044-03-15 BC') AS v")

    assert "CAST it to text" in str(caught.value)
    await goes_on(db)


@ON_POSTGRESQL
async def test_the_infinities(db: asyncdb.Connection) -> None:
    """asyncpg's way: the last and the first moment of Python stand for them."""
    sql = "SELECT DATE '{0}infinity', TIMESTAMP '{0}infinity'"

    last, first = datetime.max, datetime.min  # noqa: DTZ901  # TIMESTAMP is naive
    assert (date.max, last) == await db.fetchone(sql.format(""))
    assert (date.min, first) == await db.fetchone(sql.format("-"))
    assert await db.fetchval("SELECT CAST(? AS date) = 'infinity'", [date.max])


@ON_POSTGRESQL
@pytest.mark.parametrize(
    ("kind", "value", "error"),
    [
        ("int", 2**40, asyncdb.NumericOutOfRange),
        ("int", "s3cret", asyncdb.DataError),
        ("date", "s3cret", asyncdb.DataError),
        ("text", 998877, asyncdb.DataError),
        ("numeric", "s3cret", asyncdb.DataError),
        ("int[]", 998877, asyncdb.DataError),
        ("timestamptz", 998877, asyncdb.DataError),
    ],
)
async def test_loading_what_does_not_fit(
    db: asyncdb.Connection, table: str, kind: str, value: Any, error: Any
) -> None:
    """COPY says so as a statement does, and has loaded nothing."""
    await db.execute(f"CREATE TABLE {table} (n INT, v {kind})")
    with pytest.raises(error) as caught:
        await db.load_rows(table, ["n", "v"], [[1, None], [2, value]])

    assert type(caught.value) is error
    assert "s3cret" not in str(caught.value)
    assert "998877" not in str(caught.value)
    assert 0 == await db.fetchval(f"SELECT count(*) FROM {table}")


@ON_POSTGRESQL
async def test_what_a_source_of_rows_raises(db: asyncdb.Connection, table: str) -> None:
    """It is the caller's own, and comes back as it is."""
    await db.execute(f"CREATE TABLE {table} (n INT)")
    mine = ValueError("mine")

    async def rows() -> AsyncIterator[list[int]]:
        yield [1]
        raise mine

    with pytest.raises(ValueError, match="mine") as caught:
        await db.load_rows(table, ["n"], rows())

    assert caught.value is mine
    assert 0 == await db.fetchval(f"SELECT count(*) FROM {table}")


# -- MySQL -----------------------------------------------------------------------------


@ON_MYSQL
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("DATE", "2020-00-15"),
        ("DATETIME", "2020-00-15"),
        ("TIMESTAMP", "0000-00-00 00:00:00"),
    ],
)
async def test_a_zero_date_of_mysql(
    db: asyncdb.Connection, table: str, kind: str, value: str
) -> None:
    """Read by any verb it is InvalidDatetime that names the column."""
    await db.execute(f"CREATE TABLE {table} (n INT, v {kind} NULL)")
    await db.execute("SET sql_mode = ''")
    rows = [[1, "2020-01-01"], [2, value], [3, "2021-01-01"]]
    await db.executemany(f"INSERT INTO {table} VALUES (?, ?)", rows)
    sql = f"SELECT v FROM {table} ORDER BY n"
    for work in (db.fetchall(sql), db.fetchone(sql), db.fetchval(f"{sql} LIMIT 1, 1")):
        with pytest.raises(asyncdb.InvalidDatetime) as caught:
            await work
        names(caught.value, value)
        await goes_on(db)
    async with db.stream(sql, batch=1) as stream:
        assert 1 == len(await stream.fetchmany())
        with pytest.raises(asyncdb.InvalidDatetime) as caught:
            await stream.fetchmany()
        assert 1 == len(await stream.fetchmany())
    names(caught.value, value)
    await goes_on(db)


@ON_MYSQL
async def test_a_time_of_mysql(db: asyncdb.Connection) -> None:
    """Its TIME is a span of up to 838 hours, which is not always a time of day."""
    sql = "SELECT CAST('{}' AS TIME) AS v"
    for value in ("24:00:00", "-00:00:01", "838:59:59"):
        with pytest.raises(asyncdb.DataError) as caught:
            await db.fetchval(sql.format(value), into=time)
        assert "column 'v'" in str(caught.value)
        assert value not in str(caught.value)
        await goes_on(db)

    longest = timedelta(hours=838, minutes=59, seconds=59)
    assert longest == await db.fetchval(sql.format("838:59:59"))
    assert -longest == await db.fetchval(sql.format("-838:59:59"))


# -- SQLite ----------------------------------------------------------------------------


@engines("sqlite")
@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("0044-03-15 BC", date),
        ("10000-01-01", date),
        ("24:00:01", time),
        ("2020-02-30 10:00:00", datetime),
        (2**63 - 1, time),
        (math.inf, timedelta),
        ("s3cret", int),
    ],
)
async def test_a_value_of_sqlite(
    db: asyncdb.Connection, value: Any, kind: type
) -> None:
    """Asked for by `into=` it is a DataError that names the column."""
    with pytest.raises(asyncdb.DataError) as caught:
        await db.fetchall("SELECT ? AS v", [value], into=kind)
    assert ("v",) == caught.value.columns
    assert str(value) not in str(caught.value)
    with pytest.raises(asyncdb.DataError):
        async with db.stream("SELECT ? AS v", [value], into=kind) as rows:
            await rows.fetchmany()

    await goes_on(db)
