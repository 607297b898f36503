"""Runs the tests again and again, each time in a process of its own, at once.

What takes a second of each run is to import what the tests stand on. This process has
it already, and asyncdb not; each line that it reads it answers from a fork of itself.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import resource
import signal
import sys
import time

import pytest

MEMORY = 4 << 30  # a loop that forgets to stop must not take the machine
AHEAD = (
    *("aiomysql", "aiosqlite", "asyncpg", "attrs", "hypothesis", "msgspec"),
    *("pydantic", "pytest_asyncio.plugin", "pytest_timeout", "sqlalchemy"),
)


def run(arguments: list[str]) -> None:
    """Run the tests and end."""
    os.setsid()  # so that what they start ends with them
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    code = 1
    try:
        code = int(pytest.main(arguments))
    finally:
        os._exit(code)


def verdict(arguments: list[str], seconds: float) -> str:
    """Return how the tests took it: killed, timeout or survived."""
    child = os.fork()
    if not child:
        run(arguments)
    end = time.monotonic() + seconds
    found, status = 0, 0
    while not found and time.monotonic() < end:
        time.sleep(0.02)
        found, status = os.waitpid(child, os.WNOHANG)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    if not found:
        os.waitpid(child, 0)
        return "timeout"
    return "killed" if status else "survived"


def main() -> None:
    """Answer each line: a list of pytest's arguments, and how long they may take."""
    for name in AHEAD:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    if "asyncdb" in sys.modules:
        message = "asyncdb was imported ahead: no mistake in it would be seen"
        raise SystemExit(message)
    gc.collect()
    gc.freeze()  # tests that collect garbage need not look through all of this
    for line in sys.stdin:
        sys.stdout.write(verdict(*json.loads(line)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
