"""PostgreSQL through asyncpg (https://magicstack.github.io/asyncpg/)."""

from __future__ import annotations

from asyncdb.errors import MissingDriver

try:
    from asyncdb.drivers.asyncpg.connecting import AsyncpgDriver
except ImportError as error:
    if (error.name or "").partition(".")[0] != "asyncpg":
        raise
    message = (
        "PostgreSQL needs the asyncpg library: "
        'pip install "asyncdb-toolkit[postgresql]"'
    )
    raise MissingDriver(message) from error

driver = AsyncpgDriver()

__all__ = ["driver"]
