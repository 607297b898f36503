"""What opens a block, kept until its first statement takes it along."""

from __future__ import annotations

from asyncdb.drivers.asyncpg.native import PgNative
from asyncdb.drivers.asyncpg.settling import Settling


class Opening:
    """BEGIN, from when the block is entered until the server is told.

    Args:
        native: asyncpg's connection.
        settling: settles what a failure leaves.
        waits: whether it waits for the first statement.

    Attributes:
        text: what is to be sent; "" for nothing.
    """

    __slots__ = ("_native", "_settling", "_waits", "text")

    def __init__(self, native: PgNative, settling: Settling, *, waits: bool) -> None:
        self._native = native
        self._settling = settling
        self._waits = waits
        self.text = ""

    async def begin(self, text: str) -> None:
        """Begin, now or with the first statement."""
        self.text = text
        if not self._waits:
            await self.now()

    def along(self) -> None:
        """Write it in front of what is about to be sent."""
        self._native.begin_along(self._take())

    async def now(self) -> None:
        """Send it by itself, if it was not sent yet; know that it has begun."""
        try:
            if self.text:
                await self._native.execute(self._take())
            else:
                await self._native.know_begun()
        except BaseException as error:
            await self._settling.settle(error)  # the core rolls back what has begun
            raise

    def drop(self) -> bool:
        """Forget it; return whether there was any, and nothing has begun."""
        return bool(self._take())

    def wait_no_more(self) -> None:
        """Begin at once from now on: statements are sent that do not come by here."""
        self._waits = False
        if self.text and not self._native.is_closed():
            self.along()

    def _take(self) -> str:
        text, self.text = self.text, ""
        return text
