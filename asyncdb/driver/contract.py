"""THE CONTRACT: what a driver must provide; in `supports`, what it may besides.

A driver is one object that satisfies `Driver`, registered under the entry-point group
`asyncdb.drivers` with its URL scheme as the entry's name. The core does the rest:
parameters, values, rows' types, transactions' nesting, errors' wrapping, the guard
against two tasks on one connection. A driver is called by one task at a time.

Rules that every member keeps:

1. It may raise what its library raises; the core passes each exception to `translate`.
2. After an exception, a cancellation included, the connection is clean (it serves the
   next statement, and no answer of the old one is left on the wire) or closed
   (`is_closed()` is true). There is no third state.
3. Cancelled, it returns promptly and stops the work on the server.
4. Results are plain data: nothing that is handed out is tied to a lock or a thread.

Every member is abstract: a class that inherits a protocol and forgets a member cannot
be instantiated. A driver may also just match the shape, without inheriting.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from asyncdb.dialect import Dialect, Lexis
from asyncdb.errors import Error
from asyncdb.options import ConnectOptions, TransactionOptions
from asyncdb.sql.statement import Statement
from asyncdb.url import DatabaseURL
from asyncdb.values import Decoding
from asyncdb.values.rows import Row


class Result:
    """What a statement gave, whole.

    Args:
        columns: `(name, type code)` of each column, or `None` when the statement gives
            no rows by its nature. An empty result has its columns.
        rows: the rows; empty without columns.
        rowcount: rows matched (UPDATE, DELETE), inserted or returned; -1 for unknown.
        lastrowid: the key made by an INSERT of this very call, else `None`.
        following: what a procedure gave after this, if the engine has such.
    """

    # `decoding` is the core's: how these rows are read `into=` something.
    __slots__ = ("columns", "decoding", "following", "lastrowid", "rowcount", "rows")
    decoding: Decoding

    def __init__(
        self,
        columns: tuple[tuple[str, Any], ...] | None,
        rows: list[Row],
        rowcount: int,
        lastrowid: int | None = None,
        following: Result | None = None,
    ) -> None:
        self.columns = columns
        self.rows = rows
        self.rowcount = rowcount
        self.lastrowid = lastrowid
        self.following = following


class Command(NamedTuple):
    """One statement of a batch, ready to be sent.

    Args:
        statement: the statement.
        args: its encoded values, as `execute` takes them.
        plain: its rows may be tuples (see `SupportsPlainRows`).
    """

    statement: Statement
    args: Sequence[Any]
    plain: bool


class Description(NamedTuple):
    """What a statement takes and gives, learnt without running it.

    Args:
        columns: `(name, type code)` of each column, as a result of the statement has
            them; `None` when it gives no rows, or the database tells them only when
            it runs, as SQLite and MariaDB do of RETURNING.
        parameters: how many values it takes; a `:name` that is repeated is one.

    Example:
        >>> import asyncio, asyncdb
        >>> async def main():
        ...     async with asyncdb.connect("sqlite://") as db:
        ...         return await db.describe("SELECT 1 AS one WHERE 2 > ?")
        >>> asyncio.run(main())
        Description(columns=(('one', None),), parameters=1)
    """

    columns: tuple[tuple[str, Any], ...] | None
    parameters: int


class DriverCursor(Protocol):
    """A result read in pieces, in constant memory."""

    @property
    @abstractmethod
    def columns(self) -> tuple[tuple[str, Any], ...]:
        """`(name, type code)` of each column; known before the first `fetch()`."""

    @abstractmethod
    async def fetch(self, size: int) -> list[Row]:
        """The next rows, at most `size`; the empty list says that it is over."""

    @abstractmethod
    async def close(self) -> None:
        """Leave the result, read to its end or not, without reading what is left.

        The connection serves the next statement afterwards. Closing twice is harmless.
        """


class DriverConnection(Protocol):
    """One session of a database."""

    @property
    @abstractmethod
    def dialect(self) -> Dialect:
        """The driver's dialect with what this server told, such as its version."""

    @property
    @abstractmethod
    def native(self) -> Any:
        """The library's own connection."""

    @property
    @abstractmethod
    def lexis(self) -> Lexis:
        """How this session's text is quoted, as far as it is known without asking."""

    @abstractmethod
    async def read_lexis(self) -> Lexis:
        """The same, sure: ask the server where somebody may have changed it.

        Called only before a text that holds a backslash, the one character whose
        meaning a session can change.
        """

    @abstractmethod
    async def execute(self, statement: Statement, args: Sequence[Any]) -> Result:
        """Run a statement in one round trip and give its whole result.

        `args` are encoded values in the order of `statement.order` (for literal
        placeholders: rendered literals in the order of `statement.keys`).
        """

    @abstractmethod
    async def execute_many(
        self, statement: Statement, rows: Sequence[Sequence[Any]]
    ) -> int:
        """Run a statement for each of `rows`, in as few round trips as possible.

        All or nothing: outside a transaction a failure leaves no row behind.
        Returns the rows matched or inserted, -1 when unknown.
        """

    @abstractmethod
    async def open_cursor(
        self, statement: Statement, args: Sequence[Any]
    ) -> DriverCursor:
        """Run a statement and read its result in pieces."""

    @abstractmethod
    async def begin(self, options: TransactionOptions) -> None:
        """Open a transaction; the core has checked that none is open."""

    @abstractmethod
    async def commit(self) -> None:
        """Commit; raises `TransactionError` when the server rolled back instead."""

    @abstractmethod
    async def rollback(self) -> None:
        """Roll back; harmless when no transaction is open."""

    @abstractmethod
    def in_transaction(self) -> bool:
        """Whether a transaction is open, as last heard from the server. No I/O."""

    @abstractmethod
    def is_closed(self) -> bool:
        """Whether the session is over, by us or by the other side. No I/O."""

    @abstractmethod
    async def close(self) -> None:
        """Say goodbye and close; harmless when closed. The core bounds its time."""

    @abstractmethod
    def terminate(self) -> None:
        """Close at once, without waiting for anybody; harmless when closed."""


# -- what a connection may also have ---------------------------------------------------


class Driver(Protocol):
    """What an entry point of the group `asyncdb.drivers` names."""

    @property
    @abstractmethod
    def dialect(self) -> Dialect:
        """The facts that hold for every server of this kind."""

    @property
    @abstractmethod
    def options(self) -> type[ConnectOptions]:
        """The options that `connect()` takes."""

    @abstractmethod
    async def connect(
        self, url: DatabaseURL, options: ConnectOptions
    ) -> DriverConnection:
        """Open a session in the portable state (design: the portable session).

        `url` has one host at most; several are tried by the core, each within its share
        of `connect_timeout`. Cancelled, it leaves no socket, thread or file open.
        """

    @abstractmethod
    def translate(self, error: BaseException) -> Error | None:
        """asyncdb's error for the library's, `None` for one that is not of it.

        The message holds no value of a row or parameter. The core sets `.sql` and
        `__cause__`.
        """
