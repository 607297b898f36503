"""Twenty statements, with `?` and with `:name`: equal rows, counts and errors."""

from __future__ import annotations

import re
from typing import Any

import pytest

import asyncdb
from asyncdb.testing.conformance.chapter import Chapter

# Statement, values in the order of its markers, what it gives: rows, a count, an error.
TWENTY: list[tuple[str, list[Any], Any]] = [
    ("INSERT INTO t VALUES (:id, :name, :n)", [1, "Ann", 10], 1),
    ("INSERT INTO t VALUES (:id, :name, :n)", [2, "O'Hara \\ ? :x %s", None], 1),
    ("INSERT INTO t (id, name) VALUES (:id, :name)", [3, "Çidé 中 🎉"], 1),
    ("INSERT INTO t VALUES (:id, :name, 0)", [1, "dup"], asyncdb.UniqueViolation),
    ("INSERT INTO t VALUES (:id, :name, 0)", [9, None], asyncdb.NotNullViolation),
    ("SELECT name FROM t WHERE id = :id", [2], [("O'Hara \\ ? :x %s",)]),
    ("SELECT id FROM t WHERE name = :name", ["Çidé 中 🎉"], [(3,)]),
    ("SELECT id FROM t WHERE n IS NULL AND id < :id ORDER BY id", [3], [(2,)]),
    ("SELECT id, ':no ?', name FROM t WHERE id = :id", [1], [(1, ":no ?", "Ann")]),
    ("SELECT id FROM t /* :no ? */ WHERE id = :id -- :no ?", [1], [(1,)]),
    ('SELECT id AS "a ? :b" FROM t WHERE id = :id', [1], [(1,)]),
    ("SELECT id FROM t WHERE id IN (:a, :b) ORDER BY id DESC", [1, 3], [(3,), (1,)]),
    ("SELECT id+:x, id-:y FROM t WHERE id=:id", [1, -1, 1], [(2, 2)]),
    ("SELECT name || :tail FROM t WHERE id = :id", ["!", 1], [("Ann!",)]),
    ("SELECT count(*) FROM t WHERE name LIKE :like", ["A%"], [(1,)]),
    ("UPDATE t SET n = :n WHERE id < :id", [7, 3], 2),
    ("UPDATE t SET nope = :n", [1], asyncdb.UndefinedColumn),
    ("SELECT * FROM nope WHERE id = :id", [1], asyncdb.UndefinedTable),
    ("SELEC :id", [1], asyncdb.SQLSyntaxError),
    ("DELETE FROM t WHERE id <> :id", [2], 2),
]


class SameMeaning(Chapter):
    """The same SQL means the same thing on every engine."""

    @pytest.mark.parametrize("style", ["named", "positional"])
    async def test_twenty_statements(
        self, db: asyncdb.Connection, table: str, style: str
    ) -> None:
        """Twenty statements give the rows, counts and errors written beside them."""
        for template, values, expected in TWENTY:
            sql = re.sub(r"\bt\b(?= |$)", table, template)
            names = re.findall(r"(?<=[^':])(?<!\w):(\w+)(?![^']*\?')", _bare(sql))
            params: Any = dict(zip(names, values, strict=True))
            if style == "positional":
                sql, params = _positional(sql, names), values

            if isinstance(expected, type):
                with pytest.raises(expected):
                    await db.execute(sql, params)
            elif isinstance(expected, int):
                assert expected == (await db.execute(sql, params)).rowcount, sql
            else:
                assert expected == await db.fetchall(sql, params), sql


def _bare(sql: str) -> str:
    """Blank out literals, quoted names and comments, keeping every position."""
    opaque = r"'[^']*'|\"[^\"]*\"|/\*.*?\*/|--.*$"
    return re.sub(opaque, lambda match: " " * len(match[0]), sql)


def _positional(sql: str, names: list[str]) -> str:
    """Write `?` for each named marker that stands outside literals and comments."""
    out, last = [], 0
    for match in re.finditer(r":(\w+)", _bare(sql)):
        assert match[1] in names
        out += [sql[last : match.start()], "?"]
        last = match.end()
    return "".join([*out, sql[last:]])
