"""Where markers stand and what values name: what asyncpg's driver reads by itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

pytest.importorskip("asyncpg")

from asyncdb.dialects.postgresql import LEXIS
from asyncdb.dialects.postgresql.casts import kind_of, runs
from asyncdb.dialects.postgresql.places import read_places


@pytest.mark.parametrize(
    ("sql", "roles"),
    [
        ("SELECT $1 IS NULL, (($2)) IS NOT NULL", "nullness nullness"),
        ("SELECT $1 /* ? */ IS -- a\n NULL, $2 ISNULL", "nullness nullness"),
        ("SELECT f($1) IS NULL, a + $2 IS NULL", "free free"),
        ("SELECT a = $1 IS NULL, a BETWEEN $2 AND $3 IS NULL", "compared free free"),
        (
            "INSERT INTO t VALUES ($1, f($2)), ($3, -$4)",
            "assigned free assigned overloaded",
        ),
        (
            "WITH a AS (SELECT 1) INSERT INTO t VALUES ($1) RETURNING $2",
            "assigned free",
        ),
        ("INSERT INTO t SELECT $1, 2 FROM u WHERE a > $2", "assigned compared"),
        ("INSERT INTO t SELECT $1 UNION SELECT $2", "bare bare"),
        ("INSERT INTO t SELECT * FROM (VALUES ($1), ($2)) v", "bare bare"),
        (
            "UPDATE t SET a = $1, (b, c) = ($2, $3) WHERE d = $4",
            "assigned assigned assigned compared",
        ),
        (
            "MERGE INTO t USING u ON a = b WHEN MATCHED THEN UPDATE SET a = $1",
            "assigned",
        ),
        ("SELECT $1, '$2', \"$3\", count($4)", "bare any"),
        (
            "SELECT to_char($1, 'a'), unnest($2), CAST($3 AS int), $4::int",
            "overloaded array cast cast",
        ),
        (
            "SELECT $1 + $2, a + $3, CURRENT_DATE - $4",
            "overloaded overloaded free overloaded",
        ),
    ],
)
def test_places(sql: str, roles: str) -> None:
    """Where a marker stands is read from its neighbours, and in doubt not claimed."""
    assert roles.split() == [place.role for place in read_places(sql, LEXIS)]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, "boolean"),
        (2**31 - 1, "int4"),
        (-(2**31) - 1, "int8"),
        (datetime(2024, 1, 1), "timestamp"),  # noqa: DTZ001
        (datetime(2024, 1, 1, tzinfo=UTC), "timestamptz"),
        ([1, None, 2**40], "int8[]"),
        ([[1.5], [2.5]], "float8[]"),
        ([], "text[]"),
        ([1, "a"], "jsonb"),
        ([{}], "jsonb"),
        (None, ""),
    ],
)
def test_kinds(value: Any, kind: str) -> None:
    """A value names the type that a literal of it would have."""
    assert kind == kind_of(value)


def test_runs() -> None:
    """Rows that one statement serves stay together, and the order is kept."""
    rows = [[None, 1], [1, None], [2**40, 2], ["a", 3], [2, 4]]

    assert [
        ([2**40, 1], rows[:3]),
        (["a", 3], rows[3:4]),
        ([2, 4], rows[4:]),
    ] == runs(rows)
