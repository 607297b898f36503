"""The command line: what it writes, how it ends, and what it never shows."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

import asyncdb
from _asyncdb_command import hidden, main
from asyncdb.contrib.cli import app
from tests.plugins.copies import new_database
from tests.plugins.databases import SERVERS, engine_url


def call(
    *arguments: str, url: str = "", stdin: str | None = None, **environ: str | None
) -> Result:
    """Run a command in this process."""
    names = {"ASYNCDB_URL": url or None, "NO_COLOR": "1", "COLUMNS": "200"}
    return CliRunner().invoke(app, list(arguments), stdin, env=names | environ)


@pytest.fixture
def shop(sqlite_url: str) -> str:
    """A database with a table."""
    script = """
        CREATE TABLE sales (id INTEGER PRIMARY KEY, who TEXT, price REAL, raw BLOB);
        INSERT INTO sales VALUES (1, 'Ann | 🦄', 9.5, x'00ff'), (2, NULL, 3, NULL);
        """
    done = call("run", "-", url=sqlite_url, stdin=script)
    assert 0 == done.exit_code, done.output
    return sqlite_url


WRITTEN = {
    "table": r"""
id | who      | price | raw
---+----------+-------+-------
 1 | Ann | 🦄 |   9.5 | \x00ff
 2 | NULL     |   3.0 | NULL
""",
    "csv": r"""
id,who,price,raw
1,Ann | 🦄,9.5,\x00ff
2,,3.0,
""",
    "jsonl": r"""
{"id": 1, "who": "Ann | 🦄", "price": 9.5, "raw": "\\x00ff"}
{"id": 2, "who": null, "price": 3.0, "raw": null}
""",
    "markdown": r"""
