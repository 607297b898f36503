"""The application's tests of its web side."""

import asyncio

import httpx2
import pytest
from fastapi.testclient import TestClient
from shop import Shop
from web import app

from asyncdb.contrib.fastapi import override_database

TWICE = pytest.mark.parametrize("time", [1, 2])


@pytest.fixture
def client(asyncdb_rollback):
    with override_database(app, asyncdb_rollback.url), TestClient(app) as client:
        yield client


@TWICE
def test_client(client, asyncdb_rollback, time):
    """The application runs in a thread of its own, and the test sees what it did."""
    asyncio.run(Shop(asyncdb_rollback).register("Ann"))
    assert client.post("/customers/Bob").json() == 3
    assert client.post("/customers/Bob").status_code == 409
    assert client.get("/customers").json() == ["house", "Ann", "Bob"]
    found = asyncio.run(Shop(asyncdb_rollback).customers())
    assert found == ["house", "Ann", "Bob"]


@TWICE
@pytest.mark.asyncio
async def test_client_in_an_async_test(client, asyncdb_rollback, time):
    """Two loops in two threads at one time, in one transaction."""
    await Shop(asyncdb_rollback).register("Ann")
    answer = await asyncio.to_thread(client.post, "/customers/Bob")
    assert answer.json() == 3
    assert await Shop(asyncdb_rollback).customers() == ["house", "Ann", "Bob"]


@TWICE
@pytest.mark.asyncio
async def test_httpx(asyncdb_pool, time):
    transport = httpx2.ASGITransport(app)
    with override_database(app, asyncdb_pool.url):
        async with (
            app.router.lifespan_context(app),
            httpx2.AsyncClient(transport=transport, base_url="http://shop") as client,
        ):
            assert (await client.post("/customers/Ann")).json() == 2
            assert (await client.get("/customers")).json() == ["house", "Ann"]
    assert await Shop(asyncdb_pool).customers() == ["house", "Ann"]
