"""SQLite's catalogue as a schema, and what its columns really hold.

SQLite stores any value in any column (but of STRICT tables), so that a declared type is
a wish: the values are looked at, by one statement for each table.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import asyncdb
from asyncdb.contrib.copying.expressions import default_of, tokens, unquoted
from asyncdb.contrib.copying.schema import (
    Check,
    Column,
    ForeignKey,
    Index,
    Key,
    Kind,
    Schema,
    Table,
)

_OBJECTS = """SELECT type, name, tbl_name, sql FROM sqlite_master
    WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"""
_SIZE = re.compile(r"\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")
# The first that stands in a declared type says what it is; SQLite's own rules for
# affinity are the last five (https://sqlite.org/datatype3.html, 3.1).
_DECLARED = (
    ("BOOL", "bool"),
    ("INTERVAL", "timedelta"),
    ("TIMESTAMPTZ", "datetime, aware"),
    ("WITH TIME ZONE", "datetime, aware"),
    ("DATETIME", "datetime, naive"),
    ("TIMESTAMP", "datetime, naive"),
    ("UUID", "UUID"),
    ("GUID", "UUID"),
    ("UNIQUEIDENTIFIER", "UUID"),
    ("JSON", "dict, list"),
    ("DECIMAL", "Decimal"),
    ("NUMERIC", "Decimal"),
    ("DATE", "date"),
    ("TIME", "time"),
    ("BINARY", "bytes"),
    ("INT", "int"),
    ("CHAR", "str"),
    ("CLOB", "str"),
    ("TEXT", "str"),
    ("BLOB", "bytes"),
    ("REAL", "float"),
    ("FLOA", "float"),
    ("DOUB", "float"),
)
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
_MOMENTS = frozenset(["date", "time", "datetime, naive", "datetime, aware"])
_CLASSES = ("integer", "real", "text", "blob")
_AT_ONCE = 100  # columns that one statement looks at


async def read(db: asyncdb.Connection) -> Schema:
    """Return the schema of the database; the values of each table are looked at."""
    schema = Schema()
    objects = await db.fetchall(_OBJECTS)
    hidden = _shadows(objects)
    for row in objects:
        name = row["name"]
        if row["type"] == "view":
            schema.problem(f"view {name}", "only tables are copied")
        elif row["type"] == "trigger":
            what = f"trigger {name} of table {row['tbl_name']}"
            schema.problem(what, "code is not copied")
        elif row["type"] == "table" and name not in hidden:
            if re.match(r"\s*CREATE\s+VIRTUAL\b", row["sql"], re.IGNORECASE):
                schema.problem(f"virtual table {name}", "only tables are copied")
                continue
            schema.tables.append(await _table(db, schema, name, row["sql"]))
    texts = {row["name"]: row["sql"] for row in objects if row["type"] == "index"}
    for table in schema.tables:
        await _read_keys(db, schema, table, texts)
        await _look(db, schema, table)
    return schema


def _shadows(objects: list[asyncdb.Row]) -> set[str]:
    """Return the tables in which virtual ones keep what they have."""
    virtual = [
        row["name"]
        for row in objects
        if re.match(r"\s*CREATE\s+VIRTUAL\b", row["sql"] or "", re.IGNORECASE)
    ]
    return {
        row["name"]
        for row in objects
        if any(row["name"].startswith(f"{name}_") for name in virtual)
        and row["type"] == "table"
        and row["name"].rpartition("_")[2]
        in {"data", "idx", "content", "docsize", "config", "node", "rowid", "parent"}
        | {"segments", "segdir", "stat"}
    }


async def _table(db: asyncdb.Connection, schema: Schema, name: str, sql: str) -> Table:
    table = Table(name)
    place = asyncdb.quote_identifier(name, db.dialect)
    pieces = [one for one in tokens(sql) if one[0] != "space"]
    body, tail = _body(pieces)
    table.options = ", ".join(
        words
        for words in ("WITHOUT ROWID", "STRICT")
        if words.split()[0] in {one.upper() for _, one in tail}
    )
    automatic = "AUTOINCREMENT" in {p.upper() for k, p in pieces if k == "word"}
    primary: dict[int, str] = {}
    for row in await db.fetchall(f"PRAGMA table_xinfo({place})"):
        if row["hidden"] == 1:
            continue
        column = Column(row["name"], kind_of(row["type"]), row["type"])
        column.read = asyncdb.quote_identifier(column.name, db.dialect)
        column.nullable = not row["notnull"]
        if row["hidden"] in (2, 3):
            column.generated = True
            what = f"table {name}: column {column.name}"
            why = "it is GENERATED from others"
            schema.problem(what, why, "an ordinary one, values copied")
        else:
            column.default = default_of(row["dflt_value"])
        if row["pk"]:
            primary[row["pk"]] = column.name
        table.columns.append(column)
    if primary:
        table.primary = Key(tuple(primary[at] for at in sorted(primary)))
        only = table.column(table.primary.columns[0])
        if (
            len(primary) == 1
            and only.declared.upper() == "INTEGER"
            and "WITHOUT ROWID" not in table.options
        ):
            only.identity, only.nullable = True, False
            only.always = automatic  # AUTOINCREMENT: written as it was on SQLite
        for column_name in table.primary.columns:
            # SQLite allows NULL there, by an old mistake; nobody else does.
            table.column(column_name).nullable = False
    for part in body:
        _read_checks(table, part)
        if any(p.upper() == "COLLATE" for k, p in part if k == "word"):
            folds = any(p.upper() == "NOCASE" for _, p in part)
            for column in table.columns:
                column.folds |= folds and unquoted(part[0][1]) == column.name
    return table


def kind_of(declared: str) -> Kind:
    """Return what a declared type says that the values are.

    Example:
        >>> kind_of("DECIMAL(10, 2)")
        Kind(name='Decimal', size=10, scale=2, unsigned=False)
    """
    words = declared.upper()
    name = next((name for word, name in _DECLARED if word in words), "other")
    size = _SIZE.search(declared)
    if size is None or name not in ("str", "Decimal", "bytes"):
        return Kind(name)
    return Kind(name, int(size[1]), int(size[2] or 0) if name == "Decimal" else None)


def _body(
    pieces: list[tuple[str, str]],
) -> tuple[list[list[tuple[str, str]]], list[tuple[str, str]]]:
    """Cut CREATE TABLE into what stands between its commas, and what is behind."""
    depth, parts = 0, [[]]  # type: ignore[var-annotated]
    for position, (kind, piece) in enumerate(pieces):
        if piece == "(" and kind == "sign":
            depth += 1
            if depth == 1:
                continue
        if piece == ")" and kind == "sign":
            depth -= 1
            if depth == 0:
                return parts, pieces[position + 1 :]
        if depth == 1 and piece == ",":
            parts.append([])
        elif depth:
            parts[-1].append((kind, piece))
    return parts, []


def _read_checks(table: Table, part: list[tuple[str, str]]) -> None:
    """Find CHECK (...) in the definition of a column, or beside the columns."""
    depth = 0
    for position, (kind, piece) in enumerate(part):
        depth += (piece == "(") - (piece == ")")
        if depth or kind != "word" or piece.upper() != "CHECK":
            continue
        name = ""
        if position > 1 and part[position - 2][1].upper() == "CONSTRAINT":
            name = unquoted(part[position - 1][1])
        inner, inside = 0, []
        for _, one in part[position + 1 :]:
            inner += (one == "(") - (one == ")")
            inside.append(one)
            if inner == 0:
                break
        table.checks.append(Check(" ".join(inside[1:-1]), name))


async def _read_keys(
    db: asyncdb.Connection, schema: Schema, table: Table, texts: dict[str, str]
) -> None:
    place = asyncdb.quote_identifier(table.name, db.dialect)
    for row in reversed(await db.fetchall(f"PRAGMA index_list({place})")):
        index_place = asyncdb.quote_identifier(row["name"], db.dialect)
        parts = await db.fetchall(f"PRAGMA index_xinfo({index_place})")
        parts = [part for part in parts if part["key"]]
        names = [part["name"] for part in parts]
        if row["origin"] == "pk":
            continue
        if row["origin"] == "u":
            table.uniques.append(Key(tuple(names)))
            continue
        columns = [(part["name"] or "", bool(part["desc"])) for part in parts]
        found = Index(row["name"], columns, bool(row["unique"]))
        found.native = texts[row["name"]]
        if None in names:
            found.alone = "an index on an expression"
        elif row["partial"]:
            found.where = re.split(r"\bWHERE\b", found.native, 1, re.IGNORECASE)[1]
        table.indexes.append(found)
    await _read_references(db, schema, table, place)


async def _read_references(
    db: asyncdb.Connection, schema: Schema, table: Table, place: str
) -> None:
    del schema
    found: dict[int, ForeignKey] = {}
    for row in await db.fetchall(f"PRAGMA foreign_key_list({place})"):
        key = found.get(row["id"])
        if key is None:
            key = found[row["id"]] = ForeignKey((), row["table"], ())
            key.on_delete, key.on_update = row["on_delete"], row["on_update"]
        key.columns = (*key.columns, row["from"])
        if row["to"] is not None:
            key.referenced = (*key.referenced, row["to"])
    table.foreign_keys = [found[number] for number in sorted(found, reverse=True)]
    sql = await db.fetchval(
        "SELECT sql FROM sqlite_master WHERE name = ?", [table.name]
    )
    if re.search(r"(?<!NOT )DEFERRABLE\s+INITIALLY\s+DEFERRED", sql, re.IGNORECASE):
        # The catalogue does not say which; later is what a copy can always bear.
        for key in table.foreign_keys:
            key.deferrable = "DEFERRABLE INITIALLY DEFERRED"


def complete(schema: Schema) -> None:
    """Name what foreign keys refer to where it was left out: names and primary keys."""
    tables = {table.name.lower(): table for table in schema.tables}
    for table in schema.tables:
        _own_case(table)
        for key in table.foreign_keys:
            other = tables.get(key.table.lower())
            if other is None:
                continue
            key.table = other.name
            key.columns = _named(table, key.columns)
            if not key.referenced and other.primary:
                key.referenced = other.primary.columns
            key.referenced = _named(other, key.referenced)


def _named(table: Table, names: tuple[str, ...]) -> tuple[str, ...]:
    own = {column.name.lower(): column.name for column in table.columns}
    return tuple(own.get(name.lower(), name) for name in names)


def _own_case(table: Table) -> None:
    for key in table.uniques:
        key.columns = _named(table, key.columns)
    for index in table.indexes:
        names = _named(table, tuple(name for name, _ in index.columns))
        downwards = [down for _, down in index.columns]
        index.columns = list(zip(names, downwards, strict=True))


# -- what is really there --------------------------------------------------------------


async def _look(db: asyncdb.Connection, schema: Schema, table: Table) -> None:
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
    elif kind == "bool":
        asked.append(f"max({name} NOT IN (0, 1))")
    elif kind in _MOMENTS:
        asked.append(f"max(datetime({name}) IS NULL AND {name} IS NOT NULL)")
        offset = f"({name} GLOB '*[+-][0-9][0-9]:[0-9][0-9]' OR {name} GLOB '*Z')"
        asked += [f"max({offset})", f"min({offset})"]
    return asked


def _settle(schema: Schema, table: Table, column: Column, given: list[Any]) -> None:
    """Take for a column's kind what its values are, where they are not as declared."""
    where = f"table {table.name}: column {column.name}"
    stored = {name for name, found in zip(_CLASSES, given, strict=False) if found}
    kind, rest = column.kind, given[len(_CLASSES) :]
    if kind.name == "other":
        kind = _by_classes(stored)
        if kind is not None:
            column.kind = kind
            return
    elif stored <= _STORED[kind.name]:
        if kind.name == "str" and kind.size is not None and (rest[0] or 0) > kind.size:
            schema.notes.append(f"{where}: longer values than {column.declared}")
            column.kind = Kind("str")
            return
        if kind.name in _MOMENTS and not rest[0]:
            if kind.name.startswith("datetime") and rest[1]:
                column.kind = replace(kind, name="datetime, aware")
                if not rest[2]:
                    why = "some of its moments have an offset, others not"
                    schema.problem(where, why, "those without are taken as UTC")
            return
        if kind.name not in _MOMENTS and not (kind.name == "bool" and rest[0]):
            return
    found = _by_classes(stored)
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


async def next_value(db: asyncdb.Connection, table: str, column: Column) -> int:
    """Return the key that an identity would give next; 1 when it cannot be known."""
    del column
    if not await db.fetchval(
        "SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_sequence'"
    ):
        return 1
    sql = "SELECT seq FROM sqlite_sequence WHERE name = ?"
    return int(await db.fetchval(sql, [table]) or 0) + 1


async def set_next_value(
    db: asyncdb.Connection, table: str, column: Column, value: int
) -> None:
    """Have an identity go on from a key."""
    del column
    if not await db.fetchval(
        "SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_sequence'"
    ):
        return  # none of them is AUTOINCREMENT
    await db.execute("DELETE FROM sqlite_sequence WHERE name = ?", [table])
    await db.execute(
        "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", [table, value - 1]
    )
