"""PostgreSQL: commits that wait for the standby are never lost, nor done twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from tests.plugins.clusters.pair import Pair, PairNode
from tests.plugins.clusters.report import Report
from tests.plugins.clusters.writers import (
    BOOK,
    Asyncdb,
    Asyncpg,
    ByPsycopg,
    Load,
    Retrying,
    RetryingByPsycopg,
)

LIMIT = 1  # seconds for a statement
CONNECT = 3  # seconds to connect
# Ours, by each driver: they meet the same fault at the same time.
PLAIN = (Asyncdb, ByPsycopg)
RETRYING = (Retrying, RetryingByPsycopg)
OPTIONS = {
    "max_size": 8,
    "target_session_attrs": "read-write",
    "statement_timeout": LIMIT,
    "connect_timeout": CONNECT,
    "close_timeout": 0.5,  # a silent server keeps a place in the pool for so long
}


def load(pair: Pair) -> Load:
    """The writers of all clients, on an empty book."""
    pair.primary.ask("DROP TABLE IF EXISTS book")
    pair.primary.ask(BOOK)
    bare = Asyncpg(
        pair.url,
        timeout=LIMIT,
        connect_timeout=CONNECT,
        target_session_attrs="read-write",
    )
    ours = [kind(pair.url, **OPTIONS) for kind in (*PLAIN, *RETRYING)]
    return Load(*ours, bare)


async def fail_over(
    pair: Pair, report: Report, name: str, fault: Callable[[PairNode], None]
) -> None:
    """Let the primary fail, promote the standby, and look at what is there."""
    old = pair.primary
    async with load(pair) as writers:
        await writers.flowing(200)
        await asyncio.to_thread(fault, old)
        await asyncio.sleep(1)  # until somebody notices
        await asyncio.to_thread(pair.promote)
        promoted = time.monotonic()
        await writers.flowing(200)
        await asyncio.sleep(2)
    settle(pair, report, name, writers, promoted)


def settle(
    pair: Pair, report: Report, name: str, writers: Load, promoted: float | None
) -> None:
    """Compare, note it, and hold asyncdb to its promises."""
    writers.settle(pair.primary.ask("SELECT client, writer, n FROM book"))
    for account in writers.accounts.values():
        again = None if promoted is None else account.again(promoted)
        report.add(f"{pair.version}, synchronous standby", name, account, again)
    for client in (*PLAIN, *RETRYING):
        ours = writers.accounts[client.name]
        assert (0, 0, 0) == (ours.lost, ours.doubled, ours.undead)
        assert promoted is None or ours.again(promoted) < 3
        # What `retry` cannot mend is only what nobody knows, or what took too long.
        unmended = {"CommitUnknown at COMMIT", "StatementTimeout"}
        assert client in PLAIN or set(ours.errors) <= unmended


async def test_kill(synchronous_pair: Pair, report: Report) -> None:
    """A killed primary and a promotion lose and double nothing."""
    await fail_over(synchronous_pair, report, "primary killed", PairNode.kill)


async def test_freeze(synchronous_pair: Pair, report: Report) -> None:
    """A primary that stands still, and a promotion, lose and double nothing."""
    await fail_over(synchronous_pair, report, "primary frozen", PairNode.freeze)


async def test_shutdown(synchronous_pair: Pair, report: Report) -> None:
    """A primary that is shut down, and a promotion, lose and double nothing."""
    await fail_over(synchronous_pair, report, "primary shut down", PairNode.shutdown)


async def test_switch_over(synchronous_pair: Pair, report: Report) -> None:
    """Roles that change twice in good order lose and double nothing."""
    pair = synchronous_pair
    async with load(pair) as writers:
        for _ in range(2):
            await writers.flowing(200)
            await asyncio.to_thread(pair.switch)
            promoted = time.monotonic()
        await writers.flowing(200)
    settle(pair, report, "roles changed twice", writers, promoted)


async def test_demotion(synchronous_pair: Pair, report: Report) -> None:
    """A primary that takes no more writes, while its sessions go on, is left."""
    pair = synchronous_pair
    old = pair.primary
    async with load(pair) as writers:
        await writers.flowing(200)
        await asyncio.to_thread(old.set, "default_transaction_read_only", "on")
        await asyncio.sleep(1)
        await asyncio.to_thread(pair.promote)
        promoted = time.monotonic()
        await asyncio.sleep(4)
    settle(pair, report, "primary demoted under its sessions", writers, promoted)


async def test_frozen_standby(synchronous_pair: Pair, report: Report) -> None:
    """Commits that wait for a standby which is frozen, and then lost, are unknown."""
    pair = synchronous_pair
    async with load(pair) as writers:
        await writers.flowing(200)
        await asyncio.to_thread(pair.standby.freeze)
        await asyncio.sleep(LIMIT + 1.5)
        await asyncio.to_thread(pair.standby.thaw)
        back = time.monotonic()
        await writers.flowing(200)
    settle(pair, report, "standby frozen", writers, back)
