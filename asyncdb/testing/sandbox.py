"""Databases for tests on one engine: made from one schema, and thrown away."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self

import asyncdb
from asyncdb.driver import (
    ConnectOptions,
    DriverConnection,
    SupportsReset,
    TransactionOptions,
)
from asyncdb.driver.registry import find_driver
from asyncdb.options.reading import read_options
from asyncdb.testing.any_loop import AnyLoopPool
from asyncdb.testing.copies import KINDS, Copies, Schema
from asyncdb.testing.lending.background import Background
from asyncdb.testing.lending.driver import announce, withdraw
from asyncdb.testing.lending.open_transaction import OpenTransaction
from asyncdb.testing.lending.remote import stand_in
from asyncdb.testing.lending.sharing import session_over

if TYPE_CHECKING:
    from asyncdb.testing.servers import Server

__all__ = ["NoServerError", "Sandbox"]

_PATIENCE: Final = 5.0  # seconds for what should take none: the end of a session
# What names a server that one has; `ASYNCDB_TEST_MARIADB_URL` and so on.
_VARIABLE: Final = "ASYNCDB_TEST_{}_URL"


class NoServerError(Exception):
    """There is no server of an engine on this machine; the message says what to do."""


class Sandbox:
    """Databases for tests on one engine: a context manager, made once for all tests.

    On a server they are new ones, with names of their own, and gone at the end; no
    database that was there before is touched. SQLite's are files in memory.

    Args:
        target: `"sqlite"`, or a server's engine: `"postgresql"`, `"mariadb"` or
            `"mysql"`, also with a driver (`"mariadb+asyncmy"`). Its server is the one
            that `ASYNCDB_TEST_POSTGRESQL_URL` and so on name, else a throw-away one of
            `asyncdb.testing.servers`. Or the URL of a server whose user may create
            databases.
        schema: what each database is made from: a script, a `pathlib.Path` of one, an
            async function that is given a connection, or a function that is given the
            URL (to have Alembic migrate, say). `None` for an empty database.
        patience: seconds that a connection of a rollback waits for another one, before
            it is taken for a dead lock.

    Raises:
        NoServerError: there is no server of this engine.

    Example:
        >>> import asyncio, asyncdb
        >>> async def add(pool, name):
        ...     async with pool.transaction() as db:
        ...         await db.execute("INSERT INTO users VALUES (?)", [name])
        ...     return await pool.fetchval("SELECT count(*) FROM users")
        >>> with Sandbox("sqlite", "CREATE TABLE users (name TEXT)") as sandbox:
        ...     with sandbox.rollback() as pool:
        ...         asyncio.run(add(pool, "Ann"))
        ...     with sandbox.rollback() as pool:
        ...         asyncio.run(add(pool, "Bob"))
        1
        1
    """

    def __init__(
        self,
        target: str | asyncdb.DatabaseURL,
        schema: Schema = None,
        *,
        patience: float = 5.0,
    ) -> None:
        self._target = target
        self._schema = schema
        self._patience = patience
        self._server: Server | None = None
        self._background: Background | None = None
        self._copies: Copies
        self._kept: tuple[asyncdb.DatabaseURL, DriverConnection] | None = None

    def __enter__(self) -> Self:
        """Start what is needed, and make the first database."""
        url = self._resolve()
        kind = KINDS.get(url.scheme)
        if kind is None:
            message = f"no way is known to make databases for tests on {url.scheme}://"
            raise asyncdb.NotSupportedError(message)
        self._background = Background()
        try:
            self._copies = kind(url, self._schema)
            self._background.run(self._copies.open())
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Drop the databases, stop the server."""
        self.close()

    def __repr__(self) -> str:
        """Name the target, without a password."""
        shown = self._target
        if isinstance(shown, str) and "://" in shown:
            shown = asyncdb.DatabaseURL(shown)
        return f"<asyncdb.testing.Sandbox {shown}>"

    def close(self) -> None:
        """Drop the databases, stop the server; harmless when repeated."""
        background, self._background = self._background, None
        try:
            if background is not None:
                background.run(self._finish())
        finally:
            if background is not None:
                background.close()
            if self._server is not None:
                self._server.stop()

    def _resolve(self) -> asyncdb.DatabaseURL:
        target = self._target
        if isinstance(target, asyncdb.DatabaseURL) or "://" in target:
            return asyncdb.DatabaseURL(target)
        engine, _, driver = target.partition("+")
        if engine == "sqlite":
            return asyncdb.DatabaseURL(f"{target}://")
        from asyncdb.testing import servers  # noqa: PLC0415  # there is none on Windows

        if engine not in servers.KINDS:
            known = ", ".join(("sqlite", *servers.KINDS))
            message = f"{target!r} is neither a URL nor one of: {known}"
            raise asyncdb.InterfaceError(message)
        variable = _VARIABLE.format(engine.upper())
        if given := os.environ.get(variable):
            url = asyncdb.DatabaseURL(given)
        elif servers.programs.find(engine) is None:
            message = (
                f"no {engine} on this machine: install it "
                f"({servers.programs.advice([engine])}), or name a server's URL in the "
                f"variable {variable}"
            )
            raise NoServerError(message)
        else:
            self._server = servers.start(engine)
            url = asyncdb.DatabaseURL(self._server.url)
        return url.replace(driver=driver or None)

    # -- what it gives -----------------------------------------------------------------

    @contextmanager
    def database(self) -> Generator[asyncdb.DatabaseURL]:
        """Give a clean database for a block.

        Returns:
            A context manager that gives its URL.

        Example:
            >>> import asyncio, asyncdb
            >>> async def main(url):
            ...     async with asyncdb.connect(url) as db:
            ...         return await db.fetchval("SELECT 42")
            >>> with Sandbox("sqlite") as sandbox, sandbox.database() as url:
            ...     asyncio.run(main(url))
            42
        """
        url = self._run(self._copies.new())
        try:
            yield url
        finally:
            self._run(self._copies.drop(url))

    @contextmanager
    def pool(
        self, url: asyncdb.DatabaseURL | None = None, **options: Any
    ) -> Generator[AnyLoopPool]:
        """Give a pool on a clean database for a block.

        Args:
            url: a database got by `database()`; a new one when `None`.
            **options: those of `asyncdb.create_pool`.

        Returns:
            A context manager that gives an `AnyLoopPool`.
        """
        if url is None:
            with self.database() as clean, self.pool(clean, **options) as pool:
                yield pool
            return
        lender = _Lending(self._running, url)
        with _pool(url, lender, self._run(_ask_dialect(lender)), options) as pool:
            try:
                yield pool
            finally:
                pool.discard()
                self._run(lender.close())

    @contextmanager
    def rollback(self, **options: Any) -> Generator[AnyLoopPool]:
        """Give a pool on one open transaction, which is rolled back after the block.

        What is committed in it are savepoints, so that nothing is left behind but what
        databases do not roll back: the numbers that sequences and AUTO_INCREMENT have
        given.

        Args:
            **options: those of `asyncdb.create_pool`.

        Returns:
            A context manager that gives an `AnyLoopPool`.
        """
        url, transaction = self._run(self._begin())
        lender = _Sharing(self._running, url, transaction)
        with _pool(url, lender, transaction.dialect, options) as pool:
            try:
                yield pool
            finally:
                pool.discard()
                self._run(self._end(transaction))

    # -- over there --------------------------------------------------------------------

    @property
    def _running(self) -> Background:
        if self._background is None:
            message = "the sandbox is closed: use it inside its `with` block"
            raise asyncdb.InterfaceError(message)
        return self._background

    def _run(self, work: Any) -> Any:
        if self._background is None:
            work.close()
        return self._running.run(work)

    async def _begin(self) -> tuple[asyncdb.DatabaseURL, OpenTransaction]:
        if self._kept is None:
            url = await self._copies.new()
            self._kept = url, await _connect(url)
        url, inner = self._kept
        if inner.is_closed():
            inner = await _connect(url)
            self._kept = url, inner
        await inner.begin(TransactionOptions())
        transaction = OpenTransaction(inner, self._patience)
        await transaction.say("SELECT 1")  # SQLite's begins with its first statement
        return url, transaction

    async def _end(self, transaction: OpenTransaction) -> None:
        assert self._kept is not None  # noqa: S101  # it was begun
        url, inner = self._kept
        clean = await transaction.end(_PATIENCE)
        if not clean:
            self._kept = None
            await _close(inner)
            await self._copies.drop(url)
        elif not inner.is_closed() and not (
            isinstance(inner, SupportsReset) and await inner.reset()
        ):
            await _close(inner)

    async def _finish(self) -> None:
        if self._kept is not None:
            await _close(self._kept[1])
        if hasattr(self, "_copies"):
            await self._copies.close()


