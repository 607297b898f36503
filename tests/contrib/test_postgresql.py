"""Notifications of PostgreSQL: all that were sent, or a sign that some are missing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio

import asyncdb
from asyncdb.contrib.postgresql import Listening, Missed, Notification, listen, notify
from tests.plugins.databases import POSTGRESQLS, engines
from tests.plugins.proxy import MakeProxy, Side
from tests.plugins.scale import eventually
from tests.plugins.servers import Server

PATIENCE = 20
SESSIONS = "SELECT pid FROM pg_stat_activity WHERE application_name = ?"


@pytest.fixture(params=POSTGRESQLS)
def postgresql_url(request: pytest.FixtureRequest, postgresql_url: str) -> str:
    """The database by each driver in turn."""
    _, plus, driver = request.param.partition("+")
    return postgresql_url.replace("://", f"{plus}{driver}://", 1)


@pytest_asyncio.fixture
async def pool(postgresql_url: str) -> AsyncIterator[asyncdb.Pool]:
    """A pool, whose URL has an option of pools."""
    async with asyncdb.create_pool(f"{postgresql_url}?max_size=2") as pool:
        yield pool


@pytest.fixture
def name() -> str:
    """A name for a session and a channel of the test's own."""
    return f"listener_{uuid4().hex[:12]}"


async def following(messages: Listening, count: int = 1) -> list[Notification | Missed]:
    """The next messages."""
    async with asyncio.timeout(PATIENCE):
        return [await anext(messages) for _ in range(count)]


async def test_three_channels(pool: asyncdb.Pool, name: str) -> None:
    """Channels of any name are heard, with payload and sender, in the order sent."""
    channels = f"{name}?", f'{name} "ä; --', name.upper()
    async with listen(pool, *channels, channels[0]) as messages:
        async with pool.acquire() as db:
            pid = await db.fetchval("SELECT pg_backend_pid()")
            for number, channel in enumerate(channels):
                await notify(db, channel, f"p{number}")
            await notify(db, name)  # nobody listens to the name in small letters
            await notify(db, channels[0])

        assert [
            Notification(channels[0], "p0", pid),
            Notification(channels[1], "p1", pid),
            Notification(channels[2], "p2", pid),
            Notification(channels[0], "", pid),
        ] == await following(messages, 4)


async def test_notify_is_transactional(pool: asyncdb.Pool, name: str) -> None:
    """What a transaction sends goes out with its commit, or not at all."""
    async with listen(pool, name) as messages:
        with pytest.raises(ZeroDivisionError):
            async with pool.transaction() as db:
                await notify(db, name, "rolled back")
                raise ZeroDivisionError
        async with pool.transaction() as db:
            await notify(db, name, "first")
            await notify(db, name, "second")
            assert "0 waiting" in repr(messages)
        heard = await following(messages, 2)

    assert ["first", "second"] == [m.payload for m in heard if type(m) is Notification]


async def test_killed_session(pool: asyncdb.Pool, name: str) -> None:
    """A session that an administrator ends leaves a Missed, and is replaced."""
    async with listen(pool, name, application_name=name) as messages:
        await notify(pool, name, "before")
        assert ["before"] == [m.payload for m in await following(messages)]  # type: ignore[union-attr]
        (pid,) = await pool.fetchall(SESSIONS, [name], into=int)
        await pool.execute("SELECT pg_terminate_backend(?)", [pid])
        assert [Missed(None)] == await following(messages)
        # Who heard that is listened to again.
        await notify(pool, name, "after")
        assert ["after"] == [m.payload for m in await following(messages)]  # type: ignore[union-attr]
        assert [pid] != await pool.fetchall(SESSIONS, [name], into=int)


@engines("postgresql", fixture="server")
@pytest.mark.parametrize("scheme", POSTGRESQLS)
async def test_restarted_server(server: Server, name: str, scheme: str) -> None:
    """A server that dies and comes back leaves a Missed, and is heard again."""
    url = server.url.replace("postgresql", scheme, 1)
    async with listen(url, name) as messages:
        await asyncio.to_thread(server.kill)
        # Long enough for a try to connect in vain.
        await asyncio.sleep(0.3)
        await asyncio.to_thread(server.start)
        assert [Missed(None)] == await following(messages)
        async with asyncdb.connect(server.url) as db:
            await notify(db, name, "after")
        assert ["after"] == [m.payload for m in await following(messages)]  # type: ignore[union-attr]


async def test_silent_line(
    pool: asyncdb.Pool, postgresql_url: str, name: str, make_proxy: MakeProxy
) -> None:
    """A line on which nothing comes through any more is noticed by the keep-alive."""
    proxy = await make_proxy(postgresql_url)
    async with listen(
        proxy.url, name, keepalive=0.1, connect_timeout=0.5, close_timeout=0.2
    ) as messages:
        proxy.stall()
        await notify(pool, name, "lost")
        connections = proxy.accepted

        async def tried_again() -> bool:
            return proxy.accepted > connections

        await eventually(tried_again, within=PATIENCE)
        proxy.flow()
        heard = await following(messages)
        if heard != [Missed(None)]:  # what was held back came at last
            heard = await following(messages)
        assert [Missed(None)] == heard
        await notify(pool, name, "after")
        assert ["after"] == [m.payload for m in await following(messages)]  # type: ignore[union-attr]


async def test_keepalive_leaves_a_live_line_alone(
    pool: asyncdb.Pool, postgresql_url: str, name: str, make_proxy: MakeProxy
) -> None:
    """A server that answers the keep-alive is not connected to again."""
    proxy = await make_proxy(postgresql_url)
    async with listen(proxy.url, name, keepalive=0.05) as messages:
        before = proxy.sent.count(b"SELECT 1")

        async def asked() -> bool:
            # Prepared by its text once, so it is the bytes that grow.
            return len(proxy.sent) > size + 100

        size = len(proxy.sent)
        await eventually(asked, within=PATIENCE)
        await notify(pool, name, "alive")
        assert ["alive"] == [m.payload for m in await following(messages)]  # type: ignore[union-attr]

    assert 0 == before
    assert 1 == proxy.accepted


