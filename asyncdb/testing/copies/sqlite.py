"""SQLite: files in memory, each a copy of one."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from itertools import count
from pathlib import Path
from typing import Final

import asyncdb
from asyncdb.testing.copies.schema import Copies, Schema

# Not `sqlite://`: there each connection has a database of its own.
_IN_MEMORY: Final = "/dev/shm"  # noqa: S108  # the folder in it has a name of its own


class SQLiteCopies(Copies):
    """Copies of a file, in a folder that is in memory where the system has such.

    Args:
        url: its options are kept, its file is not looked at.
        schema: what they are made from.
    """

    def __init__(self, url: asyncdb.DatabaseURL, schema: Schema) -> None:
        super().__init__(url, schema)
        place = _IN_MEMORY if os.access(_IN_MEMORY, os.W_OK) else None
        self._folder = tempfile.TemporaryDirectory(prefix="asyncdb-", dir=place)
        self._numbers = count(1)
        self._template = self._path("template")

    async def open(self) -> None:
        """Make the file that is copied."""
        url = self._url(self._template)
        async with asyncdb.connect(url) as db:  # also where there is no schema
            await db.execute("PRAGMA user_version")
        await self.apply(url)

    async def new(self) -> asyncdb.DatabaseURL:
        """Copy it."""
        path = self._path(f"test{next(self._numbers)}")
        await asyncio.to_thread(_copy, self._template, path)
        return self._url(path)

    async def drop(self, url: asyncdb.DatabaseURL) -> None:
        """Delete the copy."""
        await asyncio.to_thread(_delete, str(url.database))

    async def close(self) -> None:
        """Delete the folder."""
        await asyncio.to_thread(self._folder.cleanup)

    def _path(self, name: str) -> Path:
        return Path(self._folder.name) / f"{name}.db"

    def _url(self, path: Path) -> asyncdb.DatabaseURL:
        options = {k: v for k, v in self.url.options.items() if k != "mode"}
        return self.url.replace(database=str(path), options=options)


def _delete(path: str) -> None:
    for ending in ("", "-wal", "-shm", "-journal"):
        Path(f"{path}{ending}").unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    for ending in ("", "-wal"):
        if Path(f"{source}{ending}").exists():
            shutil.copyfile(f"{source}{ending}", f"{target}{ending}")
