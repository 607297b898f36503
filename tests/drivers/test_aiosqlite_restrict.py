"""SQLite's RESTRICT is a trigger of its own, and no error of an application's."""

from __future__ import annotations

import pytest

import asyncdb


async def test_a_parent_that_may_not_go(sqlite_url: str) -> None:
    """What ON DELETE RESTRICT refuses is a ForeignKeyViolation, as elsewhere."""
    async with asyncdb.connect(sqlite_url) as db:
        await db.execute("CREATE TABLE p (id INTEGER PRIMARY KEY)")
        await db.execute("CREATE TABLE c (p REFERENCES p ON DELETE RESTRICT)")
        await db.execute("INSERT INTO p VALUES (1)")
        await db.execute("INSERT INTO c VALUES (1)")

        with pytest.raises(asyncdb.ForeignKeyViolation):
            await db.execute("DELETE FROM p")
