"""The threads of an event loop's connections, of which one works for all if it can.

aiosqlite gives each connection a thread. Ten of them with short statements fight for
the interpreter's lock, which sqlite3 lets go of several times a statement: on two cores
they take two to four times as long as one thread for all. So a job goes to the thread
that is at work already. When that one does not get on, being at something long, another
takes over what waits.

Jobs of a connection that writes have a thread to themselves: COMMIT waits for the disk.

There are as many threads as connections, so that one is free for any job. When a
connection leaves, one thread leaves with it: the one that runs its job, or else one
that is free. Where that was another connection's, the two change theirs.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Generator
from contextvars import Context
from functools import partial
from typing import Any
from weakref import ReferenceType, WeakKeyDictionary, ref

import aiosqlite
from aiosqlite.core import _STOP_RUNNING_SENTINEL as END_OF_THREAD
from aiosqlite.core import _connection_worker_thread as work

from asyncdb.drivers.aiosqlite.inbox import Inbox
from asyncdb.drivers.aiosqlite.waking import waker

# Seconds that jobs wait for one that takes long.
_STUCK_AFTER = 0.001


class Native(aiosqlite.Connection):
    """aiosqlite's connection, which is ended by its owner alone.

    By itself it would end a thread that has jobs of others.
    """

    _tx: Any  # an `Inbox`

    def __init__(self, opener: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(opener, iter_chunk_size=64)
        self._tx = Inbox()
        # A forgotten connection must not keep the process from exiting.
        self._thread = threading.Thread(target=_live, args=(self._tx,), daemon=True)

    def __del__(self) -> None:
        """Leave it to the owner."""


def _live(inbox: Any) -> None:
    work(inbox)
    inbox.close()


class Worker:
    """A thread, and what it has to do."""

    __slots__ = ("finished", "finished_before", "pending", "queue", "thread")

    def __init__(self, native: Native) -> None:
        self.thread = native._thread
        self.queue: Inbox = native._tx
        # Of the loop: how many jobs it was given and has not done, and how many it has.
        self.pending = 0
        self.finished = 0
        self.finished_before = 0  # `finished`, when it was looked at last

    def take(self, job: Job, *, in_crowd: bool = False) -> None:
        """Queue a job; in a crowd others will come before the loop waits again."""
        job.worker = self
        self.pending += 1
        call = partial(job, job.moves) if job.moves else job
        if in_crowd:
            self.queue.put((None, call), job.member.loop)
        else:
            self.queue.put_nowait((None, call))


class Member:
    """A connection, as its jobs know it."""

    __slots__ = (
        *("closing", "crew", "has_left", "job", "loop", "native", "running"),
        *("waker", "worker"),
    )

    def __init__(self, native: Native, loop: asyncio.AbstractEventLoop) -> None:
        self.native = native
        self.loop = loop
        self.waker = waker(loop)
        self.crew = _crew(loop)
        self.worker = Worker(native)
        # Held while one of its jobs runs, in whatever thread.
        self.running = threading.Lock()
        self.job: Job | None = None  # the last
        self.closing: Job | None = None
        # It has left the crew: all has to happen in its own thread.
        self.has_left = False

    def adopt(self, worker: Worker) -> None:
        """Have another thread for its own."""
        self.worker = worker
        self.native._thread, self.native._tx = worker.thread, worker.queue


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
        *("has_begun", "has_ended", "has_run", "member", "moves", "worker"),
    )

    def __init__(
        self, member: Member, function: Callable[..., Any], args: tuple[Any, ...] = ()
    ) -> None:
        self.member = member
        self.worker = member.worker  # which is to run it, or does
        self.moves = 0  # from one thread to another
        self._function = function
        self._args = args
        # Or never will. Changed under the lock of its member.
        self.has_begun = self.has_run = False
        # Of the thread, until it wakes the loop.
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
        member = self.member
        if self.has_begun or self.moves != moves:
            return
        with member.running:
            if self.has_begun or self.moves != moves:  # type: ignore[redundant-expr]  # now it is sure
                return
            self.has_begun = True
            try:
                if member.closing is not None and member.closing is not self:
                    raise sqlite3.ProgrammingError(CLOSED)
                self._result = self._function(*self._args)
            except BaseException as error:  # noqa: BLE001  # all are the caller's
                self._error = error
            self.has_run = True
        member.waker.wake(self)

    def settle(self) -> None:
        """Go on with the task that waits, at once; called in the loop."""
        worker = self.worker
        worker.pending -= 1
        worker.finished += 1
        self.has_ended = True
        self._args = ()  # the thread remembers this job until its next one
        if not self._is_done:
            self._is_done = True
            callbacks, self._callbacks = self._callbacks, []
            for call, context in callbacks:
                if context is None:
                    call(self)
                else:
                    context.run(call, self)
        elif self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    def take_back(self, to: Worker | None = None) -> bool:
        """Have it run by another thread, or not at all, if it has not begun yet."""
        if self.has_begun or not self.member.running.acquire(blocking=False):
            return False
        try:
            if self.has_begun:
                return False
            self.worker.pending -= 1
            if to is None:
                self.has_begun = self.has_run = True
            else:
                self.moves += 1
                to.take(self)
        finally:
            self.member.running.release()
        return True

    def ended(self) -> asyncio.Future[None]:
        """Return what is done when the thread is, though it was cancelled."""
        if self._ended is None:
            self._ended = self.member.loop.create_future()
        return self._ended

    # -- what a task asks of what it awaits --------------------------------------------

    def __await__(self) -> Generator[Job, None, Any]:
        """Wait until it has run."""
        self._asyncio_future_blocking = True
        try:
            yield self
            return self.result()
        finally:
            self._result = self._error = None

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return where it was made."""
        return self.member.loop

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
            self.member.loop.call_soon(call, self, context=context)
        return True

    def result(self) -> Any:
        """Return or raise what has become of it."""
        error = self._cancelled or self._error
        if error is not None:
            try:
                raise error
            finally:
                del error  # it knows this frame
        return self._result


