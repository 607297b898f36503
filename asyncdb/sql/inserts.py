"""An INSERT of one row, taken apart so that it can be made one of many rows.

Decided by tokens, once for each statement. It may be done when there is exactly one
parenthesis after VALUES, it holds all markers, what follows belongs to the INSERT, and
nothing depends on the row inserted before (a subquery, a variable, LAST_INSERT_ID).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from asyncdb.dialect import Lexis
from asyncdb.sql.lexer import scan
from asyncdb.sql.statement import Statement

# Stands for a marker while the text is looked at; a text that has it itself is not
# taken apart.
_MARKER = "asyncdb_marker_7f3a"
_DEPENDS = frozenset(
    [
        *("SELECT", "TABLE", "IN", "LAST_INSERT_ID", "ROW_COUNT", "FOUND_ROWS"),
        *("LASTVAL", "LAST_INSERT_ROWID", "CHANGES", "TOTAL_CHANGES"),
    ]
)
# What may follow the row: not a second one, nor UNION.
_TAILS = frozenset(["ON", "AS", "RETURNING"])


class Insert(NamedTuple):
    """An INSERT, taken apart.

    Args:
        head: the text up to VALUES, itself included.
        row: the parenthesis: the text around its markers.
        tail: what follows it, such as ON CONFLICT DO UPDATE.
    """

    head: str
    row: tuple[str, ...]
    tail: str


@lru_cache(maxsize=512)
def take_apart(statement: Statement, lexis: Lexis) -> Insert | None:
    """Take an INSERT apart, if many rows can go into one of its kind.

    Args:
        statement: any statement.
        lexis: how the session reads it.

    Returns:
        The parts, or `None`.

    Example:
        >>> from asyncdb.sql import prepare
        >>> lexis = Lexis()
        >>> sql = "INSERT INTO t VALUES (?, 1)"
        >>> take_apart(prepare(sql, "positional", lexis, "qmark"), lexis)
        Insert(head='INSERT INTO t VALUES ', row=('(', ', 1)'), tail='')
    """
    if statement.verb not in ("INSERT", "REPLACE") or not statement.keys:
        return None
    text = _MARKER.join(statement.pieces)
    span = _parenthesis(text, lexis)
    if span is None:
        return None
    start, end = span
    row = tuple(text[start:end].split(_MARKER))
    if not len(row) - 1 == text.count(_MARKER) == len(statement.keys):
        return None
    return Insert(text[:start], row, text[end:])


def _parenthesis(text: str, lexis: Lexis) -> tuple[int, int] | None:
    """Find the only parenthesis after VALUES: where it opens, where it has closed."""
    depth, start, end, wanted, followed = 0, -1, -1, False, False
    for kind, sign in _signs(text, lexis):
        if kind in ("code", "open"):
            return None
        if kind == "comment":
            continue
        word = text[sign[0] : sign[1]].upper()
        if start >= 0 and (word == "@" or word.strip('"`[]') in _DEPENDS):
            return None
        if end >= 0 and not followed and kind != "semicolon":
            followed = True
            if word not in _TAILS:
                return None
        if kind == "word":
            if wanted:
                return None
            wanted = not depth and start < 0 and word in ("VALUES", "VALUE")
        elif kind == "(":
            depth += 1
            if wanted:
                start, wanted = sign[0], False
        elif kind == ")":
            depth -= 1
            if not depth and start >= 0 and end < 0:
                end = sign[1]
    return (start, end) if end >= 0 and not depth else None


def _signs(text: str, lexis: Lexis) -> Iterator[tuple[str, tuple[int, int]]]:
    """Give the tokens, and the punctuation between them that the lexer passes over."""
    position = 0
    for kind, start, end in scan(text, lexis):
        yield from _punctuation(text, position, start)
        yield kind, (start, end)
        position = end
    yield from _punctuation(text, position, len(text))


def _punctuation(
    text: str, start: int, end: int
) -> Iterator[tuple[str, tuple[int, int]]]:
    for i in range(start, end):
        if text[i] in "(),@":
            yield text[i], (i, i + 1)
