"""The driver object: options, the portable session, connecting."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any, cast

import asyncpg

from asyncdb import errors
from asyncdb.dialect import Dialect
from asyncdb.dialects.postgresql import DIALECT, PostgreSQLOptions
from asyncdb.dialects.postgresql.pgbouncer import Pooling, is_refusal
from asyncdb.dialects.postgresql.recognising import StartupRefused, open_recognised
from asyncdb.driver import Driver, DriverConnection
from asyncdb.driver.tls import CLEAR_TEXT, tls_context, tls_mode
from asyncdb.drivers.asyncpg.connection import AsyncpgConnection
from asyncdb.drivers.asyncpg.directing import DirectedLoop
from asyncdb.drivers.asyncpg.native import PgNative
from asyncdb.drivers.asyncpg.notices import Hearing
from asyncdb.drivers.asyncpg.recognising import AsyncpgCandidate
from asyncdb.drivers.asyncpg.roles import role_at_start
from asyncdb.drivers.asyncpg.rows import PgRow
from asyncdb.drivers.asyncpg.translation import translate, translate_connecting
from asyncdb.drivers.asyncpg.watching import WatchedLoop
from asyncdb.options import ConnectOptions
from asyncdb.url import DatabaseURL
from asyncdb.values.rendering import json_text


class AsyncpgDriver(Driver):
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
        try:
            session, pooling = await open_recognised(
                lambda pooling: _candidate(url, options, pooling, address),
                url,
                options,
            )
        except Exception as error:
            found = translate_connecting(error, options)
            if found is None or found is error:
                raise
            raise found from error
        native = session.native
        native.add_log_listener(Hearing(options.on_notice))
        try:
            for kind, version in (("json", b""), ("jsonb", b"\x01")):
                await _speak_json(native, kind, version)
            role = await role_at_start(native, options, pooling)
        except BaseException:
            native.terminate()
            raise
        return AsyncpgConnection(native, options, role, pooling)

    def translate(self, error: BaseException) -> errors.Error | None:
        """Return asyncdb's error for asyncpg's."""
        return translate(error)


async def _candidate(
    url: DatabaseURL,
    options: PostgreSQLOptions,
    pooling: Pooling,
    address: str | None,
) -> AsyncpgCandidate:
    try:
        return AsyncpgCandidate(await _open(url, options, pooling, address))
    except asyncpg.PostgresError as error:
        if is_refusal(getattr(error, "sqlstate", None), str(error)):
            raise StartupRefused from error
        raise


async def _open(
    url: DatabaseURL,
    options: PostgreSQLOptions,
    pooling: Pooling,
    address: str | None,
) -> Any:
    """Connect and log in, by TLS first where that is wanted."""
    arguments = _arguments(url, options, pooling)
    loop: Any = asyncio.get_running_loop()
    if address is not None:
        loop = arguments["loop"] = DirectedLoop(loop, address)
    # Without a host asyncpg looks one up by itself, which decides about TLS, too.
    host = arguments.get("host") or os.environ.get("PGHOST")
    # A socket cannot be listened to, and asyncpg speaks no TLS over it.
    context = None if _is_socket(host) else tls_context(options, host)
    if context is not None:
        try:
            return await asyncpg.connect(**arguments, ssl=context)
        except ConnectionError as error:
            # asyncpg's own; it has sent nothing but the question.
            refused = "rejected SSL upgrade" in str(error)
            if not refused or tls_mode(options, host) != "prefer":
                raise
    if options.tls == "disable":  # by hand: then even a password may be read
        return await asyncpg.connect(**arguments, ssl=False)
    watched = arguments["loop"] = WatchedLoop(loop)
    try:
        return await asyncpg.connect(**arguments, ssl=False)
    except Exception as error:
        if watched.refused:
            raise errors.AuthenticationFailed(CLEAR_TEXT) from error
        raise


def _is_socket(host: str | None) -> bool:
    return host is not None and host.startswith("/")


def _arguments(
    url: DatabaseURL, options: PostgreSQLOptions, pooling: Pooling
) -> dict[str, Any]:
    arguments = {
        "host": options.unix_socket or url.host,
        "port": url.port,
        "user": url.user,
        "password": url.password,
        "database": url.database or None,
        # The core bounds the whole of connecting; asyncpg's own 60 s would only add
        # a second, different error.
        "timeout": 10 * options.connect_timeout,
        "statement_cache_size": 100 if pooling.keeps else 0,
        "record_class": PgRow,
        "connection_class": PgNative,
        "server_settings": pooling.at_start(options),
    }
    return {name: value for name, value in arguments.items() if value is not None}


async def _speak_json(native: Any, kind: str, version: bytes) -> None:
    """Read JSON as objects; in binary, text behind a version, which COPY needs."""

    def encode(value: Any) -> bytes:
        # A str is JSON's text on every engine; anything else becomes it.
        text = value if isinstance(value, str) else json_text(value)
        return version + text.encode()

    def decode(data: bytes) -> Any:
        return json.loads(data[len(version) :])

    await native.set_type_codec(
        kind, schema="pg_catalog", encoder=encode, decoder=decode, format="binary"
    )
