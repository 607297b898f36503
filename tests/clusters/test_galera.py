"""Galera: what the cluster acknowledged is on every node, whichever fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

import asyncdb
from tests.plugins.clusters.galera import GaleraCluster, GaleraNode
from tests.plugins.clusters.report import Report
from tests.plugins.clusters.writers import (
    ADDITIONS,
    BOOK,
    PAUSE,
    Account,
    Aiomysql,
    Asyncdb,
    Load,
)

LIMIT = 6  # seconds for a statement: COMMIT waits while the nodes agree, 4 s at most
CONNECT = 3  # seconds to connect
OPTIONS = {
    "max_size": 8,
    "target_session_attrs": "read-write",
    "connect_timeout": CONNECT,
    "close_timeout": 0.5,
}


def load(cluster: GaleraCluster, limit: float = LIMIT) -> Load:
    """The writers of both clients, on an empty book."""
    node = cluster.nodes[0]
    node.ask("DROP TABLE IF EXISTS book")
    node.ask(BOOK)
    bare = Aiomysql(cluster.url(), timeout=limit, connect_timeout=CONNECT)
    ours = Asyncdb(cluster.url(), statement_timeout=limit, **OPTIONS)
    return Load(ours, bare)


def settle(
    cluster: GaleraCluster,
    report: Report,
    name: str,
    writers: Load,
    agreed: float | None,
) -> None:
    """Heal, compare on each node, note it, and hold asyncdb to its promises."""
    cluster.heal()
    sql = "SELECT client, writer, n FROM book"
    for node in cluster.nodes:
        node.ask("SET GLOBAL wsrep_sync_wait = 1")  # for the next sessions
        rows = node.ask(sql)
        node.ask("SET GLOBAL wsrep_sync_wait = 0")
        writers.settle(rows)
        ours = writers.accounts["asyncdb"]
        assert (0, 0, 0) == (ours.lost, ours.doubled, ours.undead)
    for account in writers.accounts.values():
        again = None if agreed is None else account.again(agreed)
        report.add(cluster.version, name, account, again)
    assert agreed is None or ours.again(agreed) < 3


async def test_kill(galera: GaleraCluster, report: Report) -> None:
    """A node that is killed under its writers loses and doubles nothing."""
    await _fail(galera, report, "node killed", GaleraNode.kill)


async def test_partition(galera: GaleraCluster, report: Report) -> None:
    """A node that is cut off from the others, though its clients reach it, is left."""
    await _fail(galera, report, "node cut off from the others", GaleraNode.isolate)


async def test_freeze(galera: GaleraCluster, report: Report) -> None:
    """A node that stands still loses and doubles nothing."""
    await _fail(galera, report, "node frozen", GaleraNode.freeze, limit=2.5)


async def _fail(
    cluster: GaleraCluster,
    report: Report,
    name: str,
    fault: Callable[[GaleraNode], None],
    limit: float = LIMIT,
) -> None:
    first, *others = cluster.nodes
    async with load(cluster, limit) as writers:
        await writers.flowing(200)
        await asyncio.to_thread(fault, first)
        await asyncio.to_thread(cluster.wait_for, 2, others)
        agreed = time.monotonic()
        await asyncio.sleep(4)
    await asyncio.to_thread(settle, cluster, report, name, writers, agreed)


async def test_majority_lost(galera: GaleraCluster, report: Report) -> None:
    """While two of three stand still nothing is acknowledged that is not kept."""
    first, *others = galera.nodes
    async with load(galera) as writers:
        await writers.flowing(200)
        for node in others:
            await asyncio.to_thread(node.freeze)
        await asyncio.sleep(5)
        assert galera.size(first) == 0
        for node in others:
            await asyncio.to_thread(node.thaw)
        await asyncio.to_thread(galera.wait_for, 3, galera.nodes)
        agreed = time.monotonic()
        await asyncio.sleep(4)
    name = "majority frozen for 5 s"
    await asyncio.to_thread(settle, galera, report, name, writers, agreed)


async def test_rolling_restart(galera: GaleraCluster, report: Report) -> None:
    """All nodes restarted, one after the other: nothing is lost, nothing doubled."""
    async with load(galera) as writers:
        for node in galera.nodes:
            await writers.flowing(100)
            await asyncio.to_thread(node.shutdown)
            await asyncio.to_thread(node.start)
            await asyncio.to_thread(galera.wait_for, 3, galera.nodes)
        agreed = time.monotonic()
        await writers.flowing(100)
    name = "rolling restart"
    await asyncio.to_thread(settle, galera, report, name, writers, agreed)


async def test_schema_change(galera: GaleraCluster, report: Report) -> None:
    """Columns that come and go under the writers lose and double nothing."""
    async with load(galera) as writers:
        for number in range(3):
            await writers.flowing(100)
            change = f"ALTER TABLE book ADD COLUMN more{number} INTEGER DEFAULT 7"
            await asyncio.to_thread(galera.nodes[1].ask, change)
            await writers.flowing(100)
            change = f"ALTER TABLE book DROP COLUMN more{number}"
            await asyncio.to_thread(galera.nodes[2].ask, change)
        await writers.flowing(100)
    await asyncio.to_thread(settle, galera, report, "schema changes", writers, None)


@pytest.mark.parametrize("how", ADDITIONS)
async def test_certification(galera: GaleraCluster, report: Report, how: str) -> None:
    """Writers of one row on three nodes: with `retry` every addition counts, once."""
    writers, work = 3, ADDITIONS[how]
    galera.nodes[0].ask("DROP TABLE IF EXISTS counter")
    galera.nodes[0].ask("CREATE TABLE counter (id INTEGER PRIMARY KEY, n INTEGER)")
    galera.nodes[0].ask("INSERT INTO counter VALUES (1, 0)")
    each = 60
    account = Account("asyncdb")
    account.began = time.monotonic()

    async def add(db: asyncdb.Connection) -> None:
        account.errors["runs"] += 1
        await work(db)

    async def write(number: int) -> None:
        url = galera.url(number)
        async with asyncdb.create_pool(url, max_size=2) as pool:
            for n in range(each):
                await pool.retry(add, attempts=50)
                account.acknowledged["asyncdb", number, n] = time.monotonic()
                await asyncio.sleep(PAUSE)

    await asyncio.gather(*(write(number) for number in range(1, writers + 1)))
    account.ended = time.monotonic()
    galera.nodes[0].ask("SET GLOBAL wsrep_sync_wait = 1")
    total = galera.nodes[0].ask("SELECT n FROM counter")[0][0]
    galera.nodes[0].ask("SET GLOBAL wsrep_sync_wait = 0")
    again = account.errors.pop("runs") - each * writers
    account.errors["transactions run again"] = again
    account.lost = max(0, each * writers - total)
    account.doubled = max(0, total - each * writers)
    report.add(galera.version, f"one row on three nodes, {how} by retry", account)

    assert each * writers == total
