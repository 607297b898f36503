"""Servers, data and workers: all that has to be there before anything is timed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import asyncdb
from benchmarks.environments import Player
from benchmarks.table import ROWS, SERVERS
from tests.plugins import binaries, servers

ROOT = Path(__file__).resolve().parents[1]
# Two cores: one for the client, one for the servers.
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
CLIENT, SERVER = (CORES[0], CORES[1]) if len(CORES) > 1 else (-1, -1)

_TYPES = {
    "postgresql": ("INTEGER", "TEXT", "DOUBLE PRECISION", "TIMESTAMP", "BIGSERIAL"),
    "sqlite": ("INTEGER", "TEXT", "REAL", "TEXT", "INTEGER"),
    "mysql": ("INTEGER", "VARCHAR(200)", "DOUBLE", "DATETIME", "BIGINT AUTO_INCREMENT"),
}


class Arena:
    """Throw-away servers with the tables that the workloads use."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._urls: dict[str, str] = {}
        self.versions: dict[str, str] = {}
        self.missing: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def url(self, engine: str) -> str | None:
        """The URL for an engine of the table, `None` where there is no server.

        Of an engine with two drivers it names the driver.
        """
        kind = SERVERS.get(engine, engine)
        if kind in self.missing:
            return None
        if kind not in self._urls:
            try:
                self._urls[kind] = self._start(kind)
            except FileNotFoundError as error:
                self.missing[kind] = str(error)
                return None
        url = self._urls[kind]
        if kind == "mariadb":
            return f"mysql+{engine}://{url.partition('://')[2]}"
        if engine == "psycopg":
            return url.replace("://", "+psycopg://", 1)
        return url

    def _start(self, kind: str) -> str:
        if kind == "sqlite":
            memory = Path("/dev/shm")  # noqa: S108  # ours alone
            folder = tempfile.mkdtemp(dir=memory if memory.is_dir() else None)
            self._stack.callback(shutil.rmtree, folder, ignore_errors=True)
            url = f"sqlite:///{folder}/bench.db"
        else:
            if binaries.find(kind) is None:
                message = f"no {kind} on this machine: python -m tests.plugins.binaries"
                raise FileNotFoundError(message)
            server = self._stack.enter_context(servers.start(kind))
            _pin(server.pid)
            url = server.url
        self.versions[kind] = asyncio.run(_fill(url))
        return url


def _pin(process: int) -> None:
    """Keep a server, its threads and children to come, to a core of its own."""
    if SERVER >= 0:
        for thread in Path(f"/proc/{process}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {SERVER})


async def _fill(url: str) -> str:
    """Make the tables and return the server's version."""
    begin = datetime(2020, 1, 1, tzinfo=UTC).replace(tzinfo=None)
    async with asyncdb.connect(url) as db:
        integer, text, double, moment, serial = _TYPES[db.dialect.name]
        await db.execute(
            f"CREATE TABLE items (id {integer} PRIMARY KEY, name {text}, email {text},"
            f" age {integer}, score {double}, active {integer}, created {moment},"
            f" note {text})"
        )
        await db.execute(
            f"CREATE TABLE log (id {serial} PRIMARY KEY, name {text}, n {integer},"
            f" note {text})"
        )
        await db.execute(
            f"CREATE TABLE accounts (id {integer} PRIMARY KEY, n {integer})"
        )
        await db.executemany("INSERT INTO accounts VALUES (?, 0)", [[1], [2], [3]])
        is_text = db.dialect.name == "sqlite"
        rows = []
        for i in range(1, ROWS + 1):
            at = begin + timedelta(minutes=i)
            created = at.isoformat(" ") if is_text else at
            name = f"name {i}"
            email = f"user{i}@example.org"
            rows.append(
                (i, name, email, i % 90, i / 7, i % 2, created, f"a note of {i}")
            )
        async with db.transaction():
            await db.executemany(
                "INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows
            )
        return ".".join(map(str, db.dialect.server_version))


class Worker:
    """A contestant in a process of its own.

    Args:
        python: its interpreter.
        module: of `benchmarks.contestants`.
        url: the engine's.
        patience: seconds that an answer may take; then the process is killed.
    """

    def __init__(self, python: str, module: str, url: str, patience: float) -> None:
        self._command = [python, "-m", "benchmarks.worker", module, url, str(CLIENT)]
        self._patience = patience
        self._reason = ""  # why it has ended
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        # A thread reads, for nothing else can wait on a pipe for a while everywhere.
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        given = (self._process, self._answers)
        self._reader = threading.Thread(target=self._read, args=given, daemon=True)
        self._reader.start()

    @staticmethod
    def _read(process: subprocess.Popen[str], answers: queue.SimpleQueue[str]) -> None:
        assert process.stdout is not None  # noqa: S101  # made with a pipe
        with process.stdout:
            for line in process.stdout:
                answers.put(line)
        answers.put("")  # it has ended

    def ask(self, *command: Any) -> Any:
        """Give a command, and return its answer.

        Raises:
            RuntimeError: it failed, or hung and was killed.
        """
        if self._reason:
            raise RuntimeError(self._reason)
        assert self._process.stdin is not None  # noqa: S101  # made with a pipe
        try:
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
            line = self._answers.get(timeout=self._patience)
        except OSError:
            line = ""
        except queue.Empty:
            self._end(0)
            self._reason = f"hung: no answer within {self._patience:.0f} s"
            raise RuntimeError(self._reason) from None
        if not line:
            self._end(10)
            self._reason = f"it ended with code {self._process.returncode}"
            raise RuntimeError(self._reason)
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["ok"]

    def revive(self) -> None:
        """Start it anew if it was killed or has ended: other work may do."""
        if self._reason:
            self._reason = ""
            self._start()

    def close(self) -> None:
        """End it."""
        self._end(10)

    def _end(self, patience: float) -> None:
        assert self._process.stdin is not None  # noqa: S101  # made with a pipe
        with contextlib.suppress(OSError):  # what it never read cannot be flushed
            self._process.stdin.close()
        try:
            self._process.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()


@contextlib.contextmanager
def workers(
    players: Mapping[Player, str], url: str, patience: float
) -> Iterator[dict[str, Worker]]:
    """Start contestants, each with its interpreter."""
    started: dict[str, Worker] = {}
    try:
        for player, python in players.items():
            started[player.name] = Worker(python, player.module, url, patience)
        yield started
    finally:
        for worker in started.values():
            worker.close()
