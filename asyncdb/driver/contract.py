"""THE CONTRACT: what a driver must provide, and what it may.

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
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from asyncdb.dialect import Dialect, Lexis
from asyncdb.driver.roles import Role
from asyncdb.errors import ConnectionLost, Error
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


@runtime_checkable
class SupportsLoad(Protocol):
    """A way to load rows faster than by INSERT; without it there are INSERTs."""

    @abstractmethod
    async def load_rows(
        self,
        table: Sequence[str],
        columns: Sequence[str],
        batches: AsyncIterator[Sequence[Sequence[Any]]],
    ) -> int:
        """Load encoded rows, all or none; return their number.

        `table` and `columns` are names, not quoted yet; `table` has its schema first.
        """


@runtime_checkable
class SupportsBatch(Protocol):
    """A way to send statements together; without it they go one after another."""

    @abstractmethod
    async def execute_batch(
        self,
        commands: Sequence[Command],
        outcomes: list[Result | Exception],
        *,
        begin: bool,
    ) -> bool:
        """Run statements, waiting as seldom as possible; `False` to decline.

        `outcomes` is empty; each statement's result, or the library's exception for it,
        is appended in their order as soon as it is known. What is raised has ended all
        of it, and `outcomes` tells how far it came. In a transaction the first failure
        is the last outcome: the core undoes what ran, before it and behind it. Outside,
        each statement commits by itself, whatever becomes of the others.

        `begin` has a transaction opened first, which the core has checked is not open;
        the core ends it, unless the driver commits itself. It may when it has a result
        of each statement, and says so by one outcome more, appended before COMMIT is
        sent: the exception if that failed, or none at all if the core is to try it.
        Declined, nothing was sent.
        """


@runtime_checkable
class SupportsExactCount(Protocol):
    """A slower `execute_many` that counts; without it, `execute_many` counts always."""

    @abstractmethod
    async def execute_many_exactly(
        self, statement: Statement, rows: Sequence[Sequence[Any]]
    ) -> int:
        """Like `execute_many`, and return how many rows it matched or inserted."""


@runtime_checkable
class SupportsPlainRows(Protocol):
    """Rows as tuples, which are made faster; without it all are `Row`s.

    The core asks for them where it reads them by position alone, `into` something.
    """

    @abstractmethod
    async def execute_plain(self, statement: Statement, args: Sequence[Any]) -> Result:
        """Like `execute`, with tuples for rows."""

    @abstractmethod
    async def open_plain_cursor(
        self, statement: Statement, args: Sequence[Any]
    ) -> DriverCursor:
        """Like `open_cursor`, with tuples for rows."""


@runtime_checkable
class SupportsReset(Protocol):
    """A way to give a session back as new to a pool; without it the pool opens another.

    It is called only when something may have touched the session (see
    `Dialect.harmless_verbs`), when the driver's own connection was handed out, or when
    the pool's option `reset` says always.
    """

    @abstractmethod
    async def reset(self) -> bool:
        """Bring the session back to the state it had after `connect()`.

        No transaction is open. `False` says that it cannot be done, or costs more than
        another session: then the pool closes this one. The core bounds its time.
        """


@runtime_checkable
class SupportsDeparture(Protocol):
    """A way to know when the server has let go of a session that is closed here.

    A server notices late that a line was cut, and a statement may go on for a while. A
    pool opens no session in the place of one that is not gone; without this member it
    takes a session for gone when it is closed.
    """

    @abstractmethod
    async def departed(self) -> None:
        """Wait until the session is gone at the server, as far as that can be known.

        Called when the connection is closed. The core bounds its time. It opens no more
        than two lines to the server at a time, for all sessions of an account together.
        """


@runtime_checkable
class SupportsLastWords(Protocol):
    """A way to tell who has ended a session; without it, it is taken to be this side.

    It is called only when `is_closed()` is true.
    """

    @abstractmethod
    def last_words(self) -> ConnectionLost | None:
        """The error for a session that the other side or the network has ended.

        With the reason that the server gave, if it did. `None` says that `close()` or
        `terminate()` ended it, or that the driver cut it.
        """


@runtime_checkable
class SupportsRole(Protocol):
    """A way to tell what a server is; without it only `any` server can be asked for.

    Where `options.target_session_attrs` is not `any`, `connect()` learns it, in a round
    trip that it pays anyway if there is one.
    """

    @property
    @abstractmethod
    def role(self) -> Role | None:
        """What the server was when the session was opened. No I/O.

        As a transaction of this session finds it: what the session's own settings say
        of reading and writing counts. `None` where nobody has asked.
        """

    @abstractmethod
    async def read_role(self) -> Role:
        """Ask the server what it is now, in one round trip.

        What only this session has set (`SET default_transaction_read_only`) does not
        count here. Called when no transaction is open. The core bounds its time.
        """


@runtime_checkable
class SupportsAddresses(Protocol):
    """A driver that can connect to one address of a name.

    Then the core looks a name up, anew each time, and tries its addresses one after
    another, each in a share of `connect_timeout`. Without it the library is given the
    name.
    """

    @abstractmethod
    async def connect_to(
        self, address: str, url: DatabaseURL, options: ConnectOptions
    ) -> DriverConnection:
        """Like `connect()`, to this IP address, which `url.host` is one name of.

        TLS checks the certificate for the name. What the session does later over
        another line, such as to stop a statement, goes to the same address.
        """


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
