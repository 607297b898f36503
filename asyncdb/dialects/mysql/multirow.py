"""Many rows in one INSERT: `VALUES (...), (...), ...` from a statement with one row.

Decided by tokens, once for each statement. It may be done when there is exactly one
parenthesis after VALUES, it holds all markers, and nothing in it depends on the row
inserted before (a subquery, a variable, LAST_INSERT_ID).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from asyncdb._sql.lexer import scan
from asyncdb._sql.statement import Statement
from asyncdb.dialect import Lexis

# Stands for a marker while the text is looked at; a text that has it itself is not
# rewritten.
_MARKER = "asyncdb_marker_7f3a"
_DEPENDS = frozenset(["SELECT", "LAST_INSERT_ID", "ROW_COUNT", "FOUND_ROWS", "LASTVAL"])
# Enough to make the round trip small beside the work, little enough for every server.
_PIECE = 256 * 1024


class MultiRow(NamedTuple):
    """An INSERT, taken apart.

    Args:
        head: the text up to VALUES, itself included.
        row: the parenthesis as a `%` format.
        tail: what follows it, such as ON DUPLICATE KEY UPDATE.
    """

    head: str
    row: str
    tail: str

    def statements(
        self, rows: Sequence[Sequence[str]], max_packet: int
    ) -> Iterator[str]:
        """Give the statements that insert all rows.

        Args:
            rows: rendered literals.
            max_packet: the longest statement that the server takes.

        Returns:
            Statements below that and below a size of our own, but for single rows that
            are longer themselves.
        """
        # In bytes; literals are ASCII, what is around them may not be.
        extra = 0 if self.row.isascii() else 3 * len(self.row)
        room = min(_PIECE, max_packet) - 4 * (len(self.head) + len(self.tail)) - 16
        texts: list[str] = []
        size = 0
        for row in rows:
            text = self.row % tuple(row)
            length = len(text) + extra + 1
            if size + length > room and texts:
                yield f"{self.head} {','.join(texts)}{self.tail}"
                texts, size = [], 0
            texts.append(text)
            size += length
        if texts:
            yield f"{self.head} {','.join(texts)}{self.tail}"


@lru_cache(maxsize=512)
def multi_row(statement: Statement, lexis: Lexis) -> MultiRow | None:
    """Take an INSERT apart, if many rows can go into one of its kind.

    Args:
        statement: any statement.
        lexis: how the session reads it.

    Returns:
        The parts, or `None`.
    """
    if statement.verb not in ("INSERT", "REPLACE") or not statement.keys:
        return None
    text = _MARKER.join(statement.pieces)
    span = _parenthesis(text, lexis)
    if span is None:
        return None
    start, end = span
    head, row, tail = text[:start], text[start:end], text[end:]
    if row.count(_MARKER) != len(statement.keys) or text.count(_MARKER) != len(
        statement.keys
    ):
        return None
    return MultiRow(head, row.replace("%", "%%").replace(_MARKER, "%s"), tail)


def _parenthesis(text: str, lexis: Lexis) -> tuple[int, int] | None:
    """Find the only parenthesis after VALUES: where it opens, where it has closed."""
    depth, start, end, wanted = 0, -1, -1, False
    for kind, sign in _signs(text, lexis):
        if kind in ("code", "open"):
            return None
        if kind == "word":
            word = text[sign[0] : sign[1]].upper()
            if depth and start >= 0 and end < 0 and word in _DEPENDS:
                return None
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
        elif kind == "," and not depth and end >= 0 and not text[end : sign[0]].strip():
            return None  # a second row
        elif kind == "@" and start >= 0 and end < 0:
            return None
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
