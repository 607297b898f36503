"""Errors by name, the same on every engine, and free of values."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
import pytest_asyncio

import asyncdb
from asyncdb.testing.conformance.chapter import Chapter, ids

SECRET = "s3cr3t-value"  # noqa: S105  # a value that no message may show


class Failures(Chapter):
    """What a program acts on has one name everywhere."""

    @pytest_asyncio.fixture
    async def schema(self, db: asyncdb.Connection, table: str) -> Any:
        """A table with every kind of constraint, beside the plain one."""
        child = f"{table}_c"
        await db.execute(
            f"CREATE TABLE {child} (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL, "
            f"code VARCHAR(40), CONSTRAINT {child}_fk FOREIGN KEY (parent) "
            f"REFERENCES {table} (id), CONSTRAINT {child}_ck CHECK (id < 1000))"
        )
        await db.execute(f"CREATE UNIQUE INDEX {child}_uq ON {child} (code)")
        await db.execute(f"INSERT INTO {table} VALUES (1, 'a', 1)")
        await db.execute(f"INSERT INTO {child} VALUES (1, 1, ?)", [SECRET])
        yield child
        if not db.is_closed:
            await db.execute(f"DROP TABLE {child}")

    async def _provoke(
        self,
        db: asyncdb.Connection,
        kind: type[asyncdb.DatabaseError],
        sql: str,
        params: Any = None,
    ) -> asyncdb.DatabaseError:
        with pytest.raises(kind) as caught:
            await db.execute(sql, params)
        error = caught.value
        assert sql == error.sql
        assert error.__cause__ is not None
        assert SECRET not in str(error)
        assert SECRET not in repr(error)
        assert error.code is not None
        said = str(error).lower()
        documented = (kind.__doc__ or "").partition("\n")[0].rstrip(".").lower()
        assert documented not in said  # it says what happened, not what the class is
        assert asyncdb.Diagnostic() == pickle.loads(pickle.dumps(error)).diag  # noqa: S301  # our own bytes
        assert 1 == await db.fetchval("SELECT 1")  # the connection goes on
        return error

    async def test_unique(self, db: asyncdb.Connection, schema: str) -> None:
        """A duplicate is a UniqueViolation that names the index or the columns."""
        error = await self._provoke(
            db,
            asyncdb.UniqueViolation,
            f"INSERT INTO {schema} VALUES (2, 1, ?)",
            [SECRET],
        )

        assert error.diag.message  # the database's own words, for those who ask
        assert f"{schema}_uq" == error.constraint or ("code",) == error.columns
        assert isinstance(error, asyncdb.IntegrityError)

    async def test_primary_key(self, db: asyncdb.Connection, schema: str) -> None:
        """A duplicate key is a UniqueViolation too."""
        await self._provoke(
            db, asyncdb.UniqueViolation, f"INSERT INTO {schema} VALUES (1, 1, 'x')"
        )

    async def test_foreign_key(self, db: asyncdb.Connection, schema: str) -> None:
        """A missing parent, and a parent still needed, are ForeignKeyViolations."""
        parent = schema.removesuffix("_c")

        await self._provoke(
            db, asyncdb.ForeignKeyViolation, f"INSERT INTO {schema} VALUES (3, 99, 'x')"
        )
        await self._provoke(
            db, asyncdb.ForeignKeyViolation, f"DELETE FROM {parent} WHERE id = 1"
        )

    async def test_not_null(self, db: asyncdb.Connection, schema: str) -> None:
        """NULL for a column that needs a value is a NotNullViolation naming it."""
        error = await self._provoke(
            db,
            asyncdb.NotNullViolation,
            f"INSERT INTO {schema} VALUES (4, NULL, ?)",
            [SECRET + "2"],
        )

        assert ("parent",) == error.columns

    async def test_check(self, db: asyncdb.Connection, schema: str) -> None:
        """A false CHECK is a CheckViolation that names it."""
        error = await self._provoke(
            db,
            asyncdb.CheckViolation,
            f"INSERT INTO {schema} VALUES (1000, 1, ?)",
            [SECRET + "3"],
        )

        assert f"{schema}_ck" == error.constraint

    @pytest.mark.parametrize(
        ("kind", "sql"),
        [
            (asyncdb.UndefinedTable, "SELECT * FROM no_such_table"),
            (asyncdb.UndefinedColumn, "SELECT no_such_column FROM {t}"),
            (asyncdb.UndefinedColumn, "INSERT INTO {t} (no_such_column) VALUES (1)"),
            (asyncdb.UndefinedFunction, "SELECT no_such_function(1)"),
            (asyncdb.AmbiguousColumn, "SELECT id FROM {t} a, {t} b"),
            (asyncdb.DuplicateTable, "CREATE TABLE {t} (id INTEGER)"),
            (asyncdb.DuplicateColumn, "ALTER TABLE {t} ADD COLUMN name INTEGER"),
            (asyncdb.SQLSyntaxError, "SELEC 1"),
            (asyncdb.SQLSyntaxError, "SELECT FROM WHERE"),
            (asyncdb.UndefinedTable, "DROP TABLE no_such_table"),
        ],
    )
    async def test_programming(
        self, db: asyncdb.Connection, table: str, kind: Any, sql: str
    ) -> None:
        """A statement that cannot be run has the name of its reason."""
        error = await self._provoke(db, kind, sql.replace("{t}", table))

        assert isinstance(error, asyncdb.ProgrammingError)
        assert not error.is_transient

    async def test_missing_savepoint(self, db: asyncdb.Connection) -> None:
        """A savepoint that is not there is a TransactionError."""
        with pytest.raises(asyncdb.TransactionError):
            async with db.transaction():
                await db.execute("ROLLBACK TO SAVEPOINT nowhere")

        assert 1 == await db.fetchval("SELECT 1")

    async def test_bad_values(self, db: asyncdb.Connection, table: str) -> None:
        """Values that do not fit are a DataError, unless the engine bends them."""
        sql = f"INSERT INTO {table} VALUES (1, ?, 1)"
        if db.dialect.bends_bad_values:
            await db.execute(sql, ["x" * 51])
            assert [1] == await ids(db, table)
        else:
            await self._provoke(db, asyncdb.StringTooLong, sql, [SECRET * 10])

    @pytest.mark.parametrize("big", [2**63, -(2**63) - 1, 10**30])
    async def test_integer_too_big(
        self, db: asyncdb.Connection, table: str, big: int
    ) -> None:
        """An integer beyond 64 bits is a DataError and changes nothing."""
        with pytest.raises(asyncdb.DataError):
            await db.execute(f"INSERT INTO {table} VALUES (1, 'a', ?)", [big])

        assert [] == await ids(db, table)

    @pytest.mark.parametrize("text", ["a\0b", "a\ud800b"])
    async def test_text_that_is_none(
        self, db: asyncdb.Connection, table: str, text: str
    ) -> None:
        """NUL and lone surrogates are refused as text."""
        with pytest.raises(asyncdb.DataError):
            await db.execute(f"INSERT INTO {table} VALUES (1, ?, 1)", [text])

        assert [] == await ids(db, table)

    async def test_too_many_parameters(self, db: asyncdb.Connection) -> None:
        """More parameters than the engine takes are refused before anything is sent."""
        most = db.dialect.max_parameters
        if not most:
            pytest.skip("no limit here")
        sql = f"SELECT 1 WHERE 1 IN ({', '.join('?' * (most + 1))})"
        with pytest.raises(asyncdb.ResourceLimit, match=str(most)):
            await db.execute(sql, [1] * (most + 1))
