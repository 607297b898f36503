"""Observers: what an application sees of its connections, and never a value."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

import asyncdb
from asyncdb.testing.conformance.chapter import Chapter
from asyncdb.testing.conformance.recorder import Recorder

SECRET = "s3cr3t-value"  # noqa: S105  # what no event may show


class Observing(Chapter):
    """`observers=`, `slow_statement_log=` and what DEBUG says."""

    @pytest.fixture
    def seen(self) -> Recorder:
        """What hears everything."""
        return Recorder()

    @pytest_asyncio.fixture
    async def watched(
        self, database_url: str, seen: Recorder
    ) -> AsyncIterator[asyncdb.Connection]:
        """A connection that is observed."""
        async with asyncdb.connect(database_url, observers=[seen]) as db:
            assert ["+ connect", "- connect"] == seen.take()
            yield db

    async def test_a_statement(
        self, watched: asyncdb.Connection, seen: Recorder
    ) -> None:
        """A statement is heard of when it begins and when it is over, once each."""
        for verb in (watched.execute, watched.fetchall, watched.fetchval):
            await verb("SELECT 1")
            event = seen.last

            assert ["+ SELECT 1", "- SELECT 1"] == seen.take()
            assert ("execute", 1, None) == (event.kind, event.rowcount, event.error)
            assert watched.dialect is event.dialect
            assert (watched.dialect.flavor or watched.dialect.name) == event.system
            assert event.duration == event.waited
            assert event.pool is None

        async with watched.cursor() as cur:
            await cur.execute("SELECT 2")
        await watched.fetchmany("SELECT 3", size=1)
        await watched.ping()  # is nobody's statement

        assert ["+ SELECT 2", "- SELECT 2", "+ SELECT 3", "- SELECT 3"] == seen.take()

    async def test_where_it_is(
        self, watched: asyncdb.Connection, seen: Recorder
    ) -> None:
        """An event knows the server and the database, and no password."""
        await watched.fetchval("SELECT 1")
        url, event = watched.url, seen.last

        assert (url.unix_socket or url.host, url.port) == (event.host, event.port)
        assert url.database == event.database

    async def test_many_rows(
        self, watched: asyncdb.Connection, seen: Recorder, table: str
    ) -> None:
        """Many rows are one event: of executemany(), load_rows() and a script."""
        if not watched.dialect.supports_concurrent_connections:
            await watched.execute(
                f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, name VARCHAR(50))"
            )
        seen.take()
        insert = f"INSERT INTO {table} (id, name) VALUES (?, ?)"
        await watched.executemany(insert, [(1, SECRET), (2, SECRET)])
        await watched.load_rows(table, ["id", "name"], [(3, SECRET)])
        await watched.executescript(f"DELETE FROM {table}; SELECT 1")
        many, load, script = seen.events[-3:]

        assert 6 == len(seen.take())
        assert ("executemany", insert, 2) == (many.kind, many.sql, many.rowcount)
        assert ("load_rows", 1) == (load.kind, load.rowcount)
        assert f"INSERT INTO {table}" == load.sql
        assert ("executescript", 3) == (script.kind, script.rowcount)

    async def test_a_batch(self, watched: asyncdb.Connection, seen: Recorder) -> None:
        """A batch is one event, with the texts of its statements."""
        async with watched.batch() as batch:
            batch.fetchval("SELECT :a", {"a": SECRET})
            batch.fetchval("SELECT 2")
        event = seen.last

        assert ("batch", None) == (event.kind, event.error)
        assert ["+ SELECT :a; SELECT 2", "- SELECT :a; SELECT 2"] == seen.take()

    async def test_an_error(self, watched: asyncdb.Connection, seen: Recorder) -> None:
        """An error is told by its class and codes."""
        with pytest.raises(asyncdb.DatabaseError) as caught:
            await watched.execute("SELECT * FROM nowhere_to_be_found")
        event = seen.last

        assert event.error is type(caught.value)
        assert caught.value.sqlstate == event.sqlstate
        assert caught.value.code == event.code
        assert -1 == event.rowcount

        with pytest.raises(asyncdb.ParameterError):
            await watched.execute("SELECT ?", [1, 2])

        assert asyncdb.ParameterError is seen.last.error

    async def test_a_stream(self, watched: asyncdb.Connection, seen: Recorder) -> None:
        """A stream goes on until it is left; its reader's time is its own."""
        sql = "SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3"
        async with watched.stream(sql, batch=1) as rows:
            assert [f"+ {sql}"] == seen.take()
            async for _ in rows:
                await asyncio.sleep(0.02)
        event = seen.last

        assert [f"- {sql}"] == seen.take()
        assert ("stream", 3, None) == (event.kind, event.rowcount, event.error)
        assert event.waited <= event.duration - 0.05

        async with watched.stream(sql, batch=1) as rows:
            await rows.fetchmany()
        assert 1 == seen.last.rowcount

        with pytest.raises(asyncdb.DatabaseError) as caught:
            async with watched.stream("SELECT * FROM nowhere_to_be_found") as rows:
                await rows.fetchmany()
        assert seen.last.error is type(caught.value)
        assert seen.take()[-1].startswith("- SELECT * FROM nowhere")

    async def test_transactions(
        self, watched: asyncdb.Connection, seen: Recorder
    ) -> None:
        """Blocks and savepoints are events around the statements in them."""
        async with watched.transaction():
            async with watched.transaction():
                await watched.fetchval("SELECT 1")
            with pytest.raises(LookupError):
                async with watched.transaction():
                    raise LookupError
        blocks = [e for e in seen.events if isinstance(e, asyncdb.TransactionEvent)]

        assert [
            "+ block",
            *("+ BEGIN", "- BEGIN"),
            "+ block asyncdb_1",
            *("+ SAVEPOINT asyncdb_1", "- SAVEPOINT asyncdb_1"),
            *("+ SELECT 1", "- SELECT 1"),
            *("+ RELEASE SAVEPOINT asyncdb_1", "- RELEASE SAVEPOINT asyncdb_1"),
            "- block asyncdb_1",
            "+ block asyncdb_1",
            *("+ SAVEPOINT asyncdb_1", "- SAVEPOINT asyncdb_1"),
            *("+ ROLLBACK TO SAVEPOINT asyncdb_1", "- ROLLBACK TO SAVEPOINT asyncdb_1"),
            "- block asyncdb_1",
            *("+ COMMIT", "- COMMIT"),
            "- block",
        ] == seen.take()
        assert ["committed", "rolled back", "committed"] == [b.outcome for b in blocks]
        assert [None, LookupError, None] == [b.error for b in blocks]

    async def test_the_end_of_a_block(
        self, watched: asyncdb.Connection, seen: Recorder
    ) -> None:
        """A block is over when it is committed or rolled back, and only once."""
        async with watched.transaction() as tx:
            await tx.commit()
            assert "- block" == seen.take()[-1]
            assert "committed" == seen.last.outcome
        assert [] == seen.take()

        await watched.begin(readonly=True)
        await watched.fetchval("SELECT 1")
        await watched.rollback()
        assert ("rolled back", True) == (seen.last.outcome, seen.last.readonly)
        assert "- block" == seen.take()[-1]

        with pytest.raises(asyncdb.TransactionError):
            await watched.begin(isolation="none such")  # type: ignore[arg-type]
        assert (None, asyncdb.TransactionError) == (seen.last.outcome, seen.last.error)

    async def test_a_cancelled_statement(
        self, database_url: str, seen: Recorder
    ) -> None:
        """A statement that is cancelled is over, and so is its block."""
        reached = asyncio.Event()

        async def rows() -> AsyncIterator[list[object]]:
            reached.set()
            await asyncio.Event().wait()
            yield []

        async def work() -> None:
            async with (
                asyncdb.connect(database_url, observers=[seen]) as db,
                db.transaction(),
            ):
                await db.executemany("SELECT ?", rows())

        task = asyncio.create_task(work())
        await reached.wait()
        task.cancel()
        await asyncio.wait([task])
        statement = next(e for e in seen.events if getattr(e, "sql", "") == "SELECT ?")

        assert asyncio.CancelledError is statement.error
        assert asyncio.CancelledError is seen.last.error
        assert "rolled back" == seen.last.outcome
        assert sorted(line[2:] for line in seen.lines if line[0] == "+") == sorted(
            line[2:] for line in seen.lines if line[0] == "-"
        )

    async def test_a_pool(self, database_url: str, seen: Recorder) -> None:
        """A pool's verbs take a connection first; its events know the pool."""
        async with asyncdb.create_pool(
            database_url, max_size=1, observers=[seen]
        ) as pool:
            assert ["+ connect", "- connect"] == seen.take()
            loan = ["+ acquire", "- acquire"]
            await pool.fetchval("SELECT 1")
            assert [*loan, "+ SELECT 1", "- SELECT 1"] == seen.take()
            async with pool.stream("SELECT 2") as rows:
                await rows.fetchmany()
            assert [*loan, "+ SELECT 2", "- SELECT 2"] == seen.take()
            async with pool.acquire() as db:
                await db.fetchval("SELECT 3")
            assert [*loan, "+ SELECT 3", "- SELECT 3"] == seen.take()
            async with pool.transaction():
                pass
            assert loan == seen.take()[:2]
            assert {pool} == {event.pool for event in seen.events}
            assert [pool.stats().acquires] == [
                sum(type(event) is asyncdb.Event for event in seen.events) - 1
            ]

        with pytest.raises(asyncdb.PoolClosed):
            await pool.fetchval("SELECT 4")
        assert asyncdb.PoolClosed is seen.last.error

    async def test_waiting_for_a_pool(self, database_url: str, seen: Recorder) -> None:
        """A loan that does not come is heard of, too."""
        async with (
            asyncdb.create_pool(database_url, max_size=1, observers=[seen]) as pool,
            pool.acquire(),
        ):
            with pytest.raises(asyncdb.PoolTimeout):
                await pool.acquire(timeout=0.02)

            assert asyncdb.PoolTimeout is seen.last.error
            assert seen.last.duration >= 0.02

    async def test_hooks_and_retry(self, database_url: str, seen: Recorder) -> None:
        """What a hook does belongs to what it is for; each attempt is a block."""

        async def hook(db: asyncdb.Connection) -> None:
            await db.fetchval("SELECT 7")

        async with asyncdb.create_pool(
            database_url, observers=[seen], on_connect=hook, on_acquire=hook
        ) as pool:
            inside = ["+ SELECT 7", "- SELECT 7"]
            assert ["+ connect", *inside, "- connect"] == seen.take()
            await pool.fetchval("SELECT 8")
            assert ["+ acquire", *inside, "- acquire"] == seen.take()[:4]

            attempts = []

            async def work(db: asyncdb.Connection) -> None:
                attempts.append(await db.fetchval("SELECT 9"))
                if len(attempts) == 1:
                    raise asyncdb.DeadlockDetected("again")

            await pool.retry(work)
            assert 2 == seen.take().count("+ block")

    async def test_observers_that_raise(
        self, database_url: str, seen: Recorder, caplog: pytest.LogCaptureFixture
    ) -> None:
        """An observer that raises is logged; the statement and the others go on."""

        class Raises:
            def statement(self, event: asyncdb.StatementEvent) -> Callable[..., None]:
                if event.sql == "SELECT 1":
                    raise LookupError("at the beginning")
                if event.sql == "SELECT 4":  # of a future that it looked at
                    raise asyncio.CancelledError("another's")
                return self.over

            def over(self, event: asyncdb.StatementEvent) -> None:
                if event.sql == "SELECT 3":
                    raise asyncio.CancelledError("another's")
                raise LookupError("at the end")

        async with asyncdb.connect(database_url, observers=[Raises(), seen]) as db:
            assert 1 == await db.fetchval("SELECT 1")
            assert 2 == await db.fetchval("SELECT 2")
            async with db.transaction():
                assert 3 == await db.fetchval("SELECT 3")
                assert 4 == await db.fetchval("SELECT 4")

        assert "- SELECT 2" in seen.lines
        told = {record.exc_info[1].args for record in caplog.records if record.exc_info}  # type: ignore[union-attr]
        expected = {("at the beginning",), ("at the end",), ("another's",)}
        assert expected == told

    async def test_no_values(
        self,
        database_url: str,
        seen: Recorder,
        caplog: pytest.LogCaptureFixture,
        db: asyncdb.Connection,
    ) -> None:
        """No event, no slow statement and no line of DEBUG shows a value."""
        caplog.set_level(logging.DEBUG, "asyncdb")
        async with asyncdb.connect(
            database_url, observers=[seen], slow_statement_log=0
        ) as watched:
            await watched.fetchval("SELECT :a", {"a": SECRET})
            with pytest.raises(asyncdb.Error):
                await watched.execute("SELECT ? FROM nowhere_to_be_found", [SECRET])
            with pytest.raises(asyncdb.Error):
                await watched.executemany("SELECT ?", [[SECRET, SECRET]])
            with pytest.raises(KeyError):
                async with watched.transaction():
                    raise KeyError(SECRET)
            async with watched.stream("SELECT ?", [SECRET]) as rows:
                assert [SECRET] == [row[0] async for row in rows]
        fields = [
            str(getattr(event, name))
            for event in seen.events
            for name in type(event).__dataclass_fields__
        ]

        assert "SELECT :a" in fields
        assert "SELECT :a" in caplog.text
        for text in (*fields, *map(repr, seen.events), caplog.text):
            assert SECRET not in text
            if watched.url.password:
                assert watched.url.password not in text

    async def test_slow_statements(
        self, database_url: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A slow statement is logged, with its text in one line."""
        url = database_url
        async with asyncdb.connect(url, slow_statement_log=60) as db:
            await db.fetchval("SELECT 1")
        assert "slow statement" not in caplog.text

        async with asyncdb.connect(url, slow_statement_log=0) as db:
            await db.fetchval("SELECT\n  2")
        record = next(r for r in caplog.records if "SELECT 2" in r.getMessage())

        assert ("asyncdb", logging.WARNING) == (record.name, record.levelno)
        assert "1 rows" in record.getMessage()

    async def test_debug(
        self, database_url: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """At DEBUG each statement of a new connection is a line, else none is."""
        async with asyncdb.connect(database_url) as db:
            await db.fetchval("SELECT 1")
        assert "SELECT" not in caplog.text

        caplog.set_level(logging.DEBUG, "asyncdb")
        async with asyncdb.connect(database_url) as db:
            await db.fetchval("SELECT 2")
        assert "1 rows: SELECT 2" in caplog.text

    async def test_what_is_no_observer(self, database_url: str) -> None:
        """What hears nothing, or would have to be awaited, is refused."""

        class Awaited:
            async def statement(self, _: object) -> None: ...

        words = "connect, acquire, statement, transaction; number 2, "
        for wrong, said in (
            (object(), words + "an object of builtins.object, has none"),
            (Recorder, words + "the class Recorder itself, has none"),
            (Awaited(), r"statement\(\) of an object of .*Awaited is called, not"),
        ):
            with pytest.raises(asyncdb.URLError, match=said):
                await asyncdb.connect(database_url, observers=[Recorder(), wrong])  # type: ignore[list-item]
            with pytest.raises(asyncdb.URLError, match=said):
                asyncdb.create_pool(database_url, observers=[Recorder(), wrong])  # type: ignore[list-item]
        with pytest.raises(asyncdb.URLError, match="observers"):
            await asyncdb.connect(database_url, observers=Recorder())  # type: ignore[arg-type]
