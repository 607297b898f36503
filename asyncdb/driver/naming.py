"""What names an error: a message from code and names, the same for every driver."""

from __future__ import annotations

from typing import TypeVar

from asyncdb.driver.messages import message_of
from asyncdb.errors import DatabaseError, Diagnostic

ErrorT = TypeVar("ErrorT", bound=DatabaseError)


def database_error(
    kind: type[ErrorT],
    *,
    detail: str = "",
    place: str = "",
    sqlstate: str | None = None,
    code: int | str | None = None,
    constraint: str | None = None,
    table: str | None = None,
    columns: tuple[str, ...] = (),
    diag: Diagnostic | None = None,
) -> ErrorT:
    """Make an error whose message is built from code and names alone.

    Args:
        kind: the class of error.
        detail: what happened, in place of the sentence that the class has; the engine's
            own words only where they cannot hold a value.
        place: where in the user's text, as `asyncdb.sql.places` says it.
        sqlstate: SQLSTATE, where known.
        code: the engine's own code.
        constraint: the violated constraint or index.
        table: the table concerned.
        columns: the columns concerned.
        diag: the server's own words, which no message shows.

    Returns:
        The error, ready to be raised from the driver's.

    Example:
        >>> from asyncdb.errors import NotNullViolation
        >>> print(database_error(NotNullViolation, columns=("a",), code=1048))
        a column that may not be NULL got no value: give it one, or the column a \
default (column a; code 1048)
    """
    said = detail or message_of(kind)
    if place:
        said = f"{said}, {place}"
    names = [f"constraint {constraint}"] if constraint else []
    names += [f"table {table}"] if table else []
    names += [f"column {', '.join(columns)}"] if columns else []
    codes = f"code {code}" if code is not None else f"SQLSTATE {sqlstate}"
    known = code is not None or sqlstate is not None
    where = "; ".join(filter(None, [", ".join(names), codes if known else ""]))
    return kind(
        f"{said} ({where})" if where else said,
        sqlstate=sqlstate,
        code=code,
        constraint=constraint,
        table=table,
        columns=columns,
        diag=diag or Diagnostic(),
    )
