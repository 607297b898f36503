"""A pool for whichever event loop asks: in tests there are several."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Self, TypeVar

import asyncdb
from asyncdb.connection import OpenStream, Params, Result, Seconds

if TYPE_CHECKING:
    from asyncdb.options import Isolation, TransactionOptions

T = TypeVar("T")

_UNSET: Any = object()


class AnyLoopPool(asyncdb.Executor[str, asyncdb.Connection]):
    """What `asyncdb_pool` and `asyncdb_rollback` give: all that `asyncdb.Pool` has.

    In each event loop that uses it, it is an `asyncdb.Pool` of that loop, opened when
    it is first needed; all of them see the same database, and in a rollback the same
    transaction. `isinstance(pool, asyncdb.Pool)` holds, for applications that ask.

    Args:
        url: of what the pools are opened on.
        dialect: facts about the database.
        options: those of `asyncdb.create_pool`.

    Example:
        >>> import asyncio
        >>> from asyncdb.testing.sandbox import Sandbox
        >>> with Sandbox("sqlite") as sandbox, sandbox.rollback() as pool:
        ...     asyncio.run(pool.fetchval("SELECT 40 + 2"))
        42
    """

    __slots__ = ("_dialect", "_options", "_pools", "_url")

    def __init__(
        self,
        url: asyncdb.DatabaseURL,
        dialect: asyncdb.Dialect,
        options: dict[str, Any],
    ) -> None:
        asyncdb.Executor.__init__(self, _AnyLoopRunner(self))
        self._url = url
        self._dialect = dialect
        self._options = options
        self._pools: dict[asyncio.AbstractEventLoop, asyncio.Task[asyncdb.Pool]] = {}

    # Applications and their libraries ask `isinstance(pool, asyncdb.Pool)`, which looks
    # here. A real subclass would have one loop, whose pool is all that Pool is.
    if not TYPE_CHECKING:

        @property
        def __class__(self) -> type:
            """What it stands for."""
            return asyncdb.Pool

    async def opened(self) -> asyncdb.Pool:
        """Return the `asyncdb.Pool` of the loop that runs here."""
        loop = asyncio.get_running_loop()
        task = self._pools.get(loop)
        if task is None:
            task = self._pools[loop] = loop.create_task(self._open())
        try:
            return await asyncio.shield(task)
        except BaseException:
            if task.done() and _failed(task):
                self._pools.pop(loop, None)
            raise

    async def _open(self) -> asyncdb.Pool:
        return await asyncdb.create_pool(self._url, **self._options)

    def _here(self) -> asyncdb.Pool | None:
        """Return the pool of the loop that runs here, if it is open."""
        task = self._pools.get(asyncio.get_running_loop())
        if task is None or not task.done() or _failed(task):
            return None
        return task.result()

    # -- as in Pool --------------------------------------------------------------------

    @property
    def url(self) -> asyncdb.DatabaseURL:
        """A URL that leads to the same place: `create_app(pool.url)`.

        It is good in this process, for as long as the test runs, and has no password.
        """
        return self._url

    @property
    def is_closed(self) -> bool:
        """Whether the pool of this loop is closed, or closing."""
        pool = self._here()
        return pool is not None and pool.is_closed

    def stats(self) -> asyncdb.PoolStats:
        """Return sizes and counters of this loop's pool; zeros before its first use."""
        pool = self._here()
        if pool is not None:
            return pool.stats()
        zeros: dict[str, Any] = dict.fromkeys(asyncdb.PoolStats.__dataclass_fields__, 0)
        return asyncdb.PoolStats(**{**zeros, "closed": {}})

    def acquire(self, *, timeout: float | None = _UNSET) -> _Acquiring:
        """Borrow a connection for a block; see `asyncdb.Pool.acquire`."""
        return _Acquiring(self, {} if timeout is _UNSET else {"timeout": timeout})

    async def release(self, db: asyncdb.Connection) -> None:
        """Give a connection back; see `asyncdb.Pool.release`."""
        await (await self.opened()).release(db)

    async def retry(
        self,
        function: Callable[..., Awaitable[T]],
        *args: Any,
        attempts: int = 5,
        isolation: Isolation | None = None,
        **kwargs: Any,
    ) -> T:
        """Run a function in a transaction, and again; see `asyncdb.Pool.retry`."""
        pool = await self.opened()
        return await pool.retry(
            function, *args, attempts=attempts, isolation=isolation, **kwargs
        )

    def resize(
        self, *, min_size: int | None = None, max_size: int | None = None
    ) -> None:
        """Change how many connections this loop's pool has; see `asyncdb.Pool`."""
        if pool := self._here():
            pool.resize(min_size=min_size, max_size=max_size)

    def drain(self) -> None:
        """Replace all connections of this loop's pool; see `asyncdb.Pool.drain`."""
        if pool := self._here():
            pool.drain()

    async def close(self, *, timeout: float | None = 10.0) -> None:
        """Close the pool of this loop; other loops keep theirs.

        Args:
            timeout: seconds to wait for what is borrowed.
        """
        await (await self.opened()).close(timeout=timeout)

    def terminate(self) -> None:
        """Cut all connections of this loop's pool, and close it."""
        if pool := self._here():
            pool.terminate()

    async def __aenter__(self) -> Self:
        """Return the pool."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the pool of this loop."""
        await self.close()

    def __repr__(self) -> str:
        """Show where it leads."""
        return f"<asyncdb.testing pool {self._url}>"

    # -- the end -----------------------------------------------------------------------

    def discard(self) -> None:
        """Close the pools of all loops, whatever became of those; from any thread."""
        pools, self._pools = self._pools, {}
        for loop, task in pools.items():
            if not task.done():
                with suppress(RuntimeError):  # that loop is closed
                    loop.call_soon_threadsafe(task.cancel)
            elif not _failed(task):
                _terminate(loop, task.result())


