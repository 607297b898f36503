"""What a pool lends: a session for a while, in a `Connection` that ends with it."""

from __future__ import annotations

import asyncio
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from asyncdb import errors
from asyncdb.connection import Connection
from asyncdb.connection.bulk import ManyRows
from asyncdb.connection.session import Session
from asyncdb.connection.transaction import Transaction
from asyncdb.driver import SupportsReset

if TYPE_CHECKING:
    import weakref
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from asyncdb.connection.cursor import Params, Stream, Text
    from asyncdb.dialect import Dialect
    from asyncdb.driver import Driver, DriverConnection, DriverCursor
    from asyncdb.options import ConnectOptions, PoolOptions, TransactionOptions
    from asyncdb.sql import Statement, Style
    from asyncdb.url import DatabaseURL
    from asyncdb.values.rows import Row

T = TypeVar("T")

# What belongs to one loan; all else of a connection is its session's.
_OWN: Final = {"__weakref__", "_blocks", "_stream", "_task", "_manual", "_lexis"}
_SHARED: Final = tuple(
    name
    for kind in (Session, ManyRows, Connection)
    for name in kind.__slots__
    if name not in _OWN
)
_shared: Final = attrgetter(*_SHARED)


class Returned:
    """Stands for the session in a connection whose loan is over."""

    farewell = (
        "this connection was returned to the pool: use it only inside its block, or "
        "acquire another"
    )

    __slots__ = ("dialect", "lexis")

    def __init__(self, session: DriverConnection) -> None:
        self.dialect = session.dialect
        self.lexis = session.lexis

    @property
    def native(self) -> Any:
        """Refuse."""
        raise errors.ConnectionClosed(self.farewell)

    def is_closed(self) -> bool:
        """Tell that it is over."""
        return True

    def in_transaction(self) -> bool:
        """Tell that nothing is open in it."""
        return False

    def terminate(self) -> None:
        """Leave the session to the pool."""


class Lent(Connection):
    """A connection of a pool, which notices what is left behind in its session."""

    __slots__ = ("_lease", "_lost", "_touched")

    # A statement ran, or the driver's connection was handed out, that may have left
    # something in the session for the next borrower to find.
    _touched: bool
    # The line was cut while it was lent, by the other side.
    _lost: bool
    # `None` for the connection that the pool's own verbs use.
    _lease: Lease | None

    def __init__(
        self,
        driver: Driver,
        session: DriverConnection,
        url: DatabaseURL,
        options: ConnectOptions,
    ) -> None:
        super().__init__(driver, session, url, options)
        self._touched = self._lost = False
        self._lease = None

    @classmethod
    def of(cls, lease: Lease) -> Lent:
        """Make a connection for one loan: a coat, for the session is there."""
        db = cls.__new__(cls)
        for name, value in zip(_SHARED, _shared(lease.db), strict=True):
            setattr(db, name, value)
        db._blocks = []
        db._stream = db._task = db._manual = None
        db._lexis = lease.session.lexis
        db._touched = db._lost = False
        db._lease = lease
        return db

    @property
    def native(self) -> Any:
        """The driver's own connection, for what asyncdb does not do."""
        self._touched = True
        return super().native

    def end(self) -> None:
        """Refuse all use from now on."""
        assert self._lease is not None  # noqa: S101  # it was lent
        self._session = self._lease.returned

    def __del__(self) -> None:
        """Warn about a connection that nobody gave back; the pool warns of its own."""
        if getattr(self, "_lease", None) is not None:
            super().__del__()

    def _prepare(self, sql: str, style: Style) -> Statement:
        statement = super()._prepare(sql, style)
        if not self._touched:
            self._touched = touches(statement, self._session.dialect)
        return statement

    def _failed(self, error: BaseException, sql: Text | None) -> BaseException:
        found = super()._failed(error, sql)
        if isinstance(found, errors.ConnectionLost):
            self._lost = True
        return found


def touches(statement: Statement, dialect: Dialect) -> bool:
    """Tell whether a statement may leave something behind in its session."""
    words, mark = dialect.touching_words, dialect.touching_mark
    return (
        statement.verb not in dialect.harmless_verbs
        or statement.multiple
        or not words.isdisjoint(statement.words)
        or not words.isdisjoint(statement.names)
        or (mark != "" and mark in statement.sql)
    )


