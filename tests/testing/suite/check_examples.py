"""The application's tests by Hypothesis: each example begins with a clean database."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shop import Shop

NAMES = st.lists(st.text("abc", min_size=1, max_size=5), unique=True, max_size=4)


async def all_are_new(pool, names):
    shop = Shop(pool)
    assert await shop.customers() == ["house"]
    for name in names:
        await shop.register(name)
    assert await shop.customers() == ["house", *names]


@given(names=NAMES)
@settings(max_examples=15, deadline=None, database=None)
def test_names(asyncdb_sandbox, names):
    with asyncdb_sandbox.rollback() as pool:
        asyncio.run(all_are_new(pool, names))


@pytest.mark.asyncio
@given(names=NAMES)
@settings(max_examples=15, deadline=None, database=None)
async def test_names_in_a_loop(asyncdb_sandbox, names):
    with asyncdb_sandbox.rollback() as pool:
        await all_are_new(pool, names)
