"""Cancelling a coroutine at its n-th await, for every n.

    async for attempt in every_await(lambda: db.execute("...")):
        attempt.cancelled, attempt.result, attempt.seconds

A task is cancelled either while it waits at its n-th await (`"early"`), or when what it
waits for has come and the task has not yet gone on (`"late"`): then whatever came is
lost, which is where connections leak.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

When: TypeAlias = Literal["early", "late"]


@dataclass
class Attempt:
    """What became of one run.

    Args:
        reached: the task came as far as the await at which it was to be cancelled.
        cancelled: it ended by the cancellation.
        result: what it returned.
        error: what it raised otherwise.
        seconds: how long it took to end after its cancellation.
        cause: what the `CancelledError` was raised from.
    """

    reached: bool = False
    cancelled: bool = False
    result: Any = None
    error: BaseException | None = None
    seconds: float = 0.0
    cause: BaseException | None = None


class _Stepped:
    """Awaits a coroutine and cancels the task at the n-th time it has to wait."""

    def __init__(
        self, work: Coroutine[Any, Any, Any], at: int, when: When, attempt: Attempt
    ) -> None:
        self._work = work
        self._at = at
        self._when = when
        self._attempt = attempt
        self.cancelled_at = 0.0

    def __await__(self) -> Generator[Any, Any, Any]:
        task = asyncio.current_task()
        assert task is not None

        def cancel(_: object = None) -> None:
            self.cancelled_at = time.monotonic()
            self._attempt.reached = True
            task.cancel()

        steps = self._work.__await__()
        waits, value, error = 0, None, None
        while True:
            try:
                if error is None:
                    future = steps.send(value)
                else:
                    future, error = steps.throw(error), None
            except StopIteration as stop:
                return stop.value
            waits += 1
            if waits == self._at:
                if self._when == "late" and future is not None:
                    # Called before the task's own callback, which comes after.
                    future.add_done_callback(cancel)
                else:
                    asyncio.get_running_loop().call_soon(cancel)
            try:
                value = yield future
            except BaseException as caught:  # noqa: BLE001  # the coroutine's
                error = caught


async def cancel_at(
    work: Callable[[], Awaitable[Any]], number: int, when: When = "early"
) -> Attempt:
    """Run a coroutine in a task that is cancelled at its n-th await.

    Args:
        work: makes the coroutine.
        number: at which await, counted from 1.
        when: while it waits, or when what it waits for has come.
    """
    attempt = Attempt()

    async def run() -> Any:
        return await work()

    stepped = _Stepped(run(), number, when, attempt)

    async def task() -> Any:
        return await stepped

    running = asyncio.ensure_future(task())
    try:
        attempt.result = await running
    except asyncio.CancelledError as error:
        if asyncio.current_task().cancelling():  # type: ignore[union-attr]
            raise
        attempt.cancelled = True
        attempt.cause = error.__cause__
    except Exception as error:  # noqa: BLE001  # kept for the test
        attempt.error = error
    if stepped.cancelled_at:
        attempt.seconds = time.monotonic() - stepped.cancelled_at
    return attempt
