"""The Pythons of this machine, one of each version that asyncdb runs on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

# From the lowest of `requires-python` on; later ones are found when they come.
_VERSIONS = range(11, 20)
_ASK = "import sys; print(*sys.version_info[:3], sys.implementation.name)"


def find(more: Iterable[str] = ()) -> dict[str, Path]:
    """Find them: by name on the PATH, in pyenv's folder, and this one.

    Args:
        more: programs that are elsewhere; they go before the others.

    Returns:
        Version such as `"3.12.1"` -> program, the newest of each minor version.

    Raises:
        FileNotFoundError: one of `more` is no CPython of 3.11 or later.
    """
    found: dict[str, tuple[tuple[int, ...], Path]] = {}
    for program in map(Path, more):
        number = _ask(program)
        if number is None:
            raise FileNotFoundError(f"{program} is no CPython of 3.11 or later")
        found.setdefault(_minor(number), (number, program))
    given = set(found)
    for program in _usual():
        number = _ask(program)
        if number is None or _minor(number) in given:
            continue
        if number > found.get(_minor(number), ((), program))[0]:
            found[_minor(number)] = (number, program)
    return {".".join(map(str, n)): program for n, program in sorted(found.values())}


def _usual() -> Iterable[Path]:
    yield Path(sys.executable)
    for minor in _VERSIONS:
        if program := shutil.which(f"python3.{minor}"):
            yield Path(program)
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(root.glob("versions/3.*/bin/python"))


def _minor(number: tuple[int, ...]) -> str:
    return ".".join(map(str, number[:2]))


def _ask(program: Path) -> tuple[int, ...] | None:
    """Ask a program for its version; `None`: it does not run, or is not for us."""
    try:
        run = subprocess.run(
            [str(program), "-c", _ASK], capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    # pyenv's stand-ins are on the PATH also for versions that are not chosen
    said = re.fullmatch(r"(\d+) (\d+) (\d+) cpython\n", run.stdout)
    if run.returncode or said is None:
        return None
    number = tuple(map(int, said.groups()))
    return number if number >= (3, _VERSIONS.start) else None
