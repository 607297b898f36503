"""Stopping work on the server: KILL over another connection.

Rules:

1. Where an address leads to several servers (a balancer, a failover), the other
   connection may reach another one, on which the same number is somebody else's
   session. So a server is asked who it is before anything is killed there.
2. However much there is to stop, an account has two helpers at most: a connection that
   sends one KILL after the other, and perhaps the one before it, which is leaving. No
   third one comes until that is gone.
3. KILL is only a wish. A session is gone when the server does not know its number any
   more; until then it is asked again, and other jobs have their turn meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from enum import Enum
from typing import TypeAlias
from weakref import WeakKeyDictionary

from asyncdb.dialects.mysql.protocol.answers import server_values
from asyncdb.dialects.mysql.protocol.translation import translate_connecting
from asyncdb.dialects.mysql.protocol.wire import Wire
from asyncdb.dialects.mysql.session import SERVER
from asyncdb.errors import TooManyConnections

# Seconds for a helper to connect and have its KILL answered, and for a session to go.
LIMIT = 2.0
# Seconds which a cancelled call waits itself: the work has usually ended when it
# returns, also at a program's end, when nothing runs in the background any more.
_PATIENCE = 0.3
# Seconds between two looks at a session that is about to go: the first, the longest.
_FIRST, _LONGEST = 0.001, 0.02
_UNKNOWN_THREAD = 1094

_log = logging.getLogger("asyncdb.dialects.mysql")


class Outcome(Enum):
    """What became of a job."""

    DONE = "the statement was told to stop; the session is gone"
    FAILED = "it cannot be done, nor known"
    LATE = "the server did not do it in time, or had no room for a helper"


class _Job:
    """One thing to stop; who cancels its outcome withdraws it."""

    __slots__ = ("number", "outcome", "pause", "query", "server", "until", "wire")

    def __init__(self, wire: Wire, server: str, *, query: bool) -> None:
        self.wire = wire
        self.server = server
        self.query = query
        self.number = wire.session_number
        loop = asyncio.get_running_loop()
        self.outcome: asyncio.Future[Outcome] = loop.create_future()
        self.until: float | None = None  # how long it is asked for again
        self.pause = 0.0

    def end(self, outcome: Outcome) -> None:
        """Tell who waits."""
        if not self.outcome.done():
            self.outcome.set_result(outcome)


class _Helper:
    """What stops the work of all sessions of an account."""

    def __init__(self) -> None:
        self._jobs: deque[_Job] = deque()
        # The loop itself keeps only weak references to tasks.
        self._task: asyncio.Task[None] | None = None
        self._wire: Wire | None = None
        self._server = ""
        # The connection before, which the server may not have let go of yet.
        self._before = 0

    def take(self, job: _Job) -> None:
        """Take a job on."""
        self._jobs.append(job)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        try:
            while self._jobs:
                job = self._jobs.popleft()
                outcome: Outcome | None = Outcome.FAILED
                try:
                    if not job.outcome.done():
                        outcome = await self._turn(job)
                    if not self._jobs:
                        # Before the job is called done: who waits for it may end the
                        # program then.
                        await self._leave()
                finally:
                    if outcome is not None:
                        job.end(outcome)
        finally:
            self._cut()
            self._task = None

    async def _turn(self, job: _Job) -> Outcome | None:
        """Do a job once; `None` where it has to be done again."""
        await asyncio.sleep(job.pause)
        try:
            async with asyncio.timeout(LIMIT):
                wire = await self._reach(job)
                if wire is None:
                    _log.debug("not killed: another server at %r", job.wire.target)
                    return Outcome.FAILED
                outcome = await _kill(job, wire)
        except Exception as error:  # noqa: BLE001
            # No password: connection errors name user and host at most.
            _log.debug("not killed: %s", type(error).__name__)
            outcome = _read(error, job.wire)
            if self._wire is None:  # the others would not be let in, either
                self._end_all(outcome)
            self._cut()
        if outcome is None:
            self._jobs.append(job)
        return outcome

    def _end_all(self, outcome: Outcome) -> None:
        while self._jobs:
            self._jobs.popleft().end(outcome)

    # -- the connection --------------------------------------------------------------

    async def _reach(self, job: _Job) -> Wire | None:
        """Connect to where a job's session is; `None` if another server answers."""
        if self._wire is not None and self._server != job.server:
            await self._leave()
        if self._wire is None:
            self._wire = await job.wire.another()
            answer = await self._wire.ask(f"SELECT {SERVER}")
            server, self._server = self._server, str(server_values(answer)[0])
            while self._before and server == self._server:
                answer = await self._wire.ask(f"KILL {self._before}")
                if answer.error is not None:
                    break
                await asyncio.sleep(_FIRST)
            self._before = 0
        return self._wire if self._server == job.server else None

    async def _leave(self) -> None:
        """Say goodbye, and wait until the server has closed, too."""
        wire, self._wire = self._wire, None
        if wire is not None:
            self._before = wire.session_number
            await wire.goodbye()

    def _cut(self) -> None:
        """Leave without a word."""
        wire, self._wire = self._wire, None
        if wire is not None:
            self._before = wire.session_number
            wire.abort()


async def _kill(job: _Job, wire: Wire) -> Outcome | None:
    what = "QUERY " if job.query else ""
    answer = await wire.ask(f"KILL {what}{job.number}")
    if answer.error is not None:
        number = int.from_bytes(answer.error[1:3], "little")
        return Outcome.DONE if number == _UNKNOWN_THREAD else Outcome.FAILED
    if job.query:
        return Outcome.DONE
    now = asyncio.get_running_loop().time()
    job.until = job.until or now + LIMIT
    job.pause = min(2 * job.pause or _FIRST, _LONGEST)
    return None if now < job.until else Outcome.LATE


def _read(error: Exception, wire: Wire) -> Outcome:
    full = isinstance(translate_connecting(error, wire.library), TooManyConnections)
    return Outcome.LATE if full or isinstance(error, TimeoutError) else Outcome.FAILED


_Account: TypeAlias = tuple[str | None, int, str | None, str | None]
_helpers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[_Account, _Helper]] = (
    WeakKeyDictionary()
)


def _take(job: _Job) -> None:
    target = job.wire.target
    account = target.host, target.port, target.unix_socket, target.user
    accounts = _helpers.setdefault(asyncio.get_running_loop(), {})
    accounts.setdefault(account, _Helper()).take(job)


async def stop_statement(wire: Wire, server: str) -> bool:
    """Stop the statement that a session runs now, if it does.

    Args:
        wire: the session's; another one to where it leads carries the KILL.
        server: which server it is on, as told when it was opened.

    Returns:
        Whether the server was told to, within `LIMIT`.
    """
    job = _Job(wire, server, query=True)
    _take(job)
    try:
        async with asyncio.timeout(LIMIT):
            return await job.outcome is Outcome.DONE
    except TimeoutError:
        return False


def end_session(wire: Wire, server: str) -> asyncio.Future[Outcome] | None:
    """End the session behind a wire that was cut, in the background.

    Args:
        wire: see `stop_statement`.
        server: see there.

    Returns:
        What becomes of it; `None` where no loop runs any more.
    """
    try:
        job = _Job(wire, server, query=False)
    except RuntimeError:
        return None
    _take(job)
    return job.outcome


async def be_patient(ending: asyncio.Future[Outcome] | None) -> None:
    """Wait for the end of a session, for as long as a cancelled call may."""
    if ending is not None:
        await asyncio.wait([ending], timeout=_PATIENCE)
