"""On SQLite a transaction begins with its first statement, in the same hop."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

import asyncdb
from asyncdb.testing.conformance.chapter import ids

TABLE = "CREATE TABLE t (id INTEGER PRIMARY KEY)"
INSERT = "INSERT INTO t VALUES (?)"


@pytest.fixture
async def db(sqlite_url: str) -> AsyncIterator[asyncdb.Connection]:
    """A connection to a file with an empty table."""
    async with asyncdb.connect(sqlite_url, lock_timeout=0.05) as db:
        await db.execute(TABLE)
        yield db


@pytest.fixture
async def other(
    sqlite_url: str, db: asyncdb.Connection
) -> AsyncIterator[asyncdb.Connection]:
    """Another connection to it."""
    async with asyncdb.connect(sqlite_url, lock_timeout=0.05) as other:
        yield other


@pytest.mark.parametrize("readonly", [True, False])
@pytest.mark.parametrize("end", ["commit", "rollback"])
async def test_a_block_without_statements(
    db: asyncdb.Connection, other: asyncdb.Connection, end: str, readonly: bool
) -> None:
    """It is open, takes no lock, and leaves nothing behind."""
    async with db.transaction(readonly=readonly) as tx:
        assert db.in_transaction
        await other.execute(INSERT, [1])
        await getattr(tx, end)()
        assert not db.in_transaction

    await db.execute(INSERT, [2])
    assert [1, 2] == await ids(db, "t")


async def _one(db: asyncdb.Connection) -> None:
    await db.execute(INSERT, [1])


async def _many(db: asyncdb.Connection) -> None:
    await db.executemany(INSERT, [[1]])


async def _load(db: asyncdb.Connection) -> None:
    await db.load_rows("t", ["id"], [[1]])


async def _streamed(db: asyncdb.Connection) -> None:
    async with db.stream(f"{INSERT} RETURNING id", [1]) as rows:
        assert [(1,)] == [tuple(row) async for row in rows]


async def _saved(db: asyncdb.Connection) -> None:
    async with db.transaction():
        await db.execute(INSERT, [1])


async def _native(db: asyncdb.Connection) -> None:
    await db.native.execute(INSERT, (1,))


FIRST = [_one, _many, _load, _streamed, _saved, _native]


@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("memory", [True, False])
async def test_whatever_comes_first_is_in_it(
    sqlite_url: str,
    first: Callable[[asyncdb.Connection], Awaitable[None]],
    memory: bool,
) -> None:
    """Rolled back it is gone, committed it is there."""
    async with asyncdb.connect("sqlite://" if memory else sqlite_url) as db:
        await db.execute(TABLE)
        with pytest.raises(ZeroDivisionError):
            async with db.transaction():
                await first(db)
                assert db.native.in_transaction
                raise ZeroDivisionError
        assert [] == await ids(db, "t")

        async with db.transaction():
            await first(db)
        assert [1] == await ids(db, "t")
        assert not db.in_transaction


async def test_a_read_takes_the_lock(
    db: asyncdb.Connection, other: asyncdb.Connection
) -> None:
    """What a block has read nobody else changes, if it may write."""
    async with db.transaction():
        assert [] == await ids(db, "t")
        with pytest.raises(asyncdb.LockTimeout):
            await other.execute(INSERT, [1])
        await db.execute(INSERT, [2])

    await other.execute(INSERT, [1])


async def test_a_lock_that_is_not_free(db: asyncdb.Connection, sqlite_url: str) -> None:
    """The first statement tells it, and the block can only be rolled back."""
    holder = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(asyncdb.TransactionError, match="only rollback"):
        async with db.transaction():
            for kind in (asyncdb.LockTimeout, asyncdb.TransactionError):
                with pytest.raises(kind):
                    await db.execute(INSERT, [1])
    holder.close()

    assert not db.in_transaction
    await db.execute(INSERT, [3])
    assert [3] == await ids(db, "t")


async def test_a_lock_that_is_let_go(sqlite_url: str, db: asyncdb.Connection) -> None:
    """Another process's lock is waited for, and the statement runs once."""
    holder = sqlite3.connect(
        sqlite_url.removeprefix("sqlite:///"), check_same_thread=False
    )
    holder.execute("BEGIN IMMEDIATE")
    async with asyncdb.connect(sqlite_url, lock_timeout=30) as patient:

        async def write() -> None:
            async with patient.transaction():
                await patient.execute(INSERT, [1])
                await patient.execute(INSERT, [2])

        task = asyncio.create_task(write())
        done, _ = await asyncio.wait([task], timeout=0.05)  # a wait gives no sign
        assert not done
        holder.rollback()
        await task
        holder.close()

        assert [1, 2] == await ids(patient, "t")


