"""SQLite through aiosqlite (https://aiosqlite.omnilib.dev/).

Theory of operation; the whole of it is in docs/explanation/sqlite-threads.md:

    connection ─ hop(function) ─> Job ─ Crew.give() ─> a Worker's queue ─> its thread
        ^                                                                      |
        └── the task goes on <─ Job.settle() <─ the loop <─ Waker.wake(job) ───┘

* `connection` decides, in the loop, what to run, when to wait and what to stop. A call
  of it is a `Job` (`threads`), which a thread runs and a task awaits.
* The connections of a loop are a crew: as many threads as connections, of which one
  leads and does the short jobs of all. Each connection has a lock, so that its jobs
  never run two at a time, and a way to leave with a thread of its own.
* The crew, the turns to write (`writing`) and who waits belong to the loop and have no
  lock. A job's result belongs to its thread until that wakes the loop (`waking`).
* A cancelled job that has not begun is taken back; one that runs is interrupted
  through its own connection, and waited for. What does not stop is cut.
* What runs in a thread is in `jobs` and `resetting`; opening is in `connecting`.
"""

from __future__ import annotations

from asyncdb.errors import MissingDriver

try:
    from asyncdb.drivers.aiosqlite.connecting import AiosqliteDriver
except ImportError as error:
    if (error.name or "").partition(".")[0] != "aiosqlite":
        raise
    message = (
        'SQLite needs the aiosqlite library: pip install "asyncdb-toolkit[sqlite]"'
    )
    raise MissingDriver(message) from error

driver = AiosqliteDriver()

__all__ = ["driver"]
