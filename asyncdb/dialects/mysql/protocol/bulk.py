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
from typing import TYPE_CHECKING

from asyncdb.dialects.mysql.error_numbers import ENDS_TRANSACTION
from asyncdb.dialects.mysql.multirow import multi_row
from asyncdb.dialects.mysql.protocol.answers import Answer
from asyncdb.options import TransactionOptions
from asyncdb.sql.inserts import take_apart
from asyncdb.sql.statement import Statement

if TYPE_CHECKING:
    from asyncdb.dialects.mysql.protocol.connection import MySQLConnection

_BATCH_STATEMENTS, _BATCH_BYTES = 200, 256 * 1024


async def run(
    connection: MySQLConnection,
    statement: Statement,
    rows: Sequence[Sequence[str]],
    texts: Iterator[str],
    *,
    pipeline: bool,
) -> int:
    """Run a statement for each row.

    Args:
        connection: the session.
        statement: what to run.
        rows: rendered literals.
        texts: the statement with each row's literals in it, made when asked for.
        pipeline: whether statements may be sent before answers are read.

    Returns:
        The number of rows that all statements together counted.
    """
    parts = take_apart(statement, connection.lexis)
    if parts is not None:
        texts = multi_row(parts, rows, connection.session.max_packet)
    elif pipeline and len(rows) > 1:
        return await _pipelined(connection, statement, texts)
    first, second = next(texts, None), next(texts, None)
    if first is None:
        return 0
    if second is None:
        return await _run(connection, statement, first)
    return await _one_by_one(connection, statement, chain((first, second), texts))


async def _run(connection: MySQLConnection, statement: Statement, text: str) -> int:
    answer = await connection.command(text)
    if answer.warnings:
        await connection.hear(statement)
    return _count(answer)


async def _one_by_one(
    connection: MySQLConnection, statement: Statement, texts: Iterator[str]
) -> int:
    own = not connection.in_transaction()
    if own:
        await connection.begin(TransactionOptions())
    count = 0
    try:
        for text in texts:
            count += await _run(connection, statement, text)
    except Exception:
        if own:
            await connection.rollback()
        raise
    if own:
        await connection.commit()
    return count


async def _pipelined(
    connection: MySQLConnection, statement: Statement, texts: Iterator[str]
) -> int:
    own = not connection.in_transaction()
    if not connection.autocommit_off:
        await connection.command("SET autocommit = 0")
        connection.autocommit_off = True
    count = 0
    try:
        for batch in _batches(connection, texts):
            answers = await connection.ask(*batch)
            errors = [answer.error for answer in answers if answer.error is not None]
            if errors:
                await _give_up(connection, errors)
                raise connection.wire.server_error(errors[0])
            if answers[-1].warnings:  # of those before it the server knows no more
                await connection.hear(statement)
            count += sum(map(_count, answers))
    except Exception:
        if own:
            await connection.rollback()
        raise
    if own:
        if connection.in_transaction():
            await connection.commit()
        else:  # the statements touched no table
            await connection.restore_autocommit()
    return count


async def _give_up(connection: MySQLConnection, errors: list[bytes]) -> None:
    """After a failure in a batch, make the status tell the truth again."""
    numbers = [int.from_bytes(error[1:3], "little") for error in errors]
    if ENDS_TRANSACTION.isdisjoint(numbers):
        await connection.settle(errors[0])
    else:
        # What followed in the batch is in another transaction, which nobody opened.
        await connection.rollback()


def _batches(
    connection: MySQLConnection, texts: Iterator[str]
) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for text in texts:
        payload = connection.encode(text)
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
