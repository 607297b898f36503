"""SQLite's own ways to open a file, and that whoever only reads writes nothing.

Nothing here takes permissions away: the tests may run as root, whom no permission
stops. A folder in which the files beside a database cannot be made is one where folders
of their names are in the way, which stops root as well.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

import asyncdb

# Begins to write to a file in WAL mode, waits for a line, and goes without a goodbye.
WRITER = """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
for line in ["PRAGMA journal_mode=wal", *sys.stdin.readline().split(";")]:
    db.execute(line)
print("written", flush=True)
for line in sys.stdin:
    db.execute(line)
    print("written", flush=True)
os._exit(0)
"""


def make(path: Path, mode: str = "wal") -> str:
    """Make a file with one row in a table and return its URL."""
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute(f"PRAGMA journal_mode={mode}")
        raw.execute("CREATE TABLE t (a INTEGER)")
        raw.execute("INSERT INTO t VALUES (1)")
    return f"sqlite:///{quote(str(path))}"


def contents(folder: Path) -> dict[str, bytes | None]:
    """Return what lies in a folder, byte by byte."""
    return {
        file.name: file.read_bytes() if file.is_file() else None
        for file in folder.iterdir()
    }


def complaint(path: Path) -> str:
    """Return what another process is told that asks for the write lock."""
    code = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute("
    command = [sys.executable, "-c", f"{code}'BEGIN IMMEDIATE')", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


class Writer:
    """Another process with the file open."""

    def __init__(self, path: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, text: str) -> None:
        """Run a statement there."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{text}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "written\n"

    def kill(self) -> None:
        """End it as a crash would: nothing is tidied up."""
        self._process.kill()
        self._process.communicate()


@contextmanager
def writer(path: Path) -> Iterator[Writer]:
    """Have another process write a table with a row, and keep the file open."""
    one = Writer(path)
    try:
        one.run("CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1)")
        yield one
    finally:
        one.kill()


@pytest.mark.parametrize("how", ["mode=ro", "immutable=true"])
@pytest.mark.parametrize("mode", ["delete", "truncate", "persist"])
async def test_reading_writes_nothing(tmp_path: Path, mode: str, how: str) -> None:
    """Opened for reading, the file and its folder are the same to the byte."""
    url = make(tmp_path / "a b#?%&.db", mode)
    before = contents(tmp_path)
    async with asyncdb.create_pool(f"{url}?{how}", min_size=2) as pool:
        assert 1 == await pool.fetchval("SELECT count(*) FROM t")
        async with pool.transaction() as db:
            assert 1 == await db.fetchval("SELECT count(*) FROM t")
        with pytest.raises(asyncdb.ReadOnlyTransaction):
            async with pool.transaction() as db:
                await db.execute("INSERT INTO t VALUES (2)")
        with pytest.raises(asyncdb.ReadOnlyTransaction):
            await pool.execute("INSERT INTO t VALUES (2)")

        assert before == contents(tmp_path)

    assert before == contents(tmp_path)


async def test_a_file_in_wal_mode_that_nobody_has_open(tmp_path: Path) -> None:
    """`ro` would have to write beside it and says so; `immutable` reads it."""
    url = make(tmp_path / "a.db")
    before = contents(tmp_path)
    assert ["a.db"] == list(before)
    with pytest.raises(asyncdb.ConnectionFailed, match="in WAL mode and nobody has it"):
        await asyncdb.connect(url, mode="ro")
    assert before == contents(tmp_path)

    async with asyncdb.connect(url, immutable=True) as db:
        assert 1 == await db.fetchval("SELECT count(*) FROM t")
        assert before == contents(tmp_path)
    async with asyncdb.connect(url, mode="ro", immutable=True) as db:
        assert 1 == await db.fetchval("SELECT count(*) FROM t")

    assert before == contents(tmp_path)


async def test_reading_beside_a_writer(tmp_path: Path) -> None:
    """`ro` sees what another process writes, commit by commit."""
    path = tmp_path / "a.db"
    with writer(path) as other:
        async with asyncdb.connect(f"sqlite:///{path}", mode="ro") as db:
            for count in range(1, 20):
                assert count == await db.fetchval("SELECT count(*) FROM t")
                other.run("INSERT INTO t VALUES (2)")
                if count % 5 == 0:
                    other.run("PRAGMA wal_checkpoint(TRUNCATE)")
            async with db.transaction():
                assert 20 == await db.fetchval("SELECT count(*) FROM t")
                other.run("INSERT INTO t VALUES (2)")
                assert 20 == await db.fetchval("SELECT count(*) FROM t")
            assert 21 == await db.fetchval("SELECT count(*) FROM t")


