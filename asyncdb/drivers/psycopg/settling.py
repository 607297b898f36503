"""After a failure: the session is left clean, or it is over."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
from psycopg import pq

from asyncdb.dialects.postgresql.answers import FINAL, lost
from asyncdb.drivers.psycopg.leaving import cut, stop
from asyncdb.drivers.psycopg.line import Line
from asyncdb.errors import ConnectionLost

# Seconds for the server to answer after a failure before the line is cut.
_SETTLE = 0.3
# Seconds of that after which a cancelled statement that still runs is cancelled again.
_REPEAT = 0.1


class Settling:
    """Settles what failures leave of a session.

    Args:
        line: the session's.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self._said: tuple[str | None, str] | None = None
        self._ended = False  # by us
        self._leaving: asyncio.Task[None] | None = None

    def hear(self, diag: Any) -> None:
        """Take note of what the server says when it ends the session."""
        if diag.severity_nonlocalized in FINAL:
            self._said = diag.sqlstate, diag.message_primary or ""

    async def settle(self, error: BaseException) -> None:
        """Read what is still to come, and have the server stop what it does.

        Only an answer tells that the work has stopped, and whether a transaction is
        open. A server that does not answer is left.

        Raises:
            ConnectionLost: the server has ended the session, and said why before.
        """
        line = self._line
        if isinstance(error, psycopg.Error) and error.sqlstate:
            self.hear(error.diag)
        if line.is_over():
            said = self._said is not None and isinstance(error, psycopg.Error)
            if said and error.sqlstate is None:  # type: ignore[attr-defined]
                raise lost(*self._said) from error  # type: ignore[misc]
            return
        if line.pgconn.transaction_status != pq.TransactionStatus.ACTIVE:
            return
        try:
            async with asyncio.timeout(_SETTLE):
                while True:
                    # A request that overtakes its statement is lost: it is repeated.
                    if not line.unsynced:
                        await stop(line.pgconn)
                    try:
                        async with asyncio.timeout(_REPEAT):
                            await line.drain()
                            return
                    except TimeoutError:
                        continue
        except Exception:  # noqa: BLE001  # the first error is the one to be told
            self.cut()
        except BaseException:
            self.cut()
            raise

    # -- the end -------------------------------------------------------------------

    def last_words(self) -> ConnectionLost | None:
        """Make the error for a session that the server has ended, with its reason."""
        return None if self._ended else lost(*(self._said or (None, "")))

    def close(self) -> None:
        """Say goodbye and close; what another task still waits for is stopped."""
        self._ended = True
        if self._line.pgconn.transaction_status == pq.TransactionStatus.ACTIVE:
            self.cut()
        self._line.finish()

    def terminate(self) -> None:
        """End the session as `cut` does, because the core has decided so."""
        self._ended = True
        self.cut()

    def cut(self, *, at_once: bool = False) -> None:
        """Cut the line, and stop what the server may still be doing.

        Args:
            at_once: what was sent behind it must not run; see `leaving.cut`.
        """
        if self._said is None:
            self._ended = True
        self._leaving = cut(self._line, at_once=at_once) or self._leaving

    async def departed(self) -> None:
        """Wait until the server has closed its end of a line that was cut."""
        if self._leaving is not None:
            await asyncio.wait([self._leaving])
