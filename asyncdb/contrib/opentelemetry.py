"""Traces and metrics of OpenTelemetry, by its conventions for databases.

One observer does it; where they go is the SDK's, or the agent's, to say:

    async with asyncdb.create_pool(url, observers=[OpenTelemetry()]) as pool: ...

It needs `pip install 'asyncdb-toolkit[opentelemetry]'`, which is the API alone: without
an SDK nothing is recorded. The names are those of the stable semantic conventions
(https://opentelemetry.io/docs/specs/semconv/db/); those about pools are in development
there.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from opentelemetry import context, metrics, trace

import asyncdb
from asyncdb.contrib._summary import summarize

__all__ = ["OpenTelemetry"]

_SCHEMA: Final = "https://opentelemetry.io/schemas/1.33.0"
_BUCKETS: Final = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]
_LONG_WAIT: Final = 0.001  # seconds for a connection, from which on it is a span
_POOL: Final = "db.client.connection.pool.name"
_STATE: Final = "db.client.connection.state"
_CURRENT: Final = context.create_key("asyncdb")  # the innermost span of ours


class OpenTelemetry:
    """An observer that makes spans and metrics.

    * A statement is a span of the kind CLIENT, the current one while it runs (but of a
      stream, whose reader's spans are not its), named by its summary: `SELECT users`.
    * A transaction is a span around its statements, a savepoint one inside it.
    * Opening a connection is a span, waiting for one of the pool from a millisecond on.
    * Metrics: `db.client.operation.duration`, and of each pool
      `db.client.connection.count`, `.max`, `.idle.min`, `.pending_requests`,
      `.timeouts`, `.create_time` and `.wait_time`.

    `error.type` is the class of the error, such as `asyncdb.UniqueViolation`;
    `db.response.status_code` the engine's code. `db.namespace` is the database of the
    URL. No value of a parameter is recorded, and no message of an error.

    Args:
        tracer_provider: where spans go; the global one when `None`.
        meter_provider: where metrics go; the global one when `None`.
        sanitize: record texts with `?` for the literals in them, without comments;
            `False` records them as they were written.
        transactions: make spans of transactions and savepoints; their BEGIN and COMMIT
            are spans anyway.
        pool_name: the pool's name in its metrics; `host:port/database` when `None`.

    Example:
        >>> import asyncio, asyncdb
        >>> from opentelemetry.sdk.trace import TracerProvider
        >>> from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        >>> from opentelemetry.sdk.trace.export.in_memory_span_exporter import (
        ...     InMemorySpanExporter,
        ... )
        >>> kept, provider = InMemorySpanExporter(), TracerProvider()
        >>> provider.add_span_processor(SimpleSpanProcessor(kept))
        >>> observer = OpenTelemetry(tracer_provider=provider)
        >>> async def main():
        ...     async with asyncdb.connect("sqlite://", observers=[observer]) as db:
        ...         await db.execute("CREATE TABLE users (name TEXT)")
        ...         await db.fetchall("SELECT name FROM users WHERE name = 'Ann'")
        >>> asyncio.run(main())
        >>> [span.name for span in kept.get_finished_spans()]
        ['connect :memory:', 'CREATE TABLE users', 'SELECT users']
        >>> kept.get_finished_spans()[-1].attributes["db.query.text"]
        'SELECT name FROM users WHERE name = ?'
    """

    def __init__(
        self,
        *,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
        sanitize: bool = True,
        transactions: bool = True,
        pool_name: str | None = None,
    ) -> None:
        self._sanitize = sanitize
        self._transactions = transactions
        self._tracer = trace.get_tracer(
            __name__, asyncdb.__version__, tracer_provider, _SCHEMA
        )
        meter = metrics.get_meter(
            __name__, asyncdb.__version__, meter_provider, _SCHEMA
        )
        self._duration = meter.create_histogram(
            "db.client.operation.duration",
            "s",
            "Duration of database client operations.",
            explicit_bucket_boundaries_advisory=_BUCKETS,
        )
        self._pools = _Pools(meter, pool_name)

    # -- what an observer hears ------------------------------------------------------

    def connect(self, event: asyncdb.Event, /) -> Callable[[asyncdb.Event], None]:
        """Begin the span of a connection that is opened."""
        attributes = {**_place(event), "db.operation.name": "connect"}
        name = f"connect {event.database}" if event.database else "connect"
        span = _Span(self._tracer, name, attributes, trace.SpanKind.CLIENT)

        def over(event: asyncdb.Event) -> None:
            span.set(_place(event))  # which is known by now
            span.end(event)
            self._pools.opened(event)

        return over

    def acquire(self, _: asyncdb.Event, /) -> Callable[[asyncdb.Event], None]:
        """Note when somebody began to want a connection."""
        begun = time.time_ns()

        def over(event: asyncdb.Event) -> None:
            if event.duration >= _LONG_WAIT or event.error is not None:
                span = self._tracer.start_span(
                    "acquire", attributes=_place(event), start_time=begun
                )
                _end(span, event)
            self._pools.acquired(event)

        return over

    def statement(
        self, event: asyncdb.StatementEvent, /
    ) -> Callable[[asyncdb.StatementEvent], None]:
        """Begin the span of a statement."""
        text = asyncdb.sanitize(event.sql, event.dialect)
        summary = summarize(text, brackets=event.dialect.lexis.brackets == "name")
        attributes = {**_place(event), **_operation(event)}
        if summary:
            attributes["db.query.summary"] = summary
        query = text if self._sanitize else event.sql
        is_current = event.kind != "stream"
        span = _Span(
            self._tracer,
            summary or event.system,
            {**attributes, "db.query.text": query},
            trace.SpanKind.CLIENT,
            is_current=is_current,
        )

        def over(event: asyncdb.StatementEvent) -> None:
            self._duration.record(event.duration, {**attributes, **_failure(event)})
            span.end(event)

        return over

    def transaction(
        self, event: asyncdb.TransactionEvent, /
    ) -> Callable[[asyncdb.TransactionEvent], None] | None:
        """Begin the span of a transaction, or of a savepoint."""
        if not self._transactions:
            return None
        name = "savepoint" if event.savepoint else "transaction"
        attributes: dict[str, Any] = _place(event)
        if event.isolation:
            attributes["asyncdb.transaction.isolation"] = event.isolation
        if event.readonly:
            attributes["asyncdb.transaction.readonly"] = True
        span = _Span(self._tracer, name, attributes)

        def over(event: asyncdb.TransactionEvent) -> None:
            if event.outcome:
                span.set({"asyncdb.transaction.outcome": event.outcome})
            span.end(event)

        return over


class _Span:
    """A span that is the current one until it ends."""

    def __init__(
        self,
        tracer: trace.Tracer,
        name: str,
        attributes: dict[str, Any],
        kind: trace.SpanKind = trace.SpanKind.INTERNAL,
        *,
        is_current: bool = True,
    ) -> None:
        _leave_ended()
        self._span = tracer.start_span(name, kind=kind, attributes=attributes)
        self.is_over = False
        self.before = context.get_current()
        if is_current:
            inside = trace.set_span_in_context(self._span)
            context.attach(context.set_value(_CURRENT, self, inside))

    def is_current(self) -> bool:
        """Tell whether spans that begin now would be inside this one."""
        return trace.get_current_span() is self._span

    def set(self, attributes: dict[str, Any]) -> None:
        self._span.set_attributes(attributes)

    def end(self, event: asyncdb.Event) -> None:
        self.is_over = True
        _leave_ended()
        _end(self._span, event)


def _leave_ended() -> None:
    """Make those spans of ours that are over no longer the current one.

    Blocks need not end in the order of their beginning, nor in the same task, whose
    context is another one: so none is left by a token, which wants both.
    """
    while True:
        span = context.get_value(_CURRENT)
        if not isinstance(span, _Span) or not span.is_over or not span.is_current():
            return
        context.attach(span.before)


class _Pools:
    """The metrics of pools."""

    def __init__(self, meter: metrics.Meter, name: str | None) -> None:
        self._name = name
        # Pool -> its attributes. A reader of metrics has a thread of its own.
        self._seen: weakref.WeakKeyDictionary[asyncdb.Pool, dict[str, str]]
        self._seen = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()
        self._create_time = meter.create_histogram(
            "db.client.connection.create_time",
            "s",
            "The time it took to create a new connection.",
            explicit_bucket_boundaries_advisory=_BUCKETS,
        )
        self._wait_time = meter.create_histogram(
            "db.client.connection.wait_time",
            "s",
            "The time it took to obtain an open connection from the pool.",
            explicit_bucket_boundaries_advisory=_BUCKETS,
        )
        for field, name_, unit, about in (
            ("max_size", "max", "{connection}", "open connections allowed at most"),
            ("min_size", "idle.min", "{connection}", "idle connections kept at least"),
            ("waiting", "pending_requests", "{request}", "waiting for a connection"),
        ):
            meter.create_observable_up_down_counter(
                f"db.client.connection.{name_}", [self._numbers(field)], unit, about
            )
        meter.create_observable_counter(
            "db.client.connection.timeouts",
            [self._numbers("timeouts")],
            "{timeout}",
            "Waits for a connection that were given up.",
        )
        meter.create_observable_up_down_counter(
            "db.client.connection.count",
            [self._numbers("idle", "idle"), self._numbers("in_use", "used")],
            "{connection}",
            "Connections that are open, by their state.",
        )

    def opened(self, event: asyncdb.Event) -> None:
        """Record what it took to open a connection."""
        self._record(self._create_time, event)

    def acquired(self, event: asyncdb.Event) -> None:
        """Record what it took to get one."""
        self._record(self._wait_time, event)

    def _record(self, histogram: metrics.Histogram, event: asyncdb.Event) -> None:
        pool = event.pool
        if pool is None or event.error is not None:
            return
        if pool not in self._seen:
            name = self._name or _pool_name(event)
            with self._lock:
                self._seen[pool] = {"db.system.name": event.system, _POOL: name}
        histogram.record(event.duration, self._seen[pool])

    def _numbers(
        self, field: str, state: str | None = None
    ) -> Callable[[metrics.CallbackOptions], Iterable[metrics.Observation]]:
        """Make the callback that tells one number of each pool."""
        more = {_STATE: state} if state else {}

        def tell(_: metrics.CallbackOptions) -> Iterator[metrics.Observation]:
            with self._lock:
                pools = list(self._seen.items())
            for pool, found in pools:
                if not pool.is_closed:
                    number = getattr(pool.stats(), field)
                    yield metrics.Observation(number, {**found, **more})

        return tell


def _pool_name(event: asyncdb.Event) -> str:
    port = f":{event.port}" if event.port else ""
    return f"{event.host or ''}{port}/{event.database or ''}"


def _place(event: asyncdb.Event) -> dict[str, Any]:
    """Attributes of where it is."""
    found: dict[str, Any] = {"db.system.name": event.system}
    if event.database:
        found["db.namespace"] = event.database
    if event.host:
        found["server.address"] = event.host
        if event.port:
            found["server.port"] = event.port
    return found


def _operation(event: asyncdb.StatementEvent) -> dict[str, str]:
    """Attributes that a verb tells; from a text they are not to be read."""
    if event.kind == "load_rows":
        table = event.sql.removeprefix("INSERT INTO ")
        return {"db.operation.name": "INSERT", "db.collection.name": table}
    if event.kind == "transaction":
        return {"db.operation.name": event.sql.partition(" ")[0]}
    return {}


def _failure(event: asyncdb.Event) -> dict[str, str]:
    """Attributes of an error."""
    if event.error is None:
        return {}
    kind = event.error
    builtin = kind.__module__ == "builtins"
    found = {
        "error.type": kind.__name__ if builtin else f"{kind.__module__}.{kind.__name__}"
    }
    code = event.sqlstate if event.code is None else event.code
    if code is not None:
        found["db.response.status_code"] = str(code)
    return found


def _end(span: trace.Span, event: asyncdb.Event) -> None:
    failure = _failure(event)
    if failure:
        span.set_attributes(failure)
        span.set_status(trace.Status(trace.StatusCode.ERROR))
    span.end()