| id | who | price | raw |
| --- | --- | --- | --- |
| 1 | Ann \| 🦄 | 9.5 | \x00ff |
| 2 | NULL | 3.0 | NULL |
""",
}


@pytest.mark.parametrize("form", list(WRITTEN))
def test_formats(shop: str, form: str) -> None:
    """Rows are a table, CSV, JSON lines or Markdown."""
    done = call("query", "-f", form, "SELECT * FROM sales ORDER BY id", url=shop)

    assert WRITTEN[form] == f"\n{done.stdout}"
    assert 0 == done.exit_code


def test_no_rows(shop: str) -> None:
    """A result without rows still has its columns; a change says how many it was."""
    none = call("query", "SELECT id, who FROM sales WHERE id = 9", url=shop)
    changed = call("query", "UPDATE sales SET price = price + 1", url=shop)
    made = call("query", "CREATE TABLE t (a)", url=shop)

    assert "id | who\n---+----\n" == none.stdout
    assert "(2 rows)" in changed.stderr
    assert ("", 0) == (changed.stdout, made.exit_code)


def test_what_would_move_the_cursor(shop: str) -> None:
    """Control characters of a value do not reach the terminal in tables."""
    done = call("query", "SELECT ? AS a", "x\x1b[2Jy\nz", url=shop)
    whole = call("query", "-f", "csv", "SELECT ? AS a", "y\nz", url=shop)

    assert "x\\x1b[2Jy\\nz" in done.stdout
    assert [["a"], ["y\nz"]] == list(csv.reader(io.StringIO(whole.stdout)))


def test_columns_of_one_name(shop: str) -> None:
    """No column of a row is lost in JSON."""
    sql = "SELECT 1 AS a, 2 AS a, 3 AS a_2, 4 AS a"
    done = call("query", "-f", "jsonl", sql, url=shop)

    assert {1, 2, 3, 4} == set(json.loads(done.stdout).values())


def test_values(shop: str) -> None:
    """Values are typed as the help says, by place and by name."""
    given = ["7", "007", "1.5", "null", "text:7", "true", "decimal:1.50"]
    asked = ", ".join(f"typeof(?) AS t{n}" for n in range(len(given)))
    by_place = call("query", "-f", "csv", f"SELECT {asked}", *given, url=shop)
    named = ["-p", "day=date:2024-02-29", "-p", "n=int:-7"]
    by_name = call(
        "query", "-f", "jsonl", "SELECT :day AS d, :n AS n", *named, url=shop
    )

    expected = "integer,text,real,null,text,integer,text"
    assert expected == by_place.stdout.splitlines()[1]
    assert {"d": "2024-02-29", "n": -7} == json.loads(by_name.stdout)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["query", "SELECT missing FROM sales"], 1, "no such column: missing"),
        (["query", "SELECT ?"], 2, "markers"),
        (["query", "SELECT ?", "1", "-p", "a=1"], 2, "do not go together"),
        (["query", "SELECT ?", "date:s3cret"], 2, "a value behind date: is not one"),
        (["query", "SELECT :a", "-p", "a"], 2, "-p takes name=value"),
        (["query", "-u", "nodb://x", "SELECT 1"], 2, "nodb"),
        (["query", "-u", "not a url", "SELECT 1"], 2, "URL"),
        (["query", "-u", "env:NOWHERE", "SELECT 1"], 2, "no variable NOWHERE"),
        (["query"], 2, "Missing argument"),
        (["run", "/nowhere.sql"], 2, "/nowhere.sql"),
        (["ping", "-u", "postgresql://x@127.0.0.1:1/x"], 1, "127.0.0.1"),
        (["copy", "sqlite://", "sqlite://", "--type", "a"], 2, "TABLE.COLUMN=TYPE"),
        (["copy", "sqlite://", "sqlite://", "-t", "t"], 2, "no table t"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_how_it_ends(shop: str, arguments: list[str], code: int, said: str) -> None:
    """1 when the database said no, 2 when it was called wrongly; and it says why."""
    done = call(*arguments, url=shop)

    assert code == done.exit_code, done.output
    assert said in done.stderr
    assert "s3cret" not in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    "command", ["", "ping", "query", "run", "copy", "check", "doctor"]
)
def test_help_teaches(command: str) -> None:
    """The help of each command has examples."""
    done = call(*filter(None, [command]), "--help")

    assert 0 == done.exit_code
    assert (
        f"asyncdb {command}" in done.stdout if command else "Ends with" in done.stdout
    )


def test_script(shop: str, tmp_path: Path) -> None:
    """A script is run whole or not at all, and shows the rows of its statements."""
    script = tmp_path / "script.sql"
    script.write_text("SELECT 1 AS one; INSERT INTO sales (id) VALUES (3);")
    good = call("run", "-f", "csv", str(script), url=shop)
    bad = call("run", "-", url=shop, stdin="DELETE FROM sales; SELECT wrong;")
    count = call("query", "-f", "csv", "SELECT count(*) AS n FROM sales", url=shop)

    assert ("one\n1\n", 0) == (good.stdout, good.exit_code)
    assert 1 == bad.exit_code
    assert "statement 2 of 2" in bad.stderr
    assert "n\n3\n" == count.stdout


def test_ping(database_url: str) -> None:
    """Ping tells times, version, role and TLS."""
    call("run", "-", url=database_url, stdin="SELECT 1")  # makes the file
    done = call("ping", "-n", "2", "-f", "jsonl", url=database_url)

    facts = json.loads(done.stdout)
    assert facts["ping_ms"] <= facts["slowest_ms"]
    assert 0 < facts["connect_ms"]
    assert facts["role"] in ("primary", "read-write", "a file")
    assert facts["tls"]
    assert facts["server"].split()[0] in database_url


def test_doctor(database_url: str) -> None:
    """The doctor tells what is installed, and what of the server is not portable."""
    call("run", "-", url=database_url, stdin="SELECT 1")  # makes the file
    done = call("doctor", "-f", "jsonl", url=database_url)

    found = {one["about"]: one for one in map(json.loads, done.stdout.splitlines())}
    assert 0 == done.exit_code, done.output
    assert "ready" == found["installed: aiosqlite"]["advice"]
    judged = {"sqlite": "journal_mode", "postgresql": "encoding", "mariadb": "sql_mode"}
    engine = database_url.partition(":")[0].partition("+")[0]
    assert "ok" == found[judged.get(engine, "sql_mode")]["level"]


def test_what_the_doctor_finds(sqlite_url: str) -> None:
    """A file that others would refuse is a warning, and --strict ends with 1."""
    script = """
        PRAGMA foreign_keys = OFF;
        CREATE TABLE p (id INTEGER PRIMARY KEY);
        CREATE TABLE c (p INTEGER REFERENCES p);
        INSERT INTO c VALUES (7);
        """
    call("run", "--no-transaction", "-", url=sqlite_url, stdin=script)
    url = f"{sqlite_url}?journal_mode=delete"
    done = call("doctor", "--strict", "-f", "jsonl", url=url)

    found = {one["about"]: one for one in map(json.loads, done.stdout.splitlines())}
    assert 1 == done.exit_code
    assert ("warning", "in c") == (
        found["rows without their parent"]["level"],
        found["rows without their parent"]["what"],
    )
    assert "warning" == found["journal_mode"]["level"]
    assert "info" == found["tables not STRICT"]["level"]


def test_check(shop: str, tmp_path: Path) -> None:
    """SQL that its database does not take is found by file and line, and not run."""
    source = tmp_path / "shop.py"
    source.write_text(
        "async def f(db):\n"
        "    await db.execute('DELETE FROM sales')\n"
        "    await db.fetchall('SELECT nobody FROM sales')\n"
    )
    found = call("check", str(source), url=shop)
    marked = call("check", str(source), "-f", "github", url=shop)
    script = tmp_path / "schema.sql"
    script.write_text("CREATE TABLE sales (nobody TEXT)")
    fine = call("check", str(source), "-u", "sqlite://", "-s", str(script))
    gone = call("check", str(tmp_path / "nowhere.py"), url=shop)
    left = call("query", "-f", "csv", "SELECT count(*) AS n FROM sales", url=shop)

    assert (1, 1, 0, 2) == tuple(
        one.exit_code for one in (found, marked, fine, gone)
    ), (found.output, fine.output, gone.output)
    assert found.stdout.startswith(f"{source}:3: ")
    assert 1 == found.stdout.count("\n")
    assert "::error file=" in marked.stdout
    assert "n\n2\n" == left.stdout


def test_drivers() -> None:
    """Each driver is listed with its library's version, the doors of tests are not."""
    done = call("drivers", "-f", "jsonl")

    found = {one["library"]: one for one in map(json.loads, done.stdout.splitlines())}
    assert "ready" == found["asyncpg"]["state"]
    assert "postgresql://" in found["asyncpg"]["urls"]
    assert found["aiosqlite"]["version"]
    assert not [one for one in found.values() if "testing" in one["urls"]]
    assert "fake" not in found


