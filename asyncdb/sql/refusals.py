"""Say no to a text, and where."""

from __future__ import annotations

from typing import NoReturn

from asyncdb.errors import ParameterError


def refuse(sql: str, position: int, message: str) -> NoReturn:
    r"""Raise `ParameterError` with the line and column of a position, counted from 1.

    The message must not quote more of the text than a marker: it may hold literals.

    Example:
        >>> from asyncdb.sql.refusals import refuse
        >>> refuse("SELECT\n 'a", 8, "unterminated string")
        Traceback (most recent call last):
        ...
        asyncdb.ParameterError: unterminated string, at line 2, column 2
    """
    line = sql.count("\n", 0, position) + 1
    column = position - sql.rfind("\n", 0, position)
    raise ParameterError(f"{message}, at line {line}, column {column}")
