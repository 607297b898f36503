"""The parts for Starlette and FastAPI keep their promises, one by one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any

import anyio
import httpx2 as httpx
import pytest
from fastapi import Depends, FastAPI, HTTPException, Request, WebSocket
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

import asyncdb
from asyncdb import errors
from asyncdb.contrib.fastapi import (
    ConnectionDep,
    PoolDep,
    TransactionDep,
    add_error_handlers,
    get_pool,
    get_transaction,
    pool_lifespan,
    readiness,
    register_asyncdb,
)
from asyncdb.driver import Role
from asyncdb.testing import faults
from tests.plugins.databases import engines


async def get_serializable(pool: PoolDep) -> AsyncIterator[asyncdb.Connection]:
    """Lend a connection in a serializable transaction."""
    async with pool.transaction(isolation="serializable") as db:
        yield db


SerializableDep = Annotated[
    asyncdb.Connection, Depends(get_serializable, scope="function")
]


@asynccontextmanager
async def client(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application whose lifespan runs."""
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://t") as found:
            yield found


def service(url: str, table: str, **options: Any) -> FastAPI:
    """A service with one table of unique numbers, and one path per way to end."""
    app = FastAPI()
    register_asyncdb(app, url, fields={f"{table}_n": "n"}, **options)
    insert = f"INSERT INTO {table} (n) VALUES (?)"

    @app.post("/ok/{n}")
    async def ok(n: int, db: TransactionDep) -> int:
        await db.execute(insert, [n])
        return n

    @app.post("/raise/{n}")
    async def fail(n: int, db: TransactionDep) -> int:
        await db.execute(insert, [n])
        raise ZeroDivisionError

    @app.post("/refuse/{n}")
    async def refuse(n: int, db: TransactionDep) -> int:
        await db.execute(insert, [n])
        raise HTTPException(418)

    @app.post("/answer/{n}")
    async def answer(n: int, db: TransactionDep) -> JSONResponse:
        await db.execute(insert, [n])
        return JSONResponse({}, 418)

    @app.post("/misfit/{n}")
    async def misfit(n: int, db: TransactionDep) -> int:
        await db.execute(insert, [n])
        return "no number"  # type: ignore[return-value]

    @app.post("/swallow/{n}")
    async def swallow(n: int, db: TransactionDep) -> int:
        await db.execute(insert, [n])
        with suppress(asyncdb.UniqueViolation):
            await db.execute(insert, [n])
        return n

    @app.post("/plain/{n}")
    async def plain(n: int, db: ConnectionDep) -> int:
        await db.execute(insert, [n])
        raise ZeroDivisionError

    @app.get("/count")
    async def count(pool: PoolDep) -> int:
        return await pool.fetchval(f"SELECT count(*) FROM {table}", into=int) or 0

    return app


