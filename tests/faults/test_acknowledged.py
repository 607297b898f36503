"""What was acknowledged is there, once, and sums stay sums, whatever dies meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable

import asyncdb
from tests.plugins.scale import Scaled, eventually
from tests.plugins.servers import Server

Record = Callable[[str, object], None]
WRITERS, MOVERS, ACCOUNTS = 8, 6, 10

GONE = (asyncdb.ConnectionLost, asyncdb.ConnectionFailed, asyncdb.ConnectionClosed)


class Writer:
    """Commits numbers, and keeps book of what it heard of each.

    Args:
        url: the database's.
        number: which writer it is.
    """

    def __init__(self, url: str, number: int) -> None:
        self._url = url
        self._number = number
        self.committed: set[tuple[int, int]] = set()
        self.unknown: set[tuple[int, int]] = set()
        self.last = 0.0  # when a commit was last acknowledged

    async def run(self, over: asyncio.Event) -> None:
        """Commit one number after the other until it is over."""
        n = 0
        db: asyncdb.Connection | None = None
        while not over.is_set():
            n += 1
            key = self._number, n
            try:
                if db is None or db.is_closed:
                    db = await asyncdb.connect(self._url, connect_timeout=2)
                async with db.transaction():
                    await db.execute("INSERT INTO book VALUES (?, ?)", key)
                self.committed.add(key)
                self.last = time.monotonic()
            except asyncdb.CommitUnknown:
                self.unknown.add(key)
            except GONE:
                await asyncio.sleep(0.01)  # the server is down: nothing tells when not
        if db is not None:
            await db.close()


async def test_commits_over_server_deaths(
    server: Server, scaled: Scaled, record_property: Record
) -> None:
    """Over SIGKILLs no acknowledged commit is lost or doubled, no failed one done."""
    async with asyncdb.connect(server.url) as db:
        await db.execute("CREATE TABLE book (writer INTEGER, n INTEGER)")
    writers = [Writer(server.url, number) for number in range(WRITERS)]
    over, waits = asyncio.Event(), []
    async with asyncio.TaskGroup() as group:
        for writer in writers:
            group.create_task(writer.run(over))
        for _ in range(scaled(2, 20)):
            await _until(lambda: all(w.last for w in writers))
            await asyncio.sleep(random.random() * 0.1)
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            up = time.monotonic()
            await _until(lambda up=up: any(w.last > up for w in writers))  # type: ignore[misc]
            waits.append(max(w.last for w in writers) - up)
        over.set()

    async with asyncdb.connect(server.url) as db:
        rows = await db.fetchall("SELECT writer, n FROM book")
        await db.execute("DROP TABLE book")
    found = Counter((row.writer, row.n) for row in rows)
    committed = set[tuple[int, int]]().union(*(w.committed for w in writers))
    unknown = set[tuple[int, int]]().union(*(w.unknown for w in writers))
    record_property("commits", len(committed))
    record_property("unknown", len(unknown))
    record_property("first success after restart", max(waits))
    assert set() == committed - set(found)
    assert set() == set(found) - committed - unknown
    assert {1} == set(found.values())
    assert max(waits) < 2


async def _until(check: Callable[[], bool]) -> None:
    async def checked() -> bool:
        return check()

    await eventually(checked, within=20)


async def test_a_bank(
    database_url: str, table: str, scaled: Scaled, record_property: Record
) -> None:
    """While transfers are cancelled at random, every reader sees the same sum."""
    async with asyncdb.connect(database_url) as db:
        await db.execute(
            f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, amount INTEGER)"
        )
        await db.executemany(
            f"INSERT INTO {table} VALUES (?, 100)", [[n] for n in range(ACCOUNTS)]
        )
    dice, loop = random.Random(11), asyncio.get_running_loop()
    over = loop.time() + scaled(1, 10)
    moved, cancelled, sums = 0, 0, []

    async def transfer(db: asyncdb.Connection) -> None:
        source, target = dice.sample(range(ACCOUNTS), 2)
        update = f"UPDATE {table} SET amount = amount + ? WHERE id = ?"
        async with db.transaction():
            await db.execute(update, [-7, source])
            await db.execute(update, [7, target])

    async def mover() -> None:
        nonlocal moved, cancelled
        db = await asyncdb.connect(database_url)
        while loop.time() < over:
            if db.is_closed:
                db = await asyncdb.connect(database_url)
            task = asyncio.ensure_future(transfer(db))
            if dice.random() < 0.5:
                loop.call_later(dice.random() * 0.01, task.cancel)
            await asyncio.wait([task])
            if task.cancelled():
                cancelled += 1
                continue
            with contextlib.suppress(asyncdb.DeadlockDetected, asyncdb.LockTimeout):
                task.result()
                moved += 1
        await db.close()

    async def reader() -> None:
        async with asyncdb.connect(database_url) as db:
            while loop.time() < over:
                sums.append(await db.fetchval(f"SELECT sum(amount) FROM {table}"))
                await asyncio.sleep(0.001)

    async with asyncio.TaskGroup() as group:
        group.create_task(reader())
        for _ in range(MOVERS):
            group.create_task(mover())

    record_property("transfers", moved)
    record_property("cancelled", cancelled)
    record_property("reads", len(sums))
    assert {100 * ACCOUNTS} == set(map(int, sums))
    assert moved
    assert cancelled
