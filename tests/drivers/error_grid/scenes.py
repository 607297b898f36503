"""Situations that take more than a statement; a scene ends in its error."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import asyncdb
from asyncdb import Connection, DatabaseURL
from tests.drivers.error_grid.cases import World
from tests.plugins import binaries, servers

WRONG = "wr0ng-password"
# Far longer than any test waits; each ends it.
SLOW = {
    "sqlite": "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT"
    " 1000000000) SELECT count(*) FROM c",
    "postgresql": "SELECT pg_sleep(60)",
    "mariadb": "SELECT sleep(60)",
    # Its sleep() only returns 1 when it is stopped.
    "mysql": "SELECT count(*) FROM information_schema.collations a,"
    " information_schema.collations b, information_schema.collations c,"
    " information_schema.collations d",
}
_SESSION = {
    "postgresql": "SELECT pg_backend_pid()",
    "mariadb": "SELECT connection_id()",
    "mysql": "SELECT connection_id()",
}


class Unknown:
    """A type that no driver knows."""

    def __repr__(self) -> str:
        return "s3cret-text"


# -- permission ------------------------------------------------------------------------


async def not_allowed(w: World) -> None:
    """Read a table as somebody who may not."""
    if w.engine == "postgresql":
        await w.db.execute("SET ROLE pg_monitor")
        try:
            await w.db.fetchall(f"SELECT * FROM {w.t}")
        finally:
            await w.db.execute("RESET ROLE")
    async with _guest(w) as url, asyncdb.connect(url) as db:
        await db.fetchall(f'SELECT * FROM "{w.url.database}".{w.t}')


@asynccontextmanager
async def _guest(w: World, limits: str = "") -> AsyncIterator[DatabaseURL]:
    """A user who may log in and nothing else."""
    name, secret = f"guest_{w.t}", "p4ssword"
    if w.engine == "postgresql":
        user, how = name, f"LOGIN PASSWORD '{secret}'"
        url = w.url.replace(user=name, password=secret)
    else:
        user, how = f"'{name}'@'%'", f"IDENTIFIED BY '{secret}'"
        url = w.url.replace(user=name, password=secret, database=None)
    await w.db.execute(f"CREATE USER {user} {how} {limits}")
    try:
        yield url
    finally:
        await w.db.execute(f"DROP USER {user}")


# -- concurrent work -------------------------------------------------------------------


async def deadlock(w: World) -> None:
    """Two transactions, each of which wants what the other has."""
    both = asyncio.Barrier(2)

    async def take(db: Connection, first: int, second: int) -> None:
        async with db.transaction():
            await db.execute(f"UPDATE {w.t} SET code = 'a' WHERE id = {first}")
            await both.wait()
            await db.execute(f"UPDATE {w.t} SET code = 'a' WHERE id = {second}")

    async with w.connect(lock_timeout=20) as one, w.connect(lock_timeout=20) as two:
        results = await asyncio.gather(
            take(one, 1, 2), take(two, 2, 1), return_exceptions=True
        )
    (victim,) = (result for result in results if result is not None)
    raise victim


async def serialization(w: World) -> None:
    """Write what somebody else has written since this transaction began."""
    update = f"UPDATE {w.t} SET code = 'a' WHERE id = 1"
    db = w.db
    if w.engine == "sqlite":
        await db.execute("BEGIN")  # ours would take the lock at once
    else:
        if w.engine == "mariadb":
            await db.execute("SET innodb_snapshot_isolation = ON")
        await db.begin(isolation="repeatable read")
    try:
        await db.fetchall(f"SELECT * FROM {w.t}")
        async with w.connect() as other:
            await other.execute(update)
        await db.execute(update)
    finally:
        await db.rollback()


async def lock(w: World) -> None:
    """Wait for a lock that is not given back."""
    update = f"UPDATE {w.t} SET code = 'a' WHERE id = 1"
    if w.engine == "sqlite":  # a stranger: connections of ours wait for each other
        with contextlib.closing(sqlite3.connect(str(w.url.database))) as stranger:
            stranger.execute(update)
            async with w.connect(lock_timeout=0.1) as db:
                await db.execute(update)
    async with w.connect(lock_timeout=0.1) as other, w.db.transaction():
        await w.db.execute(update)
        await other.execute(update)


async def nowait(w: World) -> None:
    """Ask for a lock, but not wait for it."""
    query = f"SELECT * FROM {w.t} WHERE id = 1 FOR UPDATE"
    async with w.connect() as other, w.db.transaction():
        await w.db.execute(query)
        await other.execute(f"{query} NOWAIT")


async def timeout(w: World) -> None:
    """Run longer than one may."""
    async with w.connect(statement_timeout=0.1) as db:
        await db.fetchall(SLOW[w.engine])


async def _while_it_works(w: World, stop: Callable[[], Awaitable[Any]]) -> None:
    """Do something to a statement again and again until it ends."""
    working = asyncio.create_task(w.db.fetchall(SLOW[w.engine]))
    while not working.done():
        await stop()
        await asyncio.wait([working], timeout=0.02)
    await working


async def cancel(w: World) -> None:
    """Have another session stop the statement."""
    if w.engine == "sqlite":
        native = w.db.native
        await _while_it_works(w, native.interrupt)
    number = await w.db.fetchval(_SESSION[w.engine])
    async with w.connect() as other:
        how = "SELECT pg_cancel_backend({})"
        if w.engine != "postgresql":
            how = "KILL QUERY {}"
        await _while_it_works(w, lambda: other.execute(how.format(number)))


async def readonly(w: World) -> None:
    """Write where only reading was asked for."""
    async with w.db.transaction(readonly=True):
        await w.db.execute(f"DELETE FROM {w.t}_orders")


async def savepoint(w: World) -> None:
    """Go back to where nobody has been."""
    async with w.db.transaction():
        await w.db.execute("ROLLBACK TO SAVEPOINT nowhere")


# -- limits ----------------------------------------------------------------------------


async def packet(w: World) -> None:
    """Send more than the server takes."""
    most = await w.db.fetchval("SELECT @@max_allowed_packet")
    await w.db.fetchval("SELECT length(?)", ["x" * most])


def _write(path: Path, data: bytes, at: int = 0) -> Path:
    """Write over what is there, from a byte on."""
    before = path.read_bytes() if at else b""
    path.write_bytes(before[:at] + data + before[at + len(data) :])
    return path


async def not_a_database(w: World) -> None:
    """Open a file of something else."""
    with tempfile.TemporaryDirectory() as folder:
        path = _write(Path(folder, "notes.txt"), b"s3cret-text " * 100)
        async with asyncdb.connect(f"sqlite:///{path}") as db:
            await db.fetchall("SELECT * FROM t")


async def corrupt(w: World) -> None:
    """Read a file that something else has written into."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "damaged.db")
        url = f"sqlite:///{path}?journal_mode=delete"
        async with asyncdb.connect(url) as db:
            await db.execute("CREATE TABLE t (a TEXT)")
            await db.executemany("INSERT INTO t VALUES (?)", [["s3cret"] * 1] * 5000)
        _write(path, b"s3cret-text!" * 1000, at=4096)
        async with asyncdb.connect(url) as db:
            await db.fetchall("SELECT * FROM t")


