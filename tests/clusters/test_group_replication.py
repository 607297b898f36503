"""MySQL Group Replication: what the group acknowledged is on every member."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

import asyncdb
from tests.plugins.clusters.group import GroupCluster, GroupNode
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

LIMIT = 3  # seconds for a statement
CONNECT = 3  # seconds to connect


def load(group: GroupCluster) -> tuple[Load, GroupNode]:
    """The writers of both clients, on an empty book, and whom they write to."""
    primary = group.wait_for_primary(group.nodes)
    primary.ask("DROP TABLE IF EXISTS book")
    primary.ask(BOOK)
    others = [node for node in group.nodes if node is not primary]
    url = group.url(primary.number, *(node.number for node in others))
    ours = Asyncdb(
        url,
        max_size=8,
        target_session_attrs="read-write",
        statement_timeout=LIMIT,
        connect_timeout=CONNECT,
        close_timeout=0.5,
    )
    bare = Aiomysql(url, timeout=LIMIT, connect_timeout=CONNECT)
    return Load(ours, bare), primary


def settle(
    group: GroupCluster,
    report: Report,
    name: str,
    writers: Load,
    agreed: float | None,
) -> None:
    """Heal, compare on each member, note it, and hold asyncdb to its promises."""
    group.heal()
    primary = group.wait_for_primary(group.nodes)
    done = primary.ask("SELECT @@gtid_executed")[0][0]
    ours = writers.accounts["asyncdb"]
    for node in group.nodes:
        node.ask(f"SELECT wait_for_executed_gtid_set('{done}', 20)")
        writers.settle(node.ask("SELECT client, writer, n FROM book"))
        assert (0, 0, 0) == (ours.lost, ours.doubled, ours.undead)
    for account in writers.accounts.values():
        again = None if agreed is None else account.again(agreed)
        report.add(group.version, name, account, again)
    assert agreed is None or ours.again(agreed) < 3


async def test_kill(group: GroupCluster, report: Report) -> None:
    """A primary that is killed under its writers loses and doubles nothing."""
    await _fail(group, report, "primary killed", GroupNode.kill)


async def test_freeze(group: GroupCluster, report: Report) -> None:
    """A primary that stands still loses and doubles nothing."""
    await _fail(group, report, "primary frozen", GroupNode.freeze)


async def _fail(
    group: GroupCluster,
    report: Report,
    name: str,
    fault: Callable[[GroupNode], None],
) -> None:
    writers, primary = load(group)
    others = [node for node in group.nodes if node is not primary]
    async with writers:
        await writers.flowing(200)
        await asyncio.to_thread(fault, primary)
        await asyncio.to_thread(group.wait_for_primary, others)
        agreed = time.monotonic()
        await asyncio.sleep(4)
    await asyncio.to_thread(settle, group, report, name, writers, agreed)


async def test_promotion(group: GroupCluster, report: Report) -> None:
    """A primary that is demoted under its sessions is left for the new one."""
    writers, primary = load(group)
    others = [node for node in group.nodes if node is not primary]
    async with writers:
        for node in (others[0], others[1]):
            await writers.flowing(200)
            await asyncio.to_thread(group.promote, node)
            agreed = time.monotonic()
            await asyncio.sleep(4)
    name = "another member promoted, twice"
    await asyncio.to_thread(settle, group, report, name, writers, agreed)


async def test_majority_lost(group: GroupCluster, report: Report) -> None:
    """A primary without a majority acknowledges nothing that is not kept."""
    writers, primary = load(group)
    others = [node for node in group.nodes if node is not primary]
    async with writers:
        await writers.flowing(200)
        for node in others:
            await asyncio.to_thread(node.freeze)
        await asyncio.sleep(4)
        for node in others:
            await asyncio.to_thread(node.thaw)
        await asyncio.to_thread(group.wait_for_primary, group.nodes)
        agreed = time.monotonic()
        await asyncio.sleep(4)
    name = "majority frozen for 4 s"
    await asyncio.to_thread(settle, group, report, name, writers, agreed)


@pytest.mark.timeout(300)
async def test_rolling_restart(group: GroupCluster, report: Report) -> None:
    """All members restarted in turn, the primary handed over first: nothing is lost.

    A primary that is shut down under its writers waits for commits that never end.
    """
    writers, _ = load(group)
    async with writers:
        for node in group.nodes:
            await writers.flowing(100)
            others = [one for one in group.nodes if one is not node]
            if await asyncio.to_thread(group.primary) is node:
                await asyncio.to_thread(group.promote, others[0])
            await asyncio.to_thread(node.shutdown)
            await asyncio.to_thread(group.heal)
        await asyncio.to_thread(group.wait_for_primary, group.nodes)
        agreed = time.monotonic()
        await asyncio.sleep(3)
    name = "rolling restart"
    await asyncio.to_thread(settle, group, report, name, writers, agreed)


@pytest.mark.parametrize("how", ADDITIONS)
async def test_certification(group: GroupCluster, report: Report, how: str) -> None:
    """Writers of one row on three members: with `retry` each addition counts, once."""
    primary = group.wait_for_primary(group.nodes)
    primary.ask("DROP TABLE IF EXISTS counter")
    primary.ask("CREATE TABLE counter (id INTEGER PRIMARY KEY, n INTEGER)")
    primary.ask("INSERT INTO counter VALUES (1, 0)")
    primary.ask("SELECT group_replication_switch_to_multi_primary_mode()")
    each, account = 40, Account("asyncdb")

    async def add(db: asyncdb.Connection) -> None:
        account.errors["runs"] += 1
        await ADDITIONS[how](db)

    async def write(number: int) -> None:
        async with asyncdb.create_pool(group.url(number), max_size=2) as pool:
            for n in range(each):
                await pool.retry(add, attempts=50)
                account.acknowledged["asyncdb", number, n] = time.monotonic()
                await asyncio.sleep(PAUSE)

    account.began = time.monotonic()
    try:
        await asyncio.gather(*(write(number) for number in (1, 2, 3)))
    finally:
        identity = primary.ask("SELECT @@server_uuid")[0][0]
        primary.ask(
            f"SELECT group_replication_switch_to_single_primary_mode('{identity}')"
        )
    account.ended = time.monotonic()
    total = primary.ask("SELECT n FROM counter")[0][0]
    again = account.errors.pop("runs") - 3 * each
    account.errors["transactions run again"] = again
    account.lost = max(0, 3 * each - total)
    account.doubled = max(0, total - 3 * each)
    report.add(group.version, f"one row on three members, {how} by retry", account)

    assert 3 * each == total
