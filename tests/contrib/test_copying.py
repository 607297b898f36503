"""A database copied into another engine has the same rows, keys and rules."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import asyncdb
from asyncdb.contrib.copying import (
    CopyMismatch,
    CopyRefused,
    Problem,
    Progress,
    plan_copy,
)
from asyncdb.contrib.copying.schema import PYTHON_TYPES
from asyncdb.contrib.passwords import Secret
from asyncdb.contrib.users import UserRepository
from examples import job_queue
from tests.plugins.copies import KINDS, LONG, WIDE, Open, make_nasty
from tests.plugins.databases import ENGINES

each_engine = pytest.mark.parametrize("ways", [(e, e) for e in ENGINES], ids="-".join)


def q(db: asyncdb.Connection, name: str) -> str:
    """Quote a name."""
    return asyncdb.quote_identifier(name, db.dialect)


async def sorted_rows(
    db: asyncdb.Connection,
    table: str,
    columns: list[str],
    kinds: list[Any],
    filled: str = "",
) -> list[tuple[Any, ...]]:
    """Rows of a table, those where a column is filled."""
    names = ", ".join(q(db, name) for name in columns)
    into = tuple[tuple(kind | None for kind in kinds)]  # type: ignore[misc]
    where = f" WHERE {q(db, filled)} IS NOT NULL" if filled else ""
    sql = f"SELECT {names} FROM {q(db, table)}{where}"
    rows: list[Any] = await db.fetchall(sql, into=into)
    return sorted(rows, key=repr)


async def test_a_nasty_schema(
    source: asyncdb.Connection, target: asyncdb.Connection
) -> None:
    """Odd names, circles, 300 columns, all values and NULLs arrive as they were."""
    counts = await make_nasty(source)

    plan = await plan_copy(source, target)
    report = await plan.run()

    assert () == plan.problems
    assert counts == {table.name: table.rows for table in report.tables}
    names = ["v " + kind.replace(", ", "_") for kind, _ in KINDS]
    kinds = [type(value) for _, value in KINDS]
    for last, where in ((-1, ""), (None, "v float")):  # JSON's null fits no dict
        got = [
            await sorted_rows(db, "values", names[:last], kinds[:last], where)
            for db in (source, target)
        ]
        assert got[0] == got[1]
        assert tuple(value for _, value in KINDS[:last]) in got[0]
    wide = [f"Column {n}" for n in range(WIDE)]
    types: list[Any] = [int if n % 3 else str for n in range(WIDE)]
    found = [await sorted_rows(db, "wide", wide, types) for db in (source, target)]
    assert found[0] == found[1]
    order, order_types = ["id", "select", "Group", "a b"], [int, str, int, bool]
    found = [
        await sorted_rows(db, "Order", order, order_types) for db in (source, target)
    ]
    assert found[0] == found[1]
    assert 2501 == len(found[0])


async def test_rules_hold_in_the_copy(
    source: asyncdb.Connection, target: asyncdb.Connection
) -> None:
    """Keys go on past the last, a deleted one too; constraints and defaults hold."""
    await make_nasty(source)

    await (await plan_copy(source, target)).run()

    order, words = q(target, "Order"), (q(target, "select"), q(target, "Group"))
    await target.execute(f"INSERT INTO {order} ({words[1]}) VALUES (1)")
    made = await target.fetchone(
        f"SELECT id, {words[0]}, {words[1]}, {q(target, 'a b')} FROM {order}"
        f" WHERE {words[0]} = ?",
        ["it's"],
        into=tuple[int, str, int, bool],
    )
    assert (2601, "it's", 1, True) == made
    at = f"SELECT made FROM {order} WHERE id = 2601"
    assert await target.fetchval(at, into=PYTHON_TYPES["datetime, naive"])
    insert = f"INSERT INTO {order} ({words[0]}, {words[1]}) VALUES (?, ?)"
    with pytest.raises(asyncdb.CheckViolation):
        await target.execute(insert, ["new", 100])
    with pytest.raises(asyncdb.UniqueViolation):
        await target.execute(insert, ["name 7", 1])
    await target.execute(insert, ["NAME 7", 1])  # another name, on every engine
    long = f"INSERT INTO {q(target, LONG)} ({q(target, 'From')}, {q(target, 'to')})"
    with pytest.raises(asyncdb.ForeignKeyViolation):
        await target.execute(f"{long} VALUES (1, 'nobody')")
    await target.execute(f"DELETE FROM composite WHERE {q(target, 'From')} = 3")
    gone = f"SELECT count(*) FROM {q(target, LONG)} WHERE {q(target, 'From')} = 3"
    assert 1 == await target.fetchval(gone)  # only the one that refers to nothing
    with pytest.raises(asyncdb.ForeignKeyViolation):
        await target.execute("UPDATE hen SET egg = 99 WHERE id = 1")
    with pytest.raises(asyncdb.ForeignKeyViolation):
        await target.execute("DELETE FROM hen WHERE id = 1")
    with pytest.raises(asyncdb.UniqueViolation):
        await target.execute(
            f"INSERT INTO composite ({q(target, 'From')}, {q(target, 'to')}, n)"
            " VALUES (1000, 'to 1', 1)"
        )
    with pytest.raises(asyncdb.NotNullViolation):
        await target.execute(f"UPDATE {order} SET {words[0]} = NULL")


async def test_there_and_back(
    source: asyncdb.Connection,
    target: asyncdb.Connection,
    opener: Open,
    ways: tuple[str, str],
) -> None:
    """A copy of the copy has the first one's checksums, the session its own state."""
    await make_nasty(source)
    back = await opener.new(ways[0])

    first = await (await plan_copy(source, target)).run()
    plan = await plan_copy(target, back)
    second = await plan.run()

    assert () == plan.problems
    kept = {table.name: table.checksum for table in first.tables}
    assert kept == {table.name: table.checksum for table in second.tables}
    assert len(set(kept.values())) == len(kept)
    for db in (source, target, back):
        assert not db.in_transaction
    if ways[0] == "sqlite":
        assert 1 == await back.fetchval("PRAGMA foreign_keys")
    if ways[0] == "mariadb":
        modes = await back.fetchone("SELECT @@sql_mode, @@foreign_key_checks")
        fresh = await opener.new(ways[0])
        assert modes == await fresh.fetchone("SELECT @@sql_mode, @@foreign_key_checks")


