"""Different statements sent together: a batch, in one round trip.

Each runs whatever becomes of the one before, as in `bulk`: in a transaction autocommit
is switched off ahead of them, so that what ran behind a deadlock is not committed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from asyncdb.dialects.mysql.facts import lexis_for
from asyncdb.dialects.mysql.protocol.answers import IN_TRANSACTION, Answer
from asyncdb.dialects.mysql.protocol.exchange import Exchange
from asyncdb.dialects.mysql.protocol.notices import Warnings
from asyncdb.dialects.mysql.protocol.texts import locate, render
from asyncdb.dialects.mysql.protocol.transactions import Transactions
from asyncdb.driver import Command, Result
from asyncdb.sql.statement import Statement

_Read: TypeAlias = Callable[[Statement, Answer], Awaitable[Result]]


class Together:
    """Sends statements before the first answer is read.

    Args:
        exchange: the session's.
        transactions: the session's.
        warnings: the session's.
    """

    def __init__(
        self, exchange: Exchange, transactions: Transactions, warnings: Warnings
    ) -> None:
        self._exchange = exchange
        self._transactions = transactions
        self._warnings = warnings

    async def run(
        self,
        commands: Sequence[Command],
        outcomes: list[Result | Exception],
        read: _Read,
        *,
        begin: bool,
    ) -> None:
        """Run statements; in a transaction the first failure is the last outcome.

        Args:
            commands: the statements, with rendered literals.
            outcomes: where results and failures go.
            read: makes results of an answer.
            begin: they are a transaction of their own.
        """
        inside = begin or self._exchange.in_transaction()
        texts: list[bytes] = []
        refused: Exception | None = None
        for one in commands:
            try:
                texts.append(self._exchange.encode(render(one.statement, one.args)))
            except Exception as error:  # noqa: BLE001  # it is larger than a packet
                refused = error
                break
        at = len(texts)
        if at:
            await self._send(commands[:at], texts, outcomes, read, begin=begin)
        if refused is None or len(outcomes) < at:
            return
        outcomes.append(refused)
        if not inside and commands[at + 1 :]:
            await self.run(commands[at + 1 :], outcomes, read, begin=False)

    async def _send(
        self,
        commands: Sequence[Command],
        texts: Sequence[bytes],
        outcomes: list[Result | Exception],
        read: _Read,
        *,
        begin: bool,
    ) -> None:
        exchange = self._exchange
        inside = begin or exchange.in_transaction()
        ahead: list[bytes] = []
        if begin or (inside and len(commands) > 1):
            preface = self._transactions.preface(begin=begin)
            ahead = [exchange.encode(text) for text in preface]
        for one in commands:
            exchange.session.note(one.statement)
        answers: list[Answer] = []
        try:
            await exchange.ask(*ahead, *texts, answers=answers)
        finally:
            begun, answers = answers[: len(ahead)], answers[len(ahead) :]
            await self._sort(commands, answers, outcomes, read, inside=inside)
        await self._settle(commands[-1].statement, begun, answers, inside=inside)

    async def _sort(
        self,
        commands: Sequence[Command],
        answers: Sequence[Answer],
        outcomes: list[Result | Exception],
        read: _Read,
        *,
        inside: bool,
    ) -> None:
        lexis = lexis_for(self._exchange.session.mode)
        for (statement, args, _), answer in zip(commands, answers, strict=False):
            if answer.error is None:
                try:
                    outcomes.append(await read(statement, answer))
                    continue
                except Exception as error:  # noqa: BLE001  # a value of its rows
                    outcomes.append(error)
            else:
                failure = self._exchange.wire.server_error(answer.error)
                locate(failure, statement, args, lexis)
                outcomes.append(failure)
            if inside:
                return

    async def _settle(
        self,
        last: Statement,
        begun: Sequence[Answer],
        answers: Sequence[Answer],
        *,
        inside: bool,
    ) -> None:
        """Make the status tell the truth again; there may have been failures."""
        transactions = self._transactions
        refused = [answer.error for answer in begun if answer.error is not None]
        errors = [answer.error for answer in answers if answer.error is not None]
        if refused:
            await transactions.rollback()
            raise self._exchange.wire.server_error(refused[0])
        if errors:
            await transactions.settle(errors)
        elif inside and not all(map(_is_inside, answers)):
            # A statement has committed; what followed is nobody's transaction.
            await transactions.rollback()
        elif answers[-1].warnings:  # of those before it the server knows no more
            await self._warnings.ask(last)
        if transactions.autocommit_off and not self._exchange.in_transaction():
            await transactions.restore_autocommit()


def _is_inside(answer: Answer) -> bool:
    return answer.status is None or bool(answer.status & IN_TRANSACTION)
