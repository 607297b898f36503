"""Markers that stand alone in an IN: there a list is a mistake that has a name.

On MySQL and SQLite a list that is bound there is JSON text, equal to nothing, so that
`IN (?)` finds no row and says no word. Which markers they are is found once for each
text, by its tokens; a statement without any costs nothing more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterator, Sequence, ValuesView
from collections.abc import Set as AbstractSet
from typing import Any, Final

from asyncdb.errors import ParameterError
from asyncdb.sql.lexer import Kind, Token
from asyncdb.sql.statement import Statement

# What people take for a list. Not all iterables: some models and documents are, too.
_LISTS: Final = (list, tuple, range, deque, AbstractSet, ValuesView, Iterator)


class Memberships:
    """Finds the markers that stand alone in the parentheses of an IN.

    Args:
        sql: the text.
        marker: the kind of token that is a marker in it, "question" or "colon".

    Attributes:
        found: which of the markers they are, counted from 0.

    Example:
        >>> from asyncdb.sql.lexer import scan
        >>> from asyncdb.sql.memberships import Memberships
        >>> from asyncdb.dialect import Lexis
        >>> sql = "SELECT ? FROM t WHERE a NOT IN ( ? ) AND b IN (?, 1)"
        >>> memberships = Memberships(sql, "question")
        >>> rest = list(memberships.watch(scan(sql, Lexis())))
        >>> memberships.found
        [1]
    """

    __slots__ = ("found", "marker", "sql")

    def __init__(self, sql: str, marker: Kind) -> None:
        self.sql = sql
        self.marker = marker
        self.found: list[int] = []

    def watch(self, tokens: Iterator[Token]) -> Iterator[Token]:
        """Look at each token and pass it on."""
        sql, wanted = self.sql, self.marker
        count = edge = 0  # markers seen, where the last token ended
        after_in = False  # the last token was an IN
        inside, opened = -1, 0  # a marker in parentheses after it, and how many
        between = ""  # what stands between the last token and the one before, no blanks
        for token in tokens:
            kind, start, end = token
            if after_in or inside >= 0:
                between += "".join(sql[edge:start].split())
            edge = end
            if kind == "comment":
                yield token
                continue
            if inside >= 0:
                self._close(inside, opened, between)
                inside = -1
            if kind == wanted:
                if after_in and between and not between.strip("("):
                    inside, opened = count, len(between)
                count += 1
            after_in = (
                kind == "word" and end - start == 2 and sql[start:end].upper() == "IN"
            )
            between = ""
            yield token
        if inside >= 0:
            self._close(inside, opened, between + "".join(sql[edge:].split()))

    def _close(self, number: int, opened: int, after: str) -> None:
        if after.startswith(")" * opened):
            self.found.append(number)


def refuse_lists(
    statement: Statement, values: Sequence[Any], known: Container[type]
) -> None:
    """Refuse a list for a marker that stands alone in an IN.

    Args:
        statement: as `prepare()` gave it, with `memberships`.
        values: as `arguments()` gave them.
        known: types whose values are one value: those that have a converter.

    Raises:
        ParameterError: one of them is a list; the message names the marker.
    """
    for key, value in zip(statement.order, values, strict=True):
        if (
            key in statement.memberships
            and isinstance(value, _LISTS)
            and type(value) not in known
        ):
            where = f"parameter {key + 1}" if isinstance(key, int) else f":{key}"
            marker = "?" if isinstance(key, int) else f":{key}"
            raise ParameterError(
                f"{where} is a {type(value).__name__} in `IN ({marker})`, where a "
                "marker is one value; for a list give asyncdb.expand([...])"
            )


def refuse_lists_in_rows(
    statement: Statement, rows: Sequence[Sequence[Any]], known: Container[type]
) -> None:
    """Refuse a list like `refuse_lists()`, and say in which row it is.

    Raises:
        ParameterError: a row has one.
    """
    for number, row in enumerate(rows, 1):
        try:
            refuse_lists(statement, row, known)
        except ParameterError as error:
            hint = "in a statement for each row, for executemany() has one for all"
            error.args = (f"row {number}, {error.args[0]} {hint}",)
            raise
