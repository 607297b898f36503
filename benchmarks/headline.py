"""The chart for the README's first screen: three workloads, who takes how long."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from benchmarks.environments import PLAYERS, RAW
from benchmarks.measure import Cell
from benchmarks.svg import box, page, text
from benchmarks.table import TITLES

_SHOWN = {
    "pooled": "one row, a connection from the pool",
    "transaction": "a transaction of three statements",
    "tasks": "200 tasks on a pool of ten",
}
_ENGINES = ("postgresql", "asyncmy", "sqlite")
_LINE, _LABEL, _SCALE, _FIGURE, _GAP = 16, 112, 130, 46, 20
_COLUMN = _LABEL + _SCALE + _FIGURE + _GAP
_MOST = 3.0  # longer bars end here; the figure tells


def draw(cells: Mapping[tuple[str, str], Cell]) -> str:
    """Draw bars: asyncdb, the raw driver as its documentation shows it, the peers."""
    title = "Time beside the raw driver, which is 1; shorter is faster"
    parts = [text(_GAP, 30, title, "title")]
    shown = [e for e in _ENGINES if any(engine == e for _, engine in cells)]
    top = 42.0
    for engine in shown:
        lines = 1
        parts.append(text(_GAP, top + 16, TITLES[engine], "head"))
        for number, (name, what) in enumerate(_SHOWN.items()):
            left = _GAP + _COLUMN * number
            parts.append(text(left, top + 35, what, "soft"))
            cell = cells.get((name, engine))
            if cell is not None:
                bars = list(_bars(cell, engine, left, top + 42))
                parts += bars
                lines = max(lines, len(bars) // 3)
        top += 42 + _LINE * lines + 10
    return page(_GAP + _COLUMN * len(_SHOWN), top + 6, title, parts)


def _bars(cell: Cell, engine: str, left: float, top: float) -> Iterator[str]:
    found = {p.name: cell.ratio(p.name) for p in PLAYERS[engine]}
    ratios = {name: ratio.middle for name, ratio in found.items() if ratio}
    for line, name in enumerate(sorted(ratios, key=ratios.__getitem__)):
        y = top + _LINE * line
        style = {"asyncdb": "ours", RAW[engine]: "raw"}.get(name, "peer")
        width = min(ratios[name], _MOST) / _MOST * _SCALE
        emphasis = "head" if name == "asyncdb" else ""
        yield text(left + _LABEL - 6, y + 12, name, f"end {emphasis}")
        yield box(left + _LABEL, y + 2, width, _LINE - 4, style)
        x = left + _LABEL + width + 5
        yield text(x, y + 12, f"{ratios[name]:.2f}", f"small {emphasis}")
