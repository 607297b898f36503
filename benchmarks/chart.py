"""The chart of every cell: asyncdb, its target, the raw driver and the peers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from benchmarks.environments import PLAYERS, RAW
from benchmarks.measure import Cell
from benchmarks.svg import box, dot, page, text, upright
from benchmarks.table import ENGINES, TITLES, WORKLOADS

_LINE, _HEAD, _LABEL, _SCALE, _FIGURES, _GAP = 21, 52, 178, 300, 92, 14
_PANEL = _LABEL + _SCALE + _FIGURES
_LEAST, _MOST = 0.09, 6.0  # the ends of the scale, which is logarithmic
_TICKS = (0.1, 0.2, 0.5, 1, 2, 5)
_APART = 9  # pixels between two letters at least
# A letter tells what a colour would not on paper, or to everybody.
LETTERS = {
    "asyncmy": "m",
    "psycopg 3": "p",
    "psycopg pipeline": "l",
    "databases": "d",
    "SQLAlchemy Core": "S",
    "sqlspec": "q",
    "tortoise": "t",
    "rsqlx": "r",
}


def _place(ratio: float) -> float:
    """Where a ratio lies on the scale, in pixels."""
    inside = max(_LEAST, min(_MOST, ratio))
    return _SCALE * math.log(inside / _LEAST) / math.log(_MOST / _LEAST)


def draw(cells: Mapping[tuple[str, str], Cell]) -> str:
    """Draw a panel for each engine."""
    shown = [e for e in ENGINES if any(engine == e for _, engine in cells)]
    height = _HEAD + _LINE * len(WORKLOADS) + 24
    parts = []
    for number, engine in enumerate(shown):
        left = _GAP + (_PANEL + 2 * _GAP) * (number % 2)
        parts += _panel(cells, engine, left, 44 + height * (number // 2))
    title = "Time beside the raw driver's own idiom, which is 1; left is faster"
    width = _GAP + (_PANEL + 2 * _GAP) * min(len(shown), 2) - _GAP
    bottom = 44 + height * math.ceil(len(shown) / 2)
    keys = ", ".join(f"{letter} {name}" for name, letter in LETTERS.items())
    parts += [
        text(_GAP, 26, title, "title"),
        dot(_GAP + 5, bottom - 2, 5, "ours"),
        text(_GAP + 16, bottom + 2, "asyncdb; its figure / its target (upright)"),
        text(_GAP, bottom + 20, f"{keys}; at the right edge: {_MOST:.0f} and more"),
    ]
    return page(width, bottom + 34, title, parts)


def _panel(
    cells: Mapping[tuple[str, str], Cell], engine: str, left: float, top: float
) -> Iterator[str]:
    start, rows = left + _LABEL, top + _HEAD
    bottom = rows + _LINE * len(WORKLOADS)
    yield text(left, top + 20, TITLES[engine], "head")
    for line in range(0, len(WORKLOADS), 2):
        yield box(left - 4, rows + _LINE * line, _PANEL + 4, _LINE, "band")
    for tick in _TICKS:
        x = start + _place(tick)
        style = "one" if tick == 1 else "rule"
        yield upright(x, rows - 6, bottom, style)
        name = RAW[engine] if tick == 1 else f"{tick:g}"
        yield text(x, rows - 10, name, "soft small middle")
    for line, workload in enumerate(WORKLOADS):
        y = rows + _LINE * line
        yield text(left, y + 15, workload.title)
        cell = cells.get((workload.name, engine))
        if cell is not None:
            most = workload.targets[ENGINES.index(engine)]
            yield from _row(cell, engine, most, start, y)


def _row(
    cell: Cell, engine: str, most: float | None, start: float, y: float
) -> Iterator[str]:
    if most is not None:
        yield upright(start + _place(most), y + 2, y + _LINE - 2, "most")
    ours = cell.ratio("asyncdb")
    found = {p.name: cell.ratio(p.name) for p in PLAYERS[engine] if p.name in LETTERS}
    found.pop(RAW[engine], None)  # which is the line at 1
    ratios = {name: ratio.middle for name, ratio in found.items() if ratio}
    for name, x in _beside(ratios, ours.middle if ours else _LEAST).items():
        yield text(start + x, y + 14.5, LETTERS[name], "letter soft middle")
    if ours is not None:
        yield dot(start + _place(ours.middle), y + _LINE / 2, 4.5, "ours")
        figure = f"{ours.middle:.2f}" + ("" if most is None else f" / {most:.2f}")
        yield text(start + _SCALE + _FIGURES - 8, y + 15, figure, "end")


def _beside(ratios: Mapping[str, float], ours: float) -> dict[str, float]:
    """Where letters lie: not on each other or us, who is faster to our left."""
    places: dict[str, float] = {}
    order = sorted(ratios, key=ratios.__getitem__)
    faster = [name for name in reversed(order) if ratios[name] < ours]
    for names, side in (faster, -1), ([n for n in order if n not in faster], 1):
        last = _place(ours)
        for name in names:
            x = _place(ratios[name])
            last = min(x, last - _APART) if side < 0 else max(x, last + _APART)
            places[name] = last
    return places