class _Lending:
    """Lends sessions of a database."""

    def __init__(self, background: Background, url: asyncdb.DatabaseURL) -> None:
        self._background = background
        self._url = url
        self._lent: list[DriverConnection] = []

    async def lend(self, options: ConnectOptions) -> DriverConnection:
        listener, here = options.on_notice, asyncio.get_running_loop()
        if listener is not None:  # it is called where the session is
            options = replace(options, on_notice=partial(_tell, here, listener))
        inner = await self._background.ask(self.connect(options))
        return stand_in(self._background, inner, find_driver(self._url))

    async def connect(self, options: ConnectOptions | None = None) -> DriverConnection:
        inner = await _connect(self._url, options)
        self._lent.append(inner)
        return inner

    async def close(self) -> None:
        for inner in self._lent:
            await _close(inner)


class _Sharing:
    """Lends sessions over one open transaction."""

    def __init__(
        self,
        background: Background,
        url: asyncdb.DatabaseURL,
        transaction: OpenTransaction,
    ) -> None:
        self._background = background
        self._url = url
        self._transaction = transaction

    async def lend(self, options: ConnectOptions) -> DriverConnection:  # noqa: ARG002
        session = session_over(self._transaction)
        return stand_in(self._background, session, find_driver(self._url))


@contextmanager
def _pool(
    url: asyncdb.DatabaseURL,
    lender: _Lending | _Sharing,
    dialect: asyncdb.Dialect,
    options: dict[str, Any],
) -> Generator[AnyLoopPool]:
    lent = announce(url, lender)
    try:
        yield AnyLoopPool(lent, dialect, options)
    finally:
        withdraw(lent)


def _tell(
    loop: asyncio.AbstractEventLoop,
    listener: Callable[[asyncdb.Notice], object],
    notice: asyncdb.Notice,
) -> None:
    """Bring a notice to the loop of who listens."""
    with suppress(RuntimeError):  # that loop is closed
        loop.call_soon_threadsafe(lambda: listener(notice))


async def _ask_dialect(lender: _Lending) -> asyncdb.Dialect:
    """Ask the server what it is."""
    inner = await lender.connect()
    dialect = inner.dialect
    await _close(inner)
    return dialect


async def _connect(
    url: asyncdb.DatabaseURL, options: ConnectOptions | None = None
) -> DriverConnection:
    driver = find_driver(url)
    if options is None:
        options = read_options(driver.options, url.options, {})
    try:
        return await driver.connect(url, options)
    except asyncdb.Error:
        raise
    except Exception as error:
        found = driver.translate(error)
        if found is None:
            raise
        raise found from error


async def _close(inner: DriverConnection) -> None:
    """Close a session, politely if that takes no time."""
    with suppress(Exception):
        async with asyncio.timeout(_PATIENCE):
            await inner.close()
    inner.terminate()
