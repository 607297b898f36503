"""The catalogue of MySQL and MariaDB as a schema."""

from __future__ import annotations

import re
from typing import Any

import asyncdb
from asyncdb.contrib.copying.expressions import default_of, quoted_string, unquoted
from asyncdb.contrib.copying.schema import (
    Check,
    Column,
    Default,
    ForeignKey,
    Index,
    Key,
    Kind,
    Schema,
    Table,
)

UNFINISHED = "asyncdb: a copy that has not come to its end"
"""The comment of a table while it is being copied into."""

_TABLES = """
    SELECT table_name AS name, table_type AS kind, engine AS engine,
        create_options AS options, table_comment AS comment,
        table_collation AS collation
    FROM information_schema.tables WHERE table_schema = DATABASE()
    ORDER BY table_name"""
_COLUMNS = """
    SELECT table_name AS table_name, column_name AS name, column_type AS declared,
        data_type AS type_name, is_nullable AS nullable, column_default AS default_text,
        extra AS extra, character_maximum_length AS length,
        numeric_precision AS digits, numeric_scale AS scale,
        collation_name AS collation, generation_expression AS expression
    FROM information_schema.columns WHERE table_schema = DATABASE()
    ORDER BY table_name, ordinal_position"""
_INDEXES = """
    SELECT table_name AS table_name, index_name AS name, non_unique AS repeats,
        column_name AS column_name, collation AS direction, sub_part AS prefix,
        index_type AS method{expression} AS expression
    FROM information_schema.statistics WHERE table_schema = DATABASE()
    ORDER BY table_name, index_name, seq_in_index"""
_REFERENCES = """
    SELECT k.table_name AS table_name, k.constraint_name AS name,
        k.column_name AS column_name, k.referenced_table_schema = DATABASE() AS here,
        k.referenced_table_name AS referenced_table,
        k.referenced_column_name AS referenced, r.delete_rule AS on_delete,
        r.update_rule AS on_update
    FROM information_schema.key_column_usage k
        JOIN information_schema.referential_constraints r
            ON r.constraint_schema = k.constraint_schema
            AND r.table_name = k.table_name AND r.constraint_name = k.constraint_name
    WHERE k.table_schema = DATABASE() AND k.referenced_table_name IS NOT NULL
    ORDER BY k.table_name, k.constraint_name, k.ordinal_position"""
_CHECKS = """
    SELECT t.table_name AS table_name, c.constraint_name AS name,
        c.check_clause AS expression
    FROM information_schema.check_constraints c
        JOIN information_schema.table_constraints t
            ON t.constraint_schema = c.constraint_schema
            AND t.constraint_name = c.constraint_name {also}
    WHERE c.constraint_schema = DATABASE() AND t.constraint_type = 'CHECK'
    ORDER BY 1, 2"""
_OTHERS = """
    SELECT 'trigger' AS what, trigger_name AS name, event_object_table AS place
    FROM information_schema.triggers WHERE trigger_schema = DATABASE()
    UNION ALL SELECT lower(routine_type), routine_name, NULL
    FROM information_schema.routines WHERE routine_schema = DATABASE()
    UNION ALL SELECT 'event', event_name, NULL
    FROM information_schema.events WHERE event_schema = DATABASE()
    ORDER BY 1, 2"""

_INTEGERS = {"tinyint": 16, "smallint": 16, "mediumint": 32, "int": 32, "bigint": 64}
_TEXTS = frozenset(["char", "varchar", "tinytext", "text", "mediumtext", "longtext"])
_BLOBS = frozenset(
    ["binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"]
)
_MOMENTS = {
    "date": Kind("date"),
    "time": Kind("time"),
    "datetime": Kind("datetime, naive"),
    "timestamp": Kind("datetime, aware"),
    "float": Kind("float", 32),
    "double": Kind("float", 64),
    "json": Kind("dict, list"),
    "uuid": Kind("UUID"),
    "year": Kind("int", 16),
}


