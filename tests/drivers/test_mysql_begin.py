"""On MySQL BEGIN goes with the first statement of its block, in one text."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

import asyncdb
from asyncdb.dialects.mysql.protocol import chained
from asyncdb.testing.conformance.chapter import ids
from tests.plugins.databases import engines
from tests.plugins.proxy import Proxy, Side
from tests.plugins.scale import eventually

pytestmark = engines("mariadb", "mysql", "mariadb+asyncmy", "mysql+asyncmy")

INSERT = "INSERT INTO {t} (id, name) VALUES (?, 'a')"


@pytest_asyncio.fixture
async def other(database_url: str) -> AsyncIterator[asyncdb.Connection]:
    """Another connection."""
    async with asyncdb.connect(database_url) as other:
        yield other


@pytest_asyncio.fixture
async def table(table: str, other: asyncdb.Connection) -> str:
    """An empty table."""
    await other.execute(f"CREATE TABLE {table} (id INT PRIMARY KEY, name VARCHAR(9))")
    return table


class Sent:
    """What went to the server."""

    def __init__(self) -> None:
        self.data = b""
        self.trips = 0
        self._last: Side = "server"

    def __call__(self, side: Side, data: bytes) -> bytes:
        """Take note of a piece."""
        if side == "client":
            self.data += data
            self.trips += self._last == "server"
        self._last = side
        return data


@pytest.mark.parametrize("end", ["commit", "rollback"])
async def test_a_block_without_statements(
    database_url: str, table: str, other: asyncdb.Connection, end: str
) -> None:
    """It is open, sends nothing, and leaves nothing behind."""
    sent = Sent()
    async with (
        Proxy(database_url, sent) as proxy,
        asyncdb.connect(proxy.url, tls="disable") as db,
    ):
        trips = sent.trips
        async with db.transaction(isolation="serializable", readonly=True) as tx:
            assert db.in_transaction
            await getattr(tx, end)()
            assert not db.in_transaction
        assert trips == sent.trips

        await db.execute(INSERT.format(t=table), [2])
    assert [2] == await ids(other, table)


async def _one(db: asyncdb.Connection, table: str) -> None:
    await db.execute(INSERT.format(t=table), [1])


async def _semicolon(db: asyncdb.Connection, table: str) -> None:
    await db.execute(f"INSERT INTO {table} VALUES (?, ?)", [1, "a;b"])
    assert "a;b" == await db.fetchval(f"SELECT name FROM {table}")


async def _read(db: asyncdb.Connection, table: str) -> None:
    assert [] == await ids(db, table)
    await _one(db, table)


async def _called(db: asyncdb.Connection, table: str) -> None:
    await db.execute("DO 1")
    await _one(db, table)


async def _many(db: asyncdb.Connection, table: str) -> None:
    await db.executemany(INSERT.format(t=table), [[1]])


async def _pipelined(db: asyncdb.Connection, table: str) -> None:
    await _one(db, table)
    await db.executemany(f"UPDATE {table} SET name = ?", [["a"], ["b"]])


async def _load(db: asyncdb.Connection, table: str) -> None:
    await db.load_rows(table, ["id", "name"], [[1, "a"]])


async def _streamed(db: asyncdb.Connection, table: str) -> None:
    async with db.stream(f"SELECT id FROM {table}") as rows:
        assert [] == [row async for row in rows]
    await _one(db, table)


async def _saved(db: asyncdb.Connection, table: str) -> None:
    async with db.transaction():
        await _one(db, table)


async def _batched(db: asyncdb.Connection, table: str) -> None:
    async with db.batch() as batch:
        batch.execute(INSERT.format(t=table), [1])
        batch.execute(f"UPDATE {table} SET name = 'b'")


async def _described(db: asyncdb.Connection, table: str) -> None:
    await db.describe(INSERT.format(t=table))
    await _one(db, table)


async def _native(db: asyncdb.Connection, table: str) -> None:
    native: Any = db.native
    async with native.cursor() as cursor:
        await cursor.execute(INSERT.format(t=table).replace("?", "1"))


async def _native_query(db: asyncdb.Connection, table: str) -> None:
    native: Any = db.native
    await native.query(INSERT.format(t=table).replace("?", "1"))


async def _native_ping(db: asyncdb.Connection, table: str) -> None:
    native: Any = db.native
    await native.ping()
    await _one(db, table)


FIRST = [
    *(_one, _semicolon, _read, _called, _many, _pipelined, _load, _streamed, _saved),
    *(_batched, _described, _native, _native_query, _native_ping),
]


@pytest.mark.parametrize("first", FIRST)
async def test_whatever_comes_first_is_in_it(
    db: asyncdb.Connection,
    table: str,
    other: asyncdb.Connection,
    first: Callable[[asyncdb.Connection, str], Awaitable[None]],
) -> None:
    """Rolled back it is gone, committed it is there."""
    with pytest.raises(ZeroDivisionError):
        async with db.transaction():
            await first(db, table)
            assert db.in_transaction
            raise ZeroDivisionError
    assert not db.in_transaction
    assert [] == await ids(other, table)

    async with db.transaction():
        await first(db, table)
        assert [] == await ids(other, table)
    assert not db.in_transaction
    assert [1] == await ids(other, table)


async def test_who_has_the_native_connection_is_in_it(
    db: asyncdb.Connection, table: str, other: asyncdb.Connection
) -> None:
    """Taken before the block, too."""
    native: Any = db.native
    with pytest.raises(ZeroDivisionError):
        async with db.transaction():
            await native.query(INSERT.format(t=table).replace("?", "1"))
            assert db.in_transaction
            raise ZeroDivisionError
    assert [] == await ids(other, table)


async def test_the_first_result_is_the_statement_s(
    db: asyncdb.Connection, other: asyncdb.Connection, table: str
) -> None:
    """Rows, counts, keys: nothing is BEGIN's."""
    await other.execute(
        f"ALTER TABLE {table} MODIFY id INT AUTO_INCREMENT, AUTO_INCREMENT = 7"
    )
    async with db.transaction():
        made = await db.execute(f"INSERT INTO {table} (name) VALUES ('a')")
        assert (1, 7) == (made.rowcount, made.lastrowid)
        assert not made.nextset()
    async with db.transaction():
        found = await db.execute(f"SELECT id, name FROM {table}")
        assert [(7, "a")] == await found.fetchall()
        assert not found.nextset()
    async with db.transaction():
        changed = await db.execute(f"UPDATE {table} SET name = 'b'")
        assert 1 == changed.rowcount


