"""Parameters: bound, counted, named, and refused before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

import asyncdb
from asyncdb.testing.conformance.chapter import Chapter, ids

HOSTILE = [
    "'; DROP TABLE {table}; --",
    "\\'; DELETE FROM {table} WHERE 1=1 -- ",
    "' OR '1'='1",
    "\\",
    "\\\\'",
    '"; --',
    "` ?",
    ":name ? $1 %s %(name)s",
    "/* */ -- #",
    "$$ $tag$",
    "\u4e2d' or 1=1 -- ",
    "\u7e17' or 1=1 -- ",
    "\xbf' or 1=1 -- ",
    "line\nline\r\ttab\x1a\x08",
    "%",
    "",
]


class Parameters(Chapter):
    """A value stays a value, and a mistake is told before anything is sent."""

    @pytest.mark.parametrize("hostile", HOSTILE)
    async def test_values_never_become_sql(
        self, db: asyncdb.Connection, table: str, hostile: str
    ) -> None:
        """What looks like SQL is stored, found and given back as it is."""
        value = hostile.replace("{table}", table)
        await db.execute(f"INSERT INTO {table} VALUES (?, ?, ?)", [1, value, 5])
        await db.execute(f"INSERT INTO {table} VALUES (2, 'other', 6)")

        found = await db.fetchall(
            f"SELECT id, name FROM {table} WHERE name = :name", {"name": value}
        )
        assert [(1, value)] == found
        assert [1, 2] == await ids(db, table)

    async def test_name_used_twice(self, db: asyncdb.Connection, people: str) -> None:
        """A name may stand more than once."""
        sql = f"SELECT id FROM {people} WHERE id = :x OR n = :x * 10 ORDER BY id"

        assert [(1,)] == await db.fetchall(sql, {"x": 1})

    async def test_doubled_question_mark(
        self, db: asyncdb.Connection, people: str
    ) -> None:
        """Inside a literal nothing is touched, whatever it looks like."""
        sql = f"SELECT 'a ? b ?? :c ::d', id FROM {people} WHERE id = ?"

        assert ("a ? b ?? :c ::d", 1) == await db.fetchone(sql, [1])

    @pytest.mark.parametrize(
        ("sql", "params", "said"),
        [
            ("SELECT id FROM {t} WHERE id = ? AND n = ?", [1], "2"),
            ("SELECT id FROM {t} WHERE id = ?", [1, 2], "1"),
            ("SELECT id FROM {t} WHERE id = ?", [], "1"),
            ("SELECT id FROM {t} WHERE id = :id", {}, "id"),
            ("SELECT id FROM {t} WHERE id = :id", {"id": 1, "spare": 2}, "spare"),
            ("SELECT id FROM {t} WHERE id = :id AND n = ?", [1], ":name"),
            ("SELECT id FROM {t} WHERE name = 'open AND id = ?", [1], "string"),
            ("SELECT id FROM {t} /* open WHERE id = ?", [1], "comment"),
            ("SELECT id FROM {t} WHERE \0 id = ?", [1], "NUL"),
            ("SELECT id FROM {t} WHERE id = ?", "1", "str"),
            ("SELECT id FROM {t} WHERE id = ?", {1}, "set"),
        ],
    )
    async def test_mistakes(
        self, db: asyncdb.Connection, people: str, sql: str, params: Any, said: str
    ) -> None:
        """Missing, surplus, unknown and mixed parameters are named; nothing is sent."""
        async with db.transaction():
            with pytest.raises(asyncdb.ParameterError, match=said.replace("?", r"\?")):
                await db.execute(sql.replace("{t}", people), params)

            # Nothing was sent: the block is as good as before.
            assert [1, 2, 3] == await ids(db, people)

    async def test_two_statements(self, db: asyncdb.Connection, people: str) -> None:
        """Two statements in one text are refused, with parameters and without."""
        with pytest.raises(asyncdb.MultipleStatements):
            await db.execute(
                f"DELETE FROM {people} WHERE id = ?; DELETE FROM {people}", [1]
            )
        with pytest.raises(asyncdb.MultipleStatements):
            await db.execute(f"DELETE FROM {people}; DELETE FROM {people}")

        assert [1, 2, 3] == await ids(db, people)

    async def test_trailing_semicolon(
        self, db: asyncdb.Connection, people: str
    ) -> None:
        """A semicolon at the end is no second statement."""
        sql = f"SELECT id FROM {people} WHERE id = ? ; -- done"

        assert [(2,)] == await db.fetchall(sql, [2])

    async def test_unknown_type(self, db: asyncdb.Connection, table: str) -> None:
        """A value of a type nobody knows is refused, and never stored as a repr."""
        with pytest.raises(asyncdb.DataError, match="object"):
            await db.execute(f"INSERT INTO {table} VALUES (1, ?, 1)", [object()])

        assert [] == await ids(db, table)
