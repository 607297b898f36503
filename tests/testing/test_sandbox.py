"""What is lent to tests: a rollback leaves nothing, and a database is clean."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import asyncdb
from asyncdb.testing.sandbox import Sandbox
from tests.plugins.databases import SECOND_DRIVERS, SERVERS, Databases

SCHEMA = """
CREATE TABLE things (id INTEGER PRIMARY KEY, name VARCHAR(50) UNIQUE);
CREATE TABLE parts (
    thing INTEGER NOT NULL REFERENCES things (id), name VARCHAR(50) NOT NULL
);
INSERT INTO things (id, name) VALUES (1, 'first');
"""
COUNT = "SELECT count(*) FROM things"
INSERT = "INSERT INTO things (id, name) VALUES (?, ?)"


@pytest.fixture(scope="module", params=["sqlite", *SERVERS, *SECOND_DRIVERS])
def sandbox(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Sandbox]:
    """Each engine's."""
    target: Any = request.param
    if target != "sqlite":
        engine, _, driver = target.partition("+")
        url = asyncdb.DatabaseURL(databases.url(engine))
        target = url.replace(driver=driver or None)
    with Sandbox(target, SCHEMA, patience=30) as one:
        yield one


# -- a rollback ------------------------------------------------------------------------


async def test_nothing_is_left(sandbox: Sandbox) -> None:
    """Each verb works on the one transaction, and its end undoes what they did."""
    for _ in range(2):
        with sandbox.rollback() as pool:
            await pool.execute(INSERT, [2, "a"])
            await pool.executemany(INSERT, [[n, str(n)] for n in range(3, 2000)])
            assert await pool.load_rows("things", ["id", "name"], [[5000, "b"]]) == 1
            await pool.executescript("DELETE FROM things WHERE id = 3; SELECT 1")
            async with pool.transaction() as db:
                await db.execute("UPDATE things SET name = 'c' WHERE id = ?", [4])
            async with pool.batch() as batch:
                batch.execute(INSERT, [6000, "x"])
                batch.execute("DELETE FROM things WHERE id = ?", [6000])
            async with pool.stream("SELECT id FROM things", into=int) as rows:
                found = [row async for row in rows]

            assert await pool.fetchval(COUNT) == 1999 == len(found)


async def test_batches_that_fail(sandbox: Sandbox) -> None:
    """A batch in the one transaction is whole, or each for itself, as in life."""
    with sandbox.rollback() as pool:
        for transaction, left in ((True, 1), (False, 3)):
            with pytest.raises(asyncdb.UniqueViolation, match="statement 2 of 3"):
                async with pool.batch(transaction=transaction) as batch:
                    batch.execute(INSERT, [10, "x"])
                    batch.execute(INSERT, [1, "y"])
                    batch.execute(INSERT, [11, "z"])
            assert left == await pool.fetchval(COUNT)
        async with pool.transaction() as db, db.batch() as batch:
            batch.execute(INSERT, [12, "w"])
            count = batch.fetchval(COUNT)
        assert 4 == count.result()


async def test_a_statement_that_fails_spoils_nothing(sandbox: Sandbox) -> None:
    """Outside a transaction a failed statement undoes itself alone, as in life."""
    with sandbox.rollback() as pool:
        await pool.execute(INSERT, [2, "a"])
        with pytest.raises(asyncdb.UniqueViolation):
            await pool.execute(INSERT, [2, "b"])
        with pytest.raises(asyncdb.UniqueViolation):
            await pool.executemany(INSERT, [[3, "c"], [4, "c"]])
        with pytest.raises(asyncdb.SQLSyntaxError):
            await pool.execute("SELEKT")

        assert await pool.fetchval(COUNT) == 2


async def test_a_transaction_rolls_back_alone(sandbox: Sandbox) -> None:
    """What the application rolls back is gone, what it committed before is there."""
    with sandbox.rollback() as pool:
        async with pool.transaction() as db:
            await db.execute(INSERT, [2, "a"])
            with pytest.raises(asyncdb.UniqueViolation):
                async with db.transaction():
                    await db.execute(INSERT, [2, "b"])
            await db.execute(INSERT, [3, "b"])
        with pytest.raises(ZeroDivisionError):
            async with pool.transaction() as db:
                await db.execute(INSERT, [4, "d"])
                _ = 1 / 0

        assert await pool.fetchval(COUNT) == 3


async def test_transactions_as_text(sandbox: Sandbox) -> None:
    """BEGIN, COMMIT and ROLLBACK sent as text mean savepoints too."""
    with sandbox.rollback() as pool:
        async with pool.acquire() as db:
            await db.execute("BEGIN")
            await db.execute(INSERT, [2, "a"])
            await db.execute("COMMIT")
            await db.execute("BEGIN")
            await db.execute(INSERT, [3, "b"])
            await db.execute("ROLLBACK")
        await pool.executescript("BEGIN; INSERT INTO things VALUES (4, 'd'); COMMIT;")

        assert await pool.fetchval(COUNT) == 3
    with sandbox.rollback() as pool:
        assert await pool.fetchval(COUNT) == 1


