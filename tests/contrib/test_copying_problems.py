"""What a copy cannot make is said before anything is written."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import asyncdb
from asyncdb.contrib.copying import CopyRefused, Progress, plan_copy
from tests.plugins.copies import Open, plain_mode

SCHEMAS: dict[str, str] = {
    "postgresql": """
        CREATE TYPE mood AS ENUM ('glad', 'it''s sad');
        CREATE DOMAIN euro AS numeric(10, 2) CHECK (VALUE > 0);
        CREATE TABLE odd (
            id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            mood mood DEFAULT 'glad', price euro, address inet, numbers int[],
            span interval DEFAULT '01:00:00', at timestamptz DEFAULT now(),
            day date DEFAULT CURRENT_DATE, code char(3) DEFAULT 'ab',
            state varchar(9) CHECK (state IN ('new', 'o''ld', 'x::text')),
            key uuid DEFAULT gen_random_uuid(), flag bool DEFAULT true,
            raw bytea DEFAULT '\\x00ff', doc jsonb DEFAULT '{"a": 1}', circle circle,
            real real CHECK (real > 0.5), EXCLUDE USING gist (circle WITH &&),
            CONSTRAINT likes CHECK (state LIKE '%o%' AND state ~ 'o')
        );
        CREATE INDEX odd_lower ON odd (lower(state));
        CREATE INDEX odd_doc ON odd USING gin (doc);
        CREATE INDEX odd_new ON odd (state DESC) WHERE state = 'new'::text;
        CREATE SEQUENCE alone;
        CREATE MATERIALIZED VIEW seen AS SELECT 1 AS one;
        CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1';
        CREATE TABLE elder (n int);
        CREATE TABLE heir (more int) INHERITS (elder);
        INSERT INTO elder VALUES (1);
        INSERT INTO heir VALUES (2, 7);
        CREATE TABLE parts (n int NOT NULL) PARTITION BY RANGE (n);
        CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
        INSERT INTO parts VALUES (1), (2);
        INSERT INTO odd (price, address, numbers, circle, state, real)
            VALUES (1.5, '10.0.0.1/8', '{1,NULL,3}', '<(1,2),3>', 'o''ld', 1.1);
        """,
    "mysql": """
        CREATE TABLE odd (
            id bigint unsigned AUTO_INCREMENT PRIMARY KEY,
            mood enum('glad', 'it''s sad') DEFAULT 'glad', flags set('a', 'b'),
            at timestamp NULL ON UPDATE CURRENT_TIMESTAMP, big bigint unsigned,
            small tinyint unsigned, y year, f float, place point,
            bits bit(4) DEFAULT b'11',
            words text, code char(3) DEFAULT 'ab', spans time, clock time,
            state varchar(9) CHECK (state IN ('new', 'o''ld', 'back\\\\')),
            n int DEFAULT (1 + 1), FULLTEXT KEY odd_words (words),
            KEY odd_prefix (words(10)), KEY odd_down (state DESC)
        );
        CREATE TABLE other (n int, KEY (n)) ENGINE = InnoDB;
        CREATE PROCEDURE one() SELECT 1;
        INSERT INTO odd
            (mood, flags, big, small, y, f, place, words, spans, clock, state)
            VALUES ('glad', 'a,b', 18446744073709551615, 255, 2024, 0.1,
                ST_GeomFromText('POINT(1 2)'), 'text', '-30:00:00', '12:00:00',
                'o''ld');
        """,
    "sqlite": """
        CREATE TABLE odd (
            id INTEGER PRIMARY KEY, n INTEGER, price DECIMAL(10, 2), at DATETIME,
            moment DATETIME, code VARCHAR(3), untyped, flag BOOLEAN, mixed TEXT,
            name TEXT COLLATE NOCASE DEFAULT "glad", day TEXT, "key" TEXT,
            state TEXT CONSTRAINT known CHECK (state IN ('new', 'o''ld', 'a, (b')),
            CHECK (julianday(at) > 0)
        );
        CREATE INDEX odd_lower ON odd (lower(state));
        CREATE INDEX odd_new ON odd (state DESC) WHERE state = 'new';
        CREATE VIRTUAL TABLE words USING fts5(text);
        INSERT INTO odd VALUES (1, 'text', 1.25, '2024-02-29 12:00:00',
            '2024-02-29T12:00:00Z', 'long', 7, 2, 'a', 'n', '2024-02-29',
            '00000000-0000-4000-8000-000000000000', 'o''ld');
        INSERT INTO odd (id, mixed) VALUES (2, x'41');
        """,
}
# What must be said of each, as the source, when the target is another engine.
SAID: dict[str, list[str]] = {
    "postgresql": [
        "column address: type inet is of PostgreSQL; becomes text",
        "column numbers: type integer[] is of PostgreSQL; becomes text",
        "column price: a domain (euro) is of PostgreSQL; becomes numeric(10,2)",
        "column circle: type circle is not portable; becomes text",
        "column span: DEFAULT '01:00:00'::interval: no plain value; left out",
        "column key: DEFAULT gen_random_uuid(): no plain value; left out",
        "constraint odd_circle_excl: EXCLUDE is of PostgreSQL; left out",
        "it has an operator of PostgreSQL's own; left out",
        "index odd_lower: an index on an expression; left out",
        "index odd_doc: an index of type gin; left out",
        "sequence alone: only tables are copied; left out",
        "materialized view seen: only tables are copied; left out",
        "function one: code is not copied; left out",
        "table heir: inheritance: it is of PostgreSQL; a table of its own, its own",
        "table parts: partitions: the target gets one table; it has all rows",
    ],
    "mysql": [
        "column at: ON UPDATE CURRENT_TIMESTAMP is of MySQL; left out",
        "column place: type point is not portable; becomes bytes",
        "column n: DEFAULT (1 + 1): no plain value; left out",
        "index odd_words: an index of type FULLTEXT; left out",
        "procedure one: code is not copied; left out",
    ],
    "sqlite": [
        "column n: it is declared INTEGER and has other values; becomes one of type s",
        "column flag: it is declared BOOLEAN and has other values; becomes one of",
        "column mixed: it is declared TEXT and has other values; becomes one of type",
        "index odd_lower: an index on an expression; left out",
        "virtual table words: only tables are copied; left out",
        " ) > 0): the target refuses it: ",
    ],
}


@pytest.fixture
async def odd(source: asyncdb.Connection) -> asyncdb.Connection:
    """A database with what its engine alone has."""
    script = SCHEMAS[source.dialect.name]
    await plain_mode(source)
    await source.executescript(script)
    return source


async def test_it_is_said_before_anything_is_written(
    odd: asyncdb.Connection, target: asyncdb.Connection
) -> None:
    """Each thing that the target cannot have is a problem, and nothing else is."""
    if odd.dialect.name == target.dialect.name:
        plan = await plan_copy(odd, target)
        await plan.run(skip_problems=True)
        assert not [one for one in plan.problems if "the target refuses" in str(one)]
        return
    plan = await plan_copy(odd, target)
    shown = [str(one) for one in plan.problems]

    expected = SAID[odd.dialect.name]
    if target.dialect.name == "mysql":
        expected = [*expected, "index odd_new: MySQL has no index on a part"]
    unsaid = [one for one in expected if not any(one in line for line in shown)]
    assert [] == unsaid, "\n".join(shown)
    assert len(expected) == len(shown), "\n".join(shown)
    with pytest.raises(CopyRefused):
        await plan.run()
    with pytest.raises(asyncdb.UndefinedTable):
        await target.fetchone("SELECT 1 FROM odd")


async def test_what_is_left_is_copied(
    odd: asyncdb.Connection, target: asyncdb.Connection
) -> None:
    """Skipped, each is what its line says, and the values are there."""
    report = await (await plan_copy(odd, target)).run(skip_problems=True)

    assert report.rows >= 1
    row = await target.fetchone("SELECT * FROM odd ORDER BY id")
    assert row is not None
    assert "o'ld" == row["state"]
    same = odd.dialect.name == target.dialect.name
    if odd.dialect.name == "postgresql":
        assert "glad" == row["mood"]
        if not same:
            assert "10.0.0.1/8" == row["address"]
            assert "{1,NULL,3}" == row["numbers"]
            assert "<(1,2),3>" == row["circle"]
        assert 2 == await target.fetchval("SELECT count(*) FROM parts")
        assert 1 == await target.fetchval("SELECT count(*) FROM elder")
        assert 7 == await target.fetchval("SELECT more FROM heir")
        with pytest.raises(asyncdb.CheckViolation):
            await target.execute("UPDATE odd SET mood = 'angry'")
    elif odd.dialect.name == "mysql":
        assert 18446744073709551615 == int(row["big"])
        assert (255, 2024, "a,b") == (row["small"], row["y"], row["flags"])
        assert 0.1 == pytest.approx(row["f"])
        assert 3 == await new_row(target, "bits")
    else:
        assert ("text", 2, "a") == (row["n"], row["flag"], row["mixed"])
    with pytest.raises((asyncdb.CheckViolation, asyncdb.DataError)):
        await target.execute("UPDATE odd SET state = 'unknown'")


async def new_row(db: asyncdb.Connection, column: str) -> Any:
    """What a column is by default."""
    await db.execute("INSERT INTO odd (state) VALUES ('new')")
    found = await db.fetchval(f"SELECT {column} FROM odd WHERE state = 'new'")
    return int.from_bytes(found) if isinstance(found, bytes) else found


@pytest.mark.parametrize("ways", [("sqlite", "postgresql")], ids="-".join)
async def test_texts_that_look_like_something(
    odd: asyncdb.Connection, target: asyncdb.Connection
) -> None:
    """Of SQLite's TEXT columns it is said what their texts look like."""
    notes = "\n".join((await plan_copy(odd, target)).notes)

    assert "column day: each of its texts looks like date" in notes
    assert "column key: each of its texts looks like UUID" in notes
    assert "column code: longer values than VARCHAR(3)" in notes


