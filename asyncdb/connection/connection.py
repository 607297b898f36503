"""The one public Connection, for every database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asyncdb import errors
from asyncdb.connection.cursor import Cursor
from asyncdb.connection.executor import Executor
from asyncdb.connection.transaction import Transaction

if TYPE_CHECKING:
    from typing import Self

    from asyncdb.connection.session import Session
    from asyncdb.driver import Description
    from asyncdb.options import Isolation
    from asyncdb.url import DatabaseURL


class Connection(Executor[str, Transaction]):
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

    __slots__ = ("__weakref__", "_manual", "_session")

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._manual: Transaction | None = None  # what begin() opened

    # -- state -----------------------------------------------------------------------

    @property
    def native(self) -> Any:
        """The driver's own connection, for what asyncdb does not do."""
        return self._session.native

    @property
    def url(self) -> DatabaseURL:
        """Where it is connected to; prints with the password hidden."""
        return self._session.url

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, as last heard from the database."""
        return self._session.has_transaction()

    @property
    def is_closed(self) -> bool:
        """Whether the connection is gone, closed by us or by the other side."""
        return self._session.inner.is_closed()

    async def ping(self) -> None:
        """Ask the database for a sign of life.

        Raises:
            ConnectionLost: there was none, or the other side was gone before.
            ConnectionClosed: this side has closed the connection.
        """
        await self._session.ping()

    async def close(self) -> None:
        """Close the connection; an open transaction is rolled back by the server.

        It takes `close_timeout` seconds at most. Closing twice is harmless.
        """
        await self._session.close()

    # -- statements that are not run -------------------------------------------------

    async def describe(self, sql: str, *, parameters: bool = True) -> Description:
        """Have the database prepare a statement, and learn what it takes and gives.

        It is not run: nothing is read or written, also by INSERT ... RETURNING.

        Args:
            sql: one statement, with `?` or `:name` for its values.
            parameters: `False` reads it as `execute()` does without parameters: there
                are no markers, and a `?` is an operator.

        Returns:
            Its columns, named and typed as in `Cursor.description`, and the number of
            its parameters.

        Raises:
            ProgrammingError: the database refuses the statement.
            NotSupportedError: the driver, or the database, has no way to tell.

        Example:
            >>> import asyncio, asyncdb
            >>> async def main():
            ...     async with asyncdb.connect("sqlite://") as db:
            ...         found = await db.describe("SELECT 1 AS one, :a AS two, :a")
            ...         return [name for name, _ in found.columns], found.parameters
            >>> asyncio.run(main())
            (['one', 'two', 'NULL'], 1)
        """
        return await self._session.describe(sql, parameters=parameters)

    # -- statements by cursor, transactions without a block --------------------------

    def cursor(self) -> Cursor:
        """Return an empty cursor: the PEP 249 shape.

        Returns:
            A cursor whose `execute()` runs on this connection.
        """
        return Cursor(self._session)

    async def begin(
        self,
        *,
        isolation: Isolation | None = None,
        readonly: bool = False,
        deferrable: bool = False,
    ) -> None:
        """Open a transaction without a block; end it by `commit()` or `rollback()`.

        Args:
            isolation: as for `transaction()`.
            readonly: as for `transaction()`.
            deferrable: as for `transaction()`.

        Raises:
            TransactionError: a transaction is open already.
        """
        if self._session.blocks or self.in_transaction:
            message = "a transaction is open already; transaction() sets a savepoint"
            raise errors.TransactionError(message)
        opened = self.transaction(
            isolation=isolation, readonly=readonly, deferrable=deferrable
        )
        self._manual = await opened.__aenter__()

    async def commit(self) -> None:
        """Commit what `begin()` opened.

        Raises:
            TransactionError: nothing is open, or only rollback is left.
            CommitUnknown: COMMIT was sent and its answer never came.
        """
        opened = self._opened()
        if opened is None:
            await self._session.commit()
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
            await self._session.roll_back()
        else:
            self._manual = None
            try:
                await opened.rollback()
            finally:
                self._session.blocks.clear()

    def _opened(self) -> Transaction | None:
        """Find what begin() opened; `None` for a BEGIN that was sent as text."""
        blocks = self._session.blocks
        if blocks[:1] == [self._manual] and len(blocks) == 1:
            return self._manual
        if blocks:
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

    # -- the end ---------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Return the connection."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connection."""
        await self.close()

    def __repr__(self) -> str:
        """Show where it is connected to and what it is doing, without a password."""
        return repr(self._session)
