"""Statements that are sent together, in libpq's pipeline.

Rules:

1. In a transaction there is one Sync, behind all: after an error the server passes over
   the rest. Outside, each statement has its own, and so commits by itself.
2. A statement that is not kept yet is prepared in its turn, when those before it have
   run: it may be about what they make. So the first time costs round trips.
3. What is read of an answer may raise as well, and then counts as the failure.
4. A cancel request stops one statement. Who is cancelled outside a transaction while
   others are on their way cuts the line at once: a server that cannot answer the one
   begins no other. It is the price of having sent them ahead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import pq

from asyncdb.driver import Command, Result
from asyncdb.drivers.psycopg.cursor import is_query
from asyncdb.drivers.psycopg.running import Running
from asyncdb.drivers.psycopg.statements import PsycopgKept, in_transaction, kept_result
from asyncdb.drivers.psycopg.translation import (
    Unfit,
    annotate,
    is_final,
    is_stale,
    raise_first,
)

# How many are sent before the answers to them are read.
_AT_ONCE = 500
_ABORTED = pq.ExecStatus.PIPELINE_ABORTED


Ready = tuple[Command, PsycopgKept, list[bytes | None]]


async def run_batch(
    running: Running,
    commands: Sequence[Command],
    outcomes: list[Result | Exception],
    begin: Sequence[str],
) -> None:
    """Run statements together; see `SupportsBatch`.

    Args:
        running: the connection's.
        commands: the statements.
        outcomes: where results and failures go.
        begin: what opens a transaction of their own; nothing where they have none.
    """
    batch = _Batch(running, outcomes, begin)
    try:
        for command in commands:
            ready = batch.find_kept(command)
            if ready is None:
                await batch.send()  # all before it
                if batch.is_over:
                    return
                ready = await batch.find(command)
            if ready is not None:
                batch.waiting.append(ready)
            if batch.is_over:
                return
            if len(batch.waiting) >= _AT_ONCE:
                await batch.send()
        await batch.send()
        await batch.repeat_stale(commands)
    except BaseException as error:
        if batch.goes_on and not running.line.is_over():
            running.settling.cut(at_once=True)
        await running.settle(error)
        raise


class _Batch:
    """What is to be sent, and what has become of what was.

    Attributes:
        waiting: what is to be sent next.
        is_over: a failure in a transaction has ended it.
    """

    def __init__(
        self,
        running: Running,
        outcomes: list[Result | Exception],
        begin: Sequence[str],
    ) -> None:
        self._running = running
        self._outcomes = outcomes
        self._begin = begin
        self._inside = bool(begin) or in_transaction(running.line)
        self.waiting: list[Ready] = []
        self.is_over = False
        self._unanswered = 0
        self._stale: list[int] = []

    @property
    def goes_on(self) -> bool:
        """Whether the server runs more than one statement, whatever becomes of one."""
        return not self._inside and self._unanswered > 1

    def find_kept(self, command: Command) -> Ready | None:
        """Return what to send, if it is known without asking."""
        kept = self._running.kept.get(command.statement.text)
        if kept is None:
            return None
        try:
            return command, kept, kept.encode(command.args)
        except Unfit:
            return None  # in another form, perhaps

    async def find(self, command: Command) -> Ready | None:
        """Return what to send, once it is prepared; `None` where it has failed."""
        if self._begin:
            await self.send()
        try:
            kept, values, _ = await self._running.find(command.statement, command.args)
        except Exception as error:
            if self._running.line.is_over():
                raise
            self._fail(error)
            return None
        return command, kept, values

    async def send(self) -> None:
        """Send what waits, and read what is answered."""
        waiting, self.waiting = self.waiting, []
        begin, self._begin = self._begin, ()
        if self.is_over or not (waiting or begin):
            return
        running, inside = self._running, self._inside
        line, pgconn = running.line, running.pgconn
        line.open_pipeline()
        for text in begin:
            pgconn.send_query_params(text.encode(), None)
        for number, (_, kept, values) in enumerate(waiting, 1):
            pgconn.send_query_prepared(kept.name, values, kept.formats, kept.format)
            if not inside and number < len(waiting):
                pgconn.pipeline_sync()
        pgconn.pipeline_sync()
        line.unsynced = False
        self._unanswered = len(waiting)
        answers = line.answers(1 if inside else len(waiting))
        for _ in begin:
            raise_first([await anext(answers)])
        following = iter(waiting)
        async for result in answers:
            command, kept, _ = next(following)
            if is_final(result):  # the line's end, and not the statement's
                raise_first([result])
            self._unanswered -= 1
            if result.status != _ABORTED:
                self._take(command, kept, result)

    def _take(self, command: Command, kept: PsycopgKept, result: Any) -> None:
        if self.is_over:
            return  # what was read before has raised
        try:
            raise_first([result], kept.form.text)
            self._outcomes.append(kept_result(kept, result, plain=command.plain))
        except Exception as error:  # noqa: BLE001  # it is an outcome
            annotate(error, command.statement, self._running.lexis)
            if isinstance(error, psycopg.Error) and is_stale(error):
                self._running.kept.clear()
                self._stale.append(len(self._outcomes))
            self._fail(error)

    async def repeat_stale(self, commands: Sequence[Command]) -> None:
        """Run those again that were refused for being stale, as a single one would be.

        Not in a transaction, which has failed; nor before others that have written.
        """
        if self._inside:
            return
        for at in self._stale:
            statement, args, plain = commands[at]
            if all(is_query(one.statement) for one in commands[at + 1 :]):
                try:
                    done = await self._running.run(statement, args)
                    self._outcomes[at] = kept_result(*done, plain=plain)
                except Exception as error:
                    if self._running.line.is_over():
                        raise
                    self._outcomes[at] = error

    def _fail(self, error: Exception) -> None:
        self._outcomes.append(error)
        self.is_over = self._inside
