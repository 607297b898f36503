"""A process with one contestant, which does a workload when it is told to.

It reads commands, a JSON list in a line, and answers each by a line of JSON:
`["run", workload, times]` by the seconds it took, `["growth"]` by the megabytes that a
stream added to the memory, `["has"]` by the workloads that there are.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.contestants.contestant import Contestant
from benchmarks.table import WORKLOADS


def pin(core: int) -> None:
    """Keep to one core, where the system can do that."""
    if hasattr(os, "sched_setaffinity") and core >= 0:
        os.sched_setaffinity(0, {core})


async def timed(contestant: Contestant, name: str, times: int) -> float:
    """Seconds that a workload takes."""
    work = getattr(contestant, name)
    gc.collect()
    begun = time.perf_counter()
    await work(times)
    seconds = time.perf_counter() - begun
    if name in ("insert", "bulk"):
        await contestant.clear()
    return seconds


def resident(field: str) -> float:
    """Megabytes of this process's memory, by a field of Linux's /proc."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    return 0.0


async def growth(contestant: Contestant) -> float | None:
    """Megabytes that the peak of a stream is above the memory before it."""
    # Nothing else runs meanwhile.
    reset = Path("/proc/self/clear_refs")
    if not os.access(reset, os.W_OK):
        return None
    gc.collect()
    reset.write_text("5")
    before = resident("VmRSS")
    await contestant.stream(1)  # type: ignore[attr-defined]
    return resident("VmHWM") - before


async def obey(contestant: Contestant, command: list[Any]) -> Any:
    """Do what a command says."""
    if command[0] == "run":
        return await timed(contestant, command[1], command[2])
    if command[0] == "growth":
        return await growth(contestant)
    return [w.name for w in WORKLOADS if hasattr(contestant, w.name)]


def main() -> None:
    """Serve until the input ends."""
    module, url, core = sys.argv[1:]
    pin(int(core))
    contestant: Contestant = importlib.import_module(
        f"benchmarks.contestants.{module}"
    ).contestant()
    with asyncio.Runner() as runner:
        runner.run(contestant.open(url))
        for line in sys.stdin:
            try:
                answer = {"ok": runner.run(obey(contestant, json.loads(line)))}
            except Exception as error:  # noqa: BLE001  # the others go on
                answer = {"error": f"{type(error).__name__}: {error}"[:200]}
            print(json.dumps(answer), flush=True)
        runner.run(contestant.close())


if __name__ == "__main__":
    main()
