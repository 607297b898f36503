"""The table of types is what the code says, and what the engines do."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncdb
from asyncdb.testing.conformance.values import PORTABLE

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"


def load() -> Any:
    """Import the script that writes the page."""
    spec = importlib.util.spec_from_file_location(
        "types_page", FOLDER / "types_page.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_current() -> None:
    """Who changes a table writes the page anew: python docs/reference/types_page.py."""
    assert load().page() == (FOLDER / "types.md").read_text()


async def test_untyped_reads(
    db: asyncdb.Connection, new_table: Callable[[], str]
) -> None:
    """An untyped read gives the type that the page tells."""
    names = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mysql": "MySQL"}
    engine = names[db.dialect.name]
    if db.dialect.flavor == "mariadb":
        engine = "MariaDB"
    told = load().UNTYPED[engine]

    for kind, declared in db.dialect.column_types.items():
        table = new_table()
        await db.execute(f"CREATE TABLE {table} (v {declared})")
        await db.execute(f"INSERT INTO {table} VALUES (?)", [PORTABLE[kind][1][-1]])
        found = await db.fetchval(f"SELECT v FROM {table}")

        plain = kind.partition(",")[0]
        assert told.get(kind, plain) == type(found).__name__, kind
        if kind == "datetime, aware" and told.get(kind) is None:
            assert found.tzinfo is not None
