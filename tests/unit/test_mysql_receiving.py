"""Bytes reach the answer that is awaited, or the library, however they come."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from asyncdb.dialects.mysql.protocol.receiving import Receiver
from asyncdb.driver.room import CHUNK, room


class Library(asyncio.Protocol):
    """A library's protocol, which keeps what it is given."""

    def __init__(self) -> None:
        self.given = bytearray()
        self.told: list[Any] = []

    def data_received(self, data: bytes) -> None:
        """Keep bytes."""
        self.given += data

    def eof_received(self) -> bool | None:
        """Take note."""
        self.told.append("eof")
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note."""
        self.told.append(exc)


class BufferedLibrary(asyncio.BufferedProtocol):
    """The same with a buffer, of an odd size."""

    def __init__(self) -> None:
        self.given = bytearray()
        self.told: list[Any] = []
        self._buffer = bytearray(7)

    def get_buffer(self, sizehint: int) -> bytearray:
        """Offer it."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Keep bytes."""
        self.given += self._buffer[:nbytes]


def take(library: Any) -> bytes:
    """Take what a library has."""
    taken = bytes(library.given)
    library.given.clear()
    return taken


class Transport:
    """What the receiver uses of one."""

    def __init__(self, library: Any) -> None:
        self.protocol: Any = library
        self.paused = False

    def get_protocol(self) -> Any:
        """Return who is called now."""
        return self.protocol

    def set_protocol(self, protocol: Any) -> None:
        """Call another one."""
        self.protocol = protocol

    def pause_reading(self) -> None:
        """Read nothing."""
        assert not self.paused
        self.paused = True

    def resume_reading(self) -> None:
        """Read again."""
        assert self.paused
        self.paused = False

    def read(self, data: bytes) -> None:
        """Read from the socket, as asyncio's do."""
        assert not self.paused
        self.protocol.get_buffer(-1)[: len(data)] = data
        self.protocol.buffer_updated(len(data))


class Parser:
    """Waits for packets of four bytes, up to one of dots."""

    def __init__(self) -> None:
        self.done = False
        self.missing = 4
        self.fed: list[bytes] = []
        self._data = b""

    def feed(self, chunk: bytes) -> None:
        """Look at them."""
        self.fed.append(chunk)
        self._data += chunk
        while len(self._data) >= 4 and not self.done:
            packet, self._data = self._data[:4], self._data[4:]
            self.done = packet == b"...."
            if packet == b"!!!!":
                raise ValueError(packet)
        self.missing = 4 - len(self._data)


@pytest.fixture(params=[Library, BufferedLibrary])
def library(request: pytest.FixtureRequest) -> Any:
    """One of each kind."""
    return request.param()


@pytest.fixture
async def transport(library: Any) -> Transport:
    """A transport."""
    return Transport(library)


@pytest.fixture
async def receiver(transport: Any) -> Receiver:
    """A receiver between the two."""
    return Receiver(transport, take)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 100])
async def test_an_answer_in_pieces(
    receiver: Receiver, transport: Transport, library: Any, size: int
) -> None:
    """Its parser gets all, in order; what comes behind it is the library's."""
    data = b"abcdefgh...."
    parser = Parser()
    waiter = receiver.expect(parser)
    for start in range(0, len(data), size):
        assert not waiter.done()
        transport.read(data[start : start + size])
    transport.read(b"more")

    await waiter
    assert data == b"".join(parser.fed)
    assert b"more" == library.given


async def test_it_is_not_looked_at_before_there_is_enough(
    receiver: Receiver, transport: Transport
) -> None:
    """A value of megabytes is put together once, not with each piece."""
    parser = Parser()
    parser.missing = 3 * CHUNK
    waiter = receiver.expect(parser)
    for _ in range(3):
        assert [] == parser.fed
        transport.read(b"." * CHUNK)
    await waiter
    assert [3 * CHUNK] == [len(chunk) for chunk in parser.fed]


async def test_what_came_before_is_read_first(
    receiver: Receiver, transport: Transport, library: Any
) -> None:
    """Bytes that nobody asked for are no part of what is asked for then."""
    transport.read(b"abcd")
    assert b"abcd" == library.given
    assert b"abcd" == receiver.unread() == receiver.unread()
    parser = Parser()
    waiter = receiver.expect(parser)
    assert [b"abcd"] == parser.fed
    transport.read(b"....")
    await waiter
    assert b"" == receiver.unread()


async def test_a_whole_answer_was_there(
    receiver: Receiver, transport: Transport
) -> None:
    """It is not waited for."""
    receiver.keep()
    transport.read(b"..")
    transport.read(b"..")
    assert receiver.expect(Parser()).done()


async def test_what_the_parser_raises(receiver: Receiver, transport: Transport) -> None:
    """Who awaits the answer is told, and not the loop."""
    waiter = receiver.expect(Parser())
    transport.read(b"!!!!")
    with pytest.raises(ValueError, match="!!!!"):
        await waiter


async def test_nobody_waits_any_more(receiver: Receiver, transport: Transport) -> None:
    """What comes for one who was cancelled disturbs nobody."""
    for data in (b"....", b"!!!!"):
        receiver.expect(Parser()).cancel()
        transport.read(data)


@pytest.mark.parametrize(
    ("end", "kind"),
    [(None, ConnectionResetError), (OSError(110, "late"), TimeoutError),
     (RuntimeError("tls"), ConnectionResetError)],
)  # fmt: skip
async def test_the_line_breaks(end: Exception | None, kind: type[Exception]) -> None:
    """Who waits is told, now and later, and so is the library."""
    library = Library()
    transport: Any = Transport(library)
    receiver = Receiver(transport, take)
    waiter = receiver.expect(Parser())
    transport.read(b"ab")
    receiver.connection_lost(end)
    with pytest.raises(kind):
        await waiter
    with pytest.raises(kind):
        await receiver.expect(Parser())
    with pytest.raises(kind):
        await receiver.read()
    assert [end] == library.told


async def test_the_server_closes() -> None:
    """What is there is read, and then that there is no more."""
    library = Library()
    transport: Any = Transport(library)
    receiver = Receiver(transport, take)
    receiver.keep()
    transport.read(b"last")
    assert b"last" == await receiver.read()
    reading = asyncio.create_task(receiver.read())
    await asyncio.sleep(0)
    assert receiver.eof_received()  # what the library says
    with pytest.raises(ConnectionResetError):
        await reading
    assert ["eof"] == library.told


async def test_slow_reading_holds_the_transport(
    receiver: Receiver, transport: Transport, library: Any
) -> None:
    """No more than a chunk is kept for who reads in pieces."""
    receiver.keep()
    transport.read(b"a" * 10)
    assert not transport.paused
    transport.read(b"b" * CHUNK)
    assert transport.paused
    assert b"a" * 10 + b"b" * CHUNK == await receiver.read()
    reading = asyncio.create_task(receiver.read())
    await asyncio.sleep(0)
    assert not transport.paused
    transport.read(b"c")
    assert b"c" == await reading

    missing = asyncio.create_task(receiver.read(2 * CHUNK))
    for _ in range(2):
        await asyncio.sleep(0)
        transport.read(b"d" * CHUNK)
        await asyncio.sleep(0)
    assert b"d" * 2 * CHUNK == await missing
    receiver.release()
    assert not transport.paused
    assert b"" == library.given


async def test_a_loop_has_one_room() -> None:
    """However many connections there are."""
    assert room() is room()
    assert CHUNK == len(room())
