"""An event loop in a thread of its own, to which every other loop can give work."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from asyncdb import errors

T = TypeVar("T")

_CLOSED = "the tests' connections are closed: the sandbox that lent them is"
_SETTLE = 10.0  # seconds for work that was cancelled to come to its end


class Background:
    """A loop in a daemon thread; it begins when it is made, and ends with `close()`.

    Example:
        >>> import asyncio
        >>> background = Background()
        >>> async def answer():
        ...     return 42
        >>> background.run(answer())
        42
        >>> async def main():
        ...     return await background.ask(answer())
        >>> asyncio.run(main())
        42
        >>> background.close()
    """

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._serve, name="asyncdb.testing", daemon=True
        )
        self._thread.start()

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Have work done, and wait for it without a loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    async def ask(self, work: Coroutine[Any, Any, T]) -> T:
        """Have work done, and await it in the loop that runs here.

        Cancelled, it cancels the work and waits until that has come to its end: what
        is cancelled leaves nothing behind that still runs.
        """
        if self.loop.is_closed():
            work.close()
            raise errors.InterfaceError(_CLOSED)
        here = asyncio.get_running_loop()
        answer: asyncio.Future[T] = here.create_future()
        answer.add_done_callback(_look)
        tasks: list[asyncio.Task[T]] = []

        def begin() -> None:
            task = self.loop.create_task(work)
            tasks.append(task)
            task.add_done_callback(tell)

        def tell(task: asyncio.Task[T]) -> None:
            with suppress(RuntimeError):  # that loop is closed: nobody waits
                here.call_soon_threadsafe(_settle, answer, task)

        def cancel() -> None:
            tasks[0].cancel()

        self.loop.call_soon_threadsafe(begin, context=contextvars.copy_context())
        try:
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            if not answer.done():
                self.loop.call_soon_threadsafe(cancel)
                await asyncio.wait([answer], timeout=_SETTLE)
            raise

    def close(self) -> None:
        """End the loop and its thread; harmless when repeated."""
        if not self.loop.is_closed():
            with suppress(TimeoutError):
                self.run(_finish())
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join()
            self.loop.close()


async def _finish() -> None:
    """Cancel what is still going on, and wait for it."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    if others:
        await asyncio.wait(others, timeout=_SETTLE)


def _settle(answer: asyncio.Future[T], task: asyncio.Task[T]) -> None:
    """Bring an answer home."""
    if answer.done():
        return
    if task.cancelled():
        answer.cancel()
    elif (error := task.exception()) is not None:
        answer.set_exception(error)
    else:
        answer.set_result(task.result())


def _look(answer: asyncio.Future[Any]) -> None:
    """Have looked at an error that nobody waits for any more."""
    if not answer.cancelled():
        answer.exception()
