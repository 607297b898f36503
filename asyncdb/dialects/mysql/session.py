"""The options of MySQL's drivers, and the session they ask for: the portable state."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from asyncdb.dialect import Dialect
from asyncdb.dialects.mysql.facts import HARMLESS_VERBS, TOUCHING_WORDS, in_local_time
from asyncdb.dialects.mysql.literals import text
from asyncdb.driver import Role
from asyncdb.options import ServerOptions
from asyncdb.options.foreign import MYSQL, ForeignNames
from asyncdb.options.settings import BY_ITEMS, Settings, check_settings
from asyncdb.sql.statement import Statement

# What makes the same SQL mean the same as on PostgreSQL and SQLite.
_PORTABLE = (
    "ANSI_QUOTES",  # "x" is a name
    "PIPES_AS_CONCAT",  # || concatenates
    "NO_BACKSLASH_ESCAPES",  # 'a\b' is three characters
    "STRICT_ALL_TABLES",  # a value that does not fit is an error, in every engine
    "ERROR_FOR_DIVISION_BY_ZERO",
    "NO_ZERO_DATE",
    "NO_ZERO_IN_DATE",
    "NO_ENGINE_SUBSTITUTION",  # no MyISAM in place of InnoDB, in silence
    "NO_AUTO_VALUE_ON_ZERO",  # 0 is stored as 0
)
# MySQL knows when a column depends on the grouped ones and refuses as PostgreSQL does;
# MariaDB's older check refuses right queries as well.
_MYSQL_ONLY = ("ONLY_FULL_GROUP_BY",)
# A fraction of a second too fine for the column is rounded, as the others do.
_MARIADB_ONLY = ("TIME_ROUND_FRACTIONAL",)
_MARIADB_ROUNDS = (10, 4)

_UTC = frozenset(["UTC", "+00:00"])

# Which server it is, should an address lead to several.
SERVER = "CONCAT_WS(':', @@hostname, @@port, @@server_id)"
# What is asked once after the set-up, and `Session` keeps.
SESSION_QUERY = (
    "SELECT @@sql_mode, @@time_zone, @@system_time_zone, @@character_set_client,"
    f" @@max_allowed_packet, {SERVER}"
)
SESSION_COLUMNS = 6
# Words of statements that may change how the session reads texts and tells times.
# (A routine gives `sql_mode` back when it ends, but may leave another time zone.)
_TOUCHING = TOUCHING_WORDS | {"SQL_MODE", "TIME_ZONE", "CHARACTER_SET_CLIENT"}


_SETTING_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
_LOCKS = "write the option lock_timeout, in seconds"
_STATEMENTS = "write the option statement_timeout, in seconds"
_TEXTS = "the session is always in utf8mb4, and cannot be in anything else"
OWNED_SETTINGS = {
    "autocommit": "each statement commits by itself outside transaction()",
    "sql_mode": "write the option sql_mode",
    "time_zone": "write the option time_zone",
    "innodb_lock_wait_timeout": _LOCKS,
    "lock_wait_timeout": _LOCKS,
    "max_statement_time": _STATEMENTS,
    "max_execution_time": _STATEMENTS,
    "lc_messages": "write the option lc_messages",
    "character_set_client": _TEXTS,
    "character_set_connection": _TEXTS,
    "character_set_results": _TEXTS,
    "collation_connection": _TEXTS,
}


@dataclass(frozen=True, kw_only=True)
class MySQLOptions(ServerOptions):
    """What MySQL's and MariaDB's drivers understand.

    Args:
        settings: the server's own variables for the session, such as
            `{"group_concat_max_len": 1_000_000}`: what `SET SESSION` would take, with
            the portable session and after each reset. In a URL:
            `?setting.group_concat_max_len=1000000`; a text that is a number is one.
        sql_mode: `"portable"` for the modes that make SQL mean the same as elsewhere;
            another text is set as it is; `None` leaves the server's own.
        found_rows: UPDATE counts the rows it matched, not only those it changed.
        lc_messages: the language of the server's messages, from which the names of
            constraints and columns in errors are read; `None` leaves the server's own.
        server_public_key: file of the server's RSA key, for a password that goes to
            another machine without TLS; a key that the wire offers is not trusted.
        pipeline: `executemany` of anything but a plain INSERT, a batch, and a
            transaction with its first statement send several commands before they read
            the answers; off for proxies that cannot take that.
    """

    foreign: ClassVar[ForeignNames] = MYSQL
    settings: Settings = field(default_factory=dict, repr=False, metadata=BY_ITEMS)
    sql_mode: str | None = "portable"
    found_rows: bool = True
    lc_messages: str | None = "en_US"
    server_public_key: str | None = None
    pipeline: bool = True

    def __post_init__(self) -> None:
        """Look at the settings before a connection is open.

        Raises:
            URLError: a setting cannot be given so.
        """
        super().__post_init__()
        check_settings(self.settings, _SETTING_NAME, OWNED_SETTINGS)


def setup_statement(options: MySQLOptions, dialect: Dialect) -> str:
    """Return the one statement that puts a new session in the portable state.

    Args:
        options: the connection's options.
        dialect: the server's dialect: MariaDB names some settings differently.

    Returns:
        A SET statement. It ends in `NAMES utf8mb4`, without which the literals of
        `literals` and plain ones would have two collations and not be comparable.
    """
    maria = dialect.flavor == "mariadb"
    settings = {"autocommit": "1"}
    if options.sql_mode is not None:
        settings["sql_mode"] = text(_modes(options.sql_mode, dialect))
    if options.time_zone is not None:
        zone = "+00:00" if options.time_zone == "UTC" else options.time_zone
        settings["time_zone"] = text(zone)
    if options.lock_timeout is not None:
        # Whole seconds, at least one: 0 is "not at all" on MariaDB, an error on MySQL.
        seconds = str(max(1, math.ceil(options.lock_timeout)))
        settings["innodb_lock_wait_timeout"] = seconds  # rows
        settings["lock_wait_timeout"] = seconds  # table definitions
    if options.statement_timeout is not None:
        if maria:
            settings["max_statement_time"] = f"{max(options.statement_timeout, 1e-3):f}"
        else:  # of a SELECT only
            milliseconds = max(1, round(options.statement_timeout * 1000))
            settings["max_execution_time"] = str(milliseconds)
    if options.lc_messages is not None:
        settings["lc_messages"] = text(options.lc_messages)
    for name, value in options.settings.items():
        # The prefix keeps a name from meaning more: PASSWORD = ... is a statement.
        settings[f"@@session.{name}"] = _setting(value)
    pairs = ", ".join(f"{name} = {value}" for name, value in settings.items())
    return f"SET {pairs}, NAMES utf8mb4"


def _setting(value: str | float) -> str:
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return text(value)
    return str(int(value) if isinstance(value, bool) else value)


def _modes(wanted: str, dialect: Dialect) -> str:
    if wanted != "portable":
        return wanted
    own: Sequence[str] = _MYSQL_ONLY
    if dialect.flavor == "mariadb":
        own = _MARIADB_ONLY if dialect.server_version >= _MARIADB_ROUNDS else ()
    return ",".join([*_PORTABLE, *own])


class Session:
    """What the server answered to `SESSION_QUERY`, as far as it can still be so.

    Args:
        row: that answer.
        dialect: the server's dialect.
        role: what the server was, where that was asked.

    Attributes:
        dialect: the same, or the one for sessions not in UTC.
        utc: TIMESTAMP values are in UTC.
        sure: nothing ran since that may have changed the session.
        moved: another database may be in use.
        touched: somebody has the library's own connection: nothing is sure again.
        max_packet: the longest statement that the server takes, in bytes.
        server: which server this is, should another connection reach another one.
    """

    def __init__(
        self, row: Sequence[Any], dialect: Dialect, role: Role | None = None
    ) -> None:
        mode, zone, system, charset, max_packet, server = row
        self.charset: str = charset
        self.max_packet: int = max_packet
        self.server: str = server
        self.mode: str = mode
        self.utc = _is_utc(zone, system)
        self.dialect = dialect if self.utc else in_local_time(dialect)
        self.role = role
        self.sure = True
        self.moved = False
        self.touched = False

    def refresh(self, row: Sequence[Any]) -> None:
        """Take a new answer to `SESSION_QUERY`."""
        self.mode, zone, system, *_ = row
        self.utc = _is_utc(zone, system)
        self.sure = not self.touched

    def note(self, statement: Statement) -> None:
        """Remember that a statement was sent."""
        if statement.verb not in HARMLESS_VERBS:
            self.sure = False
            self.moved |= statement.verb == "USE"
        elif not _TOUCHING.isdisjoint(statement.words):
            self.sure = False


def _is_utc(zone: str, system: str) -> bool:
    return (system if zone == "SYSTEM" else zone) in _UTC
