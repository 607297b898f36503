"""Hands out at most N of something, in order: the kernel of the pool.

It knows no databases: a resource is whatever `make` makes, and tests use integers.

Rules:

1. A resource is in one place at a time: idle, lent, or in the hands of a task of the
   kernel's own that makes, mends or closes it. Each of them holds one of `max_size`
   slots, so that there are never more, a closing one included.
2. Who waits is served in the order of coming; nobody overtakes while somebody waits.
3. Deciding never awaits: between two awaits the books are right. Making, mending and
   closing are tasks that no cancelled waiter takes with it: what they give goes to the
   first who still waits, else it is idle.
4. A failure to make goes to the first who waits; the next one is served by another try.

Theory of operation: `take()` gives an idle resource at once, without a task, a future
or a timer. Only when it gives `None` is there something to wait for, and `wait()` puts
a future in the line. `put()` hands a resource to the first in it, or makes it idle.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from enum import Enum
from typing import Any, Generic, TypeVar, cast

from asyncdb.wait_queue import WaitQueue

T = TypeVar("T")


# Doubtful ones looked past; there may be thousands.
_PASSED = 10


class _Work(Enum):
    MAKING = "making"
    MENDING = "mending"
    CLOSING = "closing"


class Resources(Generic[T]):
    """At most `max_size` resources, lent one borrower at a time.

    Args:
        make: makes a resource, or raises.
        mend: makes a used or doubtful one fit again; `False` when it cannot. It must
            come to an end, and leave nothing open when it raises.
        close: gives a resource up; it must come to an end.
        fit: judges an idle one that is about to be lent, without awaiting: `True` lend
            it, `None` mend it first, `False` close it.
        failed: told of a failure to make that nobody waited for.
        max_size: how many there may be.

    Example:
        >>> async def main():
        ...     numbers = iter(range(9))
        ...     async def make(): return next(numbers)
        ...     async def mend(number): return True
        ...     async def close(number): pass
        ...     pool = Resources(make, mend, close, bool, print, max_size=1)
        ...     first = await pool.wait(None)
        ...     pool.put(first)
        ...     return first, pool.size, pool.idle
        >>> asyncio.run(main())
        (0, 1, 1)
    """

    def __init__(
        self,
        make: Callable[[], Awaitable[T]],
        mend: Callable[[T], Awaitable[bool]],
        close: Callable[[T], Awaitable[None]],
        fit: Callable[[T], bool | None],
        failed: Callable[[BaseException], object],
        *,
        max_size: int,
    ) -> None:
        self._make = make
        self._mend = mend
        self._close = close
        self._fit = fit
        self._failed = failed
        self.max_size = max_size
        self.is_closed = False
        # One was found dead: the owner doubts all others.
        self.alarmed = False
        # The longest idle is on the left; the right one is lent next, so that those
        # that are not needed grow old together.
        self._idle: deque[T] = deque()
        self._lent: set[T] = set()
        self._line: WaitQueue[T] = WaitQueue()
        # Slots taken: idle + lent + one for each task that has not ended or said so.
        self.size = 0
        self._making = 0
        self._mending = 0
        self._closing = 0
        # What each task still has to put down in the books when it ends, because it
        # was cancelled before its first step and its body never ran.
        self._tasks: dict[asyncio.Task[None], _Work | None] = {}
        self._emptied = asyncio.Event()

    # -- numbers -----------------------------------------------------------------------

    @property
    def idle(self) -> int:
        """How many are idle."""
        return len(self._idle)

    @property
    def in_use(self) -> int:
        """How many are lent."""
        return len(self._lent)

    @property
    def lacking(self) -> int:
        """How many wait for somebody to give one back: for them none is on its way."""
        slots = max(0, self.max_size - self.size)
        found = self._making + self._mending + len(self._idle)
        return len(self._line.waiters) - found - slots

    @property
    def waiting(self) -> int:
        """How many wait in line."""
        return len(self._line.waiters)

    @property
    def lent(self) -> frozenset[T]:
        """Those that are lent now."""
        return frozenset(self._lent)

    def __iter__(self) -> Iterator[T]:
        """Iterate over the idle ones, the longest idle first."""
        return iter(tuple(self._idle))

    # -- borrowing ---------------------------------------------------------------------

    def take(self) -> T | None:
        """Lend an idle resource at once; `None` when one has to `wait()`."""
        if self._line.waiters:
            return None
        resource = self._pick() if self._idle else None
        if resource is not None:
            self._lent.add(resource)
        return resource

    def _pick(self) -> T | None:
        """Pick a fit one; of the doubtful ones met, the first is mended for who waits.

        All are when alarmed: they may well all be dead, which can take long to tell.
        """
        idle, mending, passed = self._idle, False, 0
        while len(idle) > passed < _PASSED:
            resource = idle.pop()
            fit = self._fit(resource)
            if fit:
                if passed:
                    idle.rotate(-passed)
                return resource
            if fit is None and mending and not self.alarmed:
                idle.appendleft(resource)  # a fit one may be a little further on
                passed += 1
            else:
                mending = mending or fit is None
                self._turn_away(resource, fit)
        idle.rotate(-passed)
        self.alarmed = self.alarmed and passed > 0
        return None

    async def wait(self, timeout: float | None) -> T:  # no task, no scope
        """Queue for a resource.

        Raises:
            Expired: none became free within `timeout` seconds.
        """
        waiter = self._line.join(timeout)
        self._grow()
        try:
            return await waiter
        except asyncio.CancelledError:
            # It was served and cancelled in the same moment. Asking for the exception
            # also tells asyncio that somebody has seen it.
            if not waiter.cancelled() and waiter.done() and not waiter.exception():
                self.put(waiter.result())
            raise
        finally:
            self._line.leave(waiter)

    # -- giving back -------------------------------------------------------------------

    def put(self, resource: T) -> None:
        """Take a resource back that is fit to be lent again."""
        self._lent.remove(resource)
        self._hand_over(resource)

    def put_to_mend(self, resource: T) -> asyncio.Task[None]:
        """Take a resource back that must be mended; the task ends when it is."""
        self._lent.remove(resource)
        if self.is_closed:
            return self._begin_closing(resource)
        return self._begin_mending(resource)

    def put_to_close(self, resource: T) -> asyncio.Task[None]:
        """Take a resource back for good; the task ends when it is closed."""
        self._lent.remove(resource)
        return self._begin_closing(resource)

    def forget(self, resource: T) -> None:
        """Take a resource back that is nothing any more, after `abandon()`."""
        self._lent.remove(resource)
        self.size -= 1

    def _hand_over(self, resource: T) -> None:
        """Serve the first who waits, or let it rest."""
        if self.is_closed or self.size - self._closing > self.max_size:
            self._begin_closing(resource)
            return
        waiter = self._line.next()
        if waiter is None:
            self._idle.append(resource)
        else:
            self._lent.add(resource)
            waiter.set_result(resource)

    def _turn_away(self, resource: T, fit: bool | None) -> None:
        if fit is None:
            self._begin_mending(resource)
        else:
            self._begin_closing(resource)

    # -- growing and shrinking ---------------------------------------------------------

    def resize(self, max_size: int) -> None:
        """Change the limit; what is lent beyond it is closed when it comes back."""
        self.max_size = max_size
        while self._idle and self.size - self._closing > max_size:
            self._begin_closing(self._idle.popleft())
        self._grow()

    def fill(self, size: int) -> None:
        """Make resources until there are `size`, those on their way included."""
        while not self.is_closed and self.size < min(size, self.max_size):
            self._begin_making()

    def sweep(self, keep: Callable[[T], bool]) -> None:
        """Close the idle ones that are not to be kept, the longest idle first."""
        idle, self._idle = self._idle, deque()
        for resource in idle:
            if keep(resource):
                self._idle.append(resource)
            else:
                self._begin_closing(resource)

    @property
    def _is_short(self) -> bool:
        """Whether more wait than resources are on their way to them."""
        coming = self._making + self._mending
        return len(self._line.waiters) > coming and not self.is_closed

    def _grow(self) -> None:
        """Find or make what those who wait are lacking, as far as there are slots."""
        while self._is_short:
            if self._idle:
                resource = self._pick()
                if resource is not None:
                    self._hand_over(resource)
            elif self.size < self.max_size:
                self._begin_making()
            else:
                return

    # -- the kernel's own tasks --------------------------------------------------------

    def _begin_making(self) -> asyncio.Task[None]:
        self.size += 1
        self._making += 1
        return self._spawn(self._run_making(), _Work.MAKING)

    def _begin_mending(self, resource: T) -> asyncio.Task[None]:
        self._mending += 1
        return self._spawn(self._run_mending(resource), _Work.MENDING)

    def _begin_closing(self, resource: T) -> asyncio.Task[None]:
        self._closing += 1
        return self._spawn(self._run_closing(resource), _Work.CLOSING)

    def _spawn(
        self, body: Coroutine[Any, Any, None], work: _Work
    ) -> asyncio.Task[None]:
        # Not create_task(), whose factory may run it before it is in the books.
        task = asyncio.Task(body, loop=asyncio.get_running_loop())
        self._tasks[task] = work
        task.add_done_callback(self._ended)
        return task

    async def _run_making(self) -> None:
        try:
            resource = await self._make()
        except BaseException as error:
            self._book(gone=True)
            self._report(error)
            if not isinstance(error, Exception):
                raise
            self._grow()
        else:
            self._book(gone=False)
            self._hand_over(resource)

    async def _run_mending(self, resource: T) -> None:
        try:
            fit = await self._mend(resource)
        except BaseException:
            self._book(gone=True)
            self._grow()
            raise
        self._book(gone=False)
        if fit:
            self._hand_over(resource)
        else:
            self._begin_closing(resource)

    async def _run_closing(self, resource: T) -> None:
        try:
            await self._close(resource)
        finally:
            self._book(gone=True)
            # Rather a new one in its place than another that may be dead, too.
            if self._is_short and self.size < self.max_size:
                self._begin_making()
            self._grow()

    def _book(self, *, gone: bool, task: asyncio.Task[None] | None = None) -> None:
        """Put down that this task is through; `gone`: its resource, and the slot."""
        task = task or cast("asyncio.Task[None]", asyncio.current_task())
        work, self._tasks[task] = self._tasks[task], None
        self._making -= work is _Work.MAKING
        self._mending -= work is _Work.MENDING
        self._closing -= work is _Work.CLOSING
        self.size -= gone

    def _ended(self, task: asyncio.Task[None]) -> None:
        if self._tasks[task] is not None:
            self._book(task=task, gone=True)
        del self._tasks[task]
        self._check_empty()

    def _report(self, error: BaseException) -> None:
        """Tell the first who waits that making has failed, or else the owner."""
        if isinstance(error, Exception):
            waiter = self._line.next()
            if waiter is None:
                self._failed(error)
            else:
                waiter.set_exception(error)

    # -- the end -----------------------------------------------------------------------

    def close(self, refusal: Callable[[], Exception]) -> None:
        """Lend no more: those who wait are refused, what comes back is closed."""
        self.is_closed = True
        self._line.stop()
        while (waiter := self._line.next()) is not None:
            waiter.set_exception(refusal())
        while self._idle:
            self._begin_closing(self._idle.popleft())
        for task, work in self._tasks.items():
            if work is _Work.MAKING:
                task.cancel()
        self._check_empty()

    async def emptied(self) -> None:
        """Wait until everything is closed, after `close()`."""
        await self._emptied.wait()

    def abandon(self, refusal: Callable[[], Exception]) -> None:
        """Close and stop all tasks; nobody has to wait for what is lent.

        The caller has made all resources useless itself: a task that is stopped before
        its first step closes nothing.
        """
        self.size -= len(self._idle)
        self._idle.clear()
        self.close(refusal)
        for task in self._tasks:
            task.cancel()
        self._emptied.set()

    def _check_empty(self) -> None:
        if self.is_closed and not self._tasks and not self._lent:
            self._emptied.set()
