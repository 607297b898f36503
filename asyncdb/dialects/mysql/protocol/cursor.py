"""A result read in pieces; left early, its rest is stopped by KILL QUERY."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from asyncdb.dialects.mysql.protocol.answers import Answer
from asyncdb.dialects.mysql.protocol.killing import LIMIT, kill
from asyncdb.driver import DriverCursor
from asyncdb.sql.statement import Statement
from asyncdb.values.rows import Row

if TYPE_CHECKING:
    from asyncdb.dialects.mysql.protocol.connection import MySQLConnection

# A rest that comes within this many seconds is read: that takes less than a KILL.
_SOON = 0.02


class MySQLCursor(DriverCursor):
    """The cursor; its connection serves nothing else until it has finished.

    Args:
        connection: the session, on which the statement is sent.
        answer: its answer, of which nothing has come yet.
        statement: that statement.
    """

    def __init__(
        self, connection: MySQLConnection, answer: Answer, statement: Statement
    ) -> None:
        self._connection = connection
        self._statement = statement
        self._wire = connection.wire
        self.answer = answer
        self._finished = False

    @property
    def columns(self) -> tuple[tuple[str, Any], ...]:
        """Names and types."""
        shape = self.answer.shape
        return shape.columns if shape is not None else ()

    async def begin(self) -> None:
        """Read up to the first rows."""
        answer = self.answer
        while answer.shape is None and not answer.done:
            answer.feed(await self._wire.read(answer.missing))

    async def fetch(self, size: int) -> list[Row]:
        """Read rows until there are `size`, or the result is over."""
        answer = self.answer
        while answer.count < size and not answer.done:
            try:
                answer.feed(await self._wire.read(answer.missing))
            except BaseException as error:
                await self._cut(error)
                raise
        if answer.done:
            await self.finish()
        return answer.take(size, utc=self._connection.session.utc)

    async def finish(self) -> None:
        """Take note of the end, once; raises the error that the result ended with."""
        if self._finished:
            return
        self._finished = True
        self._ended()
        if self.answer.rest:
            self._wire.abort()
        if self.answer.error is not None:
            await self._connection.settle(self.answer.error)
            raise self._wire.server_error(self.answer.error)
        if self.answer.warnings:
            await self._connection.hear(self._statement)

    async def close(self) -> None:
        """Leave the result."""
        if self._finished:
            return
        self.answer.discard()
        try:
            if not await self._drained(_SOON):
                # Awaited before the next statement, or that one would be killed.
                await self._kill()
                if not await self._drained(LIMIT):
                    raise TimeoutError("the rest of the result did not end")
        except BaseException as error:
            await self._cut(error)
            if isinstance(error, TimeoutError):
                return  # as closed as can be
            raise
        self._finished = True
        self._ended()
        # An error packet (1317, most likely) says nothing of the transaction.
        await self._connection.idle()

    async def _drained(self, seconds: float) -> bool:
        """Read on; whether that came to an end in time."""
        answer = self.answer
        try:
            async with asyncio.timeout(seconds):
                while not answer.done:
                    answer.feed(await self._wire.read(answer.missing))
        except TimeoutError:
            return False
        return True

    async def _kill(self) -> bool:
        return await kill(self._wire, self._connection.session.server, query=True)

    def _ended(self) -> None:
        self._wire.take_status(self.answer)
        self._wire.pace(slow=False)
        self._connection.finished()

    async def _cut(self, error: BaseException) -> None:
        self._finished = True
        self._connection.finished()
        await self._connection.cut(error)