# -- the way there ---------------------------------------------------------------------


async def _open(url: DatabaseURL | str, **options: Any) -> None:
    async with asyncdb.connect(url, **options):
        pass


async def password(w: World) -> None:
    """Log in with a wrong password."""
    await _open(w.url.replace(password=WRONG))


async def user(w: World) -> None:
    """Log in as nobody."""
    await _open(w.url.replace(user="no_such_user", password=WRONG))


async def database(w: World) -> None:
    """Open a database that is not there."""
    name = "/no/such/folder/app.db" if w.engine == "sqlite" else "no_such_database"
    await _open(w.url.replace(database=name))


async def refused(w: World) -> None:
    """Knock where nobody listens."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # taken, so nobody else gets it
        await _open(w.url.replace(hosts=(("127.0.0.1", nobody.getsockname()[1]),)))


async def dns(w: World) -> None:
    """Look for a host that is not there: no host ever is in `.invalid` (RFC 2606)."""
    await _open(w.url.replace(hosts=(("no-such-host.invalid", None),)))


async def silent(w: World) -> None:
    """Talk to somebody who takes the call and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = w.url.replace(hosts=(("127.0.0.1", listener.getsockname()[1]),))
        await _open(url, connect_timeout=0.1)


async def too_many(w: World) -> None:
    """Open one connection more than a user may have."""
    limit = (
        "CONNECTION LIMIT 1"
        if w.engine == "postgresql"
        else "WITH MAX_USER_CONNECTIONS 1"
    )
    async with _guest(w, limit) as url, asyncdb.connect(url), asyncdb.connect(url):
        pass


async def too_many_for_all(w: World) -> None:
    """Open one connection more than a server has room for."""
    with _own_server(w.engine) as own:
        async with AsyncExitStack() as opened:
            db = await opened.enter_async_context(asyncdb.connect(own.url))
            if w.engine != "postgresql":
                await db.execute("SET GLOBAL max_connections = 10")
            for _ in range(12):  # an administrator has one more than the others
                await opened.enter_async_context(asyncdb.connect(own.url))


async def shutting_down(w: World) -> None:
    """Come when the server waits for the last client to go."""
    with _own_server(w.engine) as own:
        async with asyncdb.connect(own.url):
            os.kill(own.pid, signal.SIGTERM)
            while True:
                await _open(own.url)


def _own_server(engine: str) -> servers.Server:
    if binaries.find(engine) is None:
        pytest.skip(f"no {engine} of our own to break")
    few = {"max_connections": 10} if engine == "postgresql" else {}
    return servers.start(engine, **few)


# -- the way back ----------------------------------------------------------------------

_KILL = {
    "postgresql": "SELECT pg_terminate_backend({})",
    "mariadb": "KILL {}",
    "mysql": "KILL {}",
}


async def lost(w: World) -> None:
    """Lose the session in the middle of a statement, which then is closed."""
    number = await w.db.fetchval(_SESSION[w.engine])
    working = asyncio.create_task(w.db.fetchall(SLOW[w.engine]))
    async with w.connect() as other:
        await other.execute(_KILL[w.engine].format(number))
    try:
        await working
    finally:
        assert w.db.is_closed
        with pytest.raises(asyncdb.ConnectionClosed):
            await w.db.fetchval("SELECT 1")


async def lost_idle(w: World) -> None:
    """Lose the session between two statements."""
    number = await w.db.fetchval(_SESSION[w.engine])
    async with w.connect() as other:
        await other.execute(_KILL[w.engine].format(number))
        while not w.db.is_closed:
            await other.ping()  # until the loop has read the server's last words
    await w.db.fetchval("SELECT 1")


async def idle_too_long(w: World) -> None:
    """Say nothing inside a block until the server gives the session up."""
    postgresql = w.engine == "postgresql"
    name = "idle_in_transaction_session_timeout" if postgresql else "wait_timeout"
    await w.db.execute(f"SET {name} = {50 if postgresql else 1}")
    async with w.db.transaction():
        await w.db.execute(f"DELETE FROM {w.t}_orders")
        while not w.db.is_closed:  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.01)
        await w.db.fetchval("SELECT 1")


async def closed(w: World) -> None:
    """Use a connection after its end."""
    await w.db.close()
    await w.db.fetchval("SELECT 1")