async def test_a_first_statement_that_fails(db: asyncdb.Connection) -> None:
    """BEGIN has run, and nothing of it is left after the block."""
    await db.execute(INSERT, [1])
    with pytest.raises(asyncdb.UniqueViolation):
        async with db.transaction():
            await db.execute(INSERT, [1])
    async with db.transaction():
        with pytest.raises(asyncdb.UniqueViolation):
            async with db.transaction():
                await db.execute(INSERT, [1])
        await db.execute(INSERT, [2])

    assert [1, 2] == await ids(db, "t")
    assert not db.in_transaction


async def test_refused_before_it_is_sent(db: asyncdb.Connection) -> None:
    """An error of ours leaves the block as it was: it begins with the next one."""
    with pytest.raises(ZeroDivisionError):
        async with db.transaction():
            with pytest.raises(asyncdb.ParameterError):
                await db.execute(INSERT, [1, 2])
            await db.execute(INSERT, [1])
            raise ZeroDivisionError
    assert [] == await ids(db, "t")


@pytest.mark.parametrize("native", [True, False])
async def test_a_block_that_only_reads(db: asyncdb.Connection, native: bool) -> None:
    """It refuses a write that comes first, and the next block does not."""
    with pytest.raises((asyncdb.ReadOnlyTransaction, sqlite3.OperationalError)):
        async with db.transaction(readonly=True):
            if native:
                await db.native.execute(INSERT, (1,))
            else:
                await db.execute(INSERT, [1])
    async with db.transaction():
        await db.execute(INSERT, [2])
    assert [2] == await ids(db, "t")


async def test_cancelled_before_it_began(
    db: asyncdb.Connection, other: asyncdb.Connection, sqlite_url: str
) -> None:
    """Cancelled while it waits for its turn, it leaves the block to be rolled back."""
    async with asyncdb.connect(sqlite_url, lock_timeout=30) as patient:
        async with other.transaction():
            await other.execute(INSERT, [1])

            async def write() -> None:
                async with patient.transaction():
                    await patient.execute(INSERT, [2])

            task = asyncio.create_task(write())
            done, _ = await asyncio.wait([task], timeout=0.05)  # a wait gives no sign
            assert not done
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert not patient.in_transaction
        await patient.execute(INSERT, [3])
    assert [1, 3] == await ids(db, "t")


# -- aiosqlite's own connection --------------------------------------------------------


async def test_native_that_was_read_before(db: asyncdb.Connection) -> None:
    """Whoever has it may use it first in any block to come."""
    native = db.native
    with pytest.raises(ZeroDivisionError):
        async with db.transaction():
            await native.execute(INSERT, (1,))
            raise ZeroDivisionError
    assert [] == await ids(db, "t")
    assert not db.in_transaction


async def test_native_where_the_lock_is_not_free(
    db: asyncdb.Connection, other: asyncdb.Connection, sqlite_url: str
) -> None:
    """A property cannot wait: it fails, and the block with it."""
    holder = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(asyncdb.LockTimeout):
        async with db.transaction():
            db.native  # noqa: B018  # what is tested
    holder.rollback()
    holder.close()
    async with other.transaction():
        await other.execute(INSERT, [1])
        async with asyncdb.connect(sqlite_url) as third:
            with pytest.raises(asyncdb.LockTimeout, match="of this process"):
                async with third.transaction():
                    third.native  # noqa: B018  # what is tested

    async with db.transaction():  # begins at once now, as somebody has `native`
        await db.execute(INSERT, [2])
    assert [1, 2] == await ids(other, "t")


async def test_native_has_the_turn(
    db: asyncdb.Connection, other: asyncdb.Connection
) -> None:
    """Begun by it, a block keeps other writers out and lets them in when it ends."""
    async with db.transaction():
        await db.native.execute(INSERT, (1,))
        with pytest.raises(asyncdb.LockTimeout, match="of this process"):
            await other.execute(INSERT, [2])
    await other.execute(INSERT, [2])
    assert [1, 2] == await ids(db, "t")


async def test_native_of_a_pool(sqlite_url: str, db: asyncdb.Connection) -> None:
    """The same for a borrowed connection."""
    async with asyncdb.create_pool(sqlite_url) as pool:
        with pytest.raises(ZeroDivisionError):
            async with pool.transaction() as lent:
                native: Any = lent.native
                await native.execute(INSERT, (1,))
                raise ZeroDivisionError
        assert [] == await ids(db, "t")