async def test_full_queue(pool: asyncdb.Pool, name: str) -> None:
    """A full queue keeps the first ones, in order, and counts the rest at its place."""
    async with listen(pool, name, queue_size=3, application_name=name) as messages:
        for number in range(10):
            await notify(pool, name, str(number))

        async def all_came() -> bool:
            return "4 waiting" in repr(messages) and messages._queue[-1] == Missed(7)

        await eventually(all_came, within=PATIENCE)
        first = await following(messages, 2)
        await notify(pool, name, "10")
        rest = await following(messages, 3)

    assert ["0", "1"] == [m.payload for m in first if isinstance(m, Notification)]
    assert ["2", 7, "10"] == [
        m.count if isinstance(m, Missed) else m.payload for m in rest
    ]


async def test_lost_with_a_full_queue(pool: asyncdb.Pool, name: str) -> None:
    """A connection that is lost after the queue was full makes the number unknown."""
    async with listen(pool, name, queue_size=1, application_name=name) as messages:
        for number in range(3):
            await notify(pool, name, str(number))

        async def waits(last: Missed) -> bool:
            return [last] == list(messages._queue)[-1:]

        await eventually(lambda: waits(Missed(2)), within=PATIENCE)
        await pool.execute(
            f"SELECT pg_terminate_backend(pid) FROM ({SESSIONS}) s", [name]
        )
        await eventually(lambda: waits(Missed(None)), within=PATIENCE)
        heard = await following(messages, 2)

    assert Missed(None) == heard[1]
    with pytest.raises(StopAsyncIteration):
        await anext(messages)


async def test_several_hosts(
    pool: asyncdb.Pool, postgresql_url: str, name: str, make_proxy: MakeProxy
) -> None:
    """A host that cannot be listened to is passed over for the next one."""
    proxy = await make_proxy(postgresql_url)
    await proxy.refuse()
    dead, alive = map(asyncdb.DatabaseURL, (proxy.url, postgresql_url))
    both = alive.replace(hosts=[*dead.hosts, *alive.hosts])
    async with listen(both, name) as messages:
        await notify(pool, name, "heard")
        assert ["heard"] == [m.payload for m in await following(messages)]  # type: ignore[union-attr]

    with pytest.raises(asyncdb.ConnectionFailed):
        async with listen(alive.replace(hosts=[*dead.hosts, *dead.hosts]), name):
            pass


async def test_what_waiting_cannot_mend(
    pool: asyncdb.Pool, postgresql_url: str, name: str, make_proxy: MakeProxy
) -> None:
    """Where the server refuses to be listened to, the iterator raises its error."""
    word = b"LISTEN"

    def edit(_: Side, data: bytes) -> bytes:
        return data.replace(b"LISTEN", word)

    proxy = await make_proxy(postgresql_url, edit)
    async with listen(proxy.url, name, queue_size=1) as messages:
        await notify(pool, name, "before")
        waiting = asyncio.create_task(following(messages, 2))
        word = b"LISTEM"
        proxy.cut()
        with pytest.raises(asyncdb.SQLSyntaxError):
            await waiting
        with pytest.raises(asyncdb.SQLSyntaxError):
            await anext(messages)


@pytest.mark.parametrize("lost", [False, True])
async def test_cancelled(pool: asyncdb.Pool, name: str, lost: bool) -> None:
    """A cancelled task leaves no session behind, not even while it connects again."""
    inside = asyncio.Event()

    async def work() -> None:
        async with listen(pool, name, application_name=name) as messages:
            inside.set()
            async for _ in messages:
                pass

    task = asyncio.create_task(work())
    await inside.wait()
    assert 1 == len(await pool.fetchall(SESSIONS, [name]))
    if lost:
        await pool.execute(
            f"SELECT pg_terminate_backend(pid) FROM ({SESSIONS}) s", [name]
        )
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    async def gone() -> bool:
        return not await pool.fetchall(SESSIONS, [name])

    await eventually(gone)


async def test_refused(
    pool: asyncdb.Pool, postgresql_url: str, sqlite_url: str, name: str
) -> None:
    """What can never be heard is refused, before it is waited for."""
    for arguments, options in (
        ((postgresql_url,), {}),
        ((pool, name, ""), {}),
        ((pool, "ä" * 32), {}),
        ((f"{postgresql_url}?pgbouncer=true", name), {}),
        ((pool, name), {"pgbouncer": True}),
        ((pool, name), {"queue_size": 0}),
        ((pool, name), {"keepalive": 0}),
    ):
        with pytest.raises(asyncdb.InterfaceError):
            listen(*arguments, **options)  # type: ignore[arg-type]
    with pytest.raises(asyncdb.InterfaceError, match="async with"):
        await anext(listen(pool, name))
    with pytest.raises(asyncdb.NotSupportedError, match="sqlite"):
        async with listen(sqlite_url, name):
            pass
    async with listen(pool, "x" * 63):
        pass  # it ends before it has begun to look after its connection
    wrong = asyncdb.DatabaseURL(postgresql_url).replace(password="wrong")
    with pytest.raises(asyncdb.AuthenticationFailed):
        async with listen(wrong, name):
            pass
    for channel, payload in ((name, "x" * 8000), ("x" * 64, ""), ("", "")):
        with pytest.raises(asyncdb.DataError):
            await notify(pool, channel, payload)
