"""A server that is no longer what it was: what a pool does, and retry()."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

import asyncdb
from asyncdb.connection import retry as retrying
from asyncdb.connection.addresses import SILENCE
from asyncdb.driver import Role
from asyncdb.testing.fake import FakeConnection, Faults, LostError, faults

URL = "fake://one,two/?concurrent=true"
STANDBY, PRIMARY = Role(standby=True), Role()


@pytest.fixture
def ordered() -> Iterator[Faults]:
    """The fake's orders; nobody has been silent yet."""
    SILENCE.clear()
    with faults() as given:
        yield given


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that retry() made, in no time: what happens in them is `during`."""
    made: list[float] = []

    async def sleep(seconds: float) -> None:
        made.append(seconds)
        await asyncio.sleep(0)

    monkeypatch.setattr(retrying, "_sleep", sleep)
    return made


def refuse(ordered: Faults, **roles: Role) -> None:
    """Have the next statement refused as a standby refuses a write."""
    ordered.roles.update(roles)
    ordered.add("execute", asyncdb.ReadOnlyTransaction("on a standby"))


async def host(pool: asyncdb.Pool) -> str:
    """Return where a connection of the pool leads to."""
    async with pool.acquire() as db:
        return str(db._session.inner._host)  # type: ignore[attr-defined]


async def settle() -> None:
    """Let every task that can run do so."""
    for _ in range(20):
        await asyncio.sleep(0)


# -- a session is given up -------------------------------------------------------------


@pytest.mark.parametrize("word", ["any", "read-write", "primary"])
@pytest.mark.parametrize("how", ["pool", "loan", "block"])
async def test_a_demoted_server_is_left(ordered: Faults, word: Any, how: str) -> None:
    """A write refused for what the server is costs the session; others are found."""
    async with asyncdb.create_pool(URL, target_session_attrs=word) as pool:
        assert "one" == await host(pool)
        refuse(ordered, one=STANDBY)
        with pytest.raises(asyncdb.ReadOnlyTransaction):
            if how == "pool":
                await pool.execute("SELECT 1")
            elif how == "loan":
                async with pool.acquire() as db:
                    await db.execute("SELECT 1")
            else:
                async with pool.transaction() as db:
                    await db.execute("SELECT 1")
        await settle()

        assert {"demoted": 1} == pool.stats().closed
        assert "two" == await host(pool)


async def test_the_others_are_doubted(ordered: Faults) -> None:
    """All that are idle are asked before they are lent, and left as well."""
    async with asyncdb.create_pool(URL, min_size=3) as pool:
        refuse(ordered, one=STANDBY)
        with pytest.raises(asyncdb.ReadOnlyTransaction):
            await pool.execute("SELECT 1")
        for _ in range(3):
            await settle()
            assert "two" == await host(pool)
        await settle()

        assert {"demoted": 3} == pool.stats().closed


@pytest.mark.parametrize("reset", ["auto", "never"])
async def test_what_the_session_has_set_is_no_reason(
    ordered: Faults, reset: Any
) -> None:
    """A borrower who may only read, by his own word, has not found a demoted server."""
    async with asyncdb.create_pool(URL, reset=reset) as pool:
        refuse(ordered)
        with pytest.raises(asyncdb.ReadOnlyTransaction):
            await pool.execute("SELECT 1")
        assert "one" == await host(pool)

        assert {} == pool.stats().closed


async def test_a_block_for_reading_asks_nobody(ordered: Faults) -> None:
    """In a block of ours with readonly=True a refused write is what was asked for."""
    async with asyncdb.create_pool(URL, target_session_attrs="read-write") as pool:
        refuse(ordered, one=STANDBY)
        with pytest.raises(asyncdb.ReadOnlyTransaction):
            async with pool.transaction(readonly=True) as db:
                await db.execute("SELECT 1")
        await settle()

        assert {} == pool.stats().closed
        assert 1 == ordered.passed.count("execute")


@pytest.mark.parametrize("word", ["standby", "read-only", "prefer-standby"])
async def test_a_pool_for_reading_keeps_its_standby(ordered: Faults, word: Any) -> None:
    """Where a server for reading is wanted a refused write is no reason to leave it."""
    ordered.roles = {"one": STANDBY, "two": STANDBY}
    async with asyncdb.create_pool(URL, target_session_attrs=word) as pool:
        refuse(ordered)
        with pytest.raises(asyncdb.ReadOnlyTransaction):
            await pool.execute("SELECT 1")
        assert "one" == await host(pool)

        assert {} == pool.stats().closed


async def test_where_there_is_nothing_better(ordered: Faults) -> None:
    """`any` serves on by a standby where no other is found, and looks once a second."""
    async with asyncdb.create_pool(URL) as pool:
        lifecycle = pool._lifecycle
        for _ in range(5):
            refuse(ordered, one=STANDBY, two=STANDBY)
            with pytest.raises(asyncdb.ReadOnlyTransaction):
                await pool.execute("SELECT 1")
            await settle()
        assert {"demoted": 1} == pool.stats().closed
        assert 1 == await pool.fetchval("SELECT 1")

        later = lifecycle.now() + 1.5
        lifecycle.now = lambda: later
        refuse(ordered, two=PRIMARY)
        with pytest.raises(asyncdb.ReadOnlyTransaction):
            await pool.execute("SELECT 1")
        await settle()
        assert {"demoted": 2} == pool.stats().closed
        assert "two" == await host(pool)


async def test_where_none_is_to_be_had(ordered: Faults) -> None:
    """A pool that wants a primary says what there is instead, until there is one."""
    async with asyncdb.create_pool(URL, target_session_attrs="primary") as pool:
        refuse(ordered, one=STANDBY, two=STANDBY)
        with pytest.raises(asyncdb.ReadOnlyTransaction):
            await pool.execute("SELECT 1")
        for _ in range(2):
            with pytest.raises(asyncdb.ConnectionFailed, match="wants a primary"):
                await pool.fetchval("SELECT 1")
        ordered.roles["two"] = PRIMARY

        assert "two" == await host(pool)


async def test_health_checks_ask_for_the_role(ordered: Faults) -> None:
    """An idle session of a server that was promoted under it is left, unasked for."""
    ordered.roles = {"one": STANDBY, "two": STANDBY}
    async with asyncdb.create_pool(URL, target_session_attrs="standby") as pool:
        assert "one" == await host(pool)
        ordered.roles["one"] = PRIMARY
        assert "one" == await host(pool)  # it was used just now
        later = pool._lifecycle.now() + 31
        pool._lifecycle.now = lambda: later

        assert "two" == await host(pool)
        assert {"demoted": 1} == pool.stats().closed


async def test_a_health_check_is_one_question(ordered: Faults) -> None:
    """The role stands in for the sign of life: nothing else is asked."""
    async with asyncdb.create_pool(
        URL, target_session_attrs="read-write", health_check_after_idle=0.001
    ) as pool:
        await asyncio.sleep(0.005)
        before = ordered.passed.count("execute")
        assert "one" == await host(pool)

        assert before + 1 == ordered.passed.count("execute")


async def test_a_driver_that_cannot_tell(
    ordered: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without roles nobody can tell a demotion from a setting: the session stays."""
    kind = type("Plain", (FakeConnection,), {"read_role": property()})
    monkeypatch.setattr("asyncdb.testing.fake.FakeConnection", kind)
    async with asyncdb.create_pool(URL) as pool:
        refuse(ordered, one=STANDBY)
        with pytest.raises(asyncdb.ReadOnlyTransaction):
            await pool.execute("SELECT 1")
        assert "one" == await host(pool)

        assert {} == pool.stats().closed


