"""Runs a block again when the database says that this may help.

On errors with `is_transient` (deadlocks, serialization failures, locks that were not
granted in time): the transaction they ended has left nothing behind. With a pool also
while the database changes hands: no server is to be had, the one that was there is no
longer the one that is wanted, or it has gone before COMMIT was sent. Never after
`CommitUnknown`: it may have been committed.
"""

from __future__ import annotations

import asyncio
import functools
import random
import time
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
# The same while there is no server: whoever comes next is wanted at once.
_LONGEST_WAIT = 0.5
_time = time.monotonic
_sleep = asyncio.sleep  # tests set their own


def is_repeatable(error: BaseException) -> bool:
    """Tell whether running the whole transaction again may succeed."""
    if isinstance(error, errors.TransactionError):
        # The block was used after the error that ended it; that one decides.
        return error.__cause__ is not None and is_repeatable(error.__cause__)
    return isinstance(error, errors.DatabaseError) and error.is_transient


class Attempt:
    """One run of a block, and whether it has left anything behind.

    Attributes:
        session: that of the block's transaction, once it has begun.
    """

    def __init__(self) -> None:
        self.session: Any = None
        self.has_begun = False

    def begin(self, db: object) -> None:
        """Note that the function is running now, on a connection of a pool's."""
        self.has_begun = True
        self.session = getattr(db, "_session", None)

    def failed_over(self, error: BaseException) -> bool:
        """Tell whether it failed because the database changes hands, and did nothing.

        A connection that was lost inside the block, before COMMIT was sent, has taken
        the transaction with it. That of another connection may have lost a write that
        commits by itself, of which nobody knows whether it was done.
        """
        if isinstance(error, errors.TransactionError) and error.__cause__ is not None:
            # The block was used after the error that ended it; that one decides.
            return self.failed_over(error.__cause__)
        if isinstance(error, errors.AuthenticationFailed | errors.CommitUnknown):
            return False  # waiting will not mend it; it may be there
        if isinstance(error, errors.ConnectionFailed):
            return True
        session = self.session
        if isinstance(error, errors.ConnectionLost):
            if session is None:
                return not self.has_begun
            return session.lost is not None and session.lost() is error
        doubtful = isinstance(error, errors.DatabaseError) and error.doubts_server
        lease = getattr(session, "lease", None)
        # The pool has asked the server when the connection came back.
        return doubtful and lease is not None and lease.is_unfit


async def repeat(
    block: Callable[[Attempt], Awaitable[T]],
    attempts: int,
    failover_timeout: float | None = None,
) -> T:
    """Await `block()` until it succeeds or fails for good.

    The pauses are random between nothing and a bound that doubles ("full jitter"), so
    that those who met once do not meet again.

    Args:
        block: what is run, told which attempt it is.
        attempts: how often at most.
        failover_timeout: seconds for which it is run again, without being counted,
            while there is no server for it; `None` for not at all.
    """
    if attempts < 1:
        message = f"attempts must be at least 1, not {attempts}"
        raise errors.InterfaceError(message)
    number = waits = 1
    end: float | None = None
    while True:
        attempt = Attempt()
        try:
            return await block(attempt)
        except errors.Error as error:
            if is_repeatable(error):
                if number >= attempts:
                    if attempts > 1:
                        error.add_note(f"attempt {attempts} of {attempts}")
                    raise
                bound = min(_LONGEST, _FIRST * 2 ** (number - 1))
                number += 1
            elif failover_timeout is not None and attempt.failed_over(error):
                now = _time()
                end = now + failover_timeout if end is None else end
                if now >= end:
                    error.add_note(f"failover_timeout={failover_timeout:g} is over")
                    raise
                bound = min(_LONGEST_WAIT, _FIRST * 2 ** (waits - 1), end - now)
                waits += 1
            else:
                raise
        await _sleep(random.uniform(0, bound))  # noqa: S311  # no secret


def retry(
    *,
    attempts: int = 5,
    isolation: Isolation | None = None,
    failover_timeout: float | None = 30.0,
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
        failover_timeout: with a pool, seconds for which it runs again while the
            database changes hands, see `Pool.retry`; `None` for not at all.

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

            alone = isinstance(db, Connection)  # once lost, there is no other

            async def block(attempt: Attempt) -> T:
                async with db.transaction(isolation=isolation) as opened:
                    inside = db if alone else opened
                    attempt.begin(inside)
                    return await function(cast("Any", inside), *args, **kwargs)

            patience = None if alone else failover_timeout
            return await repeat(block, attempts, patience)

        return run

    return decorate
