"""A session's exchange with its server: a command, then its answer to the end.

Rules that come from the protocol and the servers:

* An answer is read to its end, or the wire is cut: nothing of it can meet the next one.
  Whoever is cancelled in between cuts, and the session is killed on the server.
* An error packet does not tell whether the transaction is still open (1213 ends it,
  1062 does not): an idle statement after it does. (Not a ping: Galera answers that with
  OK when it has taken a transaction back, and then COMMIT with OK as well.)
* The status of the last OK or EOF packet is what `in_transaction` says.
"""

from __future__ import annotations

import asyncio
import contextlib

from asyncdb.dialects.mysql.error_numbers import ERRORS
from asyncdb.dialects.mysql.errors import Reason, farewell, lost, read_packet, reason_of
from asyncdb.dialects.mysql.protocol.answers import Answer
from asyncdb.dialects.mysql.protocol.killing import (
    Outcome,
    be_patient,
    end_session,
    stop_statement,
)
from asyncdb.dialects.mysql.protocol.packets import MAX_PAYLOAD
from asyncdb.dialects.mysql.protocol.preparing import Prepared
from asyncdb.dialects.mysql.protocol.wire import CLOSE, PREPARE, QUERY, Wire
from asyncdb.dialects.mysql.session import Session
from asyncdb.errors import (
    ConnectionBusy,
    ConnectionClosed,
    ConnectionLost,
    InvalidText,
    ResourceLimit,
)

_IDLE = "DO 0"
_GONE = (OSError, EOFError, ConnectionLost)  # there is nobody any more
_AGAIN = 0.1  # seconds until a server that was late is asked again


