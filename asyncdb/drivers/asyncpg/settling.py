"""After a failure: the session is left clean, or it is over."""

from __future__ import annotations

import asyncio

from asyncpg import exceptions

from asyncdb.dialects.postgresql.answers import lost
from asyncdb.drivers.asyncpg import inner
from asyncdb.drivers.asyncpg.last_words import LastWords
from asyncdb.drivers.asyncpg.leaving import cut
from asyncdb.drivers.asyncpg.native import PgNative
from asyncdb.drivers.asyncpg.statements import AsyncpgStatements
from asyncdb.drivers.asyncpg.translation import answered
from asyncdb.errors import ConnectionLost

# Seconds for the server to answer after a failure before the line is cut.
_SETTLE = 0.4
# Seconds of that after which a cancelled statement that still runs is cancelled again.
_REPEAT = 0.1
# asyncpg could not read the answer: what is left on the wire is anybody's guess.
_UNREADABLE = (
    AssertionError,
    exceptions.InternalClientError,
    exceptions.ProtocolError,
    exceptions.UnsupportedClientFeatureError,
)


class Settling:
    """Settles what failures leave of a session.

    Args:
        native: asyncpg's connection.
        statements: what was learned of them may have to be forgotten.
    """

    def __init__(self, native: PgNative, statements: AsyncpgStatements) -> None:
        self.native = native
        self._statements = statements
        self._last_words = LastWords.of(native)
        self._ended = False  # by us
        self._leaving: asyncio.Task[None] | None = None

    async def settle(self, error: BaseException, *, fresh: bool = False) -> None:
        """Leave the session clean, or closed, after a statement failed.

        After a cancellation too: only an answer tells that the work has stopped, and
        whether a transaction is open.
        """
        if self.native.is_closed():
            self._tell_reason(error)
        elif isinstance(error, exceptions.OutdatedSchemaCacheError):
            await self._statements.forget()
        elif isinstance(error, _UNREADABLE):
            self.cut()
            self._tell_reason(error)
        elif not answered(error) and (
            fresh or self.native.is_half_begun or not isinstance(error, Exception)
        ):
            await self.undo("SELECT")

    async def begin(self) -> None:
        """Begin what is due, if nothing has come that takes it along."""
        try:
            await self.native.begin()
        except BaseException as error:
            await self.settle(error)  # the core rolls back what has begun
            raise

    def _tell_reason(self, error: BaseException) -> None:
        """Raise the reason why the server has ended the session, if it gave one."""
        self._last_words.learn(error)
        reason = self.last_words()
        if reason is not None and reason.code and isinstance(error, Exception):
            raise reason from error

    async def undo(self, text: str = "ROLLBACK") -> None:
        """Send one simple query, bounded; a server that does not answer is left."""
        try:
            async with asyncio.timeout(_SETTLE):
                try:
                    async with asyncio.timeout(_REPEAT if inner.REPEATS else None):
                        await self.native.execute(text)
                except TimeoutError:
                    await self._cancel_again()
                    await self.native.execute(text)
        except exceptions.PostgresError:
            pass  # it answers, that the transaction has failed
        except Exception:  # noqa: BLE001  # the first error is the one to be told
            self.cut()
        except BaseException:
            self.cut()
            raise

    async def _cancel_again(self) -> None:
        """Repeat asyncpg's cancel request: one that overtakes its statement is lost."""
        sent = asyncio.get_running_loop().create_future()
        self.native._cancel_current_command(sent)
        await sent

    # -- the end -------------------------------------------------------------------

    def last_words(self) -> ConnectionLost | None:
        """Make the error for a session that the server has ended, with its reason."""
        said = self._last_words.said
        ours = self._ended or (said is None and getattr(self.native, "_aborted", False))
        return None if ours else lost(*(said or (None, "")))

    async def close(self) -> None:
        """Say goodbye and close."""
        self._ended = True
        await self.native.close()

    def terminate(self) -> None:
        """End the session as `cut` does, because the core has decided so."""
        self._ended = True
        self.cut()

    def cut(self) -> None:
        """Cut the line, and stop what the server may still be doing."""
        self._leaving = cut(self.native) or self._leaving

    async def departed(self) -> None:
        """Wait until the server has closed its end of a line that was cut."""
        if self._leaving is not None:
            await asyncio.wait([self._leaving])
