"""The benchmarks' own machinery: what hangs does not hold up the others."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks import chart, headline
from benchmarks.arena import Worker
from benchmarks.environments import PLAYERS, RAW
from benchmarks.measure import Cell, measure
from benchmarks.table import ENGINES, WORKLOADS, Workload

Start = Callable[[str], Worker]

# A contestant's process in short: it does what the case says with each command.
_PROCESS = """\
#!{python}
import json, sys, time
for line in sys.stdin:
    command = json.loads(line)
    {case}
"""
_ANSWER = (
    'print(json.dumps({"ok": {} if command[0] == "lacks" else 0.001}), flush=True)'
)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a worker whose process does what a line of Python says."""
    started: list[Worker] = []

    def do(case: str, patience: float = 30) -> Worker:
        script = tmp_path / f"contestant{len(started)}"
        script.write_text(_PROCESS.format(python=sys.executable, case=case))
        script.chmod(0o700)
        started.append(Worker(str(script), "none", "none://", patience))
        return started[-1]

    yield do
    for worker in started:
        worker.close()


def _hangs(word: str) -> str:
    return f"time.sleep(600) if {word!r} in command else {_ANSWER}"


def test_a_contestant_that_hangs_is_killed_and_named(tmp_path: Path) -> None:
    """Whoever does not answer in time is killed; asked again, it says why at once."""
    script = tmp_path / "contestant"
    case = "time.sleep(600)"
    script.write_text(_PROCESS.format(python=sys.executable, case=case))
    script.chmod(0o700)
    worker = Worker(str(script), "none", "none://", patience=0.1)
    with pytest.raises(RuntimeError, match=r"^hung: no answer within 0 s"):
        worker.ask("lacks")
    assert worker._process.poll() is not None
    with pytest.raises(RuntimeError, match="hung"):
        worker.ask("lacks")
    worker.close()


def test_a_contestant_that_hung_may_do_other_work(start: Start) -> None:
    """After a hang or a crash `revive` starts the process anew."""
    worker = start('sys.exit(3) if "tasks" in command else ' + _ANSWER)
    with pytest.raises(RuntimeError, match="it ended with code 3"):
        worker.ask("run", "tasks", 1)
    worker.revive()
    assert worker.ask("run", "point", 1) == 0.001


def test_a_hang_is_a_reason_in_its_cell_and_the_others_are_measured(
    tmp_path: Path, start: Start
) -> None:
    """The run goes on: the cell has the others' figures, and why one is missing."""
    script = tmp_path / "hangs"
    script.write_text(_PROCESS.format(python=sys.executable, case=_hangs("run")))
    script.chmod(0o700)
    hangs = Worker(str(script), "none", "none://", patience=1)
    players = {"asyncdb": start(_ANSWER), "raw": start(_ANSWER), "peer": hangs}
    cell = measure(players, "raw", WORKLOADS[0], lambda _: 0.01)
    assert cell.reasons == {"peer": "hung: no answer within 1 s"}
    assert set(cell.ratios) == {"asyncdb", "raw"}


def test_who_is_slow_leaves_the_rounds_earlier(start: Start) -> None:
    """A slow contestant has three rounds; the others as many as their time allows."""
    slow = _ANSWER.replace("0.001", "5.0")
    players = {"asyncdb": start(_ANSWER), "raw": start(_ANSWER), "peer": start(slow)}
    work = Workload("many", "", 1, (1.0,) * 5)
    cell = measure(players, "raw", work, lambda _: 0.02)
    assert len(cell.ratios["asyncdb"]) == len(cell.ratios["raw"]) == 20
    assert len(cell.ratios["peer"]) == 3


def _cells() -> dict[tuple[str, str], Cell]:
    cells = {}
    for workload in WORKLOADS:
        for engine in ENGINES:
            cell = cells[workload.name, engine] = Cell()
            for number, player in enumerate(PLAYERS[engine]):
                raw = player.name == RAW[engine]
                cell.ratios[player.name] = [1.0 if raw else 0.5 + number]
    return cells


def test_charts_show_every_contestant_on_a_ground_of_their_own() -> None:
    """Both charts are SVG with the peers in them, and follow light and dark."""
    for drawn, peers in (
        (chart.draw(_cells()), chart.LETTERS.values()),
        (headline.draw(_cells()), ["rsqlx", "sqlspec", "tortoise", "databases"]),
    ):
        texts = {e.text for e in ET.fromstring(drawn).iter() if e.tag.endswith("text")}
        assert texts >= set(peers)
        assert 'class="page"' in drawn
        assert "prefers-color-scheme: dark" in drawn


def test_every_peer_has_a_letter() -> None:
    """The chart leaves nobody out."""
    names = {p.name for players in PLAYERS.values() for p in players}
    assert names - set(chart.LETTERS) - {"asyncdb"} <= set(RAW.values())
