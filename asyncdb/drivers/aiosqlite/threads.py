"""The threads of an event loop's connections, of which one works for all if it can.

aiosqlite gives each connection a thread. Ten of them with short statements fight for
the interpreter's lock, which sqlite3 lets go of several times a statement: on two cores
they take two to four times as long as one thread for all. So a job goes to the thread
that led before. When that one does not get on, being at something long, another takes
over what waits.

Jobs of a connection that writes have a thread to themselves: COMMIT waits for the disk.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import ReferenceType, WeakKeyDictionary, ref

from aiosqlite.core import _STOP_RUNNING_SENTINEL as END_OF_THREAD

from asyncdb.drivers.aiosqlite.bell import bell

if TYPE_CHECKING:
    from queue import SimpleQueue

# Seconds that jobs wait for one that takes long.
_PATIENCE = 0.001


class Worker:
    """A connection's thread, and what keeps its jobs from running at the same time."""

    __slots__ = ("alone", "apart", "bell", "crew", "jobs", "loop", "queue", "through")

    def __init__(
        self, queue: SimpleQueue[Any], loop: asyncio.AbstractEventLoop
    ) -> None:
        self.queue = queue  # aiosqlite's
        self.loop = loop
        self.bell = bell(loop)
        self.crew = _crew(loop)
        # Held while one of this connection's jobs runs, in whatever thread.
        self.alone = threading.Lock()
        # Somebody uses aiosqlite's own connection: all has to happen in this thread.
        self.apart = False
        # Of the loop: jobs that this thread was given and has not done; those it has.
        self.jobs = 0
        self.through = 0

    def take(self, job: Job) -> None:
        """Queue a job for this thread."""
        job.worker = self
        self.jobs += 1
        call = partial(job, job.moves) if job.moves else job
        self.queue.put_nowait((None, call))


