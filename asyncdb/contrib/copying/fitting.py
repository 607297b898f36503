"""A schema of one engine made into one of another's: what fits, and what does not.

Nothing is asked of a database here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import replace

import asyncdb
from asyncdb.contrib.copying import declaring
from asyncdb.contrib.copying.expressions import (
    UntranslatableError,
    in_hexadecimal,
    quoted_string,
    translate,
)
from asyncdb.contrib.copying.mysql_sizes import fit_sizes
from asyncdb.contrib.copying.naming import Names
from asyncdb.contrib.copying.schema import Check, Column, Default, Kind, Schema, Table


class Fitting:
    """What becomes of each table of a schema.

    Args:
        schema: the source's; its problems and notes grow.
        source: its engine.
        target: the engine that it is made for.
        taken: names of tables that the target has already.
    """

    def __init__(
        self,
        schema: Schema,
        source: asyncdb.Dialect,
        target: asyncdb.Dialect,
        taken: Iterable[str] = (),
    ) -> None:
        self.schema = schema
        self._source = source
        self._target = target
        self._in_hex = target.name == "mysql" and target.flavor != "mariadb"
        self._same = (source.name, source.flavor) == (target.name, target.flavor)
        folds = target.name == "sqlite"
        self._relations = Names(target, folds=folds)
        """Of tables, and of all that shares its names with them."""
        self._constraints = Names(target, folds=True)
        for name in taken:
            self._relations.take(name)
        self.lengths: dict[str, dict[str, int]] = {}
        """For a table, how much of which of its columns an index may have."""

    def fit(self) -> dict[str, Table]:
        """Return the table to make for each of the schema's, by its name."""
        made: dict[str, Table] = {}
        columns: dict[str, dict[str, str]] = {}
        for table in self.schema.tables:
            name = self._relations.take(table.name)
            self._renamed(f"table {table.name}", table.name, name)
            made[table.name] = replace(
                deepcopy(table),
                name=name,
                options=table.options if self._same else "",
                only=False,
            )
        for table in self.schema.tables:
            columns[table.name] = self._columns(table, made[table.name])
        for table in self.schema.tables:
            self._keys(table, made, columns)
        if self._same:
            self.lengths = {
                table.name: {k: v for i in table.indexes for k, v in i.prefixes.items()}
                for table in self.schema.tables
            }
        elif self._target.name == "mysql":
            self.lengths = fit_sizes(self.schema, made, self._target)
        for table in made.values():
            if not self._same:
                self._declare(table)
            self._default(table)
        for table in self.schema.tables:
            self._conditions(table, made[table.name], columns[table.name])
        return made

    def _renamed(self, what: str, wanted: str, name: str) -> None:
        if name != wanted:
            why = f"{self._target.flavor or self._target.name} keeps no such name"
            self.schema.problem(what, why, f"becomes {name}")

    # -- columns -----------------------------------------------------------------------

    def _columns(self, source: Table, table: Table) -> dict[str, str]:
        names = Names(self._target, folds=self._target.name != "postgresql")
        new: dict[str, str] = {}
        for column, own in zip(table.columns, source.columns, strict=True):
            where = f"table {source.name}: column {column.name}"
            new[own.name] = column.name = names.take(own.name)
            self._renamed(where, own.name, column.name)
            if column.alone and not self._same:
                what = f"type {own.declared} is of PostgreSQL"
                self.schema.problem(where, what, "becomes text")
                own.kind = column.kind = Kind("str")
                own.read = f"{own.read}::text"
                column.alone = False
            if not self._same:
                self._portable(column, where)
        folding = [own.name for own in source.columns if own.folds]
        if folding and self._source.name != self._target.name:
            what = f"table {source.name}: {', '.join(folding)}: capitals and small"
            why = "letters are the same here, not in the copy (lower() compares both)"
            self.schema.notes.append(f"{what} {why}")
        for key in (table.primary, *table.uniques):
            if key is not None:
                key.columns = tuple(new[name] for name in key.columns)
        for index in table.indexes:
            index.columns = [(new.get(n, n), down) for n, down in index.columns]
        for column in table.columns:
            self._identity(source, table, column)
        return new

    def _portable(self, column: Column, where: str) -> None:
        kind = column.kind
        if kind.name == "Decimal" and not declaring.fits_decimal(kind, self._target):
            column.kind = replace(kind, size=None, scale=None)
            if kind.size is not None:
                why = f"{self._target.name} has no DECIMAL of {kind.size} digits"
                self.schema.problem(where, why, "becomes DECIMAL(65, 30)")
            else:
                self.schema.notes.append(
                    f"{where} becomes DECIMAL(65, 30); a value beyond it ends the copy"
                )
        if column.kind.name == "datetime, aware" and self._target.name == "mysql":
            self.schema.notes.append(
                f"{where} becomes TIMESTAMP, which ends in 2038 (MariaDB 11.5: 2106); "
                "a value beyond it ends the copy"
            )
        column.always = (
            column.always
            if self._source.name == self._target.name
            else self._target.name == "sqlite"
        )

    def _identity(self, source: Table, table: Table, column: Column) -> None:
        if not column.identity:
            return
        primary = table.primary.columns if table.primary else ()
        firsts = {primary[0]} if primary else set()
        firsts |= {key.columns[0] for key in table.uniques}
        others = [c for c in table.columns if c.identity and c is not column]
        possible = column.kind.name == "int"
        if self._target.name == "sqlite":
            possible = possible and primary == (column.name,)
        elif self._target.name == "mysql":
            possible = possible and column.name in firsts and not others
        if possible:
            return
        column.identity = False
        where = f"table {source.name}: column {column.name}"
        why = f"{self._target.name} does not make the keys of such a column"
        self.schema.problem(where, why, "an ordinary one")

    def _declare(self, table: Table) -> None:
        for column in table.columns:
            if column.identity and self._target.name == "sqlite":
                column.declared = "INTEGER"
                continue
            column.declared = declaring.declare(column.kind, self._target)
            column.read = declaring.reading(column, self._target)

    def _default(self, table: Table) -> None:
        for column in table.columns:
            if self._same:
                column.read = column.read_back or column.read
            found = column.default
            if found is None:
                continue
            if self._same:
                plain = found.literal or found.now or self._target.name == "postgresql"
                text = found.text if plain else f"({found.text})"
                if self._in_hex and not found.literal:
                    text = in_hexadecimal(text)
                column.default = Default(text)
                continue
            try:
                text = declaring.default_text(found, column.kind, self._target)
            except declaring.NoLiteralError:
                where = f"table {table.name}: column {column.name}"
                self.schema.problem(f"{where}: DEFAULT {found.text}", "no plain value")
                column.default = None
            else:
                column.default = Default(text, literal=True)

    # -- keys, indexes, checks ---------------------------------------------------------

    def _keys(
        self,
        source: Table,
        made: Mapping[str, Table],
        columns: Mapping[str, Mapping[str, str]],
    ) -> None:
        table = made[source.name]
        kept = []
        for key in table.foreign_keys:
            where = f"table {source.name}: foreign key ({', '.join(key.columns)})"
            other = made.get(key.table)
            if other is None:
                self.schema.problem(where, f"table {key.table} is not copied")
                continue
            keys = [other.primary, *other.uniques]
            unique = {frozenset(one.columns) for one in keys if one is not None}
            unique |= {
                frozenset(name for name, _ in index.columns)
                for index in other.indexes
                if index.unique and not index.where and not index.alone
            }
            new = columns[key.table]
            key.referenced = tuple(new.get(name, name) for name in key.referenced)
            key.columns = tuple(columns[source.name][name] for name in key.columns)
            key.table = other.name
            if frozenset(key.referenced) not in unique:
                self.schema.problem(
                    where, f"what it refers to in {other.name} is no key"
                )
                continue
            wanted = key.name
            if not wanted and self._target.name == "mysql":
                wanted = f"{table.name}_fk"  # its own name for it might be too long
            key.name = self._constraints.take(wanted) if wanted else ""
            if self._source.name == "mysql" and not self._same:
                # There both are one, and MariaDB shows the second for the first.
                key.on_delete = key.on_delete.replace("RESTRICT", "NO ACTION")
                key.on_update = key.on_update.replace("RESTRICT", "NO ACTION")
            if not self._same:
                pairs = zip(key.columns, key.referenced, strict=True)
                if not all(_alike(table.column(a), other.column(b)) for a, b in pairs):
                    self.schema.problem(where, "its columns are of different types")
                    continue
            if self._target.name == "mysql":
                for action in ("on_delete", "on_update"):
                    if getattr(key, action) == "SET DEFAULT":
                        why = "InnoDB has no SET DEFAULT"
                        self.schema.problem(where, why, "becomes NO ACTION")
                        setattr(key, action, "NO ACTION")
                if key.deferrable:
                    self.schema.problem(where, "it is DEFERRABLE", "is checked at once")
                    key.deferrable = ""
            kept.append(key)
        table.foreign_keys = kept

    def _conditions(
        self, source: Table, table: Table, columns: Mapping[str, str]
    ) -> None:
        if self._target.name != "postgresql":
            for key in table.uniques:
                key.name = self._constraints.take(key.name) if key.name else ""
        else:
            for key in table.uniques:
                key.name = self._relations.take(key.name) if key.name else ""
        checks = []
        for check in table.checks:
            what = f"table {source.name}: CHECK ({check.expression})"
            expression = self._translated(what, check.expression, columns)
            if expression is not None:
                name = self._constraints.take(check.name) if check.name else ""
                checks.append(Check(expression, name))
        if not self._same or self._source.name == "postgresql":
            checks += [self._choice(one) for one in table.columns if one.choices]
        table.checks = checks
        self._indexes(source, table, columns)

    def _choice(self, column: Column) -> Check:
        """Return the check that stands for an enumeration."""
        listed = ", ".join(map(quoted_string, column.choices))
        name = asyncdb.quote_identifier(column.name, self._target)
        expression = f"{name} IN ({listed})"
        return Check(in_hexadecimal(expression) if self._in_hex else expression)

    def _translated(
        self, what: str, expression: str, columns: Mapping[str, str]
    ) -> str | None:
        try:
            if not self._same:
                names = [*columns]
                expression = translate(expression, names, self._source, self._target)
        except UntranslatableError as error:
            self.schema.problem(what, str(error))
            return None
        return in_hexadecimal(expression) if self._in_hex else expression

    def _indexes(self, source: Table, table: Table, columns: Mapping[str, str]) -> None:
        kept = []
        per_table = Names(self._target, folds=True)
        for index in table.indexes:
            where = f"table {source.name}: index {index.name}"
            if index.alone and not (self._same and index.native):
                self.schema.problem(where, index.alone)
                continue
            names = per_table if self._target.name == "mysql" else self._relations
            if not self._same or not index.native:
                index.native = ""
                index.name = names.take(index.name)
            if index.where and not index.native:
                if self._target.name == "mysql":
                    why = "MySQL has no index on a part of the rows"
                    self.schema.problem(where, why)
                    continue
                found = self._translated(where, index.where, columns)
                if found is None:
                    continue
                index.where = found
            json = [n for n, _ in index.columns if self._is_json(table, n)]
            if json and not self._same and self._target.name == "mysql":
                self.schema.problem(where, "JSON has no index there")
                continue
            kept.append(index)
        table.indexes = kept

    @staticmethod
    def _is_json(table: Table, name: str) -> bool:
        return any(
            c.name == name and c.kind.name == "dict, list" for c in table.columns
        )


def _alike(one: Column, other: Column) -> bool:
    """Give both columns of a foreign key one type, where both are of a family."""
    if one.kind.name != other.kind.name:
        return False
    if one.kind.name == "int" and one.kind != other.kind:
        one.kind = other.kind = Kind("int", 64)
    elif one.kind.name in ("str", "bytes") and one.kind != other.kind:
        one.kind = other.kind
    return True
