"""Reads go where they see enough, whatever becomes of the servers."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import asyncdb
from asyncdb.contrib import _positions
from asyncdb.contrib.replicas import NoReplica, Replicas, is_token
from tests.plugins import binaries, servers
from tests.plugins.databases import SERVERS
from tests.plugins.replication import Replication, heal, replicated, standby
from tests.plugins.scale import eventually

UPDATE, READ = "UPDATE t SET a = a + 1", "SELECT a FROM t"


@pytest.fixture(scope="module", params=SERVERS)
def running(request: pytest.FixtureRequest) -> Iterator[Replication]:
    """A primary and its replica, of each engine in turn."""
    if binaries.find(request.param) is None:
        pytest.skip(f"no {request.param} of our own")
    with replicated(request.param) as pair:
        yield pair


@pytest.fixture
def pair(running: Replication) -> Replication:
    """Both up and in step, whatever the test before did."""
    heal(running)
    return running


@asynccontextmanager
async def pools(*urls: str) -> AsyncIterator[list[asyncdb.Pool]]:
    """A pool for each URL."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                asyncdb.create_pool(url, min_size=0, max_size=4, close_timeout=0.5)
            )
            for url in urls
        ]


@asynccontextmanager
async def replicas(pair: Replication, **options: Any) -> AsyncIterator[Any]:
    """The primary's pool, and the replicas, with a table `t` of one row on both."""
    async with pools(pair.primary.url, pair.replica.url) as (primary, replica):
        found = Replicas(primary, [replica], **options)
        await primary.execute("DROP TABLE IF EXISTS t")
        await primary.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER)")
        await primary.execute("INSERT INTO t VALUES (1, 0)")
        token = await found.written()

        async def follows() -> bool:  # it may be behind `max_lag` at first
            assert 0 == await found.reader(after=token, timeout=30).fetchval(READ)
            return [1] == [state.reads for state in found.states()]

        await eventually(follows, within=20)
        yield primary, found


def of(db: asyncdb.Connection, server: servers.Server) -> bool:
    """Whether a connection leads to a server."""
    return db.url.port == server.port


async def test_reads_are_the_replicas(pair: Replication) -> None:
    """A reader reads from the replica, in a block and by each verb."""
    async with replicas(pair) as (_, found):
        async with found.reader() as db:
            assert of(db, pair.replica)
        reader = found.reader()
        before = found.states()[0].reads

        assert [0] == await reader.fetchall(READ, into=int)
        assert 0 == await reader.fetchval(READ)
        async with reader.stream(READ, into=int) as rows:
            assert [0] == [row async for row in rows]
        async with reader.transaction(readonly=True) as db:
            assert of(db, pair.replica)
        async with reader.batch() as batch:
            first = batch.fetchval(READ)
            second = batch.fetchall(READ, into=int)
        assert (0, [0]) == (first.result(), second.result())
        with pytest.raises(asyncdb.Error, match="statement 1 of 2 of the batch"):
            async with reader.batch() as batch:
                batch.execute("SELECT a FROM no_such_table")
                other = batch.fetchval(READ)
        assert 0 == other.result()
        assert before + 6 == found.states()[0].reads
        assert pair.engine.replace("mariadb", "mysql") == reader.dialect.name


async def test_a_token_is_waited_for(pair: Replication) -> None:
    """A reader with a token gets the replica once that has what it stands for."""
    async with replicas(pair) as (primary, found):
        pair.pause()
        await primary.execute(UPDATE)
        token = await found.written()
        read = found.reader(after=token, timeout=30, fallback=False).fetchval(READ)
        task = asyncio.create_task(read)
        stale = await found.reader().fetchval(READ)
        assert not task.done()
        pair.resume()

        assert (0, 1) == (stale, await task)


async def test_a_token_falls_back(pair: Replication) -> None:
    """Where the replica stays behind, the primary is read, or NoReplica raised."""
    async with replicas(pair) as (primary, found):
        pair.pause()
        await primary.execute(UPDATE)
        token = await found.written()

        async with found.reader(after=token, timeout=0.05) as db:
            assert of(db, pair.primary)
            assert 1 == await db.fetchval(READ)
        with pytest.raises(NoReplica, match="behind the token"):
            await found.reader(after=token, timeout=0, fallback=False).fetchval(READ)
        assert 0 == await found.reader().fetchval(READ)


