"""The growth as text, Markdown and JSON."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TypeAlias

from benchmarks.growth import SUBJECTS, Step
from benchmarks.table import TITLES

Found: TypeAlias = dict[tuple[str, str], list[Step]]

_HEAD = ("size", "for one, us", "times the size before", "memory, MB")
_INTRODUCTION = """\
# Growth

The cost of one, as there are more of them: the median of repetitions (quartiles), and
how often the cost before, where 1 is flat. What is there once, such as a round trip,
makes the small sizes dear. Memory: what the size added to the process at most; the
fake is SQLite in memory, some 20 kB for each connection, and a waiting task takes 2.
"""


def as_markdown(found: Found) -> str:
    """A table for each subject and engine: flat cost is the same number all down."""
    system = f"Python {platform.python_version()}, {platform.machine()}"
    text = [_INTRODUCTION, system]
    for (name, engine), steps in found.items():
        subject = SUBJECTS[name]
        title = f"{subject.title}: the cost of {subject.unit}"
        where = TITLES.get(engine, "the fake driver")
        text += ["", f"## {title}, {where}", "", _line(_HEAD), "|" + " ---: |" * 4]
        text += [_line(cells) for cells in _cells(steps)]
    return "\n".join(text) + "\n"


def _cells(steps: Sequence[Step]) -> list[list[str]]:
    lines = []
    for before, step in zip([None, *steps], steps, strict=False):
        cost = [seconds * 1e6 for seconds in step.seconds]
        ratio = step.seconds.middle / before.seconds.middle if before else None
        memory = "-" if step.megabytes is None else f"{step.megabytes:.1f}"
        shown = f"{cost[0]:.2f} ({cost[1]:.2f}-{cost[2]:.2f})"
        lines.append([f"{step.size:,}", shown, f"{ratio:.2f}" if ratio else "", memory])
    return lines


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def write(found: Found, folder: Path) -> None:
    """Write it to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "growth.md").write_text(as_markdown(found))
    data = {" ".join(key): [asdict(s) for s in steps] for key, steps in found.items()}
    (folder / "growth.json").write_text(json.dumps(data, indent=1) + "\n")
