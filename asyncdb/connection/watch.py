"""Tells observers what happens; what they do with it is theirs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from asyncdb import errors
from asyncdb.connection.statement_log import own_observers
from asyncdb.options.observers import EVENTS, Event, StatementEvent, TransactionEvent

if TYPE_CHECKING:
    from types import TracebackType

    from asyncdb.dialect import Dialect
    from asyncdb.options import ConnectOptions, TransactionOptions
    from asyncdb.options.observers import StatementKind
    from asyncdb.url import DatabaseURL

E = TypeVar("E", bound=Event)

logger = logging.getLogger("asyncdb")

_RAISED = "an observer raised; what it observes goes on"
# What is called and not awaited cannot be where a task is cancelled: this, too, is its
# own, such as that of a future that it looked at.
_OWN = (Exception, asyncio.CancelledError)


class Running(Generic[E]):
    """An event that goes on: a block, which tells the observers of both its ends.

    Args:
        event: the event.
        listeners: what hears of its beginning.
    """

    __slots__ = ("_begun", "_ends", "_listeners", "away", "event", "state")

    def __init__(self, event: E, listeners: Sequence[Callable[[E], Any]]) -> None:
        self.event = event
        self._listeners = listeners
        self._ends: list[Callable[[E], object]] = []
        self._begun = 0.0
        self.away = 0.0  # seconds that a stream was its reader's
        self.state: Literal["new", "begun", "over"] = "new"

    def __enter__(self) -> E:
        """Tell that it begins."""
        self.state = "begun"
        for listener in self._listeners:
            try:
                end = listener(self.event)
            except _OWN:
                logger.exception(_RAISED)
            else:
                if end is not None:
                    self._ends.append(end)
        self._begun = perf_counter()
        return self.event

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Tell that it is over."""
        self.over(error)

    def over(self, error: BaseException | None = None) -> None:
        """Tell once that it is over, those first who heard of it last."""
        if self.state == "over":
            return
        self.state = "over"
        event = self.event
        event.duration = perf_counter() - self._begun
        if isinstance(event, StatementEvent):
            event.waited = event.duration - self.away
        self.failed(error)
        while self._ends:
            try:
                self._ends.pop()(event)
            except _OWN:
                logger.exception(_RAISED)

    def failed(self, error: BaseException | None) -> None:
        """Note what went wrong; the first error stays."""
        event = self.event
        if error is not None and event.error is None:
            event.error = type(error)
            if isinstance(error, errors.DatabaseError):
                event.sqlstate, event.code = error.sqlstate, error.code


class Watch:
    """Makes the events of one connection or pool.

    Args:
        observers: who hears of them.
        url: where it is connected to; of several hosts, the first.
        pool: gives the pool, if it is one or belongs to one.
    """

    __slots__ = ("_listeners", "_place", "_pool")

    def __init__(
        self,
        observers: Sequence[object],
        url: DatabaseURL,
        pool: Callable[[], object],
    ) -> None:
        self._listeners = {
            event: [getattr(o, event) for o in observers if hasattr(o, event)]
            for event in EVENTS
        }
        host = url.unix_socket or url.host
        self._place: dict[str, Any] = {
            "host": host,
            "port": url.port,
            "database": url.database,
        }
        self._pool = pool

    def at(self, url: DatabaseURL) -> Watch:
        """Make the watch of one of the hosts."""
        found = Watch((), url, self._pool)
        found._listeners = self._listeners
        return found

    def fill(self, event: Event, dialect: Dialect) -> None:
        """Say in an event of a session that is open which host it is on, and what."""
        event.host, event.port = self._place["host"], self._place["port"]
        event.dialect = dialect

    def connect(self, dialect: Dialect) -> Running[Event]:
        """Make the event of a session that is opened."""
        return Running(self._event(Event, dialect), self._listeners["connect"])

    def acquire(self, dialect: Dialect) -> Running[Event]:
        """Make the event of a loan."""
        return Running(self._event(Event, dialect), self._listeners["acquire"])

    def statement(
        self, dialect: Dialect, sql: str, kind: StatementKind
    ) -> Running[StatementEvent]:
        """Make the event of a statement."""
        event = self._event(StatementEvent, dialect, sql=sql, kind=kind)
        return Running(event, self._listeners["statement"])

    def transaction(
        self, dialect: Dialect, options: TransactionOptions
    ) -> Running[TransactionEvent]:
        """Make the event of a transaction or a savepoint."""
        event = self._event(
            TransactionEvent,
            dialect,
            isolation=options.isolation,
            readonly=options.readonly,
        )
        return Running(event, self._listeners["transaction"])

    def _event(self, cls: type[E], dialect: Dialect, /, **more: Any) -> E:
        return cls(dialect=dialect, pool=self._pool(), **self._place, **more)


def watch_for(
    options: ConnectOptions, url: DatabaseURL, pool: Callable[[], object]
) -> Watch | None:
    """Make what tells the observers, `None` where nobody wants to hear."""
    observers = [*options.observers, *own_observers(options)]
    return Watch(observers, url, pool) if observers else None
