"""Runs a block again when the database says that this may help.

Only on errors with `is_transient` (deadlocks, serialization failures, locks that were
not granted in time): the transaction they ended has left nothing behind. Never after
`CommitUnknown` (it may have been committed), nor after a lost connection.
"""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Awaitable, Callable
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from asyncdb import errors
from asyncdb.connection import Connection
from asyncdb.connection.executor import Executor
from asyncdb.options import Isolation

P = ParamSpec("P")
T = TypeVar("T")

# Seconds: the first pause is up to _FIRST, each next twice as long, up to _LONGEST.
_FIRST = 0.05
_LONGEST = 2.0
_sleep = asyncio.sleep  # tests set their own


def is_repeatable(error: BaseException) -> bool:
    """Tell whether running the whole transaction again may succeed."""
    if isinstance(error, errors.TransactionError):
        # The block was used after the error that ended it; that one decides.
        return error.__cause__ is not None and is_repeatable(error.__cause__)
    return isinstance(error, errors.DatabaseError) and error.is_transient


async def repeat(block: Callable[[], Awaitable[T]], attempts: int) -> T:
    """Await `block()` until it succeeds or fails for good, `attempts` times at most.

    The pauses are random between nothing and a bound that doubles ("full jitter"), so
    that those who met once do not meet again.
    """
    if attempts < 1:
        message = f"attempts must be at least 1, not {attempts}"
        raise errors.InterfaceError(message)
    for attempt in range(1, attempts):
        try:
            return await block()
        except errors.Error as error:
            if not is_repeatable(error):
                raise
        bound = min(_LONGEST, _FIRST * 2 ** (attempt - 1))
        await _sleep(random.uniform(0, bound))  # noqa: S311  # no secret
    try:
        return await block()
    except errors.Error as error:
        if is_repeatable(error) and attempts > 1:
            error.add_note(f"attempt {attempts} of {attempts}")
        raise


def retry(
    *, attempts: int = 5, isolation: Isolation | None = None
) -> Callable[
    [Callable[Concatenate[Connection, P], Awaitable[T]]],
    Callable[Concatenate[Executor, P], Awaitable[T]],
]:
    """Make a function run in a transaction, again when the database says so.

    The function's first argument is a connection inside the transaction; its caller
    gives a pool or a connection. On a connection whose transaction is open already the
    function becomes part of that one, and whoever opened it decides about repeating.

    Args:
        attempts: how often it runs at most.
        isolation: the SQL standard's level, the session's own when `None`.

    Returns:
        A decorator.

    Example:
        >>> import asyncio, asyncdb
        >>> @asyncdb.retry(attempts=3)
        ... async def add(db, n):
        ...     await db.execute("UPDATE counter SET n = n + ?", [n])
        ...     return await db.fetchval("SELECT n FROM counter")
        >>> async def main():
        ...     async with asyncdb.create_pool("sqlite://") as pool:
        ...         await pool.execute("CREATE TABLE counter (n INTEGER)")
        ...         await pool.execute("INSERT INTO counter VALUES (1)")
        ...         return await add(pool, 2)
        >>> asyncio.run(main())
        3
    """

    def decorate(
        function: Callable[Concatenate[Connection, P], Awaitable[T]],
    ) -> Callable[Concatenate[Executor, P], Awaitable[T]]:
        @functools.wraps(function)
        async def run(db: Executor, /, *args: P.args, **kwargs: P.kwargs) -> T:
            if isinstance(db, Connection) and db.in_transaction:
                return await function(db, *args, **kwargs)

            async def block() -> T:
                async with db.transaction(isolation=isolation) as opened:
                    inside = db if isinstance(db, Connection) else opened
                    return await function(cast("Any", inside), *args, **kwargs)

            return await repeat(block, attempts)

        return run

    return decorate
