"""What a driver may have besides: the core looks whether its objects have the methods.

Each is worth its code only where it is faster, keeps more, or tells more.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol, runtime_checkable

from asyncdb.driver.contract import (
    Command,
    Description,
    DriverConnection,
    DriverCursor,
    Result,
)
from asyncdb.driver.roles import Role
from asyncdb.errors import ConnectionLost
from asyncdb.options import ConnectOptions
from asyncdb.sql.statement import Statement
from asyncdb.url import DatabaseURL


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
class SupportsDescribe(Protocol):
    """A way to learn what a statement takes and gives; without it nobody can ask."""

    @abstractmethod
    async def describe(self, statement: Statement) -> Description:
        """Have the database prepare a statement, tell what it is, and forget it.

        It is never run: no row is read or written, no function called, no transaction
        opened that was not. A statement that cannot be prepared raises as it would in
        `execute`.
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
