"""A process ends with a block or a stream left open; see test_process_exit.py."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

import asyncdb
from tests.plugins.databases import ENGINES_AND_FAKE, PSYCOPG, engines
from tests.plugins.slow import Slow

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import asyncio, sys
import asyncdb

kept = []

async def main():
    db = await asyncdb.connect(sys.argv[1])
    kept.append(db)
    {what}

asyncio.run(main())
"""
WHATS = {
    "in_a_block": "tx = db.transaction(); await tx.__aenter__(); kept.append(tx); "
    "await db.execute('SELECT 1')",
    "in_a_stream": "s = db.stream('SELECT 1'); await s.__aenter__(); kept.append(s)",
}


@engines(*ENGINES_AND_FAKE, *PSYCOPG)
@pytest.mark.parametrize("what", WHATS)
async def test_exit(database_url: str, what: str) -> None:
    """The interpreter ends within seconds, and warns of what was not closed."""
    program = PROGRAM.format(what=WHATS[what])
    began = time.monotonic()
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-W", "always", "-c", program, database_url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )

    assert time.monotonic() - began < 5
    assert 0 == done.returncode, done.stderr
    assert "ResourceWarning" in done.stderr
    assert "was never closed" in done.stderr
    assert "Exception ignored" not in done.stderr
    assert "destroyed but it is pending" not in done.stderr


@engines("sqlite")
async def test_terminate_while_a_statement_runs(
    database_url: str, db: asyncdb.Connection
) -> None:
    """On SQLite terminate() ends a statement that runs, and the thread with it."""
    slow = await Slow.on(db, db)
    task = asyncio.ensure_future(db.execute(slow.sql))
    await slow.started()
    thread = db.native._thread
    db._session.cut()

    with pytest.raises(asyncdb.Error):
        async with asyncio.timeout(2):
            await task
    await asyncio.to_thread(thread.join, 2)
    assert not thread.is_alive()