class Lease:
    """A session in a pool, and what the pool remembers of it.

    Args:
        owner: the pool's keeper.
        db: the connection that the pool's own verbs use; nobody else gets it.
        session: the driver's session.
        expires: when it has lived long enough, on the loop's clock.
        generation: the pool's generation in which it was last known to be alive.
        idle_since: when it was last used.
    """

    __slots__ = (
        *("alarm", "borrowed", "borrower", "can_reset", "db", "dirty", "expires"),
        *("generation", "idle_since", "owner", "reason", "returned", "session"),
    )

    def __init__(
        self,
        owner: object,
        db: Lent,
        session: DriverConnection,
        *,
        expires: float,
        generation: int,
        idle_since: float,
    ) -> None:
        self.owner = owner
        self.db = db
        self.session = session
        self.expires = expires
        self.generation = generation
        self.idle_since = idle_since
        self.returned: Any = Returned(session)
        self.can_reset = isinstance(session, SupportsReset)
        # Why it leaves the pool; "" as long as it is to stay.
        self.reason = ""
        # It must be reset before it is lent again; else a sign of life is enough.
        self.dirty = False
        # The loan: whose it is, how to warn of a leak, and how to see a forgotten one.
        self.borrower: asyncio.Task[Any] | None = None
        self.borrowed: weakref.ref[Lent] | None = None
        self.alarm: asyncio.TimerHandle | None = None


# -- what the pool hands out besides connections ---------------------------------------


class Lender(Protocol):
    """What these stand on: the pool."""

    _options: PoolOptions

    async def _borrow(self, timeout: float | None) -> Lent: ...

    async def _give_back(self, db: Lent, error: BaseException | None) -> None: ...


class Acquiring:
    """What `pool.acquire()` returns: use it in `async with`, or await it."""

    __slots__ = ("_db", "_pool", "_timeout")

    def __init__(self, pool: Lender, timeout: float | None) -> None:
        self._pool = pool
        self._timeout = timeout
        self._db: Lent | None = None

    def __await__(self) -> Any:
        """Borrow a connection; `pool.release()` gives it back."""
        return self._pool._borrow(self._timeout).__await__()

    async def __aenter__(self) -> Connection:
        """Borrow a connection."""
        self._db = await self._pool._borrow(self._timeout)
        return self._db

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give it back."""
        db, self._db = self._db, None
        if db is not None:
            await self._pool._give_back(db, error)


class PoolTransaction:
    """What `pool.transaction()` returns: a connection inside a transaction."""

    __slots__ = ("_db", "_options", "_pool", "_tx")

    def __init__(self, pool: Lender, options: TransactionOptions) -> None:
        self._pool = pool
        self._options = options
        self._db: Lent | None = None
        self._tx: Transaction

    async def __aenter__(self) -> Connection:
        """Borrow a connection and begin."""
        if self._db is not None:
            message = "a transaction() is for one block; call transaction() again"
            raise errors.TransactionError(message)
        db = self._db = await self._pool._borrow(self._pool._options.acquire_timeout)
        self._tx = Transaction(db, self._options)
        try:
            await self._tx.__aenter__()
        except BaseException as error:
            await self._pool._give_back(db, error)
            raise
        return db

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Commit or roll back, and give the connection back."""
        assert self._db is not None  # noqa: S101  # it was entered
        try:
            await self._tx.__aexit__(kind, error, trace)
        except BaseException as failure:
            await self._pool._give_back(self._db, failure)
            raise
        await self._pool._give_back(self._db, error)


class PoolStreamer:
    """What a pool's stream reads through: a connection for the length of its block."""

    __slots__ = ("_db", "_pool")

    def __init__(self, pool: Lender) -> None:
        self._pool = pool
        self._db: Lent | None = None

    async def _open_stream(
        self, stream: Stream[Any], sql: Text, params: Params
    ) -> DriverCursor:
        db = await self._pool._borrow(self._pool._options.acquire_timeout)
        self._db = db

        def work() -> Awaitable[DriverCursor]:
            return db._open_stream(stream, sql, params)

        return await self._or_give_back(db, work)

    async def _read_stream(self, cursor: DriverCursor, size: int) -> list[Row]:
        assert self._db is not None  # noqa: S101  # it was opened
        return await self._db._read_stream(cursor, size)

    async def _close_stream(self, cursor: DriverCursor) -> None:
        db, self._db = self._db, None
        assert db is not None  # noqa: S101  # it was opened
        await self._or_give_back(db, lambda: db._close_stream(cursor))
        await self._pool._give_back(db, None)

    async def _or_give_back(self, db: Lent, work: Callable[[], Awaitable[T]]) -> T:
        try:
            return await work()
        except BaseException as error:
            await self._pool._give_back(db, error)
            raise
