"""What InnoDB wants of lengths: of keys, of prefixes in indexes, of rows.

https://dev.mysql.com/doc/refman/8.4/en/innodb-limits.html and
https://dev.mysql.com/doc/refman/8.4/en/column-count-limit.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import asyncdb
from asyncdb.contrib.copying.schema import Column, Kind, Schema, Table

_KEY, _ROW = 3072, 60_000  # bytes; a row may have 65,535
_PAGE = 7_900  # bytes of a row in its page; 8,126 in one of 16 KB
_PREFIX = 191  # characters; any row format has so many


def fit_sizes(
    schema: Schema, made: Mapping[str, Table], target: asyncdb.Dialect
) -> dict[str, dict[str, int]]:
    """Bound texts and bytes where they are keys; return what indexes may have of them.

    Args:
        schema: the source's, whose problems and notes grow.
        made: the tables to make, by the source's names.
        target: the engine, whose collation tells all texts apart.
    """
    collation = target.text_column.partition("COLLATE ")[2]
    for table in made.values():
        table.options = f"CHARACTER SET utf8mb4 COLLATE {collation}"
    groups = [(name, *one) for name, t in made.items() for one in _key_groups(t)]
    for name, what, columns in groups:
        open_ended = [one for one in columns if _is_long(one)]
        fixed = sum(_bytes(one) for one in columns if one not in open_ended)
        for column in open_ended:
            share = max(_KEY - fixed, 0) // len(open_ended)
            size = min(share // 4, 768) if column.kind.name == "str" else share
            if size < 16:
                schema.problem(f"table {name}: {what}", "too long for InnoDB", "kept")
                continue
            column.kind = Kind(column.kind.name, size)
            schema.notes.append(
                f"table {name}: column {column.name} is of {what} and becomes one of "
                f"{size} at most; a longer value ends the copy"
            )
    _same_sizes(made)
    lengths = {}
    for name, table in made.items():
        _fit_row(schema, name, table)
        lengths[name] = _prefixes(table)
    return lengths


def _key_groups(table: Table) -> list[tuple[str, list[Column]]]:
    groups = []
    keys = [("the primary key", table.primary.columns)] if table.primary else []
    keys += [("a unique key", key.columns) for key in table.uniques]
    keys += [("a foreign key", key.columns) for key in table.foreign_keys]
    for index in table.indexes:
        if index.unique and not index.alone and not index.where:
            keys.append(("a unique index", tuple(name for name, _ in index.columns)))
    for what, names in keys:
        groups.append((what, [table.column(name) for name in names]))
    return groups


def _same_sizes(made: Mapping[str, Table]) -> None:
    """Give both sides of foreign keys one length: the referenced one's."""
    by_new = {table.name: table for table in made.values()}
    for table in made.values():
        for key in table.foreign_keys:
            for here, there in zip(key.columns, key.referenced, strict=True):
                one, other = table.column(here), by_new[key.table].column(there)
                if one.kind.name in ("str", "bytes"):
                    one.kind = other.kind


def _is_long(column: Column) -> bool:
    if column.kind.name not in ("str", "bytes"):
        return False
    return column.kind.size is None or _bytes(column) > _KEY


def _bytes(column: Column) -> int:
    kind = column.kind
    if kind.name == "str":
        return 4 * (kind.size or 0)
    if kind.name == "bytes":
        return kind.size or 0
    return {"UUID": 144, "Decimal": 30, "dict, list": 12}.get(kind.name, 8)


def _inline(column: Column) -> int:
    """Return how much of a value may have to stand in the row's own page."""
    length = _bytes(column)
    if column.kind.name in ("str", "bytes", "dict, list"):
        # Up to 255 bytes it is never put elsewhere; what is leaves a pointer.
        return length + 1 if 0 < length <= 255 else 20
    return length


def _fit_row(schema: Schema, name: str, table: Table) -> None:
    """Make the longest texts LONGTEXT until a row is short enough."""
    keyed = {one.name for _, columns in _key_groups(table) for one in columns}

    def too_long() -> bool:
        whole = sum(_bytes(one) + 12 for one in table.columns)
        inline = sum(map(_inline, table.columns))
        return whole > _ROW or inline > _PAGE

    free = [one for one in table.columns if one.name not in keyed and one.kind.size]
    free = [one for one in free if one.kind.name in ("str", "bytes")]
    for column in sorted(free, key=_bytes, reverse=True):
        if not too_long():
            return
        column.kind = replace(column.kind, size=None)
        what = f"table {name}: column {column.name}"
        schema.notes.append(f"{what} loses its length: the row would be too long")


def _prefixes(table: Table) -> dict[str, int]:
    """Return how much of its long columns an index may have."""
    found = {}
    for column in table.columns:
        if column.kind.name in ("str", "bytes") and (
            column.kind.size is None or _bytes(column) > 4 * _PREFIX
        ):
            found[column.name] = _PREFIX
    return found
