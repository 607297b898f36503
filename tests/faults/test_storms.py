"""Cancellations in masses: what is open at the server stays within bounds."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from urllib.parse import quote

import pytest

import asyncdb
from asyncdb.driver import SupportsDeparture
from tests.plugins import binaries, servers
from tests.plugins.databases import SECOND_DRIVERS, SERVERS, engines
from tests.plugins.proxy import MakeProxy
from tests.plugins.scale import Scaled, eventually
from tests.plugins.slow import Slow

PROMPT = 0.5
ON_SERVERS = (*SERVERS, *SECOND_DRIVERS)
# A pool's sessions, and its helpers.
SIZE, HELPERS = 4, 2

SESSIONS = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity "
    "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
    "mysql": "SELECT count(*) FROM information_schema.processlist "
    "WHERE id <> connection_id() AND command <> 'Daemon' "
    "AND user NOT IN ('event_scheduler', 'system user')",
}
# A session's number, and whether it is there.
PRESENCE = {
    "postgresql": (
        "SELECT pg_backend_pid()",
        "SELECT count(*) FROM pg_stat_activity WHERE pid = CAST(? AS INTEGER)",
    ),
    "mysql": (
        "SELECT connection_id()",
        "SELECT count(*) FROM information_schema.processlist WHERE id = ?",
    ),
}
# Takes a moment, and gives back what it got.
ECHO = {
    "postgresql": "SELECT CAST(? AS INTEGER) FROM pg_sleep({0})",
    "mysql": "SELECT ? + SLEEP({0})",
    "sqlite": "SELECT ? + 0 * (WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL "
    "SELECT i + 1 FROM n WHERE i < {0} * 1000000) SELECT max(i) FROM n)",
}


class SmallServers:
    """Servers with room for 50 connections, started when they are asked for."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._urls: dict[str, str] = {}

    def url(self, engine: str) -> str:
        """The URL of a server, by the driver that the engine's name asks for."""
        server, _, driver = engine.partition("+")
        if server not in self._urls:
            if binaries.find(server) is None:
                pytest.skip(f"no {server} of our own")
            own = self._stack.enter_context(servers.start(server, max_connections=50))
            self._urls[server] = own.url
        url = self._urls[server]
        return url.replace("://", f"+{driver}://", 1) if driver else url


@pytest.fixture(scope="module")
def small_servers() -> Iterator[SmallServers]:
    """Servers of this file's own."""
    with ExitStack() as stack:
        yield SmallServers(stack)


@pytest.fixture(params=ON_SERVERS)
def small_url(request: pytest.FixtureRequest, small_servers: SmallServers) -> str:
    """A server that is soon full; for SQLite a file."""
    if request.param == "sqlite":
        return f"sqlite:///{quote(str(request.getfixturevalue('tmp_path') / 'db'))}"
    return small_servers.url(request.param)


class Watch:
    """Counts the sessions at a server, again and again.

    Attributes:
        most: the most that were seen at a time.
        looks: how often it has looked.
    """

    def __init__(self) -> None:
        self.most = 0
        self.looks = 0

    @asynccontextmanager
    async def at(self, url: str) -> AsyncIterator[None]:
        """Watch a server that nobody else uses."""
        async with asyncdb.connect(url) as observer:
            count = SESSIONS[observer.dialect.name]

            async def nobody() -> bool:
                return 0 == await observer.fetchval(count)

            async def look() -> None:
                while True:
                    self.most = max(self.most, await observer.fetchval(count))
                    self.looks += 1

            await eventually(nobody)
            watching = asyncio.create_task(look())
            try:
                yield
            finally:
                watching.cancel()
                await asyncio.wait([watching])


async def _cancelled(task: asyncio.Task[int]) -> float:
    """Cancel a task; how long it took to end."""
    began = time.monotonic()
    task.cancel()
    await asyncio.wait([task])
    return time.monotonic() - began


