"""An observer that keeps what it hears."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import asyncdb


class Recorder:
    """Hears everything, and keeps it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.events: list[Any] = []

    def connect(self, event: asyncdb.Event) -> Callable[[asyncdb.Event], None]:
        """Hear of a connection."""
        return self._begin("connect", event)

    def acquire(self, event: asyncdb.Event) -> Callable[[asyncdb.Event], None]:
        """Hear of a loan."""
        return self._begin("acquire", event)

    def statement(
        self, event: asyncdb.StatementEvent
    ) -> Callable[[asyncdb.StatementEvent], None]:
        """Hear of a statement."""
        return self._begin(event.sql, event)

    def transaction(
        self, event: asyncdb.TransactionEvent
    ) -> Callable[[asyncdb.TransactionEvent], None]:
        """Hear of a block."""
        return self._begin(f"block {event.savepoint}".strip(), event)

    def _begin(self, name: str, event: Any) -> Callable[[Any], None]:
        assert event.error is None
        assert 0 == event.duration
        self.lines.append(f"+ {name}")

        def over(ended: Any) -> None:
            assert ended is event
            assert ended.duration > 0
            self.lines.append(f"- {name}")
            self.events.append(event)

        return over

    def take(self) -> list[str]:
        """Return what was heard since the last time."""
        lines, self.lines = self.lines, []
        return lines

    @property
    def last(self) -> Any:
        """The event that was over last."""
        return self.events[-1]
