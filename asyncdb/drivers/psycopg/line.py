"""One connection's exchanges with the server, below psycopg's cursors.

psycopg's cursor finds out for each call what to prepare, how to send each value and how
to read each column. `PGconn` is its public binding to libpq, and what asyncdb knows of
a statement is said to it directly; results are read by psycopg's `Transformer` all the
same (`statements`).

Rules:

1. The socket is always watched, so that a session that ends, a notice and a
   notification are noticed when they come; `_readable` is all that reads.
2. libpq closes the socket by itself when it breaks. The loop is told at once, for the
   number may soon be somebody else's.
3. `results` and `until_sync` read to the end of an exchange, or raise because the line
   broke or the task was cancelled: then `drain` reads the rest.
4. Between `open_pipeline` and `pipeline_sync` the server waits for more: `unsynced`.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg import pq

_BAD = pq.ConnStatus.BAD
_ACTIVE = pq.TransactionStatus.ACTIVE
_PIPELINE_OFF = pq.PipelineStatus.OFF
_SYNC = pq.ExecStatus.PIPELINE_SYNC
_ABORTED = pq.ExecStatus.PIPELINE_ABORTED
_FATAL = pq.ExecStatus.FATAL_ERROR
_COPY_IN = pq.ExecStatus.COPY_IN
_COPY = frozenset([_COPY_IN, pq.ExecStatus.COPY_OUT, pq.ExecStatus.COPY_BOTH])

_LOST = "the connection was lost"
_NEEDLESS = b"the client has given up"


class Line:
    """A connection's.

    Args:
        pgconn: libpq's connection, open.
    """

    def __init__(self, pgconn: Any) -> None:
        self.pgconn = pgconn
        self.unsynced = False
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._process = os.getpid()
        self._socket: int = pgconn.socket
        self._waiter: asyncio.Future[None] | None = None
        self._watched = False
        self._ended = False
        self._end_listeners: list[Callable[[], object]] = []
        self.watch()

    # -- the socket ----------------------------------------------------------------

    def watch(self) -> None:
        """Have the loop call when there is something to read."""
        if not self._watched and not self.is_over():
            self._loop.add_reader(self._socket, self._readable)
            self._watched = True

    def add_end_listener(self, listener: Callable[[], object]) -> None:
        """Have a function called when nothing can be said any more."""
        self._end_listeners.append(listener)

    def unwatch(self) -> None:
        """Have the loop forget the socket."""
        if self._watched:
            self._watched = False
            with suppress(RuntimeError):  # the loop is closed
                self._loop.remove_reader(self._socket)
                self._loop.remove_writer(self._socket)

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Leave the socket to psycopg's own waiting."""
        self.unwatch()
        try:
            yield
        finally:
            self.watch()

    def _readable(self) -> None:
        pgconn = self.pgconn
        try:
            pgconn.consume_input()
            busy = pgconn.is_busy()
            while (notify := pgconn.notifies()) is not None:
                pgconn.notify_handler(notify)
        except psycopg.Error:
            busy = 0  # whoever waits is told by the next call
        if pgconn.status == _BAD:
            self._over()
            busy = 0
        waiter = self._waiter
        if waiter is not None and not busy and not waiter.done():
            waiter.set_result(None)

    async def _ready(self) -> None:
        """Wait until a result has come, or the line is lost."""
        waiter = self._waiter = self._loop.create_future()
        try:
            await waiter
        finally:
            self._waiter = None

    async def flush(self) -> None:
        """Wait until all that was said is on its way."""
        while self.pgconn.flush():
            writable = self._loop.create_future()
            self._loop.add_writer(self._socket, _wake, writable)
            # The server may have ended the session and read nothing more.
            self._waiter = writable
            try:
                await writable
            finally:
                self._waiter = None
                if self._watched:
                    self._loop.remove_writer(self._socket)

    def is_over(self) -> bool:
        """Whether nothing can be said any more."""
        return self._ended or bool(self.pgconn.status == _BAD)

    # -- exchanges -----------------------------------------------------------------

    async def results(self) -> list[Any]:
        """Send what was said, and return all results of it; errors are some.

        Raises:
            OperationalError: the line is lost, and the server gave no reason.
        """
        pgconn = self.pgconn
        found: list[Any] = []
        if pgconn.flush():
            await self.flush()
        while True:
            if pgconn.is_busy():
                await self._ready()
            result = pgconn.get_result()
            if result is None:
                break
            found.append(result)
            if result.status in _COPY:
                break
        if pgconn.status == _BAD:
            self._break(found)
        return found

    async def next_result(self) -> Any:
        """Return the next result of what was said, `None` at its end."""
        pgconn = self.pgconn
        if pgconn.flush():
            await self.flush()
        if pgconn.is_busy():
            await self._ready()
        result = pgconn.get_result()
        if pgconn.status == _BAD:
            self._break([result] if result else [])
        return result

    async def query(self, text: str) -> list[Any]:
        """Run a text without parameters, which may be several statements."""
        self.pgconn.send_query(text.encode())
        return await self.results()

    def open_pipeline(self) -> None:
        """Begin to say several things before an answer is read."""
        self.pgconn.enter_pipeline_mode()
        self.unsynced = True

    async def sync(self) -> list[Any]:
        """End a pipeline, and return the results that were not read."""
        self.pgconn.pipeline_sync()
        self.unsynced = False
        found = await self._until_sync()
        self.pgconn.exit_pipeline_mode()
        return found

    async def piped(self, count: int) -> list[Any]:
        """Return the results of `count` things that were said, without an end.

        They end early with the first error.
        """
        pgconn = self.pgconn
        pgconn.send_flush_request()
        found: list[Any] = []
        if pgconn.flush():
            await self.flush()
        while len(found) < count:
            if pgconn.is_busy():
                await self._ready()
            result = pgconn.get_result()
            if pgconn.status == _BAD:
                self._break([*found, result] if result else found)
            if result is not None:
                found.append(result)
                if result.status in (_FATAL, _ABORTED):
                    break
        return found

    async def _until_sync(self) -> list[Any]:
        pgconn = self.pgconn
        found: list[Any] = []
        if pgconn.flush():
            await self.flush()
        while True:
            if pgconn.is_busy():
                await self._ready()
            result = pgconn.get_result()
            if pgconn.status == _BAD:
                self._break([*found, result] if result else found)
            if result is None:
                continue  # between two
            if result.status == _SYNC:
                return found
            found.append(result)

    async def answers(self, syncs: int) -> AsyncIterator[Any]:
        """Give the results of a pipeline one by one, up to the last of its Syncs."""
        pgconn = self.pgconn
        if pgconn.flush():
            await self.flush()
        while syncs:
            if pgconn.is_busy():
                await self._ready()
            result = pgconn.get_result()
            if pgconn.status == _BAD:
                self._break([result] if result else [])
            if result is None:
                continue  # between two
            if result.status == _SYNC:
                syncs -= 1
            else:
                yield result
        pgconn.exit_pipeline_mode()

    def _break(self, found: list[Any]) -> None:
        """Raise for a line that is lost, with the server's reason if there is one."""
        self._over()
        for result in found:
            if result.status == _FATAL and result.error_field(_SQLSTATE):
                raise psycopg.errors.error_from_result(result)
        raise psycopg.OperationalError(_LOST)

    async def drain(self) -> None:
        """Read what is still to come of anything that was in the middle."""
        pgconn = self.pgconn
        if self.unsynced:
            pgconn.pipeline_sync()
            self.unsynced = False
        while pgconn.transaction_status == _ACTIVE:
            if pgconn.flush():
                await self.flush()
            if pgconn.is_busy():
                await self._ready()
            result = pgconn.get_result()
            if pgconn.status == _BAD:
                self._break([])
            if result is None:
                continue
            if result.status == _SYNC:
                with suppress(psycopg.Error):  # there are more of them
                    pgconn.exit_pipeline_mode()
            elif result.status == _COPY_IN:
                pgconn.put_copy_end(_NEEDLESS)
            elif result.status in _COPY:
                raise psycopg.OperationalError(_LOST)  # it may never end: cut it

    # -- the end -------------------------------------------------------------------

    def finish(self) -> None:
        """Close, from any thread, or in a forked process, where nothing is said."""
        if self._ended:
            return
        self._ended = True
        if os.getpid() != self._process:
            return
        if threading.get_ident() == self._thread or not self._loop.is_running():
            self._finish()
            return
        with suppress(OSError), socket.socket(fileno=os.dup(self._socket)) as line:
            line.shutdown(socket.SHUT_RDWR)
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._finish)

    def _over(self) -> None:
        self.unwatch()
        listeners, self._end_listeners = self._end_listeners, []
        for listener in listeners:
            listener()

    def _finish(self) -> None:
        self.unwatch()
        self.pgconn.finish()
        self._over()
        waiter = self._waiter
        if waiter is not None and not waiter.done() and not self._loop.is_closed():
            waiter.set_result(None)


_SQLSTATE = pq.DiagnosticField.SQLSTATE


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
