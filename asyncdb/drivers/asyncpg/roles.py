"""What the server is, as asyncpg was told or can ask."""

from __future__ import annotations

from typing import Any

from asyncdb.dialects.postgresql import PostgreSQLOptions
from asyncdb.dialects.postgresql.pgbouncer import Pooling
from asyncdb.dialects.postgresql.roles import AT_START, NOW, reported
from asyncdb.driver import Role


async def role_at_start(
    native: Any, options: PostgreSQLOptions, pooling: Pooling
) -> Role | None:
    """Return what the server is, where that is wanted.

    Args:
        native: asyncpg's connection.
        options: the connection's.
        pooling: what is between it and the server.
    """
    if options.target_session_attrs == "any":
        return None
    settings = native.get_settings()
    standby = getattr(settings, "in_hot_standby", None)
    read_only = getattr(settings, "default_transaction_read_only", "off")
    return reported(standby, read_only, pooled=pooling.is_pooled) or await _ask(
        native, AT_START
    )


async def role_now(native: Any) -> Role:
    """Ask the server what it is now."""
    return await _ask(native, NOW)


async def _ask(native: Any, query: str) -> Role:
    standby, read_only = await native.fetchrow(query)
    return Role(standby=standby, read_only=read_only)
