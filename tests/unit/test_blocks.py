"""What a connection makes of a driver that fails, stalls or ends a transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

import asyncdb
from asyncdb.testing.fake import Faults, LostError, faults


@pytest.fixture
def ordered() -> Iterator[Faults]:
    """The fake's orders."""
    with faults() as given:
        yield given


@pytest.fixture
async def db(ordered: Faults) -> AsyncIterator[asyncdb.Connection]:
    """A connection with an empty table, to a database that waits for nothing long."""
    url = "fake://?statement_timeout=0.01&close_timeout=0.01"
    async with asyncdb.connect(url) as db:
        await db.execute("CREATE TABLE t (a INTEGER UNIQUE)")
        yield db


async def count(db: asyncdb.Connection) -> int:
    """Return how many rows there are."""
    return int(await db.fetchval("SELECT count(*) FROM t"))


# -- a transaction that the server ends ------------------------------------------------


async def test_every_block_learns_that_the_transaction_is_over(
    db: asyncdb.Connection,
) -> None:
    """Ended by the server, a transaction is lost for the outer blocks as well."""
    with pytest.raises(asyncdb.TransactionError, match="has ended this") as caught:
        async with db.transaction():
            await db.execute("INSERT INTO t VALUES (1)")
            with pytest.raises(asyncdb.UniqueViolation):
                async with db.transaction():
                    await db.execute("INSERT OR ROLLBACK INTO t VALUES (1)")
            await db.execute("INSERT INTO t VALUES (2)")

    assert "(UniqueViolation)" in str(caught.value)
    assert isinstance(caught.value.__cause__, asyncdb.UniqueViolation)
    assert 0 == await count(db)


async def test_a_stranger_that_ends_the_transaction_is_named(
    db: asyncdb.Connection, ordered: Faults
) -> None:
    """An exception that no driver knows is named by the outer block, too."""

    async def end() -> None:
        db.native.execute("ROLLBACK")
        raise ZeroDivisionError

    with pytest.raises(asyncdb.TransactionError, match=r"\(ZeroDivisionError\)"):
        async with db.transaction():
            with pytest.raises(ZeroDivisionError):
                async with db.transaction():
                    ordered.add("execute", end)
                    await db.execute("SELECT 1")
            await db.execute("SELECT 1")


async def test_ended_without_an_error(db: asyncdb.Connection, ordered: Faults) -> None:
    """A statement that ends the transaction and succeeds leaves nothing to go on in."""

    async def end() -> None:
        db.native.execute("ROLLBACK")

    with pytest.raises(asyncdb.TransactionError, match="ended from outside"):
        async with db.transaction():
            ordered.add("execute", end)
            await db.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(asyncdb.TransactionError, match="ended from outside"):
        async with db.transaction(), db.transaction():
            ordered.add("execute", end)
            with pytest.raises(asyncdb.TransactionError):
                await db.execute("SELECT 1")


# -- blocks out of order ---------------------------------------------------------------


async def test_ended_out_of_order(db: asyncdb.Connection) -> None:
    """An outer block that ends first takes the inner one along, and says so."""
    outer, inner = db.transaction(), db.transaction()
    await outer.__aenter__()
    await inner.__aenter__()
    await db.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(asyncdb.TransactionError, match="in reverse order"):
        await outer.__aexit__(None, None, None)

    assert (False, 0) == (db.in_transaction, await count(db))


async def test_ended_out_of_order_by_an_error(db: asyncdb.Connection) -> None:
    """An outer block that an error ends first leaves that error to be told."""
    outer, inner = db.transaction(), db.transaction()
    await outer.__aenter__()
    await inner.__aenter__()
    await db.execute("INSERT INTO t VALUES (1)")
    error = ZeroDivisionError()

    assert await outer.__aexit__(type(error), error, None) is None
    assert (False, 0) == (db.in_transaction, await count(db))


