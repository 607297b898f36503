"""MySQL and MariaDB, which cannot copy a database: each is emptied after use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import asyncdb
from asyncdb.testing.copies.schema import Copies, Schema, new_name

# All that DDL can change, as numbers that a change makes others.
_STRUCTURE: Final = """
SELECT 'columns', count(*), coalesce(sum(crc32(concat_ws('|', table_name, column_name,
       ordinal_position, column_type, is_nullable, column_default, extra))), 0)
  FROM information_schema.columns WHERE table_schema = :name
UNION ALL
SELECT 'indexes', count(*), coalesce(sum(crc32(concat_ws('|', table_name, index_name,
       column_name, seq_in_index, non_unique))), 0)
  FROM information_schema.statistics WHERE table_schema = :name
UNION ALL
SELECT 'constraints', count(*), coalesce(sum(crc32(concat_ws('|', table_name,
       constraint_name, constraint_type))), 0)
  FROM information_schema.table_constraints WHERE table_schema = :name
UNION ALL
SELECT 'tables', count(*), coalesce(sum(crc32(concat_ws('|', table_name,
       table_type))), 0)
  FROM information_schema.tables WHERE table_schema = :name
UNION ALL
SELECT 'triggers', count(*), coalesce(sum(crc32(concat_ws('|', trigger_name,
       event_object_table, action_statement))), 0)
  FROM information_schema.triggers WHERE trigger_schema = :name
UNION ALL
SELECT 'routines', count(*), coalesce(sum(crc32(concat_ws('|', routine_name,
       routine_definition))), 0)
  FROM information_schema.routines WHERE routine_schema = :name
UNION ALL
SELECT 'views', count(*), coalesce(sum(crc32(concat_ws('|', table_name,
       replace(view_definition, :name, '')))), 0)
  FROM information_schema.views WHERE table_schema = :name
"""
_TABLES: Final = """
SELECT table_name, table_type, coalesce(auto_increment, 1)
  FROM information_schema.tables WHERE table_schema = :name AND table_type <> 'VIEW'
"""
_COLUMNS: Final = """
SELECT column_name FROM information_schema.columns
 WHERE table_schema = :name AND table_name = :table
   AND coalesce(generation_expression, '') = '' ORDER BY ordinal_position
