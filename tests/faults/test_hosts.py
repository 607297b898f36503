"""Several hosts: which is found, what a dead one costs, and whose name TLS checks."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

import asyncdb
from asyncdb.connection.addresses import SILENCE
from tests.plugins import servers
from tests.plugins.certificates import Certificates
from tests.plugins.databases import SECOND_DRIVERS, SERVERS, engine_url, engines
from tests.plugins.pairs import Pair
from tests.plugins.proxy import MakeProxy, Proxy, Side
from tests.plugins.scale import eventually

DRIVERS = (*SERVERS, *SECOND_DRIVERS)
WRITES = {"read-write": 0, "primary": 0, "read-only": 1, "standby": 1}


@pytest.fixture(autouse=True)
def nobody_was_silent() -> Iterator[None]:
    """Each test begins with no memory of the others' silent hosts."""
    SILENCE.clear()
    yield
    SILENCE.clear()


def at(url: str) -> str:
    """Return the host and port of a URL."""
    return urlsplit(url).netloc.rpartition("@")[2]


def named(url: str, *names: str) -> str:
    """Return a URL with these hosts in place of its own, on its port."""
    parts = urlsplit(url)
    login, _, _ = parts.netloc.rpartition("@")
    hosts = ",".join(f"{name}:{parts.port}" for name in names)
    return parts._replace(netloc=f"{login}@{hosts}").geturl()


class Resolver:
    """Stands for the system's; real addresses it leaves to it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, **names: list[str]) -> None:
        self.names = names
        self.asked: list[str] = []
        self._real: Any = loop.getaddrinfo

    async def __call__(self, host: str, port: int, **kinds: Any) -> list[Any]:
        """Answer as `loop.getaddrinfo` does."""
        name = host.partition(".")[0]
        if name not in self.names:
            found: list[Any] = await self._real(host, port, **kinds)
            return found
        self.asked.append(host)
        if not self.names[name]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        stream = socket.AF_INET, socket.SOCK_STREAM, 6, ""
        return [(*stream, (address, port)) for address in self.names[name]]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that puts a resolver in the place of the system's."""

    def install(**names: list[str]) -> Resolver:
        loop = asyncio.get_running_loop()
        stub = Resolver(loop, **names)
        monkeypatch.setattr(loop, "getaddrinfo", stub)
        return stub

    return install


# -- which server will do --------------------------------------------------------------


@pytest.mark.parametrize("word", [*WRITES, "prefer-standby", "any"])
@pytest.mark.parametrize(
    "turned", [False, True], ids=["primary,other", "other,primary"]
)
async def test_the_server_that_is_wanted(pair: Pair, word: Any, turned: bool) -> None:
    """Each of libpq's words finds the server that it means, in either order."""
    hosts = pair.hosts[::-1] if turned else pair.hosts
    expected = pair.servers[WRITES.get(word, 1)].port
    if word == "any":
        expected = int(hosts[0].rpartition(":")[2])

    async with asyncdb.connect(pair.url(*hosts), target_session_attrs=word) as db:
        ask = "@@port" if pair.is_mysql else "inet_server_port()"
        assert expected == await db.fetchval(f"SELECT {ask}")
        if word in ("read-write", "primary"):
            await db.execute("CREATE TABLE t_hosts (a INTEGER)")
            await db.execute("DROP TABLE t_hosts")


async def test_the_word_in_the_url(pair: Pair) -> None:
    """libpq's URL, with the standby first, finds the primary."""
    url = pair.url(*pair.hosts[::-1], options="target_session_attrs=read-write")
    async with asyncdb.connect(url) as db:
        await db.execute("CREATE TABLE t_hosts (a INTEGER)")
        await db.execute("DROP TABLE t_hosts")


