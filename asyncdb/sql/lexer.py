"""Divide SQL text into tokens, by an engine's quoting rules given as data.

Rules:

1. What a `Lexis` says is all that is known of an engine; its name plays no part here.
2. The lexer never raises. What has no end becomes one last token of kind `"open"`, and
   the caller decides whether that matters.
3. Only what somebody needs becomes a token. Blanks, numbers, operators and most
   punctuation are passed over, so the spans of the tokens have gaps.
4. Time is linear in the length of the text, for every text.

Theory of operation: one pattern per `Lexis` holds all tokens that a regular expression
can find whole, and `finditer` walks along it. What no regular expression can find
(nested comments, `$tag$` strings, continued `E'...'`) is only opened by it; the end is
looked for by hand and the walk goes on from there. Every alternative either matches at
once or fails at once: loops are possessive, and the last alternative takes any
character, so that nothing is ever tried twice. (Inside the possessive loops there are
no alternatives: Python 3.11.0 to 3.11.4 lose their way in those, gh-106052.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal, cast

from asyncdb.dialect import Lexis

Kind = Literal[
    "string",  # '...', E'...', $tag$...$tag$
    "name",  # "...", `...`, [...]
    "comment",
    "word",  # an identifier or keyword
    "question",  # ?
    "escape",  # ??
    "colon",  # :name
    "native",  # the engine's own marker, such as $1
    "semicolon",  # one or more without anything between
    "code",  # /*! opens a comment whose content is code ...
    "end of code",  # ... and its */
    "open",  # a string, name or comment that has no end; always the last token
]
Token = tuple[Kind, int, int]

# Not ASCII means part of an identifier, blanks such as U+00A0 included: all engines.
# Each class is written as what is not in it: for a range up to U+10FFFF `re` would take
# milliseconds to compile it, each time that it stands in a pattern.
_FIRST = r"[^\x00-@\[-\^`{-\x7f]"  # a letter or _
_PLAIN = r"[^\x00-/:-@\[-\^`{-\x7f]"  # or a digit
_NEXT = r"[^\x00-#%-/:-@\[-\^`{-\x7f]"  # or $
# Begins no token and ends none. `%{}@&` are not here: a native marker may begin so.
_IDLE = r" \t\r\n\f\v\\=<>+.!~^|"
# Right after a name or an expression a colon belongs to the language: `label:loop`,
# `JSON_OBJECT('key':value)`.
_COLON = rf"(?<!{_NEXT})(?<![:\"'`)\]]):{_FIRST}{_PLAIN}*+"

# A PostgreSQL string goes on after a line end, in the manner in which it began.
_CONTINUED = re.compile(
    r"[ \t\f\v]*+(?:--[^\n\r]*+)?[\n\r](?:\s*+--[^\n\r]*+[\n\r])*+\s*+'", re.ASCII
)
_NESTING = re.compile(r"/\*|\*/")


def _quoted(quote: str, backslash: bool) -> str:
    """The pattern of a quoted token, doubled quotes and backslashes inside."""
    q = re.escape(quote)
    if not backslash:
        return rf"{q}[^{q}]*+(?:{q}{q}[^{q}]*+)*+{q}"
    # (?!q[^q])[\\q]. is a backslash with its character, or a doubled quote.
    return rf"{q}[^\\{q}]*+(?:(?!{q}[^{q}])[\\{q}].[^\\{q}]*+)*+{q}"


_ESCAPED = re.compile(_quoted("'", backslash=True), re.DOTALL)


def _comments(lexis: Lexis) -> list[str]:
    """The patterns of comments, and of those whose end is not the pattern's matter."""
    dashes = r"--(?=[\x00-\x20\x7f]|\Z)" if lexis.dash_needs_blank else "--"
    opening = f"(?:{dashes}|#)" if lexis.hash_comments else dashes
    patterns = [rf"(?P<comment>{opening}[^\n]*+|/\*.*?\*/)"]
    if lexis.nested_comments:
        patterns.insert(0, r"(?P<nested>/\*)")
    if lexis.code_comments:
        patterns.insert(0, r"(?P<code>/\*M?!(?:[0-9]{5,6})?)")
    return patterns


def _quotes(lexis: Lexis) -> list[str]:
    """The patterns of strings and quoted names, and of those without an end."""
    strings = [_quoted(q, q in lexis.backslash) for q in lexis.strings]
    names = [_quoted(q, q in lexis.backslash) for q in lexis.names]
    opening = [*map(re.escape, lexis.strings + lexis.names), r"/\*"]
    if lexis.brackets == "name":
        names.append(r"\[[^\]]*+\]")
        opening.append(r"\[")
    groups = {"string": strings, "name": names, "open": opening}
    patterns = [f"(?P<{kind}>{'|'.join(of)})" for kind, of in groups.items() if of]
    if lexis.dollar_strings:
        patterns.append(rf"(?P<dollar>\$(?:{_FIRST}{_PLAIN}*+)?\$)")
    return patterns


