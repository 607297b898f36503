"""The verbs of a reader: each on a server that is found for the one call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias

import asyncdb

Lend: TypeAlias = Callable[[], AbstractAsyncContextManager[asyncdb.Connection]]


class Reading:
    """Carries out statements, each on a connection that it borrows.

    Args:
        lend: makes a block with a connection.
        dialect: tells the facts about the database.
    """

    def __init__(self, lend: Lend, dialect: Callable[[], asyncdb.Dialect]) -> None:
        self._lend = lend
        self._dialect = dialect

    @property
    def dialect(self) -> asyncdb.Dialect:
        """Facts about the database, as the primary told them."""
        return self._dialect()

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        """Run a statement."""
        async with self._lend() as db:
            return await db.runner.execute(*args, **kwargs)

    async def execute_many(self, *args: Any, **kwargs: Any) -> Any:
        """Run a statement for many rows; a replica refuses what writes."""
        async with self._lend() as db:
            return await db.runner.execute_many(*args, **kwargs)

    async def execute_script(self, *args: Any, **kwargs: Any) -> Any:
        """Run a script."""
        async with self._lend() as db:
            return await db.runner.execute_script(*args, **kwargs)

    async def execute_batch(self, *args: Any, **kwargs: Any) -> None:
        """Run statements together."""
        async with self._lend() as db:
            runner: Any = db.runner
            await runner.execute_batch(*args, **kwargs)

    async def load_rows(self, *args: Any, **kwargs: Any) -> int:
        """Load rows; a replica refuses it."""
        async with self._lend() as db:
            return await db.runner.load_rows(*args, **kwargs)

    async def open_stream(self, *args: Any, **kwargs: Any) -> _ReadingStream:
        """Run a statement whose rows are read in pieces."""
        block = self._lend()
        db = await block.__aenter__()
        try:
            opened = await db.runner.open_stream(*args, **kwargs)
        except BaseException as error:
            await block.__aexit__(type(error), error, error.__traceback__)
            raise
        return _ReadingStream(block, opened)

    @asynccontextmanager
    async def transaction(self, options: Any) -> AsyncIterator[asyncdb.Connection]:
        """Make a block on a connection inside a transaction."""
        async with self._lend() as db, db.runner.transaction(options):
            yield db


class _ReadingStream:
    """A stream, with the connection that it has for its length."""

    def __init__(
        self, block: AbstractAsyncContextManager[asyncdb.Connection], opened: Any
    ) -> None:
        self._block = block
        self._opened = opened

    @property
    def columns(self) -> Any:
        return self._opened.columns

    @property
    def decoding(self) -> Any:
        return self._opened.decoding

    async def fetch(self, size: int) -> Any:
        return await self._opened.fetch(size)

    async def close(self) -> None:
        try:
            await self._opened.close()
        except BaseException as error:
            await self._block.__aexit__(type(error), error, error.__traceback__)
            raise
        await self._block.__aexit__(None, None, None)
