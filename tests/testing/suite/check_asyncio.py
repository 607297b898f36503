"""The application's tests with pytest-asyncio; each fails where another one leaked."""

import asyncio

import asyncdb
import pytest
import pytest_asyncio
from expected import ann_is_new
from shop import Shop

TWICE = pytest.mark.parametrize("time", [1, 2])


# What a test has not given back, kept so that it is not a forgotten one.
LEFT = []


@TWICE
@pytest.mark.asyncio
async def test_rollback(asyncdb_rollback, time):
    await ann_is_new(asyncdb_rollback)


@TWICE
@pytest.mark.asyncio
async def test_pool(asyncdb_pool, time):
    await ann_is_new(asyncdb_pool)
    await asyncdb_pool.execute("CREATE TABLE made_here (a INTEGER)")


@TWICE
@pytest.mark.asyncio
async def test_url(asyncdb_url, time):
    async with asyncdb.create_pool(asyncdb_url) as pool:
        await ann_is_new(pool)


@TWICE
@pytest.mark.asyncio
async def test_url_and_pool_are_one_database(asyncdb_url, asyncdb_pool, time):
    async with asyncdb.create_pool(asyncdb_url) as pool:
        await Shop(pool).register("Ann")
    assert await Shop(asyncdb_pool).customers() == ["house", "Ann"]


@TWICE
@pytest.mark.asyncio(loop_scope="module")
async def test_module_loop(asyncdb_rollback, time):
    await ann_is_new(asyncdb_rollback)


@TWICE
@pytest.mark.asyncio(loop_scope="session")
async def test_session_loop(asyncdb_rollback, time):
    await ann_is_new(asyncdb_rollback)


@TWICE
@pytest.mark.asyncio(loop_scope="session")
async def test_session_loop_and_pool(asyncdb_pool, time):
    await ann_is_new(asyncdb_pool)


@pytest_asyncio.fixture
async def bob(asyncdb_rollback):
    """A customer made in another task than the test's, and looked at after it."""
    shop = Shop(asyncdb_rollback)
    number = await shop.register("Bob")
    yield number
    assert await shop.customers() == ["house", "Bob", "Cid"]


@TWICE
@pytest.mark.asyncio
async def test_fixture_in_another_task(asyncdb_rollback, bob, time):
    assert await Shop(asyncdb_rollback).register("Cid") == bob + 1


@pytest_asyncio.fixture(loop_scope="session")
async def dan(asyncdb_rollback):
    """A customer made in another loop than the test's."""
    return await Shop(asyncdb_rollback).register("Dan")


@TWICE
@pytest.mark.asyncio(loop_scope="function")
async def test_fixture_in_another_loop(asyncdb_rollback, dan, time):
    assert await Shop(asyncdb_rollback).register("Eve") == dan + 1


@TWICE
@pytest.mark.asyncio
async def test_many_tasks(asyncdb_rollback, time):
    """Each transaction has the connection to itself: none counts the same last key."""
    shop = Shop(asyncdb_rollback)
    numbers = await asyncio.gather(*(shop.register(f"n{i}") for i in range(12)))
    assert sorted(numbers) == list(range(2, 14))
    assert await shop.orders() == 12


@TWICE
@pytest.mark.asyncio
async def test_what_the_test_leaves_open(asyncdb_rollback, time):
    """A connection not given back, and its transaction not ended, are no leak."""
    db = await asyncdb_rollback.acquire()
    block = db.transaction()
    await block.__aenter__()
    LEFT.append((db, block))
    await db.execute("INSERT INTO customers VALUES (99, 'Zoe')")


@TWICE
def test_without_a_loop(asyncdb_rollback, time):
    asyncio.run(ann_is_new(asyncdb_rollback))
    assert asyncio.run(Shop(asyncdb_rollback).customers()) == ["house", "Ann"]


@TWICE
def test_without_a_loop_on_a_pool(asyncdb_pool, time):
    asyncio.run(ann_is_new(asyncdb_pool))
    assert asyncio.run(Shop(asyncdb_pool).customers()) == ["house", "Ann"]