@lru_cache(maxsize=64)
def _pattern(lexis: Lexis, brackets: bool, code: bool) -> re.Pattern[str]:
    """The pattern of all tokens; `brackets` adds `[](),`, `code` adds `*/`."""
    parts = [
        rf"(?P<word>{_FIRST}{_NEXT}*+)",
        rf"[0-9]++(?:{_FIRST}{_NEXT}*+)?+",
        *_comments(lexis),
        *_quotes(lexis),
        "::|:=",
        f"(?P<colon>{_COLON})",
        r"(?P<escape>\?\?)",
        r"(?P<question>\?)",
        "(?P<semicolon>;++)",
    ]
    if lexis.native_markers:
        parts.insert(0, f"(?P<native>{lexis.native_markers})")
    if lexis.escape_strings:
        parts.insert(0, "(?P<escaped>[eE]')")  # before the word that it looks like
    idle = _IDLE
    if brackets:
        parts.append(r"(?P<bracket>[\[\](),])")
    else:
        idle += "(),"
    if code:
        parts.append(r"(?P<end>\*/)")
    else:
        idle += "*"
    # Any character, and the end of the text: one of the alternatives must match, or
    # `finditer` would try the same idle characters again from each of them.
    return re.compile(rf"[{idle}]*+(?:{'|'.join(parts)}|.|\Z)", re.DOTALL)


def _end_of_nested(sql: str, start: int) -> int:
    """Where the comment that opens at `start` ends, -1 for nowhere."""
    depth = 0
    for match in _NESTING.finditer(sql, start):
        depth += 1 if match.group() == "/*" else -1
        if not depth:
            return match.end()
    return -1


def _end_of_dollar(sql: str, start: int) -> int:
    """Where the string that opens with a `$tag$` at `start` ends, -1 for nowhere."""
    after = sql.index("$", start + 1) + 1
    tag = sql[start:after]
    found = sql.find(tag, after)
    return -1 if found < 0 else found + len(tag)


def _end_of_escaped(sql: str, start: int) -> int:
    """Where the `E'...'` at `start` ends with all that continues it, -1 for nowhere."""
    quote = start + 1
    while True:
        body = _ESCAPED.match(sql, quote)
        if body is None:
            return -1
        more = _CONTINUED.match(sql, body.end())
        if more is None:
            return body.end()
        quote = more.end() - 1


# Opened by the pattern, ended by hand: the group's name -> the token's kind, its end.
_BY_HAND = {
    "nested": ("comment", _end_of_nested),
    "dollar": ("string", _end_of_dollar),
    "escaped": ("string", _end_of_escaped),
}


_SWITCHES = frozenset({"code", "end of code"})


def _walk(
    sql: str, lexis: Lexis, brackets: bool, position: int
) -> Iterator[tuple[str, int, int]]:
    """All tokens, with `"bracket"` ones where they are wanted."""
    pattern = _pattern(lexis, brackets, False)
    code = -1  # where the comment with code began that we are in
    length = len(sql)
    while position < length:
        for match in pattern.finditer(sql, position):
            kind = match.lastgroup
            if kind is None:
                continue
            start, position = match.span(kind)
            if kind == "open":
                yield kind, start, length
                return
            if kind in _BY_HAND:
                kind, end_of = _BY_HAND[kind]
                position = end_of(sql, start)
                if position < 0:
                    yield "open", start, length
                    return
                yield kind, start, position
                break
            if kind == "code":
                code = start if code < 0 else code
                pattern = _pattern(lexis, brackets, True)
            elif kind == "end":
                kind, code = "end of code", -1
                pattern = _pattern(lexis, brackets, False)
            yield kind, start, position
            if kind in _SWITCHES:
                break
        else:
            break
    if code >= 0:
        yield "open", code, length


def _without_slices(
    sql: str, tokens: Iterator[tuple[str, int, int]]
) -> Iterator[tuple[str, int, int]]:
    """Leave out the brackets, and what looks like `:name` but is a slice's bound.

    `[` opens a list of values after ARRAY, and inside such a list after `[` or `,`;
    anywhere else it opens a subscript. Parentheses begin afresh: in `a[(:n)]` is a
    marker.
    """
    within: list[str] = []  # of the brackets that are open: "list", "subscript", "("
    before = ""  # the token before, comments apart: a bracket itself, "ARRAY" or ""
    for token in tokens:
        kind, start, end = token
        if kind == "bracket":
            before, previous = sql[start], before
            if before == "[":
                nested = previous in ("[", ",") and within and within[-1] == "list"
                is_list = previous == "ARRAY" or nested
                within.append("list" if is_list else "subscript")
            elif before == "(":
                within.append("(")
            elif before != "," and within:
                within.pop()
            continue
        if kind != "comment":
            is_array = kind == "word" and sql[start:end].upper() == "ARRAY"
            before = "ARRAY" if is_array else ""
        if kind != "colon" or not within or within[-1] != "subscript":
            yield token


def scan(sql: str, lexis: Lexis, position: int = 0) -> Iterator[Token]:
    """The tokens of a text, in order, each as `(kind, start, end)`.

    Args:
        sql: any text; it need not be valid SQL.
        lexis: how the engine divides text.
        position: where to begin, outside of any token.

    Returns:
        An iterator over tokens, of the kinds that `Kind` lists. Their spans do not
        overlap, but for a `/*!` without an end, which is `"open"` from its beginning.

    Example:
        >>> from asyncdb.sql.lexer import scan
        >>> from asyncdb.dialect import Lexis
        >>> list(scan("a = ? -- why?", Lexis()))
        [('word', 0, 1), ('question', 4, 5), ('comment', 6, 13)]
    """
    brackets = lexis.brackets == "subscript" and "[" in sql
    tokens = _walk(sql, lexis, brackets, position)
    if brackets:
        tokens = _without_slices(sql, tokens)
    return cast(Iterator[Token], tokens)
