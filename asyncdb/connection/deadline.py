"""Time limits of ours on what a driver is asked to do.

A server that has a limit of its own (`statement_timeout`) stops a statement itself and
the session goes on; ours cancels the driver's call, which stops the work in the way the
driver has, and holds against a server that is silent, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from asyncdb.errors import InterfaceError, StatementTimeout

if TYPE_CHECKING:
    from asyncdb.dialect import Dialect
    from asyncdb.options import ConnectOptions

T = TypeVar("T")

# Seconds that a server has to say itself that its limit is over.
GRACE = 0.5


def backstop(options: ConnectOptions, dialect: Dialect) -> float | None:
    """Return after how many seconds any statement is given up, `None` for never.

    Args:
        options: the connection's, with `statement_timeout`.
        dialect: says whether the server keeps that limit itself.
    """
    limit = options.statement_timeout
    if limit is None or not dialect.supports_statement_timeout:
        return limit
    return limit + GRACE


def shorter(timeout: float | None, limit: float | None) -> float | None:
    """Return the limit in force for one call.

    Args:
        timeout: what the call asks for.
        limit: what holds for each statement of the connection.

    Raises:
        InterfaceError: `timeout` is not a number above 0.
    """
    if timeout is None:
        return limit
    if not _is_limit(timeout):
        message = f"timeout is a number of seconds above 0, not {timeout!r}"
        raise InterfaceError(message)
    return timeout if limit is None else min(timeout, limit)


def _is_limit(timeout: object) -> bool:
    return isinstance(timeout, int | float) and timeout > 0  # false for NaN, too


def within(
    seconds: float | None, work: Coroutine[Any, Any, T]
) -> Coroutine[Any, Any, T]:
    """Give what is to be awaited for a while.

    Args:
        seconds: how long; `None` for as long as it takes.
        work: what is cancelled when its time is over.

    Raises:
        StatementTimeout: its time was over.
    """
    return work if seconds is None else _within(seconds, work)


async def _within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    scope = asyncio.timeout(seconds)
    try:
        async with scope:
            return await work
    except asyncio.CancelledError:
        raise  # somebody else's
    except BaseException as error:
        if not scope.expired():
            raise
        message = f"no answer within {seconds:g} seconds; the statement was stopped"
        raise StatementTimeout(message) from error
