"""Which host is tried after which, and what is said when none would have us."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
import pytest_asyncio

import asyncdb
from asyncdb.connection.addresses import REMEMBERED, SILENCE, Place, Silence
from asyncdb.driver import Role
from asyncdb.testing.fake import FakeConnection, FakeDriver, Faults, faults

URL = "fake://ann:s3cret@one,two:7,three/"


@pytest.fixture
def ordered() -> Iterator[Faults]:
    """The fake's orders; nobody has been silent yet."""
    SILENCE.clear()
    with faults() as given:
        yield given
    SILENCE.clear()


def tried(ordered: Faults) -> int:
    """Return how many hosts were asked."""
    return ordered.passed.count("connect")


@pytest.mark.parametrize(
    "refusal",
    [
        asyncdb.ConnectionFailed("nobody there"),
        asyncdb.TooManyConnections("full"),
        asyncdb.ConnectionLost("cut in the handshake"),
        ConnectionResetError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_refusal_goes_on_to_the_next(
    refusal: Exception, ordered: Faults
) -> None:
    """A host that cannot serve is followed by the next."""
    ordered.add("connect", refusal)

    async with asyncdb.connect(URL) as db:
        assert 1 == await db.fetchval("SELECT 1")
    assert (2, 1) == (tried(ordered), ordered.opened)


async def test_the_first_that_answers_is_taken(ordered: Faults) -> None:
    """Where the first host answers no other is asked."""
    async with asyncdb.connect(URL):
        assert (1, 1) == (tried(ordered), ordered.opened)


@pytest.mark.parametrize(
    "error",
    [
        asyncdb.InsufficientPrivilege("not this database"),
        asyncdb.InterfaceError("an option that does not fit"),
        asyncdb.NotSupportedError("too old"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_all_would_say_is_said_once(
    error: asyncdb.Error, ordered: Faults
) -> None:
    """An error that has nothing to do with the host is raised as it is, at once."""
    message = str(error)
    ordered.add("connect", error)
    with pytest.raises(type(error)) as caught:
        await asyncdb.connect(URL)

    assert (1, message) == (tried(ordered), str(caught.value))
    assert not hasattr(caught.value, "__notes__")


async def test_what_no_driver_knows_is_left_alone(ordered: Faults) -> None:
    """An exception that the driver cannot translate is raised as it is, at once."""
    bug = ZeroDivisionError()
    ordered.add("connect", bug)
    with pytest.raises(ZeroDivisionError) as caught:
        await asyncdb.connect(URL)

    assert bug is caught.value
    assert 1 == tried(ordered)


async def test_when_all_refuse(ordered: Faults) -> None:
    """The last error is raised; it names its host, and in notes what each one said."""
    reset = ConnectionResetError()
    ordered.add("connect", asyncdb.TooManyConnections("full"))
    ordered.add("connect", reset)
    ordered.add("connect", asyncdb.AuthenticationFailed("wrong password"))
    with pytest.raises(asyncdb.AuthenticationFailed) as caught:
        await asyncdb.connect(URL)

    assert "fake://ann:***@three: wrong password" == str(caught.value)
    assert [
        "host 1 of 3: fake://ann:***@one: full",
        "host 2 of 3: fake://ann:***@two:7: the connection was cut",
        "host 3 of 3: fake://ann:***@three: wrong password",
    ] == caught.value.__notes__
    assert 3 == tried(ordered)


async def test_a_wrong_password_is_the_last_word(ordered: Faults) -> None:
    """Where one host does not take the password the others are not asked."""
    ordered.add("connect", asyncdb.TooManyConnections("full"))
    ordered.add("connect", asyncdb.AuthenticationFailed("wrong password"))
    with pytest.raises(asyncdb.AuthenticationFailed, match="two:7: wrong") as caught:
        await asyncdb.connect(URL)

    assert (2, 0) == (tried(ordered), ordered.opened)
    assert 2 == len(caught.value.__notes__)


async def test_one_host_needs_no_list(ordered: Faults) -> None:
    """With one host the error names it, keeps its cause, and has no notes."""
    reset = ConnectionResetError()
    ordered.add("connect", reset)
    with pytest.raises(asyncdb.ConnectionLost) as caught:
        await asyncdb.connect("fake://one/")

    assert "fake://one: the connection was cut" == str(caught.value)
    assert reset is caught.value.__cause__
    assert not hasattr(caught.value, "__notes__")


async def test_each_host_has_its_share(ordered: Faults) -> None:
    """A host that never answers costs its share, and the next is asked."""
    ordered.add("connect", asyncio.Event().wait)
    ordered.add("connect", asyncio.Event().wait)
    async with asyncio.timeout(5):
        async with asyncdb.connect(URL, connect_timeout=0.5) as db:
            assert 1 == await db.fetchval("SELECT 1")
    assert 3 == tried(ordered)


async def test_silence_is_a_failure_to_connect(ordered: Faults) -> None:
    """Where nobody answers the error says after how long, and has the cause."""
    ordered.add("connect", asyncio.Event().wait)
    with pytest.raises(asyncdb.ConnectionFailed) as caught:
        await asyncdb.connect("fake://one/", connect_timeout=0.01)

    said = "fake://one: no answer within connect_timeout=0.01 seconds"
    assert said == str(caught.value)
    assert isinstance(caught.value.__cause__, TimeoutError)


async def test_a_pool_tries_the_hosts_too(ordered: Faults) -> None:
    """A pool opens its connections on the first host that would have them."""
    ordered.add("connect", asyncdb.TooManyConnections("full"))
    async with asyncdb.create_pool(URL) as pool:
        assert 1 == await pool.fetchval("SELECT 1")

    assert (2, 1) == (tried(ordered), ordered.closed)


async def test_a_block_that_never_opened_is_left_quietly() -> None:
    """Leaving a block that was never entered closes nothing, and says nothing."""
    await asyncdb.connect(URL).__aexit__(None, None, None)
    await asyncdb.create_pool(URL).__aexit__(None, None, None)


# -- which server will do --------------------------------------------------------------

STANDBY, PRIMARY = Role(standby=True), Role()
LAGGING = Role(unready="it is still joining")


async def opened(ordered: Faults, **options: Any) -> str:
    """Connect to the three hosts; tell which was asked last, and close."""
    async with asyncdb.connect(URL, **options) as db:
        return str(db._session.inner._host)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("word", "roles", "host", "asked"),
    [
        ("any", [STANDBY, PRIMARY, PRIMARY], "one", 1),
        ("read-write", [STANDBY, Role(read_only=True), PRIMARY], "three", 3),
        ("read-write", [PRIMARY, PRIMARY, PRIMARY], "one", 1),
        ("read-only", [PRIMARY, Role(read_only=True), STANDBY], "two", 2),
        ("primary", [STANDBY, Role(read_only=True), PRIMARY], "two", 2),
        ("standby", [PRIMARY, Role(read_only=True), STANDBY], "three", 3),
        ("prefer-standby", [PRIMARY, PRIMARY, STANDBY], "three", 3),
        ("prefer-standby", [PRIMARY, PRIMARY, PRIMARY], "one", 3),
        ("prefer-standby", [LAGGING, PRIMARY, PRIMARY], "two", 3),
        ("read-write", [LAGGING, PRIMARY, STANDBY], "two", 2),
        ("any", [LAGGING, PRIMARY, STANDBY], "one", 1),
    ],
)
async def test_the_first_that_is_what_is_wanted(
    word: Any, roles: list[Role], host: str, asked: int, ordered: Faults
) -> None:
    """Hosts are asked in order until one is what `target_session_attrs` wants."""
    ordered.roles = dict(zip(["one", "two", "three"], roles, strict=True))

    assert host == await opened(ordered, target_session_attrs=word)
    assert asked == tried(ordered)
    assert ordered.opened == ordered.closed  # those that were not taken, too


async def test_a_wish_takes_what_there_is(ordered: Faults) -> None:
    """`prefer-standby` takes a primary where the standbys do not answer."""
    ordered.roles = {"one": PRIMARY}
    ordered.add("connect", lambda: asyncio.sleep(0))
    ordered.add("connect", ConnectionRefusedError())
    ordered.add("connect", asyncdb.AuthenticationFailed("wrong password"))

    assert "one" == await opened(ordered, target_session_attrs="prefer-standby")
    assert ordered.opened == ordered.closed == 1


async def test_when_none_is_what_is_wanted(ordered: Faults) -> None:
    """The error says of each host what it is, and what was wanted."""
    ordered.roles = {"one": STANDBY, "two": Role(read_only=True), "three": LAGGING}
    with pytest.raises(asyncdb.ConnectionFailed) as caught:
        await asyncdb.connect(URL, target_session_attrs="read-write")

    wants = "target_session_attrs=read-write wants a server that takes writes"
    assert [
        f"host 1 of 3: fake://ann:***@one: it is a standby; {wants}",
        f"host 2 of 3: fake://ann:***@two:7: it is read-only; {wants}",
        "host 3 of 3: fake://ann:***@three: it is not ready: it is still joining",
    ] == caught.value.__notes__
    assert ordered.opened == ordered.closed == 3


async def test_a_driver_that_cannot_tell(
    ordered: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver that knows nothing of roles serves `any`, and wishes, and no more."""

    class Plain(FakeConnection):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            del self.role

    monkeypatch.setattr("asyncdb.testing.fake.FakeConnection", Plain)
    with pytest.raises(
        asyncdb.NotSupportedError, match="only target_session_attrs=any"
    ):
        await asyncdb.connect(URL, target_session_attrs="read-write")

    assert (1, 1) == (ordered.opened, ordered.closed)
    assert "one" == await opened(ordered, target_session_attrs="prefer-standby")


# -- shares and silence ----------------------------------------------------------------


async def test_silence_costs_a_share_and_is_remembered(ordered: Faults) -> None:
    """Who let a third of connect_timeout pass is asked last from then on."""
    ordered.add("connect", asyncio.Event().wait)
    began = time.monotonic()
    assert "two" == await opened(ordered, connect_timeout=0.6)
    assert 0.19 < time.monotonic() - began < 0.5

    assert "two" == await opened(ordered, connect_timeout=0.3)
    assert 3 == tried(ordered)


async def test_a_wish_does_not_wait_for_the_silent(ordered: Faults) -> None:
    """With a session that will do nobody waits again for who was silent before."""
    ordered.roles = {"two": PRIMARY, "three": PRIMARY}
    ordered.add("connect", asyncio.Event().wait)
    word: Any = "prefer-standby"
    for asked in (3, 5, 7):
        given = await opened(ordered, connect_timeout=0.3, target_session_attrs=word)
        assert ("two", asked) == (given, tried(ordered))


async def test_silence_is_forgiven(
    ordered: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while, or when it has answered, a host is in its place again."""
    now = 1000.0
    monkeypatch.setattr("asyncdb.connection.addresses._now", lambda: now)
    ordered.add("connect", asyncio.Event().wait)
    assert "two" == await opened(ordered, connect_timeout=0.3)
    now += REMEMBERED - 1
    assert "two" == await opened(ordered)
    now += 2
    assert "one" == await opened(ordered)

    ordered.add("connect", asyncio.Event().wait)
    assert "two" == await opened(ordered, connect_timeout=0.3)
    for _ in range(2):
        ordered.add("connect", ConnectionRefusedError())
    assert "one" == await opened(ordered)  # it was the last that was left
    assert "one" == await opened(ordered)


@pytest.mark.parametrize("hosts", [2, 3, 5])
async def test_no_host_has_more_than_a_third(ordered: Faults, hosts: int) -> None:
    """All together have connect_timeout, and each but the last a third at most."""
    for _ in range(hosts):
        ordered.add("connect", asyncio.Event().wait)
    names = ",".join(f"h{i}" for i in range(hosts))
    began = time.monotonic()
    with pytest.raises(asyncdb.ConnectionFailed) as caught:
        await asyncdb.connect(f"fake://{names}/", connect_timeout=0.3)

    assert 0.25 < time.monotonic() - began < 1
    first, *_, last = caught.value.__notes__
    assert re.search(
        r"within 0\.\d+ seconds, its share of connect_timeout=0\.3$", first
    )
    assert float(re.search(r"within ([\d.]+)", first)[1]) <= 0.1  # type: ignore[index]
    assert last.endswith("no answer within connect_timeout=0.3 seconds")


async def test_what_is_remembered_is_bounded() -> None:
    """However many hosts are silent, no more than a few are kept in mind."""
    silence = Silence()
    for number in range(5000):
        silence.note(Place(asyncdb.DatabaseURL(f"fake://h{number}/")))

    assert len(silence._until) <= 1000


async def test_an_order_by_chance(ordered: Faults) -> None:
    """With load_balance_hosts=random each host has its turn to be the first."""
    found = {await opened(ordered, load_balance_hosts="random") for _ in range(60)}

    assert {"one", "two", "three"} == found
    assert 60 == tried(ordered)


async def test_a_hook_has_what_is_left(ordered: Faults) -> None:
    """Time that silent hosts have used is no longer there for on_connect."""
    ordered.add("connect", asyncio.Event().wait)

    async def prepare(db: asyncdb.Connection) -> None:
        await asyncio.Event().wait()

    began = time.monotonic()
    with pytest.raises(asyncdb.ConnectionFailed, match="on_connect was not through"):
        await asyncdb.connect(URL, connect_timeout=0.15, on_connect=prepare)

    assert time.monotonic() - began < 1
    assert ordered.opened == ordered.closed == 1


# -- addresses -------------------------------------------------------------------------


class Addressed(FakeDriver):
    """A driver that connects to the address that it is told."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def connect_to(
        self, address: str, url: asyncdb.DatabaseURL, options: Any
    ) -> Any:
        """Note the address, and pass the fake's point."""
        self.asked.append(address)
        return await self.connect(url, options)


class Resolver:
    """Stands for the system's: names and their addresses."""

    def __init__(self) -> None:
        self.names: dict[str, list[str]] = {}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int, **_: Any) -> list[Any]:
        """Answer as `loop.getaddrinfo` does."""
        self.asked.append(host)
        if host not in self.names:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(2, 1, 6, "", (at, port)) for at in self.names[host]]


@pytest.fixture
def addressed(monkeypatch: pytest.MonkeyPatch) -> Addressed:
    """Make fake:// one that can connect to addresses."""
    made = Addressed()
    monkeypatch.setattr("asyncdb.opening.find_driver", lambda _: made)
    return made


@pytest_asyncio.fixture
async def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    """Put a resolver in the place of the system's."""
    stub = Resolver()
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", stub)
    return stub


async def test_each_address_is_tried(
    ordered: Faults, addressed: Addressed, resolver: Resolver
) -> None:
    """A name's addresses are hosts, in the resolver's order, named in the notes."""
    resolver.names = {"db": ["10.0.0.1", "10.0.0.2", "10.0.0.1", "fd00::3"]}
    for _ in range(3):
        ordered.add("connect", ConnectionRefusedError())
    with pytest.raises(asyncdb.ConnectionLost) as caught:
        await asyncdb.connect("fake://ann:s3cret@db/")

    assert ["10.0.0.1", "10.0.0.2", "fd00::3"] == addressed.asked
    assert "s3cret" not in str(caught.value)
    cut = "the connection was cut"
    assert [
        f"host 1 of 3: fake://ann:***@db (10.0.0.1): {cut}",
        f"host 2 of 3: fake://ann:***@db (10.0.0.2): {cut}",
        f"host 3 of 3: fake://ann:***@db (fd00::3): {cut}",
    ] == caught.value.__notes__


async def test_names_are_looked_up_anew(
    ordered: Faults, addressed: Addressed, resolver: Resolver
) -> None:
    """A name that leads elsewhere is followed by the next connection."""
    for address in ("10.0.0.1", "10.0.0.2"):
        resolver.names = {"db": [address]}
        async with asyncdb.connect("fake://db/"):
            pass

    assert ["10.0.0.1", "10.0.0.2"] == addressed.asked


async def test_what_is_no_name_is_not_looked_up(
    ordered: Faults, addressed: Addressed, resolver: Resolver
) -> None:
    """Addresses, sockets and the default host go to the driver as they are."""
    for host in ("127.0.0.1", "[::1]", "%2Frun%2Fdb", ""):
        async with asyncdb.connect(f"fake://{host}/"):
            pass

    assert ([], []) == (addressed.asked, resolver.asked)
    assert 4 == ordered.opened


async def test_an_unknown_name(
    ordered: Faults, addressed: Addressed, resolver: Resolver
) -> None:
    """A name that nobody knows is followed by the next host; alone it is the error."""
    resolver.names = {"known": ["10.0.0.1"]}
    async with asyncdb.connect("fake://unknown,known/"):
        assert ["10.0.0.1"] == addressed.asked
    with pytest.raises(asyncdb.ConnectionFailed, match="not known") as caught:
        await asyncdb.connect("fake://unknown/")

    assert "gaierror" == caught.value.code


async def test_a_silent_address_comes_last(
    ordered: Faults, addressed: Addressed, resolver: Resolver
) -> None:
    """Silence is an address's, also where its name has others; and a resolver's."""
    resolver.names = {"db": ["10.0.0.1", "10.0.0.2"], "other": ["10.0.0.3"]}
    ordered.add("connect", asyncio.Event().wait)
    for _ in range(2):
        async with asyncdb.connect("fake://db,other/", connect_timeout=0.5):
            pass

    assert ["10.0.0.1", "10.0.0.2", "10.0.0.2"] == addressed.asked


async def test_a_silent_resolver(
    ordered: Faults, addressed: Addressed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resolver that does not answer costs a share, and the next host is asked."""

    async def never(*_: Any, **__: Any) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", never)
    began = time.monotonic()
    async with asyncdb.connect("fake://db,10.0.0.9/", connect_timeout=0.6):
        assert time.monotonic() - began < 0.5
    with pytest.raises(asyncdb.ConnectionFailed, match=r"connect_timeout=0\.05"):
        await asyncdb.connect("fake://db/", connect_timeout=0.05)


async def test_addresses_by_chance(
    ordered: Faults, addressed: Addressed, resolver: Resolver
) -> None:
    """With load_balance_hosts=random a name's addresses take turns, too."""
    resolver.names = {"db": ["10.0.0.1", "10.0.0.2"]}
    for _ in range(40):
        async with asyncdb.connect("fake://db/", load_balance_hosts="random"):
            pass

    assert {"10.0.0.1", "10.0.0.2"} == set(addressed.asked)
