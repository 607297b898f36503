"""Results as text, Markdown, JSON and a chart."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import chart, headline
from benchmarks.environments import PLAYERS, RAW
from benchmarks.installed import Installed
from benchmarks.measure import Cell, Spread
from benchmarks.startup import Import
from benchmarks.table import ENGINES, GROWTH_MB, IMPORT_MS, TITLES, WORKLOADS, Workload


@dataclass
class Results:
    """What was measured, and what was not.

    Args:
        cells: (workload, engine) -> its times.
        memory: (engine, contestant) -> megabytes that a stream added.
        imports: (engine, contestant) -> how long its import takes.
        installed: (engine, contestant) -> what it is on the disk.
        startup: how long `import asyncdb` takes.
        versions: server -> its version.
        missing: server -> why there is none.
        left_out: contestant -> why it did not take part.
    """

    cells: dict[tuple[str, str], Cell] = field(default_factory=dict)
    memory: dict[tuple[str, str], float | None] = field(default_factory=dict)
    imports: dict[tuple[str, str], Import] = field(default_factory=dict)
    installed: dict[tuple[str, str], Installed] = field(default_factory=dict)
    startup: Import | None = None
    versions: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def target(workload: Workload, engine: str) -> float | None:
    """The most that asyncdb may take, `None` where it is only shown."""
    return workload.targets[ENGINES.index(engine)]


def verdict(results: Results, workload: Workload, engine: str) -> str:
    """One cell: the median, the quartiles, the target, and whether it is reached."""
    cell = results.cells.get((workload.name, engine))
    if cell is None:
        return "-"
    found = cell.ratio("asyncdb")
    if found is None:
        return cell.reasons.get("asyncdb", "-")
    return _beside(found, target(workload, engine), 2)


def _beside(found: Spread, most: float | None, digits: int) -> str:
    """A figure, its target, and whether it is reached."""
    middle, low, high = (f"{figure:.{digits}f}" for figure in found)
    if most is None:
        return f"{middle} ({low}-{high})"
    # A target within the quartiles is reached as far as can be told.
    mark = "ok" if found.middle <= most else "~" if found.low <= most else "MISS"
    return f"{middle} ({low}-{high}) <= {most:.{digits}f} {mark}"


def _lines(results: Results) -> list[list[str]]:
    engines = [e for e in ENGINES if any(key[1] == e for key in results.cells)]
    lines = [["#", "workload", *(TITLES[e] for e in engines)]]
    for number, workload in enumerate(WORKLOADS, 1):
        if any(key[0] == workload.name for key in results.cells):
            cells = [verdict(results, workload, engine) for engine in engines]
            lines.append([str(number), workload.title, *cells])
    grown = [results.memory.get((engine, "asyncdb")) for engine in engines]
    if any(value is not None for value in grown):
        shown = ["-" if v is None else _memory_verdict(v) for v in grown]
        lines.append(["5", "memory growth of the stream, MB", *shown])
    return lines


def _memory_verdict(megabytes: float) -> str:
    mark = "ok" if megabytes <= GROWTH_MB else "MISS"
    return f"{megabytes:.1f} <= {GROWTH_MB:.0f} {mark}"  # of one run: no spread


def as_text(results: Results) -> str:
    """The table for a terminal."""
    lines = _lines(results)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    shown = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
    return "\n".join([*shown, "", *_notes(results)])


def _notes(results: Results) -> list[str]:
    notes = ["time, raw driver's own idiom = 1: median of rounds (quartiles) <= target"]
    if results.startup:
        wall, cpu = results.startup
        processor = f"{cpu.middle:.0f} ({cpu.low:.0f}-{cpu.high:.0f})"
        notes.append(
            f"import asyncdb, ms over asyncio: {_beside(wall, IMPORT_MS, 0)}; "
            f"of the processor {processor}"
        )
    for engine in ENGINES:
        sizes = [
            f"{name} {what['megabytes']:.1f}"
            for (where, name), what in results.installed.items()
            if where == engine
        ][:2]
        if sizes:
            notes.append(f"on the disk with all it needs, MB: {', '.join(sizes)}")
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
        lines = _all_contestants(results, engine)
        if lines:
            text += [f"## {TITLES[engine]}", "", *table(lines)]
            text += [*(f"* {note}" for note in _reasons(results, engine)), ""]
    return "\n".join(text).rstrip() + "\n"


def _all_contestants(results: Results, engine: str) -> list[list[str]]:
    names = [p.name for p in PLAYERS[engine] if (engine, p.name) in results.installed]
    if not names:
        return []
    keys = [(engine, name) for name in names]
    lines = [["workload", *names]]
    for workload in WORKLOADS:
        cell = results.cells.get((workload.name, engine))
        if cell is not None:
            ratios = [cell.ratio(name) for name in names]
            shown = [
                f"{r.middle:.2f} ({r.low:.2f}-{r.high:.2f})" if r else "-"
                for r in ratios
            ]
            lines.append([workload.title, *shown])
    grown = [results.memory.get(key) for key in keys]
    if any(value is not None for value in grown):
        shown = ["-" if value is None else f"{value:.1f}" for value in grown]
        lines.append(["memory growth of the stream, MB", *shown])
    if imports := results.imports:
        shown = [f"{imports[k].wall.middle:.0f}" if k in imports else "-" for k in keys]
        lines.append(["import with its driver, ms over asyncio", *shown])
    sizes = [f"{results.installed[key]['megabytes']:.1f}" for key in keys]
    lines.append(["on the disk with all it needs, MB", *sizes])
    return lines


def _reasons(results: Results, engine: str) -> list[str]:
    """What was measured, and why something was not."""
    found = {
        f"{name} {version}": None  # each once, in this order
        for key, what in results.installed.items()
        if key[0] == engine
        for name, version in what["versions"].items()
    }
    notes = [f"{RAW[engine]} = 1; {', '.join(found)}"]
    for workload in WORKLOADS:
        cell = results.cells.get((workload.name, engine))
        for name, reason in cell.reasons.items() if cell else ():
            notes.append(f"{name}, {workload.title}: {reason}")
    return notes


def write(results: Results, folder: Path) -> None:
    """Write all of it to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.md").write_text(as_markdown(results))
    (folder / "chart.svg").write_text(chart.draw(results.cells))
    (folder / "headline.svg").write_text(headline.draw(results.cells))
    data = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": sys.version.split()[0],
        "versions": results.versions,
        "startup": results.startup and results.startup._asdict(),
        "memory": _named(results.memory),
        "imports": {
            " ".join(key): value._asdict() for key, value in results.imports.items()
        },
        "installed": _named(results.installed),
        "left out": results.left_out,
        "cells": {
            " ".join(key): {
                "seconds": cell.seconds,
                "ratios": cell.ratios,
                "reasons": cell.reasons,
            }
            for key, cell in results.cells.items()
        },
    }
    (folder / "results.json").write_text(json.dumps(data, indent=1) + "\n")


def _named(found: Mapping[tuple[str, str], object]) -> dict[str, object]:
    return {" ".join(key): value for key, value in found.items()}
