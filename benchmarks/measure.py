"""Rounds: each contestant in turn does a little, and ratios are taken in each round."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
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


LEAST, MOST = 3, 31  # rounds


def measure(
    players: Mapping[str, Worker],
    raw: str,
    workload: Workload,
    budget: Callable[[str], float],
) -> Cell:
    """Measure one cell.

    Args:
        players: the contestants.
        raw: the one that is 1.
        workload: what they do.
        budget: seconds that a contestant has for its rounds.

    Returns:
        At least three rounds of each, at most 31. Who is slow leaves earlier, so that
        it takes nothing from the others.
    """
    cell = Cell()
    ready: dict[str, Worker] = {}
    rounds: dict[str, int] = {}
    times = workload.operations
    for name, worker in players.items():
        try:
            if reason := worker.ask("lacks").get(workload.name):
                cell.reasons[name] = reason
                continue
            worker.ask("settle")
            few = max(1, times // 10)
            took = worker.ask("run", workload.name, few)  # warm
            if took < budget(name):
                took, few = worker.ask("run", workload.name, times), times
            cost = max(took / few * times, 1e-6)
            rounds[name] = max(LEAST, min(MOST, int(budget(name) / cost)))
            ready[name] = worker
        except RuntimeError as error:
            cell.reasons[name] = str(error)
    if raw in rounds:  # without it nobody has a ratio
        rounds[raw] = max(rounds.values())
    for number in range(max(rounds.values(), default=0)):
        took = {}
        for name in list(ready) if number % 2 else list(reversed(ready)):
            if number >= rounds[name]:
                continue
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
