"""What comes from the server: to the answer that is awaited, or to the library.

A library's reader puts by what comes until somebody asks for it. Where an answer is
awaited, its parser is given the bytes as the loop reads them, and whoever awaits it is
woken once, when it is whole. What comes while nothing of ours is due is the library's:
`db.native` goes on working, and so does the library's sense of the line's end.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from asyncdb.driver.room import CHUNK, room

_CLOSED = "the server closed the connection"


class Parser(Protocol):
    """Reads one answer.

    Attributes:
        done: it is whole.
        missing: how many bytes it lacks, at least.
    """

    done: bool
    missing: int

    @abstractmethod
    def feed(self, chunk: bytes) -> None:
        """Go on with more bytes."""


class Receiver(asyncio.BufferedProtocol):
    """Stands between a transport and a library's protocol.

    Args:
        transport: of an open line.
        take_unread: takes from the library's protocol what nobody has read there.

    Attributes:
        is_over: the line was closed, by us or by the other side.
    """

    def __init__(self, transport: Any, take_unread: Callable[[Any], bytes]) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._library = transport.get_protocol()
        self._take_unread = take_unread
        self._was_given = True  # something to the library, perhaps before us
        self._keeps = False  # what comes unawaited is ours
        self._is_paused = False
        self._pieces: list[bytes] = []  # in which nobody has looked yet
        self._size = 0  # of these together
        self._parser: Parser | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.is_over = False
        self._end: Callable[[], OSError] = partial(ConnectionResetError, _CLOSED)
        self._room = room()
        transport.set_protocol(self)

    # -- whole answers ---------------------------------------------------------------

    def expect(self, parser: Parser) -> asyncio.Future[None]:
        """Have a parser fed until it is done.

        Returns:
            What tells so; it raises what the parser raises, or an `OSError` when the
            line breaks.
        """
        waiter = self._waiter = self._loop.create_future()
        self._parser = parser
        if self._pieces or self._was_given:
            unread = self._take()
            if unread:
                self._feed(parser, unread)
        if self.is_over and not parser.done:
            self._tell(self._end())
        return waiter

    def _feed(self, parser: Parser, data: bytes) -> None:
        try:
            parser.feed(data)
        except Exception as error:  # noqa: BLE001  # who awaits it is told
            self._tell(error)
        else:
            if parser.done:
                self._tell()

    def _tell(self, error: Exception | None = None) -> None:
        waiter, self._parser = self._waiter, None
        if waiter is None or waiter.done():
            return  # nobody waits any more
        if error is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(error)

    # -- answers in pieces -----------------------------------------------------------

    def keep(self) -> None:
        """Keep what comes unawaited: it is about to be read."""
        self._keeps = True

    def release(self) -> None:
        """Leave it to the library again."""
        self._keeps = False
        self._resume()

    async def read(self, missing: int = 0) -> bytes:
        """Return what has come, or all that is missing where that is much.

        Raises:
            OSError: the line is broken.
        """
        need = missing if missing > CHUNK else 1
        if self._was_given:
            self.unread()
        while self._size < need:
            if self.is_over:
                raise self._end()
            self._resume()
            self._waiter = self._loop.create_future()
            await self._waiter
        return self._take()

    def unread(self) -> bytes:
        """Return what has come, and nobody has looked at."""
        if self._was_given:
            self._was_given = False
            left = self._take_unread(self._library)
            if left:
                self._pieces.insert(0, left)
                self._size += len(left)
        if len(self._pieces) > 1:
            self._pieces = [b"".join(self._pieces)]
        return self._pieces[0] if self._pieces else b""

    def _take(self) -> bytes:
        data = self.unread()
        self._pieces, self._size = [], 0
        return data

    def _resume(self) -> None:
        if self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()

    # -- what the transport calls ----------------------------------------------------

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        """Return where the transport may put what it reads."""
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        """Give bytes to the parser that waits for them, in no fewer than it needs."""
        data = bytes(self._room[:nbytes])
        parser = self._parser
        if parser is None and not self._keeps:
            self._give(data)
        elif parser is not None and not self._pieces and len(data) >= parser.missing:
            self._feed(parser, data)
        else:
            self._pieces.append(data)
            self._size += len(data)
            if parser is None:
                self._came()
            elif self._size >= parser.missing:
                self._feed(parser, self._take())

    def _came(self) -> None:
        """Wake who reads in pieces; let them not become many."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        if self._size >= CHUNK and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()

    def _give(self, data: bytes) -> None:
        """Give bytes to the library."""
        self._was_given = True
        library = self._library
        if not isinstance(library, asyncio.BufferedProtocol):
            library.data_received(data)
            return
        while data:
            with memoryview(library.get_buffer(len(data))) as buffer:
                size = min(len(buffer), len(data))
                buffer[:size] = data[:size]
            library.buffer_updated(size)
            data = data[size:]

    def eof_received(self) -> bool | None:
        """Tell who waits; the library decides what becomes of the line."""
        self._ended(None)
        keeps: bool | None = self._library.eof_received()
        return keeps

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits, and the library."""
        self._ended(exc)
        self._library.connection_lost(exc)

    def _ended(self, error: Exception | None) -> None:
        if isinstance(error, OSError) and not self.is_over:
            # Not itself: its traceback holds the transport, and that us.
            self._end = partial(type(error), *error.args)
        self.is_over = True
        if self._parser is not None:
            self._tell(self._end())
        elif self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def pause_writing(self) -> None:
        """Leave it to the library."""
        self._library.pause_writing()

    def resume_writing(self) -> None:
        """Leave it to the library."""
        self._library.resume_writing()
