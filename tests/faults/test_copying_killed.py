"""A copy whose server is killed can be made again, and the source has all it had."""

from __future__ import annotations

from pathlib import Path

import pytest

import asyncdb
from asyncdb.contrib.copying import Progress, plan_copy
from tests.plugins.copies import new_database
from tests.plugins.servers import Server

ROWS = 9000


async def fill(db: asyncdb.Connection) -> None:
    """Make two tables."""
    for table in "ab":
        await db.execute(f"CREATE TABLE {table} (n INTEGER)")
        await db.load_rows(table, ["n"], ((n,) for n in range(ROWS)))


@pytest.mark.parametrize("phase", ["rows", "check"])
async def test_the_target_is_killed(server: Server, tmp_path: Path, phase: str) -> None:
    """What a killed server keeps of a copy is dropped by the next one."""
    async with (
        new_database(server.url) as url,
        asyncdb.connect(f"sqlite:///{tmp_path}/source.db") as source,
    ):
        await fill(source)

        def watch(progress: Progress) -> None:
            if (progress.phase, progress.table) == (phase, "b"):
                server.kill()

        async with asyncdb.connect(url) as target:
            plan = await plan_copy(source, target)
            with pytest.raises((asyncdb.OperationalError, asyncdb.ConnectionClosed)):
                await plan.run(progress=watch)
        server.start()
        async with asyncdb.connect(url) as target:
            again = await plan_copy(source, target)
            report = await again.run()
            found = await target.fetchval("SELECT count(*) FROM a")

        kept = server.engine != "postgresql"  # there it was one transaction
        assert kept == any("came to no end" in note for note in again.notes)
        assert (2 * ROWS, ROWS) == (report.rows, found)


async def test_the_source_is_killed(server: Server, tmp_path: Path) -> None:
    """A source that is gone ends the copy, and the target has nothing of it."""
    async with (
        new_database(server.url) as url,
        asyncdb.connect(url) as source,
        asyncdb.connect(f"sqlite:///{tmp_path}/target.db") as target,
    ):
        await fill(source)

        def watch(progress: Progress) -> None:
            if progress.table == "b":
                server.kill()

        plan = await plan_copy(source, target)
        with pytest.raises((asyncdb.OperationalError, asyncdb.ConnectionClosed)):
            await plan.run(progress=watch)
        left = await target.fetchall("SELECT name FROM sqlite_master", into=str)
        server.start()

    assert [] == left
