"""asyncmy's connection, made strict. Every private member is used here.

asyncmy connects, shakes hands and logs in. Its class is compiled, but it calls its own
methods by name: those of a subclass come first, so the handshake can be watched.
Afterwards its transport and its receive buffer are used directly; its cursors, quoting
and interpolation never are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from asyncmy import connection

from asyncdb.dialects.mysql.protocol.login import (
    CLIENT_DEPRECATE_EOF,
    CLIENT_SSL,
    UNWANTED,
    Login,
)
from asyncdb.dialects.mysql.protocol.receiving import Receiver

_LONGEST_WAIT = 31_536_000  # the core keeps the time

_Native: Any = connection.Connection  # its types lack the members used here


class AsyncmyLine(_Native):  # type: ignore[misc]
    """A connection of asyncmy.

    Args:
        login: watches over its log-in.
    """

    _transport: Any
    _client_flag: int
    _host: str
    _ssl_context: Any
    server_capabilities: int
    receiver: Receiver
    due: Callable[[], Awaitable[None]] | None = None

    def __init__(self, login: Login) -> None:
        self._login = login
        super().__init__(
            **login.arguments,
            database=login.target.database,
            connect_timeout=_LONGEST_WAIT,
        )
        self._client_flag &= ~UNWANTED

    # -- the log-in ------------------------------------------------------------------

    async def open(self) -> None:
        """Connect and log in."""
        self._host = self._login.target.address or self._host
        await self.connect()

    async def _request_authentication(self) -> Any:
        # The line stands; from here on the host is what its certificate is for.
        self._host = self._login.target.host or self._host
        # With it a result would end in another packet than the shared parser expects.
        self.server_capabilities &= ~CLIENT_DEPRECATE_EOF
        peer = self._transport.get_extra_info("peername")
        method = self._auth_plugin_name
        if not self._login.greeted(self.server_capabilities, method, peer):
            self._ssl_context = None
            self._client_flag &= ~CLIENT_SSL
        return await super()._request_authentication()

    async def read_packet(self, *args: Any) -> Any:
        """Show what comes during the log-in before asyncmy obeys."""
        packet = await super().read_packet(*args)
        self._login.heard(packet.get_all_data())
        return packet

    # -- what `db.native` is asked ----------------------------------------------------

    async def _execute_command(self, *args: Any) -> Any:
        if self.due is not None and not self.is_gone:
            await self.due()
        return await super()._execute_command(*args)

    # -- bytes -----------------------------------------------------------------------

    @property
    def transport(self) -> asyncio.Transport:
        """asyncmy's."""
        transport: asyncio.Transport = self._transport
        return transport

    @property
    def is_gone(self) -> bool:
        """Closed by us or by the other side, as far as the loop has heard."""
        return self._transport is None or self.receiver.is_over

    # -- the end ---------------------------------------------------------------------

    def abort(self) -> None:
        """Cut the line."""
        transport, self._transport = self._transport, None
        self._connected = False
        if transport is not None:
            transport.abort()


def take_unread(protocol: Any) -> bytes:
    """Take what asyncmy's protocol has been given and nobody has read."""
    with memoryview(protocol.buffer) as view:
        unread = bytes(view[protocol.pos : protocol.length])
    protocol.pos = protocol.length
    return unread
