"""Through PgBouncer and HAProxy: nothing is lost or doubled, whatever stands behind."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator

import pytest

import asyncdb
from tests.plugins.clusters import fronts, programs
from tests.plugins.clusters.fronts import HAProxy, PgBouncer, answering
from tests.plugins.clusters.galera import GaleraCluster
from tests.plugins.clusters.pair import Pair
from tests.plugins.clusters.report import Report
from tests.plugins.clusters.writers import (
    BOOK,
    Account,
    Aiomysql,
    Asyncdb,
    Asyncpg,
    Load,
    Unknown,
    described,
)

TASKS = 1_000
LIMIT, CONNECT = 2, 3


@pytest.fixture
def bouncer(pair: Pair) -> Iterator[PgBouncer]:
    """PgBouncer in transaction mode, with 8 sessions to the primary."""
    program = programs.find("pgbouncer")
    if program is None:
        pytest.skip("no pgbouncer: `make test-clusters` gets it on Debian")
    with fronts.start(PgBouncer(program, [pair.primary], {})) as front:
        assert isinstance(front, PgBouncer)
        yield front


async def test_thousand_tasks(pair: Pair, bouncer: PgBouncer, report: Report) -> None:
    """A thousand tasks at a time commit through eight sessions, each exactly once."""
    pair.primary.ask(BOOK)
    accounts = {"asyncdb": Account("asyncdb"), "asyncpg": Account("asyncpg")}
    version = ".".join(map(str, bouncer.release))
    name = f"PgBouncer {version} before {pair.version}, transaction mode"

    async def run(client: Asyncdb | Asyncpg) -> None:
        account = accounts[client.name]

        async def task(number: int) -> None:
            key = client.name, number, 0
            try:
                await client.write((f"{client.name}-{number}", *key))
            except Unknown as error:
                account.unknown.add(key)
                account.errors[f"{error} at COMMIT"] += 1
            except Exception as error:  # noqa: BLE001  # they are what is counted
                account.errors[described(error)] += 1
            else:
                account.acknowledged[key] = time.monotonic()

        await client.open()
        account.began = time.monotonic()
        await asyncio.gather(*(task(number) for number in range(TASKS)))
        account.ended = time.monotonic()
        await client.close()

    await run(Asyncdb(bouncer.url, max_size=50, acquire_timeout=60, pgbouncer=True))
    # As its documentation says of PgBouncer: no prepared statements.
    await run(
        Asyncpg(bouncer.url, timeout=60, connect_timeout=5, statement_cache_size=0)
    )
    rows = pair.primary.ask("SELECT client, writer, n FROM book")
    for account in accounts.values():
        account.settle(rows)
        report.add(name, "1,000 tasks, one commit each", account)
    ours = accounts["asyncdb"]

    assert (TASKS, 0, 0, 0) == (
        len(ours.acknowledged),
        ours.lost,
        ours.doubled,
        ours.undead,
    )


async def test_bouncer_moves(synchronous_pair: Pair, report: Report) -> None:
    """PgBouncer that is led to the new primary: the same pool writes again."""
    program = programs.find("pgbouncer")
    if program is None:
        pytest.skip("no pgbouncer: `make test-clusters` gets it on Debian")
    pair = synchronous_pair
    pair.primary.ask(BOOK)
    # After a server that was not there PgBouncer waits 15 s by default.
    settings = {"server_login_retry": 1}
    with fronts.start(PgBouncer(program, [pair.primary], settings)) as front:
        assert isinstance(front, PgBouncer)
        version = ".".join(map(str, front.release))
        ours = Asyncdb(
            front.url,
            max_size=8,
            pgbouncer=True,
            statement_timeout=LIMIT,
            connect_timeout=CONNECT,
            close_timeout=0.5,
        )
        bare = Asyncpg(
            front.url, timeout=LIMIT, connect_timeout=CONNECT, statement_cache_size=0
        )
        async with Load(ours, bare) as writers:
            await writers.flowing(200)
            await asyncio.to_thread(pair.primary.kill)
            await asyncio.to_thread(pair.promote)
            front.reload([pair.primary])
            moved = time.monotonic()
            await writers.flowing(200)
            await asyncio.sleep(2)
    writers.settle(pair.primary.ask("SELECT client, writer, n FROM book"))
    for account in writers.accounts.values():
        report.add(
            f"PgBouncer {version} before {pair.version}, transaction mode",
            "primary killed, PgBouncer led to the new one",
            account,
            account.again(moved),
        )
    mine = writers.accounts["asyncdb"]
    assert (0, 0, 0) == (mine.lost, mine.doubled, mine.undead)
    assert mine.again(moved) < 3


@contextlib.asynccontextmanager
async def checked(pair: Pair) -> AsyncIterator[HAProxy]:
    """HAProxy in front of the pair, that asks each server's agent for its role."""
    program = programs.find("haproxy")
    if program is None:
        pytest.skip("no haproxy: `make test-clusters` gets it on Debian")
    first, second = pair.nodes
    async with (
        answering(lambda: not first.is_standby) as one,
        answering(lambda: not second.is_standby) as two,
    ):
        proxy = HAProxy(program, pair.nodes, {}, checks=[one, two])
        try:
            await asyncio.to_thread(proxy.start)
            yield proxy
        finally:
            await asyncio.to_thread(proxy.stop)


