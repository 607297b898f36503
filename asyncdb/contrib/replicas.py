"""Reads from replicas, and from the primary where they are not good enough.

In short::

    replicas = Replicas(primary, [east, west], max_lag=5)

    async with replicas.reader() as db:           # a connection to one of them
        await db.fetchall("SELECT ...")
    await replicas.reader().fetchall("SELECT ...")  # or one statement

    async with primary.transaction() as db:
        await db.execute("INSERT ...")
    token = await replicas.written()
    async with replicas.reader(after=token) as db:  # sees the INSERT
        ...

Rules:

1. Who reads says so: nothing looks into the SQL, and writes go to the primary's pool.
2. A token is asked for on the very session that is then lent: a reader that takes one
   never sees less than it stands for, whatever died, lagged or was promoted meanwhile.
3. Replicas are looked at when they are used, one task at a time, and the verdict holds
   for `check_interval`. One that was left out is asked again by a task that ends within
   `check_timeout`; nobody waits for it, and nothing goes on when nobody reads.
4. A replica that is merely busy is waited for: reads do not all flee to the primary
   when there are many.

The pools are the caller's, who closes them. See docs/how-to/replicas.md.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from math import inf
from typing import TYPE_CHECKING, Any

import asyncdb
from asyncdb.contrib import _positions
from asyncdb.contrib._reading import Lend, Reading
from asyncdb.contrib._watch import FAILURES, Member, Watch, named, now

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["NoReplica", "Reader", "ReplicaState", "Replicas", "is_token"]

is_token = _positions.is_token


class NoReplica(asyncdb.ConnectionFailed):
    """No server may be read from as it was asked for."""


@dataclass(frozen=True, slots=True)
class ReplicaState:
    """What is thought of a replica.

    Args:
        url: where its pool is connected to; prints with the password hidden.
        trouble: why it is not read from, in words; `""` when it is.
        reads: how often it was lent.
    """

    url: asyncdb.DatabaseURL
    trouble: str
    reads: int


@dataclass(frozen=True, slots=True)
class _Loan:
    block: AbstractAsyncContextManager[asyncdb.Connection]
    db: asyncdb.Connection
    member: Member | None  # `None`: the primary

    async def end(self, *error: Any) -> None:
        await self.block.__aexit__(*(error or (None, None, None)))

    async def give_up(self) -> None:
        # As with an error in hand: then nobody waits for the session's reset.
        await self.block.__aexit__(NoReplica, NoReplica(), None)


class Reader(asyncdb.Executor[str, asyncdb.Connection]):
    """What `Replicas.reader()` returns: a block's connection, or one for each call.

    In `async with` it gives a `Connection` to one server. Its own verbs take a server
    for the one call, so that it goes wherever an `Executor` is wanted that only reads.
    """

    __slots__ = ("_block", "_lend")

    def __init__(self, lend: Lend, dialect: Callable[[], asyncdb.Dialect]) -> None:
        super().__init__(Reading(lend, dialect))
        self._lend = lend
        self._block: AbstractAsyncContextManager[asyncdb.Connection] | None = None

    async def __aenter__(self) -> asyncdb.Connection:
        """Borrow a connection."""
        if self._block is not None:
            message = "a reader() is for one block at a time; call reader() again"
            raise asyncdb.InterfaceError(message)
        block = self._block = self._lend()
        try:
            return await block.__aenter__()
        except BaseException:
            self._block = None
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give it back."""
        block, self._block = self._block, None
        if block is not None:
            await block.__aexit__(kind, error, trace)


