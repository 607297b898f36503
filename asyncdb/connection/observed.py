"""A session that is observed: `Session`, with an event around each of its verbs.

A session that nobody observes is a `Session` and pays nothing for this.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

from asyncdb import errors
from asyncdb.connection.session import Session
from asyncdb.connection.transaction import Host, Transaction, _State
from asyncdb.connection.watch import watch_for

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from asyncdb.connection.chunks import Rows
    from asyncdb.connection.runner import OpenStream, Params, Seconds, Step, Text
    from asyncdb.connection.watch import Running, Watch
    from asyncdb.dialect import Dialect
    from asyncdb.driver import Driver, DriverConnection, Result
    from asyncdb.options import (
        ConnectOptions,
        StatementEvent,
        TransactionEvent,
        TransactionOptions,
    )
    from asyncdb.options.observers import StatementKind
    from asyncdb.url import DatabaseURL
    from asyncdb.values import Decoding
    from asyncdb.values.rows import Row


class ObservedSession(Session):
    """A session whose observers hear of each verb.

    Args:
        driver: the driver.
        inner: the driver's own session.
        url: where it is connected to.
        options: the connection's options.
        watch: tells the observers.
    """

    __slots__ = ("watch",)

    def __init__(
        self,
        driver: Driver,
        inner: DriverConnection,
        url: DatabaseURL,
        options: ConnectOptions,
        watch: Watch,
    ) -> None:
        super().__init__(driver, inner, url, options)
        self.watch = watch

    def lend(self, lease: object) -> Self:
        """Make the session of one loan or hook, observed like this one."""
        lent = super().lend(lease)
        lent.watch = self.watch
        return lent

    def _statement(self, sql: object, kind: StatementKind) -> Running[StatementEvent]:
        text, dialect = self._binder.show(sql), self._binder.dialect_of_session()
        return self.watch.statement(dialect, text, kind)

    # -- statements ------------------------------------------------------------------

    async def execute(
        self, sql: Text, params: Params, timeout: Seconds = None, *, plain: bool = False
    ) -> Result:
        """Run a statement; `plain` if its rows are read by position alone."""
        with self._statement(sql, "execute") as event:
            result = await super().execute(sql, params, timeout, plain=plain)
            event.rowcount = result.rowcount
            return result

    async def execute_many(
        self,
        sql: str,
        rows: Rows,
        *,
        exact_rowcount: bool = False,
        timeout: Seconds = None,
    ) -> Result:
        """Run a statement for each of `rows`, all or nothing."""
        with self._statement(sql, "executemany") as event:
            result = await super().execute_many(
                sql, rows, exact_rowcount=exact_rowcount, timeout=timeout
            )
            event.rowcount = result.rowcount
            return result

    async def load_rows(
        self, table: str | Sequence[str], columns: Sequence[str], rows: Rows
    ) -> int:
        """Load rows into a table, all or nothing; return their number."""
        parts = [table] if isinstance(table, str) else table
        with self._statement(f"INSERT INTO {'.'.join(parts)}", "load_rows") as event:
            event.rowcount = await super().load_rows(table, columns, rows)
            return event.rowcount

    async def execute_script(
        self, text: str, timeout: Seconds = None, *, transaction: bool = True
    ) -> Result:
        """Run the statements of a text one after another."""
        with self._statement(text, "executescript") as event:
            first = await super().execute_script(text, timeout, transaction=transaction)
            event.rowcount = first.rowcount
            return first

    async def execute_batch(
        self,
        steps: Sequence[Step],
        timeout: Seconds = None,
        *,
        transaction: bool | None = None,
    ) -> None:
        """Run statements together; each step gets its result or its error."""
        text = "; ".join(self._binder.show(step.sql) for step in steps)
        with self._statement(text, "batch"):
            await super().execute_batch(steps, timeout, transaction=transaction)

    async def open_stream(
        self, sql: Text, params: Params, timeout: Seconds = None, *, plain: bool = False
    ) -> OpenStream:
        """Run a statement whose rows are read in pieces."""
        running = self._statement(sql, "stream")
        running.__enter__()
        try:
            opened = await super().open_stream(sql, params, timeout, plain=plain)
        except BaseException as error:
            running.over(error)
            raise
        return _ObservedStream(opened, running)

    async def ping(self) -> None:
        """Ask the database for a sign of life, which is no statement of anybody's."""
        await super().execute("SELECT 1", None)

    # -- transactions ----------------------------------------------------------------

    def transaction(self, options: TransactionOptions) -> Transaction:
        """Make a block that is a transaction, or a savepoint inside another."""
        running = self.watch.transaction(self.dialect, options)
        return _ObservedTransaction(self, options, running)

    async def begin(self, options: TransactionOptions) -> None:
        """Begin a transaction."""
        with self._statement("BEGIN", "transaction"):
            await super().begin(options)

    async def commit(self) -> None:
        """Commit the transaction."""
        with self._statement("COMMIT", "transaction"):
            await super().commit()

    async def roll_back(self) -> None:
        """Roll the transaction back."""
        with self._statement("ROLLBACK", "transaction"):
            await super().roll_back()

    async def savepoint(self, sql: str) -> None:
        """Set or release a savepoint."""
        with self._statement(sql, "transaction"):
            await super().savepoint(sql)

    async def roll_back_to(self, name: str) -> None:
        """Roll back to a savepoint, and release it."""
        with self._statement(f"ROLLBACK TO SAVEPOINT {name}", "transaction"):
            await super().roll_back_to(name)


