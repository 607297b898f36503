"""asyncpg's connection, and what it is taught: to wait its turn, to begin along.

**BEGIN goes to the server with the first statement of its block.** asyncpg sends one
thing at a time. PostgreSQL takes several before one Sync, and where one of them fails
it skips the others up to there
(https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING).
So BEGIN is written right before asyncpg writes a prepared statement, whose Sync serves
both: a statement whose BEGIN was refused does not run. The answers to BEGIN are ones
that asyncpg expects of a statement that it prepares again; of two command tags it keeps
the last.

**Anything else waits for the answer to BEGIN.** What is skipped up to a Sync is skipped
unanswered, and a simple query has none: asyncpg would wait for ever. A standby refuses
BEGIN, of a serializable block for example.
"""

from __future__ import annotations

from struct import pack
from typing import Any

import asyncpg

from asyncdb.dialects.postgresql.stopping import turn
from asyncdb.drivers.asyncpg import inner
from asyncdb.drivers.asyncpg.leaving import account

_NESTED = "cannot use Connection.transaction() in a manually started transaction"


class PgNative(asyncpg.Connection):  # type: ignore[misc]  # it has no types
    """asyncpg's connection, whose cancel requests take turns."""

    __slots__ = ("_begun_after", "opening")

    _protocol: Any  # asyncpg's slots
    _transport: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.opening = ""  # what opens a transaction, due before anything else
        # How many queries there had been when it was written: with the next one its
        # answer comes.
        self._begun_after = -1

    @property
    def is_half_begun(self) -> bool:
        """Whether BEGIN was sent, and nothing yet that would bring its answer."""
        after = self._begun_after
        return after >= 0 and bool(after == self._protocol.queries_count)

    def begin_along(self) -> None:
        """Write what is due; its answer comes with a prepared statement's."""
        text, self.opening = self.opening, ""
        self._begun_after = self._protocol.queries_count
        self._transport.write(_unsynced(text))

    def forget_opening(self) -> bool:
        """Let nothing be due; return whether something was, so that nothing is open."""
        due, self.opening = self.opening, ""
        return bool(due)

    async def begin(self) -> None:
        """Send what is due, and know what has become of it.

        Raises:
            asyncpg.PostgresError: it was refused.
        """
        if self.opening:
            text, self.opening = self.opening, ""
            try:
                await super().execute(text)
            except asyncpg.PostgresError:
                raise
            except BaseException:  # cancelled: it may have begun all the same
                if not self.is_closed():
                    self._begun_after = self._protocol.queries_count
                raise
        elif self.is_half_begun:  # and the statement behind it was not sent
            try:
                await self._protocol.close_portal("", None)  # the least that has a Sync
            except asyncpg.PostgresError:
                self._begun_after = -1
                raise
            self._begun_after = -1

    def is_in_transaction(self) -> bool:
        """Tell whether a transaction is open, or will be before anything else runs."""
        heard: bool = self._protocol.is_in_transaction()
        return heard or bool(self.opening) or self.is_half_begun

    # What a user does, or we do, and what is not prepared yet.

    def transaction(self, **options: Any) -> Any:
        """Refuse to begin again, as asyncpg does where it knows of a transaction."""
        if self.opening:
            raise asyncpg.InterfaceError(_NESTED)
        return super().transaction(**options)

    async def execute(
        self, query: str, *args: Any, timeout: float | None = None
    ) -> Any:
        """Run statements, in the transaction that is due."""
        await self.begin()
        return await super().execute(query, *args, timeout=timeout)

    async def _get_statement(self, query: str, timeout: Any, **how: Any) -> Any:
        await self.begin()
        return await super()._get_statement(query, timeout, **how)

    async def _copy_in(self, copy_stmt: str, source: Any, timeout: Any) -> Any:
        await self.begin()
        return await super()._copy_in(copy_stmt, source, timeout)

    async def _copy_out(self, copy_stmt: str, output: Any, timeout: Any) -> Any:
        await self.begin()
        return await super()._copy_out(copy_stmt, output, timeout)

    async def _cancel(self, waiter: Any, cancel_waiter: Any = None) -> None:
        if not inner.SEES_OUT:
            await super()._cancel(waiter, cancel_waiter)
            return
        mine = turn(account(self))
        await mine.acquire()
        # It is done when the request is: what follows waits for the statement to end.
        waiter.add_done_callback(lambda _: mine.release())
        await super()._cancel(waiter, cancel_waiter)


def _unsynced(text: str) -> bytes:
    """Return Parse, Bind and Execute, all of them unnamed, for a statement.

    https://www.postgresql.org/docs/current/protocol-message-formats.html
    """
    query = text.encode()
    parse = pack("!ci", b"P", len(query) + 8) + b"\0" + query + b"\0" + pack("!h", 0)
    bind = pack("!ci", b"B", 12) + b"\0\0" + pack("!hhh", 0, 0, 0)
    return parse + bind + pack("!ci", b"E", 9) + b"\0" + pack("!i", 0)
