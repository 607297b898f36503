"""The pool: every verb of a connection, on whichever connection is free.

The rooms below it: `kernel` hands out at most N of anything in order, `lifecycle`
makes, judges, mends and closes sessions, `checkout` lends them and takes them back,
`loans` are what a borrower holds, and `runner` carries out the pool's own verbs.
"""

from __future__ import annotations

import asyncio
import logging
import warnings
import weakref
from typing import TYPE_CHECKING, Any, TypeVar

from asyncdb import errors
from asyncdb.connection import Connection
from asyncdb.connection.executor import Executor
from asyncdb.connection.retry import Attempt, repeat
from asyncdb.connection.watch import Watch
from asyncdb.pool.checkout import DEFAULT, Checkout
from asyncdb.pool.lifecycle import Lifecycle
from asyncdb.pool.loans import Acquiring
from asyncdb.pool.observed import ObservedCheckout
from asyncdb.pool.runner import PoolRunner
from asyncdb.pool.stats import PoolStats

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Self

    from asyncdb.connection.session import Session
    from asyncdb.driver import Driver
    from asyncdb.options import ConnectOptions, Isolation, PoolOptions
    from asyncdb.url import DatabaseURL

T = TypeVar("T")

logger = logging.getLogger("asyncdb")


class Pool(Executor[str, Connection]):
    """Up to `max_size` connections; `asyncdb.create_pool()` opens it.

    Each verb takes a connection for the one call. `acquire()` lends one for a block,
    `transaction()` one inside a transaction. Who comes when none is free waits in line.

    Example:
        >>> import asyncio, asyncdb
        >>> async def main():
        ...     async with asyncdb.create_pool("sqlite://") as pool:
        ...         await pool.execute("CREATE TABLE t (a INTEGER)")
        ...         async with pool.transaction() as db:
        ...             await db.execute("INSERT INTO t VALUES (1)")
        ...         async with pool.acquire() as db:
        ...             return await db.fetchval("SELECT a FROM t")
        >>> asyncio.run(main())
        1
    """

    def __init__(
        self,
        driver: Driver,
        url: DatabaseURL,
        connect_options: ConnectOptions,
        options: PoolOptions,
        open_session: Callable[[bool], Awaitable[Session]],
    ) -> None:
        _check(options.min_size, options.max_size)
        lifecycle = Lifecycle(driver, url, connect_options, options, open_session)
        checkout = Checkout(lifecycle, options)
        observers = connect_options.observers
        if any(hasattr(observer, "acquire") for observer in observers):
            watch = Watch(observers, url, weakref.ref(self))
            checkout = ObservedCheckout(lifecycle, options, watch)
        super().__init__(PoolRunner(checkout, lifecycle))
        self._options = options
        self._lifecycle = lifecycle
        self._checkout = checkout
        self._kernel = lifecycle.kernel

    async def _open(self) -> Self:
        """Open `min_size` connections; the first tells what the server is.

        With `min_size=0` nobody needs it yet: a server that is down may come up before.
        """
        kernel, opened = self._kernel, []
        try:
            try:
                opened += [await kernel.wait(None)]
            except errors.AuthenticationFailed:
                raise  # waiting will not mend it
            except (errors.ConnectionFailed, errors.ConnectionLost):
                if self._options.min_size:
                    raise
            more = min(self._options.min_size, kernel.max_size) - 1
            opened += await asyncio.gather(*(kernel.wait(None) for _ in range(more)))
        except BaseException:
            self._terminate()
            raise
        for lease in opened:
            kernel.put(lease)
        self._lifecycle.start()
        return self

    # -- state -------------------------------------------------------------------------

    def stats(self) -> PoolStats:
        """Return sizes and counters, as they are now.

        Returns:
            A `PoolStats`.
        """
        return self._checkout.stats()

    @property
    def url(self) -> DatabaseURL:
        """Where it is connected to; prints with the password hidden."""
        return self._lifecycle.url

    @property
    def is_closed(self) -> bool:
        """Whether the pool is closed, or closing."""
        return self._kernel.is_closed

    # -- borrowing ---------------------------------------------------------------------

    def acquire(self, *, timeout: float | None = DEFAULT) -> Acquiring:
        """Borrow a connection for a block.

        The block's connection is its own: it ends with the block, and is refused
        afterwards. What it left open is rolled back, what it set is reset.

        Args:
            timeout: seconds to wait for one; the option `acquire_timeout` if not given,
                `None` waits for ever.

        Returns:
            An async context manager that gives a `Connection`. It can be awaited
            instead; then `release()` gives the connection back.

        Raises:
            PoolTimeout: none became free in time.
            PoolFull: more than `max_waiting` tasks are waiting already.
            PoolClosed: the pool is closed.
            ConnectionFailed: a new connection was needed, and could not be opened.
        """
        return Acquiring(self._checkout, timeout)

    async def release(self, db: Connection) -> None:
        """Give a connection back that was got by `await pool.acquire()`.

        Args:
            db: the connection. Giving it back twice is harmless.

        Raises:
            InterfaceError: it is not a connection of this pool.
        """
        if not self._checkout.owns(db._session):
            message = "this connection was not borrowed from this pool"
            raise errors.InterfaceError(message)
        await self._checkout.give_back(db._session, None)

    async def retry(
        self,
        function: Callable[..., Awaitable[T]],
        *args: Any,
        attempts: int = 5,
        isolation: Isolation | None = None,
        failover_timeout: float | None = 30.0,
        **kwargs: Any,
    ) -> T:
        """Run a function in a transaction, and again when the database says so.

        Again means all of it, in a new transaction, after a pause that grows with each
        attempt: after a deadlock, a serialization failure or a lock that was not
        granted in time (`is_transient`). And while the database changes hands: when no
        server is to be had, when its connection was lost before COMMIT was sent, or
        when its server was demoted. Never after `CommitUnknown`. `asyncdb.retry` is the
        same as a decorator.

        Args:
            function: an async function; its first argument is a `Connection` inside
                the transaction. It may run several times: what it does outside the
                database is not undone.
            *args: its other arguments.
            attempts: how often it runs at most.
            isolation: the SQL standard's level, the session's own when `None`.
            failover_timeout: seconds, from the first such failure on, for which it is
                begun again while the database changes hands; `None` for not at all.
                These do not count as attempts.
            **kwargs: its keyword arguments.

        Returns:
            What the function returns.

        Example:
            >>> import asyncio, asyncdb
            >>> async def add(db, n):
            ...     await db.execute("INSERT INTO t VALUES (?)", [n])
            >>> async def main():
            ...     async with asyncdb.create_pool("sqlite://") as pool:
            ...         await pool.execute("CREATE TABLE t (a INTEGER)")
            ...         await pool.retry(add, 1, attempts=3)
            ...         return await pool.fetchval("SELECT count(*) FROM t")
            >>> asyncio.run(main())
            1
        """

        async def block(attempt: Attempt) -> T:
            async with self.transaction(isolation=isolation) as db:
                attempt.begin(db)
                return await function(db, *args, **kwargs)

        return await repeat(block, attempts, failover_timeout)

    async def ping(self, *, timeout: float | None = DEFAULT) -> None:
        """Ask for a sign of life of a server that is what the pool wants.

        A connection whose server is no longer what `target_session_attrs` wants is
        given up, and another one is asked. It may wait long for a server that is
        frozen: set a limit of your own around it.

        Args:
            timeout: seconds to wait for a connection, as in `acquire()`.

        Raises:
            ConnectionFailed: there is no such server.
            ConnectionLost: it has gone.
        """
        while True:
            async with self.acquire(timeout=timeout) as db:
                if await self._lifecycle.still_fits(db._session.lease):
                    return

    # -- size and end ------------------------------------------------------------------

    def resize(
        self, *, min_size: int | None = None, max_size: int | None = None
    ) -> None:
        """Change how many connections there are.

        Args:
            min_size: kept open even when nobody needs them; as it was when `None`.
            max_size: open at most; as it was when `None`. Connections beyond it are
                closed, the borrowed ones when they come back.
        """
        self._checkout.check_home()
        lifecycle, kernel = self._lifecycle, self._kernel
        least = lifecycle.min_size if min_size is None else min_size
        most = kernel.max_size if max_size is None else max_size
        if lifecycle.is_private:
            return
        _check(least, most)
        lifecycle.min_size = least
        kernel.resize(most)
        kernel.fill(least)

    def drain(self) -> None:
        """Replace all connections: the idle ones now, the others when they come back.

        For changes that sessions notice only when they begin, such as a role's new
        settings. A database in memory is its connection, and keeps it.
        """
        self._checkout.check_home()
        self._lifecycle.drain()

    async def close(self, *, timeout: float | None = 10.0) -> None:
        """Wait until all connections have come back, and close them.

        New loans are refused at once, with `PoolClosed`. Closing twice is harmless.

        Args:
            timeout: seconds to wait; then the connections that are still in use are
                cut, as `terminate()` does. `None` waits for ever.
        """
        self._checkout.check_home()
        self._lifecycle.stop()
        self._kernel.close(self._checkout.refusal)
        try:
            async with asyncio.timeout(timeout):
                await self._kernel.emptied()
        except TimeoutError:
            count = self._kernel.in_use
            logger.warning("a closing pool cuts %d connections still in use", count)
            self._terminate()
        except BaseException:
            self._terminate()
            raise

    def terminate(self) -> None:
        """Cut all connections and close the pool, without waiting for anybody.

        When the pool's event loop does not run any more, it may be called from
        anywhere: there is nobody left who could.
        """
        if self._lifecycle.forked or self._lifecycle.loop.is_running():
            self._checkout.check_home()
        self._terminate()

    def _terminate(self) -> None:
        self._lifecycle.cut()
        self._kernel.abandon(self._checkout.refusal)

    async def __aenter__(self) -> Self:
        """Return the pool."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the pool."""
        await self.close()

    def __del__(self) -> None:
        """Warn about a pool that nobody closed, and cut its connections."""
        lifecycle = getattr(self, "_lifecycle", None)
        if lifecycle is None or lifecycle.forked or lifecycle.kernel.is_closed:
            return
        message = f"{self!r} was never closed: use `async with`, or await close()"
        warnings.warn(message, ResourceWarning, source=self, stacklevel=1)
        lifecycle.cut()

    def __repr__(self) -> str:
        """Show where it is connected to and its numbers, without a password."""
        return repr(self._checkout)


def _check(min_size: int, max_size: int) -> None:
    if not 0 <= min_size <= max_size or max_size < 1:
        message = (
            "max_size is at least 1, and min_size from 0 to max_size; given were "
            f"min_size={min_size}, max_size={max_size}"
        )
        raise errors.InterfaceError(message)