async def test_warnings_of_the_first_statement_are_heard(
    database_url: str, table: str
) -> None:
    """What switches several statements off again does not forget them."""
    heard: list[Any] = []
    async with asyncdb.connect(database_url, on_notice=heard.append) as db:
        async with db.transaction():
            await db.execute("SELECT CAST('x' AS SIGNED)")
        await db.execute("SELECT CAST('x' AS SIGNED)")

    assert 2 == len(heard)
    assert heard[0].message == heard[1].message


@pytest.mark.parametrize(
    "sql",
    [
        "SELEC 1",
        "SELECT 1,\n 2 FORM x",
        "SELECT no_such FROM dual",
        "INSERT INTO {t} (id) VALUES (1), (1)",
    ],
)
async def test_an_error_of_the_first_statement_says_the_same(
    db: asyncdb.Connection, table: str, sql: str
) -> None:
    """The place in the text, too; and the block can only be rolled back."""
    text = sql.format(t=table)
    with pytest.raises(asyncdb.Error) as alone:
        await db.execute(text)
    with pytest.raises(asyncdb.Error) as inside:
        async with db.transaction():
            await db.execute(text)

    assert not db.in_transaction
    assert type(alone.value) is type(inside.value)
    assert str(alone.value) == str(inside.value)


async def test_nobody_brings_in_a_second_statement(
    db: asyncdb.Connection, table: str, other: asyncdb.Connection
) -> None:
    """Not in the text that BEGIN goes with, and not behind it."""
    two = f"{INSERT.format(t=table)}; DELETE FROM {table}"
    for text in (two, two.replace(";", "/*!;*/")):
        with pytest.raises(asyncdb.ProgrammingError):
            async with db.transaction():
                await db.execute(text, [1])
    with pytest.raises(asyncdb.ProgrammingError):
        async with db.transaction():
            await _one(db, table)
            await db.execute(two, [2])
    await _one(db, table)
    with pytest.raises(asyncdb.ProgrammingError):
        await db.execute(two, [2])
    assert [1] == await ids(other, table)


