"""What every chapter of the kit stands on: fixtures, and a table to work with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio

import asyncdb

# Portable, so that no chapter needs to know which database it runs on.
COLUMNS = "id INTEGER PRIMARY KEY, name VARCHAR(50) NOT NULL, n INTEGER"


class Chapter:
    """The fixtures that chapters use; a driver's author overrides `database_url`."""

    pytestmark = pytest.mark.asyncio

    @pytest.fixture
    def database_url(self) -> str:
        """The URL of a database that may be written to: override it."""
        pytest.fail("override the fixture database_url with the URL of your database")

    @pytest_asyncio.fixture
    async def db(self, database_url: str) -> AsyncIterator[asyncdb.Connection]:
        """An open connection."""
        async with asyncdb.connect(database_url) as db:
            yield db

    @pytest_asyncio.fixture
    async def table(
        self, db: asyncdb.Connection, database_url: str
    ) -> AsyncIterator[str]:
        """The name of an empty table with the columns id, name and n."""
        name = f"kit_{uuid4().hex[:12]}"
        await db.execute(f"CREATE TABLE {name} ({COLUMNS})")
        yield name
        if not db.dialect.supports_concurrent_connections:
            return  # the database goes with its only connection
        # The test may have left its own connection in any state.
        await db.close()
        async with asyncdb.connect(database_url) as cleaner:
            await cleaner.execute(f"DROP TABLE {name}")

    @pytest_asyncio.fixture
    async def people(self, db: asyncdb.Connection, table: str) -> str:
        """The name of a table with three rows."""
        rows = [(1, "Ann", 10), (2, "Bob", None), (3, "Cid", 30)]
        await db.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", rows)
        return table


async def ids(db: asyncdb.Executor, table: str) -> list[int]:
    """Return the ids in a table, in order."""
    return [r[0] for r in await db.fetchall(f"SELECT id FROM {table} ORDER BY id")]


def needs_two_connections(db: asyncdb.Connection) -> None:
    """Leave a test that a database of one connection cannot run."""
    if not db.dialect.supports_concurrent_connections:
        pytest.skip("this database has one connection only")