_UUID = "00000000-0000-0000-0000-000000000000"
_MANY = "99999999999999999999"
FORGED = [
    *("pg.1.1.FF-FF", f"pg.{_MANY}.9999999999.FFFFFFFF-FFFFFFFF"),
    *(f"ma.9999999999-1-{_MANY}", f"ma.0-1-1~0-1-{_MANY}"),
    *(f"my.{_UUID}:zzz:_", f"my.{_UUID}:1-{_MANY}", f"my.{_UUID}:5-1"),
    *(f"gr.{_UUID}:--", f"ws.{_UUID}.0", f"ws.{_UUID}.{_MANY}", "sq.0123456789abcdef"),
]


async def test_a_forged_token_harms_nobody(pair: Replication) -> None:
    """What a client makes up is served by the primary; the replica stays in use."""
    async with replicas(pair) as (_, found):
        for token in FORGED:
            assert is_token(token)
            assert 0 == await found.reader(after=token, timeout=0.1).fetchval(READ)
            assert [""] == [state.trouble for state in found.states()]

    assert not is_token("ma.\u0660-\u0661-\u0661")  # digits, but not a server's


async def test_no_read_is_stale_with_a_token(pair: Replication) -> None:
    """Of many reads straight after a write none is older than its token."""
    async with replicas(pair) as (primary, found):
        stale = 0
        for wanted in range(1, 201):
            await primary.execute(UPDATE)
            token = await found.written()
            stale += wanted > await found.reader(after=token).fetchval(READ)

        assert 0 == stale


async def test_max_lag(pair: Replication) -> None:
    """A replica that is further behind than max_lag is left out until it is not."""
    limits = {"max_lag": 0.4, "check_interval": 0.05}
    async with replicas(pair, **limits) as (primary, found):
        pair.pause()
        await primary.execute(UPDATE)

        async def reads(server: servers.Server) -> bool:
            async with found.reader() as db:
                return of(db, server)

        await eventually(lambda: reads(pair.primary), within=10)
        assert "max_lag=0.4" in found.states()[0].trouble
        assert 1 == await found.reader().fetchval(READ)
        pair.resume()
        await eventually(lambda: reads(pair.replica), within=10)
        assert "" == found.states()[0].trouble


async def test_a_dead_replica(
    pair: Replication, caplog: pytest.LogCaptureFixture
) -> None:
    """A replica that dies costs the reads under way; when it is back it is read."""
    caplog.set_level(logging.INFO, "asyncdb")
    async with replicas(pair, retry_after=0.05) as (_, found):
        async with found.reader() as db:
            pair.replica.kill()
            with pytest.raises(asyncdb.ConnectionLost):
                await db.fetchval(READ)

        assert [0, 0, 0] == [await found.reader().fetchval(READ) for _ in range(3)]
        assert found.states()[0].trouble
        pair.replica.start()

        async def is_back() -> bool:
            async with found.reader() as db:
                return of(db, pair.replica)

        await eventually(is_back, within=20)
        said = [record.message for record in caplog.records]
        assert any("is left out" in text for text in said)
        assert any("is read from again" in text for text in said)
        assert not any(servers.Server.__name__ in t or "s3cret" in t for t in said)


async def test_a_frozen_replica(pair: Replication) -> None:
    """A replica that does not answer is waited for once, for check_timeout."""
    limits = {"check_interval": 0.01, "check_timeout": 0.3}
    async with replicas(pair, **limits) as (_, found):
        await asyncio.sleep(0.02)  # the verdict is over
        pair.replica.freeze()
        loop = asyncio.get_running_loop()
        begun = loop.time()
        first = await asyncio.gather(*(found.reader().fetchval(READ) for _ in range(4)))
        waited = loop.time() - begun
        assert [0, 0, 0, 0] == first
        assert found.states()[0].trouble
        begun = loop.time()
        await found.reader().fetchval(READ)

        assert waited < 5
        assert loop.time() - begun < 0.3
        pair.replica.thaw()


