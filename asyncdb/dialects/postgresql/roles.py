"""What a server is: primary or standby, for writing or only for reading."""

from __future__ import annotations

from asyncdb.driver.roles import Role

# As a transaction of this session finds it.
AT_START = """\
SELECT pg_catalog.pg_is_in_recovery(),
 pg_catalog.current_setting('default_transaction_read_only') = 'on'"""
# Without what the session has said itself, at its start or by SET.
NOW = """\
SELECT pg_catalog.pg_is_in_recovery(), EXISTS (
 SELECT 1 FROM pg_catalog.pg_settings WHERE name = 'default_transaction_read_only'
 AND setting = 'on' AND source NOT IN ('client', 'session'))"""


def reported(
    standby: str | None, read_only: str | None, *, pooled: bool
) -> Role | None:
    """Return what the server has said of itself when the session started.

    Since version 14 it reports both. PgBouncer passes on what another session was told,
    perhaps long ago: behind it the server has to be asked.

    Args:
        standby: the parameter `in_hot_standby`.
        read_only: the parameter `default_transaction_read_only`.
        pooled: PgBouncer, or what is like it, is in between.

    Example:
        >>> reported("on", "off", pooled=False)
        Role(standby=True, read_only=False, unready='')
    """
    if standby is None or pooled:
        return None
    return Role(standby=standby == "on", read_only=read_only == "on")
