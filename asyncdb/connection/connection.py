"""The one public Connection, for every database."""

from __future__ import annotations

import asyncio
import contextlib
import os
import warnings
from typing import TYPE_CHECKING, Any, cast

from asyncdb import errors
from asyncdb.connection.bulk import ManyRows
from asyncdb.connection.cursor import Cursor, Params, Stream, Text
from asyncdb.connection.deadline import shorter
from asyncdb.connection.executor import Executor
from asyncdb.connection.transaction import Transaction
from asyncdb.options import Isolation, TransactionOptions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from asyncdb.dialect import Dialect
    from asyncdb.driver import Driver, DriverConnection, DriverCursor, SupportsPlainRows
    from asyncdb.options import ConnectOptions
    from asyncdb.url import DatabaseURL
    from asyncdb.values.rows import Row


class Connection(ManyRows, Executor):
    """One session of a database; `asyncdb.connect()` opens it.

    It serves one task at a time. Each statement commits by itself unless a
    `transaction()` is open. One that is lost raises `ConnectionLost` and never
    reconnects.

    Example:
        >>> import asyncio, asyncdb
        >>> async def main():
        ...     async with asyncdb.connect("sqlite://") as db:
        ...         return db.dialect.name, db.is_closed, db.in_transaction
        >>> asyncio.run(main())
        ('sqlite', False, False)
    """

    __slots__ = ("_manual", "_url")

    def __init__(
        self,
        driver: Driver,
        session: DriverConnection,
        url: DatabaseURL,
        options: ConnectOptions,
    ) -> None:
        super().__init__(driver, session, options)
        self._url = url
        self._manual: Transaction | None = None  # what begin() opened

    # -- state -----------------------------------------------------------------------

    @property
    def dialect(self) -> Dialect:
        """Facts about the database: `name`, `flavor`, `server_version`, ..."""
        return self._session.dialect

    @property
    def native(self) -> Any:
        """The driver's own connection, for what asyncdb does not do."""
        try:
            return self._session.native
        except Exception as error:
            found = self._failed(error, None)
            if found is error:
                raise
            raise found from error

    @property
    def url(self) -> DatabaseURL:
        """Where it is connected to; prints with the password hidden."""
        return self._url

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, as last heard from the database."""
        return self._session.in_transaction()

    @property
    def is_closed(self) -> bool:
        """Whether the connection is gone, closed by us or by the other side."""
        return self._session.is_closed()

    async def ping(self) -> None:
        """Ask the database for a sign of life.

        Raises:
            ConnectionLost: there was none, or the other side was gone before.
            ConnectionClosed: this side has closed the connection.
        """
        await self._execute("SELECT 1", None)

    async def close(self) -> None:
        """Close the connection; an open transaction is rolled back by the server.

        It takes `close_timeout` seconds at most. Closing twice is harmless.
        """
        session = self._session
        if self._process != os.getpid():  # a goodbye would end the parent's session
            raise self._elsewhere()
        if session.is_closed():
            session.terminate()
            return
        try:
            async with asyncio.timeout(self._options.close_timeout):
                await session.close()
        except Exception:  # noqa: BLE001  # gone is what was asked for
            session.terminate()
        except BaseException:
            session.terminate()
            raise

    # -- verbs -----------------------------------------------------------------------

    def cursor(self) -> Cursor:
        """Return an empty cursor: the PEP 249 shape.

        Returns:
            A cursor whose `execute()` runs on this connection.
        """
        return Cursor(self)

    def _streamer(self) -> Self:
        return self

    def transaction(
        self,
        *,
        isolation: Isolation | None = None,
        readonly: bool = False,
        deferrable: bool = False,
    ) -> Transaction:
        """Open a transaction for a block, or a savepoint inside another.

        Args:
            isolation: the SQL standard's level, the session's own when `None`.
            readonly: the database refuses writes.
            deferrable: PostgreSQL's DEFERRABLE; without effect elsewhere.

        Returns:
            An async context manager; see `Transaction`.
        """
        options = TransactionOptions(
            isolation=isolation, readonly=readonly, deferrable=deferrable
        )
        return Transaction(self, options)

    async def begin(
        self,
        *,
        isolation: Isolation | None = None,
        readonly: bool = False,
        deferrable: bool = False,
    ) -> None:
        """Open a transaction without a block; end it by `commit()` or `rollback()`.

        Args:
            isolation: the SQL standard's level, the session's own when `None`.
            readonly: the database refuses writes.
            deferrable: PostgreSQL's DEFERRABLE; without effect elsewhere.

        Raises:
            TransactionError: a transaction is open already.
        """
        if self._blocks or self.in_transaction:
            message = "a transaction is open already; transaction() sets a savepoint"
            raise errors.TransactionError(message)
        opened = self.transaction(
            isolation=isolation, readonly=readonly, deferrable=deferrable
        )
        await opened.__aenter__()
        self._manual = opened

    async def commit(self) -> None:
        """Commit what `begin()` opened.

        Raises:
            TransactionError: nothing is open, or only rollback is left.
            CommitUnknown: COMMIT was sent and its answer never came.
        """
        opened = self._opened()
        if opened is None:
            await self._commit()
        else:
            self._manual = None
            await opened.__aexit__(None, None, None)

    async def rollback(self) -> None:
        """Roll back what `begin()` opened.

        Raises:
            TransactionError: nothing is open.
        """
        opened = self._opened()
        if opened is None:
            await self._rollback()
        else:
            self._manual = None
            try:
                await opened.rollback()
            finally:
                self._blocks.clear()

    def _opened(self) -> Transaction | None:
        """Find what begin() opened; `None` for a BEGIN that was sent as text."""
        if self._blocks[:1] == [self._manual] and len(self._blocks) == 1:
            return self._manual
        if self._blocks:
            message = (
                "a transaction() block is open: it ends by itself, or by tx.commit()"
            )
            raise errors.TransactionError(message)
        if not self.in_transaction:
            message = (
                "no transaction is open: outside begin() and transaction() each "
                "statement commits by itself"
            )
            raise errors.TransactionError(message)
        return None

    # -- streams ---------------------------------------------------------------------

    async def _open_stream(
        self, stream: Stream[Any], sql: Text, params: Params
    ) -> DriverCursor:
        async def work(session: DriverConnection) -> DriverCursor:
            statement, args = await self._bind(session, sql, params)
            if stream.is_typed and self._plain:
                plainly = cast("SupportsPlainRows", session)
                return await plainly.open_plain_cursor(statement, args)
            return await session.open_cursor(statement, args)

        seconds = shorter(stream.timeout, self._backstop)
        cursor: DriverCursor = await self._guarded(work, sql, seconds)
        self._stream = stream
        stream.decoding = self._decoding
        return cursor

    async def _read_stream(self, cursor: DriverCursor, size: int) -> list[Row]:
        with self._inside_stream() as stream:
            rows: list[Row] = await self._guarded(
                lambda _: cursor.fetch(size),
                stream._sql,
                shorter(stream.timeout, self._backstop),
            )
        return rows

    async def _close_stream(self, cursor: DriverCursor) -> None:
        self._stream = None
        if self._session.is_closed():
            return
        limit = self._options.close_timeout
        await self._guarded(lambda _: cursor.close(), seconds=limit)

    @contextlib.contextmanager
    def _inside_stream(self) -> Iterator[Stream[Any]]:
        if self._task is not None:
            raise self._busy(asyncio.current_task())
        stream, self._stream = self._stream, None
        assert stream is not None  # noqa: S101  # it reads by this one
        try:
            yield stream
        finally:
            self._stream = stream

    # -- the end ---------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Return the connection."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connection."""
        await self.close()

    def __del__(self) -> None:
        """Warn about a connection that nobody closed, and cut it."""
        session = getattr(self, "_session", None)
        if session is None or session.is_closed() or self._process != os.getpid():
            return
        message = f"{self!r} was never closed: use `async with`, or await close()"
        warnings.warn(message, ResourceWarning, source=self, stacklevel=1)
        with contextlib.suppress(Exception):  # its loop may be gone
            session.terminate()

    def __repr__(self) -> str:
        """Show where it is connected to and what it is doing, without a password."""
        if self.is_closed:
            state = "closed"
        elif self._task is not None or self._stream is not None:
            state = "busy"
        else:
            state = "in transaction" if self.in_transaction else "idle"
        return f"<asyncdb.Connection {self._url} {state}>"
