"""A watch over the log-in on an unencrypted line: no password leaves in clear text.

asyncpg answers whatever way of logging in the server asks for, `password` among them,
and has no option to refuse one. But it takes the event loop to use. `WatchedLoop` is
the running one, except that a connection made through it passes a `Watch` first, which
reads the server's requests and cuts the line at the wrong one, before asyncpg has seen
it. When the log-in is over the watch takes itself out of the way. On a line that does
not leave this machine, as to a PgBouncer beside the program, nobody listens: there the
password is sent as it is asked for.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable
from typing import Any

_AUTHENTICATION = ord("R")
_OK, _CLEAR_TEXT = 0, 3
# Requests to log in are short; somebody who says otherwise is no PostgreSQL.
_LONGEST = 64 * 1024


class Watch(asyncio.Protocol):
    """Stands between a transport and asyncpg's protocol during the log-in.

    Args:
        protocol: asyncpg's.
        refused: called when the server has asked for the password in clear text.
    """

    def __init__(self, protocol: Any, refused: Callable[[], None]) -> None:
        self.protocol = protocol
        self._refused = refused
        self._transport: Any = None
        self._held = b""

    def connection_made(self, transport: Any) -> None:
        """Pass it on."""
        self._transport = transport
        self.protocol.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass it on."""
        self.protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        """Pass it on."""
        self.protocol.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self.protocol.resume_writing()

    def eof_received(self) -> bool | None:
        """Pass it on."""
        answer: bool | None = self.protocol.eof_received()
        return answer

    def data_received(self, data: bytes) -> None:
        """Pass on whole messages, up to one that asks for the password in clear."""
        held = self._held + data
        while len(held) >= 9:
            size = 1 + int.from_bytes(held[1:5], "big")
            if size > _LONGEST:
                self._transport.abort()
                return
            if len(held) < size:
                break
            if held[0] == _AUTHENTICATION:
                asked = int.from_bytes(held[5:9], "big")
                if asked == _CLEAR_TEXT and not self._is_local():
                    self._refused()
                    self._transport.abort()
                    return
                if asked == _OK:
                    self._transport.set_protocol(self.protocol)
                    self.protocol.data_received(held)
                    return
            self.protocol.data_received(held[:size])
            held = held[size:]
        self._held = held

    def _is_local(self) -> bool:
        peer = self._transport.get_extra_info("peername")
        return bool(peer) and ipaddress.ip_address(peer[0]).is_loopback


class WatchedLoop:
    """The running loop, whose new connections are watched.

    Attributes:
        refused: a server has asked for the password in clear text.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.refused = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    async def create_connection(
        self, factory: Callable[[], Any], *args: Any, **options: Any
    ) -> tuple[Any, Any]:
        """Connect with a watch."""
        transport, watch = await self._loop.create_connection(
            lambda: Watch(factory(), self._refuse), *args, **options
        )
        return transport, watch.protocol

    def _refuse(self) -> None:
        self.refused = True
