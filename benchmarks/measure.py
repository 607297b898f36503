"""Rounds: each contestant in turn does a little, and ratios are taken in each round."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from benchmarks.arena import Worker
from benchmarks.table import Workload


class Spread(NamedTuple):
    """The median of some figures, and the quartiles around it."""

    middle: float
    low: float
    high: float


def spread(figures: Sequence[float]) -> Spread:
    """Find the median and the quartiles."""
    if len(figures) == 1:
        return Spread(figures[0], figures[0], figures[0])
    low, middle, high = statistics.quantiles(figures, n=4, method="inclusive")
    return Spread(middle, low, high)


@dataclass
class Cell:
    """What was measured of one workload on one engine.

    Args:
        seconds: contestant -> seconds for one operation, round by round.
        ratios: contestant -> its time over the raw driver's of the same round.
        reasons: contestant -> why there is nothing of it.
    """

    seconds: dict[str, list[float]] = field(default_factory=dict)
    ratios: dict[str, list[float]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def ratio(self, name: str) -> Spread | None:
        """A contestant's ratios, `None` where there are none."""
        found = self.ratios.get(name)
        return spread(found) if found else None


class Progress:
    """A line on the terminal that says how far it is."""

    def __init__(self, steps: int) -> None:
        self._steps, self._done = steps, 0
        self._begun = time.monotonic()

    def begin(self, what: str) -> None:
        """Say what is done now, where that takes long and is no step."""
        self._show(what)

    def step(self, what: str, steps: int = 1) -> None:
        """Say that another step is done, or several."""
        self._done += steps
        spent = time.monotonic() - self._begun
        left = spent / self._done * max(self._steps - self._done, 0)
        done = f"[{self._done}/{self._steps}]"
        self._show(f"{done:<8}{what:<52} about {left:4.0f} s left")

    def _show(self, text: str) -> None:
        end = "\r" if sys.stderr.isatty() else "\n"
        print(f"{text:<79}", end=end, file=sys.stderr, flush=True)


def measure(
    players: Mapping[str, Worker], raw: str, workload: Workload, budget: float
) -> Cell:
    """Measure one cell.

    Args:
        players: the contestants.
        raw: the one that is 1.
        workload: what they do.
        budget: seconds for all rounds together.

    Returns:
        At least three rounds, at most 31.
    """
    cell = Cell()
    ready: dict[str, Worker] = {}
    times = workload.operations
    cost = 0.0
    for name, worker in players.items():
        try:
            if reason := worker.ask("lacks").get(workload.name):
                cell.reasons[name] = reason
                continue
            worker.ask("run", workload.name, max(1, times // 10))  # warm
            cost += worker.ask("run", workload.name, times)
            ready[name] = worker
        except RuntimeError as error:
            cell.reasons[name] = str(error)
    rounds = max(3, min(31, int((budget - cost) / max(cost, 1e-6))))
    for number in range(rounds):
        took = {}
        for name in list(ready) if number % 2 else list(reversed(ready)):
            try:
                took[name] = ready[name].ask("run", workload.name, times) / times
            except RuntimeError as error:  # what it did before stands
                cell.reasons[name] = str(error)
                del ready[name]
        for name, seconds in took.items():
            cell.seconds.setdefault(name, []).append(seconds)
            if raw in took:
                cell.ratios.setdefault(name, []).append(seconds / took[raw])
    return cell
