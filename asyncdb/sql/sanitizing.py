"""A text without the values that are written into it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from asyncdb.dialect import Dialect, Lexis
from asyncdb.sql.lexer import scan

_CACHED = 1024
_LONGEST_CACHED = 10_000  # characters
# Outside of all tokens a digit begins a number.
_NUMBER = re.compile(r"(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\w*")
# A word right before a string says what it is: B'', X'', N'', U&'', _utf8mb4''.
_PREFIX = re.compile(r"(?:[bxne]|u|_[0-9a-z]+)", re.IGNORECASE)
_BOOLEANS = frozenset(["TRUE", "FALSE"])
# A quote after a backslash ends a string or does not, as a session is set.
_UNSURE = re.compile(r"\\['\"`]")


def sanitize(sql: str, dialect: Dialect) -> str:
    """Return a text with `?` for each literal in it, and without its comments.

    For logs, traces and metrics. Strings, numbers, TRUE and FALSE become `?`; markers
    and names stay. Where a backslash before a quote leaves it open what is a string,
    everything from there on is one `?`.

    Args:
        sql: the text of a statement or a script.
        dialect: of the connection that runs it: `db.dialect` or `event.dialect`.

    Returns:
        The text in one line.

    Example:
        >>> from asyncdb.dialect import Dialect
        >>> sql = "SELECT a FROM t1 WHERE b = 'x''y' AND c > -1.5 /* z */ AND d = :d"
        >>> sanitize(sql, Dialect(name="any"))
        'SELECT a FROM t1 WHERE b = ? AND c > -? AND d = :d'
    """
    if len(sql) > _LONGEST_CACHED:
        return _in_one_line(sql, dialect.lexis)
    return _kept(sql, dialect.lexis)


def _in_one_line(sql: str, lexis: Lexis) -> str:
    return " ".join("".join(_pieces(sql, lexis)).split())


_kept = lru_cache(_CACHED)(_in_one_line)


def _pieces(sql: str, lexis: Lexis) -> Iterator[str]:
    position, prefix = 0, ""  # a word that may belong to a string after it
    for kind, start, end in scan(sql, lexis):
        between, text = sql[position:start], sql[start:end]
        position = end
        if prefix and (between not in ("", "&") or kind != "string"):
            yield prefix
            prefix = ""
        elif prefix:
            between = prefix = ""
        yield _NUMBER.sub("?", between)
        plain = kind == "string" and text[0] in lexis.strings  # not E'' and $$
        if kind == "open" or (plain and _UNSURE.search(text)):
            yield "?"
            return
        if kind == "string":
            yield "?"
        elif kind == "comment":
            yield " "
        elif kind == "word" and _PREFIX.fullmatch(text):
            prefix = text
        elif kind == "word" and text.upper() in _BOOLEANS:
            yield "?"
        else:
            yield text
    yield prefix
    yield _NUMBER.sub("?", sql[position:])