def test_drivers_say_how_a_missing_library_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The advice is the driver's own: an extra of ours, not a name that was guessed."""
    for name in [
        one for one in sys.modules if one.startswith("asyncdb.drivers.asyncmy")
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "asyncmy", None)
    monkeypatch.setattr("asyncdb.contrib.cli.drivers._version", lambda _: None)

    done = call("drivers", "-f", "jsonl")

    found = {one["library"]: one for one in map(json.loads, done.stdout.splitlines())}
    wanted = 'missing: pip install "asyncdb-toolkit[asyncmy]"'
    assert wanted == found["asyncmy"]["state"]


def test_a_copy_of_nothing_is_refused(tmp_path: Path) -> None:
    """A source without tables, the wrong one perhaps, is no copy that went well."""
    target = f"sqlite:///{tmp_path / 'target.db'}"
    done = call("copy", "sqlite://", target)

    assert 1 == done.exit_code
    assert "the source has no tables: is it the right database?" in done.stderr


LOOKS = [
    ["ping"],
    ["query", "SELECT 1"],
    ["doctor"],
    ["check", "app.sql"],
    ["copy", "env:ASYNCDB_URL", "sqlite:///target.db"],
    ["copy", "--dry-run", "env:ASYNCDB_URL", "sqlite:///target.db"],
]


