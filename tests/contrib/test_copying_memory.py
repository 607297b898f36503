"""A copy takes constant memory, on both sides."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugins.copies import new_database
from tests.plugins.databases import ENGINES, engine_url

ROOT = Path(__file__).resolve().parents[2]
FEW, MANY = 5_000, 60_000
MOST = 12 * 2**20  # bytes; the rows of the second are 30 MB as Python holds them

PROGRAM = """
import asyncio, json, sys
import asyncdb
from asyncdb.contrib.copying import plan_copy


def peak():
    with open("/proc/self/status") as status:
        (line,) = (line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


async def copy(source_url, target_url, rows):
    async with (
        asyncdb.connect(source_url) as source,
        asyncdb.connect(target_url) as target,
    ):
        name = f"t{rows}"
        await source.execute(f"CREATE TABLE {name} (n INTEGER, t VARCHAR(500))")
        text = "a text of some hundred characters " * 10
        many = ((n, f"{n} {text}") for n in range(rows))
        await source.load_rows(name, ["n", "t"], many)
        plan = await plan_copy(source, target, tables=[name])
        await plan.run()
        return (await target.fetchval(f"SELECT count(*) FROM {name}")), peak()


async def main():
    few, before = await copy(*sys.argv[1:3], int(sys.argv[3]))
    many, after = await copy(*sys.argv[1:3], int(sys.argv[4]))
    print(json.dumps([few, many, after - before]))


asyncio.run(main())
"""


@pytest.mark.parametrize("engine", ENGINES)
async def test_memory(request: pytest.FixtureRequest, engine: str) -> None:
    """Twelve times as many rows take a few megabytes more, not twelve times as many."""
    if not sys.platform.startswith("linux"):
        # macOS: the promise does not depend on the system, its measure does.
        return
    base = engine_url(request, engine)
    async with new_database(base) as source, new_database(base) as target:
        done = subprocess.run(  # noqa: ASYNC221  # nothing else is to run meanwhile
            [sys.executable, "-c", PROGRAM, source, target, str(FEW), str(MANY)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
    few, many, growth = json.loads(done.stdout)

    assert (FEW, MANY) == (few, many)
    assert growth < MOST