@engines(*ON_SERVERS, fixture="small_url")
async def test_sessions_stay_in_bounds(small_url: str, scaled: Scaled) -> None:
    """A server never has more sessions of a pool than its size, and two helpers."""
    dice = random.Random(11)
    watch = Watch()
    running: set[asyncio.Task[int]] = set()
    ends: list[asyncio.Task[float]] = []
    async with (
        watch.at(small_url),
        asyncdb.create_pool(small_url, max_size=SIZE) as pool,
    ):
        async with pool.acquire() as db:
            sql = ECHO[db.dialect.name].format(0.5)

        async def work() -> int:
            task = asyncio.current_task()
            assert task is not None
            async with pool.acquire() as db:
                running.add(task)
                try:
                    return int(await db.fetchval(sql, [7]))
                finally:
                    running.discard(task)

        tasks: list[asyncio.Task[int]] = []
        while len(ends) < scaled(60, 1_000):
            tasks = [task for task in tasks if not task.done()]
            tasks += [asyncio.create_task(work()) for _ in range(12 - len(tasks))]
            await asyncio.sleep(0.003)
            if running:
                task = dice.choice([*running])
                ends.append(asyncio.create_task(_cancelled(task)))
        ends += [asyncio.create_task(_cancelled(task)) for task in tasks]
        await asyncio.wait(ends)

    assert watch.looks > 10
    assert watch.most <= SIZE + HELPERS
    assert max(end.result() for end in ends) < PROMPT


@engines("sqlite", *ON_SERVERS, fixture="small_url")
async def test_a_thousand_cancellations(small_url: str, scaled: Scaled) -> None:
    """Nothing fails but what is cancelled, and each answer belongs to its question."""
    dice, loop = random.Random(13), asyncio.get_running_loop()
    cancelled = answered = number = 0
    async with asyncdb.create_pool(small_url, max_size=SIZE) as pool:
        async with pool.acquire() as db:
            slow = ECHO[db.dialect.name].format(0.02)
            quick = ECHO[db.dialect.name].format(0)

        async def ask(number: int) -> tuple[int, int]:
            sql = slow if number % 3 else quick
            if number % 5 == 0:
                sql += f" /* {number} */"  # a text that is new to the driver
            async with pool.transaction() if number % 7 == 0 else pool.acquire() as db:
                return number, int(await db.fetchval(sql, [number]))

        tasks: set[asyncio.Task[tuple[int, int]]] = set()
        while cancelled < scaled(60, 1_000) or not answered:
            while len(tasks) < 3 * SIZE:
                number += 1
                task = asyncio.create_task(ask(number))
                tasks.add(task)
                if dice.random() < 0.8:
                    loop.call_later(dice.random() * 0.05, task.cancel)
            done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                cancelled += task.cancelled()
                if not task.cancelled():
                    asked, answer = task.result()
                    assert asked == answer
                    answered += 1
        await asyncio.wait(tasks)

        assert [5] * 20 == [await pool.fetchval(quick, [5]) for _ in range(20)]


@engines(*ON_SERVERS)
async def test_helpers_are_few(database_url: str, make_proxy: MakeProxy) -> None:
    """However many statements are cancelled at once, two lines at a time stop them."""
    many = 4 * HELPERS
    proxy = await make_proxy(database_url)
    async with asyncdb.create_pool(proxy.url, max_size=many, tls="disable") as pool:
        async with pool.acquire() as db:
            sql = ECHO[db.dialect.name].format(60)
        tasks = [asyncio.create_task(pool.fetchval(sql, [i])) for i in range(many)]

        async def all_run() -> bool:
            return (
                proxy.sent.count(b"sleep(60)") + proxy.sent.count(b"SLEEP(60)") == many
            )

        await eventually(all_run)
        proxy.stall()  # whoever comes to stop something has to stay
        for task in tasks:
            task.cancel()
        most = 0
        while not all(task.done() for task in tasks):
            most = max(most, proxy.open_links)
            await asyncio.sleep(0)

        assert all(task.cancelled() for task in tasks)
        assert most <= many + HELPERS
        # MySQL's sessions are cut at once; the others wait for theirs to stop.
        waiting = 0 if pool.dialect.name == "mysql" else many
        assert proxy.open_links <= waiting + HELPERS
        proxy.flow()
        assert 1 == await pool.fetchval(ECHO[pool.dialect.name].format(0), [1])


@engines(*ON_SERVERS)
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
async def test_a_session_that_was_cut_departs(database_url: str, busy: bool) -> None:
    """Whatever a session was doing, who waits for its departure finds it gone."""
    async with (
        asyncdb.connect(database_url) as observer,
        asyncdb.connect(database_url) as db,
    ):
        mine, there = PRESENCE[db.dialect.name]
        number = await db.fetchval(mine)
        slow = await Slow.on(db, observer)
        task = asyncio.ensure_future(db.execute(slow.sql if busy else "SELECT 1"))
        if busy:
            await slow.started()
        else:
            await task
        session = db._session.inner
        assert isinstance(session, SupportsDeparture)

        session.terminate()
        async with asyncio.timeout(2):
            await session.departed()

        assert 0 == await observer.fetchval(there, [number])
        if busy:
            with pytest.raises(asyncdb.ConnectionLost):
                await task
