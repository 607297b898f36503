"""How many rows a pipeline was about, whose tags are lost: each returns something."""

from __future__ import annotations

from dataclasses import replace

from asyncdb.dialects.postgresql import LEXIS
from asyncdb.sql import Statement
from asyncdb.sql.lexer import scan
from asyncdb.sql.parameters import join


def returning(statement: Statement) -> Statement:
    """Return a statement that writes with something to return for each row."""
    *pieces, last = statement.pieces
    ends = [start for kind, start, _ in scan(last, LEXIS) if kind == "semicolon"]
    pieces.append(f"{last[: ends[0]] if ends else last}\nRETURNING 1")
    text = join(tuple(pieces), statement.keys, "dollar")
    return replace(statement, text=text, pieces=tuple(pieces))
