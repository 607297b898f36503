"""What a pool hands out: a connection, a transaction or a stream, for a block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asyncdb import errors
from asyncdb.connection import Connection, Transaction

if TYPE_CHECKING:
    from types import TracebackType

    from asyncdb.connection.runner import OpenStream
    from asyncdb.connection.session import Session
    from asyncdb.options import TransactionOptions
    from asyncdb.pool.checkout import Checkout
    from asyncdb.values import Decoding
    from asyncdb.values.rows import Row


class Acquiring:
    """What `pool.acquire()` returns: use it in `async with`, or await it."""

    __slots__ = ("_checkout", "_session", "_timeout")

    def __init__(self, checkout: Checkout, timeout: float | None) -> None:
        self._checkout = checkout
        self._timeout = timeout
        self._session: Session | None = None

    def __await__(self) -> Any:
        """Borrow a connection; `pool.release()` gives it back."""
        return self._borrow().__await__()

    async def __aenter__(self) -> Connection:
        """Borrow a connection."""
        db = await self._borrow()
        self._session = db._session
        return db

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give it back."""
        session, self._session = self._session, None
        if session is not None:
            await self._checkout.give_back(session, error)

    async def _borrow(self) -> Connection:
        return Connection(await self._checkout.borrow(self._timeout))


class PoolTransaction:
    """What `pool.transaction()` returns: a connection inside a transaction."""

    __slots__ = ("_block", "_checkout", "_options", "_session")

    def __init__(self, checkout: Checkout, options: TransactionOptions) -> None:
        self._checkout = checkout
        self._options = options
        self._session: Session | None = None
        self._block: Transaction

    async def __aenter__(self) -> Connection:
        """Borrow a connection and begin."""
        if self._session is not None:
            message = "a transaction() is for one block; call transaction() again"
            raise errors.TransactionError(message)
        session = self._session = await self._checkout.borrow()
        self._block = session.transaction(self._options)
        try:
            await self._block.__aenter__()
        except BaseException as error:
            await self._checkout.give_back(session, error)
            raise
        return Connection(session)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Commit or roll back, and give the connection back."""
        session = self._session
        assert session is not None  # noqa: S101  # it was entered
        try:
            await self._block.__aexit__(kind, error, trace)
        except BaseException as failure:
            await self._checkout.give_back(session, failure)
            raise
        await self._checkout.give_back(session, error)


class PoolStream:
    """An open stream of a pool, with the connection that it has for its length."""

    __slots__ = ("_checkout", "_opened", "_session")

    def __init__(
        self, checkout: Checkout, session: Session, opened: OpenStream
    ) -> None:
        self._checkout = checkout
        self._session = session
        self._opened = opened

    @property
    def columns(self) -> tuple[tuple[str, Any], ...]:
        """`(name, type code)` of each column."""
        return self._opened.columns

    @property
    def decoding(self) -> Decoding:
        """How the rows are read `into` something."""
        return self._opened.decoding

    async def fetch(self, size: int) -> list[Row]:
        """Return the next rows, at most `size`; the empty list says that it is over."""
        return await self._opened.fetch(size)

    async def close(self) -> None:
        """Leave the result, and give the connection back."""
        try:
            await self._opened.close()
        except BaseException as error:
            await self._checkout.give_back(self._session, error)
            raise
        await self._checkout.give_back(self._session, None)
