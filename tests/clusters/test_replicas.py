"""No read with a token is stale: 10,000 straight after their writes, by 8 tasks."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

import asyncdb
from asyncdb.contrib.replicas import Replicas
from tests.plugins.clusters.galera import GaleraCluster
from tests.plugins.clusters.group import GroupCluster
from tests.plugins.clusters.pair import Pair
from tests.plugins.clusters.report import Report

pytestmark = pytest.mark.timeout(600)  # on a busy machine

READS, TASKS = 10_000, 8
UPDATE = "UPDATE counters SET n = n + 1 WHERE id = ?"
READ = "SELECT n FROM counters WHERE id = ?"


async def stale(
    primary: asyncdb.Pool, replicas: Replicas, reads: int, *, token: bool
) -> int:
    """Count the reads that did not see the write just before them."""

    async def task(one: int) -> int:
        seen = 0
        for _ in range(reads // TASKS):
            await primary.execute(UPDATE, [one])
            wanted = await primary.fetchval(READ, [one])
            after = await replicas.written() if token else None
            async with replicas.reader(after=after, timeout=10) as db:
                seen += (await db.fetchval(READ, [one]) or 0) < wanted
        return seen

    return sum(await asyncio.gather(*map(task, range(TASKS))))


async def compare(
    cluster: str, report: Report, urls: list[str], reads: int = READS
) -> None:
    """Read with and without a token, on all but the first server."""
    async with AsyncExitStack() as stack:
        primary, *others = [
            await stack.enter_async_context(asyncdb.create_pool(url)) for url in urls
        ]
        await primary.execute("DROP TABLE IF EXISTS counters")
        await primary.execute(
            "CREATE TABLE counters (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)"
        )
        rows = [[one, 0] for one in range(TASKS)]
        await primary.executemany("INSERT INTO counters VALUES (?, ?)", rows)
        replicas = Replicas(primary, others)
        token = await replicas.written()
        for other in others:  # they have the table
            wait = Replicas(primary, [other], fallback=False).reader(
                after=token, timeout=30
            )
            await wait.fetchval(READ, [0])
        few = reads // 5
        without = await stale(primary, replicas, few, token=False)
        found = await stale(primary, replicas, reads, token=True)
        read = sum(state.reads for state in replicas.states())
        for size, name, count in (
            (few, "without a token", without),
            (reads, "each with a token", found),
        ):
            report.note(cluster, f"{size:,} reads {name}", "asyncdb", stale=count)

        assert 0 == found
        assert read > reads // 2  # those without a token, and most of the others


async def test_postgresql(pair: Pair, report: Report) -> None:
    """By LSN, on a hot standby."""
    await compare(pair.version, report, [pair.primary.url, pair.standby.url])


async def test_galera(galera: GaleraCluster, report: Report) -> None:
    """By wsrep_sync_wait and the sequence number, on the two other nodes."""
    await compare(galera.version, report, [galera.url(n) for n in (1, 2, 3)])


async def test_group_replication(group: GroupCluster, report: Report) -> None:
    """By GTID, on the two secondaries."""
    primary = group.primary()
    assert primary is not None
    others = [node for node in group.nodes if node is not primary]
    await compare(group.version, report, [node.url for node in (primary, *others)])


async def test_group_replication_with_several_primaries(
    group: GroupCluster, report: Report
) -> None:
    """By group_replication_consistency and GTID, on the two other primaries."""
    switch = "SELECT group_replication_switch_to_{}"
    group.nodes[0].ask(switch.format("multi_primary_mode()"))
    try:
        name = f"{group.version} with several primaries"
        await compare(name, report, [group.url(n) for n in (1, 2, 3)], reads=2_000)
    finally:
        ((uuid,),) = group.nodes[0].ask("SELECT @@server_uuid")
        group.nodes[0].ask(switch.format(f"single_primary_mode('{uuid}')"))
