"""Where a pool lends and takes back: the line, the refusals, the numbers."""

from __future__ import annotations

import asyncio
import logging
import traceback
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from asyncdb import errors
from asyncdb.connection.session import wrong_loop
from asyncdb.pool.lease import Lent
from asyncdb.pool.stats import PoolStats
from asyncdb.wait_queue import Expired

if TYPE_CHECKING:
    from asyncdb.options import PoolOptions
    from asyncdb.pool.lease import Lease
    from asyncdb.pool.lifecycle import Lifecycle

logger = logging.getLogger("asyncdb")

UNSET: Final[Any] = object()


class Checkout:
    """What a pool does to lend its connections."""

    def __init__(self, lifecycle: Lifecycle, options: PoolOptions) -> None:
        self._lifecycle = lifecycle
        self._kernel = lifecycle.kernel
        self._options = options
        self._loop = lifecycle.loop
        self._acquires = 0
        self._waits = 0
        self._wait_time = 0.0
        self._wait_time_max = 0.0
        self._full = 0
        self._timeouts = 0

    def stats(self) -> PoolStats:
        """Return sizes and counters, as they are now.

        Returns:
            A `PoolStats`.
        """
        kernel, lifecycle = self._kernel, self._lifecycle
        return PoolStats(
            size=kernel.size,
            idle=kernel.idle,
            in_use=kernel.in_use,
            waiting=kernel.waiting,
            min_size=lifecycle.min_size,
            max_size=kernel.max_size,
            acquires=self._acquires,
            waits=self._waits,
            wait_time=self._wait_time,
            wait_time_max=self._wait_time_max,
            full=self._full,
            timeouts=self._timeouts,
            created=lifecycle.created,
            failures=lifecycle.failures,
            closed=dict(lifecycle.closed),
        )

    # -- in and out --------------------------------------------------------------------

    def _take(self) -> Lease | None:
        """Take a connection that is free, if there is one."""
        try:
            at_home = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            at_home = False
        if not at_home:
            raise self._elsewhere()
        self._acquires += 1
        return self._kernel.take()

    async def _wait(self, timeout: float | None) -> Lease:
        """Wait in line for a connection."""
        kernel, most = self._kernel, self._options.max_waiting
        if kernel.is_closed:
            raise self._refusal()
        if most is not None and kernel.lacking >= most:
            self._full += 1
            raise errors.PoolFull(
                f"{kernel.waiting} tasks are waiting already: {self!r}"
            )
        begun = self._loop.time()
        try:
            return await kernel.wait(timeout)
        except Expired:
            self._timeouts += 1
            raise self._too_late(timeout) from None
        finally:
            waited = self._loop.time() - begun
            self._waits += 1
            self._wait_time += waited
            self._wait_time_max = max(self._wait_time_max, waited)

    async def _borrow(self, timeout: float | None) -> Lent:
        """Lend a connection to this task."""
        lease = self._take() or await self._wait(timeout)
        db = Lent.of(lease)
        task = lease.borrower = asyncio.current_task()
        lease.borrowed = weakref.ref(db, partial(_forgotten, self._lifecycle, lease))
        seconds = self._options.leak_warning
        if seconds is not None:
            who = task.get_name() if task else "no task"
            stack = "".join(traceback.format_stack()[:-1])
            lease.alarm = self._loop.call_later(
                seconds, _warn_of_leak, seconds, who, stack
            )
        return db

    async def _give_back(self, db: Lent, error: BaseException | None) -> None:
        """Take a connection back; wait for its reset, but not with an error in hand."""
        self._check_home()
        lease = db._lease
        if lease is None or lease.borrowed is None or lease.borrowed() is not db:
            return  # it came back before
        lease.borrowed = lease.borrower = None
        if lease.alarm is not None:
            lease.alarm.cancel()
            lease.alarm = None
        task = self._lifecycle.put(lease, db)
        db.end()
        if task is not None and error is None:
            await asyncio.wait([task])

    # -- refusals ----------------------------------------------------------------------

    def _check_home(self) -> None:
        try:
            at_home = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            at_home = False
        if not at_home:
            raise self._elsewhere()

    def _elsewhere(self) -> errors.WrongLoop:
        return errors.WrongLoop(wrong_loop("pool", self._lifecycle.process))

    def _refusal(self) -> errors.PoolClosed:
        return errors.PoolClosed("the pool is closed, or closing: it lends no more")

    def _too_late(self, timeout: float | None) -> errors.PoolTimeout:
        kernel, me = self._kernel, asyncio.current_task()
        message = (
            f"no connection became free within {timeout} seconds: {kernel.size} of "
            f"{kernel.max_size} open, {kernel.in_use} in use, {kernel.waiting} waiting"
        )
        mine = sum(lease.borrower is me for lease in kernel.lent)
        if mine:
            message += (
                f"; this very task holds {mine} of them: it waits for itself. Use the "
                "connection that it has"
            )
        if self._lifecycle.is_private:
            message += (
                "; a database in memory has one connection, for all tasks in turn"
            )
        return errors.PoolTimeout(message)


def _forgotten(lifecycle: Lifecycle, lease: Lease, _: object) -> None:
    lifecycle.forgotten(lease)


def _warn_of_leak(seconds: float, who: str, stack: str) -> None:
    logger.warning(
        "a connection has been borrowed for %g seconds, by task %r at:\n%s",
        seconds,
        who,
        stack,
    )