async def test_blocks_may_end_in_any_order(sandbox: Sandbox) -> None:
    """Two tasks whose transactions overlap take turns: no savepoint ends out of order.

    In `databases` with force_rollback this is an IndexError, or the wrong rollback.
    """
    begun = asyncio.Event()

    async def first(pool: asyncdb.Pool) -> None:
        async with pool.transaction() as db:
            await db.execute(INSERT, [2, "a"])
            begun.set()
            await asyncio.sleep(0)  # the second asks for its turn now

    async def second(pool: asyncdb.Pool) -> None:
        await begun.wait()
        async with pool.transaction() as db:
            await db.execute(INSERT, [3, "b"])
            raise LookupError

    with sandbox.rollback() as pool:
        done = await asyncio.gather(first(pool), second(pool), return_exceptions=True)  # type: ignore[arg-type]

        assert [None, LookupError] == [done[0], type(done[1])]
        assert await pool.fetchall("SELECT id FROM things", into=int) == [1, 2]


async def test_a_task_that_waits_for_itself_is_told_at_once(sandbox: Sandbox) -> None:
    """A second connection inside a transaction is a dead lock: said with its place."""
    with sandbox.rollback() as pool:
        async with pool.transaction() as db:
            await db.execute(INSERT, [2, "a"])
            with pytest.raises(asyncdb.InterfaceError, match="dead lock: this task"):
                await pool.fetchval(COUNT)
            with pytest.raises(asyncdb.InterfaceError, match=r"test_sandbox\.py:\d+"):
                async with pool.transaction():
                    pass  # pragma: no cover  # it is refused

        assert await pool.fetchval(COUNT) == 2


