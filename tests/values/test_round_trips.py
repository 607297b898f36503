"""Values drawn at random go through each engine and come back equal, of one type."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import asyncdb
from asyncdb.testing.conformance.lists import Hole, Template
from asyncdb.testing.conformance.values import PORTABLE, same

# In UTC within what TIMESTAMP holds on MySQL.
_INSTANTS = (datetime(1970, 1, 2), datetime(2038, 1, 18))  # noqa: DTZ001
_ZONES = st.integers(-14 * 60, 14 * 60).map(
    lambda minutes: timezone(timedelta(minutes=minutes))
)
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.integers(-(10**6), 10**6).map(lambda n: n / 8)
    | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "bool": st.booleans(),
    "int": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "Decimal": st.decimals(-(10**30), 10**30, places=6),
    "str": st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    "bytes": st.binary(),
    "date": st.dates(date(1000, 1, 1)),
    "time": st.times(),
    "datetime, naive": st.datetimes(datetime(1000, 1, 1)),  # noqa: DTZ001
    "datetime, aware": st.datetimes(*_INSTANTS, timezones=_ZONES),
    "timedelta": st.timedeltas(timedelta(hours=-838), timedelta(hours=838)),
    "UUID": st.uuids(),
    "dict, list": st.dictionaries(
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=9),
        _JSON,
        max_size=5,
    ),
}
_FEW = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def test_every_kind_is_drawn() -> None:
    """What the portable set names is drawn here."""
    assert PORTABLE.keys() == VALUES.keys()


@pytest.mark.parametrize("kind", VALUES)
def test_values_come_back(database_url: str, kind: str) -> None:
    """Through every way in, by `fetchall` and `stream`, and found by a list."""
    # Of a tuple, for `into=dict` would be the whole row.
    into: Any = tuple[PORTABLE[kind][0]]

    async def trip(values: list[Any]) -> None:
        async with asyncdb.connect(database_url) as db:
            with suppress(asyncdb.UndefinedTable):
                await db.execute("DROP TABLE t_trip")
            declared = db.dialect.column_types[kind]
            await db.execute(
                f"CREATE TABLE t_trip (id INTEGER PRIMARY KEY, v {declared})"
            )
            count = len(values)
            insert = "INSERT INTO t_trip VALUES (?, ?)"
            await db.execute(insert, [0, values[0]])
            hole = Template("INSERT INTO t_trip VALUES (-1, ", Hole(values[0]), ")")
            await db.execute(hole)
            await db.executemany(insert, list(enumerate(values, 1)))
            loaded = list(enumerate(values, count + 1))
            await db.load_rows("t_trip", ["id", "v"], loaded)
            select = "SELECT v FROM t_trip ORDER BY id"
            expected = [values[0], values[0], *values, *values]
            whole = [value for (value,) in await db.fetchall(select, into=into)]
            async with db.stream(select, into=into, batch=3) as rows:
                pieces = [value async for (value,) in rows]
            if kind != "dict, list":  # JSON is not compared
                listed = await db.fetchval(
                    "SELECT count(*) FROM t_trip WHERE v IN (?)",
                    [asyncdb.expand(values)],
                )
                assert len(expected) == listed
            await db.execute("DROP TABLE t_trip")

        for found in (whole, pieces):
            assert len(found) == len(expected)
            for one, other in zip(expected, found, strict=True):
                assert same(one, other), (one, other)

    @_FEW
    @given(st.lists(VALUES[kind], min_size=1, max_size=8))
    def run(values: list[Any]) -> None:
        asyncio.run(trip(values))

    run()


def _texts(rng: random.Random) -> str:
    planes = [(1, 0x7F), (0x80, 0xD7FF), (0xE000, 0xFFFF), (0x10000, 0x10FFFF)]
    words = ["'", '"', "\\", "%s", "?", ":x", "--", "/*", "\r\n", "`", "$1"]
    return "".join(
        rng.choice(words)
        if rng.random() < 0.2
        else chr(rng.randint(*rng.choice(planes)))
        for _ in range(rng.randint(0, 12))
    )


async def test_three_thousand_rows(
    db: asyncdb.Connection, new_table: Callable[[], str]
) -> None:
    """Text of all planes and bytes of all values survive in bulk."""
    rng = random.Random(7)
    table = new_table()
    types = db.dialect.column_types
    columns = f"id INTEGER PRIMARY KEY, s {types['str']}, b {types['bytes']}"
    await db.execute(f"CREATE TABLE {table} ({columns})")
    rows = [(i, _texts(rng), rng.randbytes(i % 300)) for i in range(3000)]
    await db.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", rows)

    found = await db.fetchall(f"SELECT id, s, b FROM {table} ORDER BY id", into=tuple)
    assert rows == found
    sql = f"SELECT id FROM {table} WHERE s = ? AND b = ?"
    for id_, text, data in rows[::100]:
        assert id_ in await db.fetchall(sql, [text, data], into=int)


async def test_a_refused_value_changes_nothing(
    db: asyncdb.Connection, new_table: Callable[[], str]
) -> None:
    """In a batch, in a block: the others go with it and the connection serves on."""
    table = new_table()
    await db.execute(f"CREATE TABLE {table} (v {db.dialect.column_types['Decimal']})")
    rows = [[Decimal(1)], [Decimal("sNaN")]]
    with pytest.raises(asyncdb.NumericOutOfRange, match=r"row 2, parameter 1"):
        await db.executemany(f"INSERT INTO {table} VALUES (?)", rows)
    with pytest.raises(asyncdb.DataError):
        await db.load_rows(table, ["v"], rows)

    assert 0 == await db.fetchval(f"SELECT count(*) FROM {table}", into=int)


async def test_dates_for_instants_are_of_utc(
    db: asyncdb.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the machine's own zone is does not matter."""
    if db.dialect.name != "postgresql":
        pytest.skip("only PostgreSQL's driver looks at it")
    import time

    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        sql = "SELECT CAST(? AS timestamptz), CAST(? AS timestamptz[])"
        naive = datetime(2026, 7, 1, 12)  # noqa: DTZ001
        row = await db.fetchone(sql, [date(2026, 7, 1), [naive]])
    finally:
        monkeypatch.undo()
        time.tzset()

    aware = naive.replace(tzinfo=UTC)
    assert row == (datetime(2026, 7, 1, tzinfo=UTC), [aware])