class Exchange:
    """What everything that a session does stands on.

    Args:
        wire: logged in, in the portable state.
        session: what the server said of itself.
    """

    def __init__(self, wire: Wire, session: Session) -> None:
        self.wire = wire
        self.session = session
        self._line = wire.line
        self._outstanding = False  # an answer is due
        self._is_streaming = False  # one is read in pieces, for as long as it takes
        self._is_cut = False  # the line, by us
        # How the session ended: by us; or by the other side, and why if it said so.
        self._is_ended = False
        self._reason: Reason | None = None
        self._is_gone = False  # the server has let go of the session, as far as seen
        self._ending: asyncio.Future[Outcome] | None = None

    # -- one command -----------------------------------------------------------------

    async def ask(
        self, *payloads: bytes, answers: list[Answer] | None = None
    ) -> list[Answer]:
        """Send commands at once and read their answers.

        The wire is clean afterwards, or cut.

        Args:
            payloads: the commands.
            answers: where the answers go, for who wants those before a failure, too.
        """
        wire, session = self.ready(), self.session
        self._outstanding = True
        utc = session.utc if session.sure else None
        answers = [] if answers is None else answers
        rest = b""
        wire.receiver.keep()
        try:
            wire.send(*payloads)
            for payload in payloads:
                answer = await wire.answer(payload, rest, utc=utc)
                rest = answer.rest
                answers.append(answer)
        except BaseException as error:
            await self.cut(error)
            raise
        wire.receiver.release()
        self._outstanding = False
        if rest:  # the server ends the session, and the answer was still in time
            self.hang_up(farewell(rest))
        return answers

    def ready(self) -> Wire:
        """Return the wire, ready for a command."""
        if self._line.is_gone:
            self.hang_up()
            raise self.last_words() or ConnectionClosed("the connection is closed")
        if self._is_streaming:
            raise ConnectionBusy("a result is still being read from this connection")
        return self.wire

    async def cut(self, error: BaseException) -> None:
        """End the session because of an error in the middle of an answer."""
        self._outstanding = self._is_streaming = False
        if isinstance(error, _GONE):
            self.hang_up(reason_of(error))
            self._is_gone = True
        else:
            self.abort()
            self._ending = end_session(self.wire, self.session.server)
            await be_patient(self._ending)

    async def command(self, text: str, *, plain: bool = False) -> Answer:
        """Run a statement.

        Args:
            text: what to send.
            plain: it is of a kind that opens no transaction.

        Raises:
            Exception: the library's, for an error of the server; the session goes on.
        """
        # `ask` for one, without what only several need: the way of all statements.
        payload = self.encode(text)
        wire, session = self.ready(), self.session
        self._outstanding = True
        answer = wire.begin_answer(payload, utc=session.utc if session.sure else None)
        try:
            wire.send(payload)
            await wire.receiver.expect(answer)
        except BaseException as error:
            await self.cut(error)
            raise
        self._outstanding = False
        if answer.status is not None:  # error packets say nothing of the session
            self._line.server_status = answer.status
        if answer.rest:  # the server ends the session, and the answer was still in time
            self.hang_up(farewell(answer.rest))
        if answer.error is not None:
            await self.settle(answer.error, plain=plain)
            raise wire.server_error(answer.error)
        return answer

    async def prepare(self, text: str) -> Prepared:
        """Have the server prepare a statement, tell what it is, and forget it.

        Raises:
            Exception: the library's, for an error of the server; the session goes on.
        """
        payload = PREPARE + self.encode(text)[len(QUERY) :]
        wire = self.ready()
        self._outstanding = True
        prepared = Prepared(len(payload) // MAX_PAYLOAD + 1)
        try:
            wire.send(payload)
            await wire.receiver.expect(prepared)
        except BaseException as error:
            await self.cut(error)
            raise
        self._outstanding = False
        if prepared.rest:
            self.hang_up(farewell(prepared.rest))
        if prepared.error is not None:
            await self.settle(prepared.error)
            raise wire.server_error(prepared.error)
        if not self._line.is_gone:
            wire.send(CLOSE + prepared.number)  # there is no answer to that
        return prepared

    def encode(self, text: str) -> bytes:
        """Return the command for a text, if the server can take it."""
        try:
            payload = QUERY + text.encode()
        except UnicodeEncodeError:
            message = "the text holds a lone surrogate, which is no character"
            raise InvalidText(message) from None
        if len(payload) >= self.session.max_packet:
            message = (
                f"the statement with its values has {len(payload)} bytes; the server "
                f"takes less than max_allowed_packet={self.session.max_packet}"
            )
            raise ResourceLimit(message)
        return payload

    async def idle(self) -> None:
        """Hear how the session is."""
        await self.command(_IDLE)

    async def settle(self, error: bytes, *, plain: bool = False) -> None:
        """Learn what an error has left of the transaction and of the session."""
        number = int.from_bytes(error[1:3], "little")
        if ERRORS.get(number) is ConnectionLost:
            self.hang_up(read_packet(error))
        elif self.wire.in_transaction or not plain:
            with contextlib.suppress(*_GONE):
                (answer,) = await self.ask(self.encode(_IDLE))
                if answer.error is not None:  # this one took the transaction away
                    await self.ask(self.encode(_IDLE))

    # -- an answer in pieces -----------------------------------------------------------

    def begin_stream(self, payload: bytes) -> Answer:
        """Make what parses the answer to a command that the caller is about to send."""
        answer = self.ready().begin_stream(payload, utc=self.session.utc)
        self._outstanding = self._is_streaming = True
        return answer

    def end_stream(self, answer: Answer) -> None:
        """Take note that a streamed answer was read to its end."""
        self._outstanding = self._is_streaming = False
        self.wire.end_stream(answer)
        if answer.rest:
            self.hang_up(farewell(answer.rest))

    # -- the session -------------------------------------------------------------------

    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return not self._line.is_gone and self.wire.in_transaction

    async def stop_statement(self) -> bool:
        """Stop what the server does now for this session; whether it did so in time."""
        return await stop_statement(self.wire, self.session.server)

    # -- the end -----------------------------------------------------------------------

    def abort(self) -> None:
        """End the session by cutting the line."""
        self._is_ended = True
        self._cut_line()

    def hang_up(self, reason: Reason | None = None) -> None:
        """Close a line that the other side has ended, and keep the reason."""
        self._reason = self._reason or reason or farewell(self.wire.unread())
        self._cut_line()

    def last_words(self) -> ConnectionLost | None:
        """Make the error for a session that the server has ended, with its reason."""
        if self._is_ended:
            return None
        return lost(*self._reason or farewell(self.wire.unread()))

    def _cut_line(self) -> None:
        # One that was gone before had been closed by the server.
        if not self._is_cut:
            self._is_cut, self._is_gone = True, self._line.is_gone
            self._line.abort()

    async def close(self) -> None:
        """Say goodbye; in the middle of an answer, cut."""
        self._is_ended = True
        if self._outstanding:
            self.terminate()
        else:
            self._is_gone = await self.wire.goodbye() or self._is_gone

    def terminate(self) -> None:
        """Cut the line, and stop what the server may still be doing."""
        outstanding, self._outstanding = self._outstanding, False
        self.abort()
        if outstanding and not self._is_gone:
            self._ending = end_session(self.wire, self.session.server)

    async def departed(self) -> None:
        """Wait until the server has let go of the session, or nobody can tell."""
        while not self._is_gone:
            ending = self._ending or end_session(self.wire, self.session.server)
            if ending is None:
                return
            await asyncio.wait([ending])
            self._ending = None
            if ending.result() is not Outcome.LATE:
                self._is_gone = True
            else:
                await asyncio.sleep(_AGAIN)
