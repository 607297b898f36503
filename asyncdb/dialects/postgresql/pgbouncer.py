"""What stands between a client and PostgreSQL: PgBouncer, and others of its kind.

What tells that it is there:

* PgBouncer 1.26 says so among the parameters of the session, with its mode.
* It refuses a start-up parameter that it does not track (SQLSTATE 08P01).
* The key that a session is cancelled by holds the number of the server's process; a
  pooler makes up keys of its own (`pg_backend_pid()` is another number).

Which mode it has only 1.26 tells; else the careful guess is transaction mode, where
each transaction may have another session of the server. Whether statements may be kept
prepared there (`max_prepared_statements`, 1.21 and later) shows in their names: then
PgBouncer gives them names of its own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from asyncdb.dialects.postgresql.options import (
    PostgreSQLOptions,
    milliseconds,
    startup_settings,
)
from asyncdb.errors import URLError

Startup: TypeAlias = Literal["all", "tracked", "name"]
Address: TypeAlias = tuple[object, ...]

# What each PgBouncer takes and gives to every server session that it lends a client.
_TRACKED = frozenset(["standard_conforming_strings", "TimeZone", "application_name"])
_FEWER: dict[Startup, Startup] = {"all": "tracked", "tracked": "name"}
_REFUSED = "unsupported startup parameter"
# PID_MAX_LIMIT of Linux; a key that was made up has more in 1,023 of 1,024 cases.
_LARGEST_PID = 1 << 22
_ADDRESSES = 256

NO_LISTEN = (
    "LISTEN hears nothing through PgBouncer in transaction mode, where the session is "
    "another client's next: connect to the server itself; or, if it is in session "
    "mode, with pgbouncer=False"
)
# Gives a row where there is nobody in between; `pid` is what the key says.
SAME_PROCESS = "SELECT WHERE pg_backend_pid() = {pid}"
# To be prepared as `name`, in a transaction: gives a row where nobody renames it.
SAME_NAME = "SELECT 1 FROM pg_catalog.pg_prepared_statements WHERE name = '{name}'"


@dataclass(frozen=True)
class Pooling:
    """How a session is to be used, for what is between it and the server.

    Args:
        startup: what is sent when it starts: all settings, those that PgBouncer tracks,
            or `application_name` alone.
        shared: each transaction may have another session of the server.
        keeps: statements may be kept prepared.
    """

    startup: Startup = "all"
    shared: bool = False
    keeps: bool = True

    @property
    def is_pooled(self) -> bool:
        """Whether PgBouncer, or what is like it, is in between."""
        return self.shared or self.startup != "all"

    def with_less(self) -> Pooling | None:
        """Return the same with fewer start-up settings; `None` if there are none."""
        fewer = _FEWER.get(self.startup)
        return None if fewer is None else replace(self, startup=fewer)

    def at_start(self, options: PostgreSQLOptions) -> dict[str, str]:
        """Return the settings to be sent with the start-up packet."""
        settings = startup_settings(options)
        if self.startup == "tracked":
            return {name: settings[name] for name in settings if name in _TRACKED}
        if self.startup == "name":
            return {n: settings[n] for n in settings if n == "application_name"}
        return settings

    def set_later(self, options: PostgreSQLOptions) -> str:
        """Return SQL that sets what could not be sent at start-up; "" for nothing."""
        sent = self.at_start(options)
        settings = startup_settings(options)
        return self._set({n: settings[n] for n in settings if n not in sent})

    def set_tracked(self, options: PostgreSQLOptions) -> str:
        """Return SQL for tracked settings that a shared session did not start with.

        For PgBouncer gives a client's last ones to each session that it lends. Only for
        a driver whose library cannot send them as start-up parameters of their own.
        """
        sent = self.at_start(options)
        settings = startup_settings(options)
        later = {n: settings[n] for n in settings if n in _TRACKED and n not in sent}
        return _set_all(later) if self.shared and later else ""

    def set_again(self, options: PostgreSQLOptions) -> str:
        """Return SQL to be sent after RESET ALL; "" for nothing.

        PgBouncer passes start-up settings on by SET, so that a reset undoes them.
        """
        return "" if self.startup == "all" else self._set(startup_settings(options))

    def _set(self, settings: Mapping[str, str]) -> str:
        return "" if self.shared or not settings else _set_all(settings)

    def set_locally(self, options: PostgreSQLOptions) -> str:
        """Return SQL for the begin of a transaction; "" for nothing."""
        if not self.shared or options.lock_timeout is None:
            return ""
        return f"SET LOCAL lock_timeout = {milliseconds(options.lock_timeout)}"

    def check(self, options: PostgreSQLOptions) -> None:
        """Refuse what cannot be kept.

        Raises:
            URLError: the session has settings and is shared.
        """
        if self.shared and options.settings:
            raise URLError(
                "option 'settings' (search_path, schema and options of a URL are some)"
                " cannot be kept through PgBouncer, where each transaction may have"
                " another session: use ALTER ROLE ... SET, or names with their schema;"
                " or, if it is in session mode, pgbouncer=False"
            )


DIRECT = Pooling()
CAREFUL = Pooling("tracked", shared=True, keeps=False)


def presumed(options: PostgreSQLOptions, before: Pooling | None) -> Pooling:
    """Return what to begin with.

    Args:
        options: the connection's.
        before: what was found at this address the last time.
    """
    if options.pgbouncer:
        return before if before is not None and before.shared else CAREFUL
    return before or DIRECT


def is_refusal(sqlstate: str | None, text: str) -> bool:
    """Tell whether an error says that a start-up parameter is not taken."""
    return sqlstate == "08P01" and _REFUSED in text


def reported(parameters: Mapping[str, str], options: PostgreSQLOptions) -> Pooling:
    """Return what PgBouncer 1.26 and later say of themselves among the parameters.

    Raises:
        KeyError: there is no such PgBouncer.
    """
    mode = parameters["pgbouncer.pool_mode"]
    kept = parameters.get("pgbouncer.max_prepared_statements", "0")
    session = mode == "session"
    return Pooling(
        "tracked",
        shared=not session or options.pgbouncer is True,
        keeps=session or kept not in ("", "0"),
    )


def at_least(pooling: Pooling, refused: Startup | None) -> Pooling:
    """Return the same, without start-up settings that were refused.

    Args:
        pooling: what was found.
        refused: what was sent when it refused, if it did.
    """
    while refused is not None and pooling.startup in _up_to(refused):
        pooling = replace(pooling, startup=_FEWER[pooling.startup])
    return pooling


def _up_to(refused: Startup) -> tuple[Startup, ...]:
    return ("all",) if refused == "all" else ("all", "tracked")


class Memory:
    """What was found at the addresses that this process has connected to.

    So a pooler is recognised once, and who has none is not asked at each connect.
    """

    def __init__(self) -> None:
        self._found: OrderedDict[Address, Pooling] = OrderedDict()

    def get(self, address: Address) -> Pooling | None:
        """Return what was found the last time."""
        return self._found.get(address)

    def keep(self, address: Address, found: Pooling) -> None:
        """Keep what was found."""
        self._found[address] = found
        if len(self._found) > _ADDRESSES:
            self._found.pop(next(iter(self._found)), None)

    def may_be_direct(self, address: Address, pid: int) -> bool | None:
        """Tell from a session's key whether nobody is in between.

        Args:
            address: where it was opened.
            pid: the number in the key; 0 where the server gave none.

        Returns:
            `None` where only `SAME_PROCESS` can tell.
        """
        if pid == 0:
            return True
        if not 0 < pid <= _LARGEST_PID:
            return False
        known = self._found.get(address)
        return True if known is not None and not known.shared else None


MEMORY = Memory()


def _set_all(settings: Mapping[str, str]) -> str:
    """Set them by a function, which reads lists as the start-up packet's are."""
    calls = [
        f"set_config({_literal(name)}, {_literal(value)}, false)"
        for name, value in settings.items()
    ]
    return f"SELECT {', '.join(calls)}"


def _literal(text: str) -> str:
    """Quote a text so that no setting reads it differently."""
    doubled = text.replace("\\", "\\\\").replace("'", "''")
    return f"E'{doubled}'"
