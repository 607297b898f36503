"""What `connect()` and `create_pool()` say when nobody has awaited them."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any

import pytest

import asyncdb


@pytest.mark.parametrize(
    ("make", "name", "says"),
    [
        (asyncdb.create_pool, "fetchall", "pool = await asyncdb.create_pool(...)"),
        (asyncdb.create_pool, "acquire", "async with asyncdb.create_pool(...) as pool"),
        (asyncdb.connect, "execute", "db = await asyncdb.connect(...)"),
        (asyncdb.connect, "transaction", "async with asyncdb.connect(...) as db"),
        (asyncdb.connect, "dialect", "needs an open db"),
    ],
)
def test_a_verb_wants_it_open(make: Callable[[str], Any], name: str, says: str) -> None:
    """The error says how to open it."""
    with pytest.raises(AttributeError) as caught:
        getattr(make("fake://"), name)

    assert says in str(caught.value)
    assert name == caught.value.name


@pytest.mark.parametrize("make", [asyncdb.connect, asyncdb.create_pool])
def test_what_nobody_has_is_plainly_missing(make: Callable[[str], Any]) -> None:
    """A name that the open one has not either, and those that tools look for."""
    waiting = make("fake://")

    for name in ("fetchal", "_private", "__len__", "__deepcopy__", "_repr_html_"):
        with pytest.raises(AttributeError, match="object has no attribute") as caught:
            getattr(waiting, name)
        assert "await" not in str(caught.value)
    assert not hasattr(waiting, "fetchall")
    assert inspect.isawaitable(waiting)
    assert type(waiting) is type(copy.copy(waiting))
    assert type(waiting) is type(copy.deepcopy(waiting))
    assert inspect.getmembers(waiting)


async def test_a_copy_opens_too() -> None:
    """Looking at it has not spoilt it."""
    waiting = copy.copy(asyncdb.connect("fake://"))
    async with waiting as db:
        assert 1 == await db.fetchval("SELECT 1")