def session_over(
    driver: Driver,
    inner: DriverConnection,
    url: DatabaseURL,
    options: ConnectOptions,
    watch: Watch | None,
    *,
    host: DatabaseURL,
) -> Session:
    """Make a session, observed if there is a watch: of the host that it is on."""
    if watch is None:
        return Session(driver, inner, url, options)
    return ObservedSession(driver, inner, url, options, watch.at(host))


async def observed_opening(
    dialect: Dialect,
    url: DatabaseURL,
    options: ConnectOptions,
    pool: Callable[[], object],
    opener: Callable[[Watch | None], Awaitable[Session]],
) -> Session:
    """Open a session by `opener`, with an event around it if anybody wants to hear.

    Args:
        dialect: the driver's.
        url: with any number of hosts.
        options: whose observers there are.
        pool: gives the pool that it is for.
        opener: opens it; it gives the watch to `session_over()`.
    """
    watch = watch_for(options, url, pool)
    if watch is None:
        return await opener(None)
    with watch.connect(dialect) as event:
        session = await opener(watch)
        if isinstance(session, ObservedSession):
            session.watch.fill(event, session.dialect)
        return session


class _ObservedStream:
    """A stream whose observers hear of it from its opening to its end."""

    __slots__ = ("_left", "_opened", "_running")

    def __init__(self, opened: OpenStream, running: Running[StatementEvent]) -> None:
        self._opened = opened
        self._running = running
        self._left = perf_counter()  # when its reader got the last rows
        running.event.rowcount = 0

    @property
    def columns(self) -> tuple[tuple[str, Any], ...]:
        return self._opened.columns

    @property
    def decoding(self) -> Decoding:
        return self._opened.decoding

    async def fetch(self, size: int) -> list[Row]:
        running = self._running
        running.away += perf_counter() - self._left
        try:
            rows = await self._opened.fetch(size)
        except BaseException as error:
            running.failed(error)
            raise
        finally:
            self._left = perf_counter()
        running.event.rowcount += len(rows)
        return rows

    async def close(self) -> None:
        self._running.away += perf_counter() - self._left
        try:
            await self._opened.close()
        except BaseException as error:
            self._running.over(error)
            raise
        self._running.over()


class _ObservedTransaction(Transaction):
    """A block whose observers hear of its beginning and its end."""

    __slots__ = ("_running",)

    def __init__(
        self,
        host: Host,
        options: TransactionOptions,
        running: Running[TransactionEvent],
    ) -> None:
        super().__init__(host, options)
        self._running = running

    async def __aenter__(self) -> Self:
        if self._running.state == "new":  # else it is refused
            self._running.event.savepoint = self._next_name()
            self._running.__enter__()
        try:
            return await super().__aenter__()
        except BaseException as error:
            if self._state is _State.NEW:
                self._running.over(error)
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await super().__aexit__(kind, error, trace)
        except BaseException as failure:
            self._ended(failure)
            raise
        self._ended(error)

    async def commit(self) -> None:
        try:
            await super().commit()
        except BaseException as failure:
            self._ended(failure)
            raise
        self._ended(None)

    async def rollback(self) -> None:
        try:
            await super().rollback()
        except BaseException as failure:
            self._ended(failure)
            raise
        self._ended(None)

    def lost(self, error: BaseException | None) -> None:
        if error is None and self.is_open:  # ended by a statement, and who knows how
            self._running.event.outcome = "unknown"
        super().lost(error)

    async def _commit(self) -> None:
        event = self._running.event
        try:
            await super()._commit()
        except BaseException as error:
            causes = error, error.__cause__
            if any(isinstance(cause, errors.CommitUnknown) for cause in causes):
                event.outcome = "unknown"
            raise
        event.outcome = "committed"

    def _ended(self, error: BaseException | None) -> None:
        """Tell that the block is over, if it is."""
        if self._state is _State.OVER:
            event = self._running.event
            event.outcome = event.outcome or "rolled back"
            self._running.over(error)
