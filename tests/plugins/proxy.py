"""A TCP proxy that breaks the wire on order: the network's faults, in one process.

    proxy = await make_proxy(url)       # a fixture; `proxy.url` leads through it
    proxy.cut(); proxy.stall(); proxy.flow(); proxy.slow(0.01)
    proxy.cut_after(7); proxy.stall_after(7); await proxy.refuse(); proxy.be_silent()

It forwards bytes and keeps what the client sent (`proxy.sent`) and how many links are
open. An `edit` may change what passes: a man in the middle.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Literal, Self, TypeAlias
from urllib.parse import urlsplit

import pytest_asyncio

Side: TypeAlias = Literal["client", "server"]
# Takes who sent the bytes, and the bytes; gives those that go on.
Edit: TypeAlias = Callable[[Side, bytes], bytes]

_CHUNK = 65_536


class Proxy:
    """Between a client and the server of `target`.

    Args:
        target: the server's URL; `url` is the same, by way of the proxy.
        edit: changes what passes; `None` leaves it alone.
    """

    def __init__(self, target: str, edit: Edit | None = None) -> None:
        parts = urlsplit(target)
        self._target = parts.hostname or "127.0.0.1", parts.port or 0
        self._parts = parts
        self._edit = edit
        self._server: asyncio.Server | None = None
        self._port = 0
        self._links: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._silenced: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._silent = False
        self._delay = 0.0
        self._budget: int | None = None  # bytes that may still go to the client
        self._spent: Callable[[], None] = self.cut
        self.sent = b""
        self.accepted = 0
        self.stalled = asyncio.Event()  # bytes wait at a proxy that does not flow

    # -- orders ------------------------------------------------------------------------

    def cut(self) -> None:
        """Reset every link; new ones are served."""
        for link in list(self._links):
            for writer in link:
                writer.transport.abort()
        for writer in list(self._silenced):
            writer.transport.abort()

    def stall(self) -> None:
        """Forward nothing more: the links stand, nobody answers."""
        self.stalled.clear()
        self._flowing.clear()

    def flow(self) -> None:
        """Forward again, what was held back first."""
        self._silent = False
        self._delay = 0.0
        self._budget = None
        self._flowing.set()

    def slow(self, seconds: float) -> None:
        """Hold each piece back for a while."""
        self._delay = seconds

    def cut_after(self, size: int) -> None:
        """Let that many bytes through to the client, then reset: a torn packet."""
        self._budget, self._spent = size, self.cut

    def stall_after(self, size: int) -> None:
        """Let that many bytes through to the client, then stall."""
        self._budget, self._spent = size, self.stall

    def be_silent(self) -> None:
        """Accept new links, and never say a word."""
        self._silent = True

    async def refuse(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            self._server = None
            await asyncio.sleep(0)

    # -- the proxy -------------------------------------------------------------------

    @property
    def url(self) -> str:
        """The target's URL by way of the proxy."""
        login, _, _ = self._parts.netloc.rpartition("@")
        return self._parts._replace(netloc=f"{login}@127.0.0.1:{self._port}").geturl()

    @property
    def open_links(self) -> int:
        """Links that stand."""
        return len(self._links) + len(self._silenced)

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.refuse()
        self.cut()
        self.flow()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def listen(self) -> None:
        """Listen, on the same port as before."""
        if self._server is None:
            self._server = await asyncio.start_server(
                self._accept, "127.0.0.1", self._port
            )
            self._port = self._server.sockets[0].getsockname()[1]

    async def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.accepted += 1
        if self._silent:
            self._silenced.add(writer)
            self._spawn(self._swallow(reader, writer))
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        link = writer, far_writer
        self._links.add(link)
        self._spawn(self._pump("client", reader, far_writer, link))
        self._spawn(self._pump("server", far_reader, writer, link))

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _swallow(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                self.sent += data
        self._silenced.discard(writer)
        writer.transport.abort()

    async def _pump(
        self,
        side: Side,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        link: tuple[asyncio.StreamWriter, asyncio.StreamWriter],
    ) -> None:
        try:
            with contextlib.suppress(OSError):
                while data := await reader.read(_CHUNK):
                    await self._forward(side, data, writer)
        finally:
            # One direction that ends ends the link, as both protocols do; what was
            # written before is still sent.
            self._links.discard(link)
            for end in link:
                end.close()

    async def _forward(
        self, side: Side, data: bytes, writer: asyncio.StreamWriter
    ) -> None:
        if side == "client":
            self.sent += data
        if self._delay:
            await asyncio.sleep(self._delay)
        if not self._flowing.is_set():
            self.stalled.set()
            await self._flowing.wait()
        if self._edit is not None:
            data = self._edit(side, data)
        if side == "server" and self._budget is not None:
            allowed, held = data[: self._budget], data[self._budget :]
            self._budget -= len(allowed)
            writer.write(allowed)
            await writer.drain()
            if not held:
                return
            self._budget = None
            await asyncio.sleep(0.01)  # what was let through has to arrive first
            self._spent()
            if self._spent == self.stall:
                self.stalled.set()
            await self._flowing.wait()
            data = held
        writer.write(data)
        await writer.drain()


MakeProxy: TypeAlias = Callable[..., Awaitable[Proxy]]


@pytest_asyncio.fixture
async def make_proxy() -> AsyncIterator[MakeProxy]:
    """A function that puts a proxy in front of a URL, closed with the test."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(target: str, edit: Edit | None = None) -> Proxy:
            return await stack.enter_async_context(Proxy(target, edit))

        yield make
