"""SQLite's catalogue as a schema."""

from __future__ import annotations

import re

import asyncdb
from asyncdb.contrib.copying import sqlite_values
from asyncdb.contrib.copying.expressions import (
    default_of,
    quoted_string,
    tokens,
    unquoted,
)
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
_WHERE = re.compile(r"\bWHERE\b", re.IGNORECASE)
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
        await sqlite_values.look(db, schema, table)
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
    pieces = [one for one in tokens(sql, brackets=True) if one[0] != "space"]
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
            column.default = default_of(_string(row["dflt_value"]))
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


def _string(text: str | None) -> str | None:
    """Return a default with the quotes of a string: SQLite takes others too."""
    if text is not None and re.fullmatch(r'"(?:[^"]|"")*"', text):
        return quoted_string(unquoted(text))
    return text


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
            found.where = _WHERE.split(found.native, maxsplit=1)[1]
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
