"""Which host is tried after which, and what is said when none would have us."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

import asyncdb
from asyncdb.testing.fake import Faults, faults

URL = "fake://ann:s3cret@one,two:7,three/"


@pytest.fixture
def ordered() -> Iterator[Faults]:
    """The fake's orders."""
    with faults() as given:
        yield given


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


async def test_each_host_has_its_own_time(ordered: Faults) -> None:
    """A host that never answers costs connect_timeout, and the next is asked."""
    ordered.add("connect", asyncio.Event().wait)
    ordered.add("connect", asyncio.Event().wait)
    async with asyncio.timeout(5):
        async with asyncdb.connect(URL, connect_timeout=0.01) as db:
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
