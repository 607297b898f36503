"""The front doors: `connect()` and `create_pool()`."""

from __future__ import annotations

import weakref
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Unpack

from asyncdb.connection import Connection
from asyncdb.connection.hosts import open_session
from asyncdb.connection.observed import observed_opening
from asyncdb.driver.registry import find_driver
from asyncdb.options import PoolOptions
from asyncdb.options.reading import read_options
from asyncdb.pool import Pool
from asyncdb.url import DatabaseURL

if TYPE_CHECKING:
    from asyncdb.connection.session import Session
    from asyncdb.connection.watch import Watch
    from asyncdb.driver import Driver
    from asyncdb.options import ConnectOptions
    from asyncdb.options.keywords import ConnectKeywords, PoolKeywords


class Connecting:
    """What `connect()` returns: await it, or use it in `async with`."""

    __slots__ = ("_connection", "_driver", "_options", "_url")

    def __init__(self, url: DatabaseURL, options: dict[str, Any]) -> None:
        self._url = url
        self._driver = find_driver(url)
        self._options = read_options(self._driver.options, url.options, options)
        self._connection: Connection | None = None

    def __await__(self) -> Generator[Any, None, Connection]:
        """Open the connection."""
        return self._open().__await__()

    async def __aenter__(self) -> Connection:
        """Open the connection."""
        self._connection = await self._open()
        return self._connection

    async def __aexit__(self, *_: object) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close()

    if not TYPE_CHECKING:  # who checks types is told by the class

        def __getattr__(self, name: str) -> Any:
            """Refuse what only the connection has: it is not open yet."""
            raise _not_open(self, name, Connection, "connect(...)", "db")

    async def _open(self) -> Connection:
        return Connection(await _open(self._driver, self._url, self._options))


def connect(url: str | DatabaseURL, **options: Unpack[ConnectKeywords]) -> Connecting:
    """Open a connection to the database at `url`.

    Args:
        url: such as `"sqlite:///app.db"`, `"postgresql://user:password@host/name"`,
            `"mysql://..."`; see docs/reference/urls.md.
        **options: the driver's options, which may stand in the URL too: times in
            seconds, such as `connect_timeout=10`, `lock_timeout=5`.

    Returns:
        An object to await for a `Connection`, or to use in `async with`, which closes
        the connection at its end.

    Raises:
        URLError: the URL or an option cannot be understood.
        UnknownDriver: no installed driver serves the URL's scheme.
        MissingDriver: the library under the driver is not installed.
        ConnectionFailed: no host answered within `connect_timeout`, all refused, or
            none is what `target_session_attrs` wants.
        AuthenticationFailed: a host did not take user and password; no other is asked.

    Example:
        >>> import asyncio, asyncdb
        >>> async def main():
        ...     async with asyncdb.connect("sqlite://") as db:
        ...         return await db.fetchval("SELECT 'hello'")
        >>> asyncio.run(main())
        'hello'
    """
    return Connecting(DatabaseURL(url), {**options})


class CreatingPool:
    """What `create_pool()` returns: await it, or use it in `async with`."""

    __slots__ = ("_driver", "_options", "_pool", "_url")

    def __init__(self, url: DatabaseURL, options: dict[str, Any]) -> None:
        self._url = url
        self._driver = find_driver(url)
        kind: Any = self._driver.options
        kind = _with_pool_options(kind)
        self._options = read_options(kind, url.options, options)
        self._pool: Pool | None = None

    def __await__(self) -> Generator[Any, None, Pool]:
        """Open the pool."""
        return self._open().__await__()

    async def __aenter__(self) -> Pool:
        """Open the pool."""
        self._pool = await self._open()
        return self._pool

    async def __aexit__(self, *_: object) -> None:
        """Close the pool."""
        if self._pool is not None:
            await self._pool.close()

    if not TYPE_CHECKING:  # who checks types is told by the class

        def __getattr__(self, name: str) -> Any:
            """Refuse what only the pool has: it is not open yet."""
            raise _not_open(self, name, Pool, "create_pool(...)", "pool")

    async def _open(self) -> Pool:
        driver, url, options = self._driver, self._url, self._options
        found: Callable[[], Pool | None] = _no_pool

        def opener(prefers_writes: bool) -> Awaitable[Session]:
            return _open(driver, url, options, found, prefers_writes=prefers_writes)

        pool = Pool(driver, url, options, options, opener)
        found = weakref.ref(pool)  # what it has does not have it
        return await pool._open()


def create_pool(
    url: str | DatabaseURL, **options: Unpack[PoolKeywords]
) -> CreatingPool:
    """Open a pool of connections to the database at `url`.

    It opens `min_size` connections before it returns, and tries one at least, so that a
    wrong password is found out here. With `min_size=0` it opens even while the server
    is down: then the first who needs a connection is told why there is none.

    Args:
        url: as for `connect()`.
        **options: those of `connect()` and those of the pool, which may stand in the
            URL too: `min_size=1`, `max_size=10`, `acquire_timeout=30` and others; see
            `asyncdb.PoolOptions`.

    Returns:
        An object to await for a `Pool`, or to use in `async with`, which closes the
        pool at its end.

    Raises:
        URLError: the URL or an option cannot be understood.
        UnknownDriver: no installed driver serves the URL's scheme.
        MissingDriver: the library under the driver is not installed.
        ConnectionFailed: the first connections could not be opened.

    Example:
        >>> import asyncio, asyncdb
        >>> async def main():
        ...     async with asyncdb.create_pool("sqlite://", max_size=5) as pool:
        ...         return await pool.fetchval("SELECT 'hello'")
        >>> asyncio.run(main())
        'hello'
    """
    return CreatingPool(DatabaseURL(url), {**options})


def _not_open(
    waiting: object, name: str, kind: type, call: str, opened: str
) -> AttributeError:
    """Make the error for a verb of what was made and not awaited."""
    message = f"{type(waiting).__name__!r} object has no attribute {name!r}"
    if not name.startswith("_") and hasattr(kind, name):
        message = (
            f"{name!r} needs an open {opened}: write `async with asyncdb.{call} as "
            f"{opened}:`, or `{opened} = await asyncdb.{call}`"
        )
    return AttributeError(message, name=name, obj=waiting)


@cache
def _with_pool_options(kind: Any) -> Any:
    """Return the class of a driver's options and the pool's in one."""
    both = type(f"Pool{kind.__name__}", (PoolOptions, kind), {})
    return dataclass(frozen=True, kw_only=True)(both)


def _no_pool() -> None:
    return None


def _open(
    driver: Driver,
    url: DatabaseURL,
    options: ConnectOptions,
    pool: Callable[[], Pool | None] = _no_pool,
    *,
    prefers_writes: bool = False,
) -> Awaitable[Session]:
    """Open a session, observed if anybody wants to hear of it."""

    def opener(watch: Watch | None) -> Awaitable[Session]:
        return open_session(driver, url, options, watch, prefers_writes=prefers_writes)

    return observed_opening(driver.dialect, url, options, pool, opener)