async def test_a_database_in_memory_is_never_left(ordered: Faults) -> None:
    """Its connection is the database: it stays, whatever it refuses."""
    async with asyncdb.create_pool("fake://") as pool:
        ordered.roles[None] = STANDBY
        for _ in range(2):
            refuse(ordered)
            with pytest.raises(asyncdb.ReadOnlyTransaction):
                await pool.execute("SELECT 1")
        await pool.ping()

        assert {} == pool.stats().closed


# -- ping ------------------------------------------------------------------------------


async def test_ping_finds_who_is_wanted(ordered: Faults) -> None:
    """It leaves servers that are not, and fails while there is none that is."""
    async with asyncdb.create_pool(
        URL, target_session_attrs="read-write", min_size=2
    ) as pool:
        await pool.ping()
        ordered.roles = {"one": STANDBY}
        await pool.ping()
        assert "two" == await host(pool)
        ordered.roles["two"] = STANDBY
        for _ in range(2):
            with pytest.raises(asyncdb.ConnectionFailed):
                await pool.ping()
        ordered.roles = {}
        await pool.ping()


async def test_ping_fails_as_others_do(ordered: Faults) -> None:
    """What the driver raises is translated, also while it asks for the role."""
    for options in ({}, {"target_session_attrs": "read-write"}):
        given: Any = options
        async with asyncdb.create_pool(URL, **given) as pool:
            ordered.add("execute", LostError())
            with pytest.raises(asyncdb.ConnectionLost):
                await pool.ping()
            await pool.ping()


# -- retry -----------------------------------------------------------------------------


