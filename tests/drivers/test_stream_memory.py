"""A stream of a million rows takes constant memory, and is left at once."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import asyncdb

ROOT = Path(__file__).resolve().parents[2]
MILLION = 1_000_000
MOST = 30 * 2**20  # bytes

# Each database makes the rows as they are read; a stored table would say no more.
DIGITS = (
    "WITH RECURSIVE d (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM d WHERE n < 99) "
)
ROWS = DIGITS + (
    "SELECT a.n * 10000 + b.n * 100 + c.n AS n, 'a text of a hundred characters or so,"
    " such as rows have, which is read for each of them' AS t FROM d a, d b, d c"
)
ENDLESS = DIGITS + "SELECT a.n FROM d a, d b, d c, d e"

PROGRAM = """
import asyncio, json, sys
import asyncdb

URL, ROWS = sys.argv[1:]


def peak():
    with open("/proc/self/status") as status:
        (line,) = (line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


async def main():
    async with asyncdb.connect(URL) as db:
        async with db.stream(ROWS + " WHERE a.n < 2") as rows:  # what is loaded once
            async for row in rows:
                pass
        before, count, total = peak(), 0, 0
        async with db.stream(ROWS) as rows:
            async for row in rows:
                count += 1
                total += row.n
        print(json.dumps([count, total, peak() - before]))


asyncio.run(main())
"""


def test_a_million_rows(database_url: str) -> None:
    """1,000,000 rows are streamed in less than 30 MB more than 20,000 rows."""
    if not Path("/proc/self/status").exists():
        # macOS: the promise does not depend on the system, its measure does.
        return
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, database_url, ROWS],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    count, total, growth = json.loads(done.stdout)

    assert (MILLION, MILLION * (MILLION - 1) // 2) == (count, total)
    assert growth < MOST


async def test_left_early(db: asyncdb.Connection) -> None:
    """Who leaves a stream of a hundred million rows does not read them."""
    async with asyncio.timeout(10):
        async with db.stream(ENDLESS, batch=10) as rows:
            async for _ in rows:
                break

        assert 1 == await db.fetchval("SELECT 1")
