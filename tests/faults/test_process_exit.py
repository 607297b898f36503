"""A process ends, whatever it has left open, and says what that was."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from threading import Timer

import pytest

from tests.drivers.error_grid.scenes import SLOW
from tests.plugins.databases import engines

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 5

# Modules' names go when the interpreter ends; `atexit` comes before that.
PROGRAM = """
import asyncio, atexit, os, sys
import asyncdb

URL, SLOW, HOW = sys.argv[1:]
kept, tasks = [], []
atexit.register(lambda: print("open:", [not db.is_closed for db in kept], flush=True))


async def main():
    kept.append(await asyncdb.connect(URL))
    await kept[0].fetchval("SELECT 1")
    if HOW != "idle":
        tasks.append(asyncio.create_task(kept[0].fetchall(SLOW)))
        await asyncio.wait(tasks, timeout=0.2)
        assert not tasks[0].done()
    print("leaving", flush=True)
    if HOW == "crash":
        raise SystemExit(7)


if HOW == "no end":
    asyncio.new_event_loop().run_until_complete(main())
else:
    asyncio.run(main())
"""


def leave(url: str, engine: str, how: str) -> tuple[int, bool, str]:
    """Run the program; return its code, whether it left the session open, stderr."""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, "-W", "default", "-c", PROGRAM, url, SLOW[engine], how],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        with process, process.stdout as said:
            line = said.readline()
            patience = Timer(PATIENCE, process.kill)
            patience.start()
            rest = said.read()
            process.wait()
            patience.cancel()
        errors.seek(0)
        warned = errors.read()
    assert "leaving\n" == line, warned
    return process.returncode, "True" in rest, warned


@pytest.mark.parametrize("how", ["idle", "working", "crash", "no end"])
@engines("sqlite", "postgresql", "mariadb")
def test_a_process_ends(
    database_url: str, how: str, request: pytest.FixtureRequest
) -> None:
    """Left idle or in a statement, a connection lets go, and warns if still open."""
    engine = request.node.callspec.params["database_url"]
    code, still_open, warned = leave(database_url, engine, how)

    assert (7 if how == "crash" else 0) == code
    assert still_open or how != "idle"
    if (engine, how) != ("sqlite", "no end"):  # its thread keeps all that it works for
        said = "ResourceWarning" in warned and "was never closed" in warned
        assert still_open == said, warned
    assert "Traceback" not in warned
