"""Draws observability-trace.svg: a request through examples/fastapi_users, as traced.

    PYTHONPATH=. python docs/how-to/observability_trace.py postgresql://...

The spans are real: the SDK keeps them in memory. The database must be empty; the table
`users` is left in it. Without a URL it is an SQLite file in a temporary folder.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import httpx2 as httpx
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from asyncdb.contrib.opentelemetry import OpenTelemetry
from examples.fastapi_users.app import create_app
from examples.fastapi_users.settings import Settings

FILE = Path(__file__).with_name("observability-trace.svg")
ANN = {
    "username": "ann",
    "email": "ann@example.org",
    "name": "Ann",
    "password": "correct horse",
}

ROW, LEFT, WIDTH, CHART, TOP = 30, 20, 900, 330, 84
STYLE = """
  text { font: 14px ui-sans-serif, system-ui, sans-serif; fill: #1f2328; }
  .title { font-weight: 600; font-size: 16px; }
  .quiet { fill: #59636e; font-size: 12.5px; }
  .paper { fill: #ffffff; stroke: #d1d9e0; }
  .grid { stroke: #d1d9e0; stroke-width: 1; }
  .server { fill: #6e7781; } .client { fill: #0969da; } .internal { fill: #8250df; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; } .quiet { fill: #9198a1; }
    .paper { fill: #0d1117; stroke: #3d444d; } .grid { stroke: #3d444d; }
    .server { fill: #9198a1; } .client { fill: #4493f8; } .internal { fill: #ab7df8; }
  }"""
KINDS = {SpanKind.SERVER: "server", SpanKind.CLIENT: "client"}


class Traced:
    """A span for each request, as `opentelemetry-instrumentation-fastapi` makes them.

    Args:
        app: the application.
        tracer: makes the spans.
    """

    def __init__(self, app: Any, tracer: trace.Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request inside a span."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        with self._tracer.start_as_current_span(method, kind=SpanKind.SERVER) as span:
            await self._app(scope, receive, send)
            span.update_name(f"{method} {scope['route'].path}")


async def record(url: str) -> list[ReadableSpan]:
    """Return the spans of the second of two equal requests that change a user."""
    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    observer = OpenTelemetry(tracer_provider=provider)
    app = create_app(Settings(database_url=url), observers=[observer])
    app.add_middleware(Traced, tracer=provider.get_tracer("web"))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://t") as http:
            user = (await http.post("/users", json=ANN)).raise_for_status().json()
            for name in ("Anne", "Anna"):
                kept.clear()
                changes = {"name": name, "version": user["version"]}
                answer = await http.patch(f"/users/{user['id']}", json=changes)
                user = answer.raise_for_status().json()
    return list(kept.get_finished_spans())


def in_order(spans: list[ReadableSpan]) -> Iterator[tuple[int, ReadableSpan]]:
    """The spans with their depths, each after its parent."""
    spans = sorted(spans, key=lambda span: span.start_time or 0)

    def below(parent: int | None, depth: int) -> Iterator[tuple[int, ReadableSpan]]:
        for span in spans:
            if (
                span.parent.span_id if span.parent else None
            ) == parent and span.context:
                yield depth, span
                yield from below(span.context.span_id, depth + 1)

    return below(None, 0)


def draw(spans: list[ReadableSpan]) -> str:
    """Return the picture."""
    rows = list(in_order(spans))
    begin = rows[0][1].start_time or 0
    whole = (rows[0][1].end_time or 0) - begin
    system = rows[-1][1].attributes or {}
    scale = (WIDTH - CHART - 100) / whole
    height = TOP + ROW * len(rows) + 40
    lines = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}" role="img" aria-labelledby="t d">'
        ),
        '<title id="t">A request as a trace</title>',
        f'<desc id="d">{escape(", ".join(span.name for _, span in rows))}</desc>',
        f"<style>{STYLE}\n</style>",
        (
            f'<rect class="paper" x="0.5" y="0.5" width="{WIDTH - 1}" '
            f'height="{height - 1}" rx="8"/>'
        ),
        f'<text class="title" x="{LEFT}" y="32">One request, one trace</text>',
        (
            f'<text class="quiet" x="{LEFT}" y="54">examples/fastapi_users on '
            f"{escape(str(system.get('db.system.name', '')))}: "
            "the times are those of one run</text>"
        ),
    ]
    for kind, label, x in (
        ("server", "the framework's", 520),
        ("internal", "transaction", 655),
        ("client", "statement", 775),
    ):
        lines += [
            f'<rect class="{kind}" x="{x}" y="22" width="12" height="12" rx="3"/>',
            f'<text class="quiet" x="{x + 18}" y="33">{label}</text>',
        ]
    for number in range(5):
        x = CHART + number * whole * scale / 4
        bottom = TOP + ROW * len(rows)
        label = f"{number * whole / 4e6:.1f} ms"
        lines += [
            f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>',
            (
                f'<text class="quiet" x="{x:.1f}" y="{bottom + 20}" '
                f'text-anchor="middle">{label}</text>'
            ),
        ]
    for number, (depth, span) in enumerate(rows):
        y = TOP + ROW * number
        start, end = span.start_time or 0, span.end_time or 0
        x, width = CHART + (start - begin) * scale, max((end - start) * scale, 2)
        kind = KINDS.get(span.kind, "internal")
        lines += [
            (
                f'<text class="name" x="{LEFT + 18 * depth}" y="{y + 20}">'
                f"{escape(span.name)}</text>"
            ),
            (
                f'<rect class="{kind}" x="{x:.1f}" y="{y + 7}" width="{width:.1f}" '
                f'height="{ROW - 13}" rx="3"/>'
            ),
            (
                f'<text class="quiet" x="{x + width + 6:.1f}" y="{y + 20}">'
                f"{(end - start) / 1e6:.2f}</text>"
            ),
        ]
    return "\n".join([*lines, "</svg>\n"])


def main() -> None:
    """Write the file."""
    with tempfile.TemporaryDirectory() as folder:
        url = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{folder}/users.db"
        FILE.write_text(draw(asyncio.run(record(url))), encoding="utf-8")


if __name__ == "__main__":
    main()
