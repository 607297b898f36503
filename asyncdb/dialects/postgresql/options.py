"""What can be chosen of a session of PostgreSQL's, and what is sent when it starts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import ClassVar

from asyncdb import errors
from asyncdb.options import ServerOptions
from asyncdb.options.foreign import POSTGRESQL, ForeignNames
from asyncdb.options.settings import BY_ITEMS, Settings, check_settings

# A dotted name is an extension's, or one's own.
_SETTING_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)*")
_TEXTS = "asyncdb reads and writes texts so, and it cannot be changed"
_ONE_TRANSACTION = "it is one transaction's: write default_{}, or transaction(...)"
OWNED_SETTINGS = {
    "timezone": "write the option time_zone",
    "lock_timeout": "write the option lock_timeout, in seconds",
    "statement_timeout": "write the option statement_timeout, in seconds",
    "application_name": "write the option application_name",
    "client_encoding": _TEXTS,
    "standard_conforming_strings": _TEXTS,
    "session_authorization": "log in as that user, or write role",
    "transaction_isolation": _ONE_TRANSACTION.format("transaction_isolation"),
    "transaction_read_only": _ONE_TRANSACTION.format("transaction_read_only"),
    "transaction_deferrable": _ONE_TRANSACTION.format("transaction_deferrable"),
}


@dataclass(frozen=True, kw_only=True)
class PostgreSQLOptions(ServerOptions):
    """What PostgreSQL's drivers understand.

    Args:
        pgbouncer: `True`: between us and the server is PgBouncer in transaction mode,
            or a pooler like it, so that no session is ours: it gets no settings but
            those that PgBouncer tracks, it is never reset, LISTEN is refused, and
            statements are kept prepared only where `max_prepared_statements` allows it.
            `False`: there is none, or one in session mode. `None`: asyncpg's driver
            recognises it (one that does not tell its mode is taken to be in transaction
            mode), psycopg's takes it for `False`.
        settings: the server's own settings for the session, such as
            `{"search_path": "app"}`: what `SET` would take, sent at start-up, so that
            a reset goes back to it. In a URL: `?setting.search_path=app`.
        statement_cache_size: how many statements are kept prepared.
    """

    foreign: ClassVar[ForeignNames] = POSTGRESQL
    pgbouncer: bool | None = None
    settings: Settings = field(default_factory=dict, repr=False, metadata=BY_ITEMS)
    statement_cache_size: int = 256

    def __post_init__(self) -> None:
        """Look at the settings before a connection is open.

        Raises:
            URLError: a setting cannot be given so.
        """
        super().__post_init__()
        check_settings(self.settings, _SETTING_NAME, OWNED_SETTINGS)
        if self.settings and self.pgbouncer:
            raise errors.URLError(
                "option 'settings' (search_path, schema and options of a URL are some)"
                " cannot be kept with pgbouncer=True, where each transaction may have"
                " another session: use ALTER ROLE ... SET, or names with their schema"
            )


def startup_settings(options: PostgreSQLOptions) -> dict[str, str]:
    """Return the settings that come with the start-up packet.

    Settings sent so are what `RESET ALL` goes back to.

    Example:
        >>> startup_settings(PostgreSQLOptions(lock_timeout=0.5))["lock_timeout"]
        '500'
    """
    settings: dict[str, str] = {}
    if options.application_name is not None:
        settings["application_name"] = options.application_name
    settings["standard_conforming_strings"] = "on"
    if options.time_zone is not None:
        settings["TimeZone"] = _zone(options.time_zone)
    if options.lock_timeout is not None:
        settings["lock_timeout"] = milliseconds(options.lock_timeout)
    if options.statement_timeout is not None:
        settings["statement_timeout"] = milliseconds(options.statement_timeout)
    for name, value in options.settings.items():
        on = "on" if value else "off"
        settings[name] = on if isinstance(value, bool) else str(value)
    return settings


def _zone(zone: str) -> str:
    """Write an offset as POSIX does: its name, and how far *west* it is."""
    west = {"+": "-", "-": "+"}.get(zone[0])
    return f"<{zone}>{west}{zone[1:]}" if west else zone


def milliseconds(seconds: float) -> str:
    """Write seconds as PostgreSQL's settings take them."""
    # 0 would mean "no limit" to the server.
    return str(max(1, round(seconds * 1000)))