@pytest.mark.parametrize("command", LOOKS, ids=" ".join)
def test_a_file_that_is_not_there(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A misspelt file is an error that says so, and none appears, nor a target."""
    monkeypatch.chdir(tmp_path)
    Path("app.sql").write_text("SELECT 1")
    done = call(*command, url="sqlite:///typo.db")

    assert 1 == done.exit_code
    assert "the file typo.db does not exist" in done.stderr
    assert ["app.sql"] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.parametrize("command", LOOKS, ids=" ".join)
def test_what_only_looks_changes_nothing(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program's file has the same bytes afterwards: its journal mode stays."""
    monkeypatch.chdir(tmp_path)
    Path("app.sql").write_text("SELECT a FROM t")
    with closing(sqlite3.connect("theirs.db")) as db:
        db.execute("CREATE TABLE t (a INTEGER)")
    before = Path("theirs.db").read_bytes()
    done = call(*command, url="sqlite:///theirs.db")

    assert 0 == done.exit_code, done.output
    assert before == Path("theirs.db").read_bytes()
    made = {"target.db"} if command[:2] == ["copy", "env:ASYNCDB_URL"] else set()
    assert {"app.sql", "theirs.db"} | made == {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize("engine", ["sqlite", *SERVERS])
async def test_copy(
    engine: str, shop: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """A database is copied, looked at before, and refused when it is not empty."""
    await in_thread("query", "CREATE VIEW dear AS SELECT id FROM sales", url=shop)
    async with new_database(engine_url(request, engine)) as target:
        where = {"ASYNCDB_SOURCE_URL": shop, "ASYNCDB_TARGET_URL": target}
        arguments = ["env:ASYNCDB_SOURCE_URL", "env:ASYNCDB_TARGET_URL"]
        planned = await in_thread("copy", "--dry-run", *arguments, **where)
        accepted = await in_thread("copy", "--dry-run", "--skip", **where)
        refused = await in_thread("copy", *arguments, **where)
        copied = await in_thread("copy", "--skip", **where)
        again = await in_thread("copy", *arguments, "--skip", **where)
        sql = "SELECT sum(price) AS s FROM sales"
        total = await in_thread("query", "-f", "csv", sql, url=target)

    assert "-- problem: view dear: only tables are copied" in planned.stdout
    assert "CREATE TABLE" in planned.stdout
    assert (1, 0, 1, 0, 1) == tuple(
        one.exit_code for one in (planned, accepted, refused, copied, again)
    )
    assert planned.stdout == accepted.stdout
    assert planned.stderr == refused.stderr
    assert "view dear" in refused.stderr
    assert "2 rows in" in copied.stderr
    assert "sales" in copied.stdout
    assert "not empty" in again.stderr
    assert "s\n12.5\n" == total.stdout
    for one in (planned, refused, copied, again):
        assert "s3cret" not in one.output


async def in_thread(*arguments: str, **environ: str) -> Result:
    """Run a command where no event loop runs."""

    def run() -> Any:
        return call(*arguments, **environ)  # type: ignore[arg-type]

    return await asyncio.to_thread(run)


def test_the_extra_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without typer it says what to install, and ends with 2."""
    for name in [one for one in sys.modules if one.startswith("asyncdb.contrib.cli")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "typer", None)
    with pytest.raises(SystemExit) as ended:
        main()

    assert 2 == ended.value.code
    assert "pip install 'asyncdb-toolkit[cli]'" in capsys.readouterr().err


SECRET = [
    "mysql://ann:pw@db/shop",
    "postgresql+psycopg://ann:pw@[::1]:5432/shop",
    "mysql://ann:p/w@db/shop",
    "mysql://ann:p?w@db:3306/shop",
    "mysql://ann:p:w@db:3306/shop",
    "mysql://:pw@db/shop",
    "mysql://ann@db/shop?password=pw",
    "mysql://ann@db/shop?a=1&tls_key_passphrase=pw",
    "sqlite:///shop.db?API-KEY=1&my_token=pw",
]
OPEN = [
    "sqlite:///shop.db?mode=ro",
    "sqlite:////home/ann/a:b@c.db",
    "postgresql://ann@db/shop",
    "postgresql://db:5432/shop?application_name=a@b",
    "postgresql://db1:5432,db2:5433/shop?application_name=a@b",
    "postgresql://[::1]:5432/shop",
    "SELECT ':a@b'",
    "env:SHOP",
]


@pytest.mark.parametrize("before", ["", "-u", "--url="])
def test_which_arguments_are_hidden(before: str) -> None:
    """A URL with a password or a secret option is hidden, and no other argument is."""
    for url in SECRET:
        found: dict[str, str] = {}
        assert f"{before}env:ASYNCDB_HIDDEN_URL_1" == hidden(before + url, found)
        assert {"ASYNCDB_HIDDEN_URL_1": url} == found
    for text in OPEN:
        assert before + text == hidden(before + text, found := {})
        assert {} == found


def test_hidden_is_what_a_url_hides() -> None:
    """The command's own rule and that of `DatabaseURL` agree wherever both can read."""
    read = 0
    for text in [*SECRET, *OPEN]:
        try:
            url = asyncdb.DatabaseURL(text)
        except asyncdb.URLError:
            continue
        read += 1
        secret = str(url) != url.render(hide_password=False)
        assert secret == (hidden(text, {}) != text), url

    assert read >= 10


def test_a_value_that_looks_like_a_url(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value for `?` that has a password is hidden, and reaches the database whole."""
    value = hidden("https://ann:pw@example.org/", found := {})
    done = call("query", "-f", "csv", "SELECT ?", value, url="sqlite://", **found)

    assert "pw" not in value
    assert "https://ann:pw@example.org/" == done.stdout.splitlines()[1]


def test_passwords_from_the_environment(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A URL without a password takes it from ASYNCDB_PASSWORD, or it is asked for."""
    url = asyncdb.DatabaseURL(postgresql_url)
    bare = url.replace(password=None).render(hide_password=False)
    password = url.password
    monkeypatch.delenv("PGPASSWORD", raising=False)
    named = [
        call("ping", url=bare, ASYNCDB_PASSWORD=password),
        call("ping", url=bare, PGPASSWORD=password),
        call("ping", "-W", url=bare, stdin=f"{password}\n"),
    ]
    without = call("ping", url=bare, PGPASSFILE=os.devnull)

    assert [0, 0, 0, 1] == [one.exit_code for one in [*named, without]]
    for one in named:
        assert str(password) not in one.output