def _failed(task: asyncio.Task[Any]) -> bool:
    return task.cancelled() or task.exception() is not None


def _terminate(loop: asyncio.AbstractEventLoop, pool: asyncdb.Pool) -> None:
    """Cut a pool where its loop allows it."""
    if pool.is_closed:
        return
    with suppress(RuntimeError):  # the loop has ended just now, or who waits for it
        if loop.is_running() and asyncio._get_running_loop() is not loop:
            loop.call_soon_threadsafe(pool.terminate)
        else:
            pool.terminate()


class _Acquiring:
    """What `acquire()` returns: use it in `async with`, or await it."""

    __slots__ = ("_inner", "_options", "_pool")

    def __init__(self, pool: AnyLoopPool, options: dict[str, Any]) -> None:
        self._pool = pool
        self._options = options
        self._inner: Any = None

    def __await__(self) -> Generator[Any, None, asyncdb.Connection]:
        """Borrow a connection; `release()` gives it back."""
        return self._borrow().__await__()

    async def _borrow(self) -> asyncdb.Connection:
        pool = await self._pool.opened()
        db: asyncdb.Connection = await pool.acquire(**self._options)
        return db

    async def __aenter__(self) -> asyncdb.Connection:
        """Borrow a connection."""
        self._inner = (await self._pool.opened()).acquire(**self._options)
        db: asyncdb.Connection = await self._inner.__aenter__()
        return db

    async def __aexit__(self, *error: object) -> None:
        """Give it back."""
        await self._inner.__aexit__(*error)


class _AnyLoopRunner:
    """Has the statements carried out by the pool of the loop that runs."""

    __slots__ = ("_pool",)

    def __init__(self, pool: AnyLoopPool) -> None:
        self._pool = pool

    @property
    def dialect(self) -> asyncdb.Dialect:
        return self._pool._dialect

    async def execute(
        self, sql: Any, params: Params, timeout: Seconds = None, *, plain: bool = False
    ) -> Result:
        runner = (await self._pool.opened()).runner
        return await runner.execute(sql, params, timeout, plain=plain)

    async def execute_many(
        self,
        sql: str,
        rows: Any,
        *,
        exact_rowcount: bool = False,
        timeout: Seconds = None,
    ) -> Result:
        runner = (await self._pool.opened()).runner
        return await runner.execute_many(
            sql, rows, exact_rowcount=exact_rowcount, timeout=timeout
        )

    async def execute_batch(
        self,
        steps: Sequence[Any],
        timeout: Seconds = None,
        *,
        transaction: bool | None = None,
    ) -> None:
        runner = (await self._pool.opened()).runner
        await runner.execute_batch(steps, timeout, transaction=transaction)

    async def execute_script(
        self, text: str, timeout: Seconds = None, *, transaction: bool = True
    ) -> Result:
        runner = (await self._pool.opened()).runner
        return await runner.execute_script(text, timeout, transaction=transaction)

    async def load_rows(
        self, table: str | Sequence[str], columns: Sequence[str], rows: Any
    ) -> int:
        runner = (await self._pool.opened()).runner
        return await runner.load_rows(table, columns, rows)

    async def open_stream(
        self, sql: Any, params: Params, timeout: Seconds = None, *, plain: bool = False
    ) -> OpenStream:
        runner = (await self._pool.opened()).runner
        return await runner.open_stream(sql, params, timeout, plain=plain)

    def transaction(
        self, options: TransactionOptions
    ) -> AbstractAsyncContextManager[asyncdb.Connection]:
        return self._block(options)

    @asynccontextmanager
    async def _block(
        self, options: TransactionOptions
    ) -> AsyncGenerator[asyncdb.Connection]:
        pool = await self._pool.opened()
        async with pool.runner.transaction(options) as db:
            yield db
