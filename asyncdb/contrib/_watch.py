"""What is found out about replicas, when they are used: that they live, and keep up."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from math import inf
from typing import Final

import asyncdb
from asyncdb.contrib import _positions

logger = logging.getLogger("asyncdb")

# What a server, or the way to it, does wrong; what the caller does wrong is his.
FAILURES: Final = (
    asyncdb.DatabaseError,
    asyncdb.ConnectionClosed,
    asyncdb.PoolClosed,
    TimeoutError,
)


def now() -> float:
    """Return the loop's time, in seconds."""
    return asyncio.get_running_loop().time()


def named(error: BaseException) -> str:
    """Return what went wrong, without what the server said: that may hold values."""
    return type(error).__name__


class Member:
    """A replica's pool, and what is thought of it."""

    def __init__(self, pool: asyncdb.Pool) -> None:
        self.pool = pool
        self.trouble = ""
        self.until = -inf  # the verdict holds until then
        self.looking = asyncio.Lock()  # one task looks, the others wait for it
        self.probe: asyncio.Task[None] | None = None
        self.reads = 0

    def judge(self, trouble: str, until: float) -> None:
        """Note a verdict, and say it where it is another one."""
        if trouble and not self.trouble:
            logger.warning("replica %s is left out: %s", self.pool.url, trouble)
        elif self.trouble and not trouble:
            logger.info("replica %s is read from again", self.pool.url)
        self.trouble, self.until = trouble, until

    @property
    def is_full(self) -> bool:
        """Whether all its connections are lent: it is busy, not dead."""
        stats = self.pool.stats()
        return stats.in_use >= stats.max_size

    @property
    def load(self) -> float:
        """How much of it is in use, those that wait included."""
        stats = self.pool.stats()
        return (stats.in_use + stats.waiting) / stats.max_size


class Watch:
    """Looks at replicas, each verdict for a while, and at the primary's position.

    Args:
        primary: the primary's pool.
        max_lag: seconds that a replica may be behind; `None` for no limit.
        check_interval: seconds that a verdict holds.
        check_timeout: seconds for an answer.
        retry_after: seconds until one that failed is looked at again.
    """

    def __init__(
        self,
        primary: asyncdb.Pool,
        max_lag: float | None,
        check_interval: float,
        check_timeout: float,
        retry_after: float,
    ) -> None:
        self._primary = primary
        self._max_lag = max_lag
        self._check_interval = check_interval
        self._check_timeout = check_timeout
        self._retry_after = retry_after
        # When the primary was asked, and the position that it had then or later.
        self._samples: deque[tuple[float, str]] = deque()
        self._sampled = -inf
        self._sampling = asyncio.Lock()

    def failed(self, member: Member, trouble: str) -> None:
        """Leave a replica out for `retry_after`."""
        member.judge(trouble, now() + self._retry_after)

    async def look(self, member: Member, db: asyncdb.Connection) -> None:
        """Look at a replica, unless somebody just did."""
        if member.until > now():
            return
        async with member.looking:
            if member.until > now():
                return
            trouble = await _positions.trouble(db, self._check_timeout)
            if not trouble and self._max_lag is not None:
                trouble = await self._lagging(db, self._max_lag)
            member.judge(trouble, now() + self._check_interval)

    async def look_again(self, member: Member) -> None:
        """Look at one that was left out; nobody waits for it."""
        limit = self._check_timeout
        try:
            async with asyncio.timeout(limit), member.pool.acquire(timeout=limit) as db:
                member.until = -inf
                await self.look(member, db)
        except (asyncdb.Error, TimeoutError) as error:
            self.failed(member, named(error))
        finally:
            member.probe = None

    def needed(self) -> str | None:
        """Return the position that a replica has if it is at most `max_lag` behind.

        It is the oldest that the primary had within `max_lag`; while the primary does
        not answer, the last one that was heard of. `None`: no limit, or none known.
        """
        if self._max_lag is None or not self._samples:
            return None
        first = now() - self._max_lag
        while len(self._samples) > 1 and self._samples[0][0] < first:
            self._samples.popleft()
        return self._samples[0][1]

    async def _lagging(self, db: asyncdb.Connection, max_lag: float) -> str:
        await self._sample(max_lag)
        needed = self.needed()
        if needed is None:
            return "how far it is behind is unknown: the primary does not answer"
        # Just after an hour without readers the only position known is of this moment,
        # so it gets a moment to be there.
        wait, limit = min(max_lag, self._check_timeout), self._check_timeout
        lacking = await _positions.lacking(db, needed, wait, limit)
        if lacking == _positions.BEHIND:
            return f"it is more than max_lag={max_lag:g} seconds behind"
        return lacking

    async def _sample(self, max_lag: float) -> None:
        """Ask the primary where it stands, unless somebody just did."""
        every = min(self._check_interval, max_lag / 4)
        async with self._sampling:
            moment, limit = now(), self._check_timeout
            if moment - self._sampled < every:
                return
            self._sampled = moment
            try:
                async with self._primary.acquire(timeout=limit) as db:
                    token = await _positions.written(db, limit)
            except asyncdb.NotSupportedError:
                raise
            except FAILURES as error:
                logger.debug("the primary's position is unknown: %s", named(error))
                return
            self._samples.append((moment, token))
