"""The table: every contestant does every workload, on every engine."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from benchmarks import startup
from benchmarks.arena import Arena, workers
from benchmarks.environments import PLAYERS, RAW, Player, is_ready, python_for
from benchmarks.measure import Progress, measure
from benchmarks.report import Results
from benchmarks.table import ENGINES, WORKLOADS


class Contest:
    """What is to be measured, and what was.

    Args:
        arena: the servers.
        quick: asyncdb and the raw drivers alone.
        engines: of the table; all when empty.
        only: names of workloads; all when empty.
        seconds: for one cell and contestant, asyncdb and the raw driver; the peers have
            two fifths of it.
        patience: seconds until a contestant that does not answer is killed.
    """

    def __init__(
        self,
        arena: Arena,
        *,
        quick: bool,
        engines: Sequence[str],
        only: Sequence[str],
        seconds: float,
        patience: float,
    ) -> None:
        self._arena = arena
        self._quick = quick
        self._engines = engines or ENGINES
        self._work = [w for w in WORKLOADS if not only or w.name in only]
        self._all = not only
        self._seconds = seconds
        self._patience = patience
        self._progress = Progress(len(self._engines) * len(self._work))
        self._results = Results()

    def run(self) -> Results:
        """Measure."""
        for engine in self._engines:
            url = self._arena.url(engine)
            if url is None:
                self._progress.step(f"no {engine}", len(self._work))
                continue
            players = self._players(engine)
            self._cells(engine, url, players)
            self._memory(engine, url, players)
            if self._all and not self._quick:
                self._imports(engine, players)
        if self._all:
            self._progress.begin("import of asyncdb")
            rounds = 15 if self._quick else 41
            found = startup.measure(sys.executable, "asyncdb", rounds)
            self._results.startup = found
        self._results.versions = self._arena.versions
        self._results.missing = self._arena.missing
        return self._results

    def _players(self, engine: str) -> dict[Player, str]:
        """Those that take part, and their interpreters."""
        found = {}
        for player in PLAYERS[engine][: 2 if self._quick else None]:
            if not is_ready(engine, player):
                self._progress.begin(f"{engine}: installing {player.name}")
            try:
                found[player] = python_for(engine, player)
            except RuntimeError as error:
                self._results.left_out[f"{player.name} on {engine}"] = str(error)
        return found

    def _cells(self, engine: str, url: str, players: dict[Player, str]) -> None:
        def budget(name: str) -> float:
            peer = name not in ("asyncdb", RAW[engine])
            return self._seconds * (0.4 if peer else 1)

        with workers(players, url, self._patience) as ready:
            for player in players:
                name = player.name
                try:
                    found = ready[name].ask("installed", *player.requires)
                    self._results.installed[engine, name] = found
                except RuntimeError as error:  # it could not connect
                    self._results.left_out[f"{name} on {engine}"] = str(error)
                    ready.pop(name).close()
            for workload in self._work:
                for worker in ready.values():
                    worker.revive()
                cell = measure(ready, RAW[engine], workload, budget)
                self._results.cells[workload.name, engine] = cell
                self._progress.step(f"{engine}: {workload.title}")

    def _memory(self, engine: str, url: str, players: dict[Player, str]) -> None:
        """What a stream adds: in a new process, for in a used one memory lies ready."""
        cell = self._results.cells.get(("stream", engine))
        for player, python in players.items():
            if cell and player.name in cell.seconds:
                self._progress.begin(f"{engine}: memory of {player.name}")
                with workers({player: python}, url, self._patience) as ready:
                    worker = ready[player.name]
                    try:
                        worker.ask("run", "hundred", 1)  # imports, and warms
                        found = worker.ask("peak", "stream", 1)
                    except RuntimeError as error:
                        cell.reasons[player.name] = f"its memory: {error}"
                    else:
                        self._results.memory[engine, player.name] = found

    def _imports(self, engine: str, players: dict[Player, str]) -> None:
        for player, python in players.items():
            self._progress.begin(f"{engine}: import of {player.name}")
            found = startup.measure(python, player.imports, rounds=5)
            self._results.imports[engine, player.name] = found
