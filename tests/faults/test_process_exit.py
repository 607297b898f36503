"""A process ends also when its loop does not: test_exit.py has all the others."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from threading import Timer

import pytest

from tests.drivers.error_grid.scenes import SLOW
from tests.plugins.databases import POSTGRESQLS, engines

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 5

PROGRAM = """
import asyncio, sys
import asyncdb

URL, SLOW = sys.argv[1:]
kept, tasks = [], []


async def main():
    kept.append(await asyncdb.connect(URL))
    await kept[0].fetchval("SELECT 1")
    tasks.append(asyncio.create_task(kept[0].fetchall(SLOW)))
    await asyncio.wait(tasks, timeout=0.2)
    assert not tasks[0].done()
    print("leaving", flush=True)


asyncio.new_event_loop().run_until_complete(main())
"""


@engines("sqlite", *POSTGRESQLS, "mariadb")
def test_a_loop_that_is_never_closed(
    database_url: str, request: pytest.FixtureRequest
) -> None:
    """A statement in a loop that nobody runs any more does not keep the process."""
    engine = request.node.callspec.params["database_url"]
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [
                sys.executable,
                "-W",
                "default",
                "-c",
                PROGRAM,
                database_url,
                SLOW[engine.partition("+")[0]],
            ],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        with process, process.stdout as said:
            line = said.readline()
            patience = Timer(PATIENCE, process.kill)
            patience.start()
            said.read()
            process.wait()
            patience.cancel()
        errors.seek(0)
        warned = errors.read()

    assert ("leaving\n", 0) == (line, process.returncode), warned
    assert "Traceback" not in warned
    if engine != "sqlite":  # its thread keeps all that it works for, up to the end
        assert "was never closed" in warned
