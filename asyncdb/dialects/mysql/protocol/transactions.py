"""A session's transactions, and the autocommit that a batch switches off below one."""

from __future__ import annotations

from collections.abc import Sequence

from asyncdb.dialects.mysql.error_numbers import ENDS_TRANSACTION
from asyncdb.dialects.mysql.errors import SYNTAX
from asyncdb.dialects.mysql.protocol.answers import Answer
from asyncdb.dialects.mysql.protocol.chained import can_follow, chained
from asyncdb.dialects.mysql.protocol.exchange import Exchange
from asyncdb.errors import NotSupportedError, TransactionError
from asyncdb.options import TransactionOptions
from asyncdb.sql.statement import Statement

AUTOCOMMIT_OFF, AUTOCOMMIT_ON = "SET autocommit = 0", "SET autocommit = 1"


class Transactions:
    """Opens and ends them.

    Args:
        exchange: the session's.
        along: BEGIN may go with the first statement.

    Attributes:
        autocommit_off: autocommit was switched off, until the transaction ends.
        opening: statements that are due before any other; they open a transaction.
        uncounted: the server has forgotten how many rows the last statement counted.
    """

    def __init__(self, exchange: Exchange, *, along: bool) -> None:
        self._exchange = exchange
        self._line = exchange.wire.line
        self._along = along
        self.autocommit_off = False
        self.opening: list[str] = []
        self.uncounted = False

    async def begin(self, options: TransactionOptions) -> None:
        """Open a transaction, if it can be with its first statement."""
        await self.heal()
        opening: list[str] = []
        if options.isolation is not None:
            level = options.isolation.upper()  # the core has checked it
            opening.append(f"SET TRANSACTION ISOLATION LEVEL {level}")
        opening.append(f"START TRANSACTION{' READ ONLY' if options.readonly else ''}")
        self._set_opening(opening)
        if not self._along:
            await self.begin_now()

    def take_opening(self) -> list[str]:
        """Let nothing be due to begin; return what was."""
        opening = self.opening
        self._set_opening([])
        return opening

    def _set_opening(self, opening: list[str]) -> None:
        self.opening = opening
        self._watch()

    def note_autocommit(self, *, off: bool) -> None:
        """Take note that autocommit is switched off, or on again."""
        self.autocommit_off = off
        self._watch()

    def _watch(self) -> None:
        """Have `db.native` wait for what is due, as long as something is."""
        due = self.opening or self.autocommit_off
        self._line.due = self._attend if due else None

    async def _attend(self) -> None:
        await self.begin_now()
        await self.heal()

    async def begin_now(self) -> None:
        """Send what is due; refused it stays so, for there is no transaction."""
        opening = self.take_opening()
        try:
            for text in opening:
                await self._exchange.command(text)
        except self._exchange.wire.library.error:
            self._set_opening(opening)
            raise

    async def begin_with(self, statement: Statement, text: str) -> Answer:
        """Send what is due, and a statement with it, or behind it.

        Args:
            statement: which one.
            text: it with its values.

        Raises:
            Exception: the library's, for an error of the server; the session goes on.
        """
        exchange = self._exchange
        most = exchange.session.max_packet
        if not self._along or not can_follow(statement, text, most):
            await self.begin_now()
            return await exchange.command(text)
        # What cannot be encoded raises here: then it is due as it was.
        payload = exchange.encode(";".join([*self.opening, text]))
        opening = self.take_opening()
        answer = await chained(exchange, payload)
        ran, answer.earlier = len(answer.earlier), answer.earlier[len(opening) :]
        if answer.error is None:
            self.uncounted = True
            return answer
        if ran < len(opening):
            self._set_opening(opening)
            # Ours is right: what stands before the server takes one statement only.
            if not ran and answer.error[1:3] == SYNTAX.to_bytes(2, "little"):
                self._along = False
                return await self.begin_with(statement, text)
        await exchange.settle(answer.error)
        raise exchange.wire.server_error(answer.error)

    def check_counts(self, statement: Statement) -> None:
        """Refuse to ask the server for what it has forgotten.

        Raises:
            NotSupportedError: it is asked how many rows the first statement counted.
        """
        self.uncounted = False
        if not statement.words.isdisjoint(("ROW_COUNT", "DIAGNOSTICS")):
            message = (
                "the server knows no more how many rows the first statement of this "
                "block counted, for BEGIN went with it: its cursor's rowcount does; "
                "or connect with pipeline=False"
            )
            raise NotSupportedError(message)

    async def commit(self) -> None:
        """Commit what is open.

        Raises:
            TransactionError: nothing is: the server has ended the transaction itself,
                by an implicit commit (CREATE TABLE and the like) or a rollback.
        """
        exchange = self._exchange
        self.uncounted = False
        if self.take_opening():
            return  # a block without statements
        if not exchange.wire.in_transaction:
            await self.restore_autocommit()
            raise TransactionError(
                "the transaction had ended before its COMMIT: on MySQL statements "
                "such as CREATE TABLE commit, and a deadlock rolls back"
            )
        # To switch autocommit on is to commit, in one round trip
        # (https://dev.mysql.com/doc/refman/9.0/en/commit.html).
        try:
            await exchange.command(AUTOCOMMIT_ON if self.autocommit_off else "COMMIT")
        except exchange.wire.library.error:
            # Refused, it stays off; the transaction was taken back, most likely.
            await self.heal()
            raise
        self.note_autocommit(off=False)

    async def rollback(self) -> None:
        """Roll back; a session that is gone was rolled back by the server."""
        wire = self._exchange.wire
        self.uncounted = False
        if self.take_opening():
            return
        if wire.is_gone:
            self._exchange.hang_up()
            return
        try:
            await self._exchange.command("ROLLBACK")
        except wire.library.error:
            # Galera says in this way that it had taken the transaction back before.
            if wire.line.is_gone or wire.in_transaction:
                raise
        await self.restore_autocommit()

    def preface(self, *, begin: bool) -> list[str]:
        """Return what is sent ahead of statements that are sent together.

        Args:
            begin: they are a transaction of their own; else one is open.
        """
        texts = [] if self.autocommit_off else [AUTOCOMMIT_OFF]
        self.note_autocommit(off=True)
        return [*texts, "START TRANSACTION"] if begin else texts

    async def switch_autocommit_off(self) -> None:
        """Let nothing be committed by itself until the transaction ends."""
        if not self.autocommit_off:
            await self._exchange.command(AUTOCOMMIT_OFF)
            self.note_autocommit(off=True)

    async def settle(self, errors: Sequence[bytes]) -> None:
        """Make the status tell the truth, after failures among what went together."""
        numbers = {int.from_bytes(error[1:3], "little") for error in errors}
        if ENDS_TRANSACTION.isdisjoint(numbers):
            await self._exchange.settle(errors[0])
        else:
            # What followed is in another transaction, which nobody opened.
            await self.rollback()

    async def heal(self) -> None:
        """Switch autocommit on again if the server has ended the transaction itself.

        By a deadlock, say: nobody rolls back what is over, and what runs next has to
        commit by itself.
        """
        if self.autocommit_off and not self._exchange.wire.in_transaction:
            await self.restore_autocommit()

    async def restore_autocommit(self) -> None:
        """Switch autocommit on again, after a transaction has ended."""
        if self.autocommit_off and not self._exchange.wire.is_gone:
            self.note_autocommit(off=False)
            try:
                await self._exchange.command(AUTOCOMMIT_ON)
            except Exception:  # noqa: BLE001
                # What was committed is committed; the session is not usable as it is.
                self._exchange.abort()
