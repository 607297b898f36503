"""What is run again, and what is not."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

import asyncdb
from asyncdb.connection import retry as retrying


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, in no time."""
    made: list[float] = []

    async def sleep(seconds: float) -> None:
        made.append(seconds)

    monkeypatch.setattr(retrying, "_sleep", sleep)
    return made


@pytest_asyncio.fixture
async def pool() -> AsyncIterator[asyncdb.Pool]:
    """A pool with a table."""
    async with asyncdb.create_pool("fake://") as pool:
        await pool.execute("CREATE TABLE t (a INTEGER)")
        yield pool


class Failing:
    """Inserts its number, and fails as often as it is told."""

    def __init__(self, *failures: BaseException) -> None:
        self.failures = list(failures)
        self.calls = 0

    async def __call__(self, db: asyncdb.Connection, number: int) -> int:
        """Insert a number."""
        self.calls += 1
        assert db.in_transaction
        await db.execute("INSERT INTO t VALUES (?)", [number])
        if self.failures:
            raise self.failures.pop(0)
        return number


async def rows(pool: asyncdb.Pool) -> list[int]:
    """Return what is in the table."""
    return [row.a for row in await pool.fetchall("SELECT a FROM t")]


@pytest.mark.parametrize(
    "kind",
    [asyncdb.SerializationFailure, asyncdb.DeadlockDetected, asyncdb.LockTimeout],
)
async def test_transient_errors_are_repeated(
    kind: type[asyncdb.DatabaseError], pool: asyncdb.Pool, pauses: list[float]
) -> None:
    """What met another transaction is run again, and leaves one trace."""
    work = Failing(kind(), kind())

    assert 7 == await pool.retry(work, 7)
    assert [7] == await rows(pool)
    assert (3, 2) == (work.calls, len(pauses))


@pytest.mark.parametrize(
    "error",
    [
        asyncdb.CommitUnknown(),
        asyncdb.ConnectionLost(),
        asyncdb.UniqueViolation(),
        asyncdb.PoolTimeout(),
        asyncdb.TransactionError(),
        asyncdb.ParameterError(),
        ZeroDivisionError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_other_errors_are_not_repeated(
    error: Exception, pool: asyncdb.Pool
) -> None:
    """What may have been committed, or would fail again, is not run again."""
    work = Failing(error)
    with pytest.raises(type(error)):
        await pool.retry(work, 7)

    assert (1, []) == (work.calls, await rows(pool))


async def test_the_last_error_is_raised(
    pool: asyncdb.Pool, pauses: list[float]
) -> None:
    """When all attempts have failed the last error says how many there were."""
    errors = [asyncdb.DeadlockDetected(str(number)) for number in range(3)]
    with pytest.raises(asyncdb.DeadlockDetected, match="2") as caught:
        await pool.retry(Failing(*errors), 7, attempts=3)

    assert ["attempt 3 of 3"] == caught.value.__notes__
    assert 2 == len(pauses)


async def test_no_attempt_at_all_is_refused(pool: asyncdb.Pool) -> None:
    """`attempts=0` is a mistake."""
    with pytest.raises(asyncdb.InterfaceError, match="attempts"):
        await pool.retry(Failing(), 7, attempts=0)


async def test_pauses_grow_at_random(
    pool: asyncdb.Pool, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each pause is random up to a bound that doubles, and has a limit."""
    monkeypatch.setattr("random.uniform", lambda low, high: low + high)
    work = Failing(*(asyncdb.DeadlockDetected() for _ in range(8)))
    await pool.retry(work, 7, attempts=9)

    assert [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2, 2] == pauses


async def test_no_two_pause_alike(pool: asyncdb.Pool, pauses: list[float]) -> None:
    """Those who met once are spread over the whole bound, so they do not meet again."""
    random.seed(11)
    for _ in range(40):
        await pool.retry(Failing(asyncdb.DeadlockDetected()), 7)

    assert 40 == len(set(pauses))
    assert 0 <= min(pauses) < 0.0125
    assert 0.0375 < max(pauses) <= 0.05


async def test_a_lost_block_is_repeated(pool: asyncdb.Pool) -> None:
    """A block used after the deadlock that ended it is run again, too."""
    error = asyncdb.TransactionError("only rollback is left")
    error.__cause__ = asyncdb.DeadlockDetected()

    assert 7 == await pool.retry(Failing(error), 7)


async def test_the_decorator(pool: asyncdb.Pool) -> None:
    """A decorated function takes a pool or a connection, and runs in a transaction."""
    work = Failing(asyncdb.DeadlockDetected())

    @asyncdb.retry(attempts=2)
    async def insert(db: asyncdb.Connection, number: int) -> int:
        """Insert a number."""
        return await work(db, number)

    assert 1 == await insert(pool, 1)
    async with pool.acquire() as db:
        work.failures = [asyncdb.DeadlockDetected()]
        assert 2 == await insert(db, 2)
    assert ([1, 2], "insert", 4) == (await rows(pool), insert.__name__, work.calls)


async def test_the_decorator_in_a_transaction(pool: asyncdb.Pool) -> None:
    """Inside a transaction a decorated function is part of it, and repeats nothing."""
    work = Failing(asyncdb.DeadlockDetected())
    insert = asyncdb.retry()(work.__call__)
    with pytest.raises(asyncdb.DeadlockDetected):
        async with pool.transaction() as db:
            await insert(db, 1)

    assert (1, []) == (work.calls, await rows(pool))
