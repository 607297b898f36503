"""PostgreSQL: copies of a template database."""

from __future__ import annotations

import asyncdb
from asyncdb.testing.copies.schema import Copies, Schema, new_name


class PostgreSQLCopies(Copies):
    """Databases made with `CREATE DATABASE ... TEMPLATE`.

    So what a test did to tables, sequences, types and rows of the schema is gone, DDL
    too, whatever it was.
    """

    def __init__(self, url: asyncdb.DatabaseURL, schema: Schema) -> None:
        super().__init__(url, schema)
        self._template = new_name()
        self._left: set[str] = set()
        self._admin: asyncdb.Connection | None = None

    async def open(self) -> None:
        """Make the template."""
        await self._create(self._template)
        await self.apply(self.url.replace(database=self._template))

    async def new(self) -> asyncdb.DatabaseURL:
        """Copy it."""
        name = new_name()
        await self._create(name, f" TEMPLATE {self._template}")
        return self.url.replace(database=name)

    async def drop(self, url: asyncdb.DatabaseURL) -> None:
        """Drop the copy, and the sessions in it."""
        if url.database in self._left:
            await self._drop(url.database)

    async def close(self) -> None:
        """Drop them all."""
        for name in [*self._left]:
            await self._drop(name)
        if self._admin is not None:
            await self._admin.close()

    async def _create(self, name: str, more: str = "") -> None:
        await self._say(f"CREATE DATABASE {name}{more}")
        self._left.add(name)

    async def _drop(self, name: str) -> None:
        self._left.discard(name)
        await self._say(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    async def _say(self, sql: str) -> None:
        if self._admin is None or self._admin.is_closed:
            self._admin = await asyncdb.connect(self.url)
        await self._admin.execute(sql)
