"""Keywords as type checkers see them: checked, and never executed."""

from __future__ import annotations

from typing import Any

import asyncdb


async def right(url: str, others: dict[str, Any]) -> None:
    """Options of each driver, of the pool, and of a stranger's driver."""
    await asyncdb.connect(url, connect_timeout=3, tls="require", pgbouncer=True)
    await asyncdb.connect(url, journal_mode="wal", settings={"cache_size": 1})
    await asyncdb.create_pool(url, max_size=5, sql_mode=None, reset="always")
    await asyncdb.create_pool(url, **others)


async def wrong(url: str) -> None:
    """Misspelt names, values of another type, and options in the wrong place."""
    await asyncdb.create_pool(url, max_sise=5)  # wrong
    await asyncdb.create_pool(url, max_size="5")  # wrong
    await asyncdb.connect(url, max_size=5)  # wrong
    await asyncdb.connect(url, tls="yes")  # wrong
    await asyncdb.connect(url, on_connect=5)  # wrong
