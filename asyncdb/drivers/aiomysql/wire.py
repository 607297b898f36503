"""The connection below: aiomysql's, made strict. Every private member is used here.

aiomysql connects, shakes hands and logs in; methods of ours come before its own there,
so the handshake can be watched. Afterwards its reader and writer are used directly; its
cursors, quoting and interpolation never are.
"""

from __future__ import annotations

import contextlib
from typing import Any, Self

import aiomysql
from pymysql.err import MySQLError, raise_mysql_exception

from asyncdb.dialects.mysql.protocol.wire import (
    CHUNK,
    CLIENT_FOUND_ROWS,
    CLIENT_LOCAL_FILES,
    CLIENT_MULTI_STATEMENTS,
    CLIENT_SSL,
    QUIT,
    Target,
    Wire,
    check_key,
    check_method,
    is_loopback,
    tls_is_on,
)

# Neither library has types.
_Native: Any = aiomysql.Connection
_ServerError: type[Exception] = MySQLError


class AiomysqlWire(Wire, _Native):  # type: ignore[misc]
    """A logged-in connection of aiomysql."""

    _reader: Any
    _writer: Any
    _secure: bool
    _ssl_context: Any
    client_flag: int
    server_capabilities: int

    def __init__(self, target: Target) -> None:
        self.target = target
        self._handshaking = False
        options: dict[str, Any] = {
            "host": target.host or "localhost",
            "port": target.port,
            "unix_socket": target.unix_socket,
            "user": target.user,
            # aiomysql encodes it as latin-1; so it ends up as UTF-8, which is what the
            # server's own client would have sent when the password was set.
            "password": target.password.encode().decode("latin-1"),
            "db": target.database,
            "charset": "utf8mb4",
            "autocommit": None,
            "client_flag": CLIENT_FOUND_ROWS if target.found_rows else 0,
            "ssl": target.tls,
            "program_name": target.program_name,
            "server_public_key": target.public_key,
        }
        super().__init__(**options)
        self.client_flag &= ~(CLIENT_MULTI_STATEMENTS | CLIENT_LOCAL_FILES)

    # -- the handshake -------------------------------------------------------------

    @classmethod
    async def to(cls, target: Target) -> Self:
        """Connect and log in; nothing is left open when that fails."""
        wire = cls(target)
        try:
            wire._handshaking = True
            await wire._connect()
        except BaseException:
            wire.abort()
            raise
        wire._handshaking = False
        return wire

    async def _request_authentication(self) -> None:
        """Decide about TLS: the server's abilities are known, nothing was sent yet."""
        if not tls_is_on(self.target, self.server_capabilities):
            self._ssl_context = None
            self.client_flag &= ~CLIENT_SSL
        # Where the greeting names none, aiomysql takes this one.
        method = self._server_auth_plugin or "mysql_native_password"
        encrypted = self._ssl_context is not None
        check_method(method, secure=encrypted or self._may_be_clear())
        await super()._request_authentication()

    async def _process_auth(self, plugin_name: bytes, auth_packet: Any) -> Any:
        """Look at the other method of logging in that the server asks for."""
        method = plugin_name.decode("ascii", "replace")
        check_method(method, secure=self._secure or self._may_be_clear())
        return await super()._process_auth(plugin_name, auth_packet)

    async def _read_packet(self, *args: Any) -> Any:
        """Refuse a server that asks for the oldest method by naming none."""
        packet = await super()._read_packet(*args)
        if self._handshaking:
            data = packet.get_all_data()
            if data[:1] == b"\xfe" and b"\0" not in data:  # no name that has an end
                check_method("", secure=False)
        return packet

    @property
    def server_public_key(self) -> bytes | None:
        """The key for a password that goes over an unencrypted line."""
        return self._public_key

    @server_public_key.setter
    def server_public_key(self, key: bytes | None) -> None:
        # aiomysql puts here what the wire offers, just before it is used.
        if self._handshaking:
            check_key(local=self._is_local())
        self._public_key = key

    def _may_be_clear(self) -> bool:
        return self.target.clear_text or self._is_local()

    def _is_local(self) -> bool:
        if self._unix_socket:
            return True
        return is_loopback(self._writer.get_extra_info("peername"))

    @property
    def version(self) -> str:
        """The version in the server's greeting."""
        return str(self.get_server_info())

    @property
    def session_number(self) -> int:
        """The session's number on the server, for KILL."""
        return int(self.thread_id())

    # -- bytes ---------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Give bytes to the transport, without waiting."""
        self._writer.write(data)

    async def read(self, missing: int) -> bytes:
        """Read what has come, or what is missing where that is much."""
        if missing > CHUNK:
            data: bytes = await self._reader.readexactly(missing)
        else:
            data = await self._reader.read(CHUNK)
        if not data:
            raise ConnectionResetError("the server closed the connection")
        return data

    @property
    def server_error_class(self) -> type[Exception]:
        """The library's class of errors that come from the server."""
        return _ServerError

    def make_error(self, packet: bytes) -> Exception:
        """Return the library's exception for an error packet."""
        try:
            raise_mysql_exception(packet)
        except _ServerError as error:
            # It goes up from elsewhere, with a traceback of its own.
            return error.with_traceback(None)
        raise AssertionError  # it always raises

    # -- the end -------------------------------------------------------------------

    @property
    def is_gone(self) -> bool:
        """Closed by us or by the other side, as far as the loop has heard."""
        return (
            self._writer is None
            or self._reader.eof_received
            or self._writer.transport.is_closing()
        )

    def unread(self) -> bytes:
        """Return what has come and was not read."""
        return b"" if self._reader is None else bytes(self._reader._buffer)

    def abort(self) -> None:
        """Cut the line."""
        writer, self._writer, self._reader = self._writer, None, None
        if writer is not None:
            writer.transport.abort()

    async def goodbye(self) -> None:
        """Say goodbye and close."""
        writer = self._writer
        if writer is None:
            return
        try:
            self.send(QUIT)
            writer.close()
            # A server that is gone already is as closed as can be.
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        finally:
            self.abort()
