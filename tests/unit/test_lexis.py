"""When a session is asked what a backslash means, and that its answer is heeded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

import asyncdb
from asyncdb.dialect import Lexis
from asyncdb.testing.fake import DIALECT, FakeConnection

# Under the fake's own lexis the string ends before the comma; under the other it goes
# on, and there is no marker.
TEXT = "SELECT 'a\\', ?"


class Mode:
    """What the session answers, and how often it was asked."""

    def __init__(self) -> None:
        self.lexis = DIALECT.lexis
        self.asked = 0

    async def read(self) -> Lexis:
        """Answer."""
        self.asked += 1
        return self.lexis


@pytest.fixture
def mode(monkeypatch: pytest.MonkeyPatch) -> Mode:
    """The mode of all sessions of the fake."""
    mode = Mode()
    monkeypatch.setattr(FakeConnection, "read_lexis", mode.read)
    return mode


@pytest.fixture
async def db(mode: Mode) -> AsyncIterator[asyncdb.Connection]:
    """A connection whose session can change its mode."""
    async with asyncdb.connect("fake://") as db:
        await db.execute("CREATE TABLE t (a TEXT, b INTEGER)")
        yield db


async def test_what_holds_no_backslash_needs_no_question(
    db: asyncdb.Connection, mode: Mode
) -> None:
    """A text without a backslash, or without parameters, costs no question."""
    await db.fetchall("SELECT ?, 'b'", [1])
    await db.fetchall("SELECT :a, 'b'", {"a": "\\"})
    await db.fetchall("SELECT 'a\\'")
    await db.executemany("INSERT INTO t VALUES (?, ?)", [("\\", 1), ("b", 2)])

    assert 0 == mode.asked


async def test_the_answer_is_heeded(db: asyncdb.Connection, mode: Mode) -> None:
    """A backslash means what it means now, in the session, at each statement."""
    assert ("a\\", 1) == await db.fetchone(TEXT, [1])
    mode.lexis = replace(DIALECT.lexis, backslash="'")
    with pytest.raises(asyncdb.ParameterError):
        await db.fetchone(TEXT, [1])
    mode.lexis = DIALECT.lexis
    assert ("a\\", 2) == await db.fetchone(TEXT, [2])

    assert 3 == mode.asked


async def test_many_rows_heed_it_too(db: asyncdb.Connection, mode: Mode) -> None:
    """`executemany` asks as `execute` does."""
    insert = "INSERT INTO t VALUES ('a\\', ?)"
    await db.executemany(insert, [[1], [2]])
    mode.lexis = replace(DIALECT.lexis, backslash="'")
    with pytest.raises(asyncdb.ParameterError):
        await db.executemany(insert, [[1], [2]])

    assert (2, 2) == (mode.asked, await db.fetchval("SELECT count(*) FROM t"))


async def test_a_reset_brings_the_old_meaning_back(
    mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a pool has learned of a session's mode ends with the session's reset."""

    async def reset(_: FakeConnection) -> bool:
        return True

    # A class of its own: `isinstance` remembers what FakeConnection once had.
    kind = type("Resetting", (FakeConnection,), {"reset": reset})
    monkeypatch.setattr("asyncdb.testing.fake.FakeConnection", kind)
    async with asyncdb.create_pool("fake://", reset="always") as pool:
        mode.lexis = replace(DIALECT.lexis, brackets=None)  # what is in them is read
        assert ("a\\", 1) == await pool.fetchone(TEXT, [1])
        for _ in range(12):  # it is reset meanwhile
            await asyncio.sleep(0)

        assert (1, 2) == await pool.fetchone("SELECT 1 AS [?], ?", [2])
