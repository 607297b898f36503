"""Results as text, Markdown, JSON and a chart."""

from __future__ import annotations

import json
import platform
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import chart
from benchmarks.environments import PLAYERS
from benchmarks.measure import Cell
from benchmarks.table import ENGINES, GROWTH_MB, IMPORT_MS, TITLES, WORKLOADS, Workload

FOLDER = Path(__file__).resolve().parent / "results"


@dataclass
class Results:
    """What was measured, and what was not."""

    quick: bool
    cells: dict[tuple[str, str], Cell] = field(default_factory=dict)
    growth: dict[tuple[str, str], float | None] = field(default_factory=dict)
    startup: dict[str, float] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def target(workload: Workload, engine: str) -> float:
    """The most that asyncdb may take."""
    return workload.targets[ENGINES.index(engine)]


def verdict(results: Results, workload: Workload, engine: str) -> str:
    """One cell: the median, the quartiles, the target, and whether it is reached."""
    cell = results.cells.get((workload.name, engine))
    if cell is None:
        return "-"
    found = cell.ratio("asyncdb")
    if found is None:
        return cell.reasons.get("asyncdb", "-")
    middle, low, high = found
    most = target(workload, engine)
    # A target within the quartiles is reached as far as can be told.
    mark = "ok" if middle <= most else "~" if low <= most else "MISS"
    return f"{middle:.2f} ({low:.2f}-{high:.2f}) <= {most:.2f} {mark}"


def _lines(results: Results) -> list[list[str]]:
    engines = [e for e in ENGINES if any(key[1] == e for key in results.cells)]
    lines = [["#", "workload", *(TITLES[e] for e in engines)]]
    for number, workload in enumerate(WORKLOADS, 1):
        if any(key[0] == workload.name for key in results.cells):
            cells = [verdict(results, workload, engine) for engine in engines]
            lines.append([str(number), workload.title, *cells])
    grown = [results.growth.get((engine, "asyncdb")) for engine in engines]
    if any(value is not None for value in grown):
        shown = ["-" if v is None else f"{v:.1f} <= {GROWTH_MB:.0f}" for v in grown]
        lines.append(["5", "memory growth of the stream, MB", *shown])
    return lines


def as_text(results: Results) -> str:
    """The table for a terminal."""
    lines = _lines(results)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    shown = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
    return "\n".join([*shown, "", *_notes(results)])


def _notes(results: Results) -> list[str]:
    notes = ["time, raw driver's own idiom = 1: median of rounds (quartiles) <= target"]
    if results.startup:
        s = results.startup
        notes.append(
            f"import asyncdb: {s['import ms']:.0f} ms "
            f"({s['import ms low']:.0f}-{s['import ms high']:.0f}) over asyncio, "
            f"<= {IMPORT_MS:.0f}"
        )
        sizes = [f"{k[11:]} {v:.1f} MB" for k, v in s.items() if k.startswith("size")]
        notes.append(f"on the disk: {', '.join(sizes)}")
    version = platform.python_version()
    servers = [f"{name} {number}" for name, number in results.versions.items()]
    notes.append(f"Python {version}, {', '.join(servers)}, {platform.machine()}")
    notes += [f"not measured: {k}: {v}" for k, v in results.missing.items()]
    notes += [f"left out: {k}: {v}" for k, v in results.left_out.items()]
    return notes


def as_markdown(results: Results) -> str:
    """The table, and one for each engine with all contestants."""

    def table(lines: list[list[str]]) -> list[str]:
        head, *rest = ["| " + " | ".join(line) + " |" for line in lines]
        return [head, "|" + " --- |" * len(lines[0]), *rest, ""]

    text = ["# Results", "", *table(_lines(results))]
    text += [*(f"* {note}" for note in _notes(results)), "", "![chart](chart.svg)", ""]
    for engine in ENGINES:
        names = [p.name for p in PLAYERS[engine]]
        lines = [["workload", *names]]
        for workload in WORKLOADS:
            cell = results.cells.get((workload.name, engine))
            if cell is not None:
                ratios = [cell.ratio(name) for name in names]
                shown = [
                    f"{r[0]:.2f} ({r[1]:.2f}-{r[2]:.2f})" if r else "-" for r in ratios
                ]
                lines.append([workload.title, *shown])
        if len(lines) > 1:
            text += [f"## {TITLES[engine]}", "", *table(lines)]
    return "\n".join(text)


def write(results: Results) -> None:
    """Write all of it to `results/`."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "results.md").write_text(as_markdown(results))
    (FOLDER / "chart.svg").write_text(chart.draw(results.cells))
    data = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": sys.version.split()[0],
        "versions": results.versions,
        "startup": results.startup,
        "growth": {" ".join(key): value for key, value in results.growth.items()},
        "cells": {
            " ".join(key): {"seconds": cell.seconds, "reasons": cell.reasons}
            for key, cell in results.cells.items()
        },
    }
    (FOLDER / "results.json").write_text(json.dumps(data, indent=1) + "\n")
