"""A result read in pieces: a portal of PostgreSQL's protocol."""

from __future__ import annotations

from typing import Any

from asyncpg.cursor import Cursor as Portal

from asyncdb.driver import DriverCursor
from asyncdb.drivers.asyncpg import inner
from asyncdb.drivers.asyncpg.settling import Settling
from asyncdb.drivers.asyncpg.statements import AsyncpgKept
from asyncdb.drivers.asyncpg.translation import annotate
from asyncdb.values.rows import Row, tuple_row


class AsyncpgCursor(DriverCursor):
    """The portal, and the transaction it lives in where that is its own."""

    def __init__(
        self,
        settling: Settling,
        kept: AsyncpgKept,
        portal: Portal,
        *,
        own_transaction: bool,
    ) -> None:
        self._native = settling.native
        self._settling = settling
        self._kept = kept
        self._portal = portal
        self._own = own_transaction
        self._open = True

    @property
    def columns(self) -> tuple[tuple[str, Any], ...]:
        """Names and type OIDs."""
        return self._kept.columns or ()

    async def fetch(self, size: int) -> list[Row]:
        """Return the next rows."""
        try:
            rows: list[Row] = await self._portal.fetch(size)
        except BaseException as error:
            annotate(error, kept=self._kept)
            await self._settling.settle(error)
            raise
        if self._kept.duplicates:
            make = tuple_row(tuple(name for name, _ in self.columns))
            return [make(row) for row in rows]
        return rows

    async def close(self) -> None:
        """Close the portal; commit the transaction that was opened for it.

        COMMIT even when left early: the statement has run, and in autocommit what it
        did stays, as on every other engine. A failed one is answered by ROLLBACK.
        """
        if not self._open or self._native.is_closed():
            return
        self._open = False
        try:
            if self._own:
                if self._native.is_in_transaction():  # else it is over already
                    await self._native.execute("COMMIT")
            elif inner.CLOSES_PORTALS:
                # asyncpg has no public way to close a portal before its transaction
                # ends.
                await self._portal._close_portal(None)
        except BaseException as error:
            await self._settling.settle(error)
            if self._own and self._native.is_in_transaction():
                self._settling.cut()
            raise