@pytest.mark.parametrize(
    "ways", [("postgresql", "sqlite"), ("postgresql", "mariadb")], ids="-".join
)
async def test_names_that_differ_in_case(
    source: asyncdb.Connection, target: asyncdb.Connection
) -> None:
    """Columns that the target takes for one are told apart by new names."""
    await source.execute('CREATE TABLE t ("a" int, "A" int)')
    await source.execute("INSERT INTO t VALUES (1, 2)")

    plan = await plan_copy(source, target)
    await plan.run(skip_problems=True)

    (problem,) = plan.problems
    assert "table t: column A" == problem.what
    name = problem.instead.removeprefix("becomes ")
    assert (1, 2) == await target.fetchone(f"SELECT a, {name} FROM t")


@pytest.mark.parametrize("ways", [("sqlite", "mariadb")], ids="-".join)
async def test_two_at_once(
    source: asyncdb.Connection, target: asyncdb.Connection, opener: Open
) -> None:
    """A second copy into one database of MySQL is refused: it would drop the first."""
    await source.execute("CREATE TABLE t (a INTEGER)")
    plan = await plan_copy(source, target)
    other = await plan_copy(
        await opener.connect(source.url), await opener.connect(target.url)
    )
    refused: list[CopyRefused] = []

    async def run_other() -> None:
        try:
            await other.run()
        except CopyRefused as error:
            refused.append(error)

    tasks = []

    def meanwhile(_: Progress) -> None:
        if not tasks:
            tasks.append(asyncio.create_task(run_other()))

    await plan.run(progress=meanwhile)
    await tasks[0]

    assert "another copy into the target is running" in str(refused[0])


@pytest.mark.parametrize("ways", [("sqlite", "sqlite")], ids="-".join)
async def test_used_wrongly(opener: Open, source: asyncdb.Connection) -> None:
    """An open transaction, one text for tables and an unknown engine are refused."""
    target = await opener.new("sqlite")

    with pytest.raises(asyncdb.ParameterError, match="list of names"):
        await plan_copy(source, target, tables="t")
    async with target.transaction():
        await target.execute("CREATE TABLE t (a)")
        with pytest.raises(asyncdb.TransactionError, match="open on the target"):
            await plan_copy(source, target)
    async with asyncdb.connect("fake://") as fake:
        if fake.dialect.name not in ("sqlite", "postgresql", "mysql"):
            with pytest.raises(asyncdb.NotSupportedError, match="copying knows"):
                await plan_copy(fake, target)
