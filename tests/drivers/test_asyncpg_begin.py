"""On asyncpg BEGIN goes with the first statement of its block, in one round trip."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

import asyncdb
from asyncdb.testing.conformance.chapter import ids
from tests.plugins.databases import engines
from tests.plugins.proxy import Proxy, Side
from tests.plugins.scale import eventually

pytestmark = engines("postgresql")

INSERT = "INSERT INTO {t} (id) VALUES (?)"


@pytest.fixture
async def db(database_url: str, table: str) -> AsyncIterator[asyncdb.Connection]:
    """A connection that knows how to insert into an empty table."""
    async with asyncdb.connect(database_url) as db:
        await db.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY)")
        await _keep(db, table)
        yield db


@pytest.fixture
async def other(database_url: str) -> AsyncIterator[asyncdb.Connection]:
    """Another connection."""
    async with asyncdb.connect(database_url) as other:
        yield other


async def _keep(db: asyncdb.Connection, table: str) -> None:
    """Have the statements of these tests prepared."""
    await db.execute(INSERT.format(t=table), [0])
    await db.execute(f"DELETE FROM {table}")
    await ids(db, table)


@pytest.mark.parametrize("end", ["commit", "rollback"])
async def test_a_block_without_statements(
    db: asyncdb.Connection, table: str, end: str
) -> None:
    """It is open, sends nothing, and leaves nothing behind."""
    async with db.transaction(isolation="serializable") as tx:
        assert db.in_transaction
        await getattr(tx, end)()
        assert not db.in_transaction

    await db.execute(INSERT.format(t=table), [2])
    assert [2] == await ids(db, table)


async def _one(db: asyncdb.Connection, table: str) -> None:
    await db.execute(INSERT.format(t=table), [1])


async def _another(db: asyncdb.Connection, table: str) -> None:
    await db.execute(f"INSERT INTO {table} (id) VALUES (1)")  # not prepared yet


async def _read(db: asyncdb.Connection, table: str) -> None:
    assert [] == await ids(db, table)
    await _one(db, table)


async def _many(db: asyncdb.Connection, table: str) -> None:
    await db.executemany(INSERT.format(t=table), [[1]])


async def _load(db: asyncdb.Connection, table: str) -> None:
    await db.load_rows(table, ["id"], [[1]])


async def _streamed(db: asyncdb.Connection, table: str) -> None:
    async with db.stream(f"{INSERT.format(t=table)} RETURNING id", [1]) as rows:
        assert [(1,)] == [tuple(row) async for row in rows]


async def _saved(db: asyncdb.Connection, table: str) -> None:
    async with db.transaction():
        await _one(db, table)


async def _batched(db: asyncdb.Connection, table: str) -> None:
    async with db.batch() as batch:
        batch.execute(INSERT.format(t=table), [1])


async def _described(db: asyncdb.Connection, table: str) -> None:
    await db.describe(INSERT.format(t=table))
    await _one(db, table)


async def _native(db: asyncdb.Connection, table: str) -> None:
    await db.native.execute(INSERT.format(t=table).replace("?", "$1"), 1)


async def _native_text(db: asyncdb.Connection, table: str) -> None:
    await db.native.execute(INSERT.format(t=table).replace("?", "1"))


async def _native_copy(db: asyncdb.Connection, table: str) -> None:
    await db.native.copy_records_to_table(table, records=[(1,)])


async def _native_copy_out(db: asyncdb.Connection, table: str) -> None:
    read: list[bytes] = []

    async def write(data: bytes) -> None:
        read.append(data)

    await db.native.copy_from_query(
        INSERT.format(t=table).replace("?", "1") + " RETURNING id", output=write
    )
    assert [b"1\n"] == read


async def _native_many(db: asyncdb.Connection, table: str) -> None:
    text = INSERT.format(t=table).replace("?", "$1")
    await db.native.executemany(text, [(1,)])


async def _native_cursor(db: asyncdb.Connection, table: str) -> None:
    assert [] == [row async for row in db.native.cursor(f"SELECT id FROM {table}")]
    await _native(db, table)


async def _native_savepoint(db: asyncdb.Connection, table: str) -> None:
    with pytest.raises(asyncpg.InterfaceError, match="manually started transaction"):
        async with db.native.transaction():
            pytest.fail("what has begun begins again")
    await _one(db, table)


async def _only_read(db: asyncdb.Connection, table: str) -> None:
    assert db.native.is_in_transaction()
    await _one(db, table)


FIRST = [
    *(_one, _another, _read, _many, _load, _streamed, _saved, _batched, _described),
    *(_native, _native_text, _native_copy, _native_copy_out, _native_many),
    *(_native_cursor, _native_savepoint, _only_read),
]


@pytest.mark.parametrize("first", FIRST)
async def test_whatever_comes_first_is_in_it(
    db: asyncdb.Connection,
    table: str,
    first: Callable[[asyncdb.Connection, str], Awaitable[None]],
) -> None:
    """Rolled back it is gone, committed it is there."""
    with pytest.raises(ZeroDivisionError):
        async with db.transaction():
            await first(db, table)
            assert db.in_transaction
            raise ZeroDivisionError
    assert not db.in_transaction
    assert [] == await ids(db, table)

    async with db.transaction():
        await first(db, table)
    assert not db.in_transaction
    assert [1] == await ids(db, table)


@pytest.mark.parametrize("first", FIRST)
async def test_whatever_comes_first_in_a_new_session_is_in_it(
    db: asyncdb.Connection,
    database_url: str,
    table: str,
    first: Callable[[asyncdb.Connection, str], Awaitable[None]],
) -> None:
    """Nothing is prepared there."""
    async with asyncdb.connect(database_url) as new:
        with pytest.raises(ZeroDivisionError):
            async with new.transaction():
                await first(new, table)
                raise ZeroDivisionError
    assert [] == await ids(db, table)


async def test_who_has_the_native_connection_is_in_it(
    db: asyncdb.Connection, table: str
) -> None:
    """A block begins at once when statements may come by another way."""
    native = db.native
    with pytest.raises(ZeroDivisionError):
        async with db.transaction():
            assert native.is_in_transaction()
            await native.execute(INSERT.format(t=table).replace("?", "1"))
            raise ZeroDivisionError
    assert [] == await ids(db, table)


async def test_the_native_connection_ends_it(
    db: asyncdb.Connection, table: str
) -> None:
    """What asyncpg is told itself it also knows itself."""
    with pytest.raises(asyncdb.TransactionError, match="ended"):
        async with db.transaction():
            await db.native.execute("ROLLBACK")
            assert not db.in_transaction
            await _one(db, table)


async def test_options_are_those_of_the_block(db: asyncdb.Connection) -> None:
    """Isolation and the like go with it."""
    show = "SELECT current_setting(?)"
    await db.fetchval(show, ["transaction_isolation"])
    async with db.transaction(isolation="serializable", readonly=True):
        assert "serializable" == await db.fetchval(show, ["transaction_isolation"])
        assert "on" == await db.fetchval(show, ["transaction_read_only"])
    assert "read committed" == await db.fetchval(show, ["transaction_isolation"])


async def test_a_first_statement_that_fails(db: asyncdb.Connection, table: str) -> None:
    """The transaction has begun, and only rollback is left of it."""
    await _one(db, table)
    with pytest.raises(asyncdb.TransactionError, match="only rollback"):
        async with db.transaction():
            with pytest.raises(asyncdb.UniqueViolation):
                await _one(db, table)
            assert db.in_transaction
            await db.execute(INSERT.format(t=table), [2])
    assert not db.in_transaction
    assert [1] == await ids(db, table)


async def test_an_argument_that_cannot_be_sent(
    db: asyncdb.Connection, other: asyncdb.Connection, table: str
) -> None:
    """BEGIN was written and its statement not: what has begun is rolled back."""
    with pytest.raises(asyncdb.DataError):
        async with db.transaction():
            try:
                await db.execute(INSERT.format(t=table), ["one"])
            finally:
                assert db.in_transaction
    assert not db.in_transaction
    pid = db.native.get_server_pid()
    state = "SELECT state FROM pg_stat_activity WHERE pid = ?"
    assert "idle" == await other.fetchval(state, [pid])
    await _one(db, table)
    assert [1] == await ids(other, table)


class Spoiler:
    """In the middle, where BEGIN becomes something of its length that is refused."""

    spoils = False

    def __call__(self, side: Side, data: bytes) -> bytes:
        """Let pass what is no BEGIN."""
        if not self.spoils:
            return data
        begin = b"BEGIN ISOLATION LEVEL SERIALIZABLE"
        return data.replace(begin, b"SET ROLE no_such_role_of_this_name")


async def test_a_begin_that_is_refused(
    db: asyncdb.Connection, database_url: str, table: str
) -> None:
    """The statement behind it does not run."""
    spoil = Spoiler()
    async with (
        Proxy(database_url, spoil) as proxy,
        asyncdb.connect(proxy.url, tls="disable") as spoilt,
    ):
        await _keep(spoilt, table)
        spoil.spoils = True
        with pytest.raises(asyncdb.TransactionError, match="nothing more can run"):
            async with spoilt.transaction(isolation="serializable"):
                with pytest.raises(asyncdb.DatabaseError, match="22023"):
                    await _one(spoilt, table)
                assert not spoilt.in_transaction
                with pytest.raises(asyncdb.TransactionError):
                    await _one(spoilt, table)
        assert [] == await ids(db, table)
        spoil.spoils = False
        async with spoilt.transaction():
            await _one(spoilt, table)
        assert [1] == await ids(db, table)


@pytest.mark.parametrize("first", [f for f in FIRST if f is not _native_savepoint])
async def test_a_begin_that_is_refused_once_the_native_connection_was_read(
    db: asyncdb.Connection,
    database_url: str,
    table: str,
    first: Callable[[asyncdb.Connection, str], Awaitable[None]],
) -> None:
    """Whoever comes next is told, and nothing runs outside of the block."""
    spoil = Spoiler()
    async with (
        Proxy(database_url, spoil) as proxy,
        asyncdb.connect(proxy.url, tls="disable") as spoilt,
    ):
        await _keep(spoilt, table)
        spoil.spoils = True
        with pytest.raises(asyncdb.TransactionError, match="has ended"):
            async with spoilt.transaction(isolation="serializable"), asyncio.timeout(9):
                assert spoilt.native.is_in_transaction()
                with pytest.raises((asyncdb.DataError, asyncpg.DataError)):
                    await first(spoilt, table)
                assert not spoilt.in_transaction
                await ids(spoilt, table)
        assert [] == await ids(db, table)
        spoil.spoils = False
        async with spoilt.transaction():
            await first(spoilt, table)
        assert [1] == await ids(db, table)


async def test_a_begin_that_is_refused_before_what_cannot_be_sent(
    db: asyncdb.Connection, database_url: str, table: str
) -> None:
    """The session outlives both."""
    spoil = Spoiler()
    async with (
        Proxy(database_url, spoil) as proxy,
        asyncdb.connect(proxy.url, tls="disable") as spoilt,
    ):
        await _keep(spoilt, table)
        spoil.spoils = True
        with pytest.raises(asyncdb.DatabaseError):
            async with spoilt.transaction(isolation="serializable"):
                await spoilt.execute(INSERT.format(t=table), ["one"])
        assert not spoilt.in_transaction
        await _one(spoilt, table)
        assert [1] == await ids(db, table)


async def test_a_line_that_is_cut(
    db: asyncdb.Connection, database_url: str, table: str
) -> None:
    """The first statement tells it; nothing has happened."""
    async with (
        Proxy(database_url) as proxy,
        asyncdb.connect(proxy.url, tls="disable") as lost,
    ):
        await _keep(lost, table)
        with pytest.raises(asyncdb.ConnectionLost):
            async with lost.transaction():
                proxy.cut_after(0)
                await _one(lost, table)
    assert [] == await ids(db, table)


async def test_a_first_statement_that_is_cancelled(
    db: asyncdb.Connection, other: asyncdb.Connection, table: str
) -> None:
    """Its session is as good as new, and outside of any transaction."""
    sleep = "SELECT 1 FROM pg_sleep(?)"
    await db.fetchval(sleep, [0])
    seen = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = ?"

    async def block() -> None:
        async with db.transaction():
            await db.fetchval(sleep, [60])

    task = asyncio.create_task(block())

    async def runs() -> bool:
        return bool(await other.fetchval(seen, [sleep.replace("?", "$1")]))

    await eventually(runs)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert not db.in_transaction
    async with db.transaction():
        await _one(db, table)
    assert [1] == await ids(other, table)


@pytest.mark.parametrize("by_native", [False, True])
async def test_cancelled_at_any_step(
    database_url: str, db: asyncdb.Connection, table: str, *, by_native: bool
) -> None:
    """However far it came: the next block is one of its own, and whole."""

    async def block(db: asyncdb.Connection, key: int) -> None:
        async with db.transaction():
            if by_native:
                await _native_text(db, table)
                await db.execute(f"DELETE FROM {table} WHERE id = 1")
            await db.execute(INSERT.format(t=table), [key])
            await db.execute(INSERT.format(t=table), [-key])

    for steps in range(2, 24 if by_native else 12):
        async with asyncdb.connect(database_url) as new:
            await _keep(new, table)
            task = asyncio.create_task(block(new, steps))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            assert not new.in_transaction
            async with new.transaction():
                await _one(new, table)
            assert await ids(db, table) in ([1], [-steps, 1, steps])
            await db.execute(f"DELETE FROM {table}")


async def test_a_statement_that_is_stale(
    db: asyncdb.Connection, other: asyncdb.Connection, table: str
) -> None:
    """As the first of a block it fails as any other does: all may run again."""
    sql = f"SELECT * FROM {table}"
    await db.fetchall(sql)
    await other.execute(f"ALTER TABLE {table} ADD COLUMN name TEXT")
    with pytest.raises(asyncdb.Error) as stale:
        async with db.transaction():
            await db.fetchall(sql)
    assert stale.value.is_transient
    async with db.transaction():
        await db.fetchall(sql)
        await _one(db, table)
    assert [1] == await ids(other, table)


async def test_a_notice_comes_between(db: asyncdb.Connection, table: str) -> None:
    """What the server says unasked does not mix with what was written unasked."""
    drop = "DROP TABLE IF EXISTS no_such_table"
    await db.execute(drop)
    async with db.transaction():
        await db.execute(drop)
        await _one(db, table)
    assert [1] == await ids(db, table)


async def test_row_counts_are_the_statement_s(
    db: asyncdb.Connection, table: str
) -> None:
    """Of two command tags the last one counts."""
    async with db.transaction():
        result = await db.execute(INSERT.format(t=table), [1])
        assert 1 == result.rowcount
    delete = f"DELETE FROM {table} WHERE id > ?"
    await db.execute(delete, [5])
    async with db.transaction():
        assert 1 == (await db.execute(delete, [0])).rowcount
