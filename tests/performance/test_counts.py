"""What can be counted exactly: round trips, thread hops, calls, objects, imports."""

from __future__ import annotations

import gc
import os
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from types import CodeType
from typing import Any

import pytest

import asyncdb
from tests.plugins.databases import SECOND_DRIVERS, SERVERS, engine_url, engines
from tests.plugins.proxy import Proxy, Side

# -- round trips --------------------------------------------------------------------


class Counter:
    """Counts questions: bytes of the client that follow bytes of the server."""

    def __init__(self) -> None:
        self._last: Side = "server"
        self.trips = 0

    def __call__(self, side: Side, data: bytes) -> bytes:
        """See bytes pass."""
        self.trips += side == "client" and self._last == "server"
        self._last = side
        return data


async def trips(counter: Counter, work: Callable[[], Awaitable[Any]]) -> int:
    """Round trips of a piece of work."""
    before = counter.trips
    await work()
    return counter.trips - before


async def do_transaction(db: asyncdb.Connection) -> None:
    """A block with one statement."""
    async with db.transaction():
        await db.execute("SELECT 1")


async def do_batch(
    db: asyncdb.Executor, count: int = 3, *, transaction: bool | None = None
) -> None:
    """Several statements together."""
    async with db.batch(transaction=transaction) as batch:
        for number in range(count):
            batch.fetchval("SELECT CAST(? AS CHAR(3)) AS a", [str(number)])


@pytest.mark.parametrize(
    "engine", [name for name in [*SERVERS, *SECOND_DRIVERS] if name != "postgresql"]
)
async def test_round_trips_of_a_batch(
    request: pytest.FixtureRequest, engine: str
) -> None:
    """Any number of statements is one round trip, on whose wire they can be sent so.

    A transaction of them is one more: COMMIT, which goes when all is known to be well.
    """
    postgresql = engine.startswith("postgresql")
    counter = Counter()
    async with (
        Proxy(engine_url(request, engine), counter) as proxy,
        asyncdb.connect(proxy.url, tls="disable") as db,
    ):
        if postgresql:  # which prepares the first time
            await do_batch(db, 1)
        assert 1 == await trips(counter, lambda: do_batch(db, 3))
        assert 1 == await trips(counter, lambda: do_batch(db, 50))
        whole = await trips(counter, lambda: do_batch(db, 50, transaction=True))
        assert 2 == whole


@pytest.mark.parametrize(
    "engine", [one for one in (*SERVERS, *SECOND_DRIVERS) if "postgresql" not in one]
)
async def test_round_trips_of_a_batch_that_is_not_pipelined(
    request: pytest.FixtureRequest, engine: str
) -> None:
    """With `pipeline=False`, for proxies that cannot take more, each waits its turn."""
    counter = Counter()
    async with (
        Proxy(engine_url(request, engine), counter) as proxy,
        asyncdb.connect(proxy.url, tls="disable", pipeline=False) as db,
    ):
        assert 3 == await trips(counter, lambda: do_batch(db, 3))
        whole = await trips(counter, lambda: do_batch(db, 3, transaction=True))
        assert 5 == whole
        with pytest.raises(asyncdb.UndefinedTable, match="statement 2 of 3"):
            async with db.batch(transaction=True) as batch:
                first = batch.fetchval("SELECT 1")
                batch.fetchval("SELECT a FROM no_such_table")
                batch.fetchval("SELECT 3")
        with pytest.raises(asyncdb.TransactionError, match="undone"):
            first.result()
        assert not db.in_transaction
        assert 1 == await db.fetchval("SELECT @@autocommit")


@pytest.mark.parametrize("engine", [*SERVERS, *SECOND_DRIVERS])
async def test_round_trips(request: pytest.FixtureRequest, engine: str) -> None:
    """Each verb costs the round trips that the protocol needs, and no more."""
    counter = Counter()
    url = engine_url(request, engine)
    prepares = engine.startswith("postgresql")  # the first time
    async with (
        Proxy(url, counter) as proxy,
        asyncdb.connect(proxy.url, tls="disable") as db,
    ):
        sql = "SELECT CAST(? AS CHAR(3)) AS a"
        first = await trips(counter, lambda: db.fetchone(sql, ["a"]))

        assert first == 1 + prepares
        for verb in (db.execute, db.fetchone, db.fetchall, db.fetchval):
            assert 1 == await trips(counter, lambda verb=verb: verb(sql, ["b"]))
        # BEGIN goes along with the statement; asyncpg's must be prepared for that.
        along = "psycopg" not in engine
        first = await trips(counter, lambda: do_transaction(db))
        assert first == (2 if along and not prepares else 3 + prepares)
        assert 3 - along == await trips(counter, lambda: do_transaction(db))


