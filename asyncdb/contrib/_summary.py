"""A short name for a statement: its operations and their targets, in their order.

By the rules of OpenTelemetry's `db.query.summary`. It is read from a sanitised text, in
which no string and no comment is left that could be taken for a part of the statement.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_LONGEST: Final = 255  # characters
_NAME = r"[^\W\d][\w$]*"
_QUOTED = r'"(?:[^"]|"")*"|`(?:[^`]|``)*`'
_OBJECTS: Final = frozenset(
    (
        *("TABLE", "INDEX", "VIEW", "SCHEMA", "DATABASE", "SEQUENCE", "TYPE", "DOMAIN"),
        *("FUNCTION", "PROCEDURE", "TRIGGER", "EXTENSION", "ROLE", "USER", "EVENT"),
    )
)
_DEFINES: Final = frozenset(["CREATE", "ALTER", "DROP"])
_CHANGES: Final = frozenset(["INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE"])
# After these a statement inside another begins: of a CTE, or of what is explained.
_OPENS: Final = frozenset(["(", ")", "EXPLAIN", "ANALYZE"])
# They stand between an operation and its target.
_PASSED: Final = frozenset(
    (
        *("ONLY", "LATERAL", "IF", "NOT", "EXISTS", "CONCURRENTLY", "TABLE", "INTO"),
        *("OR", "IGNORE", "ROLLBACK", "ABORT", "FAIL", "LOW_PRIORITY", "FROM"),
    )
)
_ENDS_A_LIST: Final = frozenset(
    (
        *("WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "UNION", "INTERSECT", "EXCEPT"),
        *("WINDOW", "RETURNING", "SET", "VALUES", "FOR", "FETCH", "OFFSET"),
    )
)


@lru_cache(1024)
def summarize(sql: str, *, brackets: bool = False) -> str:
    """Return the operations of a sanitised text and what they are done to.

    Args:
        sql: the text.
        brackets: `[...]` is a quoted name.

    Returns:
        At most 255 characters, cut between two words.

    Example:
        >>> summarize("INSERT INTO a (x) SELECT y FROM b JOIN c ON b.i = c.i, d")
        'INSERT a SELECT b c d'
        >>> summarize("SELECT t FROM (SELECT * FROM orders) o")
        'SELECT SELECT orders'
        >>> summarize("CREATE TABLE IF NOT EXISTS t (a INTEGER)")
        'CREATE TABLE t'
    """
    found: list[str] = []
    length = 0
    for part in _parts(_tokens(sql, brackets=brackets)):
        length += len(part) + 1
        if length > _LONGEST + 1:
            break
        found.append(part)
    return " ".join(found)


def _tokens(sql: str, *, brackets: bool) -> list[str]:
    quoted = rf"{_QUOTED}|\[[^\]]*\]" if brackets else _QUOTED
    name = rf"(?:{quoted}|{_NAME})"
    # A marker such as :name is one thing, and no name; so is a cast.
    pattern = rf"{name}(?:\s*\.\s*{name})*|::?{_NAME}|[(),;?]"
    return re.findall(pattern, sql)


def _parts(tokens: list[str]) -> list[str]:
    """Operations and targets, each as it was written."""
    parts: list[str] = []
    selects: set[int] = set()  # depths of parentheses in which a FROM names tables
    lists: set[int] = set()  # depths at which a comma goes on with another table
    depth, before, wants = 0, ";", False
    for token in tokens:
        word = token.upper()
        if word == ";":
            depth, wants = 0, False
            selects.clear()
            lists.clear()
        elif word in ("(", ")"):
            if word == ")":
                selects.discard(depth)
                lists.discard(depth)
            depth += 1 if word == "(" else -1
            wants = False
        elif word == ",":
            wants = depth in lists
        elif word == "SELECT" or (
            word in _CHANGES and (before == ";" or before in _OPENS)
        ):
            parts.append(token)
            selects.add(depth)
            lists.discard(depth)
            wants = word == "UPDATE"
        elif before == ";":  # any other statement
            if word != "WITH" and token[0] not in "?:":
                parts.append(token)
            wants = word in ("CALL", "TRUNCATE")
        elif word in ("FROM", "JOIN", "INTO", "USING"):
            wants = depth in selects and before != "DISTINCT"
            if word == "USING":
                wants = wants and "MERGE" in parts
            elif wants and word != "INTO":
                lists.add(depth)
        elif word in _OBJECTS and parts and parts[-1].upper() in _DEFINES:
            parts[-1] = f"{parts[-1]} {token}"
            wants = True
        elif word in _ENDS_A_LIST:
            lists.discard(depth)
            wants = False
        elif wants and word not in _PASSED:
            if token[0] not in "?:":
                parts.append(token)
            wants = False
        before = word
    return parts
