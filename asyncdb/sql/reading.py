"""A text read for tools: its statements, and the parameters that each takes."""

from __future__ import annotations

from dataclasses import dataclass

from asyncdb.dialect import Dialect
from asyncdb.errors import ParameterError
from asyncdb.sql.parameters import prepare
from asyncdb.sql.scripts import split_script


@dataclass(frozen=True, slots=True)
class SQLText:
    """One statement of a text.

    Args:
        sql: the statement, as it is written.
        line: the line of the text in which it begins, from 1.
        verb: its first word, in upper case.
        pieces: the text around its markers: one more than there are.
        keys: for each marker its position (from 0) or its name.
    """

    sql: str
    line: int
    verb: str
    pieces: tuple[str, ...]
    keys: tuple[int | str, ...]


def read_sql(text: str, dialect: Dialect) -> list[SQLText]:
    """Cut a text into its statements and find their markers; nothing is sent.

    Args:
        text: one statement or a script.
        dialect: the engine's, such as `db.dialect`: how it divides text.

    Returns:
        The statements in order. One with `?` has positions, one with `:name` names.

    Raises:
        ProgrammingError: a string, a name or a comment has no end.
        ParameterError: both kinds of markers are in one statement.

    Example:
        >>> import asyncdb
        >>> from asyncdb.dialect import Dialect
        >>> dialect = Dialect(name="mydb")
        >>> [one] = asyncdb.read_sql("SELECT :a, ':b', :a", dialect)
        >>> one.keys, one.pieces
        (('a', 'a'), ('SELECT ', ", ':b', ", ''))
    """
    found = []
    for piece in split_script(text, dialect.lexis):
        try:
            read = prepare(piece.sql, "positional", dialect.lexis, dialect.placeholder)
        except ParameterError:
            read = prepare(piece.sql, "named", dialect.lexis, dialect.placeholder)
        found.append(SQLText(piece.sql, piece.line, read.verb, read.pieces, read.keys))
    return found
