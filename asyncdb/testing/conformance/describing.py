"""What statements take and give, learnt without running them."""

from __future__ import annotations

import pytest

import asyncdb
from asyncdb.testing.conformance.chapter import Chapter, ids


async def describe(
    db: asyncdb.Connection, sql: str, *, parameters: bool = True
) -> asyncdb.Description:
    """Describe a statement, where the driver can."""
    try:
        return await db.describe(sql, parameters=parameters)
    except asyncdb.NotSupportedError as error:
        if "this driver" not in str(error):
            raise
        pytest.skip(str(error))


class Describing(Chapter):
    """`describe()`."""

    async def test_description_of_a_query(
        self, db: asyncdb.Connection, table: str
    ) -> None:
        """The columns are those of its result, in their order."""
        sql = f"SELECT n, id AS number, name FROM {table} WHERE id = ? AND n > ?"
        found = await describe(db, sql)

        assert 2 == found.parameters
        result = await db.execute(sql, [1, 2])
        assert result.description is not None
        assert found.columns == tuple(column[:2] for column in result.description)
        plain = await describe(db, f"SELECT id, id FROM {table}", parameters=False)
        assert plain.columns is not None
        assert ["id", "id"] == [name for name, _ in plain.columns]
        assert 0 == plain.parameters

    async def test_description_with_names(
        self, db: asyncdb.Connection, table: str
    ) -> None:
        """A name that stands twice is one parameter."""
        found = await describe(
            db, f"SELECT id FROM {table} WHERE id = :a OR n = :b OR n = :a"
        )

        assert 2 == found.parameters

    async def test_description_runs_nothing(
        self, db: asyncdb.Connection, people: str
    ) -> None:
        """What changes rows changes none, and gives none."""
        for sql, count in (
            (f"INSERT INTO {people} VALUES (?, ?, ?)", 3),
            (f"UPDATE {people} SET n = ? WHERE id = 1", 1),
            (f"DELETE FROM {people}", 0),
        ):
            assert (None, count) == await describe(db, sql)
        assert [1, 2, 3] == await ids(db, people)
        assert not db.in_transaction

    async def test_description_of_returning(
        self, db: asyncdb.Connection, people: str
    ) -> None:
        """Its columns are told, or nothing is; no row is made."""
        if not db.dialect.supports_returning:
            pytest.skip("this database has no RETURNING")
        found = await describe(
            db, f"INSERT INTO {people} (id, name) VALUES (?, ?) RETURNING name, id"
        )

        assert found.columns is None or ["name", "id"] == [c[0] for c in found.columns]
        assert 2 == found.parameters
        assert [1, 2, 3] == await ids(db, people)

    async def test_description_in_a_block_that_reads(
        self, db: asyncdb.Connection, people: str
    ) -> None:
        """It is no write; and a function's name does not make a query one."""
        async with db.transaction(readonly=True):
            await db.fetchval(f"SELECT count(*) FROM {people}")
            sql = f"SELECT replace(name, 'A', 'B') AS x FROM {people}"
            found = await describe(db, f"WITH w AS ({sql}) SELECT x FROM w")
            assert 3 == await db.fetchval(f"SELECT count(*) FROM {people}")
        assert found.columns is not None
        assert ["x"] == [name for name, _ in found.columns]
        with pytest.raises(asyncdb.ReadOnlyTransaction):
            async with db.transaction(readonly=True):
                await db.fetchval(f"SELECT count(*) FROM {people}")
                await db.describe(f"SELECT id FROM {people}")
                await db.execute(f"DELETE FROM {people}")
        await db.execute(f"DELETE FROM {people}")

    async def test_description_of_what_is_wrong(
        self, db: asyncdb.Connection, table: str
    ) -> None:
        """It fails as it would when it runs, and the connection goes on."""
        await describe(db, f"SELECT id FROM {table}")
        with pytest.raises(asyncdb.UndefinedColumn):
            await db.describe(f"SELECT nowhere FROM {table}")
        with pytest.raises(asyncdb.SQLSyntaxError):
            await db.describe(f"SELECT FROM FROM {table} WHERE id = ?")
        with pytest.raises(asyncdb.ProgrammingError):
            await db.describe(f"DELETE FROM {table}; DELETE FROM {table}")
        assert [] == await ids(db, table)
        async with db.transaction():
            await db.describe(f"SELECT id FROM {table} WHERE id = ?")
            await db.execute(f"INSERT INTO {table} VALUES (1, 'a', 1)")
        assert [1] == await ids(db, table)
