"""Logging in: where to, and what a server may ask of us there.

A library connects, shakes hands and logs in. What both leave open is closed here: TLS
that was asked for and is not offered, passwords in clear text or encrypted with a key
that anybody on the way may have sent.
"""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from typing import Any, Final

from asyncdb.driver.tls import CLEAR_TEXT
from asyncdb.errors import AuthenticationFailed, ConnectionFailed

# Abilities of server and client, as exchanged at login.
CLIENT_FOUND_ROWS, CLIENT_LOCAL_FILES = 1 << 1, 1 << 7
CLIENT_SSL, CLIENT_MULTI_STATEMENTS = 1 << 11, 1 << 16
CLIENT_PLUGIN_AUTH, CLIENT_DEPRECATE_EOF = 1 << 19, 1 << 24
# Of a client: what is never wanted, and both libraries ask for.
UNWANTED: Final = CLIENT_MULTI_STATEMENTS | CLIENT_LOCAL_FILES

# Methods of logging in: PAM's dialog sends the password as it is, too.
_CLEAR = frozenset(["mysql_clear_password", "dialog"])
_OLD = "mysql_old_password"
# Packets of the server during the log-in: their first byte.
_MORE, _SWITCH = b"\x01", b"\xfe"


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where a wire leads, and how to log in there; made once, used again for KILL.

    Args:
        host: name or address; `None` with a socket.
        address: the one of the host's to connect to; `None` where nobody looked it up.
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
    address: str | None
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


class Login:
    """Watches over one log-in: sees what the server asks for before its library obeys.

    Args:
        target: where to, and as whom.

    Attributes:
        arguments: what the libraries of PyMySQL's family are told under the same names.
        is_over: nothing is asked any more.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self.is_over = False
        self._is_encrypted = False
        # It is this very machine that answers.
        self._is_local = target.unix_socket is not None
        self.arguments: dict[str, Any] = {
            "host": target.host or "localhost",
            "port": target.port,
            "unix_socket": target.unix_socket,
            "user": target.user,
            # The libraries encode it as latin-1; so it ends up as UTF-8, which is what
            # the server's own client would have sent when the password was set.
            "password": target.password.encode().decode("latin-1"),
            "charset": "utf8mb4",
            "autocommit": None,
            "client_flag": CLIENT_FOUND_ROWS if target.found_rows else 0,
            "ssl": target.tls,
            "program_name": target.program_name,
            "server_public_key": target.public_key,
        }

    def greeted(self, abilities: int, method: str, peer: Any) -> bool:
        """Decide about TLS: the greeting is there, nothing was sent yet.

        Args:
            abilities: the server's.
            method: how it wants us to log in.
            peer: its address, as the transport names it.

        Returns:
            Whether the line is to be encrypted.

        Raises:
            ConnectionFailed: see `tls_is_on`.
            AuthenticationFailed: see `check_method`.
        """
        self._is_encrypted = tls_is_on(self.target, abilities)
        self._is_local = self._is_local or is_loopback(peer)
        self._check(method)
        return self._is_encrypted

    def heard(self, packet: bytes) -> None:
        """Look at a packet of the server's before the library does.

        Raises:
            AuthenticationFailed: what it asks for would give the password away.
        """
        if self.is_over:
            return
        if packet[:1] == _SWITCH:
            # Without an end it is no name, and without a name it is the oldest method.
            name, end, _ = packet[1:].partition(b"\0")
            method = name.decode("ascii", "replace") if end else ""
            self._check(method)
        elif packet[:1] == _MORE and len(packet) > 2 and not self._is_encrypted:
            # Two bytes are a step of the method; more is the key to encrypt with.
            check_key(local=self._is_local)

    def _check(self, method: str) -> None:
        safe = self._is_encrypted or self._is_local
        check_method(method, secure=safe or self.target.clear_text)


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
