"""The driver object: options, the portable session, connecting."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any, cast

import psycopg
from psycopg import pq

from asyncdb import errors
from asyncdb.dialect import Dialect
from asyncdb.dialects.postgresql import DIALECT, PostgreSQLOptions
from asyncdb.dialects.postgresql.pgbouncer import Pooling, is_refusal
from asyncdb.dialects.postgresql.recognising import StartupRefused, open_recognised
from asyncdb.driver import Driver, DriverConnection
from asyncdb.driver.tls import CLEAR_TEXT, tls_mode
from asyncdb.drivers.psycopg.connection import PsycopgConnection
from asyncdb.drivers.psycopg.login import Refused, log_in
from asyncdb.drivers.psycopg.native import PgNative
from asyncdb.drivers.psycopg.recognising import PsycopgCandidate
from asyncdb.drivers.psycopg.tls import tls_parameters
from asyncdb.drivers.psycopg.translation import translate, translate_connecting
from asyncdb.options import ConnectOptions
from asyncdb.url import DatabaseURL

_LOOP = (
    "psycopg needs an event loop that watches sockets, which this one cannot: on "
    "Windows run the program by asyncio.run(main(), "
    "loop_factory=asyncio.SelectorEventLoop), or use postgresql+asyncpg"
)


class PsycopgDriver(Driver):
    """The entry point's object."""

    @property
    def dialect(self) -> Dialect:
        """PostgreSQL's facts."""
        return DIALECT

    @property
    def options(self) -> type[ConnectOptions]:
        """PostgreSQL's options."""
        return PostgreSQLOptions

    async def connect(
        self, url: DatabaseURL, options: ConnectOptions
    ) -> DriverConnection:
        """Open a session whose settings come with the start-up packet."""
        return await self.connect_to(None, url, options)

    async def connect_to(
        self, address: str | None, url: DatabaseURL, options: ConnectOptions
    ) -> DriverConnection:
        """Do the same at one address of the host's; `None` for all of them."""
        options = cast("PostgreSQLOptions", options)
        _check_loop()
        try:
            candidate, pooling = await open_recognised(
                lambda pooling: _candidate(url, options, pooling, address),
                url,
                options,
            )
        except Refused as error:
            raise error.translated(options) from error
        except OSError as error:
            raise Refused.by_network(error) from error
        except psycopg.Error as error:  # of what is said right after the start
            found = translate_connecting(error, options)
            if found is None:
                raise
            raise found from error
        session = PsycopgConnection(candidate.native, options, pooling)
        try:
            await session.learn_role(options)
        except BaseException:
            session.terminate()
            raise
        return session

    def translate(self, error: BaseException) -> errors.Error | None:
        """Return asyncdb's error for psycopg's."""
        return translate(error)


def _check_loop() -> None:
    """Look whether the loop watches sockets: Windows' usual one does not."""
    loop: Any = asyncio.get_running_loop()
    proactor = getattr(asyncio, "ProactorEventLoop", None)
    if proactor is not None and isinstance(loop, proactor):
        raise errors.InterfaceError(_LOOP)


async def _candidate(
    url: DatabaseURL,
    options: PostgreSQLOptions,
    pooling: Pooling,
    address: str | None,
) -> PsycopgCandidate:
    try:
        pgconn = await _open(url, options, pooling, address)
    except Refused as error:
        if is_refusal(error.sqlstate, error.said):
            raise StartupRefused from error
        raise
    try:
        candidate = PsycopgCandidate(PgNative.over(pgconn))
    except BaseException:
        pgconn.finish()
        raise
    try:
        if later := pooling.set_tracked(options):
            await candidate.tag(later)
    except BaseException:
        candidate.terminate()
        raise
    return candidate


async def _open(
    url: DatabaseURL,
    options: PostgreSQLOptions,
    pooling: Pooling,
    address: str | None,
) -> Any:
    """Connect and log in, by TLS first where that is wanted."""
    parameters = _parameters(url, options, pooling)
    host = options.unix_socket or url.host or os.environ.get("PGHOST")
    mode = tls_mode(options, host)
    if host is None or host.startswith("/"):
        # libpq looks for a socket by itself, and speaks no TLS over it.
        plain = {"sslmode": "disable"}
        return await log_in({**parameters, **plain})
    addresses = [address] if address else await _addresses(host, url.port)
    for number, one in enumerate(addresses, 1):
        where = {**parameters, "host": host, "hostaddr": one}
        try:
            return await _by_line(where, options, mode)
        except Refused as error:
            # Nobody is there, at this address of several.
            if number == len(addresses) or error.sqlstate or not error.of_network:
                raise
    raise AssertionError(host)


async def _by_line(where: dict[str, Any], options: PostgreSQLOptions, mode: str) -> Any:
    if mode != "disable":
        try:
            return await log_in({**where, **tls_parameters(options, mode)})
        except Refused as error:
            if mode != "prefer" or not error.has_no_tls:
                raise
    plain: dict[str, Any] = {"sslmode": "disable"}
    local = where["hostaddr"].startswith("127.") or where["hostaddr"] == "::1"
    if options.tls == "disable" or local:  # by hand: then even a password may be read
        return await log_in({**where, **plain})
    try:
        return await log_in({**where, **plain, "require_auth": "!password"})
    except Refused as error:
        if error.has_refused_password:
            raise errors.AuthenticationFailed(CLEAR_TEXT) from error
        raise


async def _addresses(host: str, port: int | None) -> list[str]:
    """Look a name up, which libpq would do without giving way to other tasks."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _parameters(
    url: DatabaseURL, options: PostgreSQLOptions, pooling: Pooling
) -> dict[str, Any]:
    """Return libpq's parameters but for those of the line."""
    # An old PgBouncer takes no `options` at all, in which all but the name go.
    settings = pooling.at_start(options)
    given = {
        "host": options.unix_socket,
        "port": url.port,
        "user": url.user,
        "password": url.password,
        "dbname": url.database or None,
        "client_encoding": "UTF8",
        "application_name": settings.pop("application_name", None),
        "gssencmode": "disable",
        # The core bounds the whole of connecting; this would only be a second limit.
        "connect_timeout": "0",
        "options": " ".join(_setting(*item) for item in settings.items()) or None,
    }
    return {name: value for name, value in given.items() if value is not None}


def _setting(name: str, value: str) -> str:
    r"""Write a setting for `options`, in which a blank ends one and `\` escapes it."""
    escaped = "".join(f"\\{c}" if c.isspace() or c == "\\" else c for c in value)
    return f"-c {name}={escaped}"


if pq.version() < 160000:  # pragma: no cover  # its wheels bring a newer one
    message = (
        "postgresql+psycopg needs libpq 16 or later, and this one is "
        f"{pq.version() // 10000}: psycopg[binary] {psycopg.__version__} brings its own"
    )
    raise errors.MissingDriver(message)