class Crew:
    """The threads of one event loop, used from that loop alone."""

    __slots__ = ("__weakref__", "_crowded", "_leader", "_members", "_timer", "_waiting")

    def __init__(self) -> None:
        self._members: list[Member] = []
        self._leader: Worker | None = None  # works for all
        self._crowded = False  # it had several jobs at once a moment ago
        self._waiting: list[Job] = []  # behind another job, when they were given
        self._timer: asyncio.TimerHandle | None = None

    def join(self, member: Member) -> None:
        """Have a connection and a thread more."""
        self._members.append(member)

    def give(self, job: Job, *, shared: bool) -> None:
        """Have a job run.

        Args:
            job: what is to run.
            shared: it may run behind others in a thread, and others behind it.
        """
        member, worker = job.member, self._leader
        member.job = job
        if member.has_left:
            member.worker.take(job)
            return
        in_crowd = False
        if shared and worker is not None and (worker.pending or self._crowded):
            in_crowd = True
            # The same thread for the next crowd, too: to wake another takes longer.
            self._crowded = worker.pending > 0
        else:
            # What a connection has in memory is nearest to its own thread.
            worker = self._idle_worker(member.worker)
            if shared:
                self._leader = worker
            elif worker is self._leader:
                self._leader = None
        if worker.pending:
            self._waiting.append(job)
            if self._timer is None:
                worker.finished_before = worker.finished
                self._look_later(member.loop)
        worker.take(job, in_crowd=in_crowd)

    def leave(self, member: Member) -> None:
        """Have a connection less, and its thread."""
        if member.has_left:
            return
        job, free = member.job, self._idle_worker(member.worker)
        runs = job is not None and not job.has_run and not job.take_back(free)
        owner = self._owner(job.worker) if job is not None and runs else None
        if owner is None:
            owner = self._owner(free) or member
        worker = owner.worker
        owner.adopt(member.worker)
        member.adopt(worker)
        member.has_left = True
        self._members.remove(member)
        if self._leader is worker:
            self._leader = None
        self._hand_over([job for job in self._waiting if job.worker is worker])

    def end(self, member: Member, closing: Job) -> None:
        """Have a connection closed, and its thread ended."""
        member.closing = closing
        self.leave(member)
        member.worker.take(closing)
        member.worker.queue.put_nowait((None, end_thread))

    def _idle_worker(self, first: Worker) -> Worker:
        """Return a thread without jobs, the first choice if it is one."""
        if first.pending:
            for member in self._members:
                if not member.worker.pending:
                    return member.worker
        return first

    def _owner(self, worker: Worker) -> Member | None:
        return next(
            (member for member in self._members if member.worker is worker), None
        )

    # -- what does not get on ----------------------------------------------------------

    def _look_later(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(_STUCK_AFTER, self._move_the_stuck, loop)

    def _move_the_stuck(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        self._waiting = [job for job in self._waiting if not job.has_begun]
        if self._waiting:
            workers = {job.worker for job in self._waiting}
            stuck = {
                worker
                for worker in workers
                if worker.finished == worker.finished_before
            }
            self._hand_over([job for job in self._waiting if job.worker in stuck])
            for worker in workers:
                worker.finished_before = worker.finished
            self._look_later(loop)

    def _hand_over(self, jobs: list[Job]) -> None:
        """Have another thread take jobs over, and lead."""
        for member in self._members if jobs else ():
            if not member.worker.pending:
                self._leader = member.worker
                for job in jobs:
                    if not job.member.has_left:
                        job.take_back(member.worker)
                return


CLOSED = "Cannot operate on a closed database."


def runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    """Tell whether a loop is the one that runs in this thread."""
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


def end_thread() -> object:
    """End the thread: what aiosqlite's loop looks for in a job's result."""
    return END_OF_THREAD


# As for wakers: held here, a crew with jobs would keep its loop for ever.
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