async def test_reading_beside_a_writer_of_this_process(tmp_path: Path) -> None:
    """`ro` takes no lock away from a connection that writes in the same process."""
    url = make(tmp_path / "a.db", "delete")
    async with asyncdb.connect(url, journal_mode=None) as db, db.transaction():
        await db.execute("INSERT INTO t VALUES (2)")
        async with asyncdb.connect(url, mode="ro") as reader:
            assert 1 == await reader.fetchval("SELECT count(*) FROM t")
        # POSIX locks would be gone if the file had been opened and closed beside.
        assert "database is locked" in complaint(tmp_path / "a.db")


async def test_a_log_left_over(tmp_path: Path) -> None:
    """After a crash `ro` reads the log, writing nothing; `immutable` would miss it."""
    path = tmp_path / "a.db"
    with writer(path) as other:
        other.kill()
    url, before = f"sqlite:///{path}", contents(tmp_path)
    assert {"a.db", "a.db-wal", "a.db-shm"} == set(before)
    async with asyncdb.connect(url, mode="ro") as db:
        assert 1 == await db.fetchval("SELECT count(*) FROM t")
        assert before == contents(tmp_path)
    assert before == contents(tmp_path)
    with pytest.raises(asyncdb.ConnectionFailed, match=r"a\.db-wal holds changes"):
        await asyncdb.connect(url, immutable=True)

    (tmp_path / "a.db-shm").unlink()
    before = contents(tmp_path)
    with pytest.raises(asyncdb.ConnectionFailed, match=r"a\.db-wal holds changes"):
        await asyncdb.connect(url, mode="ro")
    assert before == contents(tmp_path)

    async with asyncdb.connect(url, mode="rw") as db:
        assert 1 == await db.fetchval("SELECT count(*) FROM t")
    assert ["a.db"] == list(contents(tmp_path))


@pytest.mark.parametrize("how", [{"mode": "ro"}, {"immutable": True}])
async def test_a_journal_left_over(tmp_path: Path, how: dict[str, Any]) -> None:
    """A write that was cut off has to be taken back first, which is a write."""
    path = tmp_path / "a.db"
    make(path, "delete")
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("PRAGMA cache_size=1")  # so that pages go to the file early
        raw.execute("BEGIN")
        for _ in range(50):
            raw.execute("INSERT INTO t VALUES (zeroblob(5000))")
        crashed = tmp_path / "crashed"
        crashed.mkdir()
        for file in ("a.db", "a.db-journal"):
            (crashed / file).write_bytes((tmp_path / file).read_bytes())
    before = contents(crashed)
    with pytest.raises(asyncdb.ConnectionFailed, match=r"a\.db-journal holds changes"):
        await asyncdb.connect(f"sqlite:///{crashed / 'a.db'}", **how)
    assert before == contents(crashed)

    async with asyncdb.connect(f"sqlite:///{crashed / 'a.db'}", mode="rw") as db:
        assert 1 == await db.fetchval("SELECT count(*) FROM t")


async def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    """Where nothing can be made beside the file, `immutable` reads it."""
    url = make(tmp_path / "a.db")
    for end in ("wal", "shm"):
        (tmp_path / f"a.db-{end}").mkdir()
    before = contents(tmp_path)
    for mode in ("rwc", "rw"):
        with pytest.raises(asyncdb.ConnectionFailed, match="immutable=True reads"):
            await asyncdb.connect(url, mode=mode)
    with pytest.raises(asyncdb.ConnectionFailed, match="in WAL mode and nobody"):
        await asyncdb.connect(url, mode="ro")

    async with asyncdb.connect(url, immutable=True) as db:
        assert 1 == await db.fetchval("SELECT count(*) FROM t")
    assert before == contents(tmp_path)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"mode": "rw"}, 'mode="rw" does not create it'),
        ({"mode": "ro"}, 'mode="ro" does not create it'),
        ({"immutable": True}, "immutable does not create it"),
    ],
)
async def test_a_file_that_is_not_there(
    tmp_path: Path, how: dict[str, Any], said: str
) -> None:
    """Only `rwc` makes a file; the others say that there is none."""
    url = f"sqlite:///{tmp_path / 'a.db'}"
    with pytest.raises(asyncdb.ConnectionFailed, match=said):
        await asyncdb.connect(url, **how)
    assert {} == contents(tmp_path)

    async with asyncdb.connect(url) as db:
        await db.execute("CREATE TABLE t (a INTEGER)")
    assert ["a.db"] == list(contents(tmp_path))