async def test_the_users_of_the_example(
    source: asyncdb.Connection, target: asyncdb.Connection
) -> None:
    """Users go into the tables that the service has made, and it works on with them."""
    users = UserRepository(source)
    await users.create_schema()
    made = [
        await users.create(
            username=f"Ann {n} 🦄",
            email=f"Ann{n}@example.com",
            password=Secret("s3cret"),
        )
        for n in range(2)
    ]
    await users.delete(made.pop().id)
    there = UserRepository(target)
    await there.create_schema()

    report = await (await plan_copy(source, target, data_only=True)).run()

    assert 1 == report.rows
    assert made[0] == await there.get(made[0].id)
    assert made[0] == await there.verify_password(made[0].username, Secret("s3cret"))
    new = await there.create(
        username="Bob", email="bob@example.com", password=Secret("other")
    )
    assert 3 == new.id


async def test_the_jobs_of_the_example(
    source: asyncdb.Connection,
    opener: Open,
    ways: tuple[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A queue of jobs is worked off where it was copied to."""
    url = await opener.url(ways[1])
    async with asyncdb.create_pool(source.url, max_size=2) as pool:
        queue = job_queue.Queue(pool)
        await queue.create()
        await queue.add(range(20))

    async with asyncdb.connect(url) as target:
        plan = await plan_copy(source, target)
        await plan.run()

    assert () == plan.problems
    async with asyncdb.create_pool(url, max_size=job_queue.WORKERS) as pool:
        await job_queue.Queue(pool, stop_after=20).run()
        found = await pool.fetchall(
            f"SELECT result FROM {job_queue.RESULTS} ORDER BY result", into=int
        )
    assert [n**2 for n in range(20)] == found


async def test_progress(source: asyncdb.Connection, target: asyncdb.Connection) -> None:
    """Who watches sees rows go up to the total, twice: copied, and read again."""
    await source.execute("CREATE TABLE t (a INTEGER)")
    await source.load_rows("t", ["a"], ((n,) for n in range(12_000)))
    seen: list[Progress] = []

    await (await plan_copy(source, target)).run(progress=seen.append)

    for phase in ("rows", "check"):
        done = [one.done for one in seen if one.phase == phase]
        assert done == sorted(done)
        assert 12_000 == done[-1]
        assert len(done) > 3
    assert {12_000} == {one.total for one in seen}


async def test_types_are_chosen(
    source: asyncdb.Connection, target: asyncdb.Connection
) -> None:
    """A column becomes what `types` says; a name that is not there is refused."""
    text = source.dialect.column_types["str"]
    await source.execute(f"CREATE TABLE t (at {text}, n {text})")
    await source.execute("INSERT INTO t VALUES ('2024-02-29 12:00:00+00:00', '1.50')")
    types = {"t.at": "datetime, aware", "t.n": "Decimal"}

    for wrong in ({"t.x": "int"}, {"t.at": "moment"}):
        with pytest.raises(asyncdb.ParameterError, match="types: "):
            await plan_copy(source, target, types=wrong)
    plan = await plan_copy(source, target, types=types)
    if source.dialect.flavor == target.dialect.flavor and (
        source.dialect.name == target.dialect.name
    ):
        assert plan.tables == ("t",)  # its own words stay
        return
    await plan.run()

    declared = target.dialect.column_types["Decimal"]
    assert declared in plan.statements[0]
    kinds = [PYTHON_TYPES[one] for one in types.values()]
    (row,) = await sorted_rows(target, "t", ["at", "n"], kinds)
    assert ("2024-02-29T12:00:00+00:00", 1.5) == (row[0].isoformat(), float(row[1]))


@pytest.mark.parametrize("after", [1, 8000])
async def test_cancelled(
    source: asyncdb.Connection, target: asyncdb.Connection, opener: Open, after: int
) -> None:
    """A copy that is cancelled leaves nothing, and can be made again."""
    await source.execute("CREATE TABLE a (n INTEGER)")
    await source.execute("CREATE TABLE b (n INTEGER)")
    for table in "ab":
        await source.load_rows(table, ["n"], ((n,) for n in range(9000)))
    plan = await plan_copy(source, target)

    def watch(progress: Progress) -> None:
        if progress.done >= after and progress.table == "b":
            task.cancel()

    task = asyncio.create_task(plan.run(progress=watch))
    with pytest.raises(asyncio.CancelledError):
        await task
    if source.is_closed:  # a stream that is left in the middle may cost it
        source = await opener.connect(source.url)
    again = await plan_copy(source, target)

    assert () == again.notes  # nothing was there to be dropped
    report = await again.run()
    assert 18_000 == report.rows


async def test_tables_are_chosen(
    source: asyncdb.Connection, target: asyncdb.Connection
) -> None:
    """Named tables are copied beside others; what refers elsewhere is a problem."""
    await make_nasty(source)
    await target.execute("CREATE TABLE other (a INTEGER)")

    with pytest.raises(asyncdb.ParameterError, match="no table nobody"):
        await plan_copy(source, target, tables=["nobody"])
    with pytest.raises(CopyRefused, match="not empty: it has other"):
        await plan_copy(source, target)
    plan = await plan_copy(source, target, tables=["egg", "empty"])
    with pytest.raises(CopyRefused, match="table hen is not copied"):
        await plan.run()
    await plan.run(skip_problems=True)

    what = "table egg: foreign key (hen)"
    assert (Problem(what, "table hen is not copied"),) == plan.problems
    assert 3 == await target.fetchval("SELECT count(*) FROM egg")
    with pytest.raises(CopyRefused, match="not empty: it has egg"):
        await plan_copy(source, target, tables=["egg"])


async def test_only_rows(
    source: asyncdb.Connection, target: asyncdb.Connection
) -> None:
    """Tables that are there are filled, and a full one is refused."""
    for db in (source, target):
        await make_nasty(db)

    with pytest.raises(CopyRefused, match="not empty: there are rows in"):
        await plan_copy(source, target, data_only=True)
    await target.execute("UPDATE hen SET egg = NULL, mother = NULL")
    for table in (LONG, "composite", "egg", "hen", "Order", "values", "wide"):
        await target.execute(f"DELETE FROM {q(target, table)}")
    plan = await plan_copy(source, target, data_only=True)
    circle = target.dialect.name == "postgresql"
    assert circle == bool(plan.problems)  # its keys there are not deferrable
    if circle:
        assert {"table egg", "table hen"} == {one.what for one in plan.problems}
        with pytest.raises(asyncdb.ForeignKeyViolation):
            await plan.run(skip_problems=True)
        for table, column in (("hen", "egg"), ("egg", "hen"), ("hen", "mother")):
            await target.execute(
                f"ALTER TABLE {table} ALTER CONSTRAINT {table}_{column}_fkey DEFERRABLE"
            )
        plan = await plan_copy(source, target, data_only=True)
    report = await plan.run()

    assert () == plan.problems
    assert 2501 + 100 + 102 + 3 + 3 + 6 + 2 == report.rows


async def test_names_that_are_too_long(
    source: asyncdb.Connection, target: asyncdb.Connection
) -> None:
    """A name that the target does not keep is a problem, and is cut when skipped."""
    # PostgreSQL keeps 63 bytes, MySQL 64 characters.
    name = "ü" * (31 if source.dialect.name == "postgresql" else 64)
    await source.execute(f"CREATE TABLE {q(source, name)} (a INTEGER)")

    plan = await plan_copy(source, target)
    await plan.run(skip_problems=True)

    too_long = len(name) == 64 and target.dialect.name == "postgresql"
    assert too_long == bool(plan.problems)
    if too_long:
        (problem,) = plan.problems
        assert "keeps no such name" in problem.why
        cut = problem.instead.removeprefix("becomes ")
        assert 0 == await target.fetchval(f"SELECT count(*) FROM {q(target, cut)}")


@each_engine
async def test_nothing_that_is_no_table_is_forgotten(
    source: asyncdb.Connection, target: asyncdb.Connection
) -> None:
    """Views, triggers and generated columns are listed, and refused unless skipped."""
    await source.execute("CREATE TABLE t (a INTEGER)")
    column = "b INTEGER GENERATED ALWAYS AS (a + 1) STORED"
    await source.execute(f"CREATE TABLE g (a INTEGER, {column})")
    await source.execute("CREATE VIEW v AS SELECT a FROM t")
    for sql in TRIGGERS[source.dialect.name]:
        await source.execute(sql)
    await source.execute("INSERT INTO g (a) VALUES (41)")

    plan = await plan_copy(source, target)

    shown = "\n".join(map(str, plan.problems))
    for what in ("view v: ", "trigger tr of table t: ", "column b: it is GENERATED"):
        assert what in shown
    with pytest.raises(CopyRefused) as refused:
        await plan.run()
    assert plan.problems == refused.value.problems
    assert shown.splitlines()[0] in str(refused.value)
    with pytest.raises(asyncdb.UndefinedTable):
        await target.fetchval("SELECT a FROM t")
    await plan.run(skip_problems=True)
    assert 42 == await target.fetchval("SELECT b FROM g")


TRIGGERS = {
    "sqlite": ["CREATE TRIGGER tr AFTER INSERT ON t BEGIN DELETE FROM t; END"],
    "mysql": ["CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 7"],
    "postgresql": [
        """CREATE FUNCTION seven() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN NEW.a = 7; RETURN NEW; END'""",
        "CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION seven()",
    ],
}


