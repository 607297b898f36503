"""asyncdb check: SQL against a live schema, which changes nothing."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import pytest_asyncio
import yaml
from typer.testing import CliRunner

import asyncdb
from asyncdb.contrib.checking import as_annotations, as_text, check, read_file
from asyncdb.contrib.cli.app import app

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest_asyncio.fixture
async def users(db: asyncdb.Connection, table: str) -> AsyncIterator[str]:
    """A table with a row."""
    await db.execute(f"CREATE TABLE {table} (id INT PRIMARY KEY, name VARCHAR(50))")
    await db.execute(f"INSERT INTO {table} VALUES (?, ?)", [1, "one"])
    yield table
    assert [(1, "one")] == await db.fetchall(f"SELECT * FROM {table}")


SOURCE = '''\
GET = "SELECT name FROM {t} WHERE id = ?"
BAD = "SELECT nme FROM {t}"
TWICE = "SELECT 1"
TWICE = "SELEC 2"


class Store:
    ALL = f"SELECT id, name FROM {t}"

    async def work(self, db, pool, executor, key):
        await db.fetchone(GET, [key])
        await db.fetchall(self.ALL)
        await db.fetchall(BAD)                  # of line 2
        await db.fetchval(TWICE)
        await db.execute("DELETE FROM {t}")
        await db.execute("UPDATE {t} SET name = :n WHERE id = :i", {"n": "x"})  # 16
        await db.execute("DELETE FROM {t} WHERE id = ?", [1, 2])  # 17
        await pool.fetchval("SELECT count(*) FROM {t}_none")  # 18
        await pool.fetchval("SELEC 1")  # asyncdb: ignore
        executor.execute("SELEC 1")
        db.execute("job-7")
        await db.fetchall(
            """SELECT id
               FROM {t}
               WHERE nowhere = ?""",
            [key],
        )
        await db.executemany("INSERT INTO {t} VALUES (?, ?)", [[1, 2, 3]])  # 28
        await db.execute("DELETE FROM {t}; DELETE FROM {t}")  # 29
        await db.executescript("DELETE FROM {t}; DELETE FROM {t}")
        await db.stream("SELECT 'open")  # 31
'''


async def test_python(
    database_url: str, users: str, tmp_path: Path, db: asyncdb.Connection
) -> None:
    """Each planted fault is found in its line, on each engine, and nothing is run."""
    path = tmp_path / "app.py"
    path.write_text(SOURCE.replace("{t}", users))
    found = await check([path], [database_url])
    lines = {fault.line for fault in found}

    # Of a text with several lines all engines know its first, and most the very one.
    assert {2, 16, 17, 18, 28, 29, 31} == lines - {23, 24, 25}
    assert 8 == len(found)
    expected = 25 if db.dialect.name == "postgresql" else 23
    assert expected in lines
    messages = {fault.line: fault.message for fault in found}
    assert "no parameter i is given" == messages[16]
    assert "the statement takes 1 parameters, not 2" == messages[17]
    assert f"{path}:2: " in as_text(found)


async def test_sql_files(database_url: str, users: str, tmp_path: Path) -> None:
    """A file's statements are checked one by one; named queries of aiosql, too."""
    path = tmp_path / "queries.sql"
    lines = [
        "-- name: get_user^",
        f"SELECT name FROM {users} WHERE id = :id;",
        "",
        "-- name: bad",
        f"SELECT nme FROM {users};",
        f"DELETE FROM {users};",
        f"CREATE TABLE {users}_two (id INT);",
    ]
    path.write_text("\n".join(lines))
    found = await check([tmp_path], [database_url])

    assert [5] == [fault.line for fault in found]


async def test_several_engines(tmp_path: Path, database_url: str) -> None:
    """With several databases a fault names its engine; a schema may be made before."""
    schema, path = tmp_path / "schema", tmp_path / "a.sql"
    schema.write_text("CREATE TABLE only_here (id INTEGER);")
    path.write_text("SELECT id FROM only_here")

    assert [] == await check([path], ["sqlite://"], schema=[schema])
    async with asyncdb.connect(database_url):
        pass  # a file that is not there is refused
    found = await check([path], ["sqlite://", database_url])
    assert {1} == {fault.line for fault in found}
    assert any(fault.message.startswith("sqlite: ") for fault in found)


