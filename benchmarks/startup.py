"""How long an import takes, over a bare interpreter with asyncio."""

from __future__ import annotations

import resource
import subprocess
import time
from typing import NamedTuple

from benchmarks.measure import Spread, spread


class Import(NamedTuple):
    """Milliseconds over `import asyncio`, side by side.

    Args:
        wall: by the clock.
        cpu: of the processor, which others on the machine disturb less.
    """

    wall: Spread
    cpu: Spread


def measure(python: str, modules: str, rounds: int) -> Import:
    """Start two processes in each round, in an order that turns round.

    Raises:
        RuntimeError: the modules cannot be imported.
    """
    codes = {"bare": "import asyncio", "full": f"import asyncio, {modules}"}
    for code in codes.values():  # compiles what is not, and warms the disk's cache
        _run(python, code)
    walls, cpus = [], []
    for number in range(rounds):
        order = list(codes) if number % 2 else list(reversed(codes))
        took = {name: _run(python, codes[name]) for name in order}
        walls.append((took["full"][0] - took["bare"][0]) * 1000)
        cpus.append((took["full"][1] - took["bare"][1]) * 1000)
    return Import(spread(walls), spread(cpus))


def _run(python: str, code: str) -> tuple[float, float]:
    """Seconds by the clock, and of the processor."""
    cpu, begun = _children(), time.perf_counter()
    done = subprocess.run(
        [python, "-I", "-c", code], check=False, capture_output=True, text=True
    )
    seconds = time.perf_counter() - begun
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1][:200])
    return seconds, _children() - cpu


def _children() -> float:
    """Seconds of the processor that ended processes of ours have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
