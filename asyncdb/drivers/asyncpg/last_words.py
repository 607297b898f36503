"""What the server says when it ends an idle session, which asyncpg throws away.

A server that shuts down, or ends a session that was idle too long, says so unasked.
asyncpg expects nothing then, and of what it was told only the end of the line is left.
So its protocol has a listener in front of it, which keeps such a message. That costs a
call for each read of the socket, and nothing for each row; and as the bytes come by
here, they are read into a buffer that is there (`driver.room`).
"""

from __future__ import annotations

import asyncio
from typing import Any

from asyncpg.exceptions import PostgresError

from asyncdb.driver.room import room
from asyncdb.drivers.asyncpg import inner

_FINAL = frozenset([b"FATAL", b"PANIC"])


class LastWords(asyncio.BufferedProtocol):
    """Stands between a transport and asyncpg's protocol."""

    __slots__ = ("_protocol", "_receive", "_room", "_said")

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self._receive = protocol.data_received
        self._room = room()
        self._said: list[tuple[str, str]] = []

    @classmethod
    def of(cls, native: Any) -> LastWords:
        """Listen to an open connection of asyncpg's."""
        if not inner.LISTENS:
            return cls(asyncio.Protocol())  # which hears nothing
        listener = cls(native._protocol)
        native._transport.set_protocol(listener)
        return listener

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        """Return where the transport may put what it reads."""
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        """Look at what came, and give it to asyncpg."""
        data = bytes(self._room[:nbytes])
        if data[0] == 69:  # "E": it begins like an error
            self._said += _final(data)
        self._receive(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave it to asyncpg."""
        self._protocol.connection_lost(exc)

    def eof_received(self) -> bool | None:
        """Leave it to asyncpg."""
        keeps: bool | None = self._protocol.eof_received()
        return keeps

    def pause_writing(self) -> None:
        """Leave it to asyncpg."""
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Leave it to asyncpg."""
        self._protocol.resume_writing()

    @property
    def said(self) -> tuple[str, str] | None:
        """SQLSTATE and message of the error with which the server ended the session."""
        return self._said[-1] if self._said else None

    def learn(self, error: BaseException) -> None:
        """Take note of what asyncpg has kept as the cause of an error of its own."""
        cause: Any = error.__cause__
        if not self._said and isinstance(cause, PostgresError):
            state = str(getattr(cause, "sqlstate", ""))
            self._said.append((state, str(cause.args[0])))


def _final(data: bytes) -> list[tuple[str, str]]:
    """Read SQLSTATE and message of an error that ends the session, if it is one.

    Its fields have a letter each and are ended by zeros:
    https://www.postgresql.org/docs/current/protocol-error-fields.html
    """
    end = 1 + int.from_bytes(data[1:5], "big")
    fields = {field[:1]: field[1:] for field in data[5:end].split(b"\0")}
    if len(data) != end or fields.get(b"V") not in _FINAL:
        return []
    state, text = fields.get(b"C", b""), fields.get(b"M", b"")
    return [(state.decode("ascii", "replace"), text.decode("utf-8", "replace"))]
