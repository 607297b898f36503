"""Batches on each driver: much at once, limits, what the servers have of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import asyncdb
from asyncdb import Notice
from tests.plugins.databases import ENGINES, SECOND_DRIVERS, engines
from tests.plugins.scale import eventually
from tests.plugins.slow import Slow

ALL = (*ENGINES, *SECOND_DRIVERS)
MYSQLS = ("mariadb", "mysql", "mariadb+asyncmy", "mysql+asyncmy")
POSTGRESQLS = ("postgresql", "postgresql+psycopg")
LARGE = 400_000


# -- much ------------------------------------------------------------------------------


@engines(*ALL)
@pytest.mark.parametrize("transaction", [False, True])
async def test_thousand_statements(
    db: asyncdb.Connection, table: str, transaction: bool
) -> None:
    """A thousand statements, of many texts, each get their own answer."""
    await db.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, a TEXT)")
    queued = []
    async with db.batch(transaction=transaction) as batch:
        for n in range(500):
            sql = f"INSERT INTO {table} VALUES (?, ?) /* {n % 7} */"
            queued.append((batch.execute(sql, [n, str(n)]), n))
            sql = f"SELECT a FROM {table} WHERE id = ? /* {n % 300} */"
            queued.append((batch.fetchval(sql, [n]), n))

    for one, n in queued:
        found = one.result()
        assert str(n) == found if isinstance(found, str) else 1 == found.rowcount
    assert 500 == await db.fetchval(f"SELECT count(*) FROM {table}")


@engines(*ALL)
@pytest.mark.parametrize("transaction", [False, True])
async def test_failures_among_a_thousand(
    db: asyncdb.Connection, table: str, transaction: bool
) -> None:
    """The 700th fails: outside the others stay, in a transaction nothing does."""
    await db.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY)")
    with pytest.raises(asyncdb.UniqueViolation, match="statement 700 of 1000"):
        async with db.batch(transaction=transaction) as batch:
            for n in range(1000):
                batch.execute(f"INSERT INTO {table} VALUES (?)", [1 if n == 699 else n])

    left = await db.fetchval(f"SELECT count(*) FROM {table}")
    assert (0 if transaction else 999) == left


@engines(*ALL)
async def test_large_values(db: asyncdb.Connection, table: str) -> None:
    """Megabytes go out and come back in one batch, and nobody waits for the other."""
    kind = "LONGTEXT" if db.dialect.name == "mysql" else "TEXT"
    await db.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, a {kind})")
    async with asyncio.timeout(60):
        async with db.batch() as batch:
            read = []
            for n in range(20):
                text = chr(97 + n) * LARGE
                batch.execute(f"INSERT INTO {table} VALUES (?, ?)", [n, text])
                read.append(
                    (batch.fetchval(f"SELECT a FROM {table} WHERE id = ?", [n]), text)
                )
                read.append((batch.fetchval(f"SELECT max(a) FROM {table}"), text))

    for one, text in read:
        assert text == one.result()


@engines(*ALL)
async def test_a_text_that_cannot_be_sent(db: asyncdb.Connection, table: str) -> None:
    """What is no text is found before anything is sent, and the error says where."""
    await db.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, a TEXT)")
    insert = f"INSERT INTO {table} VALUES (?, ?)"
    queued = []
    with pytest.raises(asyncdb.InvalidText, match="statement 2 of 3 of the batch"):
        async with db.batch() as batch:
            for n, text in enumerate(["a", "\ud800", "c"]):
                queued.append(batch.execute(insert, [n, text]))

    with pytest.raises(asyncdb.InvalidText):
        queued[1].result()
    assert 0 == await db.fetchval(f"SELECT count(*) FROM {table}")


@engines(*MYSQLS)
@pytest.mark.parametrize("transaction", [False, True])
async def test_a_text_that_is_too_long(
    db: asyncdb.Connection, table: str, transaction: bool
) -> None:
    """What the server takes no packet of is the failure of its statement alone."""
    await db.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, a LONGTEXT)")
    size = await db.fetchval("SELECT @@max_allowed_packet")
    queued = []
    with pytest.raises(asyncdb.ResourceLimit, match="statement 2 of 4"):
        async with db.batch(transaction=transaction) as batch:
            for n, text in enumerate(["a", "b" * size, "c", "d" * size]):
                insert = f"INSERT INTO {table} VALUES (?, ?)"
                queued.append(batch.execute(insert, [n, text]))

    with pytest.raises(asyncdb.ResourceLimit):
        queued[1].result()
    found = await db.fetchall(f"SELECT a FROM {table} ORDER BY a", into=str)
    assert ([] if transaction else ["a", "c"]) == found
    assert not db.in_transaction
    assert 1 == await db.fetchval("SELECT @@autocommit")


# -- limits ----------------------------------------------------------------------------


@engines(*ALL)
@pytest.mark.parametrize("transaction", [False, True])
async def test_statement_timeout(
    database_url: str, table: str, transaction: bool
) -> None:
    """Each statement has the limit, which stops one; the batch may take longer."""
    async with (
        asyncdb.connect(database_url, statement_timeout=0.4) as db,
        asyncdb.connect(database_url) as observer,
    ):
        await db.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY)")
        insert = f"INSERT INTO {table} VALUES (?)"
        slow = await Slow.on(db, observer)
        with pytest.raises(asyncdb.StatementTimeout, match="statement 2 of 3"):
            async with db.batch(transaction=transaction) as batch:
                batch.execute(insert, [1])
                batch.execute(slow.sql)
                batch.execute(insert, [3])
        await slow.stopped()

        found = await observer.fetchall(f"SELECT id FROM {table} ORDER BY id")
        if transaction:
            assert [] == found
        elif not db.is_closed:
            assert [(1,), (3,)] == found
        else:
            assert [(1,)] == found


@engines(*(name for name in ALL if name != "sqlite"))
async def test_statement_timeout_is_of_each(database_url: str) -> None:
    """Statements that together take longer than the limit are let be."""
    sleep = {"postgresql": "SELECT pg_sleep(0.15)", "mysql": "SELECT sleep(0.15)"}
    async with (
        asyncdb.connect(database_url, statement_timeout=0.6) as db,
        db.batch() as batch,
    ):
        for _ in range(6):
            batch.execute(sleep[db.dialect.name])
        last = batch.fetchval("SELECT 7")

    assert 7 == last.result()


# -- values, notices -------------------------------------------------------------------


UNREADABLE = {
    "sqlite": "SELECT CAST(X'ff' AS TEXT)",
    "postgresql": "SELECT CAST('4000-01-01' AS date) + 3000000",
}


@engines("sqlite", "postgresql", "postgresql+psycopg")
@pytest.mark.parametrize("transaction", [False, True])
async def test_a_value_that_cannot_be_read(
    db: asyncdb.Connection, table: str, transaction: bool
) -> None:
    """It is the failure of its statement, and the session goes on."""
    await db.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY)")
    insert = f"INSERT INTO {table} VALUES (?)"
    with pytest.raises(asyncdb.DataError, match="statement 2 of 3"):
        async with db.batch(transaction=transaction) as batch:
            batch.execute(insert, [1])
            batch.fetchall(UNREADABLE[db.dialect.name])
            batch.execute(insert, [2])

    found = await db.fetchall(f"SELECT id FROM {table} ORDER BY id", into=int)
    assert ([] if transaction else [1, 2]) == found
    assert not db.in_transaction


@engines(*POSTGRESQLS)
async def test_notices(database_url: str) -> None:
    """Each notice of the batch's statements is heard, in order."""
    heard: list[Notice] = []
    async with (
        asyncdb.connect(database_url, on_notice=heard.append) as db,
        db.batch() as batch,
    ):
        for n in range(3):
            batch.execute(f"DO $$ BEGIN RAISE NOTICE 'n{n}'; END $$")

    assert ["n0", "n1", "n2"] == [one.message for one in heard]


