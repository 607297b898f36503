"""One session over a line of a library, in one round trip per statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asyncdb.dialect import Dialect, Lexis
from asyncdb.dialects.mysql.facts import lexis_for
from asyncdb.dialects.mysql.protocol.answers import (
    IN_TRANSACTION,
    Answer,
    server_values,
)
from asyncdb.dialects.mysql.protocol.bulk import Batches
from asyncdb.dialects.mysql.protocol.cursor import MySQLCursor
from asyncdb.dialects.mysql.protocol.deadline import command_within, select_within
from asyncdb.dialects.mysql.protocol.exchange import Exchange
from asyncdb.dialects.mysql.protocol.library import Line
from asyncdb.dialects.mysql.protocol.notices import Warnings
from asyncdb.dialects.mysql.protocol.texts import locate, render
from asyncdb.dialects.mysql.protocol.together import Together
from asyncdb.dialects.mysql.protocol.transactions import Transactions
from asyncdb.dialects.mysql.protocol.wire import INIT_DB, QUERY, RESET, Wire
from asyncdb.dialects.mysql.roles import read_role, role_columns
from asyncdb.dialects.mysql.session import (
    SESSION_QUERY,
    MySQLOptions,
    Session,
    setup_statement,
)
from asyncdb.driver import (
    Command,
    Description,
    DriverConnection,
    DriverCursor,
    Result,
    Role,
)
from asyncdb.errors import ConnectionLost
from asyncdb.options import TransactionOptions
from asyncdb.sql.statement import Statement

# Statements whose OK packet counts rows; what it says of others is no number of rows.
_COUNTED = frozenset(["INSERT", "REPLACE", "UPDATE", "DELETE", "WITH", "LOAD"])
_INSERTS = frozenset(["INSERT", "REPLACE"])
# Statements that open no transaction, and leave none open when they fail.
_PLAIN = _COUNTED | {"SELECT"}


class MySQLConnection(DriverConnection):
    """The session.

    Args:
        wire: logged in, in the portable state.
        session: what the server said of itself.
        options: the connection's options.
    """

    def __init__(self, wire: Wire, session: Session, options: MySQLOptions) -> None:
        self._exchange = Exchange(wire, session)
        self._wire = wire
        self._line = wire.line
        # MariaDB limits all statements itself, MySQL none but SELECT.
        limited = session.dialect.flavor != "mariadb"
        self._limit = options.statement_timeout if limited else None
        along = options.pipeline and self._limit is None
        self._transactions = Transactions(self._exchange, along=along)
        self._warnings = Warnings(self._exchange, options.on_notice)
        self._batches = Batches(
            self._exchange,
            self._transactions,
            self._warnings,
            pipeline=options.pipeline,
        )
        self._together = Together(self._exchange, self._transactions, self._warnings)
        self._options = options
        self._server_error = wire.library.error
        # The user may see the members of a Group Replication, as far as is known.
        self._sees_members = True

    # -- facts ---------------------------------------------------------------------

    @property
    def dialect(self) -> Dialect:
        """MySQL's or MariaDB's facts with this server's version."""
        return self._exchange.session.dialect

    @property
    def native(self) -> Line:
        """The library's connection; who has it may change the session unseen."""
        session = self._exchange.session
        session.touched, session.sure = True, False
        return self._line

    @property
    def lexis(self) -> Lexis:
        """How the session quoted when it was last heard of."""
        return lexis_for(self._exchange.session.mode)

    async def read_lexis(self) -> Lexis:
        """Ask the server, if something ran that may have changed it."""
        if not self._exchange.session.sure:
            await self._refresh()
        return self.lexis

    @property
    def role(self) -> Role | None:
        """What the server was when the session was opened."""
        return self._exchange.session.role

    async def read_role(self) -> Role:
        """Ask what it is now."""
        columns = role_columns(self.dialect, "global", members=self._sees_members)
        try:
            answer = await self._exchange.command(f"SELECT {columns}")
        except self._server_error:
            if not self._sees_members:
                raise
            self._sees_members = False
            return await self.read_role()
        return read_role(server_values(answer))

    async def _refresh(self) -> None:
        exchange = self._exchange
        exchange.session.refresh(server_values(await exchange.command(SESSION_QUERY)))

    # -- statements --------------------------------------------------------------------

    async def execute(self, statement: Statement, args: Sequence[Any]) -> Result:
        """Run a statement and give its whole result."""
        exchange = self._exchange
        session = exchange.session
        transactions = self._transactions
        if transactions.autocommit_off:
            await transactions.heal()
        if transactions.uncounted:
            transactions.check_counts(statement)
        session.note(statement)
        verb = statement.verb
        text, plain = render(statement, args), verb in _PLAIN
        try:
            if transactions.opening:
                answer = await transactions.begin_with(statement, text)
            elif self._limit is None:
                answer = await exchange.command(text, plain=plain)
            elif verb == "SELECT":
                answer = await select_within(exchange, self._limit, text)
            else:
                answer = await command_within(exchange, self._limit, text, plain=plain)
        except self._server_error as error:
            locate(error, statement, args, self.lexis)
            await transactions.heal()
            raise
        if answer.warnings:
            await self._warnings.ask(statement)
        if transactions.autocommit_off:  # it may have been DDL, which commits
            await transactions.heal()
        shape = answer.shape
        if answer.earlier or (shape and shape.has_timestamps and not session.sure):
            return await self._read(statement, answer)
        if shape is None:
            return Result(None, [], *_counts(statement, answer))
        rows = answer.take(None, utc=session.utc)
        return Result(shape.columns, rows, len(rows))

    async def _read(self, statement: Statement, answer: Answer) -> Result:
        """Make results of an answer, chained in their order."""
        session = self._exchange.session
        found: Result | None = None
        for part in (answer, *reversed(answer.earlier)):
            shape = part.shape
            if shape is None:
                found = Result(None, [], *_counts(statement, part), found)
                continue
            if shape.has_timestamps and not session.sure:
                await self._refresh()  # what they mean depends on the time zone
            rows = part.take(None, utc=session.utc)
            found = Result(shape.columns, rows, len(rows), None, found)
        assert found is not None  # noqa: S101  # there is one result at least
        return found

    async def describe(self, statement: Statement) -> Description:
        """Have the server prepare a statement, and tell what it is."""
        await self._begin(statement)
        pieces = statement.pieces if statement.keys else (statement.text,)
        try:
            prepared = await self._exchange.prepare("?".join(pieces))
        except self._server_error as error:
            locate(error, statement, "?" * (len(pieces) - 1), self.lexis)
            raise
        parameters = len(dict.fromkeys(statement.keys))
        return Description(tuple(prepared.columns) or None, parameters)

    async def execute_batch(
        self,
        commands: Sequence[Command],
        outcomes: list[Result | Exception],
        *,
        begin: bool,
    ) -> bool:
        """Send statements before the first answer is read."""
        if not self._options.pipeline or self._limit is not None:
            return False
        await self._begin(commands[0].statement)
        await self._transactions.heal()
        await self._together.run(commands, outcomes, self._read, begin=begin)
        return True

    async def execute_many(
        self, statement: Statement, rows: Sequence[Sequence[Any]]
    ) -> int:
        """Run a statement for each row."""
        await self._begin(statement)
        await self._transactions.heal()
        self._exchange.session.note(statement)
        texts = (render(statement, row) for row in rows)
        try:
            count = await self._batches.run(statement, rows, texts)
        except self._server_error as error:
            locate(error, statement, rows[0], self.lexis)
            raise
        return count if statement.verb in _COUNTED else -1

    async def open_cursor(
        self, statement: Statement, args: Sequence[Any]
    ) -> DriverCursor:
        """Run a statement, and read no more of its result than its columns."""
        await self._begin(statement)
        await self._transactions.heal()
        if not self._exchange.session.sure:  # it cannot be asked once rows are coming
            await self._refresh()
        self._exchange.session.note(statement)
        payload = self._exchange.encode(render(statement, args))
        try:
            return await MySQLCursor.open(
                self._exchange, payload, statement, self._warnings
            )
        except self._server_error as error:
            locate(error, statement, args, self.lexis)
            raise

    # -- transactions --------------------------------------------------------------

    async def _begin(self, first: Statement) -> None:
        """Open the transaction that is due, ahead of `first`."""
        if self._transactions.uncounted:
            self._transactions.check_counts(first)
        await self._transactions.begin_now()

    async def begin(self, options: TransactionOptions) -> None:
        """Open a transaction."""
        await self._transactions.begin(options)

    async def commit(self) -> None:
        """Commit what is open."""
        await self._transactions.commit()

    async def rollback(self) -> None:
        """Roll back."""
        await self._transactions.rollback()

    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        line = self._line
        due = self._transactions.opening
        return bool(line.server_status & IN_TRANSACTION or due) and not line.is_gone

    async def reset(self) -> bool:
        """Bring the session back as new: all of it in one round trip."""
        exchange = self._exchange
        self._transactions.take_opening()
        session, database = exchange.session, self._wire.target.database
        if database is None and (session.moved or session.touched):
            return False  # there is no way back to no database
        setup = setup_statement(self._options, self.dialect)
        commands = [RESET, QUERY + setup.encode(), QUERY + SESSION_QUERY.encode()]
        if database is not None:
            commands.insert(1, INIT_DB + database.encode())
        if self._options.pipeline:
            answers = await exchange.ask(*commands)
        else:
            answers = [(await exchange.ask(command))[0] for command in commands]
        if any(answer.error is not None for answer in answers):
            return False
        exchange.session = Session(
            server_values(answers[-1]), session.dialect, session.role
        )
        exchange.session.dialect = session.dialect
        self._transactions.note_autocommit(off=False)
        return exchange.session.utc == session.utc

    # -- the end -------------------------------------------------------------------

    def is_closed(self) -> bool:
        """Whether the session is over."""
        return self._line.is_gone

    def last_words(self) -> ConnectionLost | None:
        """Make the error for a session that the server has ended, with its reason."""
        return self._exchange.last_words()

    async def close(self) -> None:
        """Say goodbye; in the middle of an answer, cut."""
        self._transactions.take_opening()
        await self._exchange.close()

    def terminate(self) -> None:
        """Cut the line, and stop what the server may still be doing."""
        self._transactions.take_opening()
        self._exchange.terminate()

    async def departed(self) -> None:
        """Wait until the server has let go of the session."""
        await self._exchange.departed()


def _counts(statement: Statement, answer: Answer) -> tuple[int, int | None]:
    """Read `rowcount` and `lastrowid` out of an OK packet."""
    verb = statement.verb
    if verb == "CALL":
        return answer.affected, None  # the server's own number, of its last statement
    if verb not in _COUNTED:
        return -1, None
    made = answer.made if verb in _INSERTS else 0
    # One that met an existing row tells that row's key: 2 is a changed row, and an
    # unchanged one, which counts 1, tells none. (But what LAST_INSERT_ID(expr) in the
    # text was given is told as a key, which is what it is for.)
    if made and answer.affected != 1 and "DUPLICATE" in statement.words:
        made = 0
    return answer.affected, made or None
