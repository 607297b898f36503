"""What names an error: a message from code and names, the same for every driver."""

from __future__ import annotations

from asyncdb.errors import DatabaseError


def database_error(
    kind: type[DatabaseError],
    *,
    detail: str = "",
    sqlstate: str | None = None,
    code: int | str | None = None,
    constraint: str | None = None,
    table: str | None = None,
    columns: tuple[str, ...] = (),
) -> DatabaseError:
    """Make an error whose message is built from code and names alone.

    Args:
        kind: the class of error.
        detail: the engine's own words, only where they cannot hold a value.
        sqlstate: SQLSTATE, where known.
        code: the engine's own code.
        constraint: the violated constraint or index.
        table: the table concerned.
        columns: the columns concerned.

    Returns:
        The error, ready to be raised from the driver's.

    Example:
        >>> from asyncdb.errors import NotNullViolation
        >>> print(database_error(NotNullViolation, columns=("a",), code=1048))
        NULL, or nothing, for a column that needs a value (column a; code 1048)
    """
    said = detail or (kind.__doc__ or kind.__name__).partition("\n")[0].rstrip(".")
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
    )
