"""aiomysql's connection, made strict. Every private member is used here.

aiomysql connects, shakes hands and logs in; methods of ours come before its own there,
so the handshake can be watched. Afterwards its reader and writer are used directly; its
cursors, quoting and interpolation never are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiomysql

from asyncdb.dialects.mysql.protocol.login import CLIENT_SSL, UNWANTED, Login
from asyncdb.dialects.mysql.protocol.receiving import Receiver

_Native: Any = aiomysql.Connection  # the library has no types


class AiomysqlLine(_Native):  # type: ignore[misc]
    """A connection of aiomysql.

    Args:
        login: watches over its log-in.
    """

    _reader: Any
    _writer: Any
    receiver: Receiver
    due: Callable[[], Awaitable[None]] | None = None
    _ssl_context: Any
    _host: str
    client_flag: int
    server_capabilities: int

    def __init__(self, login: Login) -> None:
        self._login = login
        super().__init__(**login.arguments, db=login.target.database)
        self.client_flag &= ~UNWANTED

    # -- the log-in ------------------------------------------------------------------

    async def open(self) -> None:
        """Connect and log in."""
        self._host = self._login.target.address or self._host
        await self._connect()

    async def _request_authentication(self) -> None:
        # The line stands; from here on the host is what its certificate is for.
        self._host = self._login.target.host or self._host
        # Where the greeting names no method, aiomysql takes this one.
        method = self._server_auth_plugin or "mysql_native_password"
        peer = self._writer.get_extra_info("peername")
        if not self._login.greeted(self.server_capabilities, method, peer):
            self._ssl_context = None
            self.client_flag &= ~CLIENT_SSL
        await super()._request_authentication()

    async def _read_packet(self, *args: Any) -> Any:
        packet = await super()._read_packet(*args)
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
        """The writer's."""
        transport: asyncio.Transport = self._writer.transport
        return transport

    @property
    def is_gone(self) -> bool:
        """Closed by us or by the other side, as far as the loop has heard."""
        return self._writer is None or self.receiver.is_over

    # -- the end ---------------------------------------------------------------------

    def abort(self) -> None:
        """Cut the line."""
        writer, self._writer, self._reader = self._writer, None, None
        if writer is not None:
            writer.transport.abort()


def take_unread(protocol: Any) -> bytes:
    """Take what aiomysql's reader has been given and nobody has read."""
    reader = protocol._stream_reader  # it is gone when the line was cut
    if reader is None:
        return b""
    unread = bytes(reader._buffer)
    reader._buffer.clear()
    reader._maybe_resume_transport()
    return unread
