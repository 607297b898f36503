"""Build what is published and try it: `python -m tests.plugins.release --help`."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.plugins.release import building, environments, lowest, pythons, trials
from tests.plugins.release.environments import Environment, FailedError

HELP = """\
Builds the source distribution and the wheel into dist/, checks them, and tries the
wheel alone in a fresh environment for each Python of this machine and each extra: the
extra's modules, the quickstart, and the conformance kit on throw-away servers. What is
installed is what a user gets today, not what constraints.txt pins.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; 1: something is not as it must be."""
    since = time.monotonic()
    options = _read(argv)
    try:
        home = building.refuse_strange(options.home) if options.home else None
        if options.publish:
            building.refuse_unready(options.publish, home)
        found = pythons.find(options.python)
    except (building.RefusedError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="asyncdb-dist-") as name:
        folder = Path(name)
        try:
            archives = (
                building.found(Path(options.built))
                if options.built
                else _built(folder / "source", home)
            )
        except (AssertionError, building.RefusedError) as error:
            print(error, file=sys.stderr)
            return 1
        print(f"built and checked in {time.monotonic() - since:.0f} s", flush=True)
        failures = [] if options.build else _try(options, found, archives, folder)
    print(f"done in {(time.monotonic() - since) / 60:.1f} minutes")
    for failure in failures:
        print("FAILED", failure)
    return bool(failures)


def _read(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.plugins.release", description=HELP
    )
    add = parser.add_argument
    add("--build", action="store_true", help="build and check alone")
    add("--built", metavar="FOLDER", help="try the archives there, build none")
    add(
        "--quick",
        action="store_true",
        help="then the quickstart on SQLite with this Python alone",
    )
    add("--lowest", action="store_true", help="with the lowest versions allowed")
    add("--no-kit", action="store_true", help="all but the kit")
    add(
        "--python",
        action="append",
        default=[],
        metavar="PROGRAM",
        help="a Python that is not found by name or in pyenv's folder; repeatable",
    )
    add("--only", default="", metavar="3.12,...", help="of the Pythons found, these")
    add(
        "--extras",
        metavar="NAME,...",
        help="these alone; 'none' is the wheel without any",
    )
    add("--home", metavar="URL", help="where the project is: https://host/owner/name")
    add("--publish", metavar="TAG", help="refuse what is not ready to be published")
    return parser.parse_args(argv)


def _built(source: Path, home: str | None) -> building.Archives:
    building.copy(source, home)
    archives = building.build(source, source.parent / "built")
    building.check(archives, source)
    target = building.ROOT / "dist"  # has what was checked, and nothing else
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(archives.wheel.parent, target)
    return archives


def _chosen(
    options: argparse.Namespace, found: dict[str, Path]
) -> tuple[dict[str, Path], list[str]]:
    """Choose Pythons and extras."""
    extras = list(trials.TRIALS)
    if options.extras:
        extras = [e if e != "none" else "" for e in options.extras.split(",")]
    if options.quick:
        mine = ".".join(map(str, sys.version_info[:3]))
        return {mine: Path(sys.executable)}, ["sqlite"]
    wanted = tuple(f"{one}." for one in options.only.split(",") if one)
    if wanted:
        found = {v: p for v, p in found.items() if v.startswith(wanted)}
    elif options.lowest:  # the versions of then have no wheels for the Pythons of now
        found = dict(list(found.items())[:1])
    return found, extras


def _try(
    options: argparse.Namespace,
    found: dict[str, Path],
    archives: building.Archives,
    folder: Path,
) -> list[str]:
    """Try the wheel; return what failed."""
    bounds = lowest.lowest(archives.metadata()) if options.lowest else []
    if options.quick:
        bounds = (building.ROOT / "constraints.txt").read_text().splitlines()
    chosen, extras = _chosen(options, found)
    failures = []
    with trials.databases() as databases:
        for number, python in chosen.items():
            for extra in extras:
                label = f"{number} {extra or 'none'}"
                place = folder / label.replace(" ", "-")

                def report(text: str, label: str = label) -> None:
                    print(f"{label}: {text}", flush=True)

                try:
                    environment = Environment(python, place, bounds, report)
                    kit = not (options.quick or options.no_kit)
                    _try_one(environment, archives.wheel, extra, databases, kit=kit)
                except FailedError as error:
                    report(f"FAILED\n{error}")
                    failures.append(label)
                shutil.rmtree(place, ignore_errors=True)
    return failures


def _try_one(
    environment: Environment,
    wheel: Path,
    extra: str,
    databases: trials.Databases,
    *,
    kit: bool,
) -> None:
    trial = trials.TRIALS[extra]
    environment.install(f"{wheel}[{extra}]" if extra else str(wheel), *trial.tools)
    environment.look(trial.modules)
    if not extra:
        environment.ask_without()
    urls = [databases.url(engine, environment.folder) for engine in trial.engines]
    for url in urls:
        environment.quickstart(url)
    if kit and urls and extra not in trials.WITHOUT_KIT:
        environment.install(*environments.TOOLS)
        for url in urls:
            environment.kit(url)


if __name__ == "__main__":
    sys.exit(main())
