"""Cut a script into its statements, as the engine quotes and nests them.

Theory of operation: the lexer's tokens go by once. A `;` ends a statement unless it
stands in parentheses (PostgreSQL's CREATE RULE) or in the body of a routine: there a
stack has one entry for each BEGIN, CASE, IF, ... that waits for its END. MySQL's
DELIMITER lines, which its client reads, say themselves what ends a statement.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from asyncdb.dialect import Lexis
from asyncdb.errors import ProgrammingError
from asyncdb.sql.lexer import Kind, scan
from asyncdb.sql.outline import LONGEST_WORD, OBJECTS, ROUTINES

_PAREN: Final = re.compile(r"\s*\(")
_SOMETHING: Final = re.compile(r"\S")
_DELIMITER: Final = re.compile(
    r"delimiter[ \t]+(\S+)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE
)
_OPAQUE: Final = frozenset({"string", "name", "comment", "open"})
# Those that have an END with their own name behind it.
_NAMED: Final = frozenset({"CASE", "FOR", "IF", "LOOP", "REPEAT", "WHILE"})
_OPENERS: Final = frozenset({"BEGIN", "CASE", "LOOP", "REPEAT", "WHILE"})
# A THEN behind them opens nothing: it goes on with an IF, or with EXCEPTION.
_BEFORE_THEN: Final = frozenset({"ELSEIF", "ELSIF", "WHEN"})


class Piece(NamedTuple):
    """One statement of a script.

    Args:
        sql: its text, without what ended it.
        number: its number in the script, from 1.
        line: the line of the script in which it begins, from 1.
    """

    sql: str
    number: int
    line: int


def split_script(text: str, lexis: Lexis) -> list[Piece]:
    r"""Cut a script into its statements.

    Args:
        text: any number of statements; blanks and comments between them are none.
        lexis: how the session divides text.

    Returns:
        The statements, in order.

    Raises:
        ProgrammingError: a string, a name or a comment has no end.

    Example:
        >>> from asyncdb.dialect import Lexis
        >>> from asyncdb.sql.scripts import split_script
        >>> text = "SELECT 1;\n-- two\nSELECT ';';"
        >>> [(piece.line, piece.sql) for piece in split_script(text, Lexis())]
        [(1, 'SELECT 1'), (3, "SELECT ';'")]
    """
    found: list[Piece] = []
    line, counted = 1, 0
    for start, end in _spans(text, lexis):
        line += text.count("\n", counted, start)
        counted = start
        found.append(Piece(text[start:end].rstrip(), len(found) + 1, line))
    return found


def _spans(text: str, lexis: Lexis) -> list[tuple[int, int]]:
    """Where each statement begins, comments before it left out, and where it ends."""
    cutter = _Cutter(text, lexis)
    position: int | None = 0
    while position is not None:
        position = cutter.cut(position)
    return cutter.found


class _Cutter:
    """Walks along a text and puts down what it finds."""

    def __init__(self, text: str, lexis: Lexis) -> None:
        self._text = text
        self._lexis = lexis
        self._delimiter = ";"
        self._begun = -1  # where the statement at hand begins; -1 for nowhere yet
        self._body = _Body(text, lexis)
        self.found: list[tuple[int, int]] = []

    def cut(self, position: int) -> int | None:
        """Cut from here to the end, or to behind the next DELIMITER line."""
        text, behind = self._text, position
        for kind, start, end in scan(text, self._lexis, position):
            self._pass(behind, start)
            behind = end
            if kind == "open":
                line = text.count("\n", 0, start) + 1
                message = f"what opens in line {line} of the script is never closed"
                raise ProgrammingError(message)
            if kind == "word" and self._begun < 0 and self._lexis.delimiter_lines:
                told = _DELIMITER.match(text, start)
                if told is not None:
                    self._delimiter = told[1]
                    return told.end()
            if kind == "comment":
                continue
            if kind in _OPAQUE or self._delimiter == ";":
                self._take(kind, start, end)
            else:
                self._pass(start, end)
        self._pass(behind, len(text))
        self._finish(len(text))
        return None

    def _take(self, kind: Kind, start: int, end: int) -> None:
        """Take a token into the statement at hand, or end it there."""
        if kind == "semicolon" and self._body.is_over:
            self._finish(start)
            return
        self._begun = start if self._begun < 0 else self._begun
        if kind == "word":
            self._body.read(start, end)

    def _pass(self, start: int, end: int) -> None:
        """Pass what is no token, or not told apart behind a DELIMITER line."""
        text = self._text
        if self._delimiter == ";":
            self._body.count(start, end)
        else:
            while (found := text.find(self._delimiter, start, end)) >= 0:
                self._notice(start, found)
                self._finish(found)
                start = found + len(self._delimiter)
        self._notice(start, end)

    def _notice(self, start: int, end: int) -> None:
        if self._begun < 0:
            more = _SOMETHING.search(self._text, start, end)
            if more is not None:
                self._begun = more.start()

    def _finish(self, end: int) -> None:
        if self._begun >= 0:
            self.found.append((self._begun, end))
        self._begun = -1
        self._body.clear()


class _Body:
    """Tells whether a `;` ends the statement at hand, or one inside it."""

    def __init__(self, text: str, lexis: Lexis) -> None:
        self._text = text
        self._compounds = lexis.compounds
        self.clear()

    def clear(self) -> None:
        """Begin a new statement."""
        self._parentheses = 0
        self._verb = ""
        self._object = ""  # what a CREATE or ALTER is about
        self._before = ""  # the word before
        # What waits for its END; a CASE that has just read WHEN is "WHEN".
        self._open: list[str] = []
        self._opens_nothing = False  # the next THEN: an ELSEIF's
        self._since_for = 9  # words

    @property
    def is_over(self) -> bool:
        """Whether a `;` here ends the statement."""
        return not self._open and self._parentheses <= 0

    def count(self, start: int, end: int) -> None:
        """Count the parentheses in what lies between two tokens."""
        text = self._text
        self._parentheses += text.count("(", start, end) - text.count(")", start, end)

    def read(self, start: int, end: int) -> None:
        """Read a word."""
        word = self._text[start : min(end, start + LONGEST_WORD)].upper()
        before, self._before = self._before, word
        if not self._verb:
            self._verb = word
        elif not self._object and self._verb in ("CREATE", "ALTER"):
            self._object = word if word in OBJECTS else ""
        if before == "END" and word in _NAMED:
            return  # END IF: it was closed by END
        # BEGIN NOT ATOMIC is MariaDB's block outside of a routine.
        if self._object in ROUTINES or self._open:
            self._nest(word, end)
        elif (before, word, self._verb) == ("BEGIN", "NOT", "BEGIN"):
            self._open.append("BEGIN")

    def _nest(self, word: str, end: int) -> None:
        """Open or close a part of the body."""
        opened, top = self._open, self._open[-1] if self._open else ""
        if word == "END":
            if opened:
                opened.pop()
        elif word == "WHEN" and top == "CASE":
            opened[-1] = "WHEN"
        elif word in _BEFORE_THEN:
            self._opens_nothing = True
        elif word == "THEN":
            if top == "WHEN":
                opened[-1] = "CASE"
            elif "IF" in self._compounds and not self._opens_nothing:
                opened.append("IF")
            self._opens_nothing = False
        elif word in ("DO", "LOOP") and top in ("FOR", "WHILE"):
            opened[-1] = word
        elif word == "IN":
            if self._since_for == 2 and "FOR" in self._compounds:
                opened.append("FOR")  # not FOR EACH ROW, CURSOR FOR, HANDLER FOR
        elif word in ("AS", "IS"):
            if self._object == "PACKAGE" and not opened:
                opened.append(word)
        elif self._opens(word, end):
            opened.append(word)
        self._since_for = 1 if word == "FOR" else self._since_for + 1

    def _opens(self, word: str, end: int) -> bool:
        if word == "REPEAT" and _PAREN.match(self._text, end):
            return False  # the function
        return word in _OPENERS and word in self._compounds