@engines(*POSTGRESQLS)
async def test_kept_statements_that_are_stale(
    db: asyncdb.Connection, table: str
) -> None:
    """A table that changed under kept statements is no failure of a batch that reads.

    What others have written behind it is not to be seen: then it is one, and transient.
    """
    await db.execute(f"CREATE TABLE {table} (a INTEGER)")
    select = f"SELECT * FROM {table}"
    insert = f"INSERT INTO {table} VALUES (?)"
    await db.execute(insert, [1])
    await db.fetchall(select)
    await db.execute(f"ALTER TABLE {table} ADD b INTEGER")
    async with db.batch() as batch:
        batch.execute(insert, [2])
        first = batch.fetchall(select)
        count = batch.fetchval(f"SELECT count(*) FROM {table}")
        second = batch.fetchall(select)

    assert [(1, None), (2, None)] == first.result() == second.result()
    assert 2 == count.result()
    await db.execute(f"ALTER TABLE {table} ADD c INTEGER")

    async def read_and_write() -> asyncdb.Queued[list[Any]]:
        async with db.batch() as batch:
            found = batch.fetchall(select, into=tuple[Any, ...])
            batch.execute(insert, [3])
        return found

    if db.url.driver == "psycopg":
        with pytest.raises(asyncdb.NotSupportedError) as stale:
            await read_and_write()
        assert stale.value.is_transient
    else:  # one after another
        found = await read_and_write()
        assert [(1, None, None), (2, None, None)] == found.result()
    assert 3 == await db.fetchval(f"SELECT count(*) FROM {table}")
    await db.execute(f"ALTER TABLE {table} ADD d INTEGER")
    with pytest.raises(asyncdb.NotSupportedError) as caught:
        await db.fetchall(select)  # kept again
        await db.execute(f"ALTER TABLE {table} ADD e INTEGER")
        async with db.batch(transaction=True) as batch:
            batch.fetchall(select)
    assert caught.value.is_transient