async def test_where_there_is_none(pair: Pair) -> None:
    """With none that fits the error says of each what it is."""
    first, second = pair.hosts
    with pytest.raises(asyncdb.ConnectionFailed) as caught:
        await asyncdb.connect(pair.url(second), target_session_attrs="read-write")

    wants = "it is a standby; target_session_attrs=read-write wants a server that takes"
    assert wants in str(caught.value)
    with pytest.raises(asyncdb.ConnectionFailed) as caught:
        await asyncdb.connect(pair.url(first, first), target_session_attrs="read-only")

    assert 2 == len(caught.value.__notes__)
    assert all("takes writes; target" in note for note in caught.value.__notes__)


async def test_a_session_that_is_told_to_read(pair: Pair) -> None:
    """As in libpq the session's own settings count, too, and not for `primary`."""
    name = "default_transaction_read_only"
    if pair.is_mysql:
        name = "tx_read_only" if pair.engine == "mariadb" else "transaction_read_only"
    settings = {name: "1" if pair.is_mysql else "on"}
    url = pair.urls[0]
    for word in ("read-only", "primary"):
        async with asyncdb.connect(
            url, target_session_attrs=word, settings=settings
        ) as db:
            assert 1 == await db.fetchval("SELECT 1")
    with pytest.raises(asyncdb.ConnectionFailed, match="it is read-only"):
        await asyncdb.connect(url, target_session_attrs="read-write", settings=settings)


class Counter:
    """Counts questions: bytes of the client that follow bytes of the server."""

    def __init__(self) -> None:
        self._last: Side = "server"
        self.trips = 0

    def __call__(self, side: Side, data: bytes) -> bytes:
        """See bytes pass."""
        self.trips += side == "client" and self._last == "server"
        self._last = side
        return data


@pytest.mark.parametrize("engine", DRIVERS)
async def test_asking_costs_no_round_trip(
    request: pytest.FixtureRequest, engine: str
) -> None:
    """What a server is comes with what connecting asks anyway, on every server."""
    url = engine_url(request, engine)
    cost: dict[str, int] = {}
    for word in ("any", "read-write", "primary", "prefer-standby"):
        counter = Counter()
        wanted: Any = word
        async with (
            Proxy(url, counter) as proxy,
            # The first at an address may ask for a pooler; a port may be an old one's.
            asyncdb.connect(proxy.url, tls="disable"),
        ):
            counter.trips = 0
            async with asyncdb.connect(
                proxy.url, tls="disable", target_session_attrs=wanted
            ) as db:
                cost[word] = counter.trips
                version = db.dialect.server_version
    more = 2 if engine == "postgresql" and version < (14,) else 0

    assert {cost["any"] + more} == {n for word, n in cost.items() if word != "any"}


# -- what a dead host costs ------------------------------------------------------------


async def test_a_frozen_host_costs_a_third(pair: Pair) -> None:
    """The first connection waits a third of connect_timeout, the next ones do not."""
    frozen, alive = pair.servers[1], pair.hosts[0]
    frozen.freeze()
    try:
        url = pair.url(pair.hosts[1], alive)
        waited = []
        for _ in range(3):
            began = time.monotonic()
            async with asyncdb.connect(url, connect_timeout=3) as db:
                assert 1 == await db.fetchval("SELECT 1")
            waited.append(time.monotonic() - began)
    finally:
        frozen.thaw()

    assert 0.95 < waited[0] < 2
    assert max(waited[1:]) < 0.95


@engines(*DRIVERS)
async def test_a_pool_beside_a_frozen_host(
    database_url: str, make_proxy: MakeProxy
) -> None:
    """A pool that grows beside a silent host waits for it once, not each time."""
    silent, good = await make_proxy(database_url), await make_proxy(database_url)
    silent.be_silent()
    url = database_url.replace(at(database_url), f"{at(silent.url)},{at(good.url)}")
    began = time.monotonic()
    async with asyncdb.create_pool(url, connect_timeout=3, max_size=5) as pool:
        held = [await pool.acquire() for _ in range(5)]
        for db in held:
            await pool.release(db)

        assert time.monotonic() - began < 3
    assert 1 == silent.accepted


