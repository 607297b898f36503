"""What we observe ourselves: slow statements, and at DEBUG all of them."""

from __future__ import annotations

import inspect
import logging
import os
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from asyncdb.options import ConnectOptions, Event, StatementEvent

logger = logging.getLogger("asyncdb")

_LONGEST: Final = 500  # characters of a text that a line of the log shows
_AWAITS: Final = (
    inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR | inspect.CO_ITERABLE_COROUTINE
)
# With the separator: a neighbour whose name begins alike is not ours.
_OURS: Final = os.path.realpath(__file__).rsplit(os.sep, 2)[0] + os.sep
# By a module that is there: `sysconfig` takes milliseconds to import.
_LIBRARY: Final = os.__file__.rpartition(os.sep)[0] + os.sep
_INSTALLED: Final = ("site-packages", "dist-packages")


def own_observers(options: ConnectOptions) -> list[object]:
    """Return the observers of ours that a new session has."""
    found: list[object] = []
    if options.slow_statement_log is not None:
        found.append(_Slow(options.slow_statement_log))
    if logger.isEnabledFor(logging.DEBUG):
        found.append(_Everything())
    return found


class _Slow:
    """Logs statements that took long, with the place in the caller's code."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def statement(self, _: StatementEvent) -> Callable[[StatementEvent], None]:
        return self._over

    def _over(self, event: StatementEvent) -> None:
        if event.waited >= self._seconds:
            logger.warning(
                "slow statement: %.3f seconds, %s, at %s: %s",
                event.waited,
                _outcome(event),
                _place(),
                _shortened(event.sql),
            )


class _Everything:
    """Logs each statement and each connection."""

    def connect(self, _: Event) -> Callable[[Event], None]:
        return self._connected

    def statement(self, _: StatementEvent) -> Callable[[StatementEvent], None]:
        return self._over

    def _connected(self, event: Event) -> None:
        where = f"{event.host or ''}:{event.port or ''}/{event.database or ''}"
        end = f": {event.error.__name__}" if event.error else ""
        milliseconds = 1000 * event.duration
        logger.debug("connect %s, %.2f ms%s", where, milliseconds, end)

    def _over(self, event: StatementEvent) -> None:
        logger.debug(
            "%s, %.2f ms, %s: %s",
            event.kind,
            1000 * event.waited,
            _outcome(event),
            _shortened(event.sql),
        )


def _outcome(event: StatementEvent) -> str:
    if event.error is not None:
        return event.error.__name__
    return f"{event.rowcount} rows" if event.rowcount >= 0 else "rows unknown"


def _shortened(sql: str) -> str:
    """Return a text in one line, its middle left out when it is long."""
    if len(sql) > 2 * _LONGEST:  # most of it need not be looked at
        sql = f"{sql[:_LONGEST]} {sql[-_LONGEST:]}"
    line = " ".join(sql.split())
    if len(line) <= _LONGEST:
        return line
    half = _LONGEST // 2
    return f"{line[:half]} ... {line[-half:]}"


def _place() -> str:
    """Find where the caller's own code awaits what is running.

    While a coroutine runs, those that await it are the frames above it, though they
    have been suspended in between: nothing has to be kept before the end. The first
    that is no coroutine runs the loop, and has nothing to do with the statement.
    """
    frame: FrameType | None = sys._getframe()
    while frame is not None and not frame.f_code.co_flags & _AWAITS:
        frame = frame.f_back
    second = ""  # of an application that is installed itself
    while frame is not None and frame.f_code.co_flags & _AWAITS:
        file: Any = frame.f_code.co_filename
        if not file.startswith(_OURS):
            here = f"{file}:{frame.f_lineno}"
            installed = any(name in file for name in _INSTALLED)
            if not installed and not file.startswith(_LIBRARY):
                return here
            if installed:
                second = second or here
        frame = frame.f_back
    return second or "no frame of yours: the task runs nothing else"
