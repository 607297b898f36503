"""The shapes of the grid's data: a situation, and what an engine makes of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import asyncdb
from asyncdb import DatabaseURL

# It imitates the tail of MySQL's text, to pass for the name of another index.
FORGED = "x' for key 'users.forged"
FORGED_ROW = "INSERT INTO {t} (id, email) VALUES (9, 'x'' for key ''users.forged')"


@dataclass(frozen=True, kw_only=True)
class World:
    """What a scene plays in.

    Args:
        engine: such as `"mariadb"`.
        url: the database's URL.
        db: an open connection.
        t: the name of the table.
    """

    engine: str
    url: DatabaseURL
    db: asyncdb.Connection
    t: str

    def connect(self, **options: Any) -> Any:
        """Open a second connection."""
        return asyncdb.connect(self.url, **options)


Scene = Callable[[World], Awaitable[Any]]


@dataclass(frozen=True, kw_only=True)
class Case:
    """What happens on one engine.

    Args:
        kind: the class of the error; `None` when there is none.
        sql: the statement, where it is not the situation's.
        params: its parameters.
        before: statements that prepare it.
        scene: what to do where a statement is not enough; it raises the error.
        sqlstate: the error's; so are the next four.
        code: the error's.
        constraint: the error's.
        table: the error's.
        columns: the error's.
        instead: what happens when there is no error, in a word.
        then: a query whose answer shows it; the statement itself when empty.
        gives: that answer.
    """

    kind: type[asyncdb.Error] | None = None
    sql: str = ""
    params: Sequence[Any] | None = None
    before: tuple[str, ...] = ()
    scene: Scene | None = None
    sqlstate: str | None = None
    code: int | str | None = None
    constraint: str | None = None
    table: str | None = None
    columns: tuple[str, ...] = ()
    instead: str = "–"
    then: str = ""
    gives: Any = None


@dataclass(frozen=True, kw_only=True)
class Situation:
    """One line of the grid.

    Args:
        title: how the documentation calls it.
        kind: the class that it has wherever the engine tells it.
        sql: a statement that brings it about on every engine.
        params: its parameters.
        scene: what brings it about where a statement is not enough.
    """

    title: str
    kind: type[asyncdb.Error]
    sql: str = ""
    params: Sequence[Any] | None = None
    scene: Scene | None = None


Table = dict[str, Case]
