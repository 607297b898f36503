"""Spans and metrics, as the SDK keeps them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2 as httpx
import pytest
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from sqlalchemy import Column, Integer, MetaData, Table, select

import asyncdb
from asyncdb.contrib._summary import summarize
from asyncdb.contrib.fastapi import PoolDep, TransactionDep, register_asyncdb
from asyncdb.contrib.opentelemetry import OpenTelemetry
from asyncdb.contrib.sqlalchemy import Core

SECRET = "s3cr3t-value"


class Kept:
    """What the SDK was given."""

    def __init__(self) -> None:
        self._spans = InMemorySpanExporter()
        self._metrics = InMemoryMetricReader()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self.meters = MeterProvider([self._metrics])

    def observer(self, **options: Any) -> OpenTelemetry:
        """An observer that gives it."""
        return OpenTelemetry(
            tracer_provider=self.tracers, meter_provider=self.meters, **options
        )

    def spans(self) -> list[ReadableSpan]:
        """The spans in the order of their beginnings; they are forgotten here."""
        found = sorted(
            self._spans.get_finished_spans(), key=lambda s: s.start_time or 0
        )
        self._spans.clear()
        return found

    def tree(self) -> list[str]:
        """The names of the spans, each below its parent."""
        spans = self.spans()
        own = {span.context.span_id for span in spans if span.context}
        children: dict[int | None, list[ReadableSpan]] = {}
        for span in spans:
            parent = span.parent.span_id if span.parent else None
            children.setdefault(parent if parent in own else None, []).append(span)

        def walk(parent: int | None, depth: int) -> Iterator[str]:
            for span in children.get(parent, []):
                assert span.context
                yield "  " * depth + span.name
                yield from walk(span.context.span_id, depth + 1)

        return list(walk(None, 0))

    def points(self) -> dict[str, tuple[str, list[Any]]]:
        """Name of a metric -> its unit, its points."""
        data = self._metrics.get_metrics_data()
        return {
            metric.name: (metric.unit or "", list(metric.data.data_points))
            for resource in (data.resource_metrics if data else [])
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


@pytest.fixture
def kept() -> Iterator[Kept]:
    """An SDK of its own."""
    kept = Kept()
    yield kept
    kept.tracers.shutdown()
    kept.meters.shutdown()


async def test_a_statement(database_url: str, table: str, kept: Kept) -> None:
    """A statement is a span with the names of the conventions."""
    async with asyncdb.connect(database_url, observers=[kept.observer()]) as db:
        await db.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY)")
        kept.spans()
        sql = f"SELECT id FROM {table} /* x */ WHERE id = ? OR id = 5"
        await db.fetchall(sql, [1])
        (span,) = kept.spans()
        url, system = db.url, db.dialect.flavor or db.dialect.name

    assert span.kind is SpanKind.CLIENT
    assert f"SELECT {table}" == span.name
    assert StatusCode.UNSET is span.status.status_code
    expected = {
        "db.system.name": system,
        "db.namespace": url.database,
        "db.query.text": f"SELECT id FROM {table} WHERE id = ? OR id = ?",
        "db.query.summary": f"SELECT {table}",
        "server.address": url.host,
        "server.port": url.port,
    }
    given = {name: value for name, value in expected.items() if value is not None}
    assert given == dict(span.attributes or {})
    assert span.instrumentation_scope
    assert "asyncdb.contrib.opentelemetry" == span.instrumentation_scope.name
    await drop(database_url, table)


async def drop(url: str, table: str) -> None:
    """Leave nothing behind."""
    async with asyncdb.connect(url) as db:
        await db.execute(f"DROP TABLE IF EXISTS {table}")


async def test_an_error(database_url: str, kept: Kept) -> None:
    """An error is its class and the engine's code, and no message."""
    async with asyncdb.connect(database_url, observers=[kept.observer()]) as db:
        kept.spans()
        with pytest.raises(asyncdb.UndefinedTable) as caught:
            await db.fetchall("SELECT ? FROM nowhere_to_be_found", [SECRET])
        (span,) = kept.spans()
    found = dict(span.attributes or {})
    code = caught.value.code or caught.value.sqlstate

    assert "asyncdb.UndefinedTable" == found["error.type"]
    assert str(code) == found["db.response.status_code"]
    assert StatusCode.ERROR is span.status.status_code
    assert span.status.description is None
    assert () == span.events
    assert SECRET not in span.to_json()
    _, (point,) = kept.points()["db.client.operation.duration"]
    assert "asyncdb.UndefinedTable" == point.attributes["error.type"]


