"""What a test's database is made from, and what makes such databases."""

from __future__ import annotations

import asyncio
import inspect
import os
import secrets
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import asyncdb

# A script, a file with one, an async function that gets a connection, or a function
# that gets the URL, such as one that has Alembic migrate.
Schema: TypeAlias = (
    str
    | Path
    | Callable[[asyncdb.Connection], Awaitable[Any]]
    | Callable[[asyncdb.DatabaseURL], Any]
    | None
)


class Copies(ABC):
    """Makes databases from one schema, and takes them back.

    Args:
        url: SQLite: the options to open it with; else a database of a server whose user
            may create databases. Itself it is never touched.
        schema: what they are made from.
    """

    def __init__(self, url: asyncdb.DatabaseURL, schema: Schema) -> None:
        self.url = url
        self.schema = schema

    @abstractmethod
    async def open(self) -> None:
        """Make what the databases are copied from."""

    @abstractmethod
    async def new(self) -> asyncdb.DatabaseURL:
        """Make a clean database."""

    @abstractmethod
    async def drop(self, url: asyncdb.DatabaseURL) -> None:
        """Take one back, whoever is still connected to it."""

    @abstractmethod
    async def close(self) -> None:
        """Drop all that is left."""

    async def apply(self, url: asyncdb.DatabaseURL) -> None:
        """Make a database what the schema says."""
        schema: Any = self.schema
        if schema is None:
            return
        if isinstance(schema, Path):
            schema = await asyncio.to_thread(schema.read_text, "utf-8")
        if isinstance(schema, str):
            async with asyncdb.connect(url) as db:
                await db.executescript(schema)
        elif inspect.iscoroutinefunction(schema):
            async with asyncdb.connect(url) as db:
                await schema(db)
        elif callable(schema):
            if inspect.isawaitable(given := await asyncio.to_thread(schema, url)):
                if inspect.iscoroutine(given):
                    given.close()
                message = (
                    "asyncdb_schema gave a plain function that returns an awaitable: "
                    "write `async def`, which gets a connection"
                )
                raise TypeError(message)
        else:
            message = (
                "asyncdb_schema gives a script, a Path, an async function that takes a "
                "connection, or a function that takes a URL, not a "
                f"{type(schema).__name__}"
            )
            raise TypeError(message)


def new_name() -> str:
    """Make a name that no other run, and no other worker of this one, has."""
    return f"asyncdb_test_{os.getpid()}_{secrets.token_hex(4)}"