async def test_all_are_gone(pair: Replication) -> None:
    """Without any server a reader says so, by ConnectionFailed in either case."""
    async with replicas(pair, check_timeout=0.3):
        pair.replica.kill()
        async with pools(pair.replica.url) as (dead,):
            alone = Replicas(dead, [dead], fallback=False)
            with pytest.raises(NoReplica, match="fallback is off") as raised:
                await alone.reader().fetchval(READ)
            assert "s3cret" not in str(raised.value)
            with pytest.raises(asyncdb.ConnectionFailed):
                await Replicas(dead, [dead]).reader().fetchval(READ)


async def test_the_primary_is_gone(pair: Replication) -> None:
    """While the primary is away the replicas are read, as far as they are known."""
    async with replicas(pair, max_lag=0.5, check_interval=0.05) as (_, found):
        pair.primary.kill()
        for _ in range(3):
            await asyncio.sleep(0.1)
            assert 0 == await found.reader(fallback=False).fetchval(READ)
        pair.primary.start()


async def test_a_written_token_needs_a_primary(pair: Replication) -> None:
    """A server that takes no writes gives no tokens."""
    async with pools(pair.replica.url) as (replica,):
        with pytest.raises(asyncdb.ReadOnlyTransaction, match="demoted"):
            await Replicas(replica, []).written()


async def test_a_demoted_primary_is_no_fallback(pair: Replication) -> None:
    """What falls back to a server that is no primary any more is still not stale."""
    async with replicas(pair) as (primary, found):
        pair.pause()
        await primary.execute(UPDATE)
        token = await found.written()
        async with pools(pair.replica.url) as (demoted,):
            with pytest.raises(NoReplica, match="none any more"):
                await (
                    Replicas(demoted, []).reader(after=token, timeout=0).fetchval(READ)
                )


# -- PostgreSQL's failovers ------------------------------------------------------------


@pytest.fixture
def primary_server() -> Iterator[servers.Server]:
    """A PostgreSQL to lose."""
    if binaries.find("postgresql") is None:
        pytest.skip("no postgresql of our own")
    with servers.start("postgresql") as server:
        yield server


async def test_a_replica_is_promoted(primary_server: servers.Server) -> None:
    """A replica that became the primary is read from, with old tokens and new ones."""
    with standby(primary_server) as second:
        async with pools(primary_server.url, second.url) as (old, new):
            await old.execute("CREATE TABLE t (a INTEGER)")
            await old.execute("INSERT INTO t VALUES (0)")
            before = Replicas(old, [new], check_interval=0.05)
            token = await before.written()
            assert 0 == await before.reader(after=token, timeout=30).fetchval(READ)
            primary_server.kill()
            second.promote()
            after = Replicas(new, [new], fallback=False)
            assert 0 == await before.reader(after=token).fetchval(READ)
            await new.execute(UPDATE)
            later = await after.written()

            assert later.split(".")[2] != token.split(".")[2]
            assert 1 == await after.reader(after=later).fetchval(READ)
            assert 1 == await after.reader(after=token).fetchval(READ)
            assert 1 == await before.reader(after=later).fetchval(READ)


async def test_a_replica_on_a_dead_timeline(primary_server: servers.Server) -> None:
    """A standby that is further on, but in a history that failed, is not read from."""
    with standby(primary_server) as heir, standby(primary_server) as lost:
        urls = (primary_server.url, heir.url, lost.url)
        async with pools(*urls) as (old, new, stuck):
            await old.execute("CREATE TABLE t (a INTEGER)")
            await old.execute("INSERT INTO t VALUES (0)")
            token = await Replicas(old, []).written()
            for each in (new, stuck):
                found = Replicas(old, [each], fallback=False)
                assert 0 == await found.reader(after=token, timeout=30).fetchval(READ)
            heir.shutdown()
            await old.execute("CREATE TABLE more AS SELECT generate_series(1, 9999) n")
            token = await Replicas(old, []).written()
            found = Replicas(old, [stuck], fallback=False)
            await found.reader(after=token, timeout=30).fetchval(READ)
            primary_server.kill()
            heir.start()
            heir.promote()
            await new.execute(UPDATE)
            mixed = Replicas(new, [stuck])
            later = await mixed.written()

            assert later.split(".")[3] < token.split(".")[3]
            assert 0 == await mixed.reader().fetchval(READ)
            assert 1 == await mixed.reader(after=later, timeout=0.1).fetchval(READ)


