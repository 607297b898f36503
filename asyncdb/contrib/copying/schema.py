"""What a database is made of, whatever the engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

PYTHON_TYPES: dict[str, Any] = {
    "bool": bool,
    "int": int,
    "float": float,
    "Decimal": Decimal,
    "str": str,
    "bytes": bytes,
    "date": date,
    "time": time,
    "datetime, naive": datetime,
    "datetime, aware": datetime,
    "timedelta": timedelta,
    "UUID": UUID,
    "dict, list": str,  # as JSON's text: of a scalar there is no dict
    "other": Any,
}
"""What a value of each kind is on its way; the names are docs/reference/types.md's."""


@dataclass(frozen=True)
class Kind:
    """What the values of a column are.

    Args:
        name: of the portable set (docs/reference/types.md), or `"other"`: a type that
            only its own engine has.
        size: bits of an `int` (64 when `None`) or `float`, digits of a `Decimal`,
            characters of a `str`, bytes of a `bytes`; `None` for any.
        scale: digits of a `Decimal` behind the point.
        unsigned: an `int` from 0 on, of twice the size.
    """

    name: str
    size: int | None = None
    scale: int | None = None
    unsigned: bool = False


@dataclass(frozen=True)
class Default:
    """What a column is when an INSERT leaves it out.

    Args:
        text: the engine's own expression.
        literal: it is a value, `value`.
        now: it is the moment of the INSERT.
    """

    text: str
    literal: bool = False
    value: str | int | bool | bytes | None = None
    now: bool = False


@dataclass
class Column:
    """A column.

    Args:
        name: its name.
        kind: what its values are.
        declared: the type in its own engine's words.
        nullable: it may be NULL.
        default: what it is when left out.
        identity: the database makes its values.
        always: the database refuses others (PostgreSQL's GENERATED ALWAYS).
        generated: it is computed from others.
        read: the expression that reads it.
        read_back: the one that reads it from the same engine, where that is another.
        choices: the texts that it may have (an enumeration).
        sequence: what counts for an identity, on PostgreSQL.
        alone: that it is copied into the same engine only (no portable type).
        folds: its texts are compared without case.
    """

    name: str
    kind: Kind
    declared: str = ""
    nullable: bool = True
    default: Default | None = None
    identity: bool = False
    always: bool = False
    generated: bool = False
    read: str = ""
    read_back: str = ""
    choices: tuple[str, ...] = ()
    sequence: str = ""
    alone: bool = False
    folds: bool = False


@dataclass
class Key:
    """A primary key or a UNIQUE constraint."""

    columns: tuple[str, ...]
    name: str = ""


@dataclass
class Check:
    """A CHECK constraint, in its engine's words."""

    expression: str
    name: str = ""


@dataclass
class Index:
    """An index.

    Args:
        name: its name.
        columns: name, and whether it is sorted downwards.
        unique: no two rows have the same values.
        where: the condition of a partial index, in its engine's words.
        native: CREATE INDEX in its engine's words, where there is one.
        alone: why other engines have nothing like it.
        prefixes: of which columns only so many characters are in it (MySQL).
    """

    name: str
    columns: list[tuple[str, bool]]
    unique: bool = False
    where: str = ""
    native: str = ""
    alone: str = ""
    prefixes: dict[str, int] = field(default_factory=dict)


@dataclass
class ForeignKey:
    """A foreign key; `deferrable` is `""` or the SQL standard's words."""

    columns: tuple[str, ...]
    table: str
    referenced: tuple[str, ...]
    name: str = ""
    on_delete: str = "NO ACTION"
    on_update: str = "NO ACTION"
    deferrable: str = ""


@dataclass
class Table:
    """A table.

    Args:
        options: the engine's own words behind its columns.
        unfinished: a copy that came to no end has left it.
        only: its heirs' rows are not its own (PostgreSQL).
    """

    name: str
    columns: list[Column] = field(default_factory=list)
    primary: Key | None = None
    uniques: list[Key] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    indexes: list[Index] = field(default_factory=list)
    foreign_keys: list[ForeignKey] = field(default_factory=list)
    options: str = ""
    unfinished: bool = False
    only: bool = False

    def column(self, name: str) -> Column:
        """Return the column of this name."""
        return next(one for one in self.columns if one.name == name)


@dataclass(frozen=True)
class Problem:
    """Something of the source that the target will not have as it is.

    Args:
        what: the thing, such as `"table users: index users_lower"`.
        why: the reason.
        instead: what happens to it when it is skipped.

    Example:
        >>> print(Problem("view adults", "views are not copied", "left out"))
        view adults: views are not copied; left out
    """

    what: str
    why: str
    instead: str = "left out"

    def __str__(self) -> str:
        """Return a line for people."""
        return f"{self.what}: {self.why}; {self.instead}"


@dataclass
class Schema:
    """A database: its tables, what is beside them, and what is worth knowing."""

    tables: list[Table] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def table(self, name: str) -> Table | None:
        """Return the table of this name, or `None`."""
        return next((one for one in self.tables if one.name == name), None)

    def problem(self, what: str, why: str, instead: str = "left out") -> None:
        """Remember what cannot be made."""
        self.problems.append(Problem(what, why, instead))
