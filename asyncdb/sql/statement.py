"""A SQL text, read once: what is sent, which arguments it takes, what it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from asyncdb.dialect import Dialect

Style = Literal["none", "positional", "named"]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Statement:
    """What `prepare()` learns of a text, for one quoting and one placeholder style.

    Args:
        sql: the text as the user gave it.
        style: how its parameters are given.
        text: the text to send; with literal placeholders only when it has no markers.
        pieces: the text around the markers (`??` is already `?`): one more than there
            are markers, so that `pieces[0] + value + pieces[1] + ...` is the text.
        keys: for each marker, in order, its position (from 0) or its name.
        order: the keys of the arguments that the driver wants, in its order: `keys`
            itself, or each name once where a placeholder has a number.
        verb: the first word in upper case, or "" where there is none.
        words: all words outside quotes and comments, in upper case.
        names: all quoted names, in upper case, without their quotes.
        controls_transaction: it would begin or end a transaction, unseen by us.
        multiple: there is a second statement after a `;`.
        memberships: those of `keys` whose markers stand alone in an IN.
    """

    sql: str
    style: Style
    text: str
    pieces: tuple[str, ...]
    keys: tuple[int | str, ...]
    order: tuple[int | str, ...]
    verb: str
    words: frozenset[str]
    names: frozenset[str]
    controls_transaction: bool
    multiple: bool
    memberships: frozenset[int | str] = frozenset()


def touches(statement: Statement, dialect: Dialect) -> bool:
    """Tell whether a statement may leave something behind in its session."""
    words, mark = dialect.touching_words, dialect.touching_mark
    return (
        statement.verb not in dialect.harmless_verbs
        or statement.multiple
        or not words.isdisjoint(statement.words)
        or not words.isdisjoint(statement.names)
        or (mark != "" and mark in statement.sql)
    )
