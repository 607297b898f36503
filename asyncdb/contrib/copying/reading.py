"""The catalogue of a database, whatever its engine."""

from __future__ import annotations

from types import ModuleType

import asyncdb
from asyncdb.contrib.copying import from_mysql, from_postgresql, from_sqlite
from asyncdb.contrib.copying.schema import PYTHON_TYPES, Kind, Schema

ENGINES: dict[str, ModuleType] = {
    "sqlite": from_sqlite,
    "postgresql": from_postgresql,
    "mysql": from_mysql,
}


def engine(db: asyncdb.Connection) -> ModuleType:
    """Return what reads the catalogue of a connection's engine.

    Raises:
        NotSupportedError: nobody has written it.
    """
    found = ENGINES.get(db.dialect.name)
    if found is None:
        message = (
            f"copying knows {', '.join(ENGINES)}, not {db.dialect.name}: "
            "move the rows with stream() and load_rows()"
        )
        raise asyncdb.NotSupportedError(message)
    return found


async def read_schema(db: asyncdb.Connection) -> Schema:
    """Return the schema of a database."""
    schema: Schema = await engine(db).read(db)
    if db.dialect.name == "sqlite":
        from_sqlite.complete(schema)
    return schema


def choose_types(schema: Schema, types: dict[str, str]) -> None:
    """Give columns the kinds that somebody names for them.

    Args:
        schema: what was read.
        types: `"table.column"` -> a name of docs/reference/types.md.

    Raises:
        ParameterError: there is no such column, or no such name.
    """
    columns = {
        f"{table.name}.{column.name}": column
        for table in schema.tables
        for column in table.columns
    }
    for name, kind in types.items():
        if name not in columns:
            raise asyncdb.ParameterError(f"types: there is no column {name}")
        if kind not in PYTHON_TYPES or kind == "other":
            known = ", ".join(one for one in PYTHON_TYPES if one != "other")
            message = f"types: {kind!r} for {name} is not one of: {known}"
            raise asyncdb.ParameterError(message)
        columns[name].kind = Kind(kind)
        columns[name].alone = False
        where = "table {}: column {}".format(*name.split(".", 1))
        schema.problems = [p for p in schema.problems if p.what != where]
        schema.notes = [one for one in schema.notes if not one.startswith(f"{where}: ")]


def choose_tables(schema: Schema, tables: list[str]) -> None:
    """Leave only some tables in a schema, and the problems that are about them.

    Raises:
        ParameterError: there is no such table.
    """
    known = {table.name for table in schema.tables}
    if missing := [name for name in tables if name not in known]:
        message = f"tables: there is no table {', '.join(missing)} in the source"
        raise asyncdb.ParameterError(message)
    schema.tables = [table for table in schema.tables if table.name in tables]
    schema.problems = [
        one
        for one in schema.problems
        if any(one.what.startswith(f"table {name}: ") for name in tables)
    ]
    schema.notes = [
        one
        for one in schema.notes
        if any(one.startswith((f"table {n}: ", f"table {n} ")) for n in tables)
    ]
