"""`python -m benchmarks` measures all, `--quick` the table alone in two minutes."""

from __future__ import annotations

import argparse
import sys

from benchmarks import report, startup
from benchmarks.arena import Arena, workers
from benchmarks.environments import PLAYERS, RAW, python_for
from benchmarks.measure import Cell, Progress, measure
from benchmarks.table import ENGINES, WORKLOADS


def run(
    *, quick: bool, engines: list[str], only: list[str], seconds: float
) -> report.Results:
    """Measure.

    Args:
        quick: asyncdb and the raw drivers alone.
        engines: of the table.
        only: names of workloads; all when empty.
        seconds: for one cell and contestant.
    """
    results = report.Results(quick=quick)
    work = [w for w in WORKLOADS if not only or w.name in only]
    progress = Progress(len(engines) * len(work))
    with Arena() as arena:
        for engine in engines:
            url = arena.url(engine)
            if url is None:
                results.missing[engine] = arena.missing[engine]
                continue
            players = []
            for player in PLAYERS[engine][: 2 if quick else None]:
                try:
                    python = python_for(engine, player)
                except RuntimeError as error:
                    results.left_out[f"{player.name} on {engine}"] = str(error)
                else:
                    players.append((player.name, python, player.module))
            scheme = f"mysql+{engine}" if engine in ("aiomysql", "asyncmy") else None
            if scheme:
                url = f"{scheme}://{url.partition('://')[2]}"
            with workers(players, url) as ready:
                for workload in work:
                    cell: Cell = measure(
                        ready, RAW[engine], workload, seconds * len(ready)
                    )
                    results.cells[workload.name, engine] = cell
                    if workload.name == "stream":
                        for name in cell.ratios:
                            results.growth[engine, name] = ready[name].ask("growth")
                    progress.step(f"{engine}: {workload.title}")
        results.versions = arena.versions
    if not only:
        results.startup = startup.measure(rounds=7 if quick else 21)
    return results


def main() -> int:
    """Run, print, and in full write the results down."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="no peers, short rounds")
    parser.add_argument("--engine", action="append", choices=ENGINES)
    parser.add_argument("--only", action="append", default=[], help="a workload's name")
    parser.add_argument("--seconds", type=float, help="for one cell and contestant")
    given = parser.parse_args()
    results = run(
        quick=given.quick,
        engines=given.engine or list(ENGINES),
        only=given.only,
        seconds=given.seconds or (0.6 if given.quick else 3.0),
    )
    print(file=sys.stderr)
    print(report.as_text(results))
    if not given.quick and not given.only and not given.engine:
        report.write(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
