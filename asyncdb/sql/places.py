"""Where in the user's text: a position in what was sent, brought back and described.

A text with parameters is rewritten before it is sent: what stands at a position there
stands elsewhere in the user's text, or is a value. So the pieces of the user's text are
looked for in what was sent, one after the other. Only on the way of an error, so that
nothing need be kept of each statement.
"""

from __future__ import annotations

from collections.abc import Iterator

from asyncdb.dialect import Lexis
from asyncdb.sql.lexer import scan
from asyncdb.sql.markers import marker_kind
from asyncdb.sql.statement import Statement

_SHOWN = 40  # characters of the text
# They may hold values that somebody wrote into the text.
_HIDDEN = frozenset(["string", "comment", "code", "open"])
# Stands for each character of a value in what was sent; it is in no text.
HIDDEN = "\0"


def place(
    statement: Statement, lexis: Lexis, position: int, sent: str | None = None
) -> str:
    r"""Say where in the user's text an error is.

    Args:
        statement: the statement.
        lexis: how the session divides text.
        position: where it is in what was sent, from 0.
        sent: what was sent, where that is not `statement.text`; values in it replaced
            by as many `HIDDEN`, so that none of them passes for a part of the text.

    Returns:
        Such as `at line 1, column 10, near "FRO t WHERE id = ?"`, without quoted
        strings; `""` when it cannot be told.

    Example:
        >>> from asyncdb.dialect import Lexis
        >>> from asyncdb.sql import prepare
        >>> sql = "SELECT :name\n FRO t WHERE id = :id"
        >>> statement = prepare(sql, "named", Lexis(), "dollar")
        >>> place(statement, Lexis(), statement.text.index("FRO"))
        'at line 2, column 2, near "FRO t WHERE id = :id"'
    """
    found = _in_users_text(
        statement, lexis, position, statement.text if sent is None else sent
    )
    if found is None:
        return ""
    return described(statement.sql, lexis, found)


def described(sql: str, lexis: Lexis, position: int) -> str:
    """Say what stands at a position of a text; see `place`."""
    position += len(sql[position:]) - len(sql[position:].lstrip())
    if position >= len(sql):
        return "at the end of the text"
    line = sql.count("\n", 0, position) + 1
    column = position - sql.rfind("\n", 0, position)
    near = _near(sql, lexis, position)
    return f"at line {line}, column {column}" + (f', near "{near}"' if near else "")


def _in_users_text(
    statement: Statement, lexis: Lexis, position: int, sent: str
) -> int | None:
    if sent == statement.sql:
        return position
    best = None
    at = 0
    for start, text in _pieces(statement, lexis):
        found = sent.find(text, at)
        if found < 0 or (best is None and not text.strip()):
            continue  # an empty list has taken its place; or blanks are anywhere
        if found > position:
            break
        at = found + len(text)
        best = start + min(position - found, len(text))
    return best


def _pieces(statement: Statement, lexis: Lexis) -> Iterator[tuple[int, str]]:
    """Give the parts of the user's text between markers, and where each begins."""
    sql, begin = statement.sql, 0
    if statement.style == "none":
        yield 0, sql
        return
    marker = marker_kind(statement.style)
    for kind, start, end in scan(sql, lexis):
        if kind == marker:
            yield begin, sql[begin:start]
            begin = end
        elif kind == "escape":  # the second `?` is sent
            yield begin, sql[begin:start]
            begin = start + 1
    yield begin, sql[begin:]


def _near(sql: str, lexis: Lexis, position: int) -> str:
    """Quote a text from a position on: of its line, up to what may hold a value."""
    line_end = sql.find("\n", position)
    end = min(position + _SHOWN, len(sql) if line_end < 0 else line_end)
    for kind, start, stop in scan(sql, lexis):
        if start >= end:
            break
        if stop > position and kind in _HIDDEN:
            end = max(start, position)
            break
    return sql[position:end].strip()
