"""Every error of the grid, provoked on the real engine and caught by its name."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

import asyncdb
from asyncdb import DatabaseURL, errors
from tests.drivers.error_grid.cases import Case, Situation, World
from tests.drivers.error_grid.grid import COLUMNS, PAGE, markdown, on_the_page
from tests.drivers.error_grid.scenes import WRONG
from tests.drivers.error_grid.situations import SCHEMA, SITUATIONS
from tests.plugins.databases import ENGINES

# What stands in the tables and in parameters, and so may stand in no error.
HIDDEN = ("ann@", "s3cret", "998877", "forged", "2025-02-30", WRONG, "p4ssword")
GRID = [
    pytest.param(engine, key, id=f"{engine}-{key.replace(' ', '_')}")
    for engine in ENGINES
    for key in SITUATIONS
    if COLUMNS[engine][key] != Case()
]


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> str:
    """The engine's name."""
    return str(request.param)


@pytest_asyncio.fixture
async def world(request: pytest.FixtureRequest, engine: str) -> AsyncIterator[World]:
    """A database with the tables of the grid, and a connection."""
    url = DatabaseURL(request.getfixturevalue(f"{engine}_url"))
    t = f"g{secrets.token_hex(4)}"
    async with asyncdb.connect(url) as db:
        for statement in SCHEMA:
            await db.execute(statement.replace("{t}", t))
        yield World(engine=engine, url=url, db=db, t=t)
    if engine != "sqlite":
        async with asyncdb.connect(url) as db:
            for part in ("_b", "_c", "_f", "_s", "_x", "_orders", ""):
                await db.execute(f"DROP TABLE IF EXISTS {t}{part}")
            if engine == "postgresql":
                await db.execute(f"DROP FUNCTION IF EXISTS {t}_f()")


@pytest.mark.parametrize(("engine", "key"), GRID, indirect=["engine"])
async def test_grid(world: World, key: str) -> None:
    """Each situation has the class and the fields that the grid says."""
    situation, case = SITUATIONS[key], COLUMNS[world.engine][key]
    for statement in case.before:
        await world.db.execute(statement.replace("{t}", world.t))
    if case.kind is None:
        assert case.gives == await _answer(world, situation, case)
        return

    with pytest.raises(asyncdb.Error) as caught:
        await _provoke(world, situation, case)

    error = caught.value
    assert _expected(case, world.t) == _found(error)
    assert not [text for text in HIDDEN if text in f"{error!s} {error!r}"]
    if case.code is not None and not world.db.is_closed:
        assert error.__cause__ is not None
    assert str(error) != (type(error).__doc__ or "").partition("\n")[0].rstrip(".")
    if isinstance(error, asyncdb.DatabaseError) and case.scene is None:
        assert _sql(world, situation, case) == error.sql
    if not world.db.is_closed:
        assert 1 == await world.db.fetchval("SELECT 1")


def _sql(world: World, situation: Situation, case: Case) -> str:
    return (case.sql or situation.sql).replace("{t}", world.t)


async def _provoke(world: World, situation: Situation, case: Case) -> Any:
    if case.scene is not None:
        return await case.scene(world)
    params = case.params if case.sql else situation.params
    return await world.db.fetchval(_sql(world, situation, case), params)


async def _answer(world: World, situation: Situation, case: Case) -> Any:
    found = await _provoke(world, situation, case)
    if not case.then:
        return found
    return await world.db.fetchval(case.then.replace("{t}", world.t))


def _expected(case: Case, t: str) -> dict[str, Any]:
    columns = tuple(name.replace("{t}", t) for name in case.columns)
    return {
        "class": case.kind,
        "sqlstate": case.sqlstate,
        "code": case.code,
        "constraint": case.constraint and case.constraint.replace("{t}", t),
        "table": case.table and case.table.replace("{t}", t),
        "columns": columns,
    }


def _found(error: asyncdb.Error) -> dict[str, Any]:
    fields = ("sqlstate", "code", "constraint", "table")
    return {
        "class": type(error),
        **{name: getattr(error, name, None) for name in fields},
        "columns": getattr(error, "columns", ()),
    }


def test_the_page_has_the_grid() -> None:
    """docs/reference/errors.md says what these tests see."""
    assert markdown() == on_the_page(), "run python -m tests.drivers.error_grid"


def test_the_grid_has_no_holes() -> None:
    """Every situation has a cell for every engine."""
    holes = {engine: SITUATIONS.keys() ^ column for engine, column in COLUMNS.items()}

    assert set() == set().union(*holes.values())


def test_the_page_names_every_class() -> None:
    """docs/reference/errors.md has each class of the tree."""
    page = PAGE.read_text()

    assert [] == [name for name in errors.__all__ if f"`{name}`" not in page]
