"""What a pool tells of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolStats:
    """A pool at one moment: `pool.stats()`.

    Args:
        size: connections open, being opened or being closed: never above `max_size`,
            unless `resize()` has just made that smaller.
        idle: those that wait for a borrower.
        in_use: those that are lent.
        waiting: tasks that wait for one.
        min_size: how many are kept open.
        max_size: how many there may be.
        acquires: loans since the pool was opened, those of its own verbs included.
        waits: loans that had to wait, those that waited in vain included.
        wait_time: seconds that all of them have waited.
        wait_time_max: seconds that the longest has waited.
        full: loans refused with `PoolFull`, for `max_waiting` tasks waited already.
        timeouts: loans that ended with `PoolTimeout`, for none became free in time.
        created: connections opened.
        failures: attempts to open one that failed.
        closed: connections closed, by reason: `"lifetime"`, `"idle"` (not needed),
            `"lost"` (found dead), `"demoted"` (its server is no longer what
            `target_session_attrs` wants, or takes no writes where any was wanted),
            `"broken"` (a statement, rollback or reset left it unusable), `"reset"` (its
            session could not be reset), `"busy"` (given back while in use), `"refused"`
            (by `on_acquire` or `on_release`), `"leaked"` (never given back),
            `"drained"`, `"shrunk"` and `"closed"` (by `drain()`, `resize()` and
            `close()`).

    Example:
        >>> import asyncio, asyncdb
        >>> async def main():
        ...     async with asyncdb.create_pool("sqlite://") as pool:
        ...         await pool.fetchval("SELECT 1")
        ...         stats = pool.stats()
        ...         return stats.size, stats.idle, stats.in_use, stats.acquires
        >>> asyncio.run(main())
        (1, 1, 0, 1)
    """

    size: int
    idle: int
    in_use: int
    waiting: int
    min_size: int
    max_size: int
    acquires: int
    waits: int
    wait_time: float
    wait_time_max: float
    full: int
    timeouts: int
    created: int
    failures: int
    closed: Mapping[str, int]
