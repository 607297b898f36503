"""Where in the user's text: positions brought back from what was sent."""

from __future__ import annotations

import pytest

import asyncdb
from asyncdb.dialects.mysql import DIALECT as MYSQL
from asyncdb.dialects.postgresql import DIALECT as POSTGRESQL
from asyncdb.dialects.sqlite import DIALECT as SQLITE
from asyncdb.sql import prepare, spread
from asyncdb.sql.places import HIDDEN, place
from asyncdb.sql.statement import Statement, Style

DIALECTS = [SQLITE, POSTGRESQL, MYSQL]


def sent(statement: Statement, dialect: asyncdb.Dialect) -> str:
    """Return what goes to the server, values hidden."""
    if dialect.placeholder == "literal" and statement.keys:
        return (HIDDEN * 7).join(statement.pieces)
    return statement.text


def found(
    sql: str, style: Style, dialect: asyncdb.Dialect, word: str = "FRO", nth: int = 0
) -> str:
    """Return the place of a word of the text that is sent."""
    statement = prepare(sql, style, dialect.lexis, dialect.placeholder)
    text = sent(statement, dialect)
    position = -1
    for _ in range(nth + 1):
        position = text.index(word, position + 1)
    return place(statement, dialect.lexis, position, text)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda d: d.name)
@pytest.mark.parametrize(
    ("sql", "style", "where"),
    [
        ("SELECT * FRO m", "none", 'line 1, column 10, near "FRO m"'),
        ("SELECT ?, ? FRO m", "positional", 'line 1, column 13, near "FRO m"'),
        ("SELECT :ab\n FRO m\n", "named", 'line 2, column 2, near "FRO m"'),
        ("SELECT :ab FRO m = :c", "named", 'line 1, column 12, near "FRO m = :c"'),
        ("SELECT :a, :a, :a FRO", "named", 'line 1, column 19, near "FRO"'),
        ("SELECT 1-? FRO 'x' y", "positional", 'line 1, column 12, near "FRO"'),
        ("SELECT ? FRO /* s */", "positional", 'line 1, column 10, near "FRO"'),
        ("SELECT '?'||? FRO m", "positional", 'line 1, column 15, near "FRO m"'),
        ("SELECT 'FR:a', :a FRO", "named", 'line 1, column 19, near "FRO"'),
    ],
)
def test_a_position_is_brought_back(
    dialect: asyncdb.Dialect, sql: str, style: Style, where: str
) -> None:
    """It stands where the user wrote it, whatever became of the markers before it."""
    assert f"at {where}" == found(sql, style, dialect)


def test_of_two_the_right_one() -> None:
    """The same words twice: the position decides, not the words."""
    sql = "SELECT ? FRO a,\n? FRO a"
    assert "at line 2" in found(sql, "positional", POSTGRESQL, nth=1)
    assert "at line 1" in found(sql, "positional", POSTGRESQL, nth=0)


def test_a_doubled_question_mark_is_counted() -> None:
    """`??` is sent as one character, and is two in the user's text."""
    sql = "SELECT ? ?? 'a', FRO"
    assert "column 18," in found(sql, "positional", POSTGRESQL)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda d: d.name)
@pytest.mark.parametrize("size", [0, 1, 3])
def test_behind_a_list(dialect: asyncdb.Dialect, size: int) -> None:
    """A list makes the text longer, an empty one another text."""
    sql = "SELECT 1 WHERE :a IN (:ids) FRO b"
    statement = prepare(sql, "named", dialect.lexis, dialect.placeholder)
    listed, _ = spread(statement, [1, asyncdb.expand([1] * size)], dialect)
    text = sent(listed, dialect)

    where = place(listed, dialect.lexis, text.index("FRO"), text)

    assert 'at line 1, column 29, near "FRO b"' == where


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda d: d.name)
def test_the_end(dialect: asyncdb.Dialect) -> None:
    """Where something is missing at the end there is nothing to quote."""
    sql = "SELECT ? FROM\n"
    statement = prepare(sql, "positional", dialect.lexis, dialect.placeholder)
    text = sent(statement, dialect)

    assert "at the end of the text" == place(
        statement, dialect.lexis, len(text) - 1, text
    )


def test_a_value_is_quoted_by_its_marker() -> None:
    """At a value stands the user's marker, of a string written there nothing at all."""
    sql = "SELECT 1 FROM t WHERE a b ? LIMIT 1"
    statement = prepare(sql, "positional", MYSQL.lexis, "literal")
    text = sent(statement, MYSQL)
    literal = prepare("SELECT 's3cret' 'x' y", "none", MYSQL.lexis, "literal")

    assert place(statement, MYSQL.lexis, text.index(HIDDEN), text).endswith(
        'near "? LIMIT 1"'
    )
    assert "at line 1, column 8" == place(literal, MYSQL.lexis, 7)


def test_what_cannot_be_told() -> None:
    """A text that has nothing of the user's has no place."""
    statement = prepare("SELECT ?", "positional", MYSQL.lexis, "literal")
    assert "" == place(statement, MYSQL.lexis, 3, "something else")