async def test_as_it_was_written(database_url: str, kept: Kept) -> None:
    """On request a text is recorded as it is; its summary is the same."""
    observer = kept.observer(sanitize=False)
    async with asyncdb.connect(database_url, observers=[observer]) as db:
        kept.spans()
        await db.fetchval("SELECT 'x' AS a")
        (span,) = kept.spans()

    assert "SELECT 'x' AS a" == (span.attributes or {})["db.query.text"]
    assert "SELECT" == span.name


async def test_a_tree(database_url: str, kept: Kept) -> None:
    """Statements are inside their transaction, and that inside the caller's span."""
    tracer = kept.tracers.get_tracer("test")
    async with asyncdb.create_pool(database_url, observers=[kept.observer()]) as pool:
        assert 1 == len(kept.tree())  # the connection
        with tracer.start_as_current_span("caller"):
            await pool.fetchval("SELECT 1")
            async with pool.transaction() as db:
                with tracer.start_as_current_span("mine"):
                    await db.fetchval("SELECT 2")
                async with db.transaction():
                    await db.fetchval("SELECT 3")
            assert trace.get_current_span().get_span_context().is_valid
        assert not trace.get_current_span().get_span_context().is_valid

        assert [
            "caller",
            "  SELECT",
            "  transaction",
            "    BEGIN",
            "    mine",
            "      SELECT",
            "    savepoint",
            "      SAVEPOINT",
            "      SELECT",
            "      RELEASE",
            "    COMMIT",
        ] == kept.tree()


async def test_blocks_that_fail(database_url: str, kept: Kept) -> None:
    """The span of a transaction says how it ended; on request there is none."""
    async with asyncdb.connect(database_url, observers=[kept.observer()]) as db:
        kept.spans()
        with pytest.raises(KeyError):
            async with db.transaction(readonly=True):
                raise KeyError(SECRET)
        span = kept.spans()[0]
    found = dict(span.attributes or {})

    assert ("transaction", SpanKind.INTERNAL) == (span.name, span.kind)
    assert "rolled back" == found["asyncdb.transaction.outcome"]
    assert found["asyncdb.transaction.readonly"] is True
    assert "KeyError" == found["error.type"]
    assert SECRET not in span.to_json()

    observer = kept.observer(transactions=False)
    async with asyncdb.connect(database_url, observers=[observer]) as db:
        kept.spans()
        async with db.transaction():
            pass
    assert ["BEGIN", "COMMIT"] == kept.tree()


async def test_a_stream(database_url: str, kept: Kept) -> None:
    """A stream's span lasts until it is left, and is not its reader's."""
    tracer = kept.tracers.get_tracer("test")
    async with asyncdb.connect(database_url, observers=[kept.observer()]) as db:
        kept.spans()
        with tracer.start_as_current_span("caller"):
            async with db.stream("SELECT 1 UNION SELECT 2", batch=1) as rows:
                async for _ in rows:
                    with tracer.start_as_current_span("reader"):
                        pass
        assert ["caller", "  SELECT SELECT", "  reader", "  reader"] == kept.tree()


