"""The application's tests with anyio's plug-in."""

import pytest
from expected import ann_is_new
from shop import Shop

pytestmark = pytest.mark.anyio
TWICE = pytest.mark.parametrize("time", [1, 2])


@pytest.fixture(scope="session")
def anyio_backend():
    return "asyncio"


@pytest.fixture
async def bob(asyncdb_rollback):
    """A customer made in anyio's task for fixtures, with a block open over the test."""
    await Shop(asyncdb_rollback).register("Bob")
    yield "Bob"
    await Shop(asyncdb_rollback).register("Last")


@TWICE
async def test_rollback(asyncdb_rollback, time):
    await ann_is_new(asyncdb_rollback)


@TWICE
async def test_pool(asyncdb_pool, time):
    await ann_is_new(asyncdb_pool)


@TWICE
async def test_fixture(asyncdb_rollback, bob, time):
    assert await Shop(asyncdb_rollback).register("Cid") == 3