async def read(db: asyncdb.Connection) -> Schema:
    """Return the schema of the database; of a few types the values are looked at."""
    schema = Schema()
    mariadb = db.dialect.flavor == "mariadb"
    for row in await db.fetchall(_TABLES):
        _table(schema, row)
    also = "AND t.table_name = c.table_name" if mariadb else ""
    checks = await db.fetchall(_CHECKS.format(also=also))
    json = {
        (row["table_name"], unquoted(match[1]))
        for row in checks
        if (match := _JSON.fullmatch(row["expression"]))
    }
    for row in await db.fetchall(_COLUMNS):
        table = schema.table(row["table_name"])
        if table is not None:
            is_json = (table.name, row["name"]) in json
            table.columns.append(_column(schema, row, mariadb=mariadb, is_json=is_json))
    for row in checks:
        table = schema.table(row["table_name"])
        if table is not None and not _JSON.fullmatch(row["expression"]):
            table.checks.append(Check(plain(row["expression"]), _given(row["name"])))
    await _read_indexes(db, schema, mariadb=mariadb)
    await _read_references(db, schema)
    for row in await db.fetchall(_OTHERS):
        where = f" of table {row['place']}" if row["place"] else ""
        schema.problem(f"{row['what']} {row['name']}{where}", "code is not copied")
    for table in schema.tables:
        await _look(db, schema, table)
    return schema


_JSON = re.compile(
    r"""\(?\s*json_valid\((`(?:[^`]|``)+`|"(?:[^"]|"")+")\)\s*\)?""", re.IGNORECASE
)
_STRING = re.compile(r"'(?:[^'\\]|\\.|'')*'", re.DOTALL)
_ESCAPES = {"0": "\0", "n": "\n", "r": "\r", "t": "\t", "b": "\b", "Z": "\x1a"}


def plain(text: str) -> str:
    r"""Return an expression of the catalogue with strings that need no backslash.

    It shows them with escapes, whatever the session's `sql_mode`; MySQL 8 escapes the
    whole expression once more.

    Example:
        >>> plain(r"`a` <> 'it\'s'"), plain(r"`a` <> _utf8mb4\'it\\\'s\'")
        ("`a` <> 'it''s'", "`a` <> 'it''s'")
    """
    if re.search(r"_\w+\\'", text):
        text = re.sub(r"\\(.)", r"\1", text)
    text = re.sub(r"_utf8\w*(?=')", "", text)

    def string(match: re.Match[str]) -> str:
        inner = match[0][1:-1].replace("''", "'")
        inner = re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), inner)
        return quoted_string(inner)

    return _STRING.sub(string, text)


def _given(name: str) -> str:
    """Return a constraint's name, unless the server has made it."""
    return "" if re.fullmatch(r"CONSTRAINT_\d+|.*_chk_\d+", name) else name


def _table(schema: Schema, row: Any) -> None:
    name, kind = row["name"], row["kind"].upper()
    if kind not in ("BASE TABLE", "SYSTEM VERSIONED"):
        schema.problem(f"{kind.lower()} {name}", "only tables are copied")
        return
    table = Table(name, unfinished=row["comment"] == UNFINISHED)
    schema.tables.append(table)
    if row["collation"]:
        table.options = _charset(row["collation"])
    if kind == "SYSTEM VERSIONED":
        what = f"table {name}: its history"
        schema.problem(
            what, "system versioning is MariaDB's", "today's rows are copied"
        )
    if "partitioned" in (row["options"] or ""):
        what = f"table {name}: partitions"
        schema.problem(what, "the target gets one table", "it has all rows")
    if (row["engine"] or "InnoDB") != "InnoDB":
        schema.notes.append(f"table {name} is of engine {row['engine']}")


def _charset(collation: str) -> str:
    charset = collation.split("_", maxsplit=1)[0]
    charset = "utf8mb4" if charset == "uca1400" else charset  # one for all of them
    return f"CHARACTER SET {charset} COLLATE {collation}"


