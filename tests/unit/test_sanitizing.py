"""`sanitize()`: a text without what is written into it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import asyncdb
from asyncdb.dialect import Dialect
from asyncdb.dialects.mysql import DIALECT as MYSQL
from asyncdb.dialects.mysql import lexis_for
from asyncdb.dialects.postgresql import DIALECT as POSTGRESQL
from asyncdb.dialects.sqlite import DIALECT as SQLITE


@pytest.mark.parametrize(
    ("dialect", "sql", "expected"),
    [
        (POSTGRESQL, r"SELECT E'a\'b', X'00', U&'d', 1", "SELECT ?, ?, ?, ?"),
        (POSTGRESQL, "SELECT $t$ s $t$, $1, a[1:2]", "SELECT ?, $1, a[?:?]"),
        (POSTGRESQL, "SELECT 'a'\n  'b', \"c'd\"", 'SELECT ? ?, "c\'d"'),
        (MYSQL, "SELECT _utf8mb4'a', N'b', `a'b`", "SELECT ?, ?, `a'b`"),
        (MYSQL, "SELECT /*!50000 7 */ x # 9", "SELECT /*!50000 ? */ x"),
        (SQLITE, "INSERT INTO [t 1] VALUES (?2, :n, 'x')", None),
        (SQLITE, "SELECT 1e5, .5, 1.5e-3, 0x1F, 1_000, t1.c2", None),
        (SQLITE, "SELECT a -- 1\nFROM\n\tb /* 'x' */ WHERE c = true", None),
        (SQLITE, "SELECT 'no end", "SELECT ?"),
        (SQLITE, "SELECT e, n, x, b FROM x", "SELECT e, n, x, b FROM x"),
        (SQLITE, "", ""),
    ],
)
def test_literals(dialect: Dialect, sql: str, expected: str | None) -> None:
    """Strings, numbers and booleans become `?`, comments a blank; names stay."""
    others = {
        "INSERT INTO [t 1] VALUES (?2, :n, 'x')": (
            "INSERT INTO [t 1] VALUES (?2, :n, ?)"
        ),
        "SELECT 1e5, .5, 1.5e-3, 0x1F, 1_000, t1.c2": "SELECT ?, ?, ?, ?, ?, t1.c2",
        "SELECT a -- 1\nFROM\n\tb /* 'x' */ WHERE c = true": (
            "SELECT a FROM b WHERE c = ?"
        ),
    }
    expected = others.get(sql, expected)

    assert expected == asyncdb.sanitize(sql, dialect)


@pytest.mark.parametrize("dialect", [POSTGRESQL, MYSQL, SQLITE])
def test_what_a_backslash_leaves_open(dialect: Dialect) -> None:
    """Where a backslash may or may not end a string, nothing after it is shown."""
    sql = r"SELECT a FROM t WHERE b = 'x\' AND c = secret AND d = ' secret '"

    assert "SELECT a FROM t WHERE b = ?" == asyncdb.sanitize(sql, dialect)


def test_quotes_of_a_session() -> None:
    """Where a session reads double quotes as strings, they are."""
    from dataclasses import replace

    session = replace(MYSQL, lexis=lexis_for(""))

    assert "SELECT ?" == asyncdb.sanitize('SELECT "secret"', session)
    assert 'SELECT "name"' == asyncdb.sanitize('SELECT "name"', MYSQL)


@given(st.text(), st.sampled_from([POSTGRESQL, MYSQL, SQLITE]), st.booleans())
def test_a_string_never_shows(value: str, dialect: Dialect, long: bool) -> None:
    """Whatever a string holds, none of it is left; long texts are not kept."""
    literal = value.replace("'", "''")
    sql = f"SELECT a FROM t WHERE b = '{literal}Zq9Zq' AND c = 123456"
    sql += " " * 20_000 * long
    found = asyncdb.sanitize(sql, dialect)

    assert "Zq" not in found
    assert "123" not in found
    assert found.startswith("SELECT a FROM t WHERE b = ?")
