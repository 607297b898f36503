"""Tables that are there already, and what of the source goes into which column."""

from __future__ import annotations

from dataclasses import replace

import asyncdb
from asyncdb.contrib.copying.loading import Pair
from asyncdb.contrib.copying.schema import Column, Kind, Schema, Table

# What may hold any value in another form; the other side knows better what it is.
_VAGUE = frozenset(["str", "int", "float", "bytes", "other"])


def match_tables(schema: Schema, there: Schema) -> list[Pair]:
    """Return the source's tables with those of the target, column by column.

    Args:
        schema: the source's; its problems grow.
        there: the target's.

    Raises:
        ParameterError: there is no column in common.
    """
    pairs = []
    for source in schema.tables:
        names = {table.name: table for table in there.tables}
        names |= {table.name.lower(): table for table in there.tables} | names
        target = names.get(source.name) or names.get(source.name.lower())
        if target is None:
            schema.problem(f"table {source.name}", "the target does not have it")
            continue
        pairs.append(_match(schema, source, target))
    return pairs


def _match(schema: Schema, source: Table, target: Table) -> Pair:
    names = {column.name.lower(): column for column in target.columns}
    names |= {column.name: column for column in target.columns}
    here: list[Column] = []
    there: list[Column] = []
    for column in source.columns:
        found = names.get(column.name) or names.get(column.name.lower())
        where = f"table {source.name}: column {column.name}"
        if found is None:
            schema.problem(where, "the target does not have it")
        elif found.generated:
            schema.notes.append(f"{where} is GENERATED in the target")
        else:
            kind = _kind(column.kind, found.kind)
            here.append(replace(column, kind=kind))
            there.append(replace(found, kind=kind))
    for column in target.columns:
        needed = not (column.nullable or column.default or column.identity)
        if (
            needed
            and not column.generated
            and all(column.name != c.name for c in there)
        ):
            where = f"table {target.name}: column {column.name} of the target"
            schema.problem(where, "the source has nothing for it", "stays without")
    if not there:
        message = f"table {source.name}: source and target have no column in common"
        raise asyncdb.ParameterError(message)
    return Pair(replace(source, columns=here), replace(target, columns=there))


def _kind(source: Kind, target: Kind) -> Kind:
    """Return what the values are on their way."""
    if source.name in _VAGUE and target.name not in _VAGUE:
        return replace(target, size=None, scale=None)
    return source
