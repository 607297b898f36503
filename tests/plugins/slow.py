"""Statements that run for ever on each engine, and how to see that they do.

slow = await Slow.on(db, observer)
task = asyncio.create_task(db.execute(slow.sql)); await slow.started()
...; await slow.stopped()
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Self

import asyncdb
from tests.plugins.scale import eventually

_SLEEP = {"postgresql": "SELECT pg_sleep(60)", "mysql": "SELECT sleep(60)"}
_SEEN = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' "
    "AND pid <> pg_backend_pid() AND query LIKE ?",
    "mysql": "SELECT count(*) FROM information_schema.processlist "
    "WHERE id <> connection_id() AND info LIKE ?",
}
_PIDS = {
    "postgresql": (
        "SELECT pid FROM pg_stat_activity "  # noqa: ISC004  # one text
        "WHERE pid <> pg_backend_pid() AND query LIKE ?",
        "SELECT pg_terminate_backend({})",
    ),
    "mysql": (
        "SELECT id FROM information_schema.processlist "  # noqa: ISC004  # one text
        "WHERE id <> connection_id() AND info LIKE ?",
        "KILL {}",
    ),
}
# For writing. MySQL's sleep() just returns when it is killed, and the row is there.
_WORK = {
    "postgresql": "SELECT 1 FROM pg_sleep(60)",
    "mysql": "WITH RECURSIVE n (i) AS "
    "(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) "
    "SELECT count(*) FROM n a, n b, n c, n d",
}
# SQLite tells nobody what it is doing: the statement itself does.
_ENDLESS = (
    "WITH RECURSIVE n (i) AS (SELECT {0}() UNION ALL SELECT i + 1 FROM n) "
    "SELECT count(*) FROM n"
)


class Slow:
    """A statement that ends only when it is stopped.

    Args:
        observer: another connection, to look from.
    """

    def __init__(self, observer: asyncdb.Connection) -> None:
        self._observer = observer
        self._mark = f"mark_{secrets.token_hex(4)}"
        self._started = asyncio.Event()
        self.engine = observer.dialect.name
        sleep = _SLEEP.get(self.engine) or _ENDLESS.format(self._mark)
        self.sql = f"{sleep} /* {self._mark} */"
        self.insert = "INSERT INTO {} " + self.sql
        if self.engine in _WORK:
            work = _WORK[self.engine]
            self.insert = f"INSERT INTO {{}} /* {self._mark} */ {work}"

    @classmethod
    async def on(cls, db: asyncdb.Connection, observer: asyncdb.Connection) -> Self:
        """A slow statement for `db`."""
        slow = cls(observer)
        if slow.engine == "sqlite":
            loop = asyncio.get_running_loop()

            def started() -> int:
                loop.call_soon_threadsafe(slow._started.set)
                return 1

            await db.native.create_function(slow._mark, 0, started)
        return slow

    async def started(self) -> None:
        """Wait until the server is at it."""
        if self.engine == "sqlite":
            await self._started.wait()
        else:
            await eventually(self._is_running)

    async def stopped(self) -> None:
        """Wait until the server has stopped, for 2 seconds at most."""
        if self.engine != "sqlite":
            await eventually(self._is_gone)

    async def end(self) -> None:
        """End a session that lost its client: servers do not look for theirs."""
        pids, end = _PIDS[self.engine]
        for row in await self._observer.fetchall(pids, [f"%{self._mark}%"]):
            await self._observer.execute(end.format(row[0]))
        await self.stopped()

    async def _is_running(self) -> bool:
        seen = await self._observer.fetchval(_SEEN[self.engine], [f"%{self._mark}%"])
        return bool(seen)

    async def _is_gone(self) -> bool:
        return not await self._is_running()
