"""Transactions, savepoints, and what is left after a failure."""

from __future__ import annotations

import pytest

import asyncdb
from asyncdb.testing.conformance.chapter import Chapter, ids


class Transactions(Chapter):
    """A block commits as a whole or leaves nothing."""

    async def test_commits(self, db: asyncdb.Connection, table: str) -> None:
        """A block that ends commits."""
        async with db.transaction():
            assert db.in_transaction
            await db.execute(f"INSERT INTO {table} VALUES (1, 'a', 1)")

        assert not db.in_transaction
        assert [1] == await ids(db, table)

    async def test_rolls_back(self, db: asyncdb.Connection, table: str) -> None:
        """A block left by an exception leaves nothing, and raises that exception."""
        with pytest.raises(ZeroDivisionError):
            async with db.transaction():
                await db.execute(f"INSERT INTO {table} VALUES (1, 'a', 1)")
                raise ZeroDivisionError

        assert not db.in_transaction
        assert [] == await ids(db, table)

    async def test_savepoints(self, db: asyncdb.Connection, table: str) -> None:
        """An inner block that fails undoes itself alone."""
        insert = f"INSERT INTO {table} VALUES (?, 'a', 1)"
        async with db.transaction():
            await db.execute(insert, [1])
            with pytest.raises(asyncdb.UniqueViolation):
                async with db.transaction():
                    await db.execute(insert, [2])
                    await db.execute(insert, [1])
            async with db.transaction():
                await db.execute(insert, [3])
                async with db.transaction():
                    await db.execute(insert, [4])

        assert [1, 3, 4] == await ids(db, table)

    async def test_only_rollback_is_left(
        self, db: asyncdb.Connection, table: str
    ) -> None:
        """After an error in a block nothing more runs in it, on every engine."""
        insert = f"INSERT INTO {table} VALUES (1, 'a', 1)"
        with pytest.raises(asyncdb.TransactionError) as caught:
            async with db.transaction():
                await db.execute(insert)
                with pytest.raises(asyncdb.UniqueViolation):
                    await db.execute(insert)
                with pytest.raises(asyncdb.TransactionError, match="UniqueViolation"):
                    await db.fetchval("SELECT 1")

        assert isinstance(caught.value.__cause__, asyncdb.UniqueViolation)
        assert [] == await ids(db, table)

    async def test_begin_commit_rollback(
        self, db: asyncdb.Connection, table: str
    ) -> None:
        """The verbs without a block do the same."""
        insert = f"INSERT INTO {table} VALUES (?, 'a', 1)"
        await db.begin()
        await db.execute(insert, [1])
        await db.commit()
        await db.begin()
        await db.execute(insert, [2])
        await db.rollback()

        assert [1] == await ids(db, table)
        assert not db.in_transaction

    async def test_nothing_open(self, db: asyncdb.Connection, table: str) -> None:
        """Commit and rollback without a transaction say so; begin twice too."""
        with pytest.raises(asyncdb.TransactionError):
            await db.commit()
        with pytest.raises(asyncdb.TransactionError):
            await db.rollback()
        await db.begin()
        with pytest.raises(asyncdb.TransactionError):
            await db.begin()
        await db.rollback()

    async def test_early_end(self, db: asyncdb.Connection, table: str) -> None:
        """`tx.commit()` and `tx.rollback()` end a block before its end."""
        insert = f"INSERT INTO {table} VALUES (?, 'a', 1)"
        async with db.transaction() as tx:
            await db.execute(insert, [1])
            await tx.commit()
            with pytest.raises(asyncdb.TransactionError):
                await db.execute(insert, [2])
        async with db.transaction() as tx:
            await db.execute(insert, [3])
            await tx.rollback()

        assert [1] == await ids(db, table)

    async def test_wrong_nesting(self, db: asyncdb.Connection, table: str) -> None:
        """An outer block cannot end before an inner one."""
        async with db.transaction() as outer, db.transaction():
            with pytest.raises(asyncdb.TransactionError, match="inner"):
                await outer.commit()
            with pytest.raises(asyncdb.TransactionError, match="inner"):
                await outer.rollback()
        with pytest.raises(asyncdb.TransactionError, match="block"):
            async with db.transaction():
                await db.commit()

    async def test_used_twice(self, db: asyncdb.Connection) -> None:
        """A transaction object is for one block."""
        tx = db.transaction()
        async with tx:
            pass
        with pytest.raises(asyncdb.TransactionError):
            async with tx:
                pass

    @pytest.mark.parametrize(
        "text",
        ["BEGIN", "COMMIT", "ROLLBACK", "commit;", "/* x */ START TRANSACTION", "END"],
    )
    async def test_control_as_text_is_refused(
        self, db: asyncdb.Connection, table: str, text: str
    ) -> None:
        """Texts that would end a block unseen are refused inside it."""
        async with db.transaction():
            await db.execute(f"INSERT INTO {table} VALUES (1, 'a', 1)")
            with pytest.raises(asyncdb.TransactionError, match="text"):
                await db.execute(text)
            await db.execute(f"INSERT INTO {table} VALUES (2, 'b', 2)")

        assert [1, 2] == await ids(db, table)

    async def test_readonly(self, db: asyncdb.Connection, people: str) -> None:
        """The database refuses writes in a read-only block, not after it."""
        with pytest.raises(asyncdb.ReadOnlyTransaction):
            async with db.transaction(readonly=True):
                assert [1, 2, 3] == await ids(db, people)
                await db.execute(f"DELETE FROM {people}")
        await db.execute(f"DELETE FROM {people} WHERE id = 1")

        assert [2, 3] == await ids(db, people)

    @pytest.mark.parametrize("isolation", ["serializable", "read committed"])
    async def test_isolation(
        self, db: asyncdb.Connection, people: str, isolation: asyncdb.Isolation
    ) -> None:
        """Levels that the dialect knows are taken; a savepoint has none of its own."""
        if isolation not in db.dialect.supports_isolation:
            pytest.skip("this database has no such level")
        async with db.transaction(isolation=isolation):
            assert [1, 2, 3] == await ids(db, people)
            with pytest.raises(asyncdb.TransactionError, match="outermost"):
                async with db.transaction(isolation=isolation):
                    pass

    async def test_unknown_isolation(self, db: asyncdb.Connection) -> None:
        """An isolation level that nobody knows is refused."""
        with pytest.raises(asyncdb.TransactionError, match="serializable"):
            async with db.transaction(isolation="chaos"):  # type: ignore[arg-type]
                pass

        assert not db.in_transaction

    async def test_ddl(self, db: asyncdb.Connection, table: str) -> None:
        """DDL is part of the transaction, or the block says that it was lost."""
        create = f"CREATE TABLE {table}_x (id INTEGER)"
        if db.dialect.supports_transactional_ddl:
            with pytest.raises(ZeroDivisionError):
                async with db.transaction():
                    await db.execute(create)
                    raise ZeroDivisionError
            await db.execute(create)
        else:
            with pytest.raises(asyncdb.TransactionError):
                async with db.transaction():
                    await db.execute(create)
            assert not db.in_transaction
        await db.execute(f"DROP TABLE {table}_x")
