"""Pieces of a chart in SVG, which is legible in light and dark.

A picture in a page cannot know the page's colours: it has a background of its own, and
follows `prefers-color-scheme` as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_STYLE = """\
svg { font: 12px -apple-system, "Segoe UI", Helvetica, Arial, sans-serif;
  --page: #ffffff; --ink: #1f2328; --soft: #59636e; --rule: #d5dae0;
  --band: #f4f6f8; --ours: #0b62c4; --peer: #aab4bf; --raw: #6e7781; --most: #bf3989; }
@media (prefers-color-scheme: dark) { svg { --page: #0d1117; --ink: #e6edf3;
  --soft: #9ba5b0; --rule: #343b44; --band: #161b22; --ours: #58a6ff;
  --peer: #4c5560; --raw: #8b949e; --most: #ff7bc0; } }
text { fill: var(--ink); } .soft { fill: var(--soft); } .head { font-weight: 600; }
.title { font-size: 15px; font-weight: 600; } .small { font-size: 10.5px; }
.ours { fill: var(--ours); } .peer { fill: var(--peer); } .raw { fill: var(--raw); }
.band { fill: var(--band); } .rule { stroke: var(--rule); }
.one { stroke: var(--raw); stroke-dasharray: 3 3; }
.most { stroke: var(--most); stroke-width: 2; }
.page { fill: var(--page); } .letter { font-size: 10px; font-weight: 600; }
.end { text-anchor: end; } .middle { text-anchor: middle; }"""


def text(x: float, y: float, shown: str, style: str = "") -> str:
    """A line of text, its baseline at `y`."""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{style}">{escape(shown)}</text>'


def box(x: float, y: float, width: float, height: float, style: str) -> str:
    """A bar, or what lies under a line."""
    size = f'width="{max(width, 0):.1f}" height="{height:.1f}" rx="2"'
    return f'<rect x="{x:.1f}" y="{y:.1f}" {size} class="{style}"/>'


def upright(x: float, top: float, bottom: float, style: str) -> str:
    """A vertical line."""
    place = f'x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{bottom:.1f}"'
    return f'<line {place} class="{style}"/>'


def dot(x: float, y: float, radius: float, style: str) -> str:
    """A point."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" class="{style}"/>'


def page(width: float, height: float, title: str, parts: Sequence[str]) -> str:
    """The whole, with a name for those who cannot see it."""
    size = f'width="{width:.0f}" height="{height:.0f}"'
    view = f'viewBox="0 0 {width:.0f} {height:.0f}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} {view} role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>\n{_STYLE}\n</style>",
            f'<rect width="{width:.0f}" height="{height:.0f}" rx="8" class="page"/>',
            *parts,
            "</svg>\n",
        ]
    )
