"""Where a pool lends and takes back: the line, the refusals, the numbers."""

from __future__ import annotations

import asyncio
import logging
import traceback
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from asyncdb import errors
from asyncdb.connection.exclusive import wrong_loop
from asyncdb.connection.preparing import run_hook
from asyncdb.pool.stats import PoolStats
from asyncdb.wait_queue import Expired

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from asyncdb.connection.session import Session
    from asyncdb.options import Hook, PoolOptions
    from asyncdb.pool.lease import Lease
    from asyncdb.pool.lifecycle import Lifecycle

logger = logging.getLogger("asyncdb")

DEFAULT: Final[Any] = object()  # seconds: those of the option `acquire_timeout`


class Checkout:
    """What a pool does to lend its connections.

    Args:
        lifecycle: makes, judges, mends and closes what is lent.
        options: the pool's.
    """

    def __init__(self, lifecycle: Lifecycle, options: PoolOptions) -> None:
        self._lifecycle = lifecycle
        self._kernel = lifecycle.kernel
        self._options = options
        self._loop = lifecycle.loop
        # With a hook to ask there is always something to wait for.
        self._at_once = self._kernel.take if options.on_acquire is None else _nothing
        self._acquires = 0
        self._waits = 0
        self._wait_time = 0.0
        self._wait_time_max = 0.0
        self._full = 0
        self._timeouts = 0

    def stats(self) -> PoolStats:
        """Return sizes and counters, as they are now."""
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

    def take(self) -> Lease | None:
        """Take a connection that is free, if there is one."""
        try:
            at_home = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            at_home = False
        if not at_home:
            raise self._elsewhere()
        self._acquires += 1
        return self._at_once()

    def wait(self, timeout: float | None = DEFAULT) -> Coroutine[Any, Any, Lease]:
        """Wait for a connection: in line, and for `on_acquire`."""
        if timeout is DEFAULT:
            timeout = self._options.acquire_timeout
        hook = self._options.on_acquire
        if hook is None:
            return self._stand_in_line(timeout)
        return self._wait_for_hook(hook, timeout)

    async def _wait_for_hook(self, hook: Hook, timeout: float | None) -> Lease:
        end = None if timeout is None else self._loop.time() + timeout
        while True:
            left = None if end is None else max(0.0, end - self._loop.time())
            lease = self._kernel.take() or await self._stand_in_line(left)
            if await self._is_accepted(lease, hook, left):
                return lease

    async def _stand_in_line(self, timeout: float | None) -> Lease:
        """Wait in line for a connection."""
        kernel, most = self._kernel, self._options.max_waiting
        if kernel.is_closed:
            raise self.refusal()
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

    async def _is_accepted(
        self, lease: Lease, hook: Hook, timeout: float | None
    ) -> bool:
        """Ask `on_acquire`; what it does not want is closed."""
        verdict: object = False
        scope = asyncio.timeout(timeout)
        try:
            async with scope:
                verdict, touched = await run_hook("on_acquire", hook, lease.session)
            lease.session.touched = touched
        except TimeoutError as error:
            if not scope.expired():
                raise
            self._timeouts += 1
            message = f"on_acquire was not through within {timeout:g} seconds"
            raise errors.PoolTimeout(message) from error
        finally:
            if verdict is False:
                lease.reason = "refused"
                self.put(lease)
        return verdict is not False

    async def borrow(self, timeout: float | None = DEFAULT) -> Session:
        """Lend a session to this task; `acquire_timeout` holds by default."""
        lease = self.take() or await self.wait(timeout)
        session = lease.session.lend(lease)
        session.touched = lease.session.touched  # by a hook
        task = lease.borrower = asyncio.current_task()
        lease.borrowed = weakref.ref(
            session, partial(_forgotten, self._lifecycle, lease)
        )
        seconds = self._options.leak_warning
        if seconds is not None:
            who = task.get_name() if task else "no task"
            stack = "".join(traceback.format_stack()[:-1])
            lease.alarm = self._loop.call_later(
                seconds, _warn_of_leak, seconds, who, stack
            )
        return session

    async def give_back(self, session: Session, error: BaseException | None) -> None:
        """Take a loan back; wait for its reset, but not with an error in hand."""
        self.check_home()
        lease: Lease = session.lease
        if lease.borrowed is None or lease.borrowed() is not session:
            return  # it came back before
        lease.borrowed = lease.borrower = None
        if lease.alarm is not None:
            lease.alarm.cancel()
            lease.alarm = None
        doubted = lease.doubted
        task = self._lifecycle.put(lease, session)
        session.end(lease.returned)
        # After some errors the server is asked what it is: retry() wants to know.
        if task is not None and (error is None or doubted):
            await asyncio.wait([task])

    def put(self, lease: Lease) -> None:
        """Take back what one of the pool's own verbs has used."""
        self._lifecycle.put(lease, lease.session)

    def owns(self, session: Session) -> bool:
        """Tell whether a session is a loan of this pool."""
        lease = session.lease
        return lease is not None and lease.owner is self._lifecycle

    # -- refusals ----------------------------------------------------------------------

    def check_home(self) -> None:
        """Refuse a call from another loop."""
        try:
            at_home = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            at_home = False
        if not at_home:
            raise self._elsewhere()

    def _elsewhere(self) -> errors.WrongLoop:
        return errors.WrongLoop(wrong_loop("pool", self._lifecycle.process))

    def refusal(self) -> errors.PoolClosed:
        """Make the error for a loan that is asked for too late."""
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

    def __repr__(self) -> str:
        """Show where the pool is connected to and its numbers, without a password."""
        kernel = self._kernel
        state = "closed " if kernel.is_closed else ""
        numbers = f"size={kernel.size}/{kernel.max_size} idle={kernel.idle}"
        where = f"{self._lifecycle.url} {state}{numbers}"
        return f"<asyncdb.Pool {where} waiting={kernel.waiting}>"


def _nothing() -> None:
    return None


def _forgotten(lifecycle: Lifecycle, lease: Lease, _: object) -> None:
    lifecycle.forgotten(lease)


def _warn_of_leak(seconds: float, who: str, stack: str) -> None:
    logger.warning(
        "a connection has been borrowed for %g seconds, by task %r at:\n%s",
        seconds,
        who,
        stack,
    )
