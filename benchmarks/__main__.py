"""`python -m benchmarks` measures all, `--quick` the table alone in two minutes.

`--growth` measures how cost grows as the work does, alone.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks import growth, growth_report, report
from benchmarks.arena import CLIENT, Arena
from benchmarks.contest import Contest
from benchmarks.measure import Progress
from benchmarks.table import ENGINES


def grow(arena: Arena) -> growth_report.Found:
    """Measure the growth: streams on every engine, all else on the fake."""
    found: growth_report.Found = {}
    todo = [(s, e) for s in growth.SUBJECTS for e in growth.engines(s)]
    progress = Progress(sum(len(growth.SUBJECTS[s].sizes) for s, _ in todo))
    for name, engine in todo:
        subject = growth.SUBJECTS[name]
        url = growth.FAKE if engine == "fake" else arena.url(engine)
        if url is None:
            progress.step(f"no {engine}", len(subject.sizes))
            continue
        for step in growth.measure(name, url, CLIENT):
            found.setdefault((name, engine), []).append(step)
            progress.step(f"{engine}: {step.size:,} {subject.title}")
    return found


def main() -> int:
    """Run, print, and in full write the results down."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="no peers, short rounds")
    parser.add_argument("--growth", action="store_true", help="the growth alone")
    parser.add_argument("--engine", action="append", choices=ENGINES, default=[])
    parser.add_argument("--only", action="append", default=[], help="a workload's name")
    parser.add_argument("--seconds", type=float, help="for one cell and contestant")
    patience = "seconds until a contestant that does not answer is killed"
    parser.add_argument("--patience", type=float, default=30.0, help=patience)
    results = Path(__file__).resolve().parent / "results"
    written = "the folder that the full table and the growth are written to"
    parser.add_argument("--results", type=Path, default=results, help=written)
    given = parser.parse_args()
    full = not (given.quick or given.only or given.engine)
    with Arena() as arena:
        if not given.growth:
            contest = Contest(
                arena,
                quick=given.quick,
                engines=given.engine,
                only=given.only,
                seconds=given.seconds or (0.5 if given.quick else 2.0),
                patience=given.patience,
            )
            table = contest.run()
            print(file=sys.stderr)
            print(report.as_text(table))
            if full:
                report.write(table, given.results)
        if full or given.growth:
            found = grow(arena)
            print(file=sys.stderr)
            print(growth_report.as_markdown(found))
            growth_report.write(found, given.results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