@engines(*MYSQLS)
@pytest.mark.parametrize("how", ["block", "own"])
async def test_a_deadlock(
    db: asyncdb.Connection, table: str, database_url: str, how: str
) -> None:
    """What a batch does behind a deadlock, in no transaction any more, is undone."""
    await db.execute(f"CREATE TABLE {table} (id INT PRIMARY KEY, a INT)")
    await db.executemany(f"INSERT INTO {table} VALUES (?, 0)", [[i] for i in range(50)])
    mine = await db.fetchval("SELECT CONNECTION_ID()")
    update = f"UPDATE {table} SET a = 7 WHERE id = ?"

    async def send(*, transaction: bool | None) -> None:
        async with db.batch(transaction=transaction) as batch:
            for n in (5, 20, 6, 7, 8):
                batch.execute(update, [n])
            batch.execute(f"INSERT INTO {table} VALUES (99, 7)")

    async def run() -> None:
        if how == "own":
            await send(transaction=True)
            return
        async with db.transaction():
            await db.execute(update, [9])
            await send(transaction=None)

    async with asyncdb.connect(database_url) as other:
        async with other.transaction():
            # The heavier transaction survives.
            await other.execute(f"UPDATE {table} SET a = 1 WHERE id >= 10")

            async def waits() -> bool:
                sql = (
                    "SELECT COUNT(*) FROM information_schema.innodb_trx"
                    " WHERE trx_state = ? AND trx_mysql_thread_id = ?"
                )
                return 0 < await other.fetchval(sql, ["LOCK WAIT", mine])

            task = asyncio.ensure_future(run())
            # Looked at more often, the table does not change.
            await eventually(waits, within=10, pause=0.2)
            await other.execute(f"UPDATE {table} SET a = 1 WHERE id = 5")
            with pytest.raises(asyncdb.DeadlockDetected, match="statement 2 of 6"):
                await task
        assert not db.in_transaction
        assert 0 == await db.fetchval(f"SELECT COUNT(*) FROM {table} WHERE a = 7")
        assert 1 == await db.fetchval("SELECT @@autocommit")


@engines(*MYSQLS)
@pytest.mark.parametrize("how", ["block", "own"])
async def test_ddl_in_the_middle(
    db: asyncdb.Connection, new_table: Callable[[], str], how: str
) -> None:
    """CREATE TABLE commits what was before it, and the batch says that it is over."""
    first, second = new_table(), new_table()
    await db.execute(f"CREATE TABLE {first} (id INT PRIMARY KEY)")

    async def send(*, transaction: bool | None) -> None:
        async with db.batch(transaction=transaction) as batch:
            batch.execute(f"INSERT INTO {first} VALUES (1)")
            batch.execute(f"CREATE TABLE {second} (id INT)")
            batch.execute(f"INSERT INTO {first} VALUES (2)")

    with pytest.raises(asyncdb.TransactionError):
        if how == "own":
            await send(transaction=True)
        else:
            async with db.transaction():
                await send(transaction=None)

    assert [1] == await db.fetchall(f"SELECT id FROM {first} ORDER BY id", into=int)
    assert not db.in_transaction
    assert 1 == await db.fetchval("SELECT @@autocommit")
    await db.execute(f"INSERT INTO {first} VALUES (3)")
    assert 2 == await db.fetchval(f"SELECT COUNT(*) FROM {first}")


# -- pools -----------------------------------------------------------------------------


@engines(*ALL)
async def test_a_pool_that_has_none(database_url: str) -> None:
    """A pool that is used up or closed says so at the block's end; nothing has run."""
    async with asyncdb.create_pool(
        database_url, max_size=1, acquire_timeout=0.05
    ) as pool:
        async with pool.acquire():
            with pytest.raises(asyncdb.PoolTimeout):
                async with pool.batch() as batch:
                    queued = batch.fetchval("SELECT 1")
        with pytest.raises(asyncdb.TransactionError, match="did not run"):
            queued.result()
        async with pool.batch() as batch:
            queued = batch.fetchval("SELECT 1")
        assert 1 == queued.result()
    with pytest.raises(asyncdb.PoolClosed):
        async with pool.batch() as batch:
            batch.fetchval("SELECT 1")


@engines(*ALL)
async def test_retry(database_url: str, table: str) -> None:
    """`retry` runs a batch again when it could not be serialised."""
    runs = []
    async with asyncdb.create_pool(database_url) as pool:
        await pool.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY)")

        async def work(db: asyncdb.Connection) -> int:
            runs.append(1)
            async with db.batch() as batch:
                batch.execute(f"INSERT INTO {table} VALUES (1)")
                count = batch.fetchval(f"SELECT count(*) FROM {table}", into=int)
            if len(runs) == 1:
                raise asyncdb.SerializationFailure("again")
            return count.result() or 0

        assert 1 == await pool.retry(work)

    assert 2 == len(runs)
