"""Connecting so that a PgBouncer in between is recognised, and used as it can be."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from asyncpg import exceptions

from asyncdb.dialects.postgresql import PostgreSQLOptions
from asyncdb.dialects.postgresql.pgbouncer import (
    CAREFUL,
    MEMORY,
    SAME_NAME,
    SAME_PROCESS,
    Address,
    Pooling,
    Startup,
    at_least,
    is_refusal,
    presumed,
    reported,
)

# Connections after which the careful way is taken, for each answer is another one.
_ENOUGH = 5


async def open_recognised(
    connect: Callable[[Pooling], Awaitable[Any]],
    address: Address,
    options: PostgreSQLOptions,
) -> tuple[Any, Pooling]:
    """Connect, again where it turns out that another kind of session is wanted.

    Args:
        connect: opens asyncpg's connection.
        address: by which it is remembered what was found.
        options: the connection's.

    Returns:
        The connection, and what is between it and the server.

    Raises:
        URLError: the session is shared, and there are settings for it.
    """
    pooling, refused = presumed(options, MEMORY.get(address)), None
    attempts = 0
    while True:
        attempts += 1
        pooling.check(options)
        try:
            native = await connect(pooling)
        except exceptions.PostgresError as error:
            fewer = pooling.with_less()
            if fewer is None or not is_refusal(
                getattr(error, "sqlstate", None), str(error)
            ):
                raise
            pooling, refused = fewer, pooling.startup
            continue
        try:
            found = pooling
            if attempts < _ENOUGH:
                found = await _look(native, address, refused, options)
            found.check(options)
            if native.is_closed():  # it does not like to be asked
                attempts = _ENOUGH
            elif found == pooling:
                MEMORY.keep(address, found)
                if later := found.set_later(options):
                    await native.execute(later)
                return native, found
        except BaseException:
            native.terminate()
            raise
        await native.close()
        pooling = found if attempts + 1 < _ENOUGH else at_least(CAREFUL, refused)


async def _look(
    native: Any, address: Address, refused: Startup | None, options: PostgreSQLOptions
) -> Pooling:
    """Find out what is between a connection and the server."""
    settings = native.get_settings()
    names = ("pgbouncer.pool_mode", "pgbouncer.max_prepared_statements")
    said = {name: getattr(settings, name, None) for name in names}
    if said["pgbouncer.pool_mode"]:
        told = {name: value for name, value in said.items() if value is not None}
        return at_least(reported(told, options), refused)
    if options.pgbouncer is False or (
        options.pgbouncer is None and await _is_direct(native, address)
    ):
        return at_least(Pooling(), refused)
    found = replace(CAREFUL, keeps=await renames(native))
    return at_least(found, refused)


async def _is_direct(native: Any, address: Address) -> bool:
    pid = native.get_server_pid()
    known = MEMORY.may_be_direct(address, pid)
    if known is not None:
        return known
    tag = await native.execute(SAME_PROCESS.format(pid=pid))
    return bool(tag == "SELECT 1")


async def renames(native: Any) -> bool:
    """Tell whether what is in between gives prepared statements names of its own.

    Then it also prepares them on whatever session a transaction gets.
    """
    name = f"asyncdb_{secrets.token_hex(8)}"
    try:
        await native.execute("BEGIN READ ONLY")
        statement = await native.prepare(SAME_NAME.format(name=name), name=name)
        theirs = await statement.fetchval() is None
        await native.execute("COMMIT" if theirs else f"DEALLOCATE {name}; COMMIT")
    except exceptions.PostgresError:
        if native.is_closed():  # statement mode ends who says BEGIN
            return False
        if native.is_in_transaction():
            await native.execute("ROLLBACK")
        return False
    return theirs
