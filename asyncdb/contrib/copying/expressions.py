"""Expressions of one engine in another's words: checks, conditions, defaults.

What is rewritten is how names and strings are quoted, and the few words in which
catalogues show what users wrote otherwise. Whether the target takes the outcome is
asked of the target: see `trial`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import asyncdb
from asyncdb.contrib.copying.schema import Default

_PIECES = r"""(?P<space>\s+|--[^\n]*|/\*.*?\*/)
    |(?P<blob>[xX]'[0-9a-fA-F]*')
    |(?P<string>[eE]?'(?:[^']|'')*')
    |(?P<name>"(?:[^"]|"")*"|`(?:[^`]|``)*`BRACKETS)
    |(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)
    |(?P<word>[^\W\d][\w$]*)
    |(?P<sign>::|\|\||<=|>=|<>|!=|!~~\*?|~~\*?|->>?|.)"""
_PLAIN, _BRACKETS = (
    re.compile(_PIECES.replace("BRACKETS", more), re.VERBOSE | re.DOTALL)
    for more in ("", r"|\[[^\]]*\]")
)
Token = tuple[str, str]
# Casts that change nothing where the value is compared with one of the same family.
_HARMLESS = re.compile(
    r"(?:text|character varying|varchar|character|bpchar|numeric|double precision)"
    r"(?:\s*\(\s*\d+(?:\s*,\s*\d+)?\s*\))?(?:\s*\[\s*\])?",
    re.IGNORECASE,
)
_ANY_TYPE = re.compile(
    r"(?:\"[^\"]+\"|character varying|double precision|bit varying"
    r"|timestamp(?:\s*\(\d\))?\s+with(?:out)? time zone"
    r"|time(?:\s*\(\d\))?\s+with(?:out)? time zone|\w+(?:\.\w+)?)"
    r"(?:\s*\(\s*\d+(?:\s*,\s*\d+)?\s*\))?(?:\s*\[\s*\])?",
    re.IGNORECASE,
)
_NOW = re.compile(
    r"(?:CURRENT_TIMESTAMP|CURRENT_DATE|now|LOCALTIMESTAMP|transaction_timestamp)(?:\s*\(\d?\))?",
    re.IGNORECASE,
)


class UntranslatableError(Exception):
    """An expression that only its own engine has; the message says why."""


def tokens(text: str, *, brackets: bool = False) -> Iterator[Token]:
    """Give the pieces of a text: their kind, and how they are written.

    Args:
        text: the text.
        brackets: `[...]` is a name (SQLite).
    """
    for match in (_BRACKETS if brackets else _PLAIN).finditer(text):
        yield match.lastgroup or "sign", match[0]


def unquoted(name: str) -> str:
    """Return a name without its quotes."""
    first = name[0]
    if first == "[":
        return name[1:-1]
    return name[1:-1].replace(first * 2, first) if first in "\"`'" else name


def quoted_string(value: str) -> str:
    """Return a text as a literal of the portable session, on every engine."""
    return "'" + value.replace("'", "''") + "'"


def in_hexadecimal(expression: str) -> str:
    """Return an expression for MySQL that means the same in each `sql_mode`.

    Example:
        >>> in_hexadecimal("a <> 'it''s'")
        "a <> _utf8mb4 X'69742773'"
    """
    return "".join(
        f"_utf8mb4 X'{unquoted(piece).encode().hex()}'"
        if kind == "string" and ("\\" in piece or "'" in piece[1:-1])
        else piece
        for kind, piece in tokens(expression)
    )


def translate(
    text: str, columns: Sequence[str], source: asyncdb.Dialect, target: asyncdb.Dialect
) -> str:
    """Return a condition of one engine in another's words.

    Args:
        text: the expression, as the catalogue has it.
        columns: of the table, so that their names are quoted.
        source: the engine that it is of.
        target: the engine that it is for.

    Raises:
        UntranslatableError: it has something that only its own engine has.
    """
    if source.name == "postgresql" and target.name != "postgresql":
        text = _without_casts(text)
    names = {name.lower(): name for name in columns}
    out: list[str] = []
    for kind, piece in tokens(text, brackets=source.name == "sqlite"):
        if kind == "name":
            out.append(asyncdb.quote_identifier(unquoted(piece), target))
        elif kind == "word" and piece.lower() in names:
            out.append(asyncdb.quote_identifier(names[piece.lower()], target))
        elif kind == "sign" and piece in ("~~", "!~~") and target.name != "postgresql":
            out.append("LIKE" if piece == "~~" else "NOT LIKE")
        elif kind == "string" and piece[0] in "eE" and target.name != source.name:
            raise UntranslatableError("it has a string with backslashes")
        elif target.name != source.name and (piece.endswith("~~*") or piece == "~"):
            raise UntranslatableError("it has an operator of PostgreSQL's own")
        elif kind == "blob" and target.name == "postgresql":
            out.append(f"'\\x{piece[2:-1]}'::bytea")
        elif piece.startswith(("/*", "--")):
            out.append(" ")
        else:
            out.append(piece)
    return "".join(out)


def _without_casts(text: str) -> str:
    """Return a text of PostgreSQL's catalogue without `::type`, and IN for `= ANY`."""
    pieces: list[str] = []
    rest = list(tokens(text))
    position = 0
    while position < len(rest):
        piece = rest[position][1]
        if piece != "::":
            pieces.append(piece)
            position += 1
            continue
        behind = "".join(one for _, one in rest[position + 1 :])
        literal = position > 0 and rest[position - 1][0] in ("string", "number")
        match = (_ANY_TYPE if literal else _HARMLESS).match(behind)
        if match is None:
            raise UntranslatableError("it has a cast of PostgreSQL's own")
        position += 1
        skipped = 0
        while skipped < match.end():
            skipped += len(rest[position][1])
            position += 1
    shown = "".join(pieces)
    for words, meant in ((r"=\s*ANY", "IN"), (r"<>\s*ALL", "NOT IN")):
        shown = re.sub(
            rf"{words}\s*\(+\s*ARRAY\[((?:[^\]']|'(?:[^']|'')*')*)\]\s*\)+",
            lambda m, word=meant: _balanced(m[0], f"{word} ({m[1]})"),  # type: ignore[misc]
            shown,
        )
    if "ARRAY[" in shown:
        raise UntranslatableError("it has an array")
    return shown