def _column(schema: Schema, row: Any, *, mariadb: bool, is_json: bool) -> Column:
    name, where = row["name"], f"table {row['table_name']}: column {row['name']}"
    declared, type_name = row["declared"], row["type_name"].lower()
    read = "`" + name.replace("`", "``") + "`"
    column = Column(name, Kind("other"), declared, row["nullable"] == "YES", read=read)
    unsigned = "unsigned" in declared
    if is_json:
        column.kind, column.declared = Kind("dict, list"), "JSON"
    elif declared.startswith("tinyint(1)") and not unsigned:
        column.kind = Kind("bool")
    elif type_name in _INTEGERS:
        column.kind = Kind("int", _INTEGERS[type_name], unsigned=unsigned)
    elif type_name == "decimal":
        column.kind = Kind("Decimal", row["digits"], row["scale"])
    elif type_name in _TEXTS:
        bounded = type_name in ("char", "varchar")
        column.kind = Kind("str", int(row["length"]) if bounded else None)
    elif type_name in _BLOBS:
        bounded = type_name in ("binary", "varbinary")
        column.kind = Kind("bytes", int(row["length"]) if bounded else None)
    elif type_name in _MOMENTS:
        column.kind = _MOMENTS[type_name]
        if type_name == "float":
            column.read = f"({read} + 0e0)"  # as it is, it is shown with six digits
        elif type_name == "json":
            column.read = f"CAST({read} AS CHAR CHARACTER SET utf8mb4)"
    elif declared == "bit(1)":
        column.kind, column.read = Kind("bool"), f"({read} + 0)"
    elif type_name == "enum":
        pieces = re.findall(r"'((?:[^']|'')*)'", declared)
        column.choices = tuple(one.replace("''", "'") for one in pieces)
        column.kind = Kind("str", max(map(len, column.choices)))
        schema.notes.append(f"{where} is an ENUM; elsewhere it is text with a CHECK")
    else:
        column.read = f"CAST({read} AS CHAR CHARACTER SET utf8mb4)"
        if type_name == "bit":
            column.kind, column.read = Kind("int", 64, unsigned=True), f"({read} + 0)"
        elif type_name in ("inet4", "inet6", "set"):
            column.kind = Kind("str")
        elif type_name in _GEOMETRIES:
            column.kind, column.read = Kind("bytes"), f"ST_AsBinary({read})"
            column.declared, column.read_back = "LONGBLOB", read
            why = f"type {type_name} is not portable"
            schema.problem(where, why, "becomes bytes, as well-known binary")
            return column
        else:
            column.kind, column.declared = Kind("str"), "LONGTEXT"
        if type_name in ("set", "inet4", "inet6", "bit"):
            schema.notes.append(f"{where} is of type {type_name}; not so elsewhere")
        else:
            why = f"type {declared} is not portable"
            schema.problem(where, why, "becomes text")
    if row["collation"] and not is_json:
        column.folds = row["collation"].endswith("_ci")
        column.declared += f" {_charset(row['collation'])}"
    _values(schema, column, row, where, mariadb=mariadb)
    return column


_GEOMETRIES = frozenset(
    (
        *("geometry", "point", "linestring", "polygon", "geometrycollection"),
        *("multipoint", "multilinestring", "multipolygon", "geomcollection"),
    )
)


def _values(
    schema: Schema, column: Column, row: Any, where: str, *, mariadb: bool
) -> None:
    """Fill in what makes the values of a column: identity, default, expression."""
    extra, text = row["extra"].lower(), row["default_text"]
    if row["expression"]:
        column.generated = True
        schema.problem(
            where, "it is GENERATED from others", "an ordinary one, values copied"
        )
        return
    column.identity = "auto_increment" in extra
    if "on update" in extra:
        schema.problem(where, "ON UPDATE CURRENT_TIMESTAMP is of MySQL")
    if text is None or (mariadb and text == "NULL"):
        return
    if mariadb or "default_generated" in extra:
        column.default = default_of(plain(text))
    elif re.match(r"current_timestamp", text, re.IGNORECASE):
        column.default = Default(text, now=True)
    elif match := re.fullmatch(r"b'([01]+)'", text):
        column.default = Default(text, literal=True, value=int(match[1], 2))
    else:  # MySQL shows a text without its quotes
        column.default = Default(quoted_string(text), literal=True, value=text)
    if mariadb and (match := re.fullmatch(r"b'([01]+)'", text)):
        column.default = Default(text, literal=True, value=int(match[1], 2))


