"""A statement with its values in it; and where in it the server met an error.

The server quotes what follows the place, up to 80 characters of the text that it was
sent: of the user's text and of the values in it. So the quotation only serves to find
the place; what is shown is the user's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from asyncdb.dialect import Lexis
from asyncdb.dialects.mysql.errors import SYNTAX
from asyncdb.sql.places import HIDDEN, place
from asyncdb.sql.statement import Statement

_QUOTED = re.compile(r".* near '(?P<near>.*)' at line \d+\Z", re.DOTALL)
_MARIADB_GOES_ON = "..."
# How much of a quotation is to be found; less where rows other than the first follow.
_ENOUGH = (80, 40, 20, 8)
# What a server parses besides, these have made themselves.
_MAKERS = frozenset(["CALL", "EXECUTE"])


def render(statement: Statement, args: Sequence[str]) -> str:
    """Return the text with its values."""
    if not statement.keys:
        return statement.text
    parts = [""] * (2 * len(args) + 1)
    parts[::2] = statement.pieces
    parts[1::2] = args
    return "".join(parts)


def locate(error: Any, statement: Statement, args: Sequence[str], lexis: Lexis) -> None:
    """Note on a syntax error of the server where in the user's text it is.

    Args:
        error: the library's exception.
        statement: the statement.
        args: rendered literals, of the first row if there are many.
        lexis: how the session divides text.
    """
    if error.args[0] != SYNTAX:
        return
    error.multiple = statement.multiple
    quoted = _QUOTED.match(str(error.args[1]))
    at = _find(quoted["near"], render(statement, args), statement) if quoted else None
    if at is not None:
        pieces = statement.pieces if statement.keys else (statement.text,)
        hidden = [HIDDEN * len(arg) for arg in args]
        parts = zip_longest(pieces, hidden, fillvalue="")
        sent = "".join(part for pair in parts for part in pair)
        error.place = place(statement, lexis, at, sent)


def _find(near: str, sent: str, statement: Statement) -> int | None:
    """Find the place in what was sent, if there is one that must be it."""
    if not near and statement.verb in _MAKERS:
        return None
    if sent.endswith(near):
        return len(sent) - len(near)
    near = near.removesuffix(_MARIADB_GOES_ON)
    for size in _ENOUGH:
        if sent.count(near[:size]) == 1:
            return sent.index(near[:size])
    return None
