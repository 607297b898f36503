"""PostgreSQL's catalogue as a schema: the first schema of the session's path."""

from __future__ import annotations

import re
from typing import Any

import asyncdb
from asyncdb.contrib.copying.expressions import default_of, quoted_string
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

_EXTENSION = """NOT EXISTS (SELECT 1 FROM pg_depend d
    WHERE d.classid = '{catalogue}'::regclass AND d.objid = {oid}
        AND d.deptype = 'e')"""
_RELATIONS = f"""
    SELECT c.relname::text AS name, c.relkind::text AS kind,
        c.relrowsecurity AS secured, c.relispartition AS part,
        c.relpersistence::text AS kept,
        EXISTS (SELECT 1 FROM pg_inherits h WHERE h.inhrelid = c.oid) AS heir
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
        AND NOT (c.relkind = 'S' AND EXISTS (SELECT 1 FROM pg_depend d
            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                AND d.deptype IN ('a', 'i')))
        AND {_EXTENSION.format(catalogue="pg_class", oid="c.oid")}
    ORDER BY c.relname"""
_COLUMNS = """
    SELECT c.relname::text AS table_name, a.attname::text AS name,
        format_type(a.atttypid, a.atttypmod) AS declared, t.typname::text AS type_name,
        tn.nspname::text AS type_schema, t.typtype::text AS type_kind,
        format_type(t.typbasetype, t.typtypmod) AS base, a.atttypmod AS modifier,
        t.oid::bigint AS type_oid, a.attnotnull OR t.typnotnull AS filled,
        a.attidentity::text AS identity, a.attgenerated::text AS generated,
        pg_get_expr(d.adbin, d.adrelid) AS default_text,
        pg_get_serial_sequence(quote_ident(n.nspname) || '.' || quote_ident(c.relname),
            a.attname::text) AS sequence
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_type t ON t.oid = a.atttypid
        JOIN pg_namespace tn ON tn.oid = t.typnamespace
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p')
        AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attrelid, a.attnum"""
_LABELS = """
    SELECT e.enumtypid::bigint AS type_oid, e.enumlabel::text AS label FROM pg_enum e
    ORDER BY e.enumtypid, e.enumsortorder"""
_NAMES = """ARRAY(SELECT a.attname::text FROM unnest({numbers}) WITH ORDINALITY u (n, i)
    JOIN pg_attribute a ON a.attrelid = {table} AND a.attnum = u.n ORDER BY u.i)"""
_CONSTRAINTS = f"""
    SELECT c.relname::text AS table_name, k.conname::text AS name,
        k.contype::text AS kind, pg_get_constraintdef(k.oid) AS definition,
        pg_get_expr(k.conbin, k.conrelid) AS expression,
        k.condeferrable AS deferrable, k.condeferred AS deferred,
        k.confdeltype::text AS on_delete, k.confupdtype::text AS on_update,
        k.confmatchtype::text AS matching, f.relname::text AS referenced_table,
        fn.nspname::text AS referenced_schema, current_schema()::text AS here,
        {_NAMES.format(numbers="k.conkey", table="k.conrelid")} AS columns,
        {_NAMES.format(numbers="k.confkey", table="k.confrelid")} AS referenced
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_class f ON f.oid = k.confrelid
        LEFT JOIN pg_namespace fn ON fn.oid = f.relnamespace
    WHERE n.nspname = current_schema() AND k.contype IN ('p', 'u', 'c', 'f', 'x')
        AND c.relkind IN ('r', 'p') AND (k.contype <> 'f' OR k.conparentid = 0)
    ORDER BY c.relname, k.conname"""
_INDEXES = f"""
    SELECT c.relname::text AS table_name, x.relname::text AS name,
        i.indisunique AS "unique", am.amname::text AS method, i.indisvalid AS valid,
        pg_get_expr(i.indpred, i.indrelid) AS predicate,
        i.indexprs IS NOT NULL AS computed, pg_get_indexdef(i.indexrelid) AS definition,
        i.indnkeyatts::int AS width, i.indoption::int2[] AS options,
        {_NAMES.format(numbers="i.indkey::int2[]", table="i.indrelid")} AS columns
    FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
        JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am am ON am.oid = x.relam
        JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p')
        AND NOT EXISTS (SELECT 1 FROM pg_constraint k
            WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
    ORDER BY c.relname, x.relname"""
_OTHERS = f"""
    SELECT 'trigger' AS what, t.tgname::text AS name, c.relname::text AS of
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = current_schema() AND NOT t.tgisinternal
    UNION ALL
    SELECT CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END,
        p.proname::text, NULL
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = current_schema()
        AND {_EXTENSION.format(catalogue="pg_proc", oid="p.oid")}
    UNION ALL
    SELECT 'rule', r.rulename::text, c.relname::text
    FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
        JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p')
    ORDER BY 1, 2"""
_ELSEWHERE = """
    SELECT n.nspname::text AS name, count(*) AS tables
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND n.nspname <> current_schema()
        AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    GROUP BY 1 ORDER BY 1"""