class Replicas:
    """A primary and its replicas, for those who read.

    Args:
        primary: the pool that is written to.
        replicas: a pool for each replica, or for each other member of a cluster. They
            stay the caller's, who closes them. With none all reads go to the primary.
        max_lag: seconds that a replica may be behind; `None` for no limit. What it has
            is compared to what the primary had, by positions: no clocks of servers, no
            rights. While the primary is away, it is what it was last seen to have.
        fallback: read from the primary where no replica will do; `False` raises
            `NoReplica` instead.
        check_interval: seconds that what was found out about a replica holds.
        check_timeout: seconds for a server to answer when it is looked at.
        retry_after: seconds after which a replica that failed is looked at again.

    Raises:
        InterfaceError: a limit is not above 0, there is neither a replica nor the
            fall-back, or a pool is a database in memory, which no other pool sees.

    Example:
        >>> import asyncio, asyncdb
        >>> pool = asyncdb.create_pool
        >>> async def main():
        ...     async with pool("sqlite:///a.db") as main, pool("sqlite:///a.db") as r:
        ...         replicas = Replicas(main, [r])
        ...         await main.execute("CREATE TABLE t (a INTEGER)")
        ...         token = await replicas.written()
        ...         async with replicas.reader(after=token) as db:
        ...             return await db.fetchval("SELECT count(*) FROM t")
        >>> asyncio.run(main())
        0
    """

    def __init__(
        self,
        primary: asyncdb.Pool,
        replicas: Iterable[asyncdb.Pool],
        *,
        max_lag: float | None = None,
        fallback: bool = True,
        check_interval: float = 1.0,
        check_timeout: float = 1.0,
        retry_after: float = 5.0,
    ) -> None:
        self._primary = primary
        self._members = [Member(pool) for pool in replicas]
        limits = (check_interval, check_timeout, retry_after)
        if min(limits) <= 0 or (max_lag is not None and max_lag <= 0):
            message = "max_lag, check_interval, check_timeout, retry_after are above 0"
            raise asyncdb.InterfaceError(message)
        if not self._members and not fallback:
            message = "without replicas and without fallback there is nothing to read"
            raise asyncdb.InterfaceError(message)
        for pool in (primary, *(member.pool for member in self._members)):
            if self._members and not pool.dialect.supports_concurrent_connections:
                message = f"{pool.url}: no other pool sees what is in its memory"
                raise asyncdb.InterfaceError(message)
        self._fallback = fallback
        self._check_timeout = check_timeout
        self._turns = count()
        self._watch = Watch(
            primary, max_lag, check_interval, check_timeout, retry_after
        )

    # -- what is offered ---------------------------------------------------------------

    def reader(
        self,
        *,
        after: str | None = None,
        timeout: float = 1.0,
        fallback: bool | None = None,
    ) -> Reader:
        """Lend a connection for reading, to the least busy of those that will do.

        One that is lost under way raises `ConnectionLost`; the next goes elsewhere.

        Args:
            after: a token of `written()`: what was committed before that is seen.
            timeout: seconds to wait for a replica that is behind the token.
            fallback: as for `Replicas`; `None` as it was said there.

        Returns:
            An async context manager that gives a `Connection`, and an `Executor` that
            takes one for each call.

        Raises:
            InterfaceError: `after` is not a token.
            NoReplica: in the block or the call: no server will do.
            PoolTimeout: likewise: all connections of those that would do are in use.

        Example:
            >>> async def names(replicas, token):
            ...     sql = "SELECT name FROM users"
            ...     return await replicas.reader(after=token).fetchall(sql, into=str)
        """
        if after is not None and not is_token(after):
            message = "after= takes a token of written(), and this text is none"
            raise asyncdb.InterfaceError(message)
        falls = self._fallback if fallback is None else fallback

        def lend() -> AbstractAsyncContextManager[asyncdb.Connection]:
            return self._lend(after, timeout, falls)

        return Reader(lend, lambda: self._primary.dialect)

    async def written(self) -> str:
        """Return a token for all that is committed on the primary now.

        Ask when the transaction has ended. A token is a short text of letters, digits
        and `.:-_~`, made for a cookie, a header or a message; it holds no secret, only
        where the server's log stands.

        Returns:
            The token, for `reader(after=...)`, also in another process.

        Raises:
            NotSupportedError: the server keeps no positions: MySQL without `gtid_mode`,
                MariaDB without a binary log, or an engine not known here.
            ReadOnlyTransaction: the primary's pool is connected to a server that takes
                no writes.

        Example:
            >>> async def rename(primary, replicas, id, name):
            ...     sql = "UPDATE users SET name = ? WHERE id = ?"
            ...     await primary.execute(sql, [name, id])
            ...     return await replicas.written()
        """
        async with self._primary.acquire() as db:
            return await _positions.written(db, self._check_timeout)

    def states(self) -> tuple[ReplicaState, ...]:
        """Return what is thought of each replica; nobody is asked.

        Example:
            >>> def out_of_use(replicas):
            ...     return [one.url for one in replicas.states() if one.trouble]
        """
        return tuple(
            ReplicaState(
                member.pool.url,
                "its pool is closed" if member.pool.is_closed else member.trouble,
                member.reads,
            )
            for member in self._members
        )

    def __repr__(self) -> str:
        """Show the servers, without a password, and how many are read from."""
        good = sum(not state.trouble for state in self.states())
        urls = ", ".join(str(member.pool.url) for member in self._members)
        text = f"{self._primary.url} with {good} of {len(self._members)} replicas"
        return f"<Replicas {text}: {urls}>" if urls else f"<Replicas {text}>"

    # -- lending -----------------------------------------------------------------------

    @asynccontextmanager
    async def _lend(
        self, after: str | None, timeout: float, fallback: bool
    ) -> AsyncIterator[asyncdb.Connection]:
        loan = await self._find(after, timeout, fallback=fallback)
        member = loan.member
        try:
            yield loan.db
        except BaseException as error:
            if member and loan.db.is_closed and isinstance(error, FAILURES):
                # It may have been this session alone: ask at once.
                member.judge(f"a connection was lost: {named(error)}", -inf)
            await loan.end(*sys.exc_info())
            raise
        await loan.end()

    async def _find(
        self, after: str | None, timeout: float, *, fallback: bool
    ) -> _Loan:
        """Find a server that will do, and borrow a connection to it."""
        end = now() + timeout
        loan = await self._among(self._choice(), after, 0.0)
        if loan is None and after is not None:
            # All are behind: wait for the one that is least busy.
            loan = await self._among(self._choice()[:1], after, max(0.0, end - now()))
        if loan is None and not fallback:
            # Better late than never: those that are looked at may do by now.
            probes = [m.probe for m in self._members if m.probe is not None]
            if probes:
                await asyncio.wait(probes)
                loan = await self._among(self._choice(), after, max(0.0, end - now()))
        if loan is not None:
            return loan
        if fallback:
            return await self._from_primary(after, max(0.0, end - now()))
        told = (f"{s.url}: {s.trouble or 'behind the token'}" for s in self.states())
        raise NoReplica("no replica will do, fallback is off: " + "; ".join(told))

    def _choice(self) -> list[Member]:
        """Sort those that may do: the one to take first; have the others looked at."""
        moment, turn, good = now(), next(self._turns), []
        for place, member in enumerate(self._members):
            if member.pool.is_closed:
                continue
            if not member.trouble:
                # One that a task is looking at may be dead: others go first.
                doubtful = member.looking.locked() and member.until <= moment
                rank = (place - turn) % len(self._members)
                good.append((doubtful, member.load, rank, member))
            elif member.until <= moment and member.probe is None:
                member.probe = asyncio.create_task(self._watch.look_again(member))
        return [member for *_, member in sorted(good, key=lambda one: one[:3])]

    async def _among(
        self, members: Sequence[Member], after: str | None, wait: float
    ) -> _Loan | None:
        for member in members:
            loan = await self._borrow(member)
            if loan is None:
                continue
            try:
                if await self._will_do(member, loan.db, after, wait):
                    member.reads += 1
                    return loan
            except BaseException:
                await loan.end(*sys.exc_info())
                raise
            await loan.give_up()
        return None

    async def _borrow(self, member: Member) -> _Loan | None:
        """Borrow a connection, within `check_timeout` if it is only for want of one."""
        if member.is_full:
            block = member.pool.acquire()
        else:
            block = member.pool.acquire(timeout=self._check_timeout)
        try:
            return _Loan(block, await block.__aenter__(), member)
        except FAILURES as error:
            if isinstance(error, asyncdb.PoolTimeout | asyncdb.PoolFull):
                if member.is_full:
                    raise
                trouble = "no connection within check_timeout"
            else:
                trouble = named(error)
            self._watch.failed(member, trouble)
            return None

    async def _will_do(
        self, member: Member, db: asyncdb.Connection, after: str | None, wait: float
    ) -> bool:
        try:
            await self._watch.look(member, db)
            if member.trouble or after is None:
                return not member.trouble
            return not await _positions.lacking(db, after, wait, self._check_timeout)
        except asyncdb.NotSupportedError:
            raise  # a setting is wrong: falling back would hide it
        except FAILURES as error:
            self._watch.failed(member, named(error))
            return False

    async def _from_primary(self, after: str | None, wait: float) -> _Loan:
        need = self._watch.needed() if after is None else after
        block = self._primary.acquire()
        loan = _Loan(block, await block.__aenter__(), None)
        try:
            if need is None:
                return loan
            limit = self._check_timeout
            reason = await _positions.lacking(loan.db, need, wait, limit, primary=True)
            if not reason:
                return loan
            message = f"no replica will do, and the primary is none any more: {reason}"
            raise NoReplica(message)
        except BaseException:
            await loan.end(*sys.exc_info())
            raise
