"""Cancelled at the n-th await, for every n: every verb leaves it clean or gone.

A sweep runs a verb again and again and cancels it one await later each time, until it
comes through; twice: while it waits, and when the answer is there but not taken yet.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

import asyncdb
from asyncdb.testing.fake import faults
from tests.plugins.databases import ENGINES_AND_FAKE, PSYCOPG, engines
from tests.plugins.scale import eventually
from tests.plugins.stepping import Attempt, When, cancel_at

pytestmark = engines(*ENGINES_AND_FAKE, *PSYCOPG)

PROMPT = 0.5  # seconds in which a cancelled verb returns
WHENS: tuple[When, ...] = ("early", "late")


class Bench:
    """A connection that is replaced when it is gone, an observer, and a table."""

    def __init__(
        self, url: str, observer: asyncdb.Connection | None, table: str
    ) -> None:
        self.url = url
        self.table = table
        self.observer = observer
        self.db: asyncdb.Connection = None  # type: ignore[assignment]
        self.marks = 0

    async def ready(self) -> asyncdb.Connection:
        """Give an open connection and an empty table."""
        if self.db is None or self.db.is_closed:
            if self.db is not None:
                await self.db.close()
            self.db = await asyncdb.connect(self.url)
            if self.observer is None:  # the fake: the table went with the connection
                await self.db.execute(f"CREATE TABLE {self.table} (id INTEGER)")
        await self.db.execute(f"DELETE FROM {self.table}")
        return self.db

    async def ids(self) -> list[int]:
        """Read what is committed."""
        db = self.observer or self.db
        if db.is_closed:
            return []  # the fake: its database went with the connection
        rows = await db.fetchall(f"SELECT id FROM {self.table} ORDER BY id")
        return [row[0] for row in rows]

    async def check(self, attempt: Attempt) -> None:
        """Assert that the verb was prompt and the connection is clean or gone."""
        db = self.db
        if attempt.reached:
            assert attempt.seconds < PROMPT
        assert attempt.error is None, repr(attempt.error)
        if db.is_closed:
            return
        assert not db.in_transaction
        assert "idle" in repr(db)
        self.marks += 1
        assert self.marks == await db.fetchval("SELECT ? + 0", [self.marks])
        mark = 1_000 + self.marks
        await db.execute(f"INSERT INTO {self.table} VALUES ({mark})")
        assert mark in await self.ids()  # committed: no transaction was left open


@pytest_asyncio.fixture
async def bench(database_url: str, table: str) -> AsyncIterator[Bench]:
    """A bench on each engine."""
    async with contextlib.AsyncExitStack() as stack:
        observer = None
        if not database_url.startswith("fake"):
            observer = await stack.enter_async_context(asyncdb.connect(database_url))
            await observer.execute(f"CREATE TABLE {table} (id INTEGER)")
        bench = Bench(database_url, observer, table)
        try:
            yield bench
        finally:
            if bench.db is not None:
                await bench.db.close()


Verb = Callable[[asyncdb.Connection, str, str], Any]


async def sweep(bench: Bench, verb: Verb) -> AsyncIterator[Attempt]:
    """Cancel a verb at each of its awaits; gives what became of each attempt."""
    for when in WHENS:
        for number in count(1):
            db = await bench.ready()
            fresh = f"/* {when} {number} */"  # each text is a new one to the driver

            def work(db: asyncdb.Connection = db, fresh: str = fresh) -> Any:
                return verb(db, bench.table, fresh)

            attempt = await cancel_at(work, number, when)
            yield attempt
            await bench.check(attempt)
            if not attempt.reached:
                break
            assert number < 200


async def _fetch(db: asyncdb.Connection, table: str, fresh: str) -> None:
    assert 7 == await db.fetchval(f"SELECT 7 + ? {fresh}", [0])


async def _fetch_again(db: asyncdb.Connection, table: str, fresh: str) -> None:
    assert 7 == await db.fetchval("SELECT 7 + ?", [0])


async def _write(db: asyncdb.Connection, table: str, fresh: str) -> None:
    await db.execute(f"INSERT INTO {table} VALUES (?) {fresh}", [1])


async def _many(db: asyncdb.Connection, table: str, fresh: str) -> None:
    await db.executemany(f"INSERT INTO {table} VALUES (?) {fresh}", [[1], [2], [3]])


async def _many_updates(db: asyncdb.Connection, table: str, fresh: str) -> None:
    sql = f"UPDATE {table} SET id = ? WHERE id = ? {fresh}"
    await db.executemany(sql, [[1, 2], [3, 4]])


async def _bad_argument(db: asyncdb.Connection, table: str, fresh: str) -> None:
    # PostgreSQL's client finds out between preparing and executing; others just do it.
    with contextlib.suppress(asyncdb.DataError):
        await db.fetchval(f"SELECT 1 + ? {fresh}", ["x"])


async def _stream(db: asyncdb.Connection, table: str, fresh: str) -> None:
    sql = f"SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 3 {fresh}"
    async with db.stream(sql, batch=1) as rows:
        assert [1, 2, 3] == [row[0] async for row in rows]


async def _stream_left(db: asyncdb.Connection, table: str, fresh: str) -> None:
    sql = f"SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 3 {fresh}"
    async with db.stream(sql, batch=1) as rows:
        await rows.fetchmany()


async def _stream_in_block(db: asyncdb.Connection, table: str, fresh: str) -> None:
    async with db.transaction():
        await _stream(db, table, fresh)


async def _read_only(db: asyncdb.Connection, table: str, fresh: str) -> None:
    async with db.transaction(readonly=True):
        await _fetch(db, table, fresh)


async def _begin_and_roll_back(db: asyncdb.Connection, table: str, fresh: str) -> None:
    await db.begin()
    try:
        await _write(db, table, fresh)
    finally:
        if db.in_transaction:
            await db.rollback()


async def _early_end(db: asyncdb.Connection, table: str, fresh: str) -> None:
    async with db.transaction() as tx:
        await _write(db, table, fresh)
        await tx.rollback()


@pytest.mark.parametrize(
    "verb",
    [
        _fetch,
        _fetch_again,
        _bad_argument,
        _stream,
        _stream_left,
        _stream_in_block,
        _read_only,
        _many_updates,
        _begin_and_roll_back,
        _early_end,
    ],
    ids=lambda verb: verb.__name__.strip("_"),
)
async def test_verbs_that_change_nothing(bench: Bench, verb: Verb) -> None:
    """Cancelled at any await, the connection is clean or gone, nothing is changed."""
    attempts = [attempt async for attempt in sweep(bench, verb)]

    assert not attempts[-1].cancelled
    assert any(attempt.cancelled for attempt in attempts)


@pytest.mark.parametrize(
    ("verb", "whole"), [(_write, [1]), (_many, [1, 2, 3])], ids=["execute", "many"]
)
async def test_autocommit_writes(bench: Bench, verb: Verb, whole: list[int]) -> None:
    """A write that was cancelled has happened as a whole or not at all."""
    async for attempt in sweep(bench, verb):
        found = await bench.ids()
        if attempt.reached:
            assert found in ([], whole)
        elif not bench.db.is_closed:
            assert found == whole


async def _block(db: asyncdb.Connection, table: str, fresh: str) -> None:
    async with db.transaction():
        await db.execute(f"INSERT INTO {table} VALUES (?) {fresh}", [1])
        await db.execute(f"INSERT INTO {table} VALUES (?)", [2])


async def _nested(db: asyncdb.Connection, table: str, fresh: str) -> None:
    async with db.transaction():
        await db.execute(f"INSERT INTO {table} VALUES (?) {fresh}", [1])
        async with db.transaction():
            await db.execute(f"INSERT INTO {table} VALUES (?)", [2])
        with contextlib.suppress(ZeroDivisionError):
            async with db.transaction():
                await db.execute(f"INSERT INTO {table} VALUES (?)", [3])
                raise ZeroDivisionError


async def _by_hand(db: asyncdb.Connection, table: str, fresh: str) -> None:
    await db.begin()
    try:
        await db.execute(f"INSERT INTO {table} VALUES (?) {fresh}", [1])
        await db.execute(f"INSERT INTO {table} VALUES (?)", [2])
    except BaseException:
        await db.rollback()
        raise
    await db.commit()


async def _ended_early(db: asyncdb.Connection, table: str, fresh: str) -> None:
    async with db.transaction() as tx:
        await _write(db, table, fresh)
        await db.execute(f"INSERT INTO {table} VALUES (?)", [2])
        await tx.commit()


@pytest.mark.parametrize("verb", [_block, _nested, _by_hand, _ended_early])
async def test_transactions(bench: Bench, verb: Verb) -> None:
    """Cancelled at any await, a block is committed as a whole, and says unknown.

    A cancellation that is not raised from CommitUnknown has committed nothing.
    """
    async for attempt in sweep(bench, verb):
        found = await bench.ids()
        if not attempt.cancelled:
            assert found == [1, 2] or bench.db.is_closed
        elif isinstance(attempt.cause, asyncdb.CommitUnknown):
            assert found in ([], [1, 2])
        else:
            assert found == []


@pytest.mark.parametrize("verb", [_fetch, _write, _stream_left])
async def test_a_swallowed_cancellation_leaves_only_rollback(
    bench: Bench, verb: Verb
) -> None:
    """A cancelled statement that a block swallows is the end of the block."""

    async def swallow(db: asyncdb.Connection, table: str, fresh: str) -> str:
        try:
            async with db.transaction():
                await db.execute(f"INSERT INTO {table} VALUES (?)", [1])
                try:
                    await verb(db, table, fresh)
                except asyncio.CancelledError:
                    asyncio.current_task().uncancel()  # type: ignore[union-attr]
                    await db.execute(f"INSERT INTO {table} VALUES (?)", [2])
        except (asyncdb.TransactionError, asyncdb.ConnectionClosed):
            return "refused"
        return "committed"

    async for attempt in sweep(bench, swallow):
        found = await bench.ids()
        if attempt.result == "refused" or attempt.cancelled:
            assert found in ([], [1], [1, 1]) if attempt.cancelled else found == []
        else:
            assert 2 not in found


def open_files() -> int:
    """Count the process's open file descriptors."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def closed(before: int) -> None:
    """Wait until there are no more than before: transports close a turn later."""

    async def so() -> bool:
        return open_files() <= before

    await eventually(so)


async def test_connect(database_url: str) -> None:
    """A connect that is cancelled at any await leaves no session and no file open."""
    async with asyncdb.connect(database_url):  # imports and caches are paid for
        pass
    before = open_files()
    with faults() as seen:
        for when in WHENS:
            for number in count(1):

                async def work() -> asyncdb.Connection:
                    return await asyncdb.connect(database_url)

                attempt = await cancel_at(work, number, when)
                assert attempt.error is None
                assert attempt.seconds < PROMPT
                if attempt.result is not None:
                    await attempt.result.close()
                if not attempt.reached:
                    break
        assert seen.opened == seen.closed
    await closed(before)


async def test_close(database_url: str) -> None:
    """A close that is cancelled at any await has closed, and leaves no file open."""
    async with asyncdb.connect(database_url):
        pass
    before = open_files()
    for when in WHENS:
        for number in count(1):
            db = await asyncdb.connect(database_url)
            attempt = await cancel_at(db.close, number, when)

            assert attempt.seconds < PROMPT
            assert db.is_closed
            if not attempt.reached:
                break
    await closed(before)
