"""A process that outlives pytest by a moment, and ends the servers that it left.

Its standard input is a pipe whose other end only the parent holds. However the parent
ends - normally, by Ctrl-C, by SIGKILL - the pipe closes, and whatever is still on the
list is ended and its folder removed. Lines, parted by tabs: `+ pid folder` puts on the
list (0: no process yet), `- pid folder` takes off.

The process runs this file by its path, so it imports nothing of ours.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path


def parents() -> dict[int, int]:
    """Each living process of this machine, with its parent; zombies are dead."""
    found = []
    if Path("/proc/self/stat").exists():  # Linux, where `ps` may not be installed
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                # The name before the last parenthesis may hold anything.
                state, parent = stat.read_text().rpartition(")")[2].split()[:2]
                found.append([stat.parent.name, parent, state])
    else:
        ps = ["ps", "-A", "-o", "pid=,ppid=,stat="]
        lines = subprocess.run(ps, capture_output=True, text=True, check=True).stdout
        found += [line.split() for line in lines.splitlines()]
    return {int(pid): int(up) for pid, up, state in found if state[0] not in "ZX"}


def descendants(pid: int) -> list[int]:
    """The process and all below it, parents first."""
    children: dict[int, list[int]] = {}
    for child, parent in parents().items():
        children.setdefault(parent, []).append(child)
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found


def send(pids: list[int], number: signal.Signals) -> None:
    """A signal to each process that is still there."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def end(pid: int) -> None:
    """End a server that is not our child, politely first: it may own shared memory."""
    family = descendants(pid)
    send(family, signal.SIGCONT)
    send([pid], signal.SIGQUIT)
    patience = time.monotonic() + 2
    while time.monotonic() < patience:
        if pid not in parents():
            return
        time.sleep(0.02)
    send(family, signal.SIGKILL)


def main() -> None:
    """Read the list until the parent is gone, then clear it."""
    left: dict[str, int] = {}
    for line in sys.stdin:
        sign, pid, folder = line.rstrip("\n").split("\t")
        if sign == "+":
            left[folder] = int(pid)
        else:
            left.pop(folder, None)
    for pid in left.values():
        if pid:
            end(pid)
    for folder in left:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
