"""Values of a call, bound as SQLAlchemy's types say; used by `contrib.sqlalchemy`."""

from __future__ import annotations

from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from itertools import chain
from typing import Any

from sqlalchemy import Column, Executable, Table

import asyncdb
from asyncdb.connection import Params
from asyncdb.contrib._compiling import Ready, compiler_for


def bind(
    facts: asyncdb.Dialect, statement: Executable, params: Params
) -> tuple[Ready, str, Any]:
    if params is not None and not isinstance(params, Mapping):
        message = "the parameters of a statement are a mapping of names to values"
        raise asyncdb.ParameterError(message)
    ready, own = compiler_for(facts).ready(statement, list(params or ()))
    return (ready, *ready.bind(params, own))


async def bind_many(
    facts: asyncdb.Dialect, statement: Executable, rows: Any
) -> tuple[Ready, Any]:
    """Compile for the names of the first row, and bind the rows as they come."""
    following: Any
    if isinstance(rows, AsyncIterable):
        following = aiter(rows)
        first = await anext(following, None)
    else:
        following = iter(rows)
        first = next(following, None)
    names = list(_mapping(first)) if first is not None else []
    ready, own = compiler_for(facts).ready(statement, names, many=True)
    if first is None:
        return ready, []

    def bound(row: Any) -> Any:
        if _mapping(row).keys() != first.keys():
            raise asyncdb.ParameterError("all rows have the names of the first one")
        return ready.bind(row, own)[1]

    if isinstance(rows, AsyncIterable):
        return ready, _each_async(bound, following, first)
    return ready, map(bound, chain([first], following))


async def _each_async(
    bound: Callable[[Any], Any], rows: AsyncIterable[Any], *first: Any
) -> AsyncIterator[Any]:
    for row in first:
        yield bound(row)
    async for row in rows:
        yield bound(row)


def _mapping(row: Any) -> Mapping[str, Any]:
    if isinstance(row, Mapping):
        return row
    raise asyncdb.ParameterError(f"a row is a mapping, not {type(row).__name__}")


def bind_load(
    facts: asyncdb.Dialect,
    table: Table,
    columns: Sequence[str | Column[Any]],
    rows: Iterable[Any] | AsyncIterable[Any],
) -> tuple[Sequence[str], Sequence[str], Any]:
    """Bind the rows of `load_rows()` by the types of a table's columns.

    Args:
        facts: about the database.
        table: of SQLAlchemy.
        columns: its columns, or their keys.
        rows: sequences.

    Returns:
        The parts of the table's name, the columns' names, and the rows.
    """
    if isinstance(columns, str) or not columns:
        message = "columns is a list of columns, one for each value of a row"
        raise asyncdb.ParameterError(message)
    dialect = compiler_for(facts).dialect
    found: list[Column[Any]] = []
    for column in columns:
        key = column if isinstance(column, str) else column.key
        if key not in table.c:
            raise asyncdb.ParameterError(f"{table.name} has no column {key}")
        found.append(table.c[key])
    for column in found:
        if column.type.dialect_impl(dialect)._has_bind_expression:
            message = f"the type of {column.name} needs SQL round its values"
            hint = "use executemany() with an INSERT"
            raise asyncdb.NotSupportedError(f"{message}: {hint}")
    binders = [column.type._cached_bind_processor(dialect) for column in found]
    parts = [table.schema, table.name] if table.schema else [table.name]
    names = [column.name for column in found]
    if not any(binders):
        return parts, names, rows

    def bound(row: Any) -> Any:
        if not isinstance(row, Sequence) or len(row) != len(binders):
            return row  # load_rows() says what is wrong with it
        return [v if b is None else b(v) for b, v in zip(binders, row, strict=True)]

    if isinstance(rows, AsyncIterable):
        return parts, names, _each_async(bound, rows)
    return parts, names, map(bound, rows)