async def test_ended_elsewhere(
    database_url: str, kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    """A block that another task ends has its span all the same, and no complaint."""
    async with asyncdb.connect(database_url, observers=[kept.observer()]) as db:
        kept.spans()
        await asyncio.create_task(db.begin())
        await db.fetchval("SELECT 1")
        await asyncio.create_task(db.commit())

    assert "transaction" in kept.tree()
    assert "" == caplog.text


async def test_many_rows(database_url: str, table: str, kept: Kept) -> None:
    """What a verb tells of itself is told; SQLAlchemy's statements are statements."""
    things = Table(table, MetaData(), Column("id", Integer, primary_key=True))
    async with asyncdb.connect(database_url, observers=[kept.observer()]) as db:
        core = Core(db)
        await core.create_all(things.metadata)
        kept.spans()
        await db.load_rows(table, ["id"], [(1,)])
        await db.executemany(f"INSERT INTO {table} VALUES (?)", [(2,), (3,)])
        await db.executescript(f"DELETE FROM {table}; UPDATE {table} SET id = 7")
        await core.fetchall(select(things).where(things.c.id == 7))
        spans = kept.spans()
    await drop(database_url, table)
    load = dict(spans[0].attributes or {})

    assert [
        *(f"INSERT {table}", f"INSERT {table}"),
        *(f"DELETE {table} UPDATE {table}", f"SELECT {table}"),
    ] == [span.name for span in spans]
    assert ("INSERT", table) == (load["db.operation.name"], load["db.collection.name"])


async def test_metrics(database_url: str, kept: Kept) -> None:
    """Durations are in seconds with the advised buckets; a pool tells its numbers."""
    observer = kept.observer()
    async with asyncdb.create_pool(
        database_url, min_size=1, max_size=3, observers=[observer]
    ) as pool:
        await pool.fetchval("SELECT 1")
        async with pool.acquire():
            found = kept.points()
            stats = pool.stats()
        url, system = pool.url, pool.dialect.flavor or pool.dialect.name
        (span, *_) = kept.spans()
    assert system == (span.attributes or {})["db.system.name"]
    unit, (duration,) = found["db.client.operation.duration"]

    assert "s" == unit
    assert (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10) == duration.explicit_bounds
    assert 1 == duration.count
    assert "SELECT" == duration.attributes["db.query.summary"]
    assert "db.query.text" not in duration.attributes

    port = f":{url.port}" if url.port else ""
    name = f"{url.host or ''}{port}/{url.database}"
    own = {"db.system.name": system, "db.client.connection.pool.name": name}
    prefix = "db.client.connection."
    numbers = {
        (metric.removeprefix(prefix), point.attributes.pop(f"{prefix}state", "")): (
            unit,
            point.value,
        )
        for metric, (unit, points) in found.items()
        for point in points
        if metric.startswith(prefix) and hasattr(point, "value")
    }
    assert {
        ("count", "used"): ("{connection}", 1),
        ("count", "idle"): ("{connection}", stats.idle),
        ("max", ""): ("{connection}", stats.max_size),
        ("idle.min", ""): ("{connection}", 1),
        ("pending_requests", ""): ("{request}", 0),
        ("timeouts", ""): ("{timeout}", 0),
    } == numbers
    for metric, count in (("create_time", 1), ("wait_time", 2)):
        unit, (point,) = found[prefix + metric]
        assert ("s", count) == (unit, point.count)
        assert own == dict(point.attributes)
    assert prefix + "count" not in kept.points()  # it is closed


async def test_waiting_for_a_connection(database_url: str, kept: Kept) -> None:
    """A wait is a span; a loan that does not come is one with its error."""
    observer = kept.observer(pool_name="mine")
    async with (
        asyncdb.create_pool(database_url, max_size=1, observers=[observer]) as pool,
        pool.acquire(),
    ):
        kept.spans()
        with pytest.raises(asyncdb.PoolTimeout):
            await pool.acquire(timeout=0.01)
        (span,) = kept.spans()
        _, (point,) = kept.points()["db.client.connection.timeouts"]

    assert "acquire" == span.name
    assert "asyncdb.PoolTimeout" == (span.attributes or {})["error.type"]
    assert (span.end_time or 0) - (span.start_time or 0) >= 10_000_000
    assert 1 == point.value
    assert "mine" == point.attributes["db.client.connection.pool.name"]


async def test_a_cancelled_statement(database_url: str, kept: Kept) -> None:
    """Cancelled statements end their spans; nothing stays the current one."""
    reached = asyncio.Event()

    async def rows() -> AsyncIterator[list[object]]:
        reached.set()
        await asyncio.Event().wait()
        yield []

    async with asyncdb.connect(database_url, observers=[kept.observer()]) as db:
        kept.spans()
        task = asyncio.create_task(db.executemany("SELECT ?", rows()))
        await reached.wait()
        task.cancel()
        await asyncio.wait([task])
        (span,) = kept.spans()

    assert "asyncio.exceptions.CancelledError" == (span.attributes or {})["error.type"]
    assert not trace.get_current_span().get_span_context().is_valid


# -- FastAPI ------------------------------------------------------------------------


class Traced:
    """An ASGI middleware with a span for each request, as instrumentations have."""

    def __init__(self, app: Any, tracer: trace.Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request inside a span."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name = f"{scope['method']} {scope['path']}"
        with self._tracer.start_as_current_span(name, kind=SpanKind.SERVER):
            await self._app(scope, receive, send)


@asynccontextmanager
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application whose lifespan runs."""
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://t") as found:
            yield found


async def test_requests(database_url: str, kept: Kept) -> None:
    """Spans of statements are inside their request's, also of requests at once."""
    app = FastAPI()
    register_asyncdb(app, database_url, observers=[kept.observer()])
    app.add_middleware(Traced, tracer=kept.tracers.get_tracer("web"))

    @app.get("/pool")
    async def by_pool(pool: PoolDep) -> int:
        return int(await pool.fetchval("SELECT 1"))

    @app.get("/transaction")
    async def by_transaction(db: TransactionDep) -> int:
        return int(await db.fetchval("SELECT 2") + await db.fetchval("SELECT 3"))

    async with client(app) as http:
        kept.spans()
        await http.get("/pool")
        assert ["GET /pool", "  SELECT"] == [
            line for line in kept.tree() if "acquire" not in line
        ]
        await http.get("/transaction")
        assert [
            "GET /transaction",
            "  transaction",
            "    BEGIN",
            "    SELECT",
            "    SELECT",
            "    COMMIT",
        ] == [line for line in kept.tree() if "acquire" not in line]
        await asyncio.gather(*(http.get("/transaction") for _ in range(5)))
        lines = [
            line
            for line in kept.tree()
            if not {"acquire", "connect"} & set(line.split())
        ]

        assert 5 * 6 == len(lines)
        assert ["GET /transaction"] * 5 == lines[::6]
        assert ["  transaction"] * 5 == lines[1::6]


# -- summaries ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT * FROM wuser_table WHERE username = ?", "SELECT wuser_table"),
        (
            "INSERT INTO shipping_details (a, b) SELECT a, b FROM orders WHERE c = ?",
            "INSERT shipping_details SELECT orders",
        ),
        ("SELECT * FROM songs, artists WHERE x = y", "SELECT songs artists"),
        (
            "SELECT d FROM (SELECT * FROM orders o JOIN customers c ON o.i = c.i)",
            "SELECT SELECT orders customers",
        ),
        ('SELECT * FROM "song list", artists', 'SELECT "song list" artists'),
        ("call some_procedure(?, ?)", "call some_procedure"),
        ("UPDATE ONLY a.b SET c = ? WHERE d IN (SELECT e FROM f)", None),
        ("WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x, y", None),
        ("SELECT EXTRACT(year FROM a), b IS DISTINCT FROM c FROM t FOR UPDATE", None),
        (
            "INSERT INTO t (a) VALUES (?) ON CONFLICT (a) DO UPDATE SET a = ?",
            "INSERT t",
        ),
        ("CREATE UNIQUE INDEX IF NOT EXISTS i ON t (a)", "CREATE INDEX i"),
        ("CREATE TABLE t (a INTEGER REFERENCES u ON DELETE CASCADE)", "CREATE TABLE t"),
        ("TRUNCATE TABLE t", "TRUNCATE t"),
        ("DELETE FROM t; DROP TABLE IF EXISTS u", "DELETE t DROP TABLE u"),
        ("SELECT a FROM t JOIN u USING (b) ORDER BY c, d", "SELECT t u"),
        ("SELECT a FROM ? WHERE b::int = :c", "SELECT"),
        ("PRAGMA foreign_keys", "PRAGMA"),
        ("VALUES (?, ?)", "VALUES"),
        ("? ? ?", ""),
        ("", ""),
    ],
)
def test_summaries(sql: str, expected: str | None) -> None:
    """A summary has the operations and their targets as they were written."""
    others = {
        "UPDATE": "UPDATE a.b SELECT f",
        "WITH": "DELETE t SELECT x y",
        "SELECT": "SELECT t",
    }
    if expected is None:
        expected = others[sql.partition(" ")[0]]

    assert expected == summarize(sql)


def test_long_summaries() -> None:
    """A summary has at most 255 characters, cut between two names."""
    tables = ", ".join(f"table_{n:03}" for n in range(100))
    found = summarize(f"SELECT * FROM {tables}")

    assert found.startswith("SELECT table_000 table_001")
    assert 240 < len(found) <= 255
    assert len("table_000") == len(found.rpartition(" ")[2])