# -- names -----------------------------------------------------------------------------


@engines(*DRIVERS)
async def test_an_address_that_refuses(database_url: str, resolver: Any) -> None:
    """A name's address where nobody listens is followed by the next; anew each time."""
    stub = resolver(db=["127.0.0.9", "127.0.0.1"])
    url = named(database_url, "db.example")
    async with asyncdb.connect(url, tls="disable") as db:
        assert 1 == await db.fetchval("SELECT 1")
    stub.names["db"] = ["127.0.0.1"]
    async with asyncdb.connect(url, tls="disable") as db:
        assert 1 == await db.fetchval("SELECT 1")

    assert ["db.example", "db.example"] == stub.asked
    stub.names["db"] = ["127.0.0.8", "127.0.0.9"]
    with pytest.raises(asyncdb.ConnectionFailed) as caught:
        await asyncdb.connect(url, tls="disable")

    first, second = caught.value.__notes__
    assert "(127.0.0.8): " in first
    assert "(127.0.0.9): " in second
    stub.names["db"] = []
    with pytest.raises(asyncdb.ConnectionFailed, match="not known"):
        await asyncdb.connect(url, tls="disable")


@engines(*DRIVERS)
async def test_cancelling_goes_to_the_same_address(
    database_url: str, resolver: Any
) -> None:
    """A statement is stopped where it runs, wherever the host's name leads now."""
    stub = resolver(db=["127.0.0.1"])
    async with (
        asyncdb.connect(named(database_url, "db.example"), tls="disable") as db,
        asyncdb.connect(database_url) as other,
    ):
        stub.names["db"] = ["127.0.0.9"]
        name = db.dialect.name
        own = "pg_backend_pid()" if name == "postgresql" else "CONNECTION_ID()"
        session = await db.fetchval(f"SELECT {own}")
        sleep = "SELECT pg_sleep(30)" if name == "postgresql" else "SELECT SLEEP(30)"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await db.fetchval(sleep)
        running = (
            "SELECT count(*) FROM pg_stat_activity WHERE pid = ? AND state = 'active'"
            if name == "postgresql"
            else "SELECT count(*) FROM information_schema.processlist"
            " WHERE id = ? AND info IS NOT NULL"
        )

        async def stopped() -> bool:
            return not await other.fetchval(running, [session])

        await eventually(stopped)


@pytest.fixture(scope="module", params=SERVERS)
def certified(
    request: pytest.FixtureRequest, certificates: Certificates
) -> Iterator[servers.Server]:
    """A server whose certificate is for db.example, whatever its address."""
    own = certificates.elsewhere
    files = {"server.crt": own.certificate, "server.key": own.key}
    names = ("ssl_cert_file", "ssl_key_file")
    extra = {"ssl": "on"}
    if request.param != "postgresql":
        names, extra = ("ssl-cert", "ssl-key"), {}
    paths = ("{folder}/server.crt", "{folder}/server.key")
    given = dict(zip(names, paths, strict=True))
    with servers.start(request.param, files=files, **given, **extra) as server:
        yield server


async def test_tls_checks_the_name(
    certified: servers.Server, certificates: Certificates, resolver: Any
) -> None:
    """The certificate is checked for the name in the URL, not for the address."""
    resolver(db=["127.0.0.9", "127.0.0.1"], other=["127.0.0.1"])
    tls: Any = {"tls": "verify-full", "tls_ca": certificates.ca}
    for driver in (name for name in DRIVERS if name.startswith(certified.engine)):
        url = certified.url.replace(certified.engine, driver, 1)
        async with asyncdb.connect(named(url, "db.example"), **tls) as db:
            assert 1 == await db.fetchval("SELECT 1")
        for wrong in (named(url, "other.example"), url):
            with pytest.raises(asyncdb.ConnectionFailed, match="not trusted"):
                await asyncdb.connect(wrong, **tls)