async def test_tasks_that_wait_for_each_other_are_told(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits too long learns who has the connection, and where."""
    monkeypatch.setattr(sandbox, "_patience", 0.2)
    with sandbox.rollback() as pool:
        async with pool.transaction() as db:
            await db.execute(INSERT, [2, "a"])
            task = asyncio.create_task(pool.fetchval(COUNT))
            with pytest.raises(
                asyncdb.InterfaceError, match=r"hands of task .* at .*test_sandbox"
            ):
                await task

        assert await pool.fetchval(COUNT) == 2


async def test_a_cancelled_statement_leaves_the_rest(sandbox: Sandbox) -> None:
    """A task cancelled while it waits for its turn, or in a block, undoes its own."""
    begun = asyncio.Event()

    async def work(pool: Any) -> None:
        async with pool.transaction() as db:
            await db.execute(INSERT, [9, "z"])
            begun.set()
            await asyncio.Event().wait()

    with sandbox.rollback() as pool:
        await pool.execute(INSERT, [2, "a"])
        task = asyncio.create_task(work(pool))
        await begun.wait()
        waiting = asyncio.create_task(pool.execute(INSERT, [8, "y"]))
        await asyncio.sleep(0)
        waiting.cancel()
        task.cancel()
        await asyncio.wait([task, waiting])

        assert await pool.fetchall("SELECT id FROM things", into=int) == [1, 2]


async def test_streams_and_statements_at_one_time(sandbox: Sandbox) -> None:
    """While rows are read, other connections write: the rows are held."""
    with sandbox.rollback() as pool:
        async with pool.stream("SELECT id FROM things", into=int, batch=1) as rows:
            async for number in rows:
                await pool.execute(INSERT, [number + 100, "more"])

        assert await pool.fetchval(COUNT) == 2


def test_two_loops_in_two_threads(sandbox: Sandbox) -> None:
    """An application in a thread of its own and a test share the transaction."""
    with sandbox.rollback() as pool:

        async def many(first: int) -> None:
            for n in range(first, first + 20):
                async with pool.transaction() as db:
                    await db.execute(INSERT, [n, f"n{n}"])

        other = threading.Thread(target=lambda: asyncio.run(many(1000)))
        other.start()
        asyncio.run(many(2000))
        other.join()

        assert asyncio.run(pool.fetchval(COUNT)) == 41


async def test_ddl(sandbox: Sandbox) -> None:
    """DDL is rolled back where the engine can; else refused before it is sent."""
    with sandbox.rollback() as pool:
        await pool.execute(INSERT, [2, "a"])
        if pool.dialect.supports_transactional_ddl:
            await pool.execute("CREATE TABLE made (a INTEGER)")
            await pool.execute("INSERT INTO made VALUES (1)")
        else:
            for sql in ("CREATE TABLE made (a INTEGER)", "TRUNCATE TABLE things"):
                with pytest.raises(asyncdb.TransactionError, match="DDL commits"):
                    await pool.execute(sql)
            await pool.execute("CREATE TEMPORARY TABLE passing (a INTEGER)")
        assert await pool.fetchval(COUNT) == 2
    with sandbox.rollback() as pool:
        with pytest.raises(asyncdb.UndefinedTable):
            await pool.execute("SELECT * FROM made")

        assert await pool.fetchval(COUNT) == 1


async def test_a_hidden_commit_is_told_and_repaired(sandbox: Sandbox) -> None:
    """When a transaction has ended all the same, this test knows, the next is clean."""
    with sandbox.rollback() as pool:
        if pool.dialect.flavor != "mariadb":
            pytest.skip("it needs a statement that hides another one")
        await pool.execute(INSERT, [2, "a"])
        # As a procedure may.
        await pool.execute("EXECUTE IMMEDIATE 'CREATE TABLE made (a INTEGER)'")
        with pytest.raises(asyncdb.InterfaceError, match="over before the test is"):
            await pool.execute(INSERT, [3, "b"])
        with pytest.raises(asyncdb.InterfaceError, match="over before the test is"):
            async with pool.transaction():
                pass  # pragma: no cover  # it is refused
    with sandbox.rollback() as pool:
        assert await pool.fetchval(COUNT) == 1
        with pytest.raises(asyncdb.UndefinedTable):
            await pool.execute("SELECT * FROM made")


async def test_deferred_constraints_are_checked(sandbox: Sandbox) -> None:
    """PostgreSQL's deferred constraints fail the application's COMMIT, as in life."""
    with sandbox.rollback() as pool:
        if pool.dialect.name != "postgresql":
            pytest.skip("deferred constraints are PostgreSQL's")
        await pool.execute(
            "CREATE TABLE late (thing INTEGER REFERENCES things (id) DEFERRABLE "
            "INITIALLY DEFERRED)"
        )
        with pytest.raises(asyncdb.ForeignKeyViolation):
            async with pool.transaction() as db:
                await db.execute("INSERT INTO late VALUES (77)")
        async with pool.transaction() as db:
            await db.execute("INSERT INTO late VALUES (77)")
            await db.execute(INSERT, [77, "in time"])

        assert await pool.fetchval("SELECT count(*) FROM late") == 1


async def test_who_outlives_the_test_is_refused(sandbox: Sandbox) -> None:
    """A connection kept beyond its test cannot write into the next one's."""
    with sandbox.rollback() as pool:
        inner = await asyncdb.create_pool(pool.url)
        await inner.execute(INSERT, [2, "a"])

    with sandbox.rollback() as another:
        with pytest.raises(asyncdb.InterfaceError, match=r"the test .* is over"):
            await inner.execute(INSERT, [3, "b"])

        assert await another.fetchval(COUNT) == 1
    await inner.close()


def test_a_url_leads_nowhere_after_the_test(sandbox: Sandbox) -> None:
    """The URL is good for its test alone, and has no password."""
    with sandbox.rollback() as pool:
        url = pool.url

    assert url.password is None
    with pytest.raises(asyncdb.InterfaceError, match="nothing is lent at this URL"):
        asyncio.run(open_and_close(url))


async def open_and_close(url: asyncdb.DatabaseURL) -> None:
    """Open a pool."""
    async with asyncdb.create_pool(url):
        pass


async def test_it_is_a_pool(sandbox: Sandbox) -> None:
    """What an application uses of a Pool is there: loans, numbers, retry, sizes."""

    async def add(db: asyncdb.Connection, number: int) -> int:
        await db.execute(INSERT, [number, "again"])
        return number

    with sandbox.rollback(max_size=3) as pool:
        assert isinstance(pool, asyncdb.Pool)
        assert isinstance(pool, asyncdb.Executor)
        assert pool.stats().size == 0
        assert not pool.is_closed
        db = await pool.acquire(timeout=1)
        assert await db.fetchval(COUNT) == 1
        assert pool.stats().in_use == 1
        await pool.release(db)
        assert await pool.retry(add, 5, attempts=2) == 5
        assert pool.stats().max_size == 3
        pool.resize(max_size=2)
        pool.drain()
        assert pool.dialect.name == sandbox_name(pool.url)
        with pytest.raises(asyncdb.InterfaceError, match="asyncdb_url"):
            async with pool.acquire() as db:
                _ = db.native
        await pool.close()
        assert pool.is_closed
        with pytest.raises(asyncdb.PoolClosed):
            await pool.execute("SELECT 1")


def sandbox_name(url: asyncdb.DatabaseURL) -> str:
    """The dialect's name for a URL."""
    return "mysql" if url.scheme == "mariadb" else url.scheme


# -- clean databases -------------------------------------------------------------------


async def test_a_database_is_clean(sandbox: Sandbox) -> None:
    """Rows of the schema are as they were, all others are gone, and so is DDL."""
    for _ in range(3):
        with sandbox.pool() as pool:
            assert await pool.fetchall("SELECT id, name FROM things") == [(1, "first")]
            assert await pool.fetchval("SELECT count(*) FROM parts") == 0
            await pool.execute("UPDATE things SET name = 'changed'")
            await pool.execute(INSERT, [2, "a"])
            await pool.execute("INSERT INTO parts VALUES (2, 'x')")
    for _ in range(2):
        with sandbox.pool() as pool:
            await pool.execute("CREATE TABLE made (a INTEGER)")
            await pool.execute("ALTER TABLE parts ADD COLUMN more INTEGER")


async def test_keys_begin_anew(sandbox: Sandbox) -> None:
    """A clean database gives the same keys again."""
    dialect = ""
    for _ in range(2):
        with sandbox.pool() as pool:
            dialect = pool.dialect.identity_column
            await pool.execute(f"CREATE TABLE keyed (id {dialect}, a INTEGER)")
            await pool.execute("INSERT INTO keyed (a) VALUES (1)")

            assert await pool.fetchval("SELECT max(id) FROM keyed") == 1


async def test_what_is_still_connected_does_no_harm(sandbox: Sandbox) -> None:
    """A pool that a test forgot, with locks held, does not stop the clean-up."""
    with sandbox.database() as url:
        pool = await asyncdb.create_pool(url, max_size=2, close_timeout=1)
        db = await pool.acquire()
        block = db.transaction()
        await block.__aenter__()
        await db.execute(INSERT, [2, "a"])

    with sandbox.pool() as clean:
        assert await clean.fetchval(COUNT) == 1
    pool.terminate()
    del db, block, pool
    gc.collect()


async def test_options_of_the_session_hold(sandbox: Sandbox) -> None:
    """What an application's pool is opened with holds on a clean database, as ever."""
    notices: list[asyncdb.Notice] = []
    with sandbox.pool(statement_timeout=0.2, on_notice=notices.append) as pool:
        sql = {
            "postgresql": "SELECT pg_sleep(5)",
            "mysql": "SELECT sleep(5)",
            "sqlite": "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
            " SELECT count(*) FROM n",
        }[pool.dialect.name]
        with pytest.raises(asyncdb.StatementTimeout):
            await pool.execute(sql)
        assert await pool.fetchval(COUNT) == 1
        if pool.dialect.supports_notices:
            await pool.execute("DROP TABLE IF EXISTS nowhere")
            await pool.execute("SELECT 1")  # its answer comes after the notice
            assert notices


def test_pools_of_loops_that_are_gone(sandbox: Sandbox) -> None:
    """Loops come and go without a pool that complains of not being closed."""
    with sandbox.pool() as pool:
        for n in range(2, 5):
            asyncio.run(pool.execute(INSERT, [n, f"n{n}"]))

        assert asyncio.run(pool.fetchval(COUNT)) == 4
    gc.collect()


# -- schemas ---------------------------------------------------------------------------


async def make(db: asyncdb.Connection) -> None:
    """Make a table."""
    await db.execute("CREATE TABLE made (a INTEGER)")


def migrate(url: asyncdb.DatabaseURL) -> None:
    """Make a table, with a loop of one's own."""

    async def main() -> None:
        async with asyncdb.connect(url) as db:
            await make(db)

    asyncio.run(main())


@pytest.mark.parametrize("schema", [make, migrate])
def test_functions_make_the_schema(schema: Any) -> None:
    """An async function gets a connection, a plain one the URL, in a free thread."""
    with Sandbox("sqlite", schema) as sandbox, sandbox.rollback() as pool:
        assert asyncio.run(pool.fetchval("SELECT count(*) FROM made")) == 0


@pytest.mark.parametrize(
    ("schema", "said"),
    [(7, "a script, a Path"), (lambda url: make(url), "write `async def`")],  # noqa: PLW0108  # not async
)
def test_a_schema_that_is_none_is_refused(schema: Any, said: str) -> None:
    """What makes no schema is an error that says what does."""
    with pytest.raises(TypeError, match=said), Sandbox("sqlite", schema):
        pass  # pragma: no cover  # it is refused


def test_a_closed_sandbox_says_so() -> None:
    """After its block a sandbox gives nothing, and says why."""
    with Sandbox("sqlite") as sandbox:
        pass

    with pytest.raises(asyncdb.InterfaceError, match="inside its `with` block"):
        sandbox.database().__enter__()


def test_an_unknown_engine_is_refused() -> None:
    """A scheme without a way to make databases is an error of ours."""
    with (
        pytest.raises(asyncdb.NotSupportedError, match="fake://"),
        Sandbox("fake://"),
    ):
        pass  # pragma: no cover  # it is refused
