"""How SQLite's threads are told what to do."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import threading
from collections.abc import Iterator
from functools import partial

import pytest

import asyncdb
from asyncdb.drivers.aiosqlite import inbox as inboxes
from asyncdb.drivers.aiosqlite.connection import AiosqliteConnection
from asyncdb.drivers.aiosqlite.inbox import Inbox
from asyncdb.drivers.aiosqlite.signals import Signal


class Thread:
    """A thread that does what lies in an inbox, until it is told to end."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self.done: list[int] = []
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()

    def _live(self) -> None:
        while self._inbox.get()[1]() is not self:
            pass

    async def end(self) -> None:
        """Have it end behind all that it was given."""
        self._inbox.put_nowait((None, lambda: self))
        await asyncio.to_thread(self._thread.join, 20)
        assert not self._thread.is_alive()


@pytest.fixture(params=["eventfd", "pipe", "event"])
def inbox(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Inbox:
    """An inbox, with each of the ways to wake its thread."""
    if request.param == "event":
        monkeypatch.setattr(inboxes, "_bell", inboxes._Event)
    elif request.param == "pipe":
        monkeypatch.delattr(os, "eventfd", raising=False)
    return Inbox()


@pytest.fixture
def often() -> Iterator[None]:
    """Threads take turns very often, in the middle of anything."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("often")
async def test_all_is_done_in_order(inbox: Inbox) -> None:
    """Whether the thread sleeps, works, or is about to sleep: no call is lost."""
    loop, thread, seed = asyncio.get_running_loop(), Thread(inbox), random.Random(18)
    for i in range(20_000):
        call = (None, partial(thread.done.append, i))
        if seed.random() < 0.5:
            inbox.put_nowait(call)
        else:
            inbox.put(call, loop)
        if seed.random() < 0.2:
            await asyncio.sleep(0)
    await thread.end()

    assert list(range(20_000)) == thread.done


class Bell:
    """Counts how often a thread was woken."""

    def __init__(self) -> None:
        self.rung = 0
        self.waits = threading.Event()
        self._bell = inboxes._Event()

    def send(self) -> None:
        """Wake it."""
        self.rung += 1
        self._bell.send()

    def receive(self) -> None:
        """Sleep."""
        self.waits.set()
        self._bell.receive()


async def test_a_crowd_wakes_the_thread_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the tasks of a turn put lies there when it wakes; a single call wakes it."""
    bell, loop = Bell(), asyncio.get_running_loop()
    monkeypatch.setattr(inboxes, "_bell", lambda: bell)
    inbox = Inbox()
    thread = Thread(inbox)
    assert await asyncio.to_thread(bell.waits.wait, 20)
    for i in range(10):
        inbox.put((None, partial(thread.done.append, i)), loop)

    assert (0, []) == (bell.rung, thread.done)
    bell.waits.clear()
    await asyncio.sleep(0)
    assert 1 == bell.rung
    assert await asyncio.to_thread(bell.waits.wait, 20)
    assert (1, list(range(10))) == (bell.rung, thread.done)
    inbox.put_nowait((None, partial(thread.done.append, 10)))
    assert 2 == bell.rung
    await thread.end()


async def test_ctrl_c_while_the_thread_is_woken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The next call wakes it, and it does both."""
    bell = Bell()
    monkeypatch.setattr(inboxes, "_bell", lambda: bell)
    inbox = Inbox()
    thread = Thread(inbox)
    assert await asyncio.to_thread(bell.waits.wait, 20)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(bell, "send", interrupt)
        inbox.put_nowait((None, partial(thread.done.append, 0)))
    inbox.put_nowait((None, partial(thread.done.append, 1)))
    await thread.end()

    assert [0, 1] == thread.done


def interrupt() -> None:
    """Do what Ctrl-C does."""
    raise KeyboardInterrupt


async def test_no_file_is_left_for_a_signal() -> None:
    """The thread is woken in another way."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        inbox = Inbox()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    thread = Thread(inbox)
    inbox.put_nowait((None, partial(thread.done.append, 7)))
    await thread.end()

    assert [7] == thread.done


@pytest.mark.parametrize("end", ["close", "terminate"])
@pytest.mark.skipif(sys.platform == "win32", reason="there is none")
async def test_the_file_goes_with_the_thread(sqlite_url: str, end: str) -> None:
    """A connection that is over has no file open, whoever still knows it."""
    db = await asyncdb.connect(sqlite_url)
    inner = db._session.inner
    assert isinstance(inner, AiosqliteConnection)
    thread, bell = inner._native._thread, inner._member.worker.queue._bell
    assert isinstance(bell, Signal)
    ends = bell._ends
    for one in ends:
        os.fstat(one)
    await db.execute("SELECT 1")
    if end == "close":
        await db.close()
    else:
        inner.terminate()
        await db.close()
    await asyncio.to_thread(thread.join, 20)
    del bell

    for one in ends:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(one)
