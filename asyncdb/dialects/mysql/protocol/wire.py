"""What a driver makes of its library's connection: something that carries bytes.

A library connects, shakes hands and logs in. What both leave open there is closed here:
TLS that was asked for and is not offered, passwords in clear text or encrypted with a
key that anybody on the way may have sent.
"""

from __future__ import annotations

import ipaddress
import ssl
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Self

from asyncdb.dialects.mysql.protocol.answers import IN_TRANSACTION, Answer
from asyncdb.driver.tls import CLEAR_TEXT
from asyncdb.errors import AuthenticationFailed, ConnectionFailed

# Commands: their first byte.
QUIT, INIT_DB, QUERY = b"\x01", b"\x02", b"\x03"
RESET = b"\x1f"  # COM_RESET_CONNECTION

# Abilities of server and client, as exchanged at login.
CLIENT_FOUND_ROWS, CLIENT_LOCAL_FILES = 1 << 1, 1 << 7
CLIENT_SSL, CLIENT_MULTI_STATEMENTS = 1 << 11, 1 << 16
CLIENT_PLUGIN_AUTH, CLIENT_DEPRECATE_EOF = 1 << 19, 1 << 24

# Methods of logging in: PAM's dialog sends the password as it is, too.
_CLEAR = frozenset(["mysql_clear_password", "dialog"])
_OLD = "mysql_old_password"

_MAX_PAYLOAD = 0xFFFFFF
# One read of the socket by asyncio's transports gives this much at most.
CHUNK = 256 * 1024


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
        clear_text: a password in clear text may leave this machine unencrypted.
        public_key: the server's RSA key in PEM, for a password without TLS.
        program_name: what the server shows its administrators of this client.
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
    clear_text: bool
    public_key: bytes | None
    program_name: str

    def __repr__(self) -> str:
        return f"<Target {self.unix_socket or self.host}>"


class Wire(ABC):
    """A connection that is logged in, sends commands and gives bytes back.

    A driver's class has this and its library's connection as bases, so that users get
    the library's own from `db.native`.

    Attributes:
        target: where it leads.
        server_status: the server's status bits, as last told.
    """

    target: Target
    server_status: int

    # -- what a driver provides ------------------------------------------------------

    @classmethod
    @abstractmethod
    async def to(cls, target: Target) -> Self:
        """Connect and log in; nothing is left open when that fails."""

    @property
    @abstractmethod
    def version(self) -> str:
        """The version in the server's greeting."""

    @property
    @abstractmethod
    def session_number(self) -> int:
        """The session's number on the server, for KILL."""

    @property
    @abstractmethod
    def is_gone(self) -> bool:
        """Closed by us or by the other side, as far as the loop has heard."""

    @property
    @abstractmethod
    def server_error_class(self) -> type[Exception]:
        """The library's class of errors that come from the server."""

    @abstractmethod
    def make_error(self, packet: bytes) -> Exception:
        """Return the library's exception for an error packet."""

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Give bytes to the transport, without waiting."""

    @abstractmethod
    async def read(self, missing: int) -> bytes:
        """Read what has come, or what is missing where that is more than `CHUNK`.

        Raises:
            OSError: the line is broken.
        """

    @abstractmethod
    def unread(self) -> bytes:
        """Return what has come and was not read, without waiting."""

    @abstractmethod
    def abort(self) -> None:
        """Cut the line."""

    @abstractmethod
    async def goodbye(self) -> None:
        """Say goodbye and close; harmless when gone."""

    def server_error(self, packet: bytes) -> Exception:
        """Return the library's exception for an error packet, with its SQLSTATE."""
        error = self.make_error(packet)
        if packet[3:4] == b"#" and getattr(error, "sqlstate", None) is None:
            # PyMySQL tells it since 1.2.
            error.sqlstate = packet[4:9].decode("ascii", "replace")  # type: ignore[attr-defined]
        return error

    # -- what it may change ----------------------------------------------------------

    def make_answer(
        self,
        first: int,
        data: bytes = b"",
        *,
        utc: bool | None,  # noqa: ARG002  # for drivers whose answers decode
    ) -> Answer:
        """Make what parses the next answer.

        Args:
            first: the number of its first packet.
            data: what came of it already.
            utc: whether TIMESTAMP values are in UTC; `None` for not known.
        """
        return Answer(data, first)

    def pace(self, *, slow: bool) -> None:  # noqa: B027  # a transport may do it itself
        """Take note that answers are read slowly, so that memory must be watched."""

    # -- commands --------------------------------------------------------------------

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
        self.write(packets[0] if len(packets) == 1 else b"".join(packets))

    async def answer(
        self, payload: bytes, data: bytes = b"", *, utc: bool | None = None
    ) -> Answer:
        """Read the answer to one command.

        Args:
            payload: the command.
            data: what came after the answer before.
            utc: see `make_answer`.
        """
        answer = self.make_answer(packet_count(payload), data, utc=utc)
        while not answer.done:
            answer.feed(await self.read(answer.missing))
        self.take_status(answer)
        return answer

    def take_status(self, answer: Answer) -> None:
        """Keep what an answer says of the session; error packets say nothing."""
        if answer.status is not None:
            self.server_status = answer.status

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, as last told."""
        return bool(self.server_status & IN_TRANSACTION)


# -- rules of the login ----------------------------------------------------------------


def tls_is_on(target: Target, abilities: int) -> bool:
    """Decide about TLS: the server's abilities are known, nothing was sent yet.

    Raises:
        ConnectionFailed: it is required and not offered; or the server is too old to
            say how it logs users in.
    """
    if not abilities & CLIENT_PLUGIN_AUTH:
        raise ConnectionFailed("the server is older than MySQL 5.5.7")
    if target.tls is None or abilities & CLIENT_SSL:
        return target.tls is not None
    if target.tls_required:
        raise ConnectionFailed(
            "the server offers no TLS, or somebody in between took the offer "
            'away; nothing was sent (tls="disable" connects without)'
        )
    return False


def check_method(method: str, *, secure: bool) -> None:
    """Refuse methods of logging in that give the password away.

    Args:
        method: what the server asks for; the libraries refuse those they do not know.
        secure: nobody can listen; or so the user has decided.

    Raises:
        AuthenticationFailed: the method is not to be used here.
    """
    if method in _CLEAR and not secure:
        raise AuthenticationFailed(CLEAR_TEXT)
    if method == _OLD or not method:
        raise AuthenticationFailed(
            f"the server asks for {_OLD}, which gives the password away; it was "
            "not sent"
        )


def is_loopback(peer: Any) -> bool:
    """Tell whether the address that a transport names is this machine."""
    return bool(peer) and ipaddress.ip_address(peer[0]).is_loopback


def check_key(*, local: bool) -> None:
    """Refuse a public key that came over the wire, unless from this machine.

    Raises:
        AuthenticationFailed: whoever sits in between may have sent his own.
    """
    if not local:
        raise AuthenticationFailed(
            "the password would be encrypted with a key that came over an "
            "unencrypted line; use TLS, or give the key as server_public_key"
        )


def packet_count(payload: bytes) -> int:
    """Return how many packets a payload takes."""
    return len(payload) // _MAX_PAYLOAD + 1
