"""One connection and cursor protocol over asyncpg, aiomysql and aiosqlite.

The same SQL means the same thing on PostgreSQL, MySQL/MariaDB and SQLite.

Example:
    >>> import asyncio, asyncdb
    >>> async def main():
    ...     async with asyncdb.connect("sqlite://") as db:
    ...         await db.execute("CREATE TABLE users (id INTEGER, name TEXT)")
    ...         await db.execute("INSERT INTO users VALUES (?, ?)", [1, "Ann"])
    ...         return await db.fetchone("SELECT id, name FROM users")
    >>> asyncio.run(main())
    Row(id=1, name='Ann')
"""

from types import FunctionType

from asyncdb import errors
from asyncdb.connection import (
    Batch,
    Connection,
    Cursor,
    Executor,
    Queued,
    Stream,
    Transaction,
)
from asyncdb.connection.retry import retry
from asyncdb.dialect import Dialect
from asyncdb.driver import Description
from asyncdb.errors import *  # noqa: F403  # the whole tree, by its __all__
from asyncdb.opening import connect, create_pool
from asyncdb.options import (
    Event,
    Isolation,
    Notice,
    Observer,
    StatementEvent,
    TransactionEvent,
)
from asyncdb.pool import Pool
from asyncdb.pool.stats import PoolStats
from asyncdb.sql import (
    SQLText,
    escape_like,
    expand,
    quote_identifier,
    read_sql,
    sanitize,
)
from asyncdb.url import DatabaseURL
from asyncdb.values.rows import Row

__version__ = "0.1.0"

__all__ = [
    "Batch",
    "Connection",
    "Cursor",
    "DatabaseURL",
    "Description",
    "Dialect",
    "Event",
    "Executor",
    "Isolation",
    "Notice",
    "Observer",
    "Pool",
    "PoolStats",
    "Queued",
    "Row",
    "SQLText",
    "StatementEvent",
    "Stream",
    "Transaction",
    "TransactionEvent",
    "connect",
    "create_pool",
    "escape_like",
    "expand",
    "quote_identifier",
    "read_sql",
    "retry",
    "sanitize",
]
__all__ += errors.__all__

# Tracebacks and reprs show the name that users import.
for _member in map(globals().get, __all__):
    if isinstance(_member, type | FunctionType):  # an alias of several is neither
        _member.__module__ = "asyncdb"
