"""The connection below: asyncmy's, made strict. Every private member is used here.

asyncmy connects, shakes hands and logs in. Its class is compiled, but it calls its own
methods by name: those of a subclass come first, so the handshake can be watched.
Afterwards its transport and its receive buffer are used directly; its cursors, quoting
and interpolation never are.
"""

from __future__ import annotations

from typing import Any, Self

from asyncmy import connection
from asyncmy.errors import MySQLError, raise_mysql_exception

from asyncdb.dialects.mysql.protocol.answers import Answer
from asyncdb.dialects.mysql.protocol.wire import (
    CHUNK,
    CLIENT_DEPRECATE_EOF,
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
from asyncdb.drivers.asyncmy.answers import CompiledAnswer

_LONGEST_WAIT = 31_536_000  # the core keeps the time


_Native: Any = connection.Connection  # its types lack the members used here


class AsyncmyWire(Wire, _Native):  # type: ignore[misc]
    """A logged-in connection of asyncmy."""

    _transport: Any
    _proto: Any
    _client_flag: int
    _ssl_context: Any
    server_capabilities: int

    def __init__(self, target: Target) -> None:
        self.target = target
        self._handshaking = False
        self._slow = False
        options: dict[str, Any] = {
            "host": target.host,
            "port": target.port,
            "unix_socket": target.unix_socket,
            "user": target.user,
            # asyncmy encodes it as latin-1; so it ends up as UTF-8, which is what the
            # server's own client would have sent when the password was set.
            "password": target.password.encode().decode("latin-1"),
            "database": target.database,
            "charset": "utf8mb4",
            "autocommit": None,
            "client_flag": CLIENT_FOUND_ROWS if target.found_rows else 0,
            "connect_timeout": _LONGEST_WAIT,
            "ssl": target.tls,
            "program_name": target.program_name,
            "server_public_key": target.public_key,
        }
        super().__init__(**options)
        self._client_flag &= ~(CLIENT_MULTI_STATEMENTS | CLIENT_LOCAL_FILES)

    # -- the handshake -------------------------------------------------------------

    @classmethod
    async def to(cls, target: Target) -> Self:
        """Connect and log in; nothing is left open when that fails."""
        wire = cls(target)
        try:
            wire._handshaking = True
            await wire.connect()
        except BaseException:
            wire.abort()
            raise
        wire._handshaking = False
        return wire

    async def _request_authentication(self) -> Any:
        """Decide about TLS: the server's abilities are known, nothing was sent yet."""
        # With it a result would end in another packet than the shared parser expects.
        self.server_capabilities &= ~CLIENT_DEPRECATE_EOF
        if not tls_is_on(self.target, self.server_capabilities):
            self._ssl_context = None
            self._client_flag &= ~CLIENT_SSL
        check_method(self._auth_plugin_name, secure=self._is_private())
        return await super()._request_authentication()

    async def _process_auth(self, plugin_name: bytes, auth_packet: Any) -> Any:
        """Look at the other method of logging in that the server asks for."""
        method = plugin_name.decode("ascii", "replace")
        check_method(method, secure=self._is_private())
        return await super()._process_auth(plugin_name, auth_packet)

    async def read_packet(self, *args: Any) -> Any:
        """Refuse a server that asks for the oldest method by naming none."""
        packet = await super().read_packet(*args)
        if self._handshaking:
            data = packet.get_all_data()
            if data[:1] == b"\xfe" and b"\0" not in data:  # no name that has an end
                check_method("", secure=False)
        return packet

    def _is_private(self) -> bool:
        encrypted = self._ssl_context is not None
        return encrypted or self.target.clear_text or self._is_local()

    @property
    def _server_public_key(self) -> bytes | None:
        """The key for a password that goes over an unencrypted line."""
        return self._public_key

    @_server_public_key.setter
    def _server_public_key(self, key: bytes | None) -> None:
        # asyncmy puts here what the wire offers, just before it is used.
        if self._handshaking:
            check_key(local=self._is_local())
        self._public_key = key

    def _is_local(self) -> bool:
        if self._unix_socket is not None:
            return True
        return is_loopback(self._transport.get_extra_info("peername"))

    @property
    def version(self) -> str:
        """The version in the server's greeting."""
        return str(self.server_version)

    @property
    def session_number(self) -> int:
        """The session's number on the server, for KILL."""
        return int(self.thread_id())

    # -- bytes ---------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Give bytes to the transport, without waiting."""
        self._transport.write(data)

    def make_answer(self, first: int, data: bytes = b"", *, utc: bool | None) -> Answer:
        """Make what parses the next answer."""
        return CompiledAnswer(data, first, utc=utc)

    async def read(self, missing: int) -> bytes:
        """Read what has come, or what is missing where that is much."""
        received = self._proto
        need = missing if missing > CHUNK else 1
        while received.length - received.pos < need:
            if received.exc is not None or received.eof:
                raise ConnectionResetError("the server closed the connection")
            if self._slow:
                self._transport.resume_reading()
            await received.wait_for_data(need)
            # asyncmy's buffer grows without end while nobody takes what has come.
            if self._slow and not self.is_gone:
                self._transport.pause_reading()
        start, end = received.pos, received.length
        received.pos = end
        with memoryview(received.buffer) as view:
            return bytes(view[start:end])

    def pace(self, *, slow: bool) -> None:
        """Pause the transport between reads."""
        self._slow = slow
        if not slow and not self.is_gone:
            self._transport.resume_reading()

    @property
    def server_error_class(self) -> type[Exception]:
        """The library's class of errors that come from the server."""
        return MySQLError

    def make_error(self, packet: bytes) -> Exception:
        """Return the library's exception for an error packet."""
        try:
            raise_mysql_exception(packet)
        except MySQLError as error:
            # It goes up from elsewhere, with a traceback of its own.
            return error.with_traceback(None)
        raise AssertionError  # it always raises

    # -- the end -------------------------------------------------------------------

    @property
    def is_gone(self) -> bool:
        """Closed by us or by the other side, as far as the loop has heard."""
        transport = self._transport
        return transport is None or self._proto.eof or transport.is_closing()

    def unread(self) -> bytes:
        """Return what has come and was not read."""
        received = self._proto
        if received is None:
            return b""
        with memoryview(received.buffer) as view:
            return bytes(view[received.pos : received.length])

    def abort(self) -> None:
        """Cut the line."""
        transport, self._transport = self._transport, None
        self._connected = False
        if transport is not None:
            transport.abort()

    async def goodbye(self) -> None:
        """Say goodbye and close."""
        transport = self._transport
        if transport is None:
            return
        try:
            if not self.is_gone:
                self.send(QUIT)
            transport.close()
            await self._proto.wait_closed()
        finally:
            self.abort()
