"""A driver's session under guard: what carries out a connection's statements.

Theory of operation: each verb enters (one task at a time, still connected; see
`exclusive`), has text and parameters turned into what the driver takes (`binding`),
sees to it that the innermost block is still good, awaits the driver once, and leaves.
Whatever a driver raises is translated on the way out, and the blocks learn of it.

`Connection`, `Cursor`, `Transaction` and a stream all stand on the same `Session`: it
lives as long as one of them does.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import warnings
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Self, cast

from asyncdb import errors
from asyncdb.connection.binding import Binder
from asyncdb.connection.bulk import Bulk
from asyncdb.connection.deadline import backstop, shorter, within
from asyncdb.connection.describing import describe
from asyncdb.connection.exclusive import ExclusiveUse
from asyncdb.connection.script import Script
from asyncdb.connection.session_batch import SessionBatch
from asyncdb.connection.session_stream import SessionStream
from asyncdb.connection.transaction import Transaction
from asyncdb.connection.transaction_control import TransactionControl
from asyncdb.driver import Result, SupportsPlainRows
from asyncdb.sql import touches
from asyncdb.values import Decoding

if TYPE_CHECKING:
    from asyncdb.connection.chunks import Rows
    from asyncdb.connection.runner import OpenStream, Params, Seconds, Step, Text
    from asyncdb.dialect import Dialect
    from asyncdb.driver import Description, Driver, DriverConnection, DriverCursor
    from asyncdb.options import ConnectOptions, TransactionOptions
    from asyncdb.sql import Statement
    from asyncdb.url import DatabaseURL


class Session:
    """One session of a database, guarded: what carries out a connection's statements.

    Args:
        driver: the driver.
        inner: the driver's own session.
        url: where it is connected to.
        options: the connection's options.
    """

    __slots__ = (
        "__weakref__",
        "_binder",
        "_control",
        "_decoding",
        "_driver",
        "_limit",
        "_options",
        "_plain",
        "_use",
        "blocks",
        "lease",
        "touched",
        "url",
        "warns",
    )

    def __init__(
        self,
        driver: Driver,
        inner: DriverConnection,
        url: DatabaseURL,
        options: ConnectOptions,
    ) -> None:
        own = options.converters
        self.url = url
        self._driver = driver
        self._options = options
        self._binder = Binder(inner, own)
        self._decoding = Decoding.of(inner.dialect, own)
        self._plain = isinstance(inner, SupportsPlainRows)
        self._limit = backstop(options, inner.dialect)
        self._control = TransactionControl(driver, self._limit, options.close_timeout)
        self._begin_use(inner)
        # A pool wants to know; `True` where nobody asks, and nothing is looked at.
        self.touched = True

    def _begin_use(self, inner: DriverConnection) -> None:
        """Start as what has done nothing yet, for nobody in particular."""
        self._use = ExclusiveUse(self._driver, inner)
        self.blocks = self._use.blocks
        # Something may have been left in it for the next borrower to find.
        self.touched = False
        self.lease: Any = None  # what a pool remembers of the loan that this is for
        # Say so when it is forgotten without having been closed or given back.
        self.warns = True

    def belongs_to_a_pool(self, lease: object) -> None:
        """Be what the pool's own verbs use: looked at, and never forgotten."""
        self.touched = self.warns = False
        self._use.lease = lease  # to be told of doubts, if there is one

    def lend(self, lease: object) -> Self:
        """Make the session of one loan or hook, over the same one of the driver."""
        lent = type(self).__new__(type(self))
        lent.url = self.url
        lent._driver = self._driver
        lent._options = self._options
        lent._binder = self._binder
        lent._decoding = self._decoding
        lent._plain = self._plain
        lent._limit = self._limit
        lent._control = self._control
        lent._begin_use(self._use.inner)
        lent._binder.forget()
        lent.lease, lent._use.lease = lease, lease and self._use.lease
        return lent

    def _check(self, statement: Statement) -> None:
        """Refuse a statement that has no place here; note what it may leave behind."""
        if self.blocks:
            if not self.inner.in_transaction():  # by `native`, which nobody looks at
                self._use.lose(None)
            if not self.blocks[-1].is_open:
                raise self.blocks[-1].refusal()
            if statement.controls_transaction:
                message = (
                    f"{statement.verb} sent as text would end this block unseen: use "
                    "transaction(), tx.commit() and tx.rollback()"
                )
                raise errors.TransactionError(message)
        if not self.touched:
            self.touched = touches(statement, self._binder.dialect)

    # -- statements ------------------------------------------------------------------

    async def execute(
        self, sql: Text, params: Params, timeout: Seconds = None, *, plain: bool = False
    ) -> Result:
        """Run a statement; `plain` if its rows are read by position alone."""
        use = self._use
        inner = use.enter()
        run = inner.execute
        if plain and self._plain:
            run = cast("SupportsPlainRows", inner).execute_plain
        try:
            if timeout is None and self._limit is None:
                statement, args = await self._binder.bind(sql, params)
                self._check(statement)
                result = await run(statement, args)
            else:
                seconds = shorter(timeout, self._limit)
                result = await within(seconds, self._send(run, sql, params))
            result.decoding = self._decoding
            if self.blocks and not inner.in_transaction():
                use.lose(None)
                raise self.blocks[-1].refusal()
        except BaseException as error:
            found = use.failed(error, sql)
            if found is error:
                raise
            raise found from error
        else:
            return result
        finally:
            use.task = None

    async def _send(
        self,
        run: Callable[[Statement, Sequence[Any]], Coroutine[Any, Any, Result]],
        sql: Text,
        params: Params,
    ) -> Result:
        statement, args = await self._binder.bind(sql, params)
        self._check(statement)
        return await run(statement, args)

    async def execute_many(
        self,
        sql: str,
        rows: Rows,
        *,
        exact_rowcount: bool = False,
        timeout: Seconds = None,
    ) -> Result:
        """Run a statement for each of `rows`, all or nothing."""

        async def work(inner: DriverConnection) -> int:
            return await self._bulk(inner).execute(sql, rows, exact=exact_rowcount)

        return Result(None, [], await self._use.run(work, sql, shorter(timeout, None)))

    async def load_rows(
        self, table: str | Sequence[str], columns: Sequence[str], rows: Rows
    ) -> int:
        """Load rows into a table, all or nothing; return their number."""
        count: int = await self._use.run(
            lambda inner: self._bulk(inner).load(table, columns, rows)
        )
        return count

    async def execute_script(
        self, text: str, timeout: Seconds = None, *, transaction: bool = True
    ) -> Result:
        """Run the statements of a text one after another."""
        script = Script(
            text,
            self._use,
            self._binder,
            self._control,
            self._check,
            transaction=transaction,
            limit=self._limit,
        )
        first = await script.run(shorter(timeout, None))
        first.decoding = self._decoding
        return first

    async def execute_batch(
        self,
        steps: Sequence[Step],
        timeout: Seconds = None,
        *,
        transaction: bool | None = None,
    ) -> None:
        """Run statements together; each step gets its result or its error."""
        batch = SessionBatch(
            steps,
            self._use,
            self._binder,
            self._control,
            self._check,
            transaction=bool(transaction),
            limit=self._limit,
        )
        await batch.run(shorter(timeout, None), self._decoding)

    async def describe(self, sql: str, *, parameters: bool) -> Description:
        """Learn what a statement takes and gives, without running it."""
        return await describe(self._use, self._binder, sql, parameters=parameters)

    def _bulk(self, inner: DriverConnection) -> Bulk:
        return Bulk(inner, self._binder, self._control, self._check)

    async def open_stream(
        self, sql: Text, params: Params, timeout: Seconds = None, *, plain: bool = False
    ) -> OpenStream:
        """Run a statement whose rows are read in pieces."""

        async def work(inner: DriverConnection) -> DriverCursor:
            statement, args = await self._binder.bind(sql, params)
            self._check(statement)
            if plain and self._plain:
                plainly = cast("SupportsPlainRows", inner)
                return await plainly.open_plain_cursor(statement, args)
            return await inner.open_cursor(statement, args)

        seconds = shorter(timeout, self._limit)
        cursor: DriverCursor = await self._use.run(work, sql, seconds)
        use, patience = self._use, self._options.close_timeout
        stream = use.stream = SessionStream(
            use, cursor, self._decoding, sql, seconds=seconds, patience=patience
        )
        return stream

    # -- transactions ----------------------------------------------------------------

    def transaction(self, options: TransactionOptions) -> Transaction:
        """Make a block that is a transaction, or a savepoint inside another."""
        return Transaction(self, options)

    async def begin(self, options: TransactionOptions) -> None:
        """Begin a transaction."""
        await self._use.run(lambda inner: self._control.begin(inner, options))

    async def commit(self) -> None:
        """Commit the transaction."""
        await self._use.run(self._control.commit)

    async def roll_back(self) -> None:
        """Roll the transaction back."""
        await self._use.run(self._control.roll_back)

    async def savepoint(self, sql: str) -> None:
        """Set or release a savepoint."""
        statement = self._binder.prepare(sql, "none")
        await self._use.run(lambda db: db.execute(statement, ()), sql, self._limit)

    async def roll_back_to(self, name: str) -> None:
        """Roll back to a savepoint, and release it."""
        texts = f"ROLLBACK TO SAVEPOINT {name}", f"RELEASE SAVEPOINT {name}"
        both = [self._binder.prepare(text, "none") for text in texts]

        async def work(inner: DriverConnection) -> None:
            for statement in both:
                await inner.execute(statement, ())

        await self._use.run(lambda inner: self._control.bounded(inner, work(inner)))

    # -- state and end ---------------------------------------------------------------

    @property
    def dialect(self) -> Dialect:
        """Facts about the database."""
        return self.inner.dialect

    @property
    def native(self) -> Any:
        """The driver's own connection."""
        self.touched = True
        try:
            return self.inner.native
        except Exception as error:
            found = self._use.failed(error)
            if found is error:
                raise
            raise found from error

    @property
    def is_busy(self) -> bool:
        """Whether a task is inside, or a stream is open."""
        return self._use.is_busy

    @property
    def lost(self) -> Callable[[], BaseException | None] | None:
        """A reference to the error, if the line was cut by the other side."""
        return self._use.lost

    @property
    def inner(self) -> DriverConnection:
        """The driver's session."""
        return self._use.inner

    def end(self, instead: Any) -> None:
        """End the loan: from now on `instead` stands where the session was."""
        self.warns = False
        self._use.inner = instead

    def has_transaction(self) -> bool:
        """Tell whether a transaction is open, as last heard from the database."""
        return self.inner.in_transaction()

    def forget(self) -> None:
        """Be as new, after the driver's session was reset."""
        self._binder.forget()

    def cut(self) -> None:
        """Close without waiting for anybody."""
        self.warns = False
        self.inner.terminate()

    async def ping(self) -> None:
        """Ask the database for a sign of life."""
        await self.execute("SELECT 1", None)

    async def close(self) -> None:
        """Say goodbye and close, in `close_timeout` seconds."""
        inner = self.inner
        if self._use.forked:  # a goodbye would end the parent's session
            raise self._use.elsewhere()
        self.warns = False
        if inner.is_closed():
            inner.terminate()
            return
        try:
            async with asyncio.timeout(self._options.close_timeout):
                await inner.close()
        except Exception:  # noqa: BLE001  # gone is what was asked for
            inner.terminate()
        except BaseException:
            inner.terminate()
            raise

    def __del__(self) -> None:
        """Warn about a session that nobody closed or gave back, and cut it."""
        if not getattr(self, "warns", False):
            return
        # At the end of the process its loop may have gone before it, and closed it.
        gone = self.inner.is_closed() and not sys.is_finalizing()
        if gone or self._use.forked:
            return
        message = f"{self!r} was never closed: use `async with`, or await close()"
        warnings.warn(message, ResourceWarning, source=self, stacklevel=1)
        with contextlib.suppress(Exception):  # its loop may be gone
            self.inner.terminate()

    def __repr__(self) -> str:
        """Show where it is connected to and what it is doing, without a password."""
        if self.inner.is_closed():
            state = "closed"
        elif self.is_busy:
            state = "busy"
        else:
            state = "in transaction" if self.has_transaction() else "idle"
        return f"<asyncdb.Connection {self.url} {state}>"
