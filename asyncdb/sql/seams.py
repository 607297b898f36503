"""Where the text and a value meet: nothing may grow together there.

A marker is one token and one expression. What takes its place must be so too, whatever
stands beside it: `E?` must not become `E$1`, one name, nor `? 'x'` become `'a' 'x'`,
one string on MySQL, nor `5--?` become `5-- 5`, a comment there.

For `?` and `$1` a blank beside the characters of a name is enough. A literal, or `%s`
that the driver makes one, gets more: a blank beside all but blanks and the punctuation
that cannot join anything; and parentheses beside a `-`, a quoted token or another
marker. Not always parentheses, since `LIMIT (5)` is refused by MySQL.
"""

from __future__ import annotations

from collections.abc import Iterator

from asyncdb.dialect import Placeholder
from asyncdb.sql.lexer import Kind, Token
from asyncdb.sql.refusals import refuse

_BLANKS = " \t\r\n\f\v"
# "" is the text's beginning or end.
_SAFE_BEFORE = frozenset(["", *_BLANKS, "(", "[", ","])
_SAFE_AFTER = frozenset(["", *_BLANKS, ")", "]", ",", ";"])
_QUOTED = frozenset({"string", "name"})
_NO_TOKEN = frozenset({"comment", "code", "end of code"})


def _joins(character: str) -> bool:
    """Whether a name or number can go on with, or end in, this character."""
    return character.isalnum() or character in ("_", "$") or character >= "\x80"


def seam(
    sql: str, start: int, end: int, placeholder: Placeholder, is_beside: bool
) -> tuple[str, str]:
    """What to put before and after that which replaces the marker `sql[start:end]`.

    Args:
        sql: the text.
        start: where the marker begins.
        end: where it ends.
        placeholder: what the marker becomes.
        is_beside: it stands beside a quoted token or a marker (`Neighbours.beside`).

    Example:
        >>> from asyncdb.sql.seams import seam
        >>> seam("SELECT E?", 8, 9, "dollar", False)
        (' ', '')
        >>> seam("SELECT 5--?", 10, 11, "literal", False)
        ('(', ')')
    """
    before = sql[start - 1] if start else ""
    after = sql[end : end + 1]
    if placeholder in ("qmark", "dollar"):
        return " " if _joins(before) else "", " " if _joins(after) else ""
    if before == "-":
        return "(", ")"  # a blank after `--` would open a comment
    left = "" if before in _SAFE_BEFORE else " "
    if is_beside:
        return f"{left}(", ")"
    return left, "" if after in _SAFE_AFTER else " "


class Neighbours:
    """Finds markers with a quoted token or a marker beside them, but for comments.

    Args:
        sql: the text.
        marker: the kind of token that is a marker in it, "question" or "colon".

    Attributes:
        beside: where those markers begin.

    Raises:
        ParameterError: a marker follows an introducer such as `_binary` or `_utf8mb4`,
            which takes some literals and not others.

    Example:
        >>> from asyncdb.sql.lexer import scan
        >>> from asyncdb.sql.seams import Neighbours
        >>> from asyncdb.dialect import Lexis
        >>> neighbours = Neighbours("SELECT ?, ? /* as */ 'name'", "question")
        >>> rest = list(neighbours.watch(scan(neighbours.sql, Lexis())))
        >>> neighbours.beside
        {10}
    """

    __slots__ = ("beside", "marker", "sql")

    def __init__(self, sql: str, marker: Kind) -> None:
        self.sql = sql
        self.marker = marker
        self.beside: set[int] = set()

    def watch(self, tokens: Iterator[Token]) -> Iterator[Token]:
        """Look at each token and pass it on."""
        sql, wanted = self.sql, self.marker
        before = ""  # the token before: "marker", "quoted", "introducer", or no matter
        marker = edge = 0  # where the last marker began, where the last token ended
        for token in tokens:
            kind, start, end = token
            if before and sql[edge:start].strip():
                before = ""
            edge = end
            if kind == wanted:
                if before == "introducer":
                    message = "a marker after an introducer (the value brings its own)"
                    refuse(sql, start, message)
                elif before:
                    self.beside.add(start)
                before, marker = "marker", start
            elif kind in _QUOTED:
                if before == "marker":
                    self.beside.add(marker)
                before = "quoted"
            elif kind not in _NO_TOKEN:
                is_introducer = kind == "word" and sql[start] == "_"
                before = "introducer" if is_introducer else ""
            yield token
