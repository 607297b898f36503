"""One session over a `Wire`, in one round trip per statement.

Rules that come from the protocol and the servers:

* An answer is read to its end, or the wire is cut: nothing of it can meet the next one.
  Whoever is cancelled in between cuts, and the session is killed on the server.
* An error packet does not tell whether the transaction is still open (1213 ends it,
  1062 does not): an idle statement after it does. (Not a ping: Galera answers that with
  OK when it has taken a transaction back, and then COMMIT with OK as well.)
* The status of the last OK or EOF packet is what `in_transaction` says.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from asyncdb.dialect import Dialect, Lexis
from asyncdb.dialects.mysql.error_numbers import ERRORS
from asyncdb.dialects.mysql.facts import lexis_for
from asyncdb.dialects.mysql.protocol import bulk
from asyncdb.dialects.mysql.protocol.answers import Answer, server_values
from asyncdb.dialects.mysql.protocol.cursor import MySQLCursor
from asyncdb.dialects.mysql.protocol.deadline import command_within, select_within
from asyncdb.dialects.mysql.protocol.killing import kill_later, stop
from asyncdb.dialects.mysql.protocol.notices import ask_for_warnings
from asyncdb.dialects.mysql.protocol.wire import (
    INIT_DB,
    QUERY,
    RESET,
    Wire,
    packet_count,
)
from asyncdb.dialects.mysql.session import (
    SESSION_QUERY,
    MySQLOptions,
    Session,
    setup_statement,
)
from asyncdb.driver import DriverConnection, DriverCursor, Result
from asyncdb.errors import (
    ConnectionBusy,
    ConnectionClosed,
    ConnectionLost,
    InvalidText,
    MultipleStatements,
    ResourceLimit,
    TransactionError,
)
from asyncdb.options import TransactionOptions
from asyncdb.sql.statement import Statement

# Statements whose OK packet counts rows; what it says of others is no number of rows.
_COUNTED = frozenset(["INSERT", "REPLACE", "UPDATE", "DELETE", "WITH", "LOAD"])
_INSERTS = frozenset(["INSERT", "REPLACE"])
# Statements that open no transaction, and leave none open when they fail.
_PLAIN = _COUNTED | {"SELECT"}
_SYNTAX = 1064
_IDLE = "DO 0"
_NOT_KILLED = (OSError, EOFError, ConnectionLost)  # there is nobody any more


class MySQLConnection(DriverConnection):
    """The session.

    Args:
        wire: logged in, in the portable state.
        session: what the server said of itself.
        options: the connection's options.
    """

    def __init__(self, wire: Wire, session: Session, options: MySQLOptions) -> None:
        self.wire = wire
        self.session = session
        self._options = options
        # MariaDB limits all statements itself, MySQL none but SELECT.
        limited = session.dialect.flavor != "mariadb"
        self._limit = options.statement_timeout if limited else None
        self._outstanding = False  # an answer is due
        self.cursor: MySQLCursor | None = None
        # Autocommit was switched off below an open transaction, for `bulk`.
        self.autocommit_off = False

    # -- facts ---------------------------------------------------------------------

    @property
    def dialect(self) -> Dialect:
        """MySQL's or MariaDB's facts with this server's version."""
        return self.session.dialect

    @property
    def native(self) -> Wire:
        """The library's connection; who has it may change the session unseen."""
        self.session.touched, self.session.sure = True, False
        return self.wire

    @property
    def lexis(self) -> Lexis:
        """How the session quoted when it was last heard of."""
        return lexis_for(self.session.mode)

    async def read_lexis(self) -> Lexis:
        """Ask the server, if something ran that may have changed it."""
        if not self.session.sure:
            await self._refresh()
        return self.lexis

    async def _refresh(self) -> None:
        self.session.refresh(server_values(await self.command(SESSION_QUERY)))

    # -- one command -----------------------------------------------------------------

    async def ask(self, *payloads: bytes) -> list[Answer]:
        """Send commands at once and read their answers.

        The wire is clean afterwards, or cut.
        """
        wire, session = self.ready(), self.session
        self._outstanding = True
        utc = session.utc if session.sure else None
        answers: list[Answer] = []
        rest = b""
        try:
            wire.send(*payloads)
            for payload in payloads:
                answer = await wire.answer(payload, rest, utc=utc)
                rest = answer.rest
                answers.append(answer)
        except BaseException as error:
            await self.cut(error)
            raise
        self._outstanding = False
        if rest:  # the server ends the session, and the answer was still in time
            wire.abort()
        return answers

    def ready(self) -> Wire:
        """Return the wire, ready for a command."""
        if self.wire.is_gone:
            self.wire.abort()
            raise ConnectionClosed("the connection to the server is closed")
        if self.cursor is not None:
            raise ConnectionBusy("a result is still being read from this connection")
        return self.wire

    async def cut(self, error: BaseException) -> None:
        """End the session because of an error in the middle of an answer."""
        self.wire.abort()
        self._outstanding = False
        if not isinstance(error, _NOT_KILLED):
            await stop(self.wire, self.session.server)

    async def command(self, text: str, *, plain: bool = False) -> Answer:
        """Run a statement.

        Args:
            text: what to send.
            plain: it is of a kind that opens no transaction.

        Raises:
            Exception: the library's, for an error of the server; the session goes on.
        """
        (answer,) = await self.ask(self.encode(text))
        if answer.error is not None:
            await self.settle(answer.error, plain=plain)
            raise self.wire.server_error(answer.error)
        return answer

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
            self.wire.abort()
        elif self.wire.in_transaction or not plain:
            with contextlib.suppress(*_NOT_KILLED):
                (answer,) = await self.ask(self.encode(_IDLE))
                if answer.error is not None:  # this one took the transaction away
                    await self.ask(self.encode(_IDLE))

    # -- statements --------------------------------------------------------------------

    async def execute(self, statement: Statement, args: Sequence[Any]) -> Result:
        """Run a statement and give its whole result."""
        self.session.note(statement)
        verb = statement.verb
        text, plain = render(statement, args), verb in _PLAIN
        try:
            if self._limit is None:
                answer = await self.command(text, plain=plain)
            elif verb == "SELECT":
                answer = await select_within(self, self._limit, text)
            else:
                answer = await command_within(self, self._limit, text, plain=plain)
        except self.wire.server_error_class as error:
            if statement.multiple and error.args[0] == _SYNTAX:
                message = "the text holds more than one statement; send them one by one"
                raise MultipleStatements(
                    message, code=_SYNTAX, sqlstate="42000"
                ) from error
            raise
        if answer.warnings:
            await self.hear(statement)
        if self.autocommit_off and not self.wire.in_transaction:
            await self.restore_autocommit()
        shape = answer.shape
        if shape is None:
            return Result(None, [], *_counts(statement, answer))
        if shape.has_timestamps and not self.session.sure:
            await self._refresh()  # what they mean depends on the session's time zone
        rows = answer.take(None, utc=self.session.utc)
        return Result(shape.columns, rows, len(rows))

    async def hear(self, statement: Statement) -> None:
        """Pass on the warnings that a statement has left, where somebody wants them."""
        await ask_for_warnings(self, statement, self._options.on_notice)

    async def execute_many(
        self, statement: Statement, rows: Sequence[Sequence[Any]]
    ) -> int:
        """Run a statement for each row."""
        self.session.note(statement)
        texts = (render(statement, row) for row in rows)
        count = await bulk.run(
            self, statement, rows, texts, pipeline=self._options.pipeline
        )
        return count if statement.verb in _COUNTED else -1

    async def open_cursor(
        self, statement: Statement, args: Sequence[Any]
    ) -> DriverCursor:
        """Run a statement, and read no more of its result than its columns."""
        if not self.session.sure:  # it cannot be asked once rows are coming
            await self._refresh()
        self.session.note(statement)
        payload = self.encode(render(statement, args))
        wire = self.ready()
        answer = wire.make_answer(packet_count(payload), utc=self.session.utc)
        cursor = MySQLCursor(self, answer, statement)
        wire.pace(slow=True)
        self._outstanding = True
        try:
            wire.send(payload)
            await cursor.begin()
        except BaseException as error:
            await self.cut(error)
            raise
        self.cursor = cursor
        if cursor.answer.done:
            await cursor.finish()
        return cursor

    def finished(self) -> None:
        """Take note that a cursor has read its answer to the end."""
        self.cursor = None
        self._outstanding = False

    # -- transactions --------------------------------------------------------------

    async def begin(self, options: TransactionOptions) -> None:
        """Open a transaction; a level asked for is a round trip of its own."""
        if options.isolation is not None:
            level = options.isolation.upper()  # the core has checked it
            await self.command(f"SET TRANSACTION ISOLATION LEVEL {level}")
        mode = " READ ONLY" if options.readonly else ""
        await self.command(f"START TRANSACTION{mode}")

    async def commit(self) -> None:
        """Commit what is open.

        Raises:
            TransactionError: nothing is: the server has ended the transaction itself,
                by an implicit commit (CREATE TABLE and the like) or a rollback.
        """
        if not self.wire.in_transaction:
            await self.restore_autocommit()
            raise TransactionError(
                "the transaction had ended before its COMMIT: on MySQL statements "
                "such as CREATE TABLE commit, and a deadlock rolls back"
            )
        await self.command("COMMIT")
        await self.restore_autocommit()

    async def rollback(self) -> None:
        """Roll back; a session that is gone was rolled back by the server."""
        if self.wire.is_gone:
            self.wire.abort()
            return
        try:
            await self.command("ROLLBACK")
        except self.wire.server_error_class:
            # Galera says in this way that it had taken the transaction back before.
            if self.is_closed() or self.wire.in_transaction:
                raise
        await self.restore_autocommit()

    async def restore_autocommit(self) -> None:
        """Switch autocommit on again, after a transaction has ended."""
        if self.autocommit_off and not self.wire.is_gone:
            self.autocommit_off = False
            try:
                await self.command("SET autocommit = 1")
            except Exception:  # noqa: BLE001
                # What was committed is committed; the session is not usable as it is.
                self.wire.abort()

    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return not self.wire.is_gone and self.wire.in_transaction

    async def reset(self) -> bool:
        """Bring the session back as new: all of it in one round trip."""
        session, database = self.session, self.wire.target.database
        if database is None and (session.moved or session.touched):
            return False  # there is no way back to no database
        setup = setup_statement(self._options, self.dialect)
        commands = [RESET, QUERY + setup.encode(), QUERY + SESSION_QUERY.encode()]
        if database is not None:
            commands.insert(1, INIT_DB + database.encode())
        if self._options.pipeline:
            answers = await self.ask(*commands)
        else:
            answers = [(await self.ask(command))[0] for command in commands]
        if any(answer.error is not None for answer in answers):
            return False
        self.session = Session(server_values(answers[-1]), self.dialect)
        self.session.dialect = session.dialect
        self.autocommit_off = False
        return self.session.utc == session.utc

    # -- the end -------------------------------------------------------------------

    def is_closed(self) -> bool:
        """Whether the session is over."""
        return self.wire.is_gone

    async def close(self) -> None:
        """Say goodbye; in the middle of an answer, cut."""
        if self._outstanding:
            self.terminate()
        else:
            await self.wire.goodbye()

    def terminate(self) -> None:
        """Cut the line, and stop what the server may still be doing."""
        outstanding, self._outstanding = self._outstanding, False
        gone = self.wire.is_gone
        self.wire.abort()
        if outstanding and not gone:
            kill_later(self.wire, self.session.server)


def render(statement: Statement, args: Sequence[str]) -> str:
    """Return the text with its values."""
    if not statement.keys:
        return statement.text
    parts = [""] * (2 * len(args) + 1)
    parts[::2] = statement.pieces
    parts[1::2] = args
    return "".join(parts)


def _counts(statement: Statement, answer: Answer) -> tuple[int, int | None]:
    """Read `rowcount` and `lastrowid` out of an OK packet."""
    verb = statement.verb
    if verb not in _COUNTED:
        return -1, None
    made = answer.made if verb in _INSERTS else 0
    # One that met an existing row tells that row's key: 2 is a changed row, and an
    # unchanged one, which counts 1, tells none. (But what LAST_INSERT_ID(expr) in the
    # text was given is told as a key, which is what it is for.)
    if made and answer.affected != 1 and "DUPLICATE" in statement.words:
        made = 0
    return answer.affected, made or None
