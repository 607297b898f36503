"""Writers that count: each commit that was acknowledged is noted outside the database.

Two clients write to one cluster at a time, so that both meet the same fault: asyncdb's
pool, and the bare driver's. Each is used as its documentation says, with the same
limits and as carefully: an error of COMMIT is taken for unknown and not repeated,
whatever failed before it is repeated.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self

import aiomysql
import asyncpg

import asyncdb

INSERT = "INSERT INTO book (token, client, writer, n) VALUES (?, ?, ?, ?)"
BOOK = (
    "CREATE TABLE book (token VARCHAR(40) PRIMARY KEY, client VARCHAR(20) NOT NULL,"
    " writer INTEGER NOT NULL, n INTEGER NOT NULL)"
)
PAUSE = 0.005  # between commits; between failures four times that

Key = tuple[str, int, int]


async def _add(db: asyncdb.Connection) -> None:
    n = await db.fetchval("SELECT n FROM counter WHERE id = 1 FOR UPDATE")
    await db.execute("UPDATE counter SET n = ? WHERE id = 1", [n + 1])


async def _add_together(db: asyncdb.Connection) -> None:
    async with db.batch() as batch:
        batch.execute("UPDATE counter SET n = n + 1 WHERE id = 1")
        batch.fetchval("SELECT n FROM counter WHERE id = 1")


# One to the only row of `counter`; a transaction with a batch ends by another word than
# COMMIT.
ADDITIONS = {"statements": _add, "a batch": _add_together}


class Unknown(Exception):
    """COMMIT was sent, and what became of it is not known."""


class Client(Protocol):
    """What commits one row."""

    name: str

    async def open(self) -> None:
        """Open the pool."""

    async def close(self) -> None:
        """Close it, whatever state the servers are in."""

    async def write(self, row: tuple[str, str, int, int]) -> None:
        """Commit one row.

        Raises:
            Unknown: it may have been committed.
            Exception: it has not.
        """


class Asyncdb:
    """asyncdb's pool.

    Args:
        url: of all hosts.
        options: of the pool.
    """

    name = "asyncdb"

    def __init__(self, url: str, **options: Any) -> None:
        self._url = url
        self._options = options
        self.pool: asyncdb.Pool | None = None

    async def open(self) -> None:
        """Open the pool."""
        self.pool = await asyncdb.create_pool(self._url, **self._options)

    async def close(self) -> None:
        """Close it."""
        if self.pool is not None:
            await self.pool.close(timeout=1)

    async def write(self, row: tuple[str, str, int, int]) -> None:
        """Commit one row."""
        assert self.pool is not None
        try:
            async with self.pool.transaction() as db:
                await db.execute(INSERT, row)
        except asyncdb.CommitUnknown as error:
            raise Unknown("CommitUnknown") from error


class Retrying(Asyncdb):
    """asyncdb's pool, used by `retry`, which goes on over a failover.

    Args:
        url: of all hosts.
        options: of the pool.
    """

    name = "asyncdb, retry"

    async def write(self, row: tuple[str, str, int, int]) -> None:
        """Commit one row."""
        assert self.pool is not None
        runs = itertools.count()

        async def insert(db: asyncdb.Connection) -> None:
            await db.execute(INSERT, [f"{row[0]}-{next(runs)}", *row[1:]])

        try:
            await self.pool.retry(insert)
        except asyncdb.CommitUnknown as error:
            raise Unknown("CommitUnknown") from error


class ByPsycopg(Asyncdb):
    """asyncdb's pool by its other driver of PostgreSQL.

    Args:
        url: of all hosts, with asyncpg's scheme.
        options: of the pool.
    """

    name = "asyncdb, psycopg"

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(by_psycopg(url), **options)


class RetryingByPsycopg(Retrying):
    """The same, used by `retry`.

    Args:
        url: of all hosts, with asyncpg's scheme.
        options: of the pool.
    """

    name = "psycopg, retry"

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(by_psycopg(url), **options)


def by_psycopg(url: str) -> str:
    """Return a URL for the driver psycopg."""
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


class Asyncpg:
    """asyncpg's pool, which knows several hosts and `target_session_attrs`.

    Args:
        url: of all hosts.
        timeout: seconds for a statement.
        connect_timeout: seconds to connect.
        options: of the pool.
    """

    name = "asyncpg"

    def __init__(
        self, url: str, *, timeout: float, connect_timeout: float, **options: Any
    ) -> None:
        self._url = url
        self._timeout = timeout
        self._options = {"timeout": connect_timeout, **options}
        self._pool: Any = None

    async def open(self) -> None:
        """Open the pool."""
        self._pool = await asyncpg.create_pool(
            self._url,
            min_size=1,
            max_size=8,
            command_timeout=self._timeout,
            **self._options,
        )

    async def close(self) -> None:
        """Close it."""
        self._pool.terminate()
        await asyncio.sleep(0)

    async def write(self, row: tuple[str, str, int, int]) -> None:
        """Commit one row."""
        sql = INSERT
        for number in range(1, 5):
            sql = sql.replace("?", f"${number}", 1)
        async with self._pool.acquire(timeout=self._timeout) as connection:
            transaction = connection.transaction()
            await transaction.start()
            try:
                await connection.execute(sql, *row)
            except BaseException:
                await transaction.rollback()
                raise
            try:
                await transaction.commit()
            except Exception as error:
                raise Unknown(described(error)) from error


class Aiomysql:
    """aiomysql's pool, which knows one host and no limit: the limit is put around it.

    Args:
        url: of all hosts; the first is taken.
        timeout: seconds for a commit, all in all.
        connect_timeout: seconds to connect.
    """

    name = "aiomysql"

    def __init__(self, url: str, *, timeout: float, connect_timeout: float) -> None:
        first = next(iter(asyncdb.DatabaseURL(url).each_host()))
        self._timeout = timeout
        self._options = {
            "host": first.host,
            "port": first.port,
            "user": first.user,
            "password": first.password,
            "db": first.database,
            "connect_timeout": connect_timeout,
        }
        self._pool: Any = None

    async def open(self) -> None:
        """Open the pool."""
        self._pool = await aiomysql.create_pool(minsize=1, maxsize=8, **self._options)

    async def close(self) -> None:
        """Close it."""
        self._pool.terminate()
        await self._pool.wait_closed()

    async def write(self, row: tuple[str, str, int, int]) -> None:
        """Commit one row."""
        committing = False
        try:
            async with asyncio.timeout(self._timeout), self._pool.acquire() as got:
                try:
                    await got.begin()
                    async with got.cursor() as cursor:
                        await cursor.execute(INSERT.replace("?", "%s"), row)
                    committing = True
                    await got.commit()
                except BaseException:
                    got.close()
                    raise
        except Exception as error:
            if committing:
                raise Unknown(described(error)) from error
            raise


def described(error: BaseException) -> str:
    """An error's class, with the server's code where the class is one for many."""
    name = type(error).__name__
    code = getattr(error, "sqlstate", None)
    if isinstance(error, asyncdb.Error):
        return name
    if error.args and isinstance(error.args[0], int) and not isinstance(error, OSError):
        return f"{name} {error.args[0]}"
    return f"{name} {code}" if code else name


@dataclass
class Account:
    """What became of one client's writes."""

    client: str
    acknowledged: dict[Key, float] = field(default_factory=dict)  # key -> when
    unknown: set[Key] = field(default_factory=set)
    errors: Counter[str] = field(default_factory=Counter)
    began: float = 0.0
    ended: float = 0.0
    lost: int = 0
    doubled: int = 0
    undead: int = 0  # there, though the error said that it was not committed

    @property
    def longest_gap(self) -> float:
        """The longest time without a success of any writer, in seconds."""
        moments = [self.began, *sorted(self.acknowledged.values()), self.ended]
        return max(b - a for a, b in itertools.pairwise(moments))

    def again(self, moment: float) -> float:
        """Seconds from a moment to the next success; endless when there was none."""
        later = [when for when in self.acknowledged.values() if when >= moment]
        return min(later, default=float("inf")) - moment

    def settle(self, rows: list[Any]) -> None:
        """Compare with what the database has."""
        found: Counter[Key] = Counter()
        for client, writer, n in rows:
            if client == self.client:
                found[client, int(writer), int(n)] += 1
        self.lost = len(set(self.acknowledged) - set(found))
        self.doubled = sum(count > 1 for count in found.values())
        self.undead = len(set(found) - set(self.acknowledged) - self.unknown)


