"""After a failure: the session is left clean, or it is over."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import asyncpg
from asyncpg import exceptions

from asyncdb.drivers.asyncpg.leaving import cut
from asyncdb.drivers.asyncpg.translation import answered

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
        kept: what was learned of statements, which may have to be forgotten.
    """

    def __init__(
        self, native: asyncpg.Connection, kept: MutableMapping[str, Any]
    ) -> None:
        self.native = native
        self._kept = kept
        self._leaving: asyncio.Task[None] | None = None

    async def settle(self, error: BaseException, *, fresh: bool = False) -> None:
        """Leave the session clean, or closed, after a statement failed.

        After a cancellation too: only an answer tells that the work has stopped, and
        whether a transaction is open.
        """
        if self.native.is_closed():
            return
        if isinstance(error, exceptions.OutdatedSchemaCacheError):
            await self.forget()
        elif isinstance(error, _UNREADABLE):
            self.cut()
        elif not answered(error) and (fresh or not isinstance(error, Exception)):
            await self.undo("SELECT")

    async def forget(self) -> None:
        """Learn anew what was learned of statements and types."""
        self._kept.clear()
        await self.native.reload_schema_state()

    async def undo(self, text: str = "ROLLBACK") -> None:
        """Send one simple query, bounded; a server that does not answer is left."""
        try:
            async with asyncio.timeout(_SETTLE):
                try:
                    async with asyncio.timeout(_REPEAT):
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

    def cut(self) -> None:
        """Cut the line, and stop what the server may still be doing."""
        self._leaving = cut(self.native) or self._leaving

    async def departed(self) -> None:
        """Wait until the server has closed its end of a line that was cut."""
        if self._leaving is not None:
            await asyncio.wait([self._leaving])
