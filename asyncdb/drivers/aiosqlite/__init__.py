"""SQLite through aiosqlite (https://aiosqlite.omnilib.dev/)."""

from __future__ import annotations

from asyncdb.errors import MissingDriver

try:
    from asyncdb.drivers.aiosqlite.connecting import AiosqliteDriver
except ImportError as error:
    if (error.name or "").partition(".")[0] != "aiosqlite":
        raise
    message = (
        'SQLite needs the aiosqlite library: pip install "asyncdb-toolkit[sqlite]"'
    )
    raise MissingDriver(message) from error

driver = AiosqliteDriver()

__all__ = ["driver"]