def _balanced(found: str, meant: str) -> str:
    """Close as many brackets more as the text that is replaced had."""
    outside = re.sub(r"'(?:[^']|'')*'", "", found)
    return meant + ")" * (outside.count(")") - outside.count("("))


# -- defaults --------------------------------------------------------------------------


def default_of(text: str | None) -> Default | None:
    """Return what a default's expression means, as far as it is a value.

    Args:
        text: the expression in the engine's words; `None` when there is none.

    Example:
        >>> default_of("'it''s'::text").value
        "it's"
        >>> default_of("(-1)").value, default_of("now()").now
        (-1, True)
    """
    if text is None:
        return None
    bare = _peeled(text.strip())
    if bare.upper() == "NULL":
        return None
    if _NOW.fullmatch(bare):
        return Default(text, now=True)
    if bare.upper() in ("TRUE", "FALSE"):
        return Default(text, literal=True, value=bare.upper() == "TRUE")
    pieces = [one for one in tokens(bare) if one[0] != "space"]
    if len(pieces) == 1 and pieces[0][0] == "string":
        if bare[0] in "eE":
            return Default(text)
        return Default(text, literal=True, value=unquoted(bare))
    if len(pieces) == 1 and pieces[0][0] == "blob":
        return Default(text, literal=True, value=bytes.fromhex(bare[2:-1]))
    sign = "-" if pieces and pieces[0][1] == "-" else ""
    numbers = pieces[1:] if pieces and pieces[0][1] in ("-", "+") else pieces
    if len(numbers) == 1 and numbers[0][0] == "number":
        number = sign + numbers[0][1]
        whole = re.fullmatch(r"-?\d+", number)
        return Default(text, literal=True, value=int(number) if whole else number)
    return Default(text)


def _peeled(text: str) -> str:
    """Return a text without the casts and brackets around it."""
    while True:
        cast = re.fullmatch(
            rf"(?P<value>\(.*\)|'(?:[^']|'')*'|[\w.+-]+)::{_ANY_TYPE.pattern}",
            text,
            re.IGNORECASE | re.DOTALL,
        )
        if cast:
            text = cast["value"]
        elif text.startswith("(") and text.endswith(")") and _one_pair(text):
            text = text[1:-1].strip()
        else:
            return text


def _one_pair(text: str) -> bool:
    """Whether the first bracket is closed by the last one."""
    depth = 0
    for position, piece in enumerate(
        re.sub(r"'[^']*'", lambda m: "x" * len(m[0]), text)
    ):
        depth += (piece == "(") - (piece == ")")
        if depth == 0:
            return position == len(text) - 1
    return False