@asynccontextmanager
async def running(
    url: str, table: str, **options: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of that service, with the table made."""
    async with asyncdb.connect(url) as db:
        await db.execute(
            f"CREATE TABLE {table} (n INTEGER NOT NULL, "
            f"CONSTRAINT {table}_n UNIQUE (n))"
        )
    async with client(service(url, table, **options)) as found:
        yield found


@pytest.mark.parametrize(
    ("path", "status", "kept"),
    [
        ("/ok/1", 200, 1),
        ("/raise/1", 500, 0),
        ("/refuse/1", 418, 0),
        ("/answer/1", 418, 1),
        ("/misfit/1", 500, 0),
        ("/swallow/1", 500, 0),
        ("/plain/1", 500, 1),
    ],
)
async def test_what_a_request_leaves(
    database_url: str, table: str, path: str, status: int, kept: int
) -> None:
    """What returns commits; what raises, or cannot be answered, leaves nothing."""
    async with running(database_url, table) as http:
        response = await http.post(path)

        assert status == response.status_code
        assert kept == (await http.get("/count")).json()


async def test_a_commit_is_seen_with_the_response(
    database_url: str, table: str
) -> None:
    """When the response has come, other connections see what was done."""
    async with (
        running(database_url, table) as http,
        asyncdb.connect(database_url) as other,
    ):
        for n in range(20):
            await http.post(f"/ok/{n}")

            assert n + 1 == await other.fetchval(f"SELECT count(*) FROM {table}")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (asyncdb.SerializationFailure("no"), 503),
        (asyncdb.UniqueViolation("no", columns=("n",)), 409),
        (ConnectionResetError(), 503),
        (ZeroDivisionError(), 500),
    ],
)
async def test_a_commit_that_fails_is_never_answered_2xx(
    error: Exception, status: int
) -> None:
    """The answer tells of the COMMIT: it was not sent before."""
    app = FastAPI()
    register_asyncdb(app, "fake://", max_size=1)

    @app.post("/")
    async def post(db: TransactionDep) -> str:
        await db.execute("SELECT 1")
        return "done"

    async with client(app) as http:
        with faults() as ordered:
            ordered.add("commit", error)
            response = await http.post("/")

        assert status == response.status_code


@engines("postgresql")
async def test_a_deferred_constraint_is_answered_409(
    database_url: str, new_table: Callable[[], str]
) -> None:
    """A real COMMIT that fails, by a check put off to it, is no 200."""
    parent, child = new_table(), new_table()
    async with asyncdb.connect(database_url) as db:
        await db.execute(f"CREATE TABLE {parent} (id INTEGER PRIMARY KEY)")
        await db.execute(
            f"CREATE TABLE {child} (n INTEGER REFERENCES {parent} "
            "DEFERRABLE INITIALLY DEFERRED)"
        )
    async with client(service(database_url, child)) as http:
        response = await http.post("/ok/1")

        assert 409 == response.status_code
        assert 0 == (await http.get("/count")).json()


async def test_an_unknown_commit_invites_no_retry() -> None:
    """A COMMIT whose answer never came is a 503 without `Retry-After`."""
    app = Starlette()
    add_error_handlers(app)

    async def unknown(_: Request) -> JSONResponse:
        raise asyncdb.CommitUnknown

    app.add_route("/", unknown)
    async with client(app) as http:
        response = await http.get("/")

        assert 503 == response.status_code
        assert "retry-after" not in response.headers


ANSWERS: dict[int, set[type[asyncdb.Error]]] = {
    409: {
        asyncdb.UniqueViolation,
        asyncdb.ExclusionViolation,
        asyncdb.ForeignKeyViolation,
    },
    422: {
        *(asyncdb.DataError, asyncdb.StringTooLong, asyncdb.NumericOutOfRange),
        *(asyncdb.DivisionByZero, asyncdb.InvalidText, asyncdb.InvalidDatetime),
        *(asyncdb.NotNullViolation, asyncdb.CheckViolation),
    },
    503: {
        *(asyncdb.PoolTimeout, asyncdb.PoolFull, asyncdb.PoolClosed),
        *(asyncdb.ConnectionFailed, asyncdb.AuthenticationFailed),
        *(asyncdb.TooManyConnections, asyncdb.ConnectionLost, asyncdb.ConnectionClosed),
        *(asyncdb.LockTimeout, asyncdb.DeadlockDetected, asyncdb.SerializationFailure),
        *(asyncdb.StatementTimeout, asyncdb.CommitUnknown),
    },
}


async def test_what_is_answered_for_each_error() -> None:
    """Conflicts, bad data and what may work soon have an answer; all else is a 500."""
    app = Starlette()
    add_error_handlers(app)

    async def fail(request: Request) -> JSONResponse:
        raise getattr(asyncdb, request.path_params["name"])

    app.add_route("/{name}", fail)
    found: dict[int, set[type[asyncdb.Error]]] = {}
    async with client(app) as http:
        for name in errors.__all__:
            status = (await http.get(f"/{name}")).status_code
            found.setdefault(status, set()).add(getattr(asyncdb, name))

    assert ANSWERS == {status: found[status] for status in found if status != 500}


@pytest.mark.parametrize("level", [False, True])
async def test_a_cancelled_request_is_rolled_back(
    database_url: str, table: str, *, level: bool
) -> None:
    """Cancelled once (asyncio) or for good (anyio), it leaves nothing behind."""
    reached = asyncio.Event()
    app = service(database_url, table, max_size=1)

    @app.post("/stall")
    async def stall(db: TransactionDep) -> None:
        await db.execute(f"INSERT INTO {table} (n) VALUES (1)")
        reached.set()
        await asyncio.Event().wait()

    async with asyncdb.connect(database_url) as db:
        await db.execute(f"CREATE TABLE {table} (n INTEGER)")
    async with client(app) as http:
        if level:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(http.post, "/stall")
                await reached.wait()
                tasks.cancel_scope.cancel()
        else:
            task = asyncio.create_task(http.post("/stall"))
            await reached.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        assert 0 == (await http.get("/count")).json()
        assert 200 == (await http.post("/ok/1")).status_code


async def test_the_connection_is_free_before_the_response_is_read(
    database_url: str, table: str
) -> None:
    """A client that reads slowly holds no connection."""
    app = service(database_url, table, max_size=1, acquire_timeout=5)

    @app.get("/stream")
    async def stream(db: TransactionDep, pool: PoolDep) -> StreamingResponse:
        assert 1 == await db.fetchval("SELECT 1")

        async def body() -> AsyncIterator[str]:
            assert 0 == pool.stats().in_use
            async with pool.stream("SELECT 1 UNION SELECT 2 ORDER BY 1") as rows:
                async for row in rows:
                    yield str(row[0])

        return StreamingResponse(body())

    async with client(app) as http:
        assert "12" == (await http.get("/stream")).text


async def test_conflicts_name_their_field(database_url: str, table: str) -> None:
    """A 409 says the field on every engine, and nothing of the database."""
    async with running(database_url, table) as http:
        await http.post("/ok/1")
        response = await http.post("/ok/1")

        assert 409 == response.status_code
        assert "n" == response.json()["field"]
        assert table not in response.text


async def test_bad_data_is_422(database_url: str, table: str) -> None:
    """A value that the database refuses is answered in FastAPI's form of a 422."""
    app = service(database_url, table)

    @app.post("/text")
    async def text(db: TransactionDep) -> Any:
        return await db.fetchval("SELECT ?", ["nul \0"])

    async with client(app) as http:
        response = await http.post("/text")

        assert 422 == response.status_code
        (detail,) = response.json()["detail"]
        assert {"loc", "msg", "type"} == detail.keys()
        assert "nul" not in response.text


@engines("sqlite")
async def test_an_exhausted_pool_is_503(database_url: str, table: str) -> None:
    """Who finds no connection in time, or too long a line, is told when to return."""
    app = service(database_url, table, max_size=1, acquire_timeout=0.05, max_waiting=1)
    async with client(app) as http, app.state.asyncdb_pool.acquire():
        responses = await asyncio.gather(*(http.get("/count") for _ in range(3)))
        ready = await http.get("/ready")

    assert [503, 503, 503, 503] == [r.status_code for r in (*responses, ready)]
    assert all("retry-after" in r.headers for r in (*responses, ready))
    details = {response.json()["detail"] for response in responses}
    assert 2 == len(details)  # PoolTimeout and PoolFull


async def test_own_exceptions_are_registered() -> None:
    """The application's exceptions get its status, with their text and field."""

    class TakenError(Exception):
        field = "email"

    app = Starlette()
    add_error_handlers(app, errors={TakenError: 409, LookupError: 404})

    async def taken(_: Request) -> JSONResponse:
        raise TakenError("that is taken")

    async def missing(_: Request) -> JSONResponse:
        raise KeyError("nobody")

    app.add_route("/taken", taken)
    app.add_route("/missing", missing)
    async with client(app) as http:
        conflict, lost = await http.get("/taken"), await http.get("/missing")

    assert (409, {"detail": "that is taken", "field": "email"}) == (
        *(conflict.status_code, conflict.json()),
    )
    assert 404 == lost.status_code


async def test_the_lifespan_wraps_the_applications_own(sqlite_url: str) -> None:
    """The pool is open before the application's lifespan begins, and after it ends."""
    seen = []

    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncIterator[dict[str, str]]:
        seen.append(await app.state.asyncdb_pool.fetchval("SELECT 1"))
        yield {"mine": "kept"}
        seen.append(await app.state.asyncdb_pool.fetchval("SELECT 2"))

    app = FastAPI(lifespan=own)
    register_asyncdb(app, sqlite_url)
    async with app.router.lifespan_context(app) as state:
        pool = app.state.asyncdb_pool

        assert {"mine": "kept", "asyncdb_pool": pool} == state
    assert [1, 2] == seen
    assert pool.is_closed


def test_a_mounted_application_finds_the_pool(sqlite_url: str) -> None:
    """The pool of the outer application serves those that are mounted in it."""
    inner = FastAPI()

    @inner.get("/")
    async def one(db: ConnectionDep) -> int:
        return await db.fetchval("SELECT 1", into=int) or 0

    outer = Starlette(
        routes=[Mount("/inner", inner), Route("/ready", readiness)],
        lifespan=pool_lifespan(sqlite_url),
    )
    with TestClient(outer) as http:
        assert 1 == http.get("/inner/").json()
        assert {"status": "ready"} == http.get("/ready").json()


async def test_not_ready_without_a_primary() -> None:
    """While no server is to be had that the pool wants the service is not ready."""
    app = FastAPI()
    url = "fake://one,two/?concurrent=true&target_session_attrs=read-write"
    register_asyncdb(app, url)
    found = []
    with faults() as ordered:
        async with client(app) as http:
            for roles in ({}, {"one": 1}, {"one": 1, "two": 1}, {"two": 1}):
                ordered.roles = {host: Role(standby=True) for host in roles}
                found.append((await http.get("/ready")).status_code)

    assert [200, 200, 503, 200] == found


def test_a_web_socket_takes_what_it_needs(sqlite_url: str) -> None:
    """The dependencies serve web sockets too."""
    app = FastAPI()
    register_asyncdb(app, sqlite_url)

    @app.websocket("/ws")
    async def socket(ws: WebSocket, pool: PoolDep) -> None:
        await ws.accept()
        await ws.send_json(await pool.fetchval("SELECT 1"))

    with TestClient(app) as http, http.websocket_connect("/ws") as ws:
        assert 1 == ws.receive_json()


def test_dependencies_can_be_replaced(sqlite_url: str) -> None:
    """A test hands its own connection to the path functions."""
    app = FastAPI()
    register_asyncdb(app, sqlite_url)

    @app.get("/")
    async def answer(db: TransactionDep) -> Any:
        return db

    app.dependency_overrides[get_transaction] = lambda: "mine"
    with TestClient(app) as http:
        assert "mine" == http.get("/").json()


async def test_an_isolation_level_of_ones_own(database_url: str) -> None:
    """A dependency like ours, with another level, is four lines."""
    app = FastAPI()
    register_asyncdb(app, database_url)

    @app.get("/")
    async def answer(db: SerializableDep) -> bool:
        return bool(db.in_transaction)

    async with client(app) as http:
        assert (await http.get("/")).json() is True


async def test_without_a_lifespan_the_message_says_what_to_do() -> None:
    """Whoever forgot the lifespan reads how to run it."""
    app = FastAPI()
    register_asyncdb(app, "sqlite://")

    @app.get("/")
    async def answer(request: Request) -> str:
        return repr(get_pool(request))

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://t"
    ) as http:
        with pytest.raises(asyncdb.InterfaceError, match="lifespan"):
            await http.get("/")