@pytest.mark.parametrize(
    "how", [{}, {"mode": "rw"}, {"mode": "ro"}, {"immutable": True}]
)
async def test_a_folder_that_is_not_there(tmp_path: Path, how: dict[str, Any]) -> None:
    """No mode makes a folder, and none takes one for a file."""
    with pytest.raises(asyncdb.ConnectionFailed, match=r"the folder .*gone.? does not"):
        await asyncdb.connect(f"sqlite:///{tmp_path / 'gone' / 'a.db'}", **how)
    with pytest.raises(asyncdb.ConnectionFailed, match="is a folder, and not a"):
        await asyncdb.connect(f"sqlite:///{tmp_path}", **how)


async def test_memory(tmp_path: Path) -> None:
    """`memory` makes no file, whatever the path; nothing else goes with memory."""
    async with asyncdb.connect(f"sqlite:///{tmp_path}/a.db?mode=memory") as db:
        assert not db.dialect.supports_concurrent_connections
        await db.execute("CREATE TABLE t (a INTEGER)")
    assert {} == contents(tmp_path)

    for how in ("mode=ro", "mode=rw", "immutable=true"):
        with pytest.raises(asyncdb.URLError, match="a database in memory"):
            await asyncdb.connect(f"sqlite://?{how}")


@pytest.mark.parametrize("mode", ["rw", "memory"])
def test_immutable_goes_with_reading(mode: Any) -> None:
    """A file that nobody changes cannot be opened for writing."""
    with pytest.raises(asyncdb.URLError, match="'immutable' says that nobody writes"):
        asyncdb.connect("sqlite:///a.db", immutable=True, mode=mode)


@pytest.mark.parametrize(
    "form", ["file:{}", "file://{}", "file://localhost{}", "file:{}?uri=true"]
)
async def test_the_path_of_a_uri(tmp_path: Path, form: str) -> None:
    """A path may be written as in SQLite's URI; what follows are options."""
    path = tmp_path / "a.db"
    make(path, "delete")
    text = form.format(quote(str(path)))
    mark = "&" if "?" in text else "?"
    async with asyncdb.connect(f"sqlite:///{text}{mark}mode=ro&cache=private") as db:
        assert 1 == await db.fetchval("SELECT count(*) FROM t")


async def test_a_link_to_a_file(tmp_path: Path) -> None:
    """What lies beside a file lies beside its true place, as for SQLite itself."""
    (tmp_path / "true").mkdir()
    path = tmp_path / "true" / "a.db"
    (tmp_path / "link.db").symlink_to(path)
    url = f"sqlite:///{tmp_path / 'link.db'}"
    with writer(path):
        async with asyncdb.connect(
            f"sqlite:///{tmp_path / 'link.db'}", mode="ro"
        ) as db:
            assert 1 == await db.fetchval("SELECT count(*) FROM t")
        with pytest.raises(asyncdb.ConnectionFailed, match=r"a\.db-wal holds changes"):
            await asyncdb.connect(url, immutable=True)


async def test_a_closed_database_is_one_file(tmp_path: Path) -> None:
    """The last to close brings the log into the file, which can be copied then."""
    url = f"sqlite:///{tmp_path / 'a.db'}"
    async with asyncdb.create_pool(url, min_size=3) as pool:
        await pool.execute("CREATE TABLE t (a INTEGER)")
        await pool.execute("INSERT INTO t VALUES (1)")
    assert ["a.db"] == list(contents(tmp_path))

    async with asyncdb.connect(url, immutable=True) as db:
        assert 1 == await db.fetchval("SELECT count(*) FROM t")
