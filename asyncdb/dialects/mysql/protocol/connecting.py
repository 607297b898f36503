"""The driver object over any library: options, the portable session, connecting."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from asyncdb import errors
from asyncdb.dialect import Dialect
from asyncdb.dialects.mysql import DIALECT, MySQLOptions
from asyncdb.dialects.mysql.facts import server_dialect
from asyncdb.dialects.mysql.protocol.answers import server_values
from asyncdb.dialects.mysql.protocol.connection import MySQLConnection
from asyncdb.dialects.mysql.protocol.library import Library
from asyncdb.dialects.mysql.protocol.login import Target
from asyncdb.dialects.mysql.protocol.translation import translate, translate_connecting
from asyncdb.dialects.mysql.protocol.wire import Wire
from asyncdb.dialects.mysql.roles import read_role, role_columns
from asyncdb.dialects.mysql.session import (
    SESSION_COLUMNS,
    SESSION_QUERY,
    Session,
    setup_statement,
)
from asyncdb.dialects.settings import refused_setting
from asyncdb.driver import Driver, DriverConnection, Role
from asyncdb.driver.tls import tls_context, tls_mode
from asyncdb.options import ConnectOptions
from asyncdb.url import DatabaseURL

_PORT = 3306
# No such variable, not this value or type, not a session's, not this user's to set.
_BAD_SETTING = frozenset([1193, 1227, 1229, 1231, 1232, 1238, 1621])


class MySQLDriver(Driver):
    """What an entry point names.

    Args:
        library: what the driver says of its library.
    """

    def __init__(self, library: Library) -> None:
        self._library = library

    @property
    def dialect(self) -> Dialect:
        """MySQL's facts; a connection to MariaDB has MariaDB's."""
        return DIALECT

    @property
    def options(self) -> type[ConnectOptions]:
        """MySQL's options."""
        return MySQLOptions

    async def connect(
        self, url: DatabaseURL, options: ConnectOptions
    ) -> DriverConnection:
        """Log in, set the session up, ask what it has become."""
        return await self.connect_to(None, url, options)

    async def connect_to(
        self, address: str | None, url: DatabaseURL, options: ConnectOptions
    ) -> DriverConnection:
        """Do the same at one address of the host's; `None` for all of them."""
        if not isinstance(options, MySQLOptions):
            raise TypeError(type(options))
        try:
            wire = await Wire.to(self._library, _target(url, options, address))
            try:
                session = await _set_up(wire, options)
            except BaseException:
                wire.abort()
                raise
        except Exception as error:
            found = translate_connecting(error, self._library)
            if found is error:
                raise
            raise found from error
        return MySQLConnection(wire, session, options)

    def translate(self, error: BaseException) -> errors.Error | None:
        """Return asyncdb's error for the library's."""
        return translate(error, self._library)


def _target(url: DatabaseURL, options: MySQLOptions, address: str | None) -> Target:
    unix_socket = options.unix_socket or url.unix_socket
    host = None if unix_socket else url.host
    # A socket cannot be listened to, whatever the mode.
    context = None if unix_socket else tls_context(options, host)
    key = options.server_public_key
    return Target(
        host=host,
        address=address,
        port=url.port or _PORT,
        unix_socket=unix_socket,
        user=url.user,
        password=url.password or "",
        database=url.database or None,
        tls=context,
        tls_required=tls_mode(options, host) not in ("disable", "prefer"),
        found_rows=options.found_rows,
        clear_text=options.tls == "disable",
        public_key=Path(key).read_bytes() if key else None,
        program_name=options.application_name or "asyncdb",
    )


async def _set_up(wire: Wire, options: MySQLOptions) -> Session:
    dialect = server_dialect(wire.version)
    setup = await wire.ask(setup_statement(options, dialect))
    if setup.error is not None:
        error = wire.server_error(setup.error)
        if options.settings and error.args[0] in _BAD_SETTING:
            number, text = error.args
            raise refused_setting(options.settings, text, number) from error
        raise error
    row, role = await _ask(wire, dialect, options)
    session = Session(row, dialect, role)
    if session.charset != "utf8mb4":
        raise errors.ConnectionFailed(
            f"the session is in {session.charset}, and only utf8mb4 holds all text"
        )
    return session


async def _ask(
    wire: Wire, dialect: Dialect, options: MySQLOptions
) -> tuple[Sequence[Any], Role | None]:
    """Ask what the session has become, and, where that is wanted, the server's role."""
    if options.target_session_attrs == "any":
        answer = await wire.ask(SESSION_QUERY)
    else:
        columns = role_columns(dialect, "session")
        answer = await wire.ask(f"{SESSION_QUERY}, {columns}")
        if answer.error is not None:  # the user may not see the members of a group
            columns = role_columns(dialect, "session", members=False)
            answer = await wire.ask(f"{SESSION_QUERY}, {columns}")
    if answer.error is not None:
        raise wire.server_error(answer.error)
    row = server_values(answer)
    wanted = len(row) > SESSION_COLUMNS
    return row[:SESSION_COLUMNS], read_role(row) if wanted else None
