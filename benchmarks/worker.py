"""A process with one contestant, which does a workload when it is told to.

It reads commands, a JSON list in a line, and answers each by a line of JSON:

* `["run", workload, times]`: the seconds it took;
* `["peak", workload, times]`: the megabytes that it added to the memory at most, `null`
  where the system does not say;
* `["settle"]`: from then on it keeps the memory that it has had;
* `["lacks"]`: the workloads that the library has no way to do, and why;
* `["installed", requirement, ...]`: what they are on the disk.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from benchmarks.contestants.contestant import Contestant
from benchmarks.installed import installed

_KEPT: list[bytes] = []  # see `settle`


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


def settle() -> None:
    """Keep Python's memory with this process, as that of an old service is.

    Python gives memory back by the megabyte, once nothing lives in one. Whether that
    is so after each result of 10,000 rows is luck, and costs up to a fifth of the time,
    for the kernel has to give it anew: so something lives in each of the first forty.
    And the C library maps each block over 128 KB for itself, until a larger one has
    been given back: a list of 100,000 is.
    """
    if not _KEPT:
        made = [bytes(400) for _ in range(100_000)]
        _KEPT.extend(made[::500])


def resident(field: str) -> float:
    """Megabytes of this process's memory, by a field of Linux's /proc."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    return 0.0


async def peak(work: Callable[[], Awaitable[Any]]) -> float | None:
    """Megabytes that the peak of a piece of work is above the memory before it."""
    reset = Path("/proc/self/clear_refs")
    gc.collect()
    if os.access(reset, os.W_OK):
        reset.write_text("5")  # the peak is what is used now
    before = resident("VmRSS")
    await work()
    return resident("VmHWM") - before if os.access(reset, os.W_OK) else None


async def obey(contestant: Contestant, command: list[Any]) -> Any:
    """Do what a command says."""
    match command:
        case "run", name, times:
            return await timed(contestant, name, times)
        case "peak", name, times:
            return await peak(lambda: getattr(contestant, name)(times))
        case "installed", *requirements:
            return installed(requirements)
        case ("settle",):
            settle()
            return None
    return dict(contestant.lacks)


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
