"""Alembic migrations from an asyncdb URL, one migrator at a time.

A whole `env.py`::

    from asyncdb.contrib.alembic import migrate
    from myapp.tables import metadata

    migrate(metadata, "postgresql://...")

It needs `pip install 'asyncdb-toolkit[migrations]'` and the extra of the database; see
docs/how-to/migrate.md.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields
from typing import Any, Final

from alembic import context
from sqlalchemy import Connection, MetaData, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

import asyncdb
from asyncdb.options import PoolOptions
from asyncdb.options.foreign import GENERAL, MYSQL, POSTGRESQL, SQLITE

# Seconds to wait for another migrator.
WAIT: Final = 300.0
_PAUSE: Final = 0.2
# They may stand in an application's URL, and mean nothing to one connection.
_OF_POOLS: Final = frozenset(field.name for field in fields(PoolOptions))
_FOREIGN: Final = {
    **dict.fromkeys(("postgresql", "postgres"), POSTGRESQL),
    **dict.fromkeys(("mysql", "mariadb"), MYSQL),
    "sqlite": SQLITE,
}
# A migration has the server's own session but for what the URL says: its SQL was
# written for that, and may take long.
_PLAIN: Final = {"lock_timeout": "none", "time_zone": "none"}
_PLAIN_MYSQL: Final = {**_PLAIN, "sql_mode": "none", "lc_messages": "none"}


def migrate(
    metadata: MetaData | Sequence[MetaData] | None,
    url: str | asyncdb.DatabaseURL | None = None,
    *,
    wait: float = WAIT,
    **options: Any,
) -> None:
    """Do what Alembic's command asks for: the one call of an `env.py`.

    Args:
        metadata: SQLAlchemy's, which `--autogenerate` compares with the database.
        url: asyncdb's; when `None`, `sqlalchemy.url` of the ini file.
        wait: seconds to wait for another migrator of this database.
        **options: for Alembic's `context.configure()`.

    Raises:
        LockTimeout: another migrator was not done in time.
        URLError: the URL is none, or of a database that SQLAlchemy does not know.
    """
    if url is None:
        url = context.config.get_main_option("sqlalchemy.url") or ""
    target = asyncdb.DatabaseURL(url)
    # SQLite alters a table by making it anew.
    options.setdefault("render_as_batch", target.scheme == "sqlite")
    options["target_metadata"] = metadata
    if context.is_offline_mode():
        named = {"paramstyle": "named"}
        context.configure(
            url=_dialect(target), literal_binds=True, dialect_opts=named, **options
        )
        with context.begin_transaction():
            context.run_migrations()
    else:
        asyncio.run(_run(target, wait, options))


async def _run(url: asyncdb.DatabaseURL, wait: float, options: dict[str, Any]) -> None:
    def work(connection: Connection) -> None:
        context.configure(connection=connection, **options)
        with context.begin_transaction():
            context.run_migrations()

    if url.scheme == "sqlite":
        # Python's sqlite3 opens no transaction for DDL, so a failure midway would leave
        # the first half behind.
        options.setdefault("transactional_ddl", True)
    async with (
        migration_lock(url, wait=wait),
        _engine(url) as engine,
        engine.connect() as connection,
    ):
        await connection.run_sync(work)


@asynccontextmanager
async def _engine(url: asyncdb.DatabaseURL) -> AsyncIterator[AsyncEngine]:
    """Give an engine for one connection: to a server, one that asyncdb has opened.

    So the URL's options mean what they mean elsewhere: above all TLS, which a URL of
    SQLAlchemy cannot say, and which MySQL's libraries let others switch off.
    """
    if url.scheme == "sqlite":
        engine = create_async_engine(url.sqlalchemy, poolclass=NullPool)
        event.listen(engine.sync_engine, "connect", _in_autocommit)
        event.listen(engine.sync_engine, "begin", _begin)
        yield engine
        return
    dialect = _dialect(url)
    async with asyncdb.connect(_for_migrating(url)) as db:

        async def opened() -> Any:
            if db.dialect.name == "mysql":  # asyncpg's has a BEGIN from SQLAlchemy
                await db.native.autocommit(False)
            elif url.driver == "psycopg":
                await db.native.set_autocommit(False)
            return db.native

        yield create_async_engine(dialect, poolclass=NullPool, async_creator=opened)


def _dialect(url: asyncdb.DatabaseURL) -> str:
    """Return SQLAlchemy's URL with nothing in it but the dialect and its driver."""
    bare = url.replace(user=None, password=None, hosts=(), database=None, options={})
    if url.driver == "asyncmy":
        return bare.sqlalchemy.replace("aiomysql", "asyncmy")
    return bare.sqlalchemy


