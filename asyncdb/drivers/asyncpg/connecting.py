"""The driver object: options, the portable session, connecting."""

from __future__ import annotations

import json
from typing import Any, cast

import asyncpg

from asyncdb import errors
from asyncdb._tls import tls_context
from asyncdb.dialect import Dialect
from asyncdb.dialects.postgresql import DIALECT, PostgreSQLOptions
from asyncdb.driver import Driver, DriverConnection
from asyncdb.drivers.asyncpg.connection import AsyncpgConnection, PgRow
from asyncdb.drivers.asyncpg.translation import translate, translate_connecting
from asyncdb.options import ConnectOptions
from asyncdb.url import DatabaseURL


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
        """Open a session whose settings come with the start-up packet.

        Settings sent so are what `RESET ALL` goes back to.
        """
        options = cast("PostgreSQLOptions", options)
        try:
            native = await asyncpg.connect(**_arguments(url, options))
        except Exception as error:
            found = translate_connecting(error)
            if found is None:
                raise
            raise found from error
        try:
            for kind, version in (("json", b""), ("jsonb", b"\x01")):
                await _speak_json(native, kind, version)
        except BaseException:
            native.terminate()
            raise
        return AsyncpgConnection(native, options)

    def translate(self, error: BaseException) -> errors.Error | None:
        """Return asyncdb's error for asyncpg's."""
        return translate(error)


def _arguments(url: DatabaseURL, options: PostgreSQLOptions) -> dict[str, Any]:
    host = options.unix_socket or url.host
    context = tls_context(options, host)
    arguments = {
        "host": host,
        "port": url.port,
        "user": url.user,
        "password": url.password,
        "database": url.database or None,
        # The core bounds the whole of connecting; asyncpg's own 60 s would only add
        # a second, different error.
        "timeout": 10 * options.connect_timeout,
        "ssl": "prefer" if options.tls == "prefer" else context or False,
        "statement_cache_size": 0 if options.pgbouncer else 100,
        "record_class": PgRow,
        "server_settings": {} if options.pgbouncer else _settings(options),
    }
    return {name: value for name, value in arguments.items() if value is not None}


def _settings(options: PostgreSQLOptions) -> dict[str, str]:
    settings = {"standard_conforming_strings": "on"}
    if options.time_zone is not None:
        settings["TimeZone"] = options.time_zone
    if options.lock_timeout is not None:
        settings["lock_timeout"] = _milliseconds(options.lock_timeout)
    if options.statement_timeout is not None:
        settings["statement_timeout"] = _milliseconds(options.statement_timeout)
    if options.application_name is not None:
        settings["application_name"] = options.application_name
    return settings


def _milliseconds(seconds: float) -> str:
    # 0 would mean "no limit" to the server.
    return str(max(1, round(seconds * 1000)))


async def _speak_json(native: Any, kind: str, version: bytes) -> None:
    """Read JSON as objects; in binary, text behind a version, which COPY needs."""

    def encode(value: Any) -> bytes:
        # A str is JSON's text on every engine; anything else becomes it.
        text = value if isinstance(value, str) else json.dumps(value, allow_nan=False)
        return version + text.encode()

    def decode(data: bytes) -> Any:
        return json.loads(data[len(version) :])

    await native.set_type_codec(
        kind, schema="pg_catalog", encoder=encode, decoder=decode, format="binary"
    )