async def test_a_server_that_takes_one_statement_only(
    database_url: str,
    table: str,
    other: asyncdb.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """BEGIN goes by itself there, from the second block on without asking again."""
    monkeypatch.setattr(chained, "SEVERAL", chained.SINGLE)
    sent = Sent()
    async with (
        Proxy(database_url, sent) as proxy,
        asyncdb.connect(proxy.url, tls="disable") as db,
    ):
        with pytest.raises(ZeroDivisionError):
            async with db.transaction():
                await _one(db, table)
                assert db.in_transaction
                raise ZeroDivisionError
        assert [] == await ids(other, table)
        asked = sent.data.count(chained.SINGLE)

        async with db.transaction():
            await _one(db, table)
        assert [1] == await ids(other, table)
        assert asked == sent.data.count(chained.SINGLE) > 0


async def test_what_begin_was_refused_for_does_not_run(
    database_url: str, table: str, other: asyncdb.Connection
) -> None:
    """The block is over with that, and the connection is as it was."""

    def refuse(_side: Side, data: bytes) -> bytes:
        return data.replace(b"START TRANSACTION", b"SELECT no_such_tx")

    async with (
        Proxy(database_url, refuse) as proxy,
        asyncdb.connect(proxy.url, tls="disable") as db,
    ):
        with pytest.raises(asyncdb.UndefinedColumn, match="no_such_tx"):
            async with db.transaction():
                await _one(db, table)
        with pytest.raises(asyncdb.TransactionError):
            async with db.transaction():
                with pytest.raises(asyncdb.UndefinedColumn):
                    await _one(db, table)
                await _one(db, table)
        assert [] == await ids(other, table)

        assert not db.in_transaction
        await _one(db, table)
    assert [1] == await ids(other, table)


async def test_begin_that_was_refused_stays_due(
    database_url: str, table: str, other: asyncdb.Connection
) -> None:
    """Whoever asks `db.native` again is not outside of the block."""
    refusals = 2

    def refuse(side: Side, data: bytes) -> bytes:
        nonlocal refusals
        if side == "client" and b"START TRANSACTION" in data and refusals:
            refusals -= 1
            return data.replace(b"START TRANSACTION", b"SELECT no_such_tx")
        return data

    async with (
        Proxy(database_url, refuse) as proxy,
        asyncdb.connect(proxy.url, tls="disable") as db,
    ):
        native: Any = db.native
        with pytest.raises(ZeroDivisionError):
            async with db.transaction(isolation="serializable"):
                for _ in range(2):
                    with pytest.raises(_errors(db), match="no_such_tx"):
                        await native.query(INSERT.format(t=table).replace("?", "1"))
                await native.query(INSERT.format(t=table).replace("?", "1"))
                raise ZeroDivisionError
        assert [] == await ids(other, table)
        await _one(db, table)
    assert [1] == await ids(other, table)


async def test_native_errors_are_the_library_s(
    database_url: str, other: asyncdb.Connection
) -> None:
    """On a session that was ended while BEGIN was due, too."""
    async with asyncdb.connect(database_url) as db:
        native: Any = db.native
        with pytest.raises(asyncdb.Error):
            async with db.transaction():
                await other.execute(f"KILL {native.thread_id()}")
                assert await eventually(lambda: _is_over(db))
                with pytest.raises(_errors(db)):
                    await native.query("SELECT 1")


def _errors(db: asyncdb.Connection) -> type[Exception]:
    errors: type[Exception] = db._session.inner._wire.library.error  # type: ignore[attr-defined]
    return errors


async def _is_over(db: asyncdb.Connection) -> bool:
    return db.is_closed


@pytest.mark.parametrize("ask", ["SELECT ROW_COUNT()", "SET @a = ROW_COUNT()"])
async def test_the_server_has_no_count_of_the_first_statement(
    db: asyncdb.Connection, table: str, ask: str
) -> None:
    """It would say -1: that is refused, and only right behind it."""
    await _one(db, table)
    with pytest.raises(asyncdb.NotSupportedError, match="rowcount"):
        async with db.transaction():
            changed = await db.execute(f"UPDATE {table} SET name = 'b'")
            assert 1 == changed.rowcount
            await db.execute(ask)
    with pytest.raises(asyncdb.NotSupportedError, match="rowcount"):
        async with db.transaction():
            await db.execute(f"UPDATE {table} SET name = 'b'")
            async with db.stream("SELECT ROW_COUNT()"):
                pytest.fail("it would say -1")
    async with db.transaction():
        await db.execute(f"SELECT id FROM {table}")
        await db.execute(f"UPDATE {table} SET name = 'c'")
        assert 1 == await db.fetchval("SELECT ROW_COUNT()")
    async with db.transaction():
        await db.execute(f"UPDATE {table} SET name = 'd'")
        await db.executemany(f"INSERT INTO {table} VALUES (?, 'a')", [[2], [3]])
        assert 2 == await db.fetchval("SELECT ROW_COUNT()")
    async with db.transaction():
        await db.execute(f"UPDATE {table} SET name = 'e'")
    assert 0 == await db.fetchval("SELECT ROW_COUNT()")


async def _change_both(db: asyncdb.Connection, table: str) -> None:
    """Change two rows at a time, with autocommit off."""
    rows = [["b", 1], ["c", 2]]
    await db.executemany(f"UPDATE {table} SET name = ? WHERE id = ?", rows)


@pytest.mark.parametrize("end", ["commit", "rollback", None])
async def test_autocommit_is_on_again_for_native_statements(
    db: asyncdb.Connection, table: str, other: asyncdb.Connection, end: str | None
) -> None:
    """A batch had switched it off, and `db.native` has ended that one's block."""
    await db.executemany(f"INSERT INTO {table} VALUES (?, 'a')", [[1], [2]])
    native: Any = db.native
    with pytest.raises(asyncdb.TransactionError):
        async with db.transaction():
            await _change_both(db, table)
            await native.rollback()
    if end is not None:
        async with db.transaction() as tx:
            await getattr(tx, end)()

    await native.query(f"INSERT INTO {table} VALUES (3, 'a')")
    assert not db.in_transaction
    assert [1, 2, 3] == await ids(other, table)
    await db.execute(f"INSERT INTO {table} VALUES (4, 'a')")
    assert [1, 2, 3, 4] == await ids(other, table)


async def test_autocommit_is_on_again_inside_of_a_block(
    db: asyncdb.Connection, table: str, other: asyncdb.Connection
) -> None:
    """What `db.native` does behind its own ROLLBACK commits by itself, as it does."""
    await db.executemany(f"INSERT INTO {table} VALUES (?, 'a')", [[1], [2]])
    native: Any = db.native
    with pytest.raises(asyncdb.TransactionError):
        async with db.transaction():
            await _change_both(db, table)
            await native.query(f"INSERT INTO {table} VALUES (5, 'a')")
            await native.rollback()
            await native.query(f"INSERT INTO {table} VALUES (3, 'a')")
    assert [1, 2, 3] == await ids(other, table)


async def test_results_of_a_call_that_looks_like_a_select(
    db: asyncdb.Connection, table: str
) -> None:
    """All of them come, whatever we take the statement for."""
    await db.execute(
        f"CREATE PROCEDURE p_{table}() BEGIN SELECT 1 AS a; SELECT 2 AS a; END"
    )
    async with db.transaction():
        found = await db.execute(f"/*!999999 SELECT */ CALL p_{table}()")
        assert [(1,)] == await found.fetchall()
        assert found.nextset()
        assert [(2,)] == await found.fetchall()
    await db.execute(f"DROP PROCEDURE p_{table}")


async def test_a_session_that_would_go_on_taking_several_is_ended(
    db: asyncdb.Connection,
    table: str,
    other: asyncdb.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is not left to the next statement."""
    monkeypatch.setattr(chained, "SINGLE", chained.SINGLE[:1] + b"\7\0")
    with pytest.raises(asyncdb.Error):
        async with db.transaction():
            await _one(db, table)

    assert db.is_closed
    assert [] == await ids(other, table)


async def test_without_a_pipeline_begin_goes_by_itself(
    database_url: str, table: str
) -> None:
    """As other things do, with that option."""
    sent = Sent()
    async with (
        Proxy(database_url, sent) as proxy,
        asyncdb.connect(proxy.url, tls="disable", pipeline=False) as db,
    ):
        trips = sent.trips
        async with db.transaction():
            assert trips + 1 == sent.trips
            await _one(db, table)
        assert trips + 3 == sent.trips


async def test_begin_takes_nothing_of_the_longest_packet(
    db: asyncdb.Connection, table: str, other: asyncdb.Connection
) -> None:
    """A statement of as many bytes as the server takes can be the first."""
    most = await db.fetchval("SELECT @@max_allowed_packet")
    frame = f"INSERT INTO {table} VALUES (1, LEFT('', 9))"
    fill = "x" * (most - 1 - len(b"\3" + frame.encode()))
    async with db.transaction():
        await db.execute(frame.replace("''", f"'{fill}'"))

    assert [1] == await ids(other, table)


async def test_the_block_keeps_to_its_options(
    db: asyncdb.Connection, table: str
) -> None:
    """A block that reads refuses a first statement that writes."""
    with pytest.raises(asyncdb.Error) as caught:
        async with db.transaction(isolation="repeatable read", readonly=True):
            await _one(db, table)

    assert 1792 == caught.value.code
    await _one(db, table)
    assert [1] == await ids(db, table)


async def test_a_serializable_block_locks_what_it_reads_first(
    db: asyncdb.Connection, table: str, other: asyncdb.Connection
) -> None:
    """The level holds for the statement that BEGIN goes with."""
    await _one(db, table)
    await other.execute("SET innodb_lock_wait_timeout = 1")
    async with db.transaction(isolation="serializable"):
        assert [1] == await ids(db, table)
        with pytest.raises(asyncdb.LockTimeout):
            await other.execute(f"UPDATE {table} SET name = 'b'")