_KINDS = {
    "bool": Kind("bool"),
    "int2": Kind("int", 16),
    "int4": Kind("int", 32),
    "int8": Kind("int", 64),
    "oid": Kind("int", 64),
    "float4": Kind("float", 32),
    "float8": Kind("float", 64),
    "numeric": Kind("Decimal"),
    "text": Kind("str"),
    "varchar": Kind("str"),
    "bpchar": Kind("str"),
    "name": Kind("str", 63),
    "citext": Kind("str"),
    "bytea": Kind("bytes"),
    "date": Kind("date"),
    "time": Kind("time"),
    "timestamp": Kind("datetime, naive"),
    "timestamptz": Kind("datetime, aware"),
    "interval": Kind("timedelta"),
    "uuid": Kind("UUID"),
    "json": Kind("dict, list"),
    "jsonb": Kind("dict, list"),
}
# Of PostgreSQL's own types those that go from one PostgreSQL to another as they are.
_OWN = frozenset(["inet", "cidr", "macaddr", "macaddr8"])
_ACTIONS = {
    "a": "NO ACTION",
    "r": "RESTRICT",
    "c": "CASCADE",
    "n": "SET NULL",
    "d": "SET DEFAULT",
}
_RELATION_KINDS = {
    "v": "view",
    "m": "materialized view",
    "f": "foreign table",
    "S": "sequence",
}


async def read(db: asyncdb.Connection) -> Schema:
    """Return the schema of the database, without looking at a row."""
    schema = Schema()
    for row in await db.fetchall(_RELATIONS):
        _relation(schema, row)
    labels: dict[int, list[str]] = {}
    for row in await db.fetchall(_LABELS):
        labels.setdefault(row["type_oid"], []).append(row["label"])
    for row in await db.fetchall(_COLUMNS):
        table = schema.table(row["table_name"])
        if table is not None:
            table.columns.append(
                _column(schema, row, tuple(labels.get(row["type_oid"], ())))
            )
    for row in await db.fetchall(_CONSTRAINTS):
        table = schema.table(row["table_name"])
        if table is not None:
            _constraint(schema, table, row)
    for row in await db.fetchall(_INDEXES):
        table = schema.table(row["table_name"])
        if table is not None:
            _index(table, row)
    for row in await db.fetchall(_OTHERS):
        where = f" of table {row['of']}" if row["of"] else ""
        schema.problem(f"{row['what']} {row['name']}{where}", "code is not copied")
    for row in await db.fetchall(_ELSEWHERE):
        schema.notes.append(
            f"schema {row['name']} ({row['tables']} tables) is not looked at: it is "
            "not the first of search_path"
        )
    return schema


def _relation(schema: Schema, row: Any) -> None:
    name = row["name"]
    if row["kind"] not in ("r", "p"):
        schema.problem(
            f"{_RELATION_KINDS[row['kind']]} {name}", "only tables are copied"
        )
        return
    if row["part"]:
        return  # its rows are read from the whole
    schema.tables.append(Table(name, only=row["kind"] == "r"))
    if row["kind"] == "p":
        what = f"table {name}: partitions"
        schema.problem(what, "the target gets one table", "it has all rows")
    elif row["heir"]:
        what = f"table {name}: inheritance"
        schema.problem(what, "it is of PostgreSQL", "a table of its own, its own rows")
    if row["secured"]:
        schema.problem(f"table {name}: row security", "policies are not copied")
    if row["kept"] == "u":
        schema.notes.append(f"table {name} is UNLOGGED; the copy is an ordinary one")


def _column(schema: Schema, row: Any, labels: tuple[str, ...]) -> Column:
    name, where = row["name"], f"table {row['table_name']}: column {row['name']}"
    declared, type_name = row["declared"], row["type_name"]
    read = '"' + name.replace('"', '""') + '"'
    own_type = row["type_schema"] != "pg_catalog" and type_name != "citext"
    column = Column(name, Kind("other"), declared, not row["filled"], read=read)
    if row["type_kind"] == "d":
        why = f"a domain ({declared}) is of PostgreSQL"
        schema.problem(where, why, f"becomes {row['base']} without the domain's checks")
        column.declared = declared = row["base"]
        type_name = _internal(declared)
        own_type = False
    if labels:
        column.choices = labels
        column.declared = "text"
        column.kind = Kind("str", max(map(len, labels)))
        column.read = f"{read}::text"
        schema.notes.append(f"{where} is of an ENUM; it becomes text with a CHECK")
    elif not own_type and type_name in _KINDS:
        column.kind = _sized(_KINDS[type_name], declared)
        if type_name in ("json", "jsonb", "bpchar", "name", "citext"):
            column.read = f"{read}::text"
        if type_name == "oid":
            column.read = f"{read}::bigint"
        if type_name == "citext":
            column.declared = "text"
            schema.problem(where, "citext compares without case", "becomes text")
    elif not own_type and (
        type_name in _OWN
        or (type_name[0] == "_" and type_name[1:] in {*_KINDS} - {"json", "jsonb"})
    ):
        column.alone = True
    else:
        column.declared, column.kind, column.read = "text", Kind("str"), f"{read}::text"
        schema.problem(where, f"type {declared} is not portable", "becomes text")
    _values(schema, column, row, where)
    return column