def _for_migrating(url: asyncdb.DatabaseURL) -> asyncdb.DatabaseURL:
    plain = _PLAIN_MYSQL if "mysql" in _dialect(url) else _PLAIN
    kept = dict(_without_pool(url).options)  # by our names
    kept.pop("statement_timeout", None)
    return url.replace(options={**plain, **kept})


def _without_pool(url: asyncdb.DatabaseURL) -> asyncdb.DatabaseURL:
    foreign = _FOREIGN.get(url.scheme, GENERAL)
    options = foreign.translate(url.options).texts
    kept = {name: options[name] for name in options.keys() - _OF_POOLS}
    return url.replace(options=kept)


def _in_autocommit(connection: Any, _record: Any) -> None:
    connection.isolation_level = None


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


@asynccontextmanager
async def migration_lock(
    url: str | asyncdb.DatabaseURL, *, wait: float = WAIT
) -> AsyncIterator[None]:
    """Keep other migrators of a database out for a block.

    It is an advisory lock on a connection of its own (SQLite: on a small file beside
    the database, which stays), so it ends with the process, however that ends.

    Args:
        url: of the database.
        wait: seconds to wait for another migrator.

    Raises:
        LockTimeout: another migrator was not done in time.

    Example:
        >>> import asyncio
        >>> async def main():
        ...     async with migration_lock("sqlite:///app.db"):
        ...         return "alone"
        >>> asyncio.run(main())
        'alone'
    """
    target = _without_pool(asyncdb.DatabaseURL(url))
    if target.scheme == "sqlite":
        if target.database in (None, "", ":memory:"):
            yield  # nobody else can see it
            return
        beside = {"journal_mode": "memory", "lock_timeout": "0.1"}
        target = target.replace(database=f"{target.database}-migrating", options=beside)
    async with await _locked_by_us(target, wait):
        yield


async def _locked_by_us(url: asyncdb.DatabaseURL, wait: float) -> asyncdb.Connection:
    """Return a connection that holds the lock."""
    try:
        async with asyncio.timeout(wait):
            while True:
                if db := await _try(url):
                    return db
                await asyncio.sleep(_PAUSE)
    except TimeoutError:
        message = f"another migration is running, for more than {wait:g} seconds"
        raise asyncdb.LockTimeout(message) from None


async def _try(url: asyncdb.DatabaseURL) -> asyncdb.Connection | None:
    try:
        db = await asyncdb.connect(url)
    except asyncdb.LockTimeout:  # of SQLite's file
        return None
    try:
        if await _locked(db):
            return db
    except BaseException:
        await db.close()
        raise
    await db.close()
    return None


async def _locked(db: asyncdb.Connection) -> bool:
    """Try to take the lock, which the connection then holds until it is closed."""
    if db.dialect.name == "sqlite":
        try:
            await db.execute("BEGIN EXCLUSIVE")
        except asyncdb.LockTimeout:
            return False
        return True
    if db.dialect.name == "postgresql":
        key = int.from_bytes(_digest("asyncdb migrations")[:8], signed=True)
        return bool(await db.fetchval("SELECT pg_try_advisory_lock(?)", [key]))
    # MySQL's are the server's, so that the database belongs into the name.
    name = _digest(f"asyncdb migrations {db.url.database}").hex()[:40]
    return await db.fetchval("SELECT GET_LOCK(?, 0)", [name], into=int) == 1


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
