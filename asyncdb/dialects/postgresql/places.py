"""Where the markers of a text stand, as far as it says how PostgreSQL will type them.

PostgreSQL gives a marker the type that its place asks for: a column's, an operator's, a
function's. What is read here are the places that ask for none, or that ask for one
which is not to be argued with. No grammar is needed for that: the neighbours of a
marker, the word before the parenthesis it stands in and the clause are enough. Where a
place is not recognised it is `"free"`, and the server is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from asyncdb.dialect import Lexis
from asyncdb.sql.lexer import scan

Role = Literal[
    "nullness",  # `? IS NULL`: nothing but that is asked of its value
    "assigned",  # a column takes it as it is: INSERT's VALUES, SET
    "compared",  # with something that is no marker, which gives it its type
    "any",  # an argument of a function that takes values of any type
    "overloaded",  # an argument of a function that is there for several types
    "bare",  # all of what a SELECT or VALUES gives there
    "array",  # an argument of a function that takes arrays of any type
    "cast",  # what the text itself casts
    "free",
]

# Their arguments have no type of their own (`"any"`, `anyelement`).
ANY = frozenset(
    [
        *("JSONB_BUILD_OBJECT", "JSONB_BUILD_ARRAY", "TO_JSONB", "JSONB_AGG"),
        *("JSON_BUILD_OBJECT", "JSON_BUILD_ARRAY", "TO_JSON", "JSON_AGG"),
        *("JSONB_OBJECT_AGG", "JSON_OBJECT_AGG", "CONCAT", "CONCAT_WS", "FORMAT"),
        *("COUNT", "NUM_NULLS", "NUM_NONNULLS", "PG_TYPEOF", "PG_COLUMN_SIZE"),
        *("QUOTE_LITERAL", "QUOTE_NULLABLE"),
    ]
)
# There is one of each for several types; for a bare marker PostgreSQL chooses none, or
# that for floats.
OVERLOADED = frozenset(
    [
        *("SUM", "AVG", "STDDEV", "VARIANCE", "ABS", "SIGN", "CEIL", "CEILING"),
        *("FLOOR", "TO_CHAR", "DATE_TRUNC", "DATE_PART", "EXTRACT", "GENERATE_SERIES"),
    ]
)
ARRAYS = frozenset(
    [
        *("UNNEST", "CARDINALITY", "ARRAY_LENGTH", "ARRAY_NDIMS", "ARRAY_DIMS"),
        *("ARRAY_UPPER", "ARRAY_LOWER", "ARRAY_TO_STRING"),
    ]
)
_COMPARISONS = frozenset(["=", "<>", "!=", "<", ">", "<=", ">=", "LIMIT", "OFFSET"])
_CLAUSES = frozenset(
    [
        *("VALUES", "SELECT", "SET", "FROM", "WHERE", "RETURNING", "ON", "GROUP"),
        *("HAVING", "ORDER", "LIMIT", "USING"),
    ]
)
_WRITING = frozenset(["INSERT", "UPDATE", "MERGE"])
_SET_OPERATIONS = frozenset(["UNION", "EXCEPT", "INTERSECT"])
# An expression begins after one of these. (`a = ? IS NULL` asks about `a = ?`.)
_BEGINNINGS = frozenset(
    [
        *("(", ",", "AND", "OR", "NOT", "WHERE", "WHEN", "THEN", "ELSE", "CASE", "ON"),
        *("HAVING", "SELECT", "DISTINCT", "ALL", "RETURNING", "BY"),
    ]
)
_MARKER, _OTHER = "$", "'"
_SYMBOLS = re.compile(r"[(),\[\];]|::|[-+*/<>=~!@#%^&|`?]+|[\w.]+|\S")
_ARITHMETIC = frozenset("+-*/%")
_OPERATOR = re.compile(r"[-+*/<>=~!@#%^&|`?]+\Z")


@dataclass(frozen=True, slots=True)
class Place:
    """One marker's.

    Args:
        role: what stands there.
        group: a number that the markers of one list, in one pair of parentheses, share.
        joined: `||` stands beside it.
        divided: `/` stands beside it.
    """

    role: Role
    group: int
    joined: bool
    divided: bool


@dataclass(slots=True)
class _Level:
    """What is inside one pair of parentheses."""

    opener: str
    number: int
    row: bool = False  # the values of a row that a column each takes
    verb: str = ""
    clause: str = ""
    branches: bool = False  # UNION and the like: no branch gives to a column directly


@lru_cache(maxsize=512)
def read_places(text: str, lexis: Lexis) -> tuple[Place, ...]:
    """Find where the markers of a text stand, in order.

    Args:
        text: with PostgreSQL's own markers, `$1`.
        lexis: how the session divides text.

    Example:
        >>> from asyncdb.dialects.postgresql import LEXIS
        >>> sql = "SELECT $1 WHERE $2 IS NULL OR a = $3 OR f($4)"
        >>> [place.role for place in read_places(sql, LEXIS)]
        ['bare', 'nullness', 'compared', 'free']
    """
    return tuple(_read(list(_items(text, lexis))))


def _items(text: str, lexis: Lexis) -> Iterator[str]:
    """Give words in upper case, symbols, `$` for a marker and `'` for the rest."""
    position = 0
    for kind, start, end in scan(text, lexis):
        yield from _SYMBOLS.findall(text[position:start])
        position = end
        if kind == "word":
            yield text[start:end].upper()
        elif kind == "native":
            yield _MARKER
        elif kind == "semicolon":
            yield ";"
        elif kind != "comment":
            yield _OTHER
    yield from _SYMBOLS.findall(text[position:])


def _read(items: list[str]) -> Iterator[Place]:
    levels = [_Level("", 0)]
    found: list[tuple[int, _Level, str]] = []
    for at, item in enumerate(items):
        level = levels[-1]
        if item == _MARKER:
            found.append((at, level, level.clause))
        elif item == "(":
            levels.append(_inside(items, at, level, number=at + 1))
        elif item == ")":
            del levels[max(1, len(levels) - 1) :]
        elif item in _WRITING:
            level.verb = item
        elif item in _SET_OPERATIONS:
            level.branches = True
        if item in _CLAUSES:
            level.clause = item
    for at, level, clause in found:
        before, after = _item(items, at - 1), _item(items, at + 1)
        yield Place(
            role=_role(items, at, level, clause),
            group=level.number,
            joined="||" in (before, after),
            divided="/" in (before, after),
        )


def _inside(items: list[str], at: int, level: _Level, *, number: int) -> _Level:
    """Return the level that the parenthesis at `at` opens."""
    before = _item(items, at - 1)
    # VALUES (...), (...) right in the INSERT, and SET (a, b) = (...).
    first = before == "VALUES" or (before == "," and level.clause == "VALUES")
    row = (first and level.verb in ("INSERT", "MERGE")) or (
        before == "=" and level.clause == "SET"
    )
    return _Level("VALUES" if first else before, number, row=row)


def _role(items: list[str], at: int, level: _Level, clause: str) -> Role:
    before, after = _item(items, at - 1), _item(items, at + 1)
    if _is_asked_for_null(items, at):
        return "nullness"
    if _is_ambiguous(items, at, before, after):
        return "overloaded"
    if _OPERATOR.match(after) and after not in _COMPARISONS:
        return "free"
    if before in ("(", ",") and after in (")", ",") and level.row:
        return "assigned"
    if clause == "SET" and before == "=" and level.verb in _WRITING:
        return "assigned"
    selected = clause == "SELECT" and before in ("SELECT", ",")
    if selected and level.verb in _WRITING and not level.branches:
        return "assigned"
    if _is_compared(items, at, before, after):
        return "compared"
    if after == "::" or (after == "AS" and level.opener == "CAST"):
        return "cast"
    if before in ("(", ",", "FROM") and after in (")", ","):
        argument = _ARGUMENTS.get(level.opener)
        if argument or level.opener != "VALUES":
            return argument or "free"
        selected = True
    return "bare" if selected and after != "COLLATE" else "free"


_ARGUMENTS: dict[str, Role] = {
    **dict.fromkeys(ANY, "any"),
    **dict.fromkeys(OVERLOADED, "overloaded"),
    **dict.fromkeys(ARRAYS, "array"),
}


def _is_ambiguous(items: list[str], at: int, before: str, after: str) -> bool:
    """Tell whether the marker is added, subtracted, ... to what has no type either."""
    if before in _ARITHMETIC:
        other = _item(items, at - 2)
        return other in (_MARKER, "CURRENT_DATE") or other in _BEGINNINGS
    return after in _ARITHMETIC and _item(items, at + 2) == _MARKER


def _is_compared(items: list[str], at: int, before: str, after: str) -> bool:
    if before in _COMPARISONS:
        return _item(items, at - 2) != _MARKER
    other = _item(items, at + 2)
    return after in _COMPARISONS and other != _MARKER and not _OPERATOR.match(before)


def _is_asked_for_null(items: list[str], at: int) -> bool:
    """Tell whether the marker, in parentheses or not, is all of an `... IS NULL`."""
    first, last = at - 1, at + 1
    while _item(items, first) == "(" and _item(items, last) == ")":
        if _item(items, first - 1) not in _BEGINNINGS:
            break  # a call
        first, last = first - 1, last + 1
    if first >= 0 and (items[first] not in _BEGINNINGS or _ends_between(items, first)):
        return False
    following = items[last : last + 3]
    return (
        following[:1] in (["ISNULL"], ["NOTNULL"])
        or following[:2] == ["IS", "NULL"]
        or following == ["IS", "NOT", "NULL"]
    )


def _ends_between(items: list[str], at: int) -> bool:
    """Tell whether the word at `at` is the AND of a BETWEEN."""
    if items[at] != "AND":
        return False
    for item in reversed(items[:at]):
        if item in _BEGINNINGS:
            return False
        if item == "BETWEEN":
            return True
    return False


def _item(items: list[str], at: int) -> str:
    return items[at] if 0 <= at < len(items) else ""
