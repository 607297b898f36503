"""A pool's verbs: each on whichever connection is free, for the one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from asyncdb.pool.loans import PoolStream, PoolTransaction

if TYPE_CHECKING:
    from asyncdb.connection.chunks import Rows
    from asyncdb.connection.runner import Params, Seconds, Step, Text
    from asyncdb.dialect import Dialect
    from asyncdb.driver import Result
    from asyncdb.options import TransactionOptions
    from asyncdb.pool.checkout import Checkout
    from asyncdb.pool.lifecycle import Lifecycle


class PoolRunner:
    """Carries out a pool's statements.

    Args:
        checkout: lends the connections.
        lifecycle: knows what the server is.
    """

    __slots__ = ("_checkout", "_lifecycle")

    def __init__(self, checkout: Checkout, lifecycle: Lifecycle) -> None:
        self._checkout = checkout
        self._lifecycle = lifecycle

    @property
    def dialect(self) -> Dialect:
        """Facts about the database, as the last connection told them.

        Before there was one (`min_size=0`, and the server was down) they are what the
        driver knows of all its servers: no version, no flavor.
        """
        return self._lifecycle.dialect

    async def execute(
        self, sql: Text, params: Params, timeout: Seconds = None, *, plain: bool = False
    ) -> Result:
        """Run a statement; `plain` if its rows are read by position alone."""
        lease = self._checkout.take() or await self._checkout.wait()
        try:
            return await lease.session.execute(sql, params, timeout, plain=plain)
        finally:
            self._checkout.put(lease)

    async def execute_many(
        self,
        sql: str,
        rows: Rows,
        *,
        exact_rowcount: bool = False,
        timeout: Seconds = None,
    ) -> Result:
        """Run a statement for each of `rows`, all or nothing."""
        lease = self._checkout.take() or await self._checkout.wait()
        try:
            return await lease.session.execute_many(
                sql, rows, exact_rowcount=exact_rowcount, timeout=timeout
            )
        finally:
            self._checkout.put(lease)

    async def execute_script(
        self, text: str, timeout: Seconds = None, *, transaction: bool = True
    ) -> Result:
        """Run the statements of a text one after another; chain their results."""
        lease = self._checkout.take() or await self._checkout.wait()
        try:
            return await lease.session.execute_script(
                text, timeout, transaction=transaction
            )
        finally:
            self._checkout.put(lease)

    async def execute_batch(
        self,
        steps: Sequence[Step],
        timeout: Seconds = None,
        *,
        transaction: bool | None = None,
    ) -> None:
        """Run statements together, in one transaction unless told otherwise."""
        lease = self._checkout.take() or await self._checkout.wait()
        try:
            await lease.session.execute_batch(
                steps, timeout, transaction=transaction is not False
            )
        finally:
            self._checkout.put(lease)

    async def load_rows(
        self, table: str | Sequence[str], columns: Sequence[str], rows: Rows
    ) -> int:
        """Load rows into a table, all or nothing; return their number."""
        lease = self._checkout.take() or await self._checkout.wait()
        try:
            return await lease.session.load_rows(table, columns, rows)
        finally:
            self._checkout.put(lease)

    async def open_stream(
        self, sql: Text, params: Params, timeout: Seconds = None, *, plain: bool = False
    ) -> PoolStream:
        """Run a statement whose rows are read in pieces, on a connection of its own."""
        session = await self._checkout.borrow()
        try:
            opened = await session.open_stream(sql, params, timeout, plain=plain)
        except BaseException as error:
            await self._checkout.give_back(session, error)
            raise
        return PoolStream(self._checkout, session, opened)

    def transaction(self, options: TransactionOptions) -> PoolTransaction:
        """Make a block on a connection inside a transaction."""
        return PoolTransaction(self._checkout, options)
