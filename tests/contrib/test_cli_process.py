"""The command line as a process: Ctrl-C, pipes, memory, the list of processes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import typing_extensions

import asyncdb
from tests.plugins.scale import eventually

ROOT = Path(__file__).resolve().parents[2]
ENDLESS = (
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {most}) "
    "SELECT i FROM n"
)
# What runs for minutes without giving a row.
SLOW = {
    "sqlite": "SELECT count(*) AS {mark} FROM (" + ENDLESS.format(most=10**12) + ")",
    "postgresql": "SELECT pg_sleep(300) AS {mark}",
    "mariadb": "SELECT sleep(300) AS {mark}",
    "mysql": "SELECT sleep(300) AS {mark}",
}
SEEN = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' "
    "AND pid <> pg_backend_pid() AND query LIKE ?",
    "mysql": "SELECT count(*) FROM information_schema.processlist "
    "WHERE id <> connection_id() AND info LIKE ?",
}


def hear_sigint() -> None:
    """Be as in a terminal: what a shell starts in the background ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def started(*arguments: str, **environ: str) -> Iterator[subprocess.Popen[str]]:
    """A command's process, for a block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "asyncdb", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_sigint,  # noqa: PLW1509  # one thread, and no lock in it
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


async def test_ctrl_c(database_url: str) -> None:
    """SIGINT stops the statement at the server, and the process ends with 130."""
    engine, mark = re.split(r"\W", database_url)[0], f"m{os.getpid()}_{time.time_ns()}"
    sql = SLOW[engine].format(mark=mark)
    async with asyncdb.connect(database_url) as observer:
        seen = SEEN.get(observer.dialect.name)

        async def running() -> int:
            assert seen is not None
            found: int = await observer.fetchval(seen, [f"%{mark}%"])
            return found

        async def begun() -> bool:
            if seen is not None:
                return await running() == 1
            # SQLite tells nobody what it is doing; its process works.
            fields = Path(f"/proc/{process.pid}/stat").read_text().split()  # noqa: ASYNC240
            return int(fields[13]) > 150  # in hundredths of a second: beyond imports

        with started("query", sql, ASYNCDB_URL=database_url) as process:
            await eventually(begun, within=30)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)

        assert (130, "") == (process.returncode, out)
        assert "asyncdb: interrupted\n" == err
        if seen is not None:
            assert 0 == await running()


def test_a_pipe_that_is_closed() -> None:
    """`| head -1` gets its line, and nothing is said about the rest."""
    sql = ENDLESS.format(most=10**9)
    command = [sys.executable, "-m", "asyncdb", "query", "-f", "csv", sql]
    done = subprocess.run(
        ["sh", "-c", '"$@" | head -1', "sh", *command],
        env={**os.environ, "PYTHONPATH": str(ROOT), "ASYNCDB_URL": "sqlite://"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    with started(*command[3:], ASYNCDB_URL="sqlite://") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        process.stdout = None
        _, said = process.communicate(timeout=60)

    assert ("i\n", "") == (done.stdout, done.stderr)
    assert (141, "") == (process.returncode, said)


MEASURED = """
import runpy, sys

sys.argv = ["asyncdb", *sys.argv[1:]]
try:
    runpy.run_module("asyncdb", run_name="__main__")
except SystemExit as ended:
    assert not ended.code
with open("/proc/self/status") as status:
    (line,) = (line for line in status if line.startswith("VmHWM"))
