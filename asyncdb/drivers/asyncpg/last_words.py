"""What the server says when it ends an idle session, which asyncpg throws away.

A server that shuts down, or ends a session that was idle too long, says so unasked.
asyncpg expects nothing then, and of what it was told only the end of the line is left.
So its protocol has a listener in front of it, which keeps such a message. That costs a
call for each read of the socket, and nothing for each row.
"""

from __future__ import annotations

from typing import Any

from asyncpg.exceptions import PostgresError

_ERROR = ord("E")
_FINAL = frozenset([b"FATAL", b"PANIC"])


class LastWords:
    """Stands between a transport and asyncpg's protocol.

    Attributes:
        said: SQLSTATE and message of the error with which the server ended the session;
            `None` as long as it has not.
    """

    __slots__ = (
        *("_receive", "connection_lost", "eof_received", "pause_writing"),
        *("resume_writing", "said"),
    )

    def __init__(self, protocol: Any) -> None:
        self.said: tuple[str, str] | None = None
        self._receive = protocol.data_received
        self.connection_lost = protocol.connection_lost
        self.eof_received = protocol.eof_received
        self.pause_writing = protocol.pause_writing
        self.resume_writing = protocol.resume_writing

    @classmethod
    def of(cls, native: Any) -> LastWords:
        """Listen to an open connection of asyncpg's."""
        listener = cls(native._protocol)
        native._transport.set_protocol(listener)
        return listener

    def data_received(self, data: bytes) -> None:
        """Pass it on, and look at what begins like an error."""
        if data[0] == _ERROR:
            self._look_at(data)
        self._receive(data)

    def learn(self, error: BaseException) -> None:
        """Take note of what asyncpg has kept as the cause of an error of its own."""
        cause: Any = error.__cause__
        if self.said is None and isinstance(cause, PostgresError):
            self.said = str(getattr(cause, "sqlstate", "")), str(cause.args[0])

    def _look_at(self, data: bytes) -> None:
        # Fields of one letter, ended by zeros: https://www.postgresql.org/docs/current/
        # protocol-error-fields.html
        end = 1 + int.from_bytes(data[1:5], "big")
        fields = {field[:1]: field[1:] for field in data[5:end].split(b"\0")}
        if len(data) == end and fields.get(b"V") in _FINAL:
            state, text = fields.get(b"C", b""), fields.get(b"M", b"")
            self.said = (
                state.decode("ascii", "replace"),
                text.decode("utf-8", "replace"),
            )
