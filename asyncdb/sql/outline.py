"""What a text does, as far as its words tell: verb, transaction control, how many.

Theory of operation: an `Outline` watches the tokens go by and keeps the first words of
the statement at hand, twice: with and without the words in MySQL's `/*! */`, which are
code on some servers and a comment on others. A text that controls a transaction in
either reading does so.
"""

from __future__ import annotations

from collections.abc import Iterator

from asyncdb.sql.lexer import Token

# Longer than any name an engine takes; the rest of a longer word tells nothing.
LONGEST_WORD = 128
# `ROLLBACK TRANSACTION name TO name` (SQLite) is decided by its fourth word.
_HEAD = 5

_CONTROLS = frozenset(
    {"ABORT", "BEGIN", "COMMIT", "END", "PREPARE", "ROLLBACK", "START", "XA"}
)
ROUTINES = frozenset({"EVENT", "FUNCTION", "PACKAGE", "PROCEDURE", "TRIGGER"})
OBJECTS = ROUTINES | {"INDEX", "TABLE", "VIEW"}
_TELLING = OBJECTS | {"AUTOCOMMIT", "BEGIN"}
# What may stand between statements. The comments with code are judged by their content.
_BETWEEN = frozenset({"comment", "code", "end of code"})


def _controls(head: list[str]) -> bool:
    """Whether a statement that begins so, with one of `_CONTROLS`, does control."""
    verb, rest = head[0], head[1:]
    if verb == "ROLLBACK":
        return "TO" not in rest  # ... TO a savepoint leaves the transaction open
    return verb not in ("PREPARE", "START") or rest[:1] == ["TRANSACTION"]


class Outline:
    """What is learned of a text while its tokens pass through `watch()`.

    Attributes:
        verb: the first word in upper case, "" where there is none.
        words: all words outside quotes and comments, in upper case.
        names: all quoted names, in upper case, without their quotes.
        controls_transaction: one of the statements begins or ends a transaction.
        statements: how many there are; blanks and comments between `;` are none.

    Example:
        >>> from asyncdb.sql.lexer import scan
        >>> from asyncdb.sql.outline import Outline
        >>> from asyncdb.dialect import Lexis
        >>> outline = Outline("select 1; commit;")
        >>> rest = list(outline.watch(scan(outline.sql, Lexis())))
        >>> outline.verb, outline.statements, outline.controls_transaction
        ('SELECT', 2, True)
    """

    __slots__ = (
        "_head",
        "_is_body",
        "_object",
        "_plain",
        "controls_transaction",
        "names",
        "sql",
        "statements",
        "verb",
        "words",
    )

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self.verb = ""
        self.words: set[str] = set()
        self.names: set[str] = set()
        self.controls_transaction = False
        self.statements = 0
        self._head: list[str] = []  # first words of the statement at hand
        self._plain: list[str] = []  # the same without those in /*! */
        self._object = ""  # what a CREATE or ALTER is about
        self._is_body = False  # of a routine, whose `;` end none of our statements

    def watch(self, tokens: Iterator[Token]) -> Iterator[Token]:
        """Learn from all tokens; pass on those that are not words."""
        sql = self.sql
        empty_from = 0  # the statement at hand is empty from here on; -1 when it is not
        in_code = False
        for token in tokens:
            kind, start, end = token
            if empty_from >= 0:
                if sql[empty_from:start].strip():
                    empty_from = self._begin()
                elif kind in _BETWEEN or kind == "semicolon":
                    empty_from = end
                else:
                    empty_from = self._begin()
            if kind == "word":
                self._read(sql[start : min(end, start + LONGEST_WORD)].upper(), in_code)
                continue
            if kind == "semicolon" and empty_from < 0:
                self._finish()
                empty_from = end
            elif kind == "code":
                in_code = True
            elif kind == "end of code":
                in_code = False
            elif kind == "name":
                name = sql[start + 1 : min(end - 1, start + LONGEST_WORD)].upper()
                self.names.add(name)
                if name == "AUTOCOMMIT":
                    self._notice(name)  # SET `autocommit` = 0
            yield token
        if empty_from >= 0 and sql[empty_from:].strip():
            self._begin()
        self._finish()

    def _begin(self) -> int:
        self.statements += 1
        return -1

    def _read(self, word: str, in_code: bool) -> None:
        self.words.add(word)
        if len(self._head) < _HEAD:
            self.verb = self.verb or word
            self._head.append(word)
        if len(self._plain) < _HEAD and not in_code:
            self._plain.append(word)
        if word in _TELLING:
            self._notice(word)

    def _notice(self, word: str) -> None:
        """Look at a word that means something far from its statement's beginning."""
        verbs = (*self._head[:1], *self._plain[:1])
        if word == "AUTOCOMMIT":
            self.controls_transaction |= "SET" in verbs
        elif word == "BEGIN":
            self._is_body |= self._object in ROUTINES
        elif not self._object and ("CREATE" in verbs or "ALTER" in verbs):
            self._object = word

    def _finish(self) -> None:
        """A statement ends here, if we are not in a routine's body."""
        if self._is_body:
            return
        for head in (self._head, self._plain):
            if head:
                self.controls_transaction |= head[0] in _CONTROLS and _controls(head)
                head.clear()
        self._object = ""
