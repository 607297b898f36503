"""How SQLite's threads wake their loop."""

from __future__ import annotations

import asyncio
import gc
import os
from typing import Any
from weakref import ref

import pytest

import asyncdb
from asyncdb.drivers.aiosqlite.waking import Waker, waker


class Endless:
    """Is done again as soon as it is settled, for a while."""

    def __init__(self, waker: Waker, times: int) -> None:
        self._waker = waker
        self.left = times
        self.over = asyncio.Event()

    def settle(self) -> None:
        """Be done again."""
        self.left -= 1
        if self.left:
            self._waker.wake(self)
        else:
            self.over.set()


async def test_the_loop_does_other_things_between_two_wakings() -> None:
    """Tasks whose statements are done at once keep nobody else from running."""
    ours = waker(asyncio.get_running_loop())
    done = Endless(ours, 100)
    ours.wake(done)
    for _ in range(10):
        await asyncio.sleep(0)

    assert 80 < done.left < 100
    await done.over.wait()  # nothing is left lying there


def test_where_there_are_only_pipes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside Linux the loop watches a pipe."""
    monkeypatch.delattr(os, "eventfd", raising=False)

    async def work() -> list[int]:
        async with asyncdb.create_pool("sqlite://") as pool:
            return [await pool.fetchval("SELECT ?", [i]) for i in range(100)]

    assert list(range(100)) == asyncio.run(work())


class Once:
    """Is done once; it knows its loop, as jobs do."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.settled = asyncio.Event()

    def settle(self) -> None:
        """Note it."""
        self.settled.set()


class Ends(Once):
    """Ends the program."""

    def settle(self) -> None:
        """Raise what a task may."""
        raise KeyboardInterrupt


class NoReaders(asyncio.SelectorEventLoop):
    """A loop that watches no files of others, as one on Windows."""

    def add_reader(self, *_: Any) -> None:
        """Refuse as `AbstractEventLoop` does, and each loop that does not have it."""
        return asyncio.AbstractEventLoop.add_reader(self, -1, print)

    def _add_reader(self, *args: Any) -> Any:  # its own way to be woken
        return asyncio.SelectorEventLoop._add_reader(self, *args)


async def its_waker() -> Waker:
    """Return the waker of the loop that runs this."""
    return waker(asyncio.get_running_loop())


def test_what_is_done_after_its_loop_goes_with_it() -> None:
    """A job of a loop that is closed keeps neither that loop nor its file."""
    loop = asyncio.new_event_loop()
    ours = loop.run_until_complete(its_waker())
    loop.close()
    ours.wake(Once(loop))
    left = [ref(loop), ref(ours)]
    del loop, ours
    gc.collect()

    assert [None, None] == [thing() for thing in left]


async def test_no_file_is_left_for_a_signal() -> None:
    """The loop is woken in another way, and later ones have a signal again."""
    resource = pytest.importorskip("resource")
    loop = asyncio.get_running_loop()
    done = Once(loop)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        ours = waker(loop)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    ours.wake(done)
    await done.settled.wait()

    assert ours is not waker(loop)
    assert waker(loop) is waker(loop)


def test_a_task_that_ends_the_program_leaves_the_others_to_clean_up() -> None:
    """What lies behind it on the pile is settled when the loop runs again."""
    loop = asyncio.new_event_loop()
    try:
        ours = loop.run_until_complete(its_waker())
        done = Once(loop)
        ours.wake(Ends(loop))
        ours.wake(done)
        with pytest.raises(KeyboardInterrupt):
            loop.run_forever()
        loop.run_until_complete(asyncio.wait_for(done.settled.wait(), 5))
    finally:
        loop.close()


def test_a_loop_that_watches_no_files() -> None:
    """It is woken for each result, and a cancelled statement stops."""

    async def work() -> int:
        endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
        async with asyncdb.connect("sqlite://") as db:
            with pytest.raises(asyncdb.StatementTimeout):
                await db.fetchval(f"{endless} SELECT count(*) FROM n", timeout=0.01)
            found: int = await db.fetchval("SELECT 7")
            return found

    with asyncio.Runner(loop_factory=NoReaders) as runner:
        assert 7 == runner.run(work())