@pytest.mark.parametrize("end", ["commit", "rollback"])
async def test_only_the_innermost_may_end(end: str, db: asyncdb.Connection) -> None:
    """A block cannot be ended by hand while an inner one is open; that one can."""
    async with db.transaction() as outer:
        async with db.transaction() as middle, db.transaction() as inner:
            for block in (outer, middle):
                with pytest.raises(asyncdb.TransactionError, match="inner block"):
                    await getattr(block, end)()
            await getattr(inner, end)()
        await db.execute("INSERT INTO t VALUES (1)")

    assert 1 == await count(db)


# -- beginning and committing ----------------------------------------------------------


async def test_what_began_for_nobody_is_rolled_back(
    db: asyncdb.Connection, ordered: Faults
) -> None:
    """A BEGIN that did its work and failed leaves no transaction open."""

    async def begin() -> None:
        db.native.execute("BEGIN")
        raise asyncdb.LockTimeout

    ordered.add("begin", begin)
    with pytest.raises(asyncdb.LockTimeout):
        async with db.transaction():
            pass

    assert not db.in_transaction
    async with db.transaction():
        await db.execute("INSERT INTO t VALUES (1)")
    assert 1 == await count(db)


async def test_a_commit_that_was_stopped_in_time(
    db: asyncdb.Connection, ordered: Faults
) -> None:
    """A COMMIT without an answer, whose transaction is still open, is no riddle."""
    ordered.add("commit", asyncio.Event().wait)
    with pytest.raises(asyncdb.StatementTimeout):
        async with db.transaction():
            await db.execute("INSERT INTO t VALUES (1)")

    assert (False, 0) == (db.in_transaction, await count(db))


async def test_a_commit_that_may_have_happened(
    db: asyncdb.Connection, ordered: Faults
) -> None:
    """A COMMIT without an answer, whose transaction is over, may have happened."""

    async def commit() -> None:
        db.native.execute("COMMIT")
        await asyncio.Event().wait()

    ordered.add("commit", commit)
    with pytest.raises(asyncdb.CommitUnknown) as caught:
        async with db.transaction():
            await db.execute("INSERT INTO t VALUES (1)")

    assert isinstance(caught.value.__cause__, asyncdb.StatementTimeout)
    assert 1 == await count(db)


@pytest.mark.parametrize(
    ("error", "closes", "told"),
    [
        (LostError, False, asyncdb.CommitUnknown),
        (ValueError, True, asyncdb.CommitUnknown),
        (ValueError, False, ValueError),
    ],
)
async def test_a_commit_that_lost_its_line(
    error: type[Exception],
    closes: bool,
    told: type[Exception],
    db: asyncdb.Connection,
    ordered: Faults,
) -> None:
    """A line lost in COMMIT is `CommitUnknown`, whoever noticed: driver or session."""

    async def lose() -> None:
        if closes:
            await db.close()
        raise error

    ordered.add("commit", lose)
    with pytest.raises(told) as caught:
        async with db.transaction():
            await db.execute("INSERT INTO t VALUES (1)")

    assert error in (told, type(caught.value.__cause__))


# -- streams and verbs -----------------------------------------------------------------


async def test_a_stream_that_cannot_be_closed(
    db: asyncdb.Connection, ordered: Faults
) -> None:
    """A stream whose end fails says so, unless a first error has to be told."""
    ordered.add("close_cursor", asyncdb.OperationalError("no end"))
    with pytest.raises(asyncdb.OperationalError, match="no end"):
        async with db.stream("SELECT 1") as rows:
            assert [(1,)] == [row async for row in rows]

    ordered.add("close_cursor", asyncdb.OperationalError("no end"))
    with pytest.raises(ZeroDivisionError) as caught:
        async with db.stream("SELECT 1"):
            raise ZeroDivisionError
    assert ["closing the stream failed too: OperationalError"] == caught.value.__notes__
    assert 1 == await db.fetchval("SELECT 1")
