"""One statement for many rows, in few round trips, all or nothing.

An INSERT with one row of markers becomes INSERTs of many rows. Anything else is
pipelined: many statements are sent before the first answer is read. Each of those runs
whatever became of the one before, and a deadlock ends the transaction underneath: with
autocommit on, the rest of the batch would be committed row by row. So autocommit is off
while a batch runs, and what a batch did after a failure can always be rolled back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from asyncdb.dialects.mysql.facts import lexis_for
from asyncdb.dialects.mysql.multirow import multi_row
from asyncdb.dialects.mysql.protocol.answers import Answer
from asyncdb.dialects.mysql.protocol.exchange import Exchange
from asyncdb.dialects.mysql.protocol.notices import Warnings
from asyncdb.dialects.mysql.protocol.transactions import Transactions
from asyncdb.options import TransactionOptions
from asyncdb.sql.inserts import take_apart
from asyncdb.sql.statement import Statement

_BATCH_STATEMENTS, _BATCH_BYTES = 200, 256 * 1024


class Batches:
    """Runs one statement for many rows.

    Args:
        exchange: the session's.
        transactions: the session's.
        warnings: the session's.
        pipeline: whether statements may be sent before answers are read.
    """

    def __init__(
        self,
        exchange: Exchange,
        transactions: Transactions,
        warnings: Warnings,
        *,
        pipeline: bool,
    ) -> None:
        self._warnings = warnings
        self._exchange = exchange
        self._transactions = transactions
        self._pipeline = pipeline

    async def run(
        self,
        statement: Statement,
        rows: Sequence[Sequence[str]],
        texts: Iterator[str],
    ) -> int:
        """Run a statement for each row.

        Args:
            statement: what to run.
            rows: rendered literals.
            texts: the statement with each row's literals in it, made when asked for.

        Returns:
            The number of rows that all statements together counted.
        """
        session = self._exchange.session
        parts = take_apart(statement, lexis_for(session.mode))
        if parts is not None:
            texts = multi_row(parts, rows, session.max_packet)
        elif self._pipeline and len(rows) > 1:
            return await self._pipelined(statement, texts)
        first, second = next(texts, None), next(texts, None)
        if first is None:
            return 0
        if second is None:
            return await self._one(statement, first)
        return await self._one_by_one(statement, chain((first, second), texts))

    async def _one(self, statement: Statement, text: str) -> int:
        answer = await self._exchange.command(text)
        if answer.warnings:
            await self._warnings.ask(statement)
        return _count(answer)

    async def _one_by_one(self, statement: Statement, texts: Iterator[str]) -> int:
        own = not self._exchange.in_transaction()
        if own:
            await self._transactions.begin(TransactionOptions())
            await self._transactions.begin_now()
        count = 0
        try:
            for text in texts:
                count += await self._one(statement, text)
        except Exception:
            if own:
                await self._transactions.rollback()
            raise
        if own:
            await self._transactions.commit()
        return count

    async def _pipelined(self, statement: Statement, texts: Iterator[str]) -> int:
        own = not self._exchange.in_transaction()
        await self._transactions.switch_autocommit_off()
        count = 0
        try:
            for batch in self._batches(texts):
                answers = await self._exchange.ask(*batch)
                errors = [a.error for a in answers if a.error is not None]
                if errors:
                    await self._transactions.settle(errors)
                    raise self._exchange.wire.server_error(errors[0])
                if answers[-1].warnings:  # of those before it the server knows no more
                    await self._warnings.ask(statement)
                count += sum(map(_count, answers))
        except Exception:
            if own:
                await self._transactions.rollback()
            raise
        if own:
            if self._exchange.in_transaction():
                await self._transactions.commit()
            else:  # the statements touched no table
                await self._transactions.restore_autocommit()
        return count

    def _batches(self, texts: Iterator[str]) -> Iterator[list[bytes]]:
        batch: list[bytes] = []
        size = 0
        for text in texts:
            payload = self._exchange.encode(text)
            if batch and (
                len(batch) == _BATCH_STATEMENTS or size + len(payload) > _BATCH_BYTES
            ):
                yield batch
                batch, size = [], 0
            batch.append(payload)
            size += len(payload)
        if batch:
            yield batch


def _count(answer: Answer) -> int:
    return answer.affected if answer.shape is None else answer.count