"""


class MySQLCopies(Copies):
    """Databases that are used again: emptied where a test wrote, made anew after DDL.

    One database stays as the schema left it: from there come the rows that the schema
    brought.
    """

    def __init__(self, url: asyncdb.DatabaseURL, schema: Schema) -> None:
        super().__init__(url, schema)
        self._model = new_name()
        self._structure: list[Any] = []
        self._seeded: dict[str, int] = {}  # the tables with rows -> their counter
        self._emptiable = True
        self._left: set[str] = set()
        self._clean: list[str] = []
        self._admin: asyncdb.Connection | None = None

    async def open(self) -> None:
        """Make the model."""
        await self._create(self._model)
        self._structure = await self._read_structure(self._model)
        counters = await self._counters(self._model)
        filled = await self._filled(self._model, counters)
        self._seeded = {table: counters[table] for table in filled}
        triggers = self._structure[4][1]
        # An INSERT of the schema's rows would set off triggers that have run already,
        # and a sequence is not emptied.
        self._emptiable = (
            not (self._seeded and triggers) and not await self._sequences()
        )

    async def new(self) -> asyncdb.DatabaseURL:
        """Give one that is clean, or make one."""
        if not self._clean:
            name = new_name()
            await self._create(name)
            self._clean.append(name)
        return self.url.replace(database=self._clean.pop())

    async def drop(self, url: asyncdb.DatabaseURL) -> None:
        """Empty one, or drop it."""
        name = url.database or ""
        if name not in self._left:
            return
        await self._disconnect(name)
        if self._emptiable and await self._read_structure(name) == self._structure:
            await self._empty(name)
            self._clean.append(name)
        else:
            await self._drop(name)

    async def close(self) -> None:
        """Drop them all."""
        for name in [*self._left]:
            await self._disconnect(name)
            await self._drop(name)
        if self._admin is not None:
            await self._admin.close()

    async def _create(self, name: str) -> None:
        admin = await self._opened()
        await admin.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        self._left.add(name)
        await self.apply(self.url.replace(database=name))

    async def _drop(self, name: str) -> None:
        self._left.discard(name)
        await (await self._opened()).execute(f"DROP DATABASE IF EXISTS {name}")

    async def _disconnect(self, name: str) -> None:
        """End the sessions that are left in it: their locks would be waited for."""
        admin = await self._opened()
        sql = "SELECT id FROM information_schema.processlist WHERE db = ?"
        for session in await admin.fetchall(sql, [name], into=int):
            try:
                await admin.execute(f"KILL {session}")
            except asyncdb.Error:
                continue  # it has just gone

    async def _empty(self, name: str) -> None:
        admin = await self._opened()
        counters = await self._counters(name)
        changed = await self._filled(name, counters)
        changed |= {table for table, counter in counters.items() if counter > 1}
        if not changed:
            return
        await admin.execute("SET SESSION foreign_key_checks = 0")
        try:
            for table in changed:
                await admin.execute(f"TRUNCATE TABLE {name}.{_quoted(table)}")
            for table in changed & self._seeded.keys():
                await self._seed(name, table)
        finally:
            await admin.execute("SET SESSION foreign_key_checks = 1")

    async def _seed(self, name: str, table: str) -> None:
        """Bring back the rows that the schema brought."""
        admin, quoted = await self._opened(), _quoted(table)
        given = {"name": self._model, "table": table}
        found = await admin.fetchall(_COLUMNS, given, into=str)
        columns = ", ".join(map(_quoted, found))
        await admin.execute("SET @asyncdb_mode = @@sql_mode")
        await admin.execute(
            "SET SESSION sql_mode = concat(@@sql_mode, ',NO_AUTO_VALUE_ON_ZERO')"
        )
        await admin.execute(
            f"INSERT INTO {name}.{quoted} ({columns}) "
            f"SELECT {columns} FROM {self._model}.{quoted}"
        )
        await admin.execute("SET SESSION sql_mode = @asyncdb_mode")
        counter = self._seeded[table]
        if counter > 1:
            await admin.execute(
                f"ALTER TABLE {name}.{quoted} AUTO_INCREMENT = {counter}"
            )

    async def _read_structure(self, name: str) -> list[Any]:
        admin = await self._opened()
        return await admin.fetchall(_STRUCTURE, {"name": name}, into=tuple)

    async def _counters(self, name: str) -> dict[str, int]:
        admin = await self._opened()
        rows = await admin.fetchall(_TABLES, {"name": name}, into=tuple)
        return {table: int(counter) for table, _, counter in rows}

    async def _sequences(self) -> bool:
        admin = await self._opened()
        rows = await admin.fetchall(_TABLES, {"name": self._model}, into=tuple)
        return any(kind == "SEQUENCE" for _, kind, _ in rows)

    async def _filled(self, name: str, tables: Iterable[str]) -> set[str]:
        """Find the tables that hold rows."""
        ordered = sorted(tables)
        parts = [
            f"(SELECT {number} FROM {name}.{_quoted(table)} LIMIT 1)"
            for number, table in enumerate(ordered)
        ]
        if not parts:
            return set()
        admin = await self._opened()
        found = await admin.fetchall(" UNION ALL ".join(parts), into=int)
        return {ordered[number] for number in found}

    async def _opened(self) -> asyncdb.Connection:
        if self._admin is None or self._admin.is_closed:
            self._admin = await asyncdb.connect(self.url)
            if not self._admin.dialect.flavor:  # Oracle's keeps numbers for a day
                sql = "SET SESSION information_schema_stats_expiry = 0"
                await self._admin.execute(sql)
        return self._admin


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
