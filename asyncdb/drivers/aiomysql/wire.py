"""The connection below: aiomysql's, made strict. Every private member is used here.

aiomysql connects, shakes hands and logs in. What it leaves open there is closed by
`Wire`: TLS that was asked for and is not offered, passwords in clear text or encrypted
with a key that anybody on the way may have sent. Afterwards its reader and writer are
used directly; its cursors, quoting and interpolation never are.
"""

from __future__ import annotations

import contextlib
import ipaddress
import ssl
from dataclasses import dataclass
from typing import Any

import aiomysql
from pymysql.constants import CLIENT, COMMAND
from pymysql.err import MySQLError, raise_mysql_exception

from asyncdb.drivers.aiomysql.answers import IN_TRANSACTION, Answer
from asyncdb.errors import AuthenticationFailed, ConnectionFailed

RESET = b"\x1f"  # COM_RESET_CONNECTION, which PyMySQL does not name
INIT_DB: bytes = COMMAND.COM_INIT_DB.to_bytes(1, "little")
QUERY: bytes = COMMAND.COM_QUERY.to_bytes(1, "little")
_QUIT: bytes = COMMAND.COM_QUIT.to_bytes(1, "little")

_CLEAR, _OLD = "mysql_clear_password", "mysql_old_password"

_MAX_PAYLOAD = 0xFFFFFF
# One read of the socket by asyncio's transports gives this much at most.
_CHUNK = 256 * 1024


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where a wire leads, and how to log in there; made once, used again for KILL.

    Args:
        host: name or address; `None` with a socket.
        port: TCP port.
        unix_socket: path of a socket instead.
        user: the user's name; `None` for the process's own.
        password: the password.
        database: the database to use.
        tls: the context to use where TLS is wanted.
        tls_required: do without TLS never.
        found_rows: the session counts matched rows.
        public_key: the server's RSA key in PEM, for a password without TLS.
    """

    host: str | None
    port: int
    unix_socket: str | None
    user: str | None
    password: str
    database: str | None
    tls: ssl.SSLContext | None
    tls_required: bool
    found_rows: bool
    public_key: bytes | None

    def __repr__(self) -> str:
        return f"<Target {self.unix_socket or self.host}>"


class Wire(aiomysql.Connection):  # type: ignore[misc]  # it has no types
    """A logged-in connection that sends commands and gives bytes back."""

    _reader: Any
    _writer: Any
    _ssl_context: Any
    server_status: int

    def __init__(self, target: Target) -> None:
        self._target = target
        self._handshaking = False
        super().__init__(
            host=target.host or "localhost",
            port=target.port,
            unix_socket=target.unix_socket,
            user=target.user,
            # aiomysql encodes it as latin-1; so it ends up as UTF-8, which is what the
            # server's own client would have sent when the password was set.
            password=target.password.encode().decode("latin-1"),
            db=target.database,
            charset="utf8mb4",
            autocommit=None,
            client_flag=CLIENT.FOUND_ROWS if target.found_rows else 0,
            ssl=target.tls,
            program_name="asyncdb",
            server_public_key=target.public_key,
        )
        self.client_flag &= ~(CLIENT.MULTI_STATEMENTS | CLIENT.LOCAL_FILES)

    # -- the handshake -------------------------------------------------------------

    async def open(self) -> None:
        """Connect and log in; nothing is left open when that fails."""
        try:
            self._handshaking = True
            await self._connect()
        except BaseException:
            self.abort()
            raise
        self._handshaking = False

    async def _request_authentication(self) -> None:
        """Decide about TLS: the server's abilities are known, nothing was sent yet."""
        if not self.server_capabilities & CLIENT.PLUGIN_AUTH:
            raise ConnectionFailed("the server is older than MySQL 5.5.7")
        if self._ssl_context and not self.server_capabilities & CLIENT.SSL:
            if self._target.tls_required:
                raise ConnectionFailed(
                    "the server offers no TLS, or somebody in between took the offer "
                    'away; nothing was sent (tls="disable" connects without)'
                )
            self._ssl_context = None
            self.client_flag &= ~CLIENT.SSL
        self._check_method(self._server_auth_plugin, self._ssl_context is not None)
        await super()._request_authentication()

    async def _process_auth(self, plugin_name: bytes, auth_packet: Any) -> Any:
        """Look at the other method of logging in that the server asks for."""
        self._check_method(plugin_name.decode("ascii", "replace"), self._secure)
        return await super()._process_auth(plugin_name, auth_packet)

    def _check_method(self, method: str, secure: bool) -> None:
        # Methods that aiomysql does not know are refused by itself.
        if method == _CLEAR and not (secure or self._unix_socket):
            raise AuthenticationFailed(
                "the server asks for the password in clear text, and the line is not "
                "encrypted; it was not sent"
            )
        if method == _OLD:
            raise AuthenticationFailed(
                f"the server asks for {_OLD}, which gives the password away; it was "
                "not sent"
            )

    @property
    def server_public_key(self) -> bytes | None:
        """The key for a password that goes over an unencrypted line."""
        return self._public_key

    @server_public_key.setter
    def server_public_key(self, key: bytes | None) -> None:
        # aiomysql puts here what the wire offers, just before it is used: whoever sits
        # in between may have put his own key there.
        if self._handshaking and not self._is_local():
            raise AuthenticationFailed(
                "the password would be encrypted with a key that came over an "
                "unencrypted line; use TLS, or give the key as server_public_key"
            )
        self._public_key = key

    def _is_local(self) -> bool:
        if self._unix_socket:
            return True
        peer = self._writer.get_extra_info("peername")
        return bool(peer) and ipaddress.ip_address(peer[0]).is_loopback

    # -- bytes ---------------------------------------------------------------------

    def send(self, *payloads: bytes) -> None:
        """Send commands, without waiting.

        Not waiting for them to be gone is what keeps a long batch from blocking both
        sides: the answers are read meanwhile.
        """
        packets: list[bytes] = []
        for payload in payloads:
            size = len(payload)
            if size < _MAX_PAYLOAD:
                packets.append(size.to_bytes(3, "little") + b"\0" + payload)
                continue
            for sequence, start in enumerate(range(0, size + 1, _MAX_PAYLOAD)):
                part = payload[start : start + _MAX_PAYLOAD]
                header = len(part).to_bytes(3, "little") + bytes([sequence & 255])
                packets += header, part
        self._writer.write(packets[0] if len(packets) == 1 else b"".join(packets))

    async def read(self, missing: int) -> bytes:
        """Read what has come, or what is missing where that is much.

        Raises:
            OSError: the line is broken.
        """
        if missing > _CHUNK:
            data: bytes = await self._reader.readexactly(missing)
        else:
            data = await self._reader.read(_CHUNK)
        if not data:
            raise ConnectionResetError("the server closed the connection")
        return data

    async def answer(self, payload: bytes, data: bytes = b"") -> Answer:
        """Read the answer to one command.

        Args:
            payload: the command.
            data: what came after the answer before.
        """
        answer = Answer(data, packet_count(payload))
        while not answer.done:
            answer.feed(await self.read(answer.missing))
        self.take_status(answer)
        return answer

    # -- state ---------------------------------------------------------------------

    def take_status(self, answer: Answer) -> None:
        """Keep what an answer says of the session; error packets say nothing."""
        if answer.status is not None:
            self.server_status = answer.status

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, as last told."""
        return bool(self.server_status & IN_TRANSACTION)

    @property
    def is_gone(self) -> bool:
        """Closed by us or by the other side, as far as the loop has heard."""
        return (
            self._writer is None
            or self._reader.eof_received
            or self._writer.transport.is_closing()
        )

    # -- the end -------------------------------------------------------------------

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
            self.send(_QUIT)
            writer.close()
            # A server that is gone already is as closed as can be.
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        finally:
            self.abort()


def packet_count(payload: bytes) -> int:
    """Return how many packets a payload takes."""
    return len(payload) // _MAX_PAYLOAD + 1


def server_error(packet: bytes) -> MySQLError:
    """Return the library's exception for an error packet."""
    try:
        raise_mysql_exception(packet)
    except MySQLError as error:
        # It goes up from elsewhere, with a traceback of its own.
        return error.with_traceback(None)


async def open_wire(target: Target) -> Wire:
    """Return a wire that is logged in."""
    wire = Wire(target)
    await wire.open()
    return wire
