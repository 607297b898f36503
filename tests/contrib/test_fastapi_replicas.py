"""In a FastAPI application each client sees its own writes, on replicas that lag."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from fastapi import FastAPI, HTTPException
from fastapi.testclient import TestClient

import asyncdb
from asyncdb.contrib.fastapi import TransactionDep, register_asyncdb
from asyncdb.contrib.fastapi_replicas import ReaderDep, ReplicasDep, register_replicas
from tests.plugins import binaries
from tests.plugins.replication import Replication, replicated


def service(url: str, replica: str, **options: Any) -> FastAPI:
    """A service that counts, with one replica."""
    app = FastAPI()
    register_asyncdb(app, url)
    register_replicas(app, [replica], **options)

    @app.post("/more")
    async def more(db: TransactionDep) -> None:
        await db.execute("UPDATE t SET a = a + 1")

    @app.post("/refused")
    async def refused(db: TransactionDep) -> None:
        await db.execute("UPDATE t SET a = 99")
        raise HTTPException(418)

    @app.get("/count")
    async def count(db: ReaderDep) -> int:
        return await db.fetchval("SELECT a FROM t", into=int) or 0

    @app.get("/reads")
    async def reads(replicas: ReplicasDep) -> int:
        return replicas.states()[0].reads

    return app


@pytest.fixture(scope="module")
def pair() -> Iterator[Replication]:
    """A PostgreSQL and its standby."""
    if binaries.find("postgresql") is None:
        pytest.skip("no postgresql of our own")
    with replicated("postgresql") as made:
        yield made


@asynccontextmanager
async def clients(app: FastAPI, count: int) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Clients with cookies of their own, of an application whose lifespan runs."""
    async with app.router.lifespan_context(app):
        yield [
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t")
            for _ in range(count)
        ]


async def test_each_client_sees_its_writes(pair: Replication) -> None:
    """Who wrote reads what it wrote, while others may be read to from the replica."""
    async with asyncdb.connect(pair.primary.url) as db:
        await db.execute("DROP TABLE IF EXISTS t")
        await db.execute("CREATE TABLE t AS SELECT 0 AS a")
    async with clients(service(pair.primary.url, pair.replica.url), 2) as (one, other):
        await one.post("/more")
        assert 1 == (await one.get("/count")).json()  # the standby has it
        pair.pause()
        written = await one.post("/more")

        assert 200 == written.status_code
        assert [2, 1] == [(await c.get("/count")).json() for c in (one, other)]
        pair.resume()
        assert 2 == (await one.get("/count")).json()
        assert 0 < (await one.get("/reads")).json()


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A file of SQLite's."""
    return f"sqlite:///{tmp_path / 'app.db'}"


async def make(url: str) -> None:
    """Make the table."""
    async with asyncdb.connect(url) as db:
        await db.execute("CREATE TABLE t AS SELECT 0 AS a")


async def test_cookie_and_header(url: str) -> None:
    """Only answers to what may write have a token, in cookie and header as asked."""
    await make(url)
    app = service(url, url, header="Asyncdb-Written", secure=True, max_age=60)
    async with clients(app, 1) as (http,):
        answer = await http.post("/more")
        cookie = SimpleCookie(answer.headers["set-cookie"])["asyncdb_written"]
        token = answer.headers["asyncdb-written"]

        assert token == cookie.value
        assert ("60", True, True, "lax") == (
            cookie["max-age"], cookie["secure"], cookie["httponly"], cookie["samesite"]
        )  # fmt: skip
        assert "set-cookie" in (await http.post("/refused")).headers
        assert "set-cookie" not in (await http.get("/count")).headers
        for sent in (token, "no token", "pg.1.1.FF-FF", "x" * 5000):
            answer = await http.get("/count", headers={"Asyncdb-Written": sent})
            assert (200, 1) == (answer.status_code, answer.json())


async def test_a_cookie_of_somebody_s_making(url: str) -> None:
    """A cookie that is no token counts as none; so does none at all."""
    await make(url)
    async with clients(service(url, url), 1) as (http,):
        for cookie in ("'; DROP TABLE t", "", "sq.0", "ma.0-1-1"):
            headers = {"Cookie": f"asyncdb_written={cookie}"}
            assert 0 == (await http.get("/count", headers=headers)).json()


async def test_an_answer_without_its_token(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What was done is answered even when the primary cannot be asked any more."""
    await make(url)
    app = service(url, url)

    @app.post("/closed")
    async def closed() -> str:
        await app.state.asyncdb_pool.close()
        return "done"

    async with clients(app, 1) as (http,):
        answer = await http.post("/closed")

        assert (200, "done") == (answer.status_code, answer.json())
        assert "set-cookie" not in answer.headers
        assert "no token: PoolClosed" in caplog.text


def test_without_replicas_it_says_so(url: str) -> None:
    """A path that reads in an application without replicas names what is missing."""
    app = FastAPI()
    register_asyncdb(app, url)

    @app.get("/count")
    async def count(db: ReaderDep) -> int:
        return 0

    with (
        TestClient(app) as client,
        pytest.raises(asyncdb.InterfaceError, match="register_replicas"),
    ):
        client.get("/count")