@pytest.mark.parametrize("engine", [*SERVERS, *SECOND_DRIVERS])
async def test_a_pool_adds_no_round_trip(
    request: pytest.FixtureRequest, engine: str
) -> None:
    """A connection that nothing has touched goes back to the pool as it is."""
    counter = Counter()
    async with (
        Proxy(engine_url(request, engine), counter) as proxy,
        asyncdb.create_pool(proxy.url, tls="disable", max_size=1) as pool,
    ):
        sql = "SELECT CAST(? AS CHAR(3)) AS a"
        await pool.fetchone(sql, ["a"])

        assert 10 == await trips(counter, lambda: ten_times(pool, sql))


async def ten_times(pool: asyncdb.Pool, sql: str) -> None:
    """Ten pooled selects."""
    for _ in range(10):
        await pool.fetchone(sql, ["a"])


# -- thread hops ----------------------------------------------------------------------


@engines("sqlite")
async def test_thread_hops(
    db: asyncdb.Connection, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On SQLite a statement is one hop to the thread, whatever it does."""
    hops = 0
    real: Any = db._session.inner._member.worker.queue  # type: ignore[attr-defined]

    class Counting:
        def put_nowait(self, job: Any) -> None:
            nonlocal hops
            hops += 1
            real.put_nowait(job)

    monkeypatch.setattr(db._session.inner._member.worker, "queue", Counting())  # type: ignore[attr-defined]
    rows = [[i] for i in range(1000)]
    for most, work in (
        (1, lambda: db.execute(f"CREATE TABLE {table} (a INTEGER)")),
        (1, lambda: db.executemany(f"INSERT INTO {table} VALUES (?)", rows)),
        (1, lambda: db.execute(f"INSERT INTO {table} VALUES (?)", [1])),
        (1, lambda: db.fetchone(f"SELECT a FROM {table} WHERE a = ?", [7])),
        (1, lambda: db.fetchall(f"SELECT a FROM {table}")),
        (2, lambda: do_transaction(db)),  # BEGIN goes with the statement
        (1, lambda: do_batch(db, 50)),
        (1, lambda: do_batch(db, 50, transaction=True)),  # and COMMIT with them
    ):
        hops = 0
        await work()

        assert most == hops


@pytest.fixture
def one_core() -> Iterator[None]:
    """Loop and threads share a core; threads that begin now, too."""
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this system has no way to keep a process to a core")
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


@pytest.mark.usefixtures("one_core")
async def test_loop_and_thread_take_turns_once(sqlite_url: str) -> None:
    """For a statement each of them sleeps once at most, when it has nothing to do.

    Who is woken by somebody that has the interpreter's lock sleeps twice.
    """
    resource = pytest.importorskip("resource")
    async with asyncdb.connect(sqlite_url) as db:
        await db.fetchone("SELECT ?", [0])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
        for number in range(1000):
            await db.fetchone("SELECT ?", [number])
        slept = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - before

    assert slept / 1000 <= 2.2


@engines("sqlite")
async def test_rows_without_names(db: asyncdb.Connection) -> None:
    """Where rows are read into something else, none with names are made."""
    db.native.row_factory = sqlite3.Row  # changes nothing
    sql = "VALUES (1, 2), (3, 4)"
    plain = await db.runner.execute(sql, None, plain=True)
    made: list[list[Any]] = []
    async with db.stream(sql, into=tuple[int, int]) as rows:
        fetch = rows._open().fetch
        made.append(await fetch(1))

    assert [(1, 2), (3, 4)] == plain.rows
    assert {tuple} == {type(row) for row in [*plain.rows, *made[0]]}
    assert [(1, 2), (3, 4)] == await db.fetchall(sql, into=tuple[int, int])
    assert {asyncdb.Row} & set(type((await db.fetchall(sql))[0]).__mro__)


# -- calls and allocations -------------------------------------------------------------


@pytest.fixture
def no_collection() -> Iterator[None]:
    """No garbage of other tests is collected in between, which would be counted."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def test_python_calls_of_a_select(no_collection: None) -> None:
    """A point select costs a bounded number of calls above the driver."""
    calls: list[str] = []

    def count(frame: Any, event: str, _: Any) -> None:
        if event == "call" and "asyncdb" in frame.f_code.co_filename:
            calls.append(frame.f_code.co_name)

    async with asyncdb.connect("fake://") as db:
        await db.fetchone("SELECT ? AS a", [1])
        sys.setprofile(count)
        try:
            await db.fetchone("SELECT ? AS a", [1])
        finally:
            sys.setprofile(None)

    assert len(calls) <= 27, calls


class Watching:
    """Hears of statements and loans."""

    def acquire(self, _: asyncdb.Event) -> None:
        """Hear of a loan."""

    def statement(self, _: asyncdb.StatementEvent) -> None:
        """Hear of a statement."""


async def code_of_a_select(**options: Any) -> tuple[list[CodeType], int]:
    """What is called for a point select of a connection and of a pool.

    And how many instructions of Python that takes.
    """
    codes: list[CodeType] = []
    instructions = 0

    def trace(frame: Any, event: str, _: Any) -> Any:
        nonlocal instructions
        if event == "call":
            codes.append(frame.f_code)
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        instructions += event == "opcode"
        return trace

    async with (
        asyncdb.connect("fake://", **options) as db,
        asyncdb.create_pool("fake://", **options) as pool,
    ):
        for one in (db, pool):
            for _ in range(3):  # to be warm
                await one.fetchone("SELECT ? AS a", [1])
            before = sys.gettrace()
            sys.settrace(trace)
            try:
                await one.fetchone("SELECT ? AS a", [1])
            finally:
                sys.settrace(before)
    return codes, instructions


SEAM = ("observed.py", "watch.py", "statement_log.py", "observers.py")


async def test_nobody_pays_for_observers(no_collection: None) -> None:
    """Without observers no code of theirs runs, and none that runs asks for them."""
    plain, instructions = await code_of_a_select()
    again = await code_of_a_select(on_notice=print)  # another option of a function
    names = {name for code in plain for name in (*code.co_names, *code.co_freevars)}

    assert (plain, instructions) == again
    assert not [code for code in plain if code.co_filename.endswith(SEAM)]
    assert not [name for name in names if "observe" in name or "watch" in name]
    for options in ({"observers": [Watching()]}, {"slow_statement_log": 60}):
        seen, more = await code_of_a_select(**options)
        added = [code for code in seen if code.co_filename.endswith(SEAM)]

        assert added  # the count finds what is there
        assert more > instructions
        assert set(plain) <= set(seen)


@pytest.mark.parametrize("into", [None, tuple, dict])
async def test_objects_per_row(into: Any, no_collection: None) -> None:
    """A row is a bounded number of objects; their number grows as the rows do."""
    sql = (
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
        "SELECT i + 1000 AS a, 'b' AS b FROM n"
    )
    async with asyncdb.connect("fake://") as db:
        blocks = []
        for count in (10, 10_000, 10_000, 20_000):
            before = sys.getallocatedblocks()
            rows = await db.fetchall(sql, [count], into=into)
            blocks.append(sys.getallocatedblocks() - before)

            assert count == len(rows)
            del rows

    assert blocks[-1] / 20_000 <= 4
    assert abs(blocks[-1] - 2 * blocks[-2]) < 5_000  # free lists give some of them


# -- imports ------------------------------------------------------------------------

LIBRARIES = {
    *("asyncpg", "aiomysql", "pymysql", "asyncmy", "aiosqlite", "sqlite3"),
    *("fastapi", "starlette", "pydantic", "attrs", "attr", "msgspec"),
    *("sqlalchemy", "alembic", "cryptography", "pytest", "opentelemetry"),
}
SLOW = {
    "importlib.metadata": "a third of the time; needed when the first driver is sought",
    "email": "comes with importlib.metadata",
    "zipfile": "comes with importlib.metadata",
    "csv": "comes with importlib.metadata",
    "http": "nothing here speaks HTTP",
    "unittest": "for tests",
    "xml": "nothing here reads XML",
    "multiprocessing": "nothing here starts processes",
    "sqlite3": "a library of C: with its driver",
    "json": "for values: with the driver that needs it",
    "decimal": "for values: with the driver that needs it",
    "uuid": "for values: with the driver that needs it",
    "urllib.parse": "for a URL with % in it, or one that is shown",
    "ipaddress": "when a host is looked up",
    "asyncdb.values.decoders": "for typed reads: with the first",
}


def test_what_an_import_brings() -> None:
    """`import asyncdb` imports no driver, no framework and nothing slow."""
    code = (
        "import sys, asyncio\nbefore = set(sys.modules)\nimport asyncdb\n"
        "print(*set(sys.modules) - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    brought = set(done.stdout.split())

    assert not brought & LIBRARIES
    assert not brought & set(SLOW)


def test_the_door_for_drivers_has_values_before_they_are_imported() -> None:
    """What `asyncdb.driver` imports late is there and shown like the rest."""
    code = (
        "import sys, asyncdb.driver as door\n"
        "late = 'asyncdb.driver.values' not in sys.modules\n"
        "print(late, {*door.__all__} <= {*dir(door)})\n"
        "print(door.values.__name__, hasattr(door, 'nosuch'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert ["True True", "asyncdb.driver.values False"] == done.stdout.splitlines()
