"""What an application sees of its connections: events, and the shapes of observers.

An observer is a plain object with any of the methods `connect`, `acquire`, `statement`
and `transaction`. Each is called when something begins, with the event. What it
returns, if anything, is called with the same event when that is over, in the reverse
order of the observers: so that a span may be the current one in between.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias

from asyncdb.errors import URLError

if TYPE_CHECKING:
    from asyncdb.dialect import Dialect

EVENTS: Final = ("connect", "acquire", "statement", "transaction")

StatementKind = Literal[
    "execute",
    "executemany",
    "executescript",
    "batch",
    "load_rows",
    "stream",
    "transaction",
]


@dataclass(slots=True, kw_only=True, eq=False)
class Event:
    """Something that takes time: a connection is opened, or taken from a pool.

    It holds no value of a parameter or a row, and no password. An event is for reading;
    the fields from `duration` on are there when it is over.

    Args:
        dialect: facts about the database: `name`, `flavor`, and once connected
            `server_version`.
        host: the server's name or address, of a socket its path; `None` for a file. Of
            several hosts it is the first until one has been connected to.
        port: the server's port, `None` for the usual one.
        database: the database's name; for SQLite the path of its file.
        pool: the `Pool`, `None` for a connection of its own.
        duration: seconds from its beginning to its end.
        error: the class of what ended it, such as `UniqueViolation` or
            `asyncio.CancelledError`; `None` when it ended well. The error itself is
            not here: what the server said may hold values.
        sqlstate: the SQLSTATE, where the error has one.
        code: the engine's own code of the error, where it has one.

    Example:
        >>> import asyncio, asyncdb
        >>> class Opened:
        ...     def connect(self, event):
        ...         return lambda event: print(event.dialect.name, event.error)
        >>> async def main():
        ...     async with asyncdb.connect("sqlite://", observers=[Opened()]):
        ...         pass
        >>> asyncio.run(main())
        sqlite None
    """

    dialect: Dialect = field(repr=False)
    host: str | None = None
    port: int | None = None
    database: str | None = None
    pool: Any = field(default=None, repr=False)
    duration: float = 0.0
    error: type[BaseException] | None = None
    sqlstate: str | None = None
    code: str | int | None = None

    @property
    def system(self) -> str:
        """The product: `"postgresql"`, `"mysql"`, `"mariadb"`, `"sqlite"`, ..."""
        return self.dialect.flavor or self.dialect.name


@dataclass(slots=True, kw_only=True, eq=False)
class StatementEvent(Event):
    """A statement: one call of one verb, whatever it takes.

    Args:
        sql: the text as it was given; of a template, with names for its values. BEGIN,
            COMMIT, ROLLBACK and savepoints have theirs, too.
        kind: which verb: `"execute"` (and all that fetch), `"executemany"`,
            `"executescript"` and `"batch"` (all statements together), `"load_rows"`,
            `"stream"` (from its opening to its end), or `"transaction"` for what a
            block sends.
        rowcount: as a cursor's; of a stream, the rows that were read; -1 for unknown.
        waited: seconds of `duration` in which the database had to answer. Less than all
            of them for a stream alone: there its reader takes some.

    Example:
        >>> import asyncio, asyncdb
        >>> class Statements:
        ...     def statement(self, event):
        ...         return self.over
        ...     def over(self, event):
        ...         print(event.sql, event.kind, event.rowcount)
        >>> async def main():
        ...     async with asyncdb.connect("sqlite://", observers=[Statements()]) as db:
        ...         await db.fetchval("SELECT ?", ["secret"])
        >>> asyncio.run(main())
        SELECT ? execute 1
    """

    sql: str
    kind: StatementKind
    rowcount: int = -1
    waited: float = 0.0


@dataclass(slots=True, kw_only=True, eq=False)
class TransactionEvent(Event):
    """A block of `transaction()`, or what `begin()` opened, to its end.

    Args:
        savepoint: its name, "" for the transaction itself.
        isolation: the level that was asked for.
        readonly: whether writes are refused in it.
        outcome: `"committed"` (a savepoint: released), `"rolled back"`, or `"unknown"`:
            COMMIT had no answer, or a statement has ended the transaction unseen (DDL
            on MySQL). `None` while it goes on, and when it could not begin.
    """

    savepoint: str = ""
    isolation: str | None = None
    readonly: bool = False
    outcome: Literal["committed", "rolled back", "unknown"] | None = None


# What a method of an observer may return: it is called when the event is over.
Over: TypeAlias = Callable[[Any], object] | None


class ObservesConnect(Protocol):
    """Hears when a session is opened, on whichever host that is."""

    def connect(self, event: Event, /) -> Over:
        """Hear that it begins; what is returned is called when it is over."""


class ObservesAcquire(Protocol):
    """Hears when somebody takes a connection from a pool, which may have to wait."""

    def acquire(self, event: Event, /) -> Over:
        """Hear that it begins; what is returned is called when it is over."""


class ObservesStatement(Protocol):
    """Hears when a statement runs."""

    def statement(self, event: StatementEvent, /) -> Over:
        """Hear that it begins; what is returned is called when it is over."""


class ObservesTransaction(Protocol):
    """Hears when a transaction or a savepoint begins and ends."""

    def transaction(self, event: TransactionEvent, /) -> Over:
        """Hear that it begins; what is returned is called when it is over."""


# What `observers=` takes: objects with at least one of the four.
Observer: TypeAlias = (
    ObservesConnect | ObservesAcquire | ObservesStatement | ObservesTransaction
)


def check_observers(observers: Sequence[object]) -> None:
    """Look at observers before anything happens that they are to hear of.

    Raises:
        URLError: one has none of the methods, or one of them is async.
    """
    for number, observer in enumerate(observers, 1):
        methods = [m for m in EVENTS if callable(getattr(observer, m, None))]
        if not methods or isinstance(observer, type):
            message = (
                "observers takes a list of objects with any of the methods "
                f"{', '.join(EVENTS)}; number {number}, {_shown(observer)}, has none"
            )
            raise URLError(message)
        for method in methods:
            if iscoroutinefunction(getattr(observer, method)):
                message = (
                    f"observers: {method}() of {_shown(observer)} is called, not "
                    "awaited: it must not be async"
                )
                raise URLError(message)


def _shown(observer: object) -> str:
    """Name an observer without its repr, which may hold anything."""
    if isinstance(observer, type):
        return f"the class {observer.__name__} itself"
    return f"an object of {type(observer).__module__}.{type(observer).__qualname__}"