print(line.split()[1], file=sys.stderr)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it reads /proc")
def test_memory() -> None:
    """Fifty times as many rows take no more memory."""
    peaks = []
    for most in (900, 45_000):
        sql = (
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
            f"WHERE i < 300) SELECT a.i, 'a text of some length, many times' AS t "
            f"FROM n a, n b WHERE b.i <= {most // 300}"
        )
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, "query", "-f", "jsonl", sql],
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "ASYNCDB_URL": "sqlite://",
            },
            capture_output=True,
            text=True,
            check=True,
        )
        assert most == done.stdout.count("\n")
        peaks.append(int(done.stderr.split()[-1]))

    assert peaks[1] - peaks[0] < 4_000  # kilobytes; the rows are twenty thousand


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it reads /proc")
async def test_no_password_among_the_processes(postgresql_url: str) -> None:
    """A password in a URL among the arguments is gone from them at once."""
    mark = f"m{os.getpid()}_{time.time_ns()}"
    sql = SLOW["postgresql"].format(mark=mark)
    password = asyncdb.DatabaseURL(postgresql_url).password
    assert password
    async with asyncdb.connect(postgresql_url) as observer:

        async def running() -> bool:
            sql = SEEN["postgresql"]
            return await observer.fetchval(sql, [f"%{mark}%"]) == 1

        with started("query", "-u", postgresql_url, sql) as process:
            await eventually(running, within=30)
            arguments = Path(f"/proc/{process.pid}/cmdline").read_text()  # noqa: ASYNC240
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)

    assert "env:ASYNCDB_HIDDEN_URL_1" in arguments
    assert 130 == process.returncode
    for shown in (arguments, out, err):
        assert password not in shown
        assert postgresql_url not in shown
    assert "stays in the shell's history" in err


@pytest.mark.skipif(os.name != "posix", reason="elsewhere nothing is started again")
def test_passwords_go_before_anything_is_loaded() -> None:
    """The command starts itself again before asyncdb, typer and rich are imported."""
    program = """
import os, sys

def execve(path, words, environ):
    loaded = {"asyncdb", "typer", "rich", "asyncio"} & sys.modules.keys()
    print(sorted(loaded), words[-1], environ["ASYNCDB_HIDDEN_URL_1"])
    sys.exit(0)

os.execve = execve
from _asyncdb_command import main
main()
"""
    [entry] = entry_points(group="console_scripts", name="asyncdb")
    arguments = ["-c", program, "ping", "-u", "mysql://ann:pw@db/shop"]
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert "_asyncdb_command:main" == entry.value
    assert "[] env:ASYNCDB_HIDDEN_URL_1 mysql://ann:pw@db/shop\n" == done.stdout


@pytest.mark.parametrize(
    "command",
    [["-m", "asyncdb"], ["-c", "from _asyncdb_command import main; main()"]],
    ids=["module", "script"],
)
def test_nothing_but_the_wheel(command: list[str], tmp_path: Path) -> None:
    """Where asyncdb is all there is, one line says what to install; it ends with 2."""
    shutil.copy(typing_extensions.__file__, tmp_path)  # what it depends on
    done = subprocess.run(
        [sys.executable, "-S", *command, "ping"],  # -S: no site-packages
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert 2 == done.returncode
    assert "" == done.stdout
    [line] = done.stderr.splitlines()
    assert line.startswith("asyncdb: the command line needs ")
    assert line.endswith("pip install 'asyncdb-toolkit[cli]'")


@pytest.mark.skipif(os.name != "posix", reason="it opens a terminal")
def test_a_bar_on_a_terminal(sqlite_url: str, tmp_path: Path) -> None:
    """Who copies at a terminal sees a bar, the rows, and the time that is left."""
    import pty  # not on Windows

    with closing(sqlite3.connect(tmp_path / "test.db")) as db:
        db.execute("CREATE TABLE things (a INTEGER)")
        db.executemany("INSERT INTO things VALUES (?)", [[n] for n in range(7000)])
        db.commit()
    master, slave = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "asyncdb", "copy", sqlite_url, f"{sqlite_url}.copy"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=slave,
        text=True,
        check=True,
    )
    os.close(slave)
    shown = b""
    with suppress(OSError):  # the end of a terminal
        while piece := os.read(master, 65536):
            shown += piece
    os.close(master)

    assert "things | 7000 |" in done.stdout
    for word in ("copying things", "comparing", "7000/7000", "0:00:00"):
        assert word in shown.decode()
