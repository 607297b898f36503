"""Keywords as type checkers see them: checked, and never executed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import asyncdb


class Whole:
    """Hears both ends of a statement, and the beginning of a loan."""

    def statement(
        self, event: asyncdb.StatementEvent
    ) -> Callable[[asyncdb.StatementEvent], object]:
        """Hear that it begins."""
        return lambda over: (over.sql, event.kind)

    def acquire(self, event: asyncdb.Event) -> None:
        """Hear that it begins."""


class Wrong:
    """Takes another event than it is given."""

    def statement(self, event: asyncdb.TransactionEvent) -> None:
        """Hear that it begins."""


async def right(url: str, others: dict[str, Any]) -> None:
    """Options of each driver, of the pool, and of a stranger's driver."""
    await asyncdb.connect(url, connect_timeout=3, tls="require", pgbouncer=True)
    await asyncdb.connect(url, journal_mode="wal", settings={"cache_size": 1})
    await asyncdb.create_pool(url, max_size=5, sql_mode=None, reset="always")
    await asyncdb.create_pool(url, observers=[Whole()], slow_statement_log=0.5)
    await asyncdb.create_pool(url, **others)


async def wrong(url: str) -> None:
    """Misspelt names, values of another type, and options in the wrong place."""
    await asyncdb.create_pool(url, max_sise=5)  # wrong
    await asyncdb.create_pool(url, max_size="5")  # wrong
    await asyncdb.connect(url, max_size=5)  # wrong
    await asyncdb.connect(url, tls="yes")  # wrong
    await asyncdb.connect(url, on_connect=5)  # wrong
    await asyncdb.connect(url, observers=[object()])  # wrong
    await asyncdb.connect(url, observers=[Wrong()])  # wrong
