"""`settings={...}` as PRAGMAs; each runs in the connection's thread."""

from __future__ import annotations

import re
import sqlite3

from asyncdb.errors import ProgrammingError
from asyncdb.options.settings import Settings

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


def set_pragmas(raw: sqlite3.Connection, settings: Settings) -> None:
    """Set PRAGMAs in their order.

    Args:
        raw: the connection.
        settings: values by name; the names have been looked at.

    Raises:
        ProgrammingError: SQLite has no such PRAGMA, which it would not say.
    """
    if not settings:
        return
    known = {name for (name,) in raw.execute("PRAGMA pragma_list")}
    for name, value in settings.items():
        if known and name.lower().rpartition(".")[2] not in known:
            raise ProgrammingError(f"SQLite has no PRAGMA {name!r}, given in settings")
        raw.execute(f"PRAGMA {name} = {_value(value)}").fetchall()


def _value(value: str | float) -> str:
    if isinstance(value, bool):
        return "ON" if value else "OFF"
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        quoted = value.replace("'", "''")
        return f"'{quoted}'"
    return str(value)
