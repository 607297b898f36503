"""The target is asked whether it takes what will be made, and nothing of it stays.

PostgreSQL rolls it back, MySQL makes temporary tables, SQLite does it in memory.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncdb
from asyncdb.contrib.copying.declaring import Writer
from asyncdb.contrib.copying.from_mysql import creating_mode
from asyncdb.contrib.copying.schema import Check, Column, Schema, Table


async def try_tables(
    target: asyncdb.Connection,
    schema: Schema,
    made: dict[str, Table],
    writer: Writer,
    lengths: dict[str, dict[str, int]],
) -> None:
    """Take out of the tables what the target refuses, and say so in the schema.

    Args:
        target: where they will be made.
        schema: the source's, whose problems grow.
        made: the tables by the source's names; those refused are taken out.
        writer: writes the statements.
        lengths: see `Writer.index`.
    """
    async with _place(target) as db:
        for name, table in list(made.items()):
            one = _Table(db, schema, writer, name, table)
            if not await one.holds(lengths.get(name, {})):
                del made[name]
    left = {table.name for table in made.values()}
    for name, table in made.items():
        for key in [key for key in table.foreign_keys if key.table not in left]:
            what = f"table {name}: foreign key ({', '.join(key.columns)})"
            schema.problem(what, f"table {key.table} is not copied")
            table.foreign_keys.remove(key)


@asynccontextmanager
async def _place(target: asyncdb.Connection) -> AsyncIterator[asyncdb.Connection]:
    """Give a connection on which what is made does not stay."""
    if target.dialect.name == "sqlite":
        async with asyncdb.connect("sqlite://") as db:
            yield db
    elif target.dialect.supports_transactional_ddl:
        async with target.transaction() as tx:
            yield target
            await tx.rollback()
    else:
        mode = await target.fetchval("SELECT @@sql_mode")
        await target.execute(f"SET SESSION sql_mode = '{creating_mode(target, mode)}'")
        try:
            yield target
        finally:
            if not target.is_closed:
                await target.execute(f"SET SESSION sql_mode = '{mode}'")


class _Table:
    """A table on trial."""

    def __init__(
        self,
        db: asyncdb.Connection,
        schema: Schema,
        writer: Writer,
        name: str,
        table: Table,
    ) -> None:
        self._db = db
        self._schema = schema
        self._writer = writer
        self._name = name
        self._table = table
        self._temporary = not db.dialect.supports_transactional_ddl

    async def holds(self, lengths: dict[str, int]) -> bool:
        """Find what is refused; `False` when it is the table itself."""
        table = self._table
        if await self._refusal() is not None:
            bare = await self._refusal([], defaults=False)
            if bare is not None:
                what = f"table {self._name}"
                self._schema.problem(what, f"the target refuses it: {bare}")
                return False
            await self._find_check()
            await self._find_default()
            again = await self._refusal()
            if again is not None:  # each was taken alone, not all together
                what = f"table {self._name}"
                self._schema.problem(what, f"the target refuses it: {again}")
                return False
        create = self._writer.create(table, temporary=self._temporary, keys=False)
        made = [self._writer.index(table, one, lengths) for one in table.indexes]
        if await self._try([create, *made]) is None:
            return True
        for index in list(table.indexes):
            refused = await self._try(
                [create, self._writer.index(table, index, lengths)]
            )
            if refused is not None:
                what = f"table {self._name}: index {index.name}"
                self._schema.problem(what, f"the target refuses it: {refused}")
                table.indexes.remove(index)
        return True

    async def _find_check(self) -> None:
        table = self._table
        for check in list(table.checks):
            refused = await self._refusal([check], defaults=False)
            if refused is not None:
                what = f"table {self._name}: CHECK ({check.expression})"
                self._schema.problem(what, f"the target refuses it: {refused}")
                table.checks.remove(check)

    async def _find_default(self) -> None:
        defaults = {c.name: c.default for c in self._table.columns if c.default}
        for column in self._table.columns:
            if column.name not in defaults:
                continue
            with _only(self._table, column):
                refused = await self._refusal([])
            if refused is not None:
                where = f"table {self._name}: column {column.name}"
                what = f"{where}: DEFAULT {defaults[column.name].text}"
                self._schema.problem(what, f"the target refuses it: {refused}")
                column.default = None

    async def _refusal(
        self, checks: list[Check] | None = None, *, defaults: bool = True
    ) -> str | None:
        """Return why the target does not take the table; `None` when it does."""
        create = self._writer.create(
            self._table,
            temporary=self._temporary,
            checks=checks,
            defaults=defaults,
            keys=False,
        )
        return await self._try([create])

    async def _try(self, statements: list[str]) -> str | None:
        db = self._db
        refused: str | None = None
        try:
            if self._temporary:
                try:
                    for sql in statements:
                        await db.execute(sql)
                finally:
                    place = self._writer.name(self._table.name)
                    await db.execute(f"DROP TEMPORARY TABLE IF EXISTS {place}")
            else:
                async with db.transaction() as tx:
                    for sql in statements:
                        await db.execute(sql)
                    await tx.rollback()
        except asyncdb.DatabaseError as error:
            stopped = asyncdb.QueryCanceled | asyncdb.StatementTimeout
            if db.is_closed or error.is_transient or isinstance(error, stopped):
                raise
            # Of these statements the server's own words tell of the schema alone.
            refused = (error.diag.message or str(error)).partition("\n")[0]
        return refused


class _only:  # noqa: N801  # it reads as a word
    """For a block, the table has no default but this column's."""

    def __init__(self, table: Table, column: Column) -> None:
        self._others = [one for one in table.columns if one is not column]
        self._kept = [one.default for one in self._others]

    def __enter__(self) -> None:
        for column in self._others:
            column.default = None

    def __exit__(self, *_: object) -> None:
        for column, default in zip(self._others, self._kept, strict=True):
            column.default = default
