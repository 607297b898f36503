"""What the columns of a SQLite table really hold.

SQLite stores any value in any column (but of STRICT tables), so that a declared type is
a wish: the values are looked at, by one statement for each table.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import asyncdb
from asyncdb.contrib.copying.schema import Column, Kind, Schema, Table

# How the values of a kind may be stored.
_STORED = {
    "bool": {"integer"},
    "int": {"integer"},
    "float": {"integer", "real"},
    "Decimal": {"integer", "real", "text"},
    "str": {"text"},
    "bytes": {"blob"},
    "date": {"text"},
    "time": {"text"},
    "datetime, naive": {"text"},
    "datetime, aware": {"text"},
    "timedelta": {"integer"},
    "UUID": {"text", "blob"},
    "dict, list": {"text"},
}
# What a text may be that is declared TEXT, as docs/reference/types.md advises.
_DAY = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
_OFFSET = "({0} GLOB '*[+-][0-9][0-9]:[0-9][0-9]' OR {0} GLOB '*Z')"
_MOMENT = f"{{0}} GLOB '{_DAY}?[0-9][0-9]:*' AND datetime({{0}}) IS NOT NULL"
_LOOKS = {
    "date": f"{{0}} GLOB '{_DAY}'",
    "datetime, aware": f"{_MOMENT} AND {_OFFSET}",
    "datetime, naive": f"{_MOMENT} AND NOT {_OFFSET}",
    "UUID": "{0} GLOB '" + "-".join("?" * n for n in (8, 4, 4, 4, 12)) + "'",
}
_MOMENTS = frozenset(["date", "time", "datetime, naive", "datetime, aware"])
_CLASSES = ("integer", "real", "text", "blob")
_AT_ONCE = 100  # columns that one statement looks at


async def look(db: asyncdb.Connection, schema: Schema, table: Table) -> None:
    """Take for each column's kind what its values are; say so where it is another."""
    place = asyncdb.quote_identifier(table.name, db.dialect)
    for start in range(0, len(table.columns), _AT_ONCE):
        columns = table.columns[start : start + _AT_ONCE]
        asked = [question for one in columns for question in _questions(one)]
        row = await db.fetchone(f"SELECT {', '.join(asked)} FROM {place}")
        answers = iter(row or ())
        for column in columns:
            given = [next(answers) for _ in _questions(column)]
            _settle(schema, table, column, given)


def _questions(column: Column) -> list[str]:
    name, kind = column.read, column.kind.name
    asked = [f"max(typeof({name}) = '{one}')" for one in _CLASSES]
    if kind == "str":
        asked.append(f"max(length({name}))")
        asked += [f"min({looks.format(name)})" for looks in _LOOKS.values()]
    elif kind == "bool":
        asked.append(f"max({name} NOT IN (0, 1))")
    elif kind in _MOMENTS:
        asked.append(f"max(datetime({name}) IS NULL AND {name} IS NOT NULL)")
        offset = _OFFSET.format(name)
        asked += [f"max({offset})", f"min({offset})"]
    return asked


def _settle(schema: Schema, table: Table, column: Column, given: list[Any]) -> None:
    """Take for a column's kind what its values are, where they are not as declared."""
    where = f"table {table.name}: column {column.name}"
    stored = {name for name, found in zip(_CLASSES, given, strict=False) if found}
    kind, rest = column.kind, given[len(_CLASSES) :]
    found = _by_classes(stored)
    if kind.name == "other":
        if found is not None:
            column.kind = found
            return
    elif stored <= _STORED[kind.name]:
        if kind.name == "str" and kind.size is not None and (rest[0] or 0) > kind.size:
            schema.notes.append(f"{where}: longer values than {column.declared}")
            column.kind = Kind("str")
            return
        for (meant, _), all_do in zip(_LOOKS.items(), rest[1:], strict=False):
            if kind.name == "str" and all_do:
                schema.notes.append(
                    f"{where}: each of its texts looks like {meant}; "
                    f"say so by types={{'{table.name}.{column.name}': '{meant}'}} "
                    f'(asyncdb copy --type "{table.name}.{column.name}={meant}")'
                )
        if kind.name in _MOMENTS and not rest[0]:
            if kind.name.startswith("datetime") and rest[1]:
                column.kind = replace(kind, name="datetime, aware")
                if not rest[2]:
                    why = "some of its moments have an offset, others not"
                    schema.problem(where, why, "those without are taken as UTC")
            return
        if kind.name not in _MOMENTS and not (kind.name == "bool" and rest[0]):
            return
    why = f"it is declared {column.declared or 'without a type'} and has other values"
    if found is None:
        found = Kind("str")
        column.read = f"CAST({column.read} AS TEXT)"
    schema.problem(where, why, f"becomes one of type {found.name}")
    column.kind, column.default = found, None


def _by_classes(stored: set[str]) -> Kind | None:
    """Return the kind of values that are stored so; `None` when there is none."""
    if not stored or stored == {"text"}:
        return Kind("str")
    if stored == {"integer"}:
        return Kind("int")
    if stored <= {"integer", "real"}:
        return Kind("float")
    return Kind("bytes") if stored == {"blob"} else None
