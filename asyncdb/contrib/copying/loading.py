"""The copy itself: rows out of one database and into another, in constant memory."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from types import GenericAlias
from typing import Any, Literal, Optional

import asyncdb
from asyncdb.contrib.copying.checksums import Checksum
from asyncdb.contrib.copying.from_mysql import creating_mode
from asyncdb.contrib.copying.outcomes import CopyMismatch, CopyRefused
from asyncdb.contrib.copying.reading import engine
from asyncdb.contrib.copying.schema import PYTHON_TYPES, Table

_BATCH = 1000
# On MySQL, where the tables of a copy that was broken off are found and dropped.
_ONE_AT_A_TIME = "CONCAT('asyncdb.copy.', LEFT(SHA2(DATABASE(), 256), 40))"
_REPORT = 5000  # rows between two calls of `progress`


@dataclass(frozen=True)
class Progress:
    """How far a copy is.

    Args:
        phase: `"rows"`, `"indexes"` (foreign keys too) or `"check"` (rows read again).
        table: the one in hand, as the source calls it.
        done: rows that are through in this phase, of all tables.
        total: rows of all tables.
        seconds: since the copy began.
    """

    phase: Literal["rows", "indexes", "check"]
    table: str
    done: int
    total: int
    seconds: float


@dataclass(frozen=True)
class CopiedTable:
    """A table that was copied: its name at the source, its rows, their checksum.

    The checksum is that of the values, whatever the engine and the order of rows; the
    empty text when nothing was compared.
    """

    name: str
    rows: int
    checksum: str


@dataclass(frozen=True)
class CopyReport:
    """What a copy has done.

    Args:
        tables: each table.
        seconds: how long it took.
        verified: counts and checksums were compared.
    """

    tables: tuple[CopiedTable, ...]
    seconds: float
    verified: bool

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(table.rows for table in self.tables)


@dataclass(frozen=True)
class Pair:
    """A table of the source, and the one it becomes; their columns go side by side."""

    source: Table
    target: Table


class Copying:
    """Copies tables.

    Args:
        source: where from.
        target: where to.
        pairs: the tables, in order.
    """

    def __init__(
        self, source: asyncdb.Connection, target: asyncdb.Connection, pairs: list[Pair]
    ) -> None:
        self._source = source
        self._target = target
        self._pairs = pairs
        self.into_existing = False
        """The tables are there."""
        self.creating: dict[str, str] = {}
        """The target's name of a table -> CREATE TABLE."""
        self.finishing: list[str] = []
        """What follows the rows."""
        self.leftovers: list[str] = []
        """Tables of the target that another copy has left half full."""
        self._made: list[str] = []
        self._afterwards: list[Callable[[], Awaitable[None]]] = []
        self._progress: Callable[[Progress], None] | None = None
        self._began = 0.0
        self._done = self._total = 0

    async def run(
        self, progress: Callable[[Progress], None] | None, *, verify: bool
    ) -> CopyReport:
        """Copy, compare, and keep all of it or nothing."""
        self._progress, self._began = progress, time.monotonic()
        self._done = self._total = 0
        self._made, self._afterwards = [], []
        source = self._source.transaction(isolation="repeatable read", readonly=True)
        async with source:
            await self._count()
            async with self._prepared(), self._kept_or_not():
                sums = [await self._copy(pair, verify=verify) for pair in self._pairs]
                await self._finish()
                if verify:
                    await self._verify(sums)
        tables = tuple(
            CopiedTable(pair.source.name, one.rows, one.text if verify else "")
            for pair, one in zip(self._pairs, sums, strict=True)
        )
        return CopyReport(tables, time.monotonic() - self._began, verify)

    async def _count(self) -> None:
        for pair in self._pairs:
            place = _rows_of(pair.source, self._source)
            sql = f"SELECT count(*) FROM {place}"
            self._total += await self._source.fetchval(sql, into=int) or 0

    def _tell(self, phase: Literal["rows", "indexes", "check"], table: str) -> None:
        if self._progress is not None:
            seconds = time.monotonic() - self._began
            self._progress(Progress(phase, table, self._done, self._total, seconds))

    # -- rows --------------------------------------------------------------------------

    async def _copy(self, pair: Pair, *, verify: bool) -> Checksum:
        created = self.creating.get(pair.target.name)
        summed = Checksum([c.kind for c in pair.target.columns] if verify else [])
        try:
            if created is not None:
                await self._target.execute(created)
                self._made.append(pair.target.name)
            self._tell("rows", pair.source.name)
            names = [column.name for column in pair.target.columns]
            async with aclosing(self._rows(pair, summed, verify=verify)) as rows:
                await self._target.load_rows(pair.target.name, names, rows)
            await self._go_on(pair)
        except asyncdb.Error as error:
            error.add_note(f"while table {pair.source.name} was copied")
            raise
        self._tell("rows", pair.source.name)
        return summed

    async def _rows(
        self, pair: Pair, summed: Checksum, *, verify: bool
    ) -> AsyncGenerator[tuple[Any, ...]]:
        name = pair.source.name
        async for batch in self._batches(self._source, pair.source, pair):
            if verify:
                summed.add(batch)
            else:
                summed.rows += len(batch)
            for row in batch:
                yield row
            self._done += len(batch)
            if self._done // _REPORT != (self._done - len(batch)) // _REPORT:
                self._tell("rows", name)

    async def _batches(
        self, db: asyncdb.Connection, table: Table, pair: Pair
    ) -> AsyncGenerator[list[tuple[Any, ...]]]:
        """Read a table of either side in pieces."""
        columns = ", ".join(column.read for column in table.columns)
        place = _rows_of(table, db)
        kinds = [PYTHON_TYPES[column.kind.name] for column in pair.target.columns]
        # What the columns are is known only while running.
        into: Any = GenericAlias(tuple, tuple(Optional[kind] for kind in kinds))  # noqa: UP045
        size = max(1, min(_BATCH, 20_000 // len(kinds)))
        sql = f"SELECT {columns} FROM {place}"
        async with db.stream(sql, into=into, batch=size) as rows:
            while batch := await rows.fetchmany():
                yield batch

    async def _go_on(self, pair: Pair) -> None:
        """Have the target's identity give what the source's would have given next."""
        for own, column in zip(pair.source.columns, pair.target.columns, strict=True):
            if not column.identity:
                continue
            here, there = engine(self._source), engine(self._target)
            following = 1
            if own.identity:
                following = await here.next_value(self._source, pair.source.name, own)
            place = asyncdb.quote_identifier(pair.target.name, self._target.dialect)
            name = asyncdb.quote_identifier(column.name, self._target.dialect)
            last = await self._target.fetchval(f"SELECT max({name}) FROM {place}")
            following = max(following, int(last or 0) + 1)
            args = (self._target, pair.target.name, column, following)
            if self._target.dialect.supports_transactional_ddl:
                await there.set_next_value(*args)
            else:  # it commits
                self._afterwards.append(partial(there.set_next_value, *args))

    # -- before and after --------------------------------------------------------------

    @asynccontextmanager
    async def _prepared(self) -> AsyncIterator[None]:
        """Give the target's session what a load needs, and take it back."""
        db, release = self._target, ""
        if db.dialect.name == "sqlite":
            kept = await db.fetchval("PRAGMA foreign_keys")
            await db.execute("PRAGMA foreign_keys = OFF")
            undo = f"PRAGMA foreign_keys = {kept}"
        elif db.dialect.name == "mysql":
            if not await db.fetchval(f"SELECT GET_LOCK({_ONE_AT_A_TIME}, 0)"):
                message = "another copy into the target is running"
                raise CopyRefused((), message)
            modes = await db.fetchone("SELECT @@sql_mode, @@foreign_key_checks")
            assert modes is not None  # noqa: S101  # it is one row
            # 0 is a key like others; rows come before those that they refer to.
            mode = creating_mode(db, modes[0])
            await db.execute(
                f"SET SESSION sql_mode = '{mode},NO_AUTO_VALUE_ON_ZERO', "
                f"foreign_key_checks = {0 if self.into_existing else 1}"
            )
            undo = (
                f"SET SESSION sql_mode = '{modes[0]}', foreign_key_checks = {modes[1]}"
            )
            release = f"DO RELEASE_LOCK({_ONE_AT_A_TIME})"
        else:
            yield
            return
        try:
            yield
        finally:
            if not db.is_closed:
                await db.execute(undo)
                if release:
                    await db.execute(release)

    @asynccontextmanager
    async def _kept_or_not(self) -> AsyncIterator[None]:
        db = self._target
        if db.dialect.supports_transactional_ddl or self.into_existing:
            async with db.transaction():
                if self.into_existing and db.dialect.name == "postgresql":
                    await db.execute("SET CONSTRAINTS ALL DEFERRED")
                yield
            for do in self._afterwards:
                await do()
            return
        for name in self.leftovers:
            await self._drop(name)
        try:
            yield
            for do in self._afterwards:
                await do()
            for name in self._made:
                place = asyncdb.quote_identifier(name, db.dialect)
                await db.execute(f"ALTER TABLE {place} COMMENT = ''")
        except BaseException as error:
            await self._clean_up(error)
            raise

    async def _clean_up(self, error: BaseException) -> None:
        """Drop what was made; what cannot be dropped now, the next copy drops."""
        try:
            await self._target.execute("SET SESSION foreign_key_checks = 0")
            while self._made:
                await self._drop(self._made[-1])
                self._made.pop()
        except asyncdb.Error:
            error.add_note(
                f"the target could not be cleaned up: {', '.join(self._made)}, half "
                "copied, will be dropped by the next copy into it"
            )

    async def _drop(self, name: str) -> None:
        db = self._target
        await db.execute("SET SESSION foreign_key_checks = 0")
        try:
            place = asyncdb.quote_identifier(name, db.dialect)
            await db.execute(f"DROP TABLE IF EXISTS {place}")
        finally:
            with suppress(asyncdb.ConnectionClosed):
                await db.execute("SET SESSION foreign_key_checks = 1")

    async def _finish(self) -> None:
        """Make indexes and foreign keys, and see that those hold."""
        for sql in self.finishing:
            self._tell("indexes", "")
            try:
                await self._target.execute(sql)
            except asyncdb.Error as error:
                error.add_note(f"after all rows were copied, by: {sql}")
                raise
        db = self._target
        if db.dialect.name == "sqlite":
            broken = await db.fetchone("PRAGMA foreign_key_check")
            if broken is not None:
                raise _orphan(broken["table"], broken["parent"])
        elif db.dialect.name == "mysql" and self.into_existing:
            for pair in self._pairs:
                await self._look_for_orphans(pair.target)

    async def _look_for_orphans(self, table: Table) -> None:
        def quoted(name: str) -> str:
            return asyncdb.quote_identifier(name, self._target.dialect)

        for key in table.foreign_keys:
            pairs = list(zip(key.columns, key.referenced, strict=True))
            same = " AND ".join(f"p.{quoted(b)} = c.{quoted(a)}" for a, b in pairs)
            filled = " AND ".join(f"c.{quoted(a)} IS NOT NULL" for a, _ in pairs)
            sql = (
                f"SELECT 1 FROM {quoted(table.name)} c WHERE {filled} AND NOT EXISTS "
                f"(SELECT 1 FROM {quoted(key.table)} p WHERE {same}) LIMIT 1"
            )
            if await self._target.fetchone(sql) is not None:
                raise _orphan(table.name, key.table)

    async def _verify(self, sums: list[Checksum]) -> None:
        self._done = 0
        for pair, summed in zip(self._pairs, sums, strict=True):
            name = pair.source.name
            found = Checksum([column.kind for column in pair.target.columns])
            self._tell("check", name)
            async for batch in self._batches(self._target, pair.target, pair):
                found.add(batch)
                self._done += len(batch)
                if self._done // _REPORT != (self._done - len(batch)) // _REPORT:
                    self._tell("check", name)
            if found.rows != summed.rows:
                message = f"table {name}: {summed.rows} rows became {found.rows}"
                raise CopyMismatch(message)
            if found.text != summed.text:
                message = (
                    f"table {name}: the target has other values than the source, "
                    "though as many rows"
                )
                raise CopyMismatch(message)
        self._tell("check", "")


def _rows_of(table: Table, db: asyncdb.Connection) -> str:
    """Return what stands behind FROM for a table's own rows."""
    only = "ONLY " if table.only else ""
    return only + asyncdb.quote_identifier(table.name, db.dialect)


def _orphan(table: str, parent: str) -> asyncdb.ForeignKeyViolation:
    message = f"table {table} has a row that refers to none of table {parent}"
    return asyncdb.ForeignKeyViolation(message)