# As the examples make them, by the dialect of their engine.
EXAMPLES_TABLES = """\
DROP TABLE IF EXISTS quickstart_users;
DROP TABLE IF EXISTS purses;
DROP TABLE IF EXISTS typed_orders;
CREATE TABLE quickstart_users (id INTEGER, name VARCHAR(80), email VARCHAR(80));
CREATE TABLE purses (name VARCHAR(20), amount INTEGER);
CREATE TABLE typed_orders (id INTEGER, price NUMERIC(10, 2), size VARCHAR(80),
  paid BOOLEAN, placed TIMESTAMP, took VARCHAR(80), tags VARCHAR(80));
"""


async def test_our_own_examples(tmp_path: Path, database_url: str) -> None:
    """What our examples read and write is good SQL on each engine."""
    schema = tmp_path / "schema"
    schema.write_text(EXAMPLES_TABLES)
    texts = [one for path in EXAMPLES.rglob("*.py") for one in read_file(path)]
    try:
        found = await check([EXAMPLES], [database_url], schema=[schema])
    finally:
        async with asyncdb.connect(database_url) as db:
            for name in ("quickstart_users", "purses", "typed_orders"):
                await db.execute(f"DROP TABLE IF EXISTS {name}")

    assert len(texts) > 5
    assert not as_text(found)


@pytest.mark.skipif(sys.version_info < (3, 14), reason="t-strings need Python 3.14")
async def test_template_strings(tmp_path: Path) -> None:
    """The holes of a t-string are its parameters."""
    path = tmp_path / "app.py"
    path.write_text('db.fetchval(t"SELECT {1} + {2}")\ndb.fetchval(t"SELEC {1}")\n')
    found = await check([path], ["sqlite://"])

    assert [2] == [fault.line for fault in found]


async def test_a_source_that_is_none(tmp_path: Path) -> None:
    """What cannot be read is a fault with its line; all else is checked."""
    (tmp_path / "a.py").write_text("x = 1\nif:\n")
    (tmp_path / "b.sql").write_text("SELEC 1; SELECT 1 +")
    found = await check([tmp_path], ["sqlite://"])

    places = [("a.py", 2), ("b.sql", 1), ("b.sql", 1)]
    assert places == [(f.path.name, f.line) for f in found]
    assert "::error file=" in as_annotations(found)
    assert "a.py,line=2," in as_annotations(found)


def test_texts(tmp_path: Path) -> None:
    """Pieces of one text are one, and a text with holes is none."""
    path = tmp_path / "app.py"
    path.write_text(
        'db.execute("SELECT " "1")\ndb.execute(f"SELECT {x}")\ndb.execute(sql)\n'
    )

    assert [(1, "SELECT 1")] == [(one.line, one.sql) for one in read_file(path)]


BATCHES = """\
async def work(db, pool, key):
    async with db.batch() as b:
        b.execute("SELEC 1")
        b.fetchone("SELECT nme FROM {t}")
        b.fetchall("SELECT id FROM {t} WHERE id = ?", [key])
        b.fetchval("SELECT id FROM {t} WHERE id = ?", [key, 2])
    async with pool.batch() as batch:
        batch.execute("DELETE FROM {t}_none")
        batch.fetchall("SELECT id FROM {t}")
        batch.fetchval("SELECT name FROM {t} WHERE id = :i", {"n": key})
"""


async def test_batches(database_url: str, users: str, tmp_path: Path) -> None:
    """What a batch collects is read, of a connection's and of a pool's."""
    path = tmp_path / "app.py"
    path.write_text(BATCHES.replace("{t}", users))
    found = await check([path], [database_url])

    assert {3, 4, 6, 8, 10} == {fault.line for fault in found}
    assert "no statement begins with SELEC; SELECT does" in as_text(found)


WRONG = """\
async def work(db, shell):
    await db.execute("SELECT id FROM {t} WHRE id = ?", [1])
    await db.fetchall(
        \"\"\"SELECT id
           FROM {t}
           WHERE id = = ?\"\"\",
        [1],
    )
    await db.execute("UPDAET {t} SET id = 2")
    await shell.execute("compile everything")
    await shell.execute("RELAESE SAVEPOINT a")
"""


