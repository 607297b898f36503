"""Connecting so that a PgBouncer in between is recognised, and used as it can be.

What to try and what follows is here; a driver says how it opens a session and asks it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from asyncdb.dialects.postgresql.options import PostgreSQLOptions
from asyncdb.dialects.postgresql.pgbouncer import (
    CAREFUL,
    MEMORY,
    SAME_PROCESS,
    Address,
    Pooling,
    Startup,
    at_least,
    presumed,
    reported,
)
from asyncdb.url import DatabaseURL

# Connections after which the careful way is taken, for each answer is another one.
_ENOUGH = 5
_TOLD = ("pgbouncer.pool_mode", "pgbouncer.max_prepared_statements")


class StartupRefused(Exception):
    """Somebody in between does not take a start-up setting; its cause is the error."""


class Candidate(ABC):
    """A session that was just opened, and is looked at."""

    @abstractmethod
    def parameter(self, name: str) -> str | None:
        """Return what was reported of a setting."""

    @abstractmethod
    def pid(self) -> int:
        """Return the number in the key that it is cancelled by; 0 for none."""

    @abstractmethod
    async def tag(self, sql: str) -> str:
        """Run a text; return the tag of its last answer."""

    @abstractmethod
    async def renames(self) -> bool:
        """Tell whether what is in between gives prepared statements names of its own.

        Then it also prepares them on whatever session a transaction gets.
        """

    @abstractmethod
    def is_closed(self) -> bool:
        """Whether it is over."""

    @abstractmethod
    async def close(self) -> None:
        """Say goodbye."""

    @abstractmethod
    def terminate(self) -> None:
        """Cut it."""


C = TypeVar("C", bound=Candidate)


async def open_recognised(
    connect: Callable[[Pooling], Awaitable[C]],
    url: DatabaseURL,
    options: PostgreSQLOptions,
) -> tuple[C, Pooling]:
    """Connect, again where it turns out that another kind of session is wanted.

    Args:
        connect: opens a session, or raises `StartupRefused`.
        url: where; by it is remembered what was found.
        options: the connection's.

    Returns:
        The session, and what is between it and the server.

    Raises:
        URLError: the session is shared, and there are settings for it.
    """
    address = _address(url, options)
    refused: Startup | None = None
    pooling = presumed(options, MEMORY.get(address))
    attempts = 0
    while True:
        attempts += 1
        pooling.check(options)
        try:
            session = await connect(pooling)
        except StartupRefused as error:
            fewer = pooling.with_less()
            if fewer is None:
                raise error.__cause__ or error from None
            pooling, refused = fewer, pooling.startup
            continue
        try:
            found = pooling
            if attempts < _ENOUGH:
                found = await _look(session, address, refused, options)
            found.check(options)
            if session.is_closed():  # it does not like to be asked
                attempts = _ENOUGH
            elif found == pooling:
                MEMORY.keep(address, found)
                if later := found.set_later(options):
                    await session.tag(later)
                return session, found
        except BaseException:
            session.terminate()
            raise
        await session.close()
        pooling = found if attempts + 1 < _ENOUGH else at_least(CAREFUL, refused)


async def _look(
    session: Candidate,
    address: Address,
    refused: Startup | None,
    options: PostgreSQLOptions,
) -> Pooling:
    """Find out what is between a session and the server."""
    said = {name: session.parameter(name) for name in _TOLD}
    if said["pgbouncer.pool_mode"]:
        told = {name: value for name, value in said.items() if value is not None}
        return at_least(reported(told, options), refused)
    if options.pgbouncer is False or (
        options.pgbouncer is None and await _is_direct(session, address)
    ):
        return at_least(Pooling(), refused)
    return at_least(replace(CAREFUL, keeps=await session.renames()), refused)


async def _is_direct(session: Candidate, address: Address) -> bool:
    pid = session.pid()
    known = MEMORY.may_be_direct(address, pid)
    if known is not None:
        return known
    return await session.tag(SAME_PROCESS.format(pid=pid)) == "SELECT 1"


def _address(url: DatabaseURL, options: PostgreSQLOptions) -> Address:
    """Return by what it is remembered what is there; a user may have its own mode."""
    place = options.unix_socket or url.host, url.port
    return *place, url.database, url.user, options.pgbouncer