# -- SQLite, and what no server is needed for ------------------------------------------


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A file of SQLite's."""
    return f"sqlite:///{tmp_path / 'app.db'}"


@asynccontextmanager
async def on_sqlite(url: str, count: int = 2, **options: Any) -> AsyncIterator[Any]:
    """The primary's pool, the replicas' and `Replicas`, on one file."""
    async with pools(url, *[url] * count) as (primary, *others):
        await primary.execute("CREATE TABLE t (a INTEGER)")
        await primary.execute("INSERT INTO t VALUES (0)")
        yield primary, others, Replicas(primary, others, **options)


async def test_it_develops_on_sqlite(url: str) -> None:
    """Pools of one file are replicas that are never behind, in turn."""
    async with on_sqlite(url, max_lag=5) as (primary, _, found):
        await primary.execute(UPDATE)
        token = await found.written()

        for _ in range(4):
            assert 1 == await found.reader(after=token, fallback=False).fetchval(READ)
        assert [2, 2] == [state.reads for state in found.states()]


async def test_the_least_busy_is_taken(url: str) -> None:
    """A reader goes to the replica of whose connections the smallest part is in use."""
    async with on_sqlite(url) as (_, (first, second), found):
        async with first.acquire(), first.acquire(), second.acquire():
            async with found.reader():
                pass
            async with found.reader():
                pass

        assert [0, 2] == [state.reads for state in found.states()]


async def test_without_replicas(url: str) -> None:
    """No replica: all reads go to the primary, or Replicas refuses to be made."""
    async with on_sqlite(url, 0) as (primary, _, found):
        assert 0 == await found.reader(after=await found.written()).fetchval(READ)
        assert () == found.states()
        with pytest.raises(asyncdb.InterfaceError, match="nothing to read"):
            Replicas(primary, [], fallback=False)
        with pytest.raises(NoReplica):
            await found.reader(fallback=False).fetchval(READ)


async def test_closed_pools(url: str) -> None:
    """A replica's closed pool is passed over; the primary's raises PoolClosed."""
    async with on_sqlite(url) as (primary, (first, second), found):
        await first.close()
        assert [0, 0] == [await found.reader().fetchval(READ) for _ in range(2)]
        assert ["its pool is closed", ""] == [s.trouble for s in found.states()]
        await second.close()
        assert 0 == await found.reader().fetchval(READ)
        await primary.close()
        with pytest.raises(asyncdb.PoolClosed):
            await found.reader().fetchval(READ)


async def test_a_busy_replica_is_waited_for(url: str) -> None:
    """When all connections are in use a reader waits, and does not flee."""
    async with (
        asyncdb.create_pool(url) as primary,
        asyncdb.create_pool(url, max_size=1, acquire_timeout=0.05) as replica,
    ):
        found = Replicas(primary, [replica])
        async with found.reader():
            with pytest.raises(asyncdb.PoolTimeout):
                await found.reader().fetchval("SELECT 1")
        assert 1 == await found.reader().fetchval("SELECT 1")
        assert "" == found.states()[0].trouble


