"""A schema in an engine's words: column types, CREATE TABLE, CREATE INDEX, keys."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

import asyncdb
from asyncdb.contrib.copying.expressions import quoted_string
from asyncdb.contrib.copying.schema import (
    Check,
    Column,
    Default,
    ForeignKey,
    Index,
    Kind,
    Table,
)

# Texts and bytes of MySQL that may be declared with a length at all.
_VARCHAR, _VARBINARY = 16_383, 65_535
# SQLite's types are free words. These are stored as docs/reference/types.md says, by
# SQLite's rules for the words in them, and a copy back reads what they are.
_SQLITE = {
    "bool": "BOOLEAN",
    "int": "INTEGER",
    "float": "REAL",
    "Decimal": "DECIMAL_TEXT",
    "str": "TEXT",
    "bytes": "BLOB",
    "date": "DATE",
    "time": "TIME",
    "datetime, naive": "DATETIME",
    "datetime, aware": "TIMESTAMPTZ",
    "timedelta": "INTERVAL",
    "UUID": "UUID",
    "dict, list": "JSON_TEXT",
}


class NoLiteralError(Exception):
    """A default that the target cannot have."""


def declare(kind: Kind, target: asyncdb.Dialect) -> str:
    """Return the column type to declare for values of a kind.

    Args:
        kind: of one of the portable names.
        target: the engine.

    Example:
        >>> from asyncdb.dialect import Dialect
        >>> declare(Kind("Decimal", 20, 4), Dialect(name="sqlite"))
        'DECIMAL_TEXT(20, 4)'
    """
    name, size = kind.name, kind.size
    if target.name == "sqlite":
        declared = _SQLITE[name]
        if name == "Decimal" and size is not None:
            return f"{declared}({size}, {kind.scale or 0})"
        return f"VARCHAR({size})" if name == "str" and size is not None else declared
    declared = target.column_types[name]
    if name == "Decimal" and fits_decimal(kind, target) and size is not None:
        word = "NUMERIC" if target.name == "postgresql" else "DECIMAL"
        return f"{word}({size}, {kind.scale or 0})"
    if name == "int" and (size or 64) < 64:
        unsigned = " UNSIGNED" if kind.unsigned and target.name == "mysql" else ""
        if kind.unsigned and not unsigned:
            size = (size or 0) * 2
        words = {16: "SMALLINT", 32: "INTEGER"}
        return words.get(size or 0, declared) + unsigned
    if name == "float" and size == 32:
        return "REAL" if target.name == "postgresql" else "FLOAT"
    if name == "str" and size is not None:
        if target.name == "postgresql" or size <= _VARCHAR:
            return f"VARCHAR({max(size, 1)})"
    elif name == "bytes" and size is not None and target.name == "mysql":
        return f"VARBINARY({size})" if size <= _VARBINARY else declared
    return declared


def fits_decimal(kind: Kind, target: asyncdb.Dialect) -> bool:
    """Whether the engine has a column for all Decimals of a kind."""
    if target.name != "mysql":
        return True
    return kind.size is not None and kind.size <= 65 and (kind.scale or 0) <= 30


def reading(column: Column, target: asyncdb.Dialect) -> str:
    """Return the expression that reads a column that `declare()` has declared."""
    name = asyncdb.quote_identifier(column.name, target)
    if column.kind.name == "dict, list":
        if target.name == "postgresql":
            return f"{name}::text"
        if target.name == "mysql" and target.flavor != "mariadb":
            return f"CAST({name} AS CHAR CHARACTER SET utf8mb4)"
    if column.kind == Kind("float", 32) and target.name == "mysql":
        return f"({name} + 0e0)"
    return name


def default_text(default: Default, kind: Kind, target: asyncdb.Dialect) -> str:
    """Return what stands behind DEFAULT.

    Raises:
        NoLiteralError: it is no value, or none that the column could have.
    """
    if default.now:
        return _now(kind, target)
    if not default.literal:
        raise NoLiteralError
    try:
        text = _literal(default.value, kind, target)
    except (ValueError, InvalidOperation):
        raise NoLiteralError from None
    if target.name == "mysql" and declare(kind, target).startswith(("LONG", "JSON")):
        return f"({text})"
    return text


def _now(kind: Kind, target: asyncdb.Dialect) -> str:
    if kind.name == "date":
        return "(CURRENT_DATE)"
    if kind.name not in ("datetime, naive", "datetime, aware"):
        raise NoLiteralError
    if target.name == "mysql":
        return "CURRENT_TIMESTAMP(6)"
    if target.name == "sqlite" and kind.name.endswith("aware"):
        return "(strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'))"
    return "CURRENT_TIMESTAMP"


def _literal(
    value: str | int | bool | bytes | None, kind: Kind, target: asyncdb.Dialect
) -> str:
    name = kind.name
    if name == "bool":
        true = str(value).lower() in ("1", "true", "t", "yes", "on")
        if target.name == "postgresql":
            return "TRUE" if true else "FALSE"
        return "1" if true else "0"
    if name == "int":
        return str(int(value or 0))
    if name in ("float", "Decimal"):
        number = Decimal(int(value) if isinstance(value, bool) else str(value))
        if not number.is_finite():
            raise NoLiteralError
        return f"{number:f}"
    if name == "bytes":
        found = value if isinstance(value, bytes) else _bytes(str(value))
        word = "'\\x{}'" if target.name == "postgresql" else "X'{}'"
        return word.format(found.hex())
    if name == "timedelta" or isinstance(value, bytes):
        raise NoLiteralError
    text = str(value)
    if name.startswith("datetime"):
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC)
            moment = moment.replace(tzinfo=None) if target.name == "mysql" else moment
        text = moment.isoformat(" ")
    if "\\" in text and target.name == "mysql" and target.flavor != "mariadb":
        return f"_utf8mb4 X'{text.encode().hex()}'"
    return quoted_string(text)


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:]) if text.startswith("\\x") else text.encode()


# -- statements ------------------------------------------------------------------------


class Writer:
    """Writes statements for an engine.

    Args:
        target: the engine.
        comment: what a table says of itself while it is being filled (MySQL).
    """

    def __init__(self, target: asyncdb.Dialect, comment: str) -> None:
        self._target = target
        self._comment = comment
        self.inline_keys = target.name == "sqlite"
        """Foreign keys are made with the table: later it cannot be done."""

    def name(self, name: str) -> str:
        """Return a name, quoted."""
        return asyncdb.quote_identifier(name, self._target)

    def _names(self, names: Iterable[str]) -> str:
        return ", ".join(map(self.name, names))

    def create(
        self,
        table: Table,
        *,
        temporary: bool = False,
        checks: list[Check] | None = None,
        defaults: bool = True,
        keys: bool = True,
    ) -> str:
        """Return CREATE TABLE.

        Args:
            table: what to make; its types, defaults and checks are the engine's words.
            temporary: for a trial.
            checks: these instead of the table's.
            defaults: with those of its columns.
            keys: with its foreign keys, where they belong here.
        """
        primary = table.primary.columns if table.primary else ()
        lines = []
        for column in table.columns:
            line = f"{self.name(column.name)} {column.declared}"
            if column.identity and self._target.name == "sqlite":
                line += " PRIMARY KEY" + (" AUTOINCREMENT" if column.always else "")
                primary = ()
            elif not column.nullable:
                line += " NOT NULL"
            elif column.declared.startswith(("TIMESTAMP(", "timestamp")):
                line += " NULL"  # before MariaDB 10.10 it would not be
            if column.identity:
                line += self._identity(column)
            elif column.default is not None and defaults:
                line += f" DEFAULT {column.default.text}"
            lines.append(line)
        if primary:
            lines.append(f"PRIMARY KEY ({self._names(primary)})")
        lines += [
            f"{self._named(key.name)}UNIQUE ({self._names(key.columns)})"
            for key in table.uniques
        ]
        lines += [
            f"{self._named(check.name)}CHECK ({check.expression})"
            for check in (table.checks if checks is None else checks)
        ]
        if self.inline_keys and keys:
            lines += [self._references(key) for key in table.foreign_keys]
        word = "TEMPORARY TABLE" if temporary else "TABLE"
        text = f"CREATE {word} {self.name(table.name)} (\n  " + ",\n  ".join(lines)
        return f"{text}\n)" + self._options(table, temporary=temporary)

    def _identity(self, column: Column) -> str:
        if self._target.name == "postgresql":
            how = "ALWAYS" if column.always else "BY DEFAULT"
            return f" GENERATED {how} AS IDENTITY"
        return " AUTO_INCREMENT" if self._target.name == "mysql" else ""

    def _options(self, table: Table, *, temporary: bool) -> str:
        if self._target.name != "mysql":
            return f" {table.options}" if table.options else ""
        comment = "" if temporary else f" COMMENT = {quoted_string(self._comment)}"
        return f" ENGINE = InnoDB {table.options}{comment}"

    def _named(self, name: str) -> str:
        return f"CONSTRAINT {self.name(name)} " if name else ""

    def _references(self, key: ForeignKey) -> str:
        text = (
            f"{self._named(key.name)}FOREIGN KEY ({self._names(key.columns)}) "
            f"REFERENCES {self.name(key.table)} ({self._names(key.referenced)})"
        )
        for event, action in (("DELETE", key.on_delete), ("UPDATE", key.on_update)):
            if action != "NO ACTION":
                text += f" ON {event} {action}"
        return f"{text} {key.deferrable}".rstrip()

    def add_key(self, table: Table, key: ForeignKey) -> str:
        """Return ALTER TABLE that adds a foreign key."""
        return f"ALTER TABLE {self.name(table.name)} ADD {self._references(key)}"

    def index(self, table: Table, index: Index, lengths: dict[str, int]) -> str:
        """Return CREATE INDEX; `lengths` of the columns that only begin in it."""
        if index.native:
            return index.native
        parts = []
        for name, downwards in index.columns:
            cut = name in lengths and not index.unique
            length = f"({lengths[name]})" if cut else ""
            parts.append(self.name(name) + length + (" DESC" if downwards else ""))
        unique = "UNIQUE " if index.unique else ""
        where = f" WHERE {index.where}" if index.where else ""
        return (
            f"CREATE {unique}INDEX {self.name(index.name)} "
            f"ON {self.name(table.name)} ({', '.join(parts)}){where}"
        )

    def drop(self, table: str) -> str:
        """Return DROP TABLE."""
        return f"DROP TABLE IF EXISTS {self.name(table)}"

    def select(self, table: Table) -> str:
        """Return SELECT of all columns as they are read."""
        columns = ", ".join(column.read for column in table.columns)
        return f"SELECT {columns} FROM {self.name(table.name)}"
