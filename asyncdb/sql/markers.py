"""Find the markers of a text that has parameters, and refuse what is not sure.

What is refused here would otherwise be bound wrongly, or run something else than what
the text says, on one engine or another. No message quotes more of the text than a
marker: the text may hold literals.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

from asyncdb.dialect import Lexis, Placeholder
from asyncdb.sql.lexer import Kind, Token
from asyncdb.sql.refusals import refuse
from asyncdb.sql.seams import seam
from asyncdb.sql.statement import Style

# Where it begins and ends, and its name: "" for `?`, None for the literal `??`.
Marker = tuple[int, int, str | None]

_QUIET = frozenset({"word", "string", "name", "semicolon"})
_SHOWN = 40  # characters of a marker that a message shows


def marker_kind(style: Style) -> Kind:
    """The kind of token that is a marker, where parameters are given in this style.

    Example:
        >>> from asyncdb.sql.markers import marker_kind
        >>> marker_kind("positional"), marker_kind("named")
        ('question', 'colon')
    """
    return "question" if style == "positional" else "colon"


class MarkerReader:
    """Reads the markers of one text.

    Args:
        sql: the text.
        style: "positional" or "named".
        lexis: how the engine divides text.
        placeholder: what the markers become.

    Example:
        >>> from asyncdb.sql.lexer import scan
        >>> from asyncdb.sql.markers import MarkerReader
        >>> from asyncdb.dialect import Lexis
        >>> reader = MarkerReader("SELECT :a", "named", Lexis(), "qmark")
        >>> reader.read(scan("SELECT :a", Lexis()))
        [(7, 9, 'a')]
    """

    __slots__ = ("_code", "_lexis", "_may_return", "_placeholder", "_sql", "_style")

    def __init__(
        self, sql: str, style: Style, lexis: Lexis, placeholder: Placeholder
    ) -> None:
        self._sql = sql
        self._style: Style = style
        self._lexis = lexis
        self._placeholder = placeholder
        self._code = -1  # where the comment with code begins that we are in
        self._may_return = "\r" in sql
        if "\0" in sql:
            refuse(sql, sql.index("\0"), "a NUL character in the text")

    def read(self, tokens: Iterator[Token]) -> list[Marker]:
        """The markers and the literal `??`, in order.

        Args:
            tokens: of the whole text, words or not.

        Raises:
            ParameterError: the text cannot be bound for sure; says why and where.
        """
        wanted = marker_kind(self._style)
        found: list[Marker] = []
        for kind, start, end in tokens:
            if kind == wanted and self._code < 0:
                found.append((start, end, self._sql[start + 1 : end]))
            elif kind == "escape" and self._code < 0:
                self._check_escape(start)
                found.append((start, end, None))
            elif kind not in _QUIET:
                self._look_at(kind, start, end)
        return found

    def _check_escape(self, start: int) -> None:
        # The engine would take the single `?` for a marker and shift all values.
        if self._placeholder == "qmark":
            message = "`??` is a literal `?`, but this database has no use for one"
            refuse(self._sql, start, message)

    def _look_at(self, kind: str, start: int, end: int) -> None:
        """Refuse a token that is no marker of ours, or be content with it."""
        sql = self._sql
        if kind == "comment":
            # `--` and `#` up to a line feed. PostgreSQL ends them at \r, others do not.
            if self._may_return and sql[start] != "/" and "\r" in sql[start : end - 1]:
                refuse(sql, start, "a carriage return within a comment of one line")
        elif kind == "code":
            self._code = start if self._code < 0 else self._code
        elif kind == "end of code":
            self._check_code(start)
        elif kind == "open":
            self._refuse_open(start)
        elif self._code >= 0:
            message = (
                f"a marker in the comment that begins with {sql[self._code :][:3]}"
            )
            refuse(sql, start, f"{message} (a server may run it or skip it)")
        elif kind == "native":
            message = f"`{sql[start:end][:_SHOWN]}` is the database's own marker; use"
            refuse(sql, start, f"{message} `?` with a sequence, `:name` with a mapping")
        elif kind == "colon" or not self._lexis.question_operators:
            given = "sequence" if self._style == "positional" else "mapping"
            message = f"`{sql[start:end][:_SHOWN]}` with a {given} of parameters"
            refuse(sql, start, f"{message} (a sequence binds `?`, a mapping `:name`)")

    def _check_code(self, end: int) -> None:
        # A server that skips the comment goes to the first */, quoted or not.
        start, self._code = self._code, -1
        if self._sql.find("*/", start) != end:
            message = "a comment with code whose end depends on the server's version"
            refuse(self._sql, start, message)

    def _refuse_open(self, start: int) -> NoReturn:
        sql = self._sql
        opening = sql[start]
        if opening in "eE" or opening in self._lexis.strings:
            what = "string"
        elif opening == "/":
            what = "comment"
        elif opening == "$":
            what = "dollar-quoted string"
        else:
            what = "quoted name"
        refuse(sql, start, f"unterminated {what}")


def cut(
    sql: str, markers: list[Marker], placeholder: Placeholder, beside: set[int]
) -> tuple[str, ...]:
    """The text around the markers, `??` being `?`, safe to put values between.

    Args:
        sql: the text.
        markers: as `MarkerReader.read()` gives them.
        placeholder: what the markers become.
        beside: where markers begin that stand beside a quoted token or a marker.

    Example:
        >>> from asyncdb.sql.markers import cut
        >>> cut("a ?? ?", [(2, 4, None), (5, 6, "")], "dollar", set())
        ('a ? ', '')
    """
    pieces: list[str] = []
    known: dict[str, str] = {}  # ten thousand times ", " shall be one string
    parts: list[str] = []
    position = 0
    for start, end, name in markers:
        parts.append(sql[position:start])
        position = end
        if name is None:
            parts.append("?")
            continue
        left, right = seam(sql, start, end, placeholder, start in beside)
        parts.append(left)
        piece = "".join(parts)
        pieces.append(known.setdefault(piece, piece))
        parts = [right]
    parts.append(sql[position:])
    pieces.append("".join(parts))
    return tuple(pieces)
