"""Commands out, answers in, over a library's line."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Self

from asyncdb.dialects.mysql.protocol.answers import IN_TRANSACTION, Answer
from asyncdb.dialects.mysql.protocol.library import Library, Line
from asyncdb.dialects.mysql.protocol.login import Login, Target
from asyncdb.dialects.mysql.protocol.receiving import Receiver

# Commands: their first byte.
QUIT, INIT_DB, QUERY = b"\x01", b"\x02", b"\x03"
PREPARE, CLOSE = b"\x16", b"\x19"  # of a statement
SET_OPTION = b"\x1b"
RESET = b"\x1f"  # COM_RESET_CONNECTION

_MAX_PAYLOAD = 0xFFFFFF
# Seconds for the server to close after a goodbye.
_FAREWELL = 0.2


class Wire:
    """A line that is logged in, sends commands and gives answers.

    Args:
        line: the library's connection.
        library: which library that is.
        target: where it leads.
    """

    def __init__(self, line: Line, library: Library, target: Target) -> None:
        self.line = line
        self.library = library
        self.target = target
        self.receiver = line.receiver = Receiver(line.transport, library.take_unread)
        # Found once, for each command goes through it. Nobody waits for the bytes to be
        # gone: that keeps a long batch from blocking both sides, whose answers come.
        self._write = line.transport.write
        self._reader = library.reader

    @classmethod
    async def to(cls, library: Library, target: Target) -> Self:
        """Connect and log in; nothing is left open when that fails."""
        login = Login(target)
        line = library.line(login)
        try:
            await line.open()
        except BaseException:
            line.abort()
            raise
        login.is_over = True
        return cls(line, library, target)

    async def another(self) -> Self:
        """Connect once more to where this one leads, to no database."""
        return await self.to(self.library, replace(self.target, database=None))

    # -- commands --------------------------------------------------------------------

    def send(self, *payloads: bytes) -> None:
        """Send commands, without waiting."""
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
        self._write(packets[0] if len(packets) == 1 else b"".join(packets))

    def begin_answer(
        self, payload: bytes, data: bytes = b"", *, utc: bool | None = None
    ) -> Answer:
        """Make what parses the answer to one command.

        Args:
            payload: the command.
            data: what came after the answer before.
            utc: whether TIMESTAMP values are in UTC; `None` for not known.
        """
        first = len(payload) // _MAX_PAYLOAD + 1
        return Answer(data, first, utc=utc, reader=self._reader)

    async def ask(self, text: str) -> Answer:
        """Run one statement, with nothing else on the wire."""
        payload = QUERY + text.encode()
        answer = self.begin_answer(payload)
        self.send(payload)
        await self.receiver.expect(answer)
        if answer.status is not None:  # error packets say nothing of the session
            self.line.server_status = answer.status
        return answer

    def begin_stream(self, payload: bytes, *, utc: bool) -> Answer:
        """Make what parses an answer that is read in pieces, slowly."""
        self.receiver.keep()
        answer = self.begin_answer(payload, utc=utc)
        answer.is_stream = True
        return answer

    def end_stream(self, answer: Answer) -> None:
        """Take note that an answer read in pieces was read to its end."""
        self.receiver.release()
        if answer.status is not None:
            self.line.server_status = answer.status

    # -- the session -----------------------------------------------------------------

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, as last told."""
        return bool(self.line.server_status & IN_TRANSACTION)

    @property
    def version(self) -> str:
        """The version in the server's greeting."""
        return str(self.line.get_server_info())

    @property
    def session_number(self) -> int:
        """The session's number on the server, for KILL."""
        return int(self.line.thread_id())

    def server_error(self, packet: bytes) -> Exception:
        """Return the library's exception for an error packet, with its SQLSTATE."""
        try:
            self.library.raise_error(packet)
        except self.library.error as error:
            if packet[3:4] == b"#" and getattr(error, "sqlstate", None) is None:
                # PyMySQL tells it since 1.2.
                state = packet[4:9].decode("ascii", "replace")
                error.sqlstate = state  # type: ignore[attr-defined]
            # It goes up from elsewhere, with a traceback of its own.
            return error.with_traceback(None)
        raise AssertionError  # it always raises

    # -- the end ---------------------------------------------------------------------

    @property
    def is_gone(self) -> bool:
        """Closed by us or by the other side, as far as the loop has heard."""
        return self.line.is_gone

    def unread(self) -> bytes:
        """Return what has come and was not read, without waiting."""
        return self.receiver.unread()

    def abort(self) -> None:
        """Cut the line."""
        self.line.abort()

    async def goodbye(self) -> bool:
        """Say goodbye and close; harmless when gone.

        Returns:
            Whether the server has closed, too, which ends the session there.
        """
        try:
            if self.line.is_gone:
                return False
            self.send(QUIT)
            self.receiver.keep()
            async with asyncio.timeout(_FAREWELL):
                while True:
                    await self.receiver.read()
        except TimeoutError:
            return False
        except OSError:
            return True
        finally:
            self.line.abort()
