"""One session over an aiosqlite connection: one thread hop per statement.

Rules that come from SQLite, sqlite3 and aiosqlite:

* A whole statement (execute, fetch, close) is one job for a thread of aiosqlite's, put
  on its queue by us; jobs hand out plain data, because a live cursor holds a lock.
* A wait in SQLite's busy handler cannot be interrupted. So the handler waits a slice
  of 20 ms, and the patience up to `lock_timeout` is a loop of ours, which can be
  cancelled.
* A cancelled job is interrupted, and tells when it has stopped. SQLite rolls a whole
  transaction back when it interrupts a write in it; `in_transaction()` asks SQLite
  itself, so the core sees that.
* aiosqlite logs each job's `repr` at DEBUG: a job of ours does not show its values.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import aiosqlite

from asyncdb.dialect import Dialect, Lexis
from asyncdb.dialects.sqlite import DIALECT, LEXIS, SQLiteOptions
from asyncdb.driver import (
    Command,
    Description,
    DriverConnection,
    DriverCursor,
    Result,
    Role,
)
from asyncdb.drivers.aiosqlite import jobs
from asyncdb.drivers.aiosqlite.cursor import AiosqliteCursor
from asyncdb.drivers.aiosqlite.describing import describe
from asyncdb.drivers.aiosqlite.files import Place
from asyncdb.drivers.aiosqlite.resetting import reset
from asyncdb.drivers.aiosqlite.threads import CLOSED, Job, Member, runs_here
from asyncdb.drivers.aiosqlite.writing import Turn, writes
from asyncdb.errors import TransactionError
from asyncdb.options import TransactionOptions
from asyncdb.sql.statement import Statement

BUSY_SLICE = 0.02  # seconds
_SETTLE = 0.4  # seconds a job may take to notice an interrupt
_QUERIES = frozenset(["SELECT", "VALUES", "WITH"])
_BEGIN = ("BEGIN IMMEDIATE",)
_BEGIN_READING = ("PRAGMA query_only=ON", "BEGIN")
_DIALECT = replace(DIALECT, server_version=sqlite3.sqlite_version_info)
_IN_MEMORY = replace(_DIALECT, supports_concurrent_connections=False)


class AiosqliteConnection(DriverConnection):
    """The session."""

    def __init__(
        self, member: Member, options: SQLiteOptions, turn: Turn | None, place: Place
    ) -> None:
        self._place, self.role = place, place.role
        self._native = member.native
        # aiosqlite's own way in costs a coroutine more and cannot be interrupted.
        self._raw: sqlite3.Connection = member.native._conn
        self._member, self._crew = member, member.crew
        self._crew.join(member)
        self._options = options
        self._turn = turn  # among those who write to the file; `None` in memory
        self._closed = self._stopping = self._query_only = False
        self._loop = member.loop
        self._keeps_turn = False  # the turn is kept until the transaction ends
        self._opening: tuple[str, ...] = ()  # BEGIN, to go with the first statement

    # -- facts ---------------------------------------------------------------------

    @property
    def dialect(self) -> Dialect:
        """SQLite's facts with the library's version."""
        return _IN_MEMORY if self._turn is None else _DIALECT

    @property
    def native(self) -> aiosqlite.Connection:
        """aiosqlite's connection; what it is told belongs to the block it is read in.

        So a block that has not begun yet begins here, in the loop's own thread, as
        nobody can await a property: it finds the lock free or fails.
        """
        self._crew.leave(self._member)
        if self._opening and not self._closed:
            self._begin_here()
        return self._native

    @property
    def lexis(self) -> Lexis:
        """SQLite has one way to quote."""
        return LEXIS

    async def read_lexis(self) -> Lexis:
        """Return the same."""
        return LEXIS

    async def read_role(self) -> Role:
        """Look whether the file can be written to now."""
        role: Role = await self.hop(self._place.read_role)
        return role

    # -- statements ----------------------------------------------------------------

    async def execute(self, statement: Statement, args: Sequence[Any]) -> Result:
        """Run a statement and give its whole result, in one hop."""
        run = self._way(writes=writes(statement))
        result: Result = await run(jobs.run, statement, args)
        return result

    async def execute_plain(self, statement: Statement, args: Sequence[Any]) -> Result:
        """Give tuples, which take a fifth less time than rows with names."""
        run = self._way(writes=writes(statement))
        result: Result = await run(jobs.run, statement, args, True)
        return result

    async def describe(self, statement: Statement) -> Description:
        """Have SQLite prepare a statement, and tell what it is."""
        found: Description = await self._patiently(describe, statement)
        return found

    async def execute_many(
        self, statement: Statement, rows: Sequence[Sequence[Any]]
    ) -> int:
        """Run a statement for each row in one hop, in a transaction."""
        run = self._way(writes=True)
        count: int = await run(jobs.run_many, statement, rows)
        return count

    async def execute_batch(
        self,
        commands: Sequence[Command],
        outcomes: list[Result | Exception],
        *,
        begin: bool,
    ) -> bool:
        """Run statements in one hop, and in another one behind each failure."""
        reads = not any(writes(one.statement) for one in commands)
        commit = None
        if begin:
            alone = reads and _QUERIES.issuperset(one[0].verb for one in commands)
            await self.begin(TransactionOptions(readonly=alone))
            commit = partial(jobs.end, readonly=alone)
        inside = self.in_transaction()
        while (done := len(outcomes)) < len(commands):
            run = self._way(writes=not reads)
            try:
                await run(jobs.run_batch, commands, outcomes, self._is_stopping, commit)
            except Exception as error:  # noqa: BLE001  # the next statement's
                if jobs.busy(error) and done != len(outcomes):
                    continue  # its patience begins now
                outcomes.append(error)
                if inside or self._closed:
                    break
            finally:
                if len(outcomes) > len(commands):  # it was committed, and is over
                    self._opening, self._query_only = (), False
        return True

    async def open_cursor(
        self, statement: Statement, args: Sequence[Any]
    ) -> DriverCursor:
        """Run a statement; its rows are fetched a batch a hop."""
        return await self._open(statement, args, plain=False)

    async def open_plain_cursor(
        self, statement: Statement, args: Sequence[Any]
    ) -> DriverCursor:
        """Run a statement whose rows are tuples."""
        return await self._open(statement, args, plain=True)

    async def _open(
        self, statement: Statement, args: Sequence[Any], *, plain: bool
    ) -> DriverCursor:
        opened: list[sqlite3.Cursor] = []
        try:
            run = self._way(writes=writes(statement))
            await run(jobs.open_cursor, statement, args, opened)
        except BaseException:
            if not self._closed:
                await self.hop(jobs.close_all, opened, droppable=False)
            raise
        return AiosqliteCursor(self.hop, self.is_closed, opened[0], plain=plain)

    def _way(self, *, writes: bool) -> Callable[..., Coroutine[Any, Any, Any]]:
        if self._opening:
            return self._with_begin
        return self._in_turn if writes else self._patiently

    async def _with_begin(self, function: Callable[..., Any], *args: Any) -> Any:
        """Hop with the first statement of a transaction, behind its BEGIN."""
        opening, self._opening = self._opening, ()
        run = self._patiently if opening is _BEGIN_READING else self._in_turn
        try:
            return await run(jobs.begin_and, opening, function, *args)
        except BaseException:
            if not self._has_begun():
                self._opening = opening  # the block is as it was
            raise

    async def _in_turn(self, function: Callable[..., Any], *args: Any) -> Any:
        """Hop when it is this connection's turn to write, until it stops writing."""
        turn, seconds = self._turn, self._options.lock_timeout or 0
        if turn is None or turn.held or self._raw.in_transaction:
            return await self._patiently(function, *args)
        deadline = self._loop.time() + seconds
        await turn.take(seconds)
        try:
            return await self._patiently(function, *args, deadline=deadline)
        finally:
            self._keeps_turn = self._has_begun()
            if not self._keeps_turn:
                turn.give()

    def _patiently(
        self, function: Callable[..., Any], *args: Any, deadline: float | None = None
    ) -> Coroutine[Any, Any, Any]:
        """Hop, again and again while another connection holds the lock."""
        return self.hop(function, self._raw, *args, deadline=deadline)

    async def hop(
        self,
        function: Callable[..., Any],
        *args: Any,
        droppable: bool = True,
        deadline: float | None = 0,
    ) -> Any:
        """Run a function in a thread.

        Args:
            function: what to run.
            args: what it takes.
            droppable: cancelled before its turn, it need not run at all.
            deadline: until when it is repeated while another connection holds the lock;
                `None`: for `lock_timeout` from the first refusal on.
        """
        while True:
            if self._closed:  # by another task, while this one waited for its turn
                raise sqlite3.ProgrammingError(CLOSED)
            job, turn = Job(self._member, function, args), self._turn
            self._crew.give(job, shared=turn is not None and not turn.held)
            try:
                return await job
            except asyncio.CancelledError:
                if not (droppable and job.take_back()):
                    await self._interrupt(job)
                raise
            except sqlite3.OperationalError as error:
                now = self._loop.time()
                if deadline is None:
                    deadline = now + (self._options.lock_timeout or 0)
                if not jobs.busy(error) or now >= deadline:
                    raise
            finally:
                if self._keeps_turn and not self._has_begun():
                    self._give_turn()
            # SQLite refuses some at once, without its busy handler, which waits.
            await asyncio.sleep(0.002)

    def _is_stopping(self) -> bool:
        return self._stopping or self._closed

    async def _interrupt(self, job: Job) -> None:
        """Stop a job that runs and wait until it has stopped, or give up on it."""
        self._stopping = True  # an interrupt between two statements stops neither
        try:
            async with asyncio.timeout(_SETTLE):
                while not job.has_ended and not self._closed:
                    self._raw.interrupt()
                    await asyncio.wait([job.ended()], timeout=BUSY_SLICE)
            self._stopping = False
        except TimeoutError:
            self.terminate()
        except BaseException:
            self.terminate()
            raise

    # -- transactions --------------------------------------------------------------

    async def begin(self, options: TransactionOptions) -> None:
        """Begin with the next statement, in one hop with it.

        Unless the block only reads, that takes the write lock at once: a deferred
        transaction that turns to writing late may be refused for good
        (SQLITE_BUSY_SNAPSHOT). Every level of isolation is served by SQLite's own,
        which is serializable.
        """
        self._query_only = self._query_only or options.readonly
        self._opening = _BEGIN_READING if options.readonly else _BEGIN
        if self._member.has_left:  # `native`: its statements do not come through here
            try:
                await self._with_begin(jobs.script)
            except BaseException:
                await self.rollback()
                raise

    def _begin_here(self) -> None:
        turn = None if self._opening is _BEGIN_READING else self._turn
        if turn is not None:
            turn.take_now()
        try:
            jobs.script(self._raw, *self._opening)
            self._opening = ()
        finally:
            self._keeps_turn = turn is not None and self._has_begun()
            if turn is not None and not self._keeps_turn:
                turn.give()

    async def commit(self) -> None:
        """Commit; a block without statements has nothing to commit."""
        if self._opening:
            await self.rollback()
            return
        if not self._raw.in_transaction:
            message = "the transaction was already over: SQLite has rolled it back"
            raise TransactionError(message)
        await self._patiently(partial(jobs.end, readonly=self._query_only), "COMMIT")
        self._query_only = False

    async def rollback(self) -> None:
        """Roll back."""
        self._opening = ()
        if not self._closed and (self._raw.in_transaction or self._query_only):
            end = partial(jobs.end, readonly=self._query_only)
            await self.hop(end, self._raw, "ROLLBACK", droppable=False)
            self._query_only = False

    def in_transaction(self) -> bool:
        """Whether a transaction is open, or begins with the next statement."""
        return self._has_begun() or (bool(self._opening) and not self._closed)

    def _has_begun(self) -> bool:
        return not self._closed and self._raw.in_transaction

    # -- the end -------------------------------------------------------------------

    def is_closed(self) -> bool:
        """Whether the session is over."""
        return self._closed

    async def close(self) -> None:
        """Close the file and end the thread, which may be in another task's job."""
        if not self._closed:
            self._closed = True
            turn = self._turn
            alone = contextlib.nullcontext() if turn is None else turn.closing
            closing = Job(self._member, jobs.close, (self._raw, alone))
            self._end(closing)
            # Whoever is cancelled here need not wait: the thread ends by itself.
            await closing

    def terminate(self) -> None:
        """Stop the running statement; the thread closes the file behind it."""
        if not self._closed:
            self._closed = True
            closing = Job(self._member, self._raw.close)
            if self._loop.is_running() and not runs_here(self._loop):
                # The garbage collector came by in another thread.
                self._loop.call_soon_threadsafe(self._end, closing)
            else:
                self._end(closing)

    def _give_turn(self) -> None:
        self._keeps_turn = False
        if self._turn is not None:
            self._turn.give()

    async def reset(self) -> bool:
        """Clean up a session in memory; a file is opened again as fast."""
        if self._turn is not None:
            return False
        options = self._options
        clean = partial(
            reset, foreign_keys=options.foreign_keys, settings=options.settings
        )
        await self.hop(clean, self._raw)
        return True

    def _end(self, closing: Job) -> None:
        # Not aiosqlite's stop(), which would wake a loop that may be gone by then.
        self._native._running = False
        self._native._connection = None
        self._crew.end(self._member, closing)
        self._interrupt_until_closed(closing)
        self._give_turn()

    def _interrupt_until_closed(self, closing: Job) -> None:
        """Interrupt what is ahead of closing: what has not begun yet does not hear."""
        if not closing.has_begun:
            with contextlib.suppress(sqlite3.ProgrammingError):  # it is, by now
                self._raw.interrupt()
            with contextlib.suppress(RuntimeError):  # the loop is gone
                self._loop.call_later(BUSY_SLICE, self._interrupt_until_closed, closing)
