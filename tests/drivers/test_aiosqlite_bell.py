"""The bell by which SQLite's threads wake their loop."""

from __future__ import annotations

import asyncio

from asyncdb.drivers.aiosqlite.bell import Bell, bell


class Endless:
    """Is done again as soon as it is settled, for a while."""

    def __init__(self, bell: Bell, times: int) -> None:
        self._bell = bell
        self.left = times
        self.over = asyncio.Event()

    def settle(self) -> None:
        """Ring again."""
        self.left -= 1
        if self.left:
            self._bell.ring(self)
        else:
            self.over.set()


async def test_the_loop_does_other_things_between_two_rings() -> None:
    """Tasks whose statements are done at once keep nobody else from running."""
    ours = bell(asyncio.get_running_loop())
    done = Endless(ours, 100)
    ours.ring(done)
    for _ in range(10):
        await asyncio.sleep(0)

    assert 80 < done.left < 100
    await done.over.wait()  # nothing is left lying there
