"""Old moments on SQLite: converted to the one form, and found where they must not be.

A UNIQUE column compares texts, so that a moment which is there in another form would
be taken a second time. So the first time that a process writes to such a column of a
file, the column is looked through, and what it has of other forms is an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

from sqlalchemy import MetaData, Table, UniqueConstraint

import asyncdb
from asyncdb.contrib._moments import DATETIME, TIME, head_of, one_form

_CLOCK: Final = "[0-2][0-9]:[0-5][0-9]:[0-5][0-9]." + "[0-9]" * 6
_PATTERNS: Final = {
    DATETIME: f"[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9] {_CLOCK}",
    TIME: _CLOCK,
}
_FILES: Final = 100
_File: TypeAlias = tuple[int, int]  # its device and inode
_seen: dict[_File, set[str]] = {}  # the tables that were looked through


class UniqueMoments:
    """A table's moments that must be unique.

    Args:
        table: of SQLAlchemy.
        dialect: SQLAlchemy's.
    """

    def __init__(self, table: Table, dialect: Any) -> None:
        found = [c for c in _unique(table) if head_of(c.type, dialect)]
        self.columns = [*dict.fromkeys(found)]
        self.table = dialect.identifier_preparer.format_table(table)
        quote = dialect.identifier_preparer.quote
        others = " OR ".join(
            _is_old(quote(c.name), head_of(c.type, dialect)) for c in self.columns
        )
        self._sql = f"SELECT EXISTS (SELECT 1 FROM {self.table} WHERE {others})"

    @classmethod
    def of(cls, table: Any, dialect: Any) -> UniqueMoments | None:
        """Return those of a table, if there are any."""
        if dialect.name != "sqlite" or not isinstance(table, Table):
            return None
        found = cls(table, dialect)
        return found if found.columns else None

    @classmethod
    def written_by(cls, compiled: Any, dialect: Any) -> UniqueMoments | None:
        """Return those that a statement may write, if there are any."""
        statement = compiled.statement
        if getattr(compiled, "isinsert", False):
            return cls.of(statement.table, dialect)
        if not getattr(compiled, "isupdate", False):
            return None
        found = cls.of(statement.table, dialect)
        written = {
            *(compiled.column_keys or ()),
            *(getattr(c, "key", c) for c in statement._values or ()),
            *(getattr(c, "key", c) for c, _ in _in_order(statement)),
        }
        changed = found is not None and any(
            column.key in written or column.onupdate is not None
            for column in found.columns
        )
        return found if changed else None

    async def check(self, db: asyncdb.Executor) -> None:
        """Look the table through, once for each file.

        Args:
            db: a connection to it, or a pool.

        Raises:
            InvalidDatetime: a moment of the table is in another form.
        """
        if _path(db) == ":memory:":
            return  # it has no past
        file = _file_of(db)
        if file is not None and self.table in _seen.get(file, ()):
            return
        if await db.fetchval(self._sql):
            names = ", ".join(column.name for column in self.columns)
            message = (
                f"{self.table} has moments of an older text form, and {names} must be "
                "unique: the same moment would be taken again. Convert them once, by "
                "Core.convert_moments()"
            )
            raise asyncdb.InvalidDatetime(message)
        if file is not None:
            if len(_seen) >= _FILES:
                _seen.clear()
            _seen.setdefault(file, set()).add(self.table)


def _in_order(update: Any) -> Any:
    """The values of `ordered_values()`; SQLAlchemy 2.1 keeps them with the others."""
    return getattr(update, "_ordered_values", None) or ()


def _unique(table: Table) -> Iterator[Any]:
    yield from table.primary_key.columns
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint):
            yield from constraint.columns
    for index in table.indexes:
        if index.unique:
            yield from index.columns


def _file_of(db: asyncdb.Executor) -> _File | None:
    """Tell which file a database is; `None` where that is not known."""
    try:
        found = Path(_path(db)).stat()
    except OSError:  # a relative path, and the folder was changed
        return None
    return found.st_dev, found.st_ino


def _path(db: asyncdb.Executor) -> str:
    url: Any = getattr(db, "url", None)
    return (url.database if url is not None else "") or ":memory:"


async def convert(db: asyncdb.Executor, metadata: MetaData, dialect: Any) -> int:
    """Give all moments of a database the one form; see `Core.convert_moments`."""
    total = 0
    quote = dialect.identifier_preparer.quote
    for table in metadata.sorted_tables:
        name = dialect.identifier_preparer.format_table(table)
        master = (
            f"{quote(table.schema)}.sqlite_master" if table.schema else "sqlite_master"
        )
        known = f"SELECT count(*) FROM {master} WHERE type = 'table' AND name = ?"
        if not await db.fetchval(known, [table.name]):
            continue
        for column in table.columns:
            head = head_of(column.type, dialect)
            if head:
                total += await _convert(db, name, quote(column.name), head)
    return total


async def _convert(db: asyncdb.Executor, table: str, column: str, head: int) -> int:
    old = _is_old(column, head)
    new = one_form(column, head)
    # A fraction of six digits at most, and UTC: what is else is not ours to convert.
    ending = f"substr({column}, {head + 1})"
    known = (
        f"typeof({column}) = 'text' AND {new} GLOB '{_PATTERNS[head]}' "
        f"AND (substr({ending}, 1, 1) IN ('', '.') OR {ending} = '+00:00') "
        f"AND length(replace({column}, '+00:00', '')) <= {head + 7}"
    )
    sql = f"UPDATE {table} SET {column} = {new} WHERE {old} AND {known}"
    count = (await db.execute(sql)).rowcount
    left = await db.fetchval(f"SELECT count(*) FROM {table} WHERE {old}")
    if left:
        message = (
            f"{left} values of {table}.{column} are no moments in UTC that SQLAlchemy "
            "or asyncdb has written; nothing was converted"
        )
        raise asyncdb.InvalidDatetime(message)
    return count


def _is_old(column: str, head: int) -> str:
    return f"{column} NOT GLOB '{_PATTERNS[head]}'"