def _values(schema: Schema, column: Column, row: Any, where: str) -> None:
    """Fill in what makes the values of a column: identity, default, expression."""
    text = row["default_text"]
    if row["generated"]:
        column.generated = True
        schema.problem(
            where, "it is GENERATED from others", "an ordinary one, values copied"
        )
    elif row["identity"] or (row["sequence"] and (text or "").startswith("nextval(")):
        column.identity = True
        column.always = row["identity"] == "a"
        column.sequence = row["sequence"] or ""
    else:
        column.default = default_of(text)
        if column.choices and text is not None:
            column.default = _label(text)


def _label(text: str) -> Default | None:
    match = re.match(r"'((?:[^']|'')*)'::", text)
    value = match[1].replace("''", "'") if match else None
    if value is None:
        return None
    return Default(quoted_string(value), literal=True, value=value)


def _internal(declared: str) -> str:
    """Return the name of the type that a domain is made of."""
    words = re.sub(r"\(.*?\)", "", declared).strip()
    return {
        "boolean": "bool",
        "smallint": "int2",
        "integer": "int4",
        "bigint": "int8",
        "real": "float4",
        "double precision": "float8",
        "character varying": "varchar",
        "character": "bpchar",
        "timestamp without time zone": "timestamp",
        "timestamp with time zone": "timestamptz",
        "time without time zone": "time",
    }.get(words, words)


def _sized(kind: Kind, declared: str) -> Kind:
    match = re.search(r"\((-?\d+)(?:,(-?\d+))?\)", declared)
    if match is None or kind.name not in ("str", "Decimal"):
        return kind
    size, scale = int(match[1]), int(match[2] or 0)
    if kind.name == "Decimal" and not 0 <= scale <= size:
        return kind  # PostgreSQL 15 lets the point stand outside of the digits
    return Kind(kind.name, size, scale if kind.name == "Decimal" else None)


def _constraint(schema: Schema, table: Table, row: Any) -> None:
    name, columns = row["name"], tuple(row["columns"])
    where = f"table {table.name}: constraint {name}"
    deferrable = ""
    if row["deferrable"]:
        moment = "DEFERRED" if row["deferred"] else "IMMEDIATE"
        deferrable = f"DEFERRABLE INITIALLY {moment}"
    if row["kind"] in "pu" and deferrable:
        schema.problem(where, "a deferrable key", "becomes one that is not")
    if "NULLS NOT DISTINCT" in row["definition"]:
        schema.problem(where, "NULLS NOT DISTINCT", "NULLs are distinct")
    if row["kind"] == "p":
        table.primary = Key(columns, name)
    elif row["kind"] == "u":
        table.uniques.append(Key(columns, name))
    elif row["kind"] == "c":
        table.checks.append(Check(row["expression"], name))
    elif row["kind"] == "x":
        schema.problem(where, "EXCLUDE is of PostgreSQL")
    elif row["referenced_schema"] != row["here"]:
        schema.problem(where, "it refers to a table of another schema")
    else:
        if row["matching"] == "f":
            schema.problem(where, "MATCH FULL", "becomes MATCH SIMPLE")
        table.foreign_keys.append(
            ForeignKey(
                columns,
                row["referenced_table"],
                tuple(row["referenced"]),
                name,
                _ACTIONS[row["on_delete"]],
                _ACTIONS[row["on_update"]],
                deferrable,
            )
        )


def _index(table: Table, row: Any) -> None:
    width, names = row["width"], row["columns"]
    options = list(row["options"] or ()) + [0] * width
    columns = [(name, bool(options[at] & 1)) for at, name in enumerate(names[:width])]
    alone = ""
    if row["computed"]:
        alone = "an index on an expression"
    elif row["method"] != "btree":
        alone = f"an index of type {row['method']}"
    elif "NULLS NOT DISTINCT" in row["definition"]:
        alone = "NULLS NOT DISTINCT"
    where = row["predicate"] or ""
    found = Index(row["name"], columns, row["unique"], where, alone=alone)
    found.native = _native(row["definition"])
    table.indexes.append(found)


def _native(definition: str) -> str:
    """Return CREATE INDEX without the schema of its table, for another one."""
    name = r'(?:"(?:[^"]|"")+"|[\w$]+)'
    return re.sub(rf"( ON (?:ONLY )?){name}\.({name} USING )", r"\1\2", definition)


async def next_value(db: asyncdb.Connection, table: str, column: Column) -> int:
    """Return the key that an identity would give next; 1 when it cannot be known."""
    del table
    if not column.sequence:
        return 1
    sql = f"SELECT last_value, is_called FROM {column.sequence}"
    row = await db.fetchone(sql)
    return 1 if row is None else row[0] + bool(row[1])


async def set_next_value(
    db: asyncdb.Connection, table: str, column: Column, value: int
) -> None:
    """Have an identity go on from a key."""
    place = f"quote_ident(current_schema()) || {quoted_string('.' + _quote(table))}"
    sequence = f"pg_get_serial_sequence({place}, {quoted_string(column.name)})"
    await db.execute(f"SELECT setval({sequence}, {value}, false)")


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