async def _read_indexes(
    db: asyncdb.Connection, schema: Schema, *, mariadb: bool
) -> None:
    expression = ", NULL" if mariadb else ", expression"
    found: dict[tuple[str, str], Index] = {}
    for row in await db.fetchall(_INDEXES.format(expression=expression)):
        table = schema.table(row["table_name"])
        if table is None:
            continue
        name = row["name"]
        index = found.setdefault(
            (table.name, name), Index(name, [], not int(row["repeats"]))
        )
        if row["column_name"] is None:
            index.alone = "an index on an expression"
            continue
        index.columns.append((row["column_name"], row["direction"] == "D"))
        if row["method"] not in ("BTREE", "HASH"):
            index.alone = f"an index of type {row['method']}"
        elif row["prefix"] is not None and not index.unique:
            what = f"table {table.name}: index {name} has only the first characters of"
            schema.notes.append(f"{what} {row['column_name']}; elsewhere it has all")
            index.prefixes[row["column_name"]] = int(row["prefix"])
        elif row["prefix"] is not None:
            index.alone = "a unique index on the first characters"
    for (table_name, name), index in found.items():
        table = schema.table(table_name)
        assert table is not None  # noqa: S101  # it was, above
        names = tuple(column for column, _ in index.columns)
        if name == "PRIMARY":
            table.primary = Key(names)
        elif index.unique and not index.alone:
            table.uniques.append(Key(names, name))
        else:
            table.indexes.append(index)


async def _read_references(db: asyncdb.Connection, schema: Schema) -> None:
    found: dict[tuple[str, str], ForeignKey] = {}
    for row in await db.fetchall(_REFERENCES):
        table, name = schema.table(row["table_name"]), row["name"]
        if table is None:
            continue
        if not row["here"]:
            what = f"table {table.name}: constraint {name}"
            schema.problem(what, "it refers to a table of another database")
            continue
        key = found.get((table.name, name))
        if key is None:
            key = ForeignKey((), row["referenced_table"], (), name)
            key.on_delete, key.on_update = row["on_delete"], row["on_update"]
            found[table.name, name] = key
            table.foreign_keys.append(key)
        key.columns = (*key.columns, row["column_name"])
        key.referenced = (*key.referenced, row["referenced"])


async def _look(db: asyncdb.Connection, schema: Schema, table: Table) -> None:
    """Find out which TIMEs are spans, and which unsigned numbers need 64 bits."""
    found = []
    for column in table.columns:
        if column.kind.name == "time":
            beyond = f"{column.read} < '00:00:00' OR {column.read} >= '24:00:00'"
            found.append((column, beyond, Kind("timedelta"), "spans, not times of day"))
        elif column.kind.unsigned and column.kind.size == 64:
            column.kind = Kind("int", 64)
            if not column.identity:
                beyond = f"{column.read} > 9223372036854775807"
                why = "numbers beyond a signed BIGINT"
                found.append((column, beyond, Kind("Decimal", 20, 0), why))
    if not found:
        return
    asked = ", ".join(f"MAX({beyond})" for _, beyond, _, _ in found)
    place = asyncdb.quote_identifier(table.name, db.dialect)
    row = await db.fetchone(f"SELECT {asked} FROM {place}")
    for (column, _, kind, why), beyond in zip(found, row or (), strict=False):
        if beyond:
            column.kind = kind
            schema.notes.append(f"table {table.name}: column {column.name} has {why}")


def creating_mode(db: asyncdb.Connection, mode: str) -> str:
    r"""Return the `sql_mode` in which tables are created, instead of the session's.

    Of a CHECK or DEFAULT with a quote in a string MySQL writes down `\'`, and cannot
    read that again in a session of NO_BACKSLASH_ESCAPES (MariaDB can).
    """
    if db.dialect.flavor == "mariadb":
        return mode
    return ",".join(one for one in mode.split(",") if one != "NO_BACKSLASH_ESCAPES")


async def next_value(db: asyncdb.Connection, table: str, column: Column) -> int:
    """Return the key that an identity would give next; 1 when it cannot be known."""
    del column
    if db.dialect.flavor != "mariadb":  # it answers from a cache of a day's age
        await db.execute("SET SESSION information_schema_stats_expiry = 0")
    sql = """SELECT auto_increment FROM information_schema.tables
        WHERE table_schema = DATABASE() AND table_name = ?"""
    return int(await db.fetchval(sql, [table]) or 1)


async def set_next_value(
    db: asyncdb.Connection, table: str, column: Column, value: int
) -> None:
    """Have an identity go on from a key."""
    del column
    place = asyncdb.quote_identifier(table, db.dialect)
    await db.execute(f"ALTER TABLE {place} AUTO_INCREMENT = {value}")
