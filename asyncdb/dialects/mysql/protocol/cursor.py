"""A result read in pieces; left early, its rest is stopped by KILL QUERY."""

from __future__ import annotations

import asyncio
from typing import Any, Self

from asyncdb.dialects.mysql.protocol.answers import Answer
from asyncdb.dialects.mysql.protocol.exchange import Exchange
from asyncdb.dialects.mysql.protocol.killing import LIMIT
from asyncdb.dialects.mysql.protocol.notices import Warnings
from asyncdb.driver import DriverCursor
from asyncdb.sql.statement import Statement
from asyncdb.values.rows import Row

# A rest that comes within this many seconds is read: that takes less than a KILL.
_SOON = 0.02


class MySQLCursor(DriverCursor):
    """The cursor; its session serves nothing else until it has finished.

    Args:
        exchange: the session's.
        answer: the answer, of which nothing has come yet.
        statement: what is answered.
        warnings: the session's.
    """

    def __init__(
        self,
        exchange: Exchange,
        answer: Answer,
        statement: Statement,
        warnings: Warnings,
    ) -> None:
        self._exchange = exchange
        self._statement = statement
        self._warnings = warnings
        self._wire = exchange.wire
        self._answer = answer
        self._finished = False

    @classmethod
    async def open(
        cls,
        exchange: Exchange,
        payload: bytes,
        statement: Statement,
        warnings: Warnings,
    ) -> Self:
        """Send a command, and read up to the first rows of its answer."""
        answer = exchange.begin_stream(payload)
        cursor = cls(exchange, answer, statement, warnings)
        try:
            exchange.wire.send(payload)
            while answer.shape is None and not answer.done:
                answer.feed(await cursor._wire.receiver.read(answer.missing))
        except BaseException as error:
            await cursor._cut(error)
            raise
        if answer.done:
            await cursor._finish()
        return cursor

    @property
    def columns(self) -> tuple[tuple[str, Any], ...]:
        """Names and types."""
        shape = self._answer.shape
        return shape.columns if shape is not None else ()

    async def fetch(self, size: int) -> list[Row]:
        """Read rows until there are `size`, or the result is over."""
        answer = self._answer
        while answer.count < size and not answer.done:
            try:
                answer.feed(await self._wire.receiver.read(answer.missing))
            except BaseException as error:
                await self._cut(error)
                raise
        if answer.done:
            await self._finish()
        return answer.take(size, utc=self._exchange.session.utc)

    async def close(self) -> None:
        """Leave the result."""
        if self._finished:
            return
        self._answer.discard()
        try:
            if not await self._drained(_SOON):
                # Awaited before the next statement, or that one would be killed.
                await self._exchange.stop_statement()
                if not await self._drained(LIMIT):
                    raise TimeoutError("the rest of the result did not end")
        except TimeoutError:
            self._finished = True
            self._exchange.terminate()
            return  # as closed as can be
        except BaseException as error:
            await self._cut(error)
            raise
        self._finished = True
        self._exchange.end_stream(self._answer)
        # An error packet (1317, most likely) says nothing of the transaction.
        await self._exchange.idle()

    async def _drained(self, seconds: float) -> bool:
        """Read on; whether that came to an end in time."""
        answer = self._answer
        try:
            async with asyncio.timeout(seconds):
                while not answer.done:
                    answer.feed(await self._wire.receiver.read(answer.missing))
        except TimeoutError:
            return False
        return True

    async def _finish(self) -> None:
        """Take note of the end, once; raises the error that the result ended with."""
        if self._finished:
            return
        self._finished = True
        self._exchange.end_stream(self._answer)
        if self._answer.error is not None:
            await self._exchange.settle(self._answer.error)
            raise self._wire.server_error(self._answer.error)
        if self._answer.warnings:
            await self._warnings.ask(self._statement)

    async def _cut(self, error: BaseException) -> None:
        self._finished = True
        await self._exchange.cut(error)