class Load:
    """Writers of several clients, from `async with` to its end.

    Args:
        clients: asyncdb's first.
        writers: of each.
    """

    def __init__(self, *clients: Client, writers: int = 8) -> None:
        self._clients = clients
        self._writers = writers
        self.accounts = {client.name: Account(client.name) for client in clients}
        self._over = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        for client in self._clients:
            await client.open()
        for client in self._clients:
            account = self.accounts[client.name]
            account.began = time.monotonic()
            for number in range(self._writers):
                work = self._write(client, account, number)
                self._tasks.append(asyncio.create_task(work))
        await self.flowing(20)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        now = time.monotonic()
        for account in self.accounts.values():
            account.ended = now
        self._over.set()
        await asyncio.wait(self._tasks, timeout=20)
        for task in self._tasks:
            task.cancel()
        found = await asyncio.gather(*self._tasks, return_exceptions=True)
        for client in self._clients:
            await client.close()
        if error is None:
            for one in found:
                if isinstance(one, BaseException) and not isinstance(
                    one, asyncio.CancelledError
                ):
                    raise one

    async def flowing(self, commits: int, *, client: str = "asyncdb") -> None:
        """Wait until a client has committed so many more."""
        account = self.accounts[client]
        goal = len(account.acknowledged) + commits
        while len(account.acknowledged) < goal:  # noqa: ASYNC110  # of many writers
            await asyncio.sleep(0.005)

    def settle(self, rows: list[Any]) -> None:
        """Compare with what the database has: `(client, writer, n)` of each row."""
        for account in self.accounts.values():
            account.settle(rows)

    async def _write(self, client: Client, account: Account, number: int) -> None:
        n = attempt = 0
        while not self._over.is_set():
            attempt += 1
            key = client.name, number, n
            token = f"{client.name}-{number}-{n}-{attempt}"
            try:
                await client.write((token, *key))
            except Unknown as error:
                account.unknown.add(key)
                account.errors[f"{error} at COMMIT"] += 1
                n += 1
                await asyncio.sleep(PAUSE * 4)
            except Exception as error:  # noqa: BLE001  # they are what is counted
                account.errors[described(error)] += 1
                await asyncio.sleep(PAUSE * 4)
            else:
                account.acknowledged[key] = time.monotonic()
                n += 1
                await asyncio.sleep(PAUSE)
