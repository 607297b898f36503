"""Autocommit, which a batch switches off on MySQL: it is on again, whatever happens.

What is run with it off by mistake looks done, and is lost with the session.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit, urlunsplit

import pytest
import pytest_asyncio

import asyncdb
from tests.plugins.databases import engines
from tests.plugins.scale import eventually

pytestmark = engines("mariadb", "mysql", "mariadb+asyncmy", "mysql+asyncmy")
# Looked at more often, the table does not change.
PAUSE = 0.2
WAITS = (
    "SELECT COUNT(*) FROM information_schema.innodb_trx"
    " WHERE trx_state = 'LOCK WAIT' AND trx_mysql_thread_id = ?"
)


@pytest_asyncio.fixture
async def other(database_url: str) -> AsyncIterator[asyncdb.Connection]:
    """A second connection."""
    async with asyncdb.connect(database_url) as connection:
        yield connection


@pytest_asyncio.fixture
async def table(
    db: asyncdb.Connection, table: str, other: asyncdb.Connection
) -> AsyncIterator[str]:
    """A table with the rows 10 and 20 to update."""
    await other.execute(f"CREATE TABLE {table} (id INT PRIMARY KEY, a INT)")
    await other.execute(f"INSERT INTO {table} VALUES (10, 0), (20, 0)")
    yield table
    await db.close()  # it would hold its locks


async def send(db: asyncdb.Connection, table: str) -> None:
    """Send a batch, which switches autocommit off."""
    async with db.batch() as batch:
        batch.execute(f"INSERT INTO {table} VALUES (1, 1)")
        batch.execute(f"INSERT INTO {table} VALUES (2, 1)")


async def assert_commits(
    db: asyncdb.Connection, table: str, other: asyncdb.Connection
) -> None:
    """Assert that a statement outside a block commits by itself, at once."""
    await db.execute(f"INSERT INTO {table} VALUES (77, 1)")

    assert not db.in_transaction
    assert 77 == await other.fetchval(f"SELECT max(id) FROM {table}")
    assert 1 == await db.fetchval("SELECT @@autocommit")


async def deadlock(
    db: asyncdb.Connection, table: str, other: asyncdb.Connection, url: str
) -> None:
    """Have `db` be the victim of a deadlock."""
    update = f"UPDATE {table} SET a = 7 WHERE id = ?"
    async with other.transaction():
        # The heavier transaction survives.
        rows = ", ".join(f"({n}, 0)" for n in range(100, 200))
        await other.execute(f"INSERT INTO {table} VALUES {rows}")
        await other.execute(update, [20])
        await db.execute(update, [10])
        me = await other.fetchval("SELECT connection_id()")
        task = asyncio.create_task(other.execute(update, [10]))
        try:
            async with asyncdb.connect(url) as watch:

                async def waits() -> bool:
                    return 0 < await watch.fetchval(WAITS, [me])

                await eventually(waits, within=10, pause=PAUSE)
            await db.execute(update, [20])
        finally:
            await task
            await other.execute(f"DELETE FROM {table} WHERE id >= 100")


@pytest.mark.parametrize("nested", [False, True])
async def test_after_a_deadlock(
    db: asyncdb.Connection,
    table: str,
    other: asyncdb.Connection,
    database_url: str,
    nested: bool,
) -> None:
    """A deadlock of a statement behind a batch takes the transaction, and no more."""
    with pytest.raises(asyncdb.DeadlockDetected):
        async with db.transaction():
            await send(db, table)
            if nested:
                async with db.transaction():
                    await deadlock(db, table, other, database_url)
            else:
                await deadlock(db, table, other, database_url)

    assert 0 == await other.fetchval(f"SELECT count(*) FROM {table} WHERE id < 10")
    await assert_commits(db, table, other)


@pytest.mark.parametrize("verb", ["execute", "executemany", "batch", "stream"])
async def test_after_a_statement_that_commits_and_fails(
    db: asyncdb.Connection, table: str, other: asyncdb.Connection, verb: str
) -> None:
    """CREATE TABLE ends the transaction, and then says that there is one."""
    create = f"CREATE TABLE {table} (a INT)"
    with pytest.raises(asyncdb.DuplicateTable):
        async with db.transaction():
            await send(db, table)
            if verb == "execute":
                await db.execute(create)
            elif verb == "executemany":
                await db.executemany(f"{create} COMMENT ?", [["x"]])
            elif verb == "stream":
                async with db.stream(create):
                    pass
            else:
                async with db.batch() as batch:
                    batch.execute(create)

    await assert_commits(db, table, other)


async def test_the_library_s_connection_commits_after_ddl(
    db: asyncdb.Connection, table: str, new_table: Callable[[], str]
) -> None:
    """What succeeds and ends the transaction leaves autocommit on, for anybody."""
    with pytest.raises(asyncdb.TransactionError, match="ended"):
        async with db.transaction():
            await send(db, table)
            await db.execute(f"CREATE TABLE {new_table()} (a INT)")

    async with db.native.cursor() as cursor:
        await cursor.execute("SELECT @@autocommit")
        assert (1,) == tuple(await cursor.fetchone())


@pytest.mark.parametrize("verb", ["execute", "executemany", "batch", "stream"])
async def test_whatever_is_run_next(
    db: asyncdb.Connection, table: str, other: asyncdb.Connection, verb: str
) -> None:
    """A stream has ended the transaction; the next statement commits by itself."""
    name = f"{table}_p"
    await other.execute(f"CREATE PROCEDURE {name}() BEGIN COMMIT; SELECT 1; END")
    try:
        with pytest.raises(LookupError):
            async with db.transaction():
                await send(db, table)
                async with db.stream(f"CALL {name}()") as rows:
                    assert [(1,)] == [row async for row in rows]
                raise LookupError
        insert = f"INSERT INTO {table} VALUES (?, 1)"
        if verb == "execute":
            await db.execute(insert, [50])
        elif verb == "executemany":
            await db.executemany(insert, [[50]])
        elif verb == "stream":
            async with db.stream(insert, [50]):
                pass
        else:
            async with db.batch() as batch:
                batch.execute(insert, [50])

        assert not db.in_transaction
        assert 50 == await other.fetchval(f"SELECT max(id) FROM {table}")
    finally:
        await other.execute(f"DROP PROCEDURE {name}")


@pytest.mark.parametrize("how", ["batch", "executemany", "savepoint", "own"])
async def test_after_a_commit_that_was_refused(
    db: asyncdb.Connection,
    table: str,
    other: asyncdb.Connection,
    database_url: str,
    how: str,
) -> None:
    """A server that takes no writes any more refuses COMMIT, and takes all back."""
    user = f"u{table}"[-30:]
    await other.execute(f"CREATE USER {user} IDENTIFIED BY 'x'")
    await other.execute(f"GRANT ALL ON {urlsplit(database_url).path[1:]}.* TO {user}")
    parts = urlsplit(database_url)
    where = f"{user}:x@{parts.hostname}:{parts.port}"
    url = urlunsplit(parts._replace(netloc=where))
    lock = f"SELECT get_lock('{table}', 10)"
    try:
        async with asyncdb.connect(url) as limited:

            async def work() -> None:
                if how == "own":
                    async with limited.batch(transaction=True) as batch:
                        batch.execute(f"INSERT INTO {table} VALUES (1, 1)")
                        batch.execute(lock)
                    return
                async with limited.transaction():
                    if how == "executemany":
                        copy = f"INSERT INTO {table} SELECT ?, 1"
                        await limited.executemany(copy, [[1], [2]])
                    elif how == "savepoint":
                        async with limited.transaction():
                            await send(limited, table)
                    else:
                        await send(limited, table)
                    await limited.execute(lock)

            await other.execute(lock)
            task = asyncio.create_task(work())
            mine = "SELECT count(*) FROM information_schema.processlist WHERE state = ?"

            async def waits() -> bool:
                return 0 < await other.fetchval(mine, ["User lock"])

            await eventually(waits, within=10)
            await other.execute("SET GLOBAL read_only = 1")
            try:
                await other.execute(f"DO release_lock('{table}')")
                with pytest.raises(asyncdb.ReadOnlyTransaction):
                    await task
            finally:
                await other.execute("SET GLOBAL read_only = 0")

            assert 2 == await other.fetchval(f"SELECT count(*) FROM {table}")
            await assert_commits(limited, table, other)
    finally:
        await other.execute(f"DROP USER {user}")
