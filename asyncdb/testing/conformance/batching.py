"""Batches: statements that are queued and sent together."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

import asyncdb
from asyncdb.testing.conformance.chapter import Chapter, ids


@dataclass
class Person:
    """A row of the kit's table."""

    id: int
    name: str


async def fail(
    batch: asyncdb.Batch, *statements: tuple[str, list[object]]
) -> tuple[asyncdb.Error, list[asyncdb.Queued[asyncdb.Cursor]]]:
    """Run a batch that has to fail; return its error and its statements."""
    queued: list[asyncdb.Queued[asyncdb.Cursor]] = []
    with pytest.raises(asyncdb.Error) as caught:
        async with batch:
            queued += [batch.execute(sql, params) for sql, params in statements]
    return caught.value, queued


class Batching(Chapter):
    """`batch()` on connections and pools."""

    async def test_batch_has_the_verbs(
        self, db: asyncdb.Connection, table: str
    ) -> None:
        """Each statement sees those before it, and gives what its verb gives."""
        insert = f"INSERT INTO {table} VALUES (?, ?, ?)"
        named = f"INSERT INTO {table} (id, name) VALUES (:id, :name)"
        async with db.batch() as batch:
            one = batch.execute(insert, [1, "Ann", 10])
            two = batch.execute(named, {"id": 2, "name": "Bob"})
            row = batch.fetchone(f"SELECT id, name FROM {table} WHERE id = ?", [1])
            none = batch.fetchone(f"SELECT id FROM {table} WHERE id = 9")
            some = asyncdb.expand([1, 2, 3])
            typed = batch.fetchall(
                f"SELECT id, name FROM {table} WHERE id IN (?) ORDER BY id",
                [some],
                into=Person,
            )
            count = batch.fetchval(f"SELECT count(*) FROM {table}", into=int)
            moved = batch.execute(f"UPDATE {table} SET n = 1")

            assert 7 == len(batch)

        assert (1, 1, 2) == tuple(q.result().rowcount for q in (one, two, moved))
        found = row.result()
        assert found is not None
        assert (1, "Ann") == tuple(found)
        assert none.result() is None
        assert [Person(1, "Ann"), Person(2, "Bob")] == typed.result()
        assert 2 == count.result()
        assert typed.result() is typed.result()

    async def test_batch_is_sent_when_its_block_ends(
        self, db: asyncdb.Connection, table: str
    ) -> None:
        """Until then nothing has run, and the connection serves others."""
        async with db.batch() as batch:
            added = batch.execute(f"INSERT INTO {table} VALUES (1, 'a', 1)")

            assert [] == await ids(db, table)
            with pytest.raises(asyncdb.InterfaceError, match="when the block has"):
                added.result()
        assert [1] == await ids(db, table)
        with pytest.raises(asyncdb.InterfaceError, match="over"):
            batch.execute("SELECT 1")
        with pytest.raises(asyncdb.InterfaceError, match="again"):
            await batch.__aenter__()

    async def test_batch_left_by_an_exception_sends_nothing(
        self, db: asyncdb.Connection, table: str
    ) -> None:
        """What was queued is dropped; so it is of a batch without statements."""
        queued = []
        with pytest.raises(LookupError):
            async with db.batch() as batch:
                queued.append(batch.execute(f"INSERT INTO {table} VALUES (1, 'a', 1)"))
                raise LookupError

        with pytest.raises(asyncdb.InterfaceError, match="nothing was sent"):
            queued[0].result()
        async with db.batch():
            pass
        assert [] == await ids(db, table)

    async def test_statements_of_a_batch_stand_for_themselves(
        self, db: asyncdb.Connection, table: str
    ) -> None:
        """Outside a transaction the others run, and the failure says which it was."""
        insert = f"INSERT INTO {table} VALUES (?, 'a', 1)"
        error, (first, failed, last) = await fail(
            db.batch(), (insert, [1]), (insert, [1]), (insert, [2])
        )

        assert isinstance(error, asyncdb.UniqueViolation)
        assert "statement 2 of 3 of the batch" in str(error)
        assert insert == error.sql
        assert (1, 1) == (first.result().rowcount, last.result().rowcount)
        with pytest.raises(asyncdb.UniqueViolation):
            failed.result()
        assert [1, 2] == await ids(db, table)
        assert not db.in_transaction

    async def test_batch_tells_of_every_failure(
        self, db: asyncdb.Connection, table: str
    ) -> None:
        """The first is raised and has a note of the others."""
        insert = f"INSERT INTO {table} VALUES (?, ?, 1)"
        error, queued = await fail(
            db.batch(), (insert, [1, "a"]), (insert, [1, "a"]), (insert, [2, None])
        )

        assert isinstance(error, asyncdb.UniqueViolation)
        assert any("statement 3" in note for note in error.__notes__)
        with pytest.raises(asyncdb.NotNullViolation):
            queued[2].result()
        assert [1] == await ids(db, table)

    async def test_batch_in_its_own_transaction(
        self, db: asyncdb.Connection, table: str
    ) -> None:
        """`transaction=True` is all or nothing: what was undone has no result."""
        insert = f"INSERT INTO {table} VALUES (?, 'a', 1)"
        async with db.batch(transaction=True) as batch:
            good = batch.execute(insert, [1])
            batch.execute(insert, [2])
        assert 1 == good.result().rowcount
        error, (undone, failed, never) = await fail(
            db.batch(transaction=True), (insert, [3]), (insert, [1]), (insert, [4])
        )

        assert isinstance(error, asyncdb.UniqueViolation)
        assert "statement 2 of 3" in str(error)
        for queued in (undone, never):
            with pytest.raises(asyncdb.TransactionError, match="undone") as caught:
                queued.result()
            assert isinstance(caught.value.__cause__, asyncdb.UniqueViolation)
        with pytest.raises(asyncdb.UniqueViolation):
            failed.result()
        assert [1, 2] == await ids(db, table)
        assert not db.in_transaction

    async def test_batch_in_a_block(self, db: asyncdb.Connection, table: str) -> None:
        """Inside a transaction it is a part of that: a failure leaves only rollback."""
        insert = f"INSERT INTO {table} VALUES (?, 'a', 1)"
        async with db.transaction():
            async with db.batch() as batch:
                batch.execute(insert, [1])
                batch.execute(insert, [2])
            with pytest.raises(asyncdb.UniqueViolation):
                async with db.transaction(), db.batch(transaction=False) as batch:
                    batch.execute(insert, [3])
                    batch.execute(insert, [1])
                    batch.execute(insert, [4])
            async with db.batch() as batch:
                batch.execute(insert, [5])
        assert [1, 2, 5] == await ids(db, table)
        with pytest.raises(asyncdb.TransactionError, match="only rollback"):
            async with db.transaction():
                with pytest.raises(asyncdb.UniqueViolation):
                    async with db.batch() as batch:
                        batch.execute(insert, [6])
                        batch.execute(insert, [1])
                async with db.batch() as batch:
                    batch.execute(insert, [7])
        assert [1, 2, 5] == await ids(db, table)

    async def test_batch_does_not_end_its_own_transaction(
        self, db: asyncdb.Connection, table: str
    ) -> None:
        """COMMIT and the like as text are refused, and nothing is sent."""
        insert = f"INSERT INTO {table} VALUES (?, 'a', 1)"
        for text in ("COMMIT", "ROLLBACK", "BEGIN"):
            error, queued = await fail(
                db.batch(transaction=True), (insert, [1]), (text, []), (insert, [2])
            )

            assert isinstance(error, asyncdb.TransactionError)
            assert f"statement 2 of 3 of the batch: {text} sent as text" in str(error)
            for one in queued:
                with pytest.raises(asyncdb.TransactionError):
                    one.result()
        assert not db.in_transaction
        assert [] == await ids(db, table)

    async def test_batch_of_a_pool_is_one_transaction(
        self, db: asyncdb.Connection, table: str, database_url: str
    ) -> None:
        """On one connection, all or nothing, unless told otherwise."""
        if not db.dialect.supports_concurrent_connections:
            pytest.skip("a pool of this database would not see the table")
        insert = f"INSERT INTO {table} VALUES (?, 'a', 1)"
        async with asyncdb.create_pool(database_url, max_size=2) as pool:
            async with pool.batch() as batch:
                batch.execute(insert, [1])
                count = batch.fetchval(f"SELECT count(*) FROM {table}")
            assert 1 == count.result()
            for transaction, left in ((None, [1]), (False, [1, 2, 3])):
                with pytest.raises(asyncdb.UniqueViolation):
                    async with pool.batch(transaction=transaction) as batch:
                        batch.execute(insert, [2])
                        batch.execute(insert, [1])
                        batch.execute(insert, [3])
                assert left == await ids(pool, table)
            assert 0 == pool.stats().in_use

    async def test_batch_is_checked_before_it_is_sent(
        self, db: asyncdb.Connection, table: str
    ) -> None:
        """Parameters that do not fit: an error with the number, and nothing has run."""
        insert = f"INSERT INTO {table} VALUES (?, 'a', 1)"
        error, queued = await fail(db.batch(), (insert, [1]), (insert, [1, 2]))

        assert isinstance(error, asyncdb.ParameterError)
        assert "statement 2 of 2 of the batch" in str(error)
        with pytest.raises(asyncdb.TransactionError, match="did not run"):
            queued[0].result()
        async with db.transaction():
            with pytest.raises(asyncdb.TransactionError, match="COMMIT"):
                async with db.batch() as batch:
                    batch.execute(insert, [1])
                    batch.execute("COMMIT")
            assert db.in_transaction
        with pytest.raises(asyncdb.InterfaceError, match="timeout"):
            async with db.batch(timeout=0) as batch:
                batch.execute(insert, [1])
        assert [] == await ids(db, table)

    async def test_row_of_a_batch_that_does_not_fit(
        self, db: asyncdb.Connection, people: str
    ) -> None:
        """`into=` is read when the result is asked for, after the batch was done."""
        async with db.batch(transaction=True) as batch:
            batch.execute(f"UPDATE {people} SET n = 7")
            wrong = batch.fetchone(f"SELECT name FROM {people}", into=int)

        with pytest.raises(asyncdb.DataError):
            wrong.result()
        assert 3 == await db.fetchval(f"SELECT count(*) FROM {people} WHERE n = 7")
