"""What a copy will do, before it does anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import asyncdb
from asyncdb.contrib.copying.declaring import Writer
from asyncdb.contrib.copying.fitting import Fitting
from asyncdb.contrib.copying.from_mysql import UNFINISHED
from asyncdb.contrib.copying.loading import Copying, CopyReport, Pair, Progress
from asyncdb.contrib.copying.matching import match_tables
from asyncdb.contrib.copying.ordering import in_circles, in_order
from asyncdb.contrib.copying.outcomes import CopyRefused
from asyncdb.contrib.copying.reading import (
    choose_tables,
    choose_types,
    engine,
    read_schema,
)
from asyncdb.contrib.copying.schema import Problem, Schema
from asyncdb.contrib.copying.trial import try_tables


@dataclass(frozen=True)
class CopyPlan:
    """What `plan_copy()` has found out. Nothing is written yet.

    Args:
        tables: the names of the source's tables, in the order in which they are copied.
        problems: what the target will not have as it is. `run()` refuses while there
            are some, unless `skip_problems=True` accepts what each says instead.
        notes: what is worth knowing, and no reason to refuse.
        statements: what will be sent to the target, beside the rows.
    """

    tables: tuple[str, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    statements: tuple[str, ...]
    _copying: Copying = field(repr=False, compare=False)

    async def run(
        self,
        progress: Callable[[Progress], None] | None = None,
        *,
        skip_problems: bool = False,
        verify: bool = True,
    ) -> CopyReport:
        """Copy. All or nothing: after an error the target is as it was.

        PostgreSQL and SQLite do all of it in one transaction. MySQL cannot: the tables
        that were made are dropped again; if its server (or this process) is gone by
        then, the next copy finds them by their comment and drops them.

        Args:
            progress: is called with a `Progress` after every few thousand rows.
            skip_problems: go on where there are `problems`.
            verify: read all rows of the target again and compare counts and checksums
                with what the source gave, before the end is reached.

        Returns:
            Rows and checksum of each table.

        Raises:
            CopyRefused: there are problems.
            CopyMismatch: the target's rows are not the source's; nothing is left.
            DatabaseError: a database said no; a note names the table.
            DataError: a value does not fit; a note names the table.

        Example:
            >>> import asyncio, asyncdb
            >>> async def main():
            ...     async with (
            ...         asyncdb.connect("sqlite://") as source,
            ...         asyncdb.connect("sqlite://") as target,
            ...     ):
            ...         await source.execute("CREATE TABLE t (a INTEGER)")
            ...         await source.execute("INSERT INTO t VALUES (1)")
            ...         report = await (await plan_copy(source, target)).run()
            ...         return report.rows, await target.fetchval("SELECT a FROM t")
            >>> asyncio.run(main())
            (1, 1)
        """
        if self.problems and not skip_problems:
            raise CopyRefused(self.problems)
        return await self._copying.run(progress, verify=verify)


async def plan_copy(
    source: asyncdb.Connection,
    target: asyncdb.Connection,
    *,
    tables: Sequence[str] | None = None,
    data_only: bool = False,
    types: Mapping[str, str] | None = None,
) -> CopyPlan:
    """Read both catalogues and say what a copy would do; nothing is written.

    To print the plan and not to run it is the dry run.

    Args:
        source: the database to copy: on PostgreSQL the first schema of `search_path`.
        target: where to; another engine, or the same one. It must be empty.
        tables: the names of those to copy; all when `None`. Then the target may have
            others.
        data_only: the target has the tables already, without rows: of each the columns
            that it has are filled.
        types: what the values of a column are, where the source does not tell:
            `{"users.created_at": "datetime, aware"}`, by the names of
            docs/reference/types.md. SQLite's TEXT may be anything.

    Returns:
        The plan: its `problems`, its `statements`, and `run()`.

    Raises:
        CopyRefused: the target is not empty.
        ParameterError: a table or column that is named is not there.
        NotSupportedError: an engine that copying does not know.
        TransactionError: a transaction is open on one of the two.

    Example:
        >>> import asyncio, asyncdb
        >>> async def main():
        ...     async with (
        ...         asyncdb.connect("sqlite://") as source,
        ...         asyncdb.connect("sqlite://") as target,
        ...     ):
        ...         await source.execute("CREATE TABLE t (a INTEGER)")
        ...         await source.execute("CREATE VIEW v AS SELECT a FROM t")
        ...         plan = await plan_copy(source, target)
        ...         return plan.tables, [str(one) for one in plan.problems]
        >>> asyncio.run(main())
        (('t',), ['view v: only tables are copied; left out'])
    """
    for db, which in ((source, "source"), (target, "target")):
        engine(db)
        if db.in_transaction:
            raise asyncdb.TransactionError(f"a transaction is open on the {which}")
    if source is target:
        raise asyncdb.ParameterError("source and target are one connection")
    if isinstance(tables, str):
        raise asyncdb.ParameterError("tables is a list of names, not one text")
    schema = await read_schema(source)
    choose_types(schema, dict(types or {}))
    if tables is not None:
        choose_tables(schema, list(tables))
    there = await read_schema(target)
    if data_only:
        return await _fill(source, target, schema, there)
    return await _make(source, target, schema, there, chosen=tables is not None)


async def _make(
    source: asyncdb.Connection,
    target: asyncdb.Connection,
    schema: Schema,
    there: Schema,
    *,
    chosen: bool,
) -> CopyPlan:
    left = [table.name for table in there.tables if table.unfinished]
    names = [table.name for table in there.tables if not table.unfinished]
    if target.dialect.name != "mysql":
        names, left = names + left, []
    if chosen:
        wanted = {table.name.lower() for table in schema.tables}
        blocking = [name for name in names if name.lower() in wanted]
    else:
        blocking = names
        if there.problems and not names:
            blocking = [one.what for one in there.problems]
    if blocking:
        message = (
            f"the target is not empty: it has {_some(blocking)}; empty it, name other "
            "tables, or fill those that are there with data_only=True "
            "(asyncdb copy --data-only)"
        )
        raise CopyRefused((), message)
    fitting = Fitting(schema, source.dialect, target.dialect, names)
    made = fitting.fit()
    writer = Writer(target.dialect, UNFINISHED)
    await try_tables(target, schema, made, writer, fitting.lengths)
    ordered = in_order(made.values())
    by_new = {table.name: name for name, table in made.items()}
    pairs = []
    for table in ordered:
        own = schema.table(by_new[table.name])
        assert own is not None  # noqa: S101  # the names are the schema's
        pairs.append(Pair(own, table))
    copying = Copying(source, target, pairs)
    copying.leftovers = left
    for table in ordered:
        lengths = fitting.lengths.get(by_new[table.name], {})
        copying.creating[table.name] = writer.create(table)
        copying.finishing += [
            writer.index(table, one, lengths) for one in table.indexes
        ]
    if not writer.inline_keys:
        copying.finishing += [
            writer.add_key(table, key)
            for table in ordered
            for key in table.foreign_keys
        ]
    notes = [*schema.notes]
    if left:
        notes.append(
            f"a copy that came to no end has left {_some(left)}: they will be dropped"
        )
    return CopyPlan(
        tuple(pair.source.name for pair in pairs),
        tuple(schema.problems),
        tuple(notes),
        (*copying.creating.values(), *copying.finishing),
        copying,
    )


async def _fill(
    source: asyncdb.Connection,
    target: asyncdb.Connection,
    schema: Schema,
    there: Schema,
) -> CopyPlan:
    """Plan to fill tables that are there."""
    schema.problems = []  # about what would have to be made
    schema.notes = []
    pairs = match_tables(schema, there)
    full = []
    for pair in pairs:
        place = asyncdb.quote_identifier(pair.target.name, target.dialect)
        if await target.fetchone(f"SELECT 1 FROM {place} LIMIT 1") is not None:
            full.append(pair.target.name)
    if full:
        message = f"the target is not empty: there are rows in {_some(full)}"
        raise CopyRefused((), message)
    tables = in_order(pair.target for pair in pairs)
    if target.dialect.name == "postgresql":
        for name in sorted(in_circles(tables)):
            table = next(one for one in tables if one.name == name)
            if any(not key.deferrable for key in table.foreign_keys):
                why = "its foreign keys go in a circle and not all are DEFERRABLE"
                schema.problem(f"table {name}", why, "tried as it is")
    pairs.sort(
        key=lambda pair: [table.name for table in tables].index(pair.target.name)
    )
    copying = Copying(source, target, pairs)
    copying.into_existing = True
    names = tuple(pair.source.name for pair in pairs)
    return CopyPlan(names, tuple(schema.problems), tuple(schema.notes), (), copying)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
