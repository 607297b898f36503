"""A chart in SVG: a panel for each engine, a bar for each workload."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.measure import Cell
from benchmarks.table import ENGINES, TITLES, WORKLOADS

_LINE, _HEAD, _LABEL, _SCALE, _PANEL = 16, 30, 230, 160, 560


def draw(cells: Mapping[tuple[str, str], Cell]) -> str:
    """Draw what asyncdb takes beside the raw driver (the line at 1)."""
    height = _HEAD + _LINE * (len(WORKLOADS) + 2)
    parts = []
    for number, engine in enumerate(ENGINES):
        left, top = _PANEL * (number % 2), height * (number // 2)
        parts.append(_text(left + 8, top + 20, TITLES[engine], "bold"))
        one = left + _LABEL + _SCALE
        for line, workload in enumerate(WORKLOADS):
            y = top + _HEAD + _LINE * line
            parts.append(_text(left + 8, y + 12, workload.title))
            cell = cells.get((workload.name, engine))
            found = cell.ratio("asyncdb") if cell else None
            if found:
                width = min(found[0], 1.7) * _SCALE
                most = left + _LABEL + workload.targets[number] * _SCALE
                parts.append(
                    f'<rect x="{left + _LABEL}" y="{y + 2}" width="{width:.0f}" '
                    f'height="{_LINE - 4}" fill="#4a7dbd"/>'
                )
                parts.append(
                    f'<line x1="{most:.0f}" x2="{most:.0f}" y1="{y}" y2="{y + _LINE}" '
                    'stroke="#c33" stroke-width="2"/>'
                )
                parts.append(
                    _text(left + _LABEL + width + 4, y + 12, f"{found[0]:.2f}")
                )
        bottom = top + _HEAD + _LINE * len(WORKLOADS)
        parts.append(
            f'<line x1="{one}" x2="{one}" y1="{top + _HEAD}" y2="{bottom}" '
            'stroke="#888" stroke-dasharray="3"/>'
        )
    caption = "time, raw driver = 1 (dashed); red: the target; shorter is faster"
    parts.append(_text(8, height * 2 + 14, caption))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_PANEL * 2}" '
        f'height="{height * 2 + 24}" font-family="sans-serif" font-size="11">\n'
        '<rect width="100%" height="100%" fill="white"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _text(x: float, y: float, text: str, weight: str = "normal") -> str:
    shown = text.replace("&", "&amp;").replace("<", "&lt;")
    return f'<text x="{x:.0f}" y="{y:.0f}" font-weight="{weight}">{shown}</text>'