class Work:
    """A function for retry(): fails by order, and counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    async def __call__(self, db: asyncdb.Connection) -> str:
        """Run a statement; return the host."""
        self.calls += 1
        await db.execute("SELECT 1")
        return str(db._session.inner._host)  # type: ignore[attr-defined]


async def test_retry_goes_over_a_demotion(ordered: Faults, pauses: list[float]) -> None:
    """A write that a demoted server refused is made on the new primary."""
    async with asyncdb.create_pool(URL) as pool:
        work = Work()
        refuse(ordered, one=STANDBY)

        assert "two" == await pool.retry(work, attempts=1)
        assert (2, 1) == (work.calls, len(pauses))


async def test_retry_waits_for_a_primary(ordered: Faults, pauses: list[float]) -> None:
    """While there is none it tries again, in shorter and shorter vain."""
    ordered.roles = {"one": PRIMARY, "two": STANDBY}
    async with asyncdb.create_pool(URL, target_session_attrs="primary") as pool:
        work = Work()
        refuse(ordered, one=STANDBY)
        for _ in range(2 * 6):
            ordered.add("connect", ConnectionRefusedError())
        ordered.add("connect", asyncdb.TooManyConnections("it has just begun"))
        ordered.roles["two"] = PRIMARY

        assert "two" == await pool.retry(work, attempts=1)
        assert 2 == work.calls
        assert 7 == len(pauses)
        assert max(pauses) <= 0.5


async def test_retry_goes_over_a_lost_connection(
    ordered: Faults, pauses: list[float]
) -> None:
    """A line that was cut before COMMIT was sent took its transaction with it."""
    async with asyncdb.create_pool(URL) as pool:
        for point in ("begin", "execute"):
            work = Work()
            ordered.add(point, LostError())  # type: ignore[arg-type]

            assert "one" == await pool.retry(work, attempts=1)
            assert (2 if point == "execute" else 1) == work.calls


async def test_retry_where_nobody_can_be_asked(
    ordered: Faults, pauses: list[float]
) -> None:
    """A server that refuses a write and dies before it says why is left, too."""
    async with asyncdb.create_pool(URL) as pool:
        for point in ("rollback", "execute"):
            work = Work()
            refuse(ordered)
            ordered.add(point, LostError())  # type: ignore[arg-type]

            assert "one" == await pool.retry(work, attempts=1)
            assert 2 == work.calls


async def test_never_after_commit_was_sent(
    ordered: Faults, pauses: list[float]
) -> None:
    """A COMMIT without an answer may have happened: nothing is run again."""
    async with asyncdb.create_pool(URL) as pool:
        work = Work()
        ordered.add("commit", LostError())
        with pytest.raises(asyncdb.CommitUnknown):
            await pool.retry(work)

        assert (1, []) == (work.calls, pauses)


async def test_never_after_the_loss_of_another_connection(
    ordered: Faults, pauses: list[float]
) -> None:
    """A write that commits by itself, on another connection, may have been done."""
    calls = 0

    async def work(db: asyncdb.Connection) -> None:
        nonlocal calls
        calls += 1
        await db.execute("SELECT 1")
        ordered.add("execute", LostError())
        await pool.execute("SELECT 2")

    async with asyncdb.create_pool(URL) as pool:
        with pytest.raises(asyncdb.ConnectionLost):
            await pool.retry(work)

        assert (1, []) == (calls, pauses)


async def test_not_where_it_cannot_help(ordered: Faults, pauses: list[float]) -> None:
    """Refused by one's own setting, by the password, or without another connection."""
    work = Work()
    async with asyncdb.create_pool(URL) as pool:
        refuse(ordered)
        with pytest.raises(asyncdb.ReadOnlyTransaction):
            await pool.retry(work)
        refuse(ordered, one=STANDBY)
        with pytest.raises(asyncdb.ReadOnlyTransaction):
            await pool.retry(work, failover_timeout=None)
        ordered.add("connect", asyncdb.AuthenticationFailed("wrong password"))
        with pytest.raises(asyncdb.AuthenticationFailed):
            await pool.retry(work)
    assert 2 == work.calls
    async with asyncdb.connect(URL) as db:
        ordered.add("execute", LostError())
        with pytest.raises(asyncdb.ConnectionLost):
            await asyncdb.retry()(work)(db)

    assert (3, []) == (work.calls, pauses)


async def test_retry_ends(
    ordered: Faults, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After failover_timeout seconds the last failure is raised, and says so."""
    now = 100.0
    monkeypatch.setattr(retrying, "_time", lambda: now)

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += 0.4
        pauses.append(seconds)

    monkeypatch.setattr(retrying, "_sleep", sleep)
    for _ in range(24):
        ordered.add("connect", ConnectionRefusedError())
    async with asyncdb.create_pool(URL, min_size=0) as pool:
        with pytest.raises(asyncdb.ConnectionLost) as caught:
            await pool.retry(Work(), failover_timeout=1.5)

    assert "failover_timeout=1.5 is over" in caught.value.__notes__
    assert 4 == len(pauses)


async def test_the_decorator_too(ordered: Faults, pauses: list[float]) -> None:
    """`asyncdb.retry` on a pool does the same."""
    work = Work()
    async with asyncdb.create_pool(URL) as pool:
        refuse(ordered, one=STANDBY)
        decorated = asyncdb.retry(attempts=1)(work)

        assert "two" == await decorated(pool)
