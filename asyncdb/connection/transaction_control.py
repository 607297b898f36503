"""BEGIN, COMMIT and ROLLBACK on a driver's session, with certainty about their end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from asyncdb import errors
from asyncdb.connection.deadline import within

if TYPE_CHECKING:
    from asyncdb.driver import Driver, DriverConnection
    from asyncdb.options import TransactionOptions

logger = logging.getLogger("asyncdb")


class TransactionControl:
    """Begins and ends transactions, so that none is left open for nobody.

    Args:
        driver: names what its library raises.
        limit: seconds for BEGIN and COMMIT; `None` for as long as they take.
        patience: seconds for ROLLBACK, after which the line is cut.
    """

    __slots__ = ("_driver", "_limit", "_patience")

    def __init__(self, driver: Driver, limit: float | None, patience: float) -> None:
        self._driver = driver
        self._limit = limit
        self._patience = patience

    async def begin(self, inner: DriverConnection, options: TransactionOptions) -> None:
        """Open a transaction; a failure leaves none open."""
        levels = inner.dialect.supports_isolation
        if options.isolation is not None and options.isolation not in levels:
            known = ", ".join(sorted(levels)) or "none"
            message = f"isolation {options.isolation!r} is not one of: {known}"
            raise errors.TransactionError(message)
        try:
            await within(self._limit, inner.begin(options))
        except BaseException:
            if inner.in_transaction():  # it began all the same, and for nobody
                await self.roll_back(inner)
            raise

    async def commit(self, inner: DriverConnection) -> None:
        """Commit.

        Raises:
            TransactionError: there is nothing to commit, which the server would answer
                with success; `db.native` has ended it.
            CommitUnknown: COMMIT was sent and its answer never came.
        """
        if not inner.in_transaction() and not inner.is_closed():
            message = (
                "this transaction was ended before its COMMIT, by db.native perhaps: "
                "look what became of it before you run it again"
            )
            raise errors.TransactionError(message)
        try:
            await within(self._limit, inner.commit())
        except BaseException as error:
            found = self.commit_failed(inner, error)
            if found is error:
                raise
            raise found from error

    def commit_failed(
        self, inner: DriverConnection, error: BaseException
    ) -> BaseException:
        """Return what to raise for an error in the middle of COMMIT.

        Args:
            inner: the session that it was sent through.
            error: what was raised; perhaps it has happened all the same.
        """
        is_open = not inner.is_closed() and inner.in_transaction()
        if isinstance(error, errors.StatementTimeout):  # ours: there was no answer
            return error if is_open else _unknown()
        if isinstance(error, Exception):
            found = self._driver.translate(error)
            lost = isinstance(found, errors.ConnectionLost) or inner.is_closed()
            return _unknown() if lost else error
        if not is_open:  # else it has certainly not happened
            error.__cause__ = _unknown()
        return error

    async def roll_back(self, inner: DriverConnection) -> None:
        """Roll back in bounded time."""
        await self.bounded(inner, inner.rollback())

    async def bounded(
        self, inner: DriverConnection, work: Coroutine[Any, Any, None]
    ) -> None:
        """Roll back by `work` in bounded time; a line that is cut rolls back too."""
        try:
            await within(self._patience, work)
        except errors.StatementTimeout:
            logger.warning("no answer to ROLLBACK; the connection is cut")
            inner.terminate()
        except asyncio.CancelledError:
            inner.terminate()  # or the transaction would stay open
            raise


def _unknown() -> errors.CommitUnknown:
    return errors.CommitUnknown(
        "COMMIT was sent and its answer never came: it may or may not have happened; "
        "look before you repeat it"
    )