async def test_haproxy_pair(synchronous_pair: Pair, report: Report) -> None:
    """HAProxy that knows the roles: over a kill and a promotion the pool goes on."""
    pair = synchronous_pair
    pair.primary.ask(BOOK)
    async with checked(pair) as proxy:
        version = ".".join(map(str, proxy.release))
        await _until_serving(proxy.url)
        ours = Asyncdb(
            proxy.url,
            max_size=8,
            target_session_attrs="read-write",
            statement_timeout=LIMIT,
            connect_timeout=CONNECT,
            close_timeout=0.5,
        )
        bare = Asyncpg(proxy.url, timeout=LIMIT, connect_timeout=CONNECT)
        async with Load(ours, bare) as writers:
            await writers.flowing(200)
            await asyncio.to_thread(pair.primary.kill)
            await asyncio.sleep(1)
            await asyncio.to_thread(pair.promote)
            promoted = time.monotonic()
            await writers.flowing(200)
            await asyncio.sleep(2)
    writers.settle(pair.primary.ask("SELECT client, writer, n FROM book"))
    for account in writers.accounts.values():
        report.add(
            f"HAProxy {version} before {pair.version}, synchronous standby",
            "primary killed, standby promoted",
            account,
            account.again(promoted),
        )
    mine = writers.accounts["asyncdb"]
    assert (0, 0, 0) == (mine.lost, mine.doubled, mine.undead)
    assert mine.again(promoted) < 3


async def test_haproxy_galera(galera: GaleraCluster, report: Report) -> None:
    """HAProxy before Galera: a killed node's writers go on with the others."""
    program = programs.find("haproxy")
    if program is None:
        pytest.skip("no haproxy: `make test-clusters` gets it on Debian")
    galera.nodes[0].ask("DROP TABLE IF EXISTS book")
    galera.nodes[0].ask(BOOK)
    proxy = HAProxy(program, galera.nodes, {"balance": "roundrobin"})
    with fronts.start(proxy):
        version = ".".join(map(str, proxy.release))
        await _until_serving(proxy.url)
        ours = Asyncdb(
            proxy.url,
            max_size=8,
            target_session_attrs="read-write",
            statement_timeout=6,
            connect_timeout=CONNECT,
            close_timeout=0.5,
        )
        bare = Aiomysql(proxy.url, timeout=6, connect_timeout=CONNECT)
        async with Load(ours, bare) as writers:
            await writers.flowing(200)
            await asyncio.to_thread(galera.nodes[0].kill)
            await asyncio.to_thread(galera.wait_for, 2, galera.nodes[1:])
            agreed = time.monotonic()
            await asyncio.sleep(4)
    galera.heal()
    galera.nodes[1].ask("SET GLOBAL wsrep_sync_wait = 1")
    writers.settle(galera.nodes[1].ask("SELECT client, writer, n FROM book"))
    galera.nodes[1].ask("SET GLOBAL wsrep_sync_wait = 0")
    for account in writers.accounts.values():
        report.add(
            f"HAProxy {version} before {galera.version}",
            "node killed",
            account,
            account.again(agreed),
        )
    mine = writers.accounts["asyncdb"]
    assert (0, 0, 0) == (mine.lost, mine.doubled, mine.undead)
    assert mine.again(agreed) < 3


async def _until_serving(url: str) -> None:
    """HAProxy begins with its servers up; a role is known after the first checks."""
    for _ in range(100):
        with contextlib.suppress(asyncdb.Error):
            async with asyncdb.connect(
                url, target_session_attrs="read-write", connect_timeout=2
            ):
                return
        await asyncio.sleep(0.1)
    message = "HAProxy does not find a server that takes writes"
    raise TimeoutError(message)
