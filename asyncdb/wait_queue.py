"""A line of tasks that wait for something, in the order of coming, for a while."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from math import inf
from typing import Generic, TypeVar

T = TypeVar("T")

# Seconds; so much later may somebody be told that it is too late, where many are.
_LOOK_EVERY = 0.01


class Expired(Exception):
    """Nothing was free in time."""


class WaitQueue(Generic[T]):
    """Who waits, and until when.

    One timer serves all: one for each would cost as much as the rest of waiting.
    """

    __slots__ = ("_loop", "_next_look", "_timer", "waiters")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        # Future -> deadline. One that is done (its waiter was cancelled a moment ago)
        # may be in it until that task runs.
        self.waiters: OrderedDict[asyncio.Future[T], float] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None
        self._next_look = inf  # when the timer is over

    def join(self, timeout: float | None) -> asyncio.Future[T]:
        """Queue for at most `timeout` seconds; the future then raises `Expired`.

        Whoever joins has to `leave()`, however it ends.
        """
        waiter: asyncio.Future[T] = self._loop.create_future()
        deadline = inf if timeout is None else self._loop.time() + timeout
        self.waiters[waiter] = deadline
        if deadline < self._next_look:
            self._look(deadline)
        return waiter

    def leave(self, waiter: asyncio.Future[T]) -> None:
        """Be no longer in the line."""
        self.waiters.pop(waiter, None)

    def next(self) -> asyncio.Future[T] | None:
        """Take the first who still waits out of the line; the caller is to tell it."""
        while self.waiters:
            waiter, _ = self.waiters.popitem(last=False)
            if not waiter.done():
                return waiter
        return None

    def stop(self) -> None:
        """Look no more at the clock; nobody will join again."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self, when: float) -> None:
        """Have the line looked through for those whose time is over."""
        self.stop()
        self._next_look = when
        self._timer = self._loop.call_at(when, self._expire)

    def _expire(self) -> None:
        # The loop calls up to a tick of its clock too early.
        now = max(self._loop.time(), self._next_look)
        self._timer, self._next_look = None, inf
        for waiter in [w for w, deadline in self.waiters.items() if deadline <= now]:
            del self.waiters[waiter]
            if not waiter.done():
                waiter.set_exception(Expired())
        # NaN, like infinity, is for ever; and it must not hide the others.
        coming = [deadline for deadline in self.waiters.values() if deadline < inf]
        if coming:
            self._look(max(min(coming), now + _LOOK_EVERY))