class Job:
    """A call for a thread, which a task awaits like a future.

    It is none of asyncio's own: that would wake the task one turn of the loop later,
    which is an eighth of a short statement. asyncio lets tasks await whatever has an
    `_asyncio_future_blocking` and the methods below (`isfuture` in asyncio/futures.py).

    aiosqlite logs what it calls, so that the `repr` must not show the values.
    """

    __slots__ = (
        *("_args", "_callbacks", "_cancelled", "_ended", "_error", "_function"),
        *("_asyncio_future_blocking", "_is_done", "_result"),
        *("has_begun", "has_ended", "home", "moves", "worker"),
    )

    def __init__(
        self, home: Worker, function: Callable[..., Any], args: tuple[Any, ...] = ()
    ) -> None:
        self.home = home  # the connection's
        self.worker = home  # who is to run it
        self.moves = 0  # from one thread to another
        self._function = function
        self._args = args
        self.has_begun = False  # or never will: changed under the lock of its home
        # Of the thread, until it rings.
        self._result: Any = None
        self._error: BaseException | None = None
        # Of the loop.
        self.has_ended = False
        self._ended: asyncio.Future[None] | None = None
        self._is_done = False
        self._cancelled: asyncio.CancelledError | None = None
        self._callbacks: list[tuple[Callable[[Job], object], Context | None]] = []
        self._asyncio_future_blocking = False

    def __call__(self, moves: int = 0) -> None:
        """Run in a thread, unless it was taken back or given to another since."""
        if self.has_begun or self.moves != moves:
            return
        with self.home.alone:
            if self.has_begun or self.moves != moves:  # type: ignore[redundant-expr]  # now it is sure
                return
            self.has_begun = True
            try:
                self._result = self._function(*self._args)
            except BaseException as error:  # noqa: BLE001  # all are the caller's
                self._error = error
        self.home.bell.ring(self)

    def settle(self) -> None:
        """Go on with the task that waits, at once; called in the loop."""
        worker = self.worker
        worker.jobs -= 1
        worker.through += 1
        self.has_ended = True
        if not self._is_done:
            self._is_done = True
            for call, context in self._callbacks:
                if context is None:
                    call(self)
                else:
                    context.run(call, self)
        elif self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    def take_back(self, to: Worker | None = None) -> bool:
        """Have it run by another thread, or not at all, if it has not begun yet."""
        if self.has_begun or not self.home.alone.acquire(blocking=False):
            return False
        try:
            if self.has_begun:
                return False
            self.worker.jobs -= 1
            if to is None:
                self.has_begun = True
            else:
                self.moves += 1
                to.take(self)
        finally:
            self.home.alone.release()
        return True

    def ended(self) -> asyncio.Future[None]:
        """Return what is done when the thread is, though it was cancelled."""
        if self._ended is None:
            self._ended = self.home.loop.create_future()
        return self._ended

    # -- what a task asks of what it awaits --------------------------------------------

    def __await__(self) -> Generator[Job, None, Any]:
        """Wait until it has run."""
        self._asyncio_future_blocking = True
        yield self
        return self.result()

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return where it was made."""
        return self.home.loop

    def add_done_callback(
        self, call: Callable[[Job], object], *, context: Context | None = None
    ) -> None:
        """Note who is to be called."""
        self._callbacks.append((call, context))

    def cancel(self, msg: object = None) -> bool:
        """Have the waiting task get a `CancelledError`, whatever the thread does."""
        if self._is_done:
            return False
        self._is_done = True
        self._cancelled = asyncio.CancelledError(*([] if msg is None else [msg]))
        for call, context in self._callbacks:
            self.home.loop.call_soon(call, self, context=context)
        return True

    def result(self) -> Any:
        """Return or raise what has become of it."""
        error = self._cancelled or self._error
        if error is not None:
            raise error
        return self._result


class Crew:
    """The threads of one event loop, used from that loop alone."""

    __slots__ = ("__weakref__", "_leader", "_timer", "_waiting", "_workers")

    def __init__(self) -> None:
        self._workers: list[Worker] = []
        self._leader: Worker | None = None  # works for all
        self._waiting: list[Job] = []  # behind another job, when they were given
        self._timer: asyncio.TimerHandle | None = None

    def join(self, worker: Worker) -> None:
        """Have one thread more."""
        self._workers.append(worker)

    def give(self, job: Job, *, shared: bool) -> None:
        """Have a job run.

        Args:
            job: what is to run.
            shared: it may run behind others in a thread, and others behind it.
        """
        home, leader = job.home, self._leader
        if home.apart:
            home.take(job)
            return
        if shared and leader is not None:
            worker = leader
        else:
            worker = self._free(home)
            if shared:
                self._leader = worker
            elif worker is leader:
                self._leader = None
        if worker.jobs:
            self._waiting.append(job)
            if self._timer is None:
                self._watch(home.loop)
        worker.take(job)

    def leave(self, worker: Worker) -> None:
        """Leave a thread to the jobs of its own connection."""
        if worker.apart:
            return
        worker.apart = True
        self._workers.remove(worker)
        if self._leader is worker:
            self._leader = None
        self._move([job for job in self._waiting if job.worker is worker])

    def end(self, worker: Worker, closing: Job) -> None:
        """Have a connection closed, and its thread ended."""
        # Its own thread waits for the job that runs; nobody else has to.
        apart = worker.apart or worker.alone.locked()
        by = worker if apart else self._free(worker)
        self.leave(worker)
        by.take(closing)
        worker.queue.put_nowait((None, end_thread))

    def _free(self, first: Worker) -> Worker:
        """Return a thread without jobs, or else the first choice."""
        if first.jobs:
            for worker in self._workers:
                if not worker.jobs:
                    return worker
        return first

    # -- what does not get on ----------------------------------------------------------

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        leader = self._leader
        through = 0 if leader is None else leader.through
        self._timer = loop.call_later(_PATIENCE, self._look, loop, leader, through)

    def _look(
        self, loop: asyncio.AbstractEventLoop, leader: Worker | None, through: int
    ) -> None:
        self._timer = None
        self._waiting = [job for job in self._waiting if not job.has_begun]
        if self._waiting:
            if leader is self._leader and (not leader or leader.through == through):
                self._move(self._waiting)
            self._watch(loop)

    def _move(self, jobs: list[Job]) -> None:
        """Have another thread take jobs over, and lead."""
        free = next((worker for worker in self._workers if not worker.jobs), None)
        if free is not None and jobs:
            self._leader = free
            for job in jobs:
                job.take_back(free)


def end_thread() -> object:
    """End the thread: what aiosqlite's loop looks for in a job's result."""
    return END_OF_THREAD


# As for bells: held here, a crew with jobs would keep its loop for ever.
_crews: WeakKeyDictionary[asyncio.AbstractEventLoop, ReferenceType[Crew]] = (
    WeakKeyDictionary()
)


def _crew(loop: asyncio.AbstractEventLoop) -> Crew:
    known = _crews.get(loop)
    found = None if known is None else known()
    if found is None:
        found = Crew()
        _crews[loop] = ref(found)
    return found