async def test_other_rows_are_found_out(
    source: asyncdb.Connection, target: asyncdb.Connection
) -> None:
    """A target that changes what it is given is found out, and has nothing of it."""
    await source.execute("CREATE TABLE t (a INTEGER)")
    await source.execute("INSERT INTO t VALUES (6)")
    await target.execute("CREATE TABLE t (a INTEGER)")
    triggers = TRIGGERS[target.dialect.name]
    if target.dialect.name == "sqlite":
        triggers = ["CREATE TRIGGER tr AFTER INSERT ON t BEGIN UPDATE t SET a = 7; END"]
    for sql in triggers:
        await target.execute(sql)
    plan = await plan_copy(source, target, data_only=True)

    with pytest.raises(CopyMismatch, match="table t: the target has other values"):
        await plan.run()
    assert 0 == await target.fetchval("SELECT count(*) FROM t")
    report = await plan.run(verify=False)

    assert not report.verified
    assert 7 == await target.fetchval("SELECT a FROM t")


async def test_a_row_that_does_not_fit(
    source: asyncdb.Connection, target: asyncdb.Connection
) -> None:
    """A value that the target refuses ends the copy; the error names the table."""
    text = source.dialect.column_types["str"]
    await source.execute(f"CREATE TABLE fine (a {text})")
    await source.execute(f"CREATE TABLE unfit (a {text})")
    await source.execute("INSERT INTO unfit VALUES ('long')")
    await target.execute("CREATE TABLE fine (a VARCHAR(3) NOT NULL)")
    await target.execute("CREATE TABLE unfit (a VARCHAR(3) CHECK (a <> 'long'))")
    await source.execute("INSERT INTO fine VALUES ('abc')")
    plan = await plan_copy(source, target, data_only=True)

    with pytest.raises((asyncdb.DataError, asyncdb.CheckViolation)) as caught:
        await plan.run()

    assert ["while table unfit was copied"] == caught.value.__notes__
    assert 0 == await target.fetchval("SELECT count(*) FROM fine")