async def test_one_task_looks(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many readers one looks at a replica; a cancelled one leaves it to the next."""
    async with on_sqlite(url, 1) as (_, (pool,), found):
        looks, go = 0, asyncio.Event()
        ask = _positions.trouble

        async def slowly(db: asyncdb.Connection, timeout: float) -> str:
            nonlocal looks
            looks += 1
            await go.wait()
            return await ask(db, timeout)

        monkeypatch.setattr(_positions, "trouble", slowly)
        tasks = [asyncio.create_task(found.reader().fetchval(READ)) for _ in range(3)]
        await eventually(
            lambda: asyncio.sleep(0, looks == 1 and pool.stats().in_use == 3)
        )
        tasks[0].cancel()
        await eventually(lambda: asyncio.sleep(0, looks == 2))
        go.set()

        assert [0, 0] == await asyncio.gather(*tasks[1:])
        assert (2, 0) == (looks, pool.stats().in_use)


async def test_another_file_is_no_replica(url: str, tmp_path: Path) -> None:
    """A pool of another file never has what a token stands for."""
    async with pools(url, f"sqlite:///{tmp_path / 'other.db'}") as (primary, other):
        found = Replicas(primary, [other])
        await primary.execute("CREATE TABLE t (a INTEGER)")
        await primary.execute("INSERT INTO t VALUES (7)")

        token = await found.written()
        assert 7 == await found.reader(after=token, timeout=0).fetchval(READ)


async def test_memory_has_no_replicas() -> None:
    """A database in memory is its pool's alone, and Replicas says so."""
    async with (
        asyncdb.create_pool("sqlite://") as one,
        asyncdb.create_pool("sqlite://") as two,
    ):
        with pytest.raises(asyncdb.InterfaceError, match="memory"):
            Replicas(one, [two])
        assert 1 == await Replicas(one, []).reader().fetchval("SELECT 1")


async def test_an_engine_without_positions() -> None:
    """A database that is not known here gives no tokens."""
    async with asyncdb.create_pool("fake://") as pool:
        with pytest.raises(asyncdb.NotSupportedError, match="no positions"):
            await Replicas(pool, []).written()


UUID = "3e11fa47-71ca-11e1-9e33-c80aa9429562"


@pytest.mark.parametrize(
    "text",
    [
        "pg.7713305586194035370.12.1A-31C5C68",
        f"my.{UUID}:1-5:11-18",
        f"my.{UUID}:1-5:tag_1:7~{UUID}:9",
        f"gr.{UUID}:1-7:1000001-1014403",
        "ma.0-1-100~7-2-9",
        f"ws.{UUID}.77",
        "sq.0123456789abcdef",
    ],
)
def test_tokens_travel(text: str) -> None:
    """A token has no character that a cookie or a header would have to quote."""
    assert is_token(text)
    assert re.fullmatch(r"[A-Za-z0-9.:_~-]+", text)


@pytest.mark.parametrize(
    "text",
    [
        "", "pg", "pg.1.1.0-1\n", "pg.1.1.0/1", "xx.1", "ma.0-1", "ma.0-1-1,0-2-2",
        f"my.{UUID}", f"my.{UUID}:1' OR '1", "sq." + "0" * 17, "ws.1.1",
        "ma." + "~".join(["0-1-1"] * 999), None, 7,
    ],
)  # fmt: skip
async def test_what_is_no_token_is_refused(url: str, text: Any) -> None:
    """A text of another form is refused before anything is borrowed."""
    assert not is_token(text)
    if text is None:
        return
    async with on_sqlite(url, 1) as (_, _, found):
        with pytest.raises(asyncdb.InterfaceError, match="token"):
            found.reader(after=text)


async def test_a_stranger_s_token_reads_the_primary(pair: Replication) -> None:
    """A token of another database is served by the primary, at once."""
    async with replicas(pair) as (_, found):
        for text in ("pg.1.1.FF-FF", "sq.0123456789abcdef", "ma.0-99-5"):
            async with found.reader(after=text, timeout=0) as db:
                assert of(db, pair.primary)


@pytest.mark.parametrize("name", ["max_lag", "check_interval", "retry_after"])
async def test_limits_are_above_nought(url: str, name: str) -> None:
    """A limit that is not above 0 is refused."""
    async with on_sqlite(url, 0) as (primary, _, _):
        with pytest.raises(asyncdb.InterfaceError, match="above 0"):
            Replicas(primary, [], **{name: 0})


async def test_a_reader_is_for_one_block_at_a_time(url: str) -> None:
    """Two tasks in one reader's block are refused; one after another is fine."""
    async with on_sqlite(url, 1) as (_, (pool,), found):
        reader = found.reader()
        async with reader:
            with pytest.raises(asyncdb.InterfaceError, match="one block"):
                await reader.__aenter__()
        async with reader as db:
            assert 0 == await db.fetchval(READ)
        assert 0 == pool.stats().in_use
        assert "1 of 1 replicas" in repr(found)
