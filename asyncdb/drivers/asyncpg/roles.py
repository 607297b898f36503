"""What the server is: primary or standby, for writing or only for reading."""

from __future__ import annotations

from typing import Any

from asyncdb.dialects.postgresql import PostgreSQLOptions
from asyncdb.driver import Role

# As a transaction of this session finds it.
_AT_START = """\
SELECT pg_catalog.pg_is_in_recovery(),
 pg_catalog.current_setting('default_transaction_read_only') = 'on'"""
# Without what the session has said itself, at its start or by SET.
_NOW = """\
SELECT pg_catalog.pg_is_in_recovery(), EXISTS (
 SELECT 1 FROM pg_catalog.pg_settings WHERE name = 'default_transaction_read_only'
 AND setting = 'on' AND source NOT IN ('client', 'session'))"""


async def role_at_start(native: Any, options: PostgreSQLOptions) -> Role | None:
    """Return what the server is, where that is wanted.

    Since version 14 it reports both by itself when a session starts. PgBouncer passes
    on what another session was told, perhaps long ago: behind it the server is asked.

    Args:
        native: asyncpg's connection.
        options: the connection's.
    """
    if options.target_session_attrs == "any":
        return None
    settings = native.get_settings()
    standby = getattr(settings, "in_hot_standby", None)
    if standby is None or options.pgbouncer:
        return await _ask(native, _AT_START)
    read_only = getattr(settings, "default_transaction_read_only", "off")
    return Role(standby=standby == "on", read_only=read_only == "on")


async def role_now(native: Any) -> Role:
    """Ask the server what it is now."""
    return await _ask(native, _NOW)


async def _ask(native: Any, query: str) -> Role:
    standby, read_only = await native.fetchrow(query)
    return Role(standby=standby, read_only=read_only)