async def test_where_a_fault_is(
    database_url: str, users: str, tmp_path: Path, db: asyncdb.Connection
) -> None:
    """The place is one in the user's text, and words are told from somebody else's."""
    path = tmp_path / "app.py"
    path.write_text(WRONG.replace("{t}", users))
    (tmp_path / "b.sql").write_text("SELECT 1;\n\ncompile everything;\n")
    found = await check([tmp_path], [database_url])
    said = {(fault.path.suffix, fault.line): fault.message for fault in found}
    exact = 6 if db.dialect.name != "sqlite" else 4

    assert {(".py", n) for n in (2, exact, 9, 11)} | {(".sql", 3)} == said.keys()
    assert "COMPILE" in said[".sql", 3]
    assert "; UPDATE does" in said[".py", 9]
    assert "; RELEASE does" in said[".py", 11]
    if db.dialect.name == "postgresql":
        column = len(f"SELECT id FROM {users} WHRE ") + 1
        assert f"column {column}" in said[".py", 2]


def test_pre_commit_hook() -> None:
    """The hook has what pre-commit asks of one, and its command is ours."""
    [hook] = yaml.safe_load((EXAMPLES.parent / ".pre-commit-hooks.yaml").read_text())
    command, *words = hook["entry"].split()
    scripts = {one.name for one in entry_points(group="console_scripts")}
    answer = CliRunner().invoke(app, [*words, "--help"])

    assert {"id", "name", "entry", "language"} <= hook.keys()
    assert {"python", "sql"} == set(hook["types_or"])
    assert ("python", True) == (hook["language"], hook["require_serial"])
    assert command in scripts
    assert (0, True) == (answer.exit_code, "Check the SQL" in answer.output)


TARGETS = """\
import dataclasses
from typing import NamedTuple, TypedDict
from pydantic import BaseModel, Field
from models import Far

@dataclasses.dataclass(frozen=True)
class Good:
    id: int
    name: str
    age: int = 0

class Less(NamedTuple):
    id: int

class More(TypedDict):
    id: int
    name: str
    email: str

class Renamed(BaseModel):
    key: int = Field(alias="id")

async def work(db, key):
    await db.fetchall("SELECT * FROM {t}", into=Good)
    await db.fetchone("SELECT * FROM {t} WHERE id = ?", [key], into=Less)
    await db.fetchall("SELECT id, name FROM {t}", into=More)
    await db.fetchall("SELECT id FROM {t}", into=Renamed)
    await db.fetchall("SELECT id, name AS nom FROM {t}", into=Far)
    await db.fetchval("SELECT id FROM {t}", into=int)
    with db.batch() as b:
        b.fetchone("SELECT name FROM {t} WHERE id = :i", {"i": key}, into=Good)
    await db.fetchone("INSERT INTO {t} VALUES (9, 'a') RETURNING id, name", into=Less)
"""


async def test_targets(
    database_url: str, users: str, tmp_path: Path, db: asyncdb.Connection
) -> None:
    """The columns of a statement are compared with the fields of its `into=`."""
    (tmp_path / "models.py").write_text(
        "import msgspec\nraise SystemExit\n"
        "class Far(msgspec.Struct):\n    id: int\n    name: str\n"
    )
    path = tmp_path / "app.py"
    path.write_text(TARGETS.replace("{t}", users))
    found = await check([path], [database_url])
    said = {fault.line: fault.message for fault in found}
    before = "the result does not fit "

    expected = {
        25: before + "Less: no field for column name",
        26: before + "More: no column for field email",
        28: before + "Far: no column for field name; no field for column nom",
        31: before + "Good: no column for field id",
    }
    if db.dialect.name == "mysql" and not db.dialect.flavor:  # it has no RETURNING
        assert "RETURNING" in said.pop(32)
    elif db.dialect.name == "postgresql":  # MariaDB and SQLite tell it when it runs
        expected[32] = before + "Less: no field for column name"
    assert expected == said
