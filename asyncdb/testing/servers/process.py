"""What all throw-away servers share: a folder, a port, a process, and how it ends."""

from __future__ import annotations

import atexit
import functools
import os
import pwd
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from shutil import disk_usage, rmtree
from typing import IO, Any, ClassVar, Self
from urllib.parse import quote

from asyncdb.testing.servers import programs, reaper

USER = "asyncdb"
PATIENCE = 60.0  # seconds for a server to come up or go down on a busy machine


class Server(ABC):
    """A database server of our own.

    Args:
        program: the server's executable.
        files: name -> text of files that the folder shall have, readable by the server
            alone; settings name them as `{folder}/name`.
        settings: the server's own settings, by their own names.
        password: of the user `asyncdb`, who may do everything; made up when `None`.
        time_zone: of the server's clock, as an offset.
    """

    engine: ClassVar[str]
    database: ClassVar[str]
    ready: ClassVar[bytes]
    polite: ClassVar[signal.Signals]  # no new clients, roll back, shut down
    abrupt: ClassVar[signal.Signals]  # gone at once, nothing left in shared memory

    def __init__(
        self,
        program: Path,
        files: Mapping[str, str],
        settings: Mapping[str, Any],
        *,
        password: str | None = None,
        time_zone: str = "+00:00",
    ) -> None:
        self.program = program
        self.version = programs.version(program)
        self.host = "127.0.0.1"
        self.port = 0
        self.user = USER
        self.password = secrets.token_hex(16) if password is None else password
        self.time_zone = time_zone
        self.account = _unprivileged()
        self.folder = _make_folder(self.account)
        self.settings = {
            name: str(value).format(folder=self.folder)
            for name, value in settings.items()
        }
        self.environment: dict[str, str] = {}  # beside what every server gets
        self.process: subprocess.Popen[bytes] | None = None
        _tell_reaper("+", 0, self.folder)
        for name, text in files.items():
            self._write(name, text)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        version = ".".join(map(str, self.version))
        state = f"pid {self.pid}" if self.is_running else "down"
        return f"<{self.engine} {version} on {self.host}:{self.port}, {state}>"

    @property
    def url(self) -> str:
        """The URL of the server's first database."""
        return self.database_url(self.database)

    def database_url(self, database: str) -> str:
        """The URL of another database of this server."""
        login = f"{self.user}:{quote(self.password, safe='')}"
        return f"{self.engine}://{login}@{self.host}:{self.port}/{database}"

    @property
    def pid(self) -> int:
        """The server's process."""
        if self.process is None:
            message = f"this {self.engine} was never started"
            raise RuntimeError(message)
        return self.process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process is there, frozen or not."""
        return self.process is not None and self.process.poll() is None

    @property
    @abstractmethod
    def socket(self) -> Path:
        """The Unix socket."""

    @property
    def log(self) -> str:
        """All that the server wrote so far."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    @abstractmethod
    def initialise(self) -> None:
        """Make the data folder."""

    @abstractmethod
    def command(self) -> list[str]:
        """The command line, but for the port."""

    def command_at(self, port: int) -> list[str]:
        """The command line that listens on a port."""
        return [*self.command(), f"--port={port}"]

    def is_ready(self, port: int, said: bytes) -> bool:  # noqa: ARG002  # others ask it
        """Whether it serves on `port`, having written `said` since it was started."""
        return self.ready in said

    @abstractmethod
    def clear_locks(self) -> None:
        """Remove what a killed server leaves, and a new one would take for a rival."""

    def start(self) -> None:
        """Start the process and wait until it serves."""
        if self.is_running:
            return
        self.clear_locks()
        for _ in range(5):
            port = self.port or free_port()
            if self._serves(port):
                self.port = port
                return
        message = f"{self.engine} does not start:\n{self.log[-3000:]}"
        raise RuntimeError(message)

    def shutdown(self) -> None:
        """Shut down as an administrator would; the data stays for `restart()`."""
        if self.is_running:
            self.thaw()
            os.kill(self.pid, self.polite)
            self._wait()

    def kill(self) -> None:
        """SIGKILL: the machine is gone; the data stays for `restart()`."""
        if self.is_running:
            family = reaper.descendants(self.pid)
            reaper.send(family, signal.SIGKILL)
            self._wait()
            _until_gone(family[1:])

    def restart(self) -> None:
        """Start again on the same port with the same data, dead or alive."""
        self.shutdown()
        self.start()

    def freeze(self) -> None:
        """SIGSTOP to all its processes: the network stands, nobody answers."""
        family = reaper.descendants(self.pid)
        reaper.send(family, signal.SIGSTOP)
        _until_stopped(family)

    def thaw(self) -> None:
        """SIGCONT: as if nothing had been."""
        if self.is_running:
            reaper.send(reaper.descendants(self.pid), signal.SIGCONT)

    def stop(self) -> None:
        """End it for good and remove its folder; harmless when repeated."""
        if self.is_running:
            self.thaw()
            os.kill(self.pid, self.abrupt)
            self._wait()
        rmtree(self.folder, ignore_errors=True)
        _tell_reaper("-", 0, self.folder)

    def _write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o600)
        self._own(path)
        return path

    def _own(self, path: Path) -> None:
        if self.account:
            os.chown(path, self.account.pw_uid, self.account.pw_gid)

    def _popen(
        self, command: list[str], feed: Path | None = None
    ) -> subprocess.Popen[bytes]:
        """Run as the unprivileged user, out of reach of the terminal's Ctrl-C."""
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder),
            "LC_ALL": "C",
            "TZ": _posix_zone(self.time_zone),
            **self.environment,
        }
        source = feed or Path(os.devnull)
        with (self.folder / "log").open("ab") as log, source.open("rb") as given:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env=environment,
                stdin=given,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=self.account and self.account.pw_uid,
                group=self.account and self.account.pw_gid,
                extra_groups=[] if self.account else None,
            )

    def _run(self, command: list[str], feed: Path | None = None) -> None:
        if self._popen(command, feed).wait(PATIENCE):
            message = f"{command[0]} failed:\n{self.log[-3000:]}"
            raise RuntimeError(message)

    def _serves(self, port: int) -> bool:
        """Start on a port; false when the port was taken meanwhile."""
        log = self.folder / "log"
        seen = log.stat().st_size if log.exists() else 0
        self.process = self._popen(self.command_at(port))
        _tell_reaper("+", self.pid, self.folder)
        patience = time.monotonic() + PATIENCE
        while time.monotonic() < patience:
            over = not self.is_running
            said = log.read_bytes()[seen:]
            if not over and self.is_ready(port, said):
                return True
            if over and re.search(rb"(?i)address already in use", said):
                return False
            if over:
                break
            time.sleep(0.01)
        message = f"{self.engine} does not start:\n{self.log[-3000:]}"
        self.stop()
        raise RuntimeError(message)

    def _wait(self) -> None:
        assert self.process
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            reaper.send(reaper.descendants(self.pid), signal.SIGKILL)
            self.process.wait()


def _posix_zone(offset: str) -> str:
    """POSIX counts westwards."""
    return ("ODD-" if offset.startswith("+") else "ODD+") + offset[1:]


def _unprivileged() -> pwd.struct_passwd | None:
    """Servers refuse to run as root: somebody else, or `None` when we are not root."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "mysql", "nobody", "daemon"):
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        if 0 < account.pw_uid < 2**31:
            return account
    message = "no unprivileged user to run a server"
    raise RuntimeError(message)


def _make_folder(account: pwd.struct_passwd | None) -> Path:
    """In memory where there is room: MariaDB is up in 0.4 s there, on a disk in 4 s.

    A socket's path may have about 100 characters, so pytest's own folders do not do.
    """
    room = 1 << 30  # a container's /dev/shm may be tiny
    places = ("/dev/shm", "/tmp")
    good = (p for p in places if os.access(p, os.W_OK) and disk_usage(p).free > room)
    place = next(good, tempfile.gettempdir())
    folder = Path(tempfile.mkdtemp(prefix="asyncdb-", dir=place)).resolve()
    if account:
        os.chown(folder, account.pw_uid, account.pw_gid)
    return folder


def free_port() -> int:
    """Below the ports that systems give to clients.

    From those, a client that calls a dead server long enough is connected to itself.
    """
    while True:
        port = 20_000 + secrets.randbelow(12_000)  # `random` is seeded: two runs clash
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def _until_stopped(pids: list[int]) -> None:
    """Wait until no thread runs any more, where the system tells (Linux)."""
    patience = time.monotonic() + PATIENCE
    stats = [stat for pid in pids for stat in Path(f"/proc/{pid}/task").glob("*/stat")]
    while stats and time.monotonic() < patience:
        states = [stat.read_text().rpartition(")")[2].split()[0] for stat in stats]
        if set(states) <= {"T", "Z"}:
            return
        time.sleep(0.001)


def _until_gone(pids: list[int]) -> None:
    """Wait for processes that are not our children; zombies count as gone."""
    patience = time.monotonic() + PATIENCE
    while set(pids) & set(reaper.parents()) and time.monotonic() < patience:
        time.sleep(0.01)


@functools.cache
def _reaper() -> IO[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-I", reaper.__file__],
        stdin=subprocess.PIPE,
        cwd="/",
        start_new_session=True,
    )
    atexit.register(process.communicate, timeout=PATIENCE)
    assert process.stdin
    return process.stdin


def _tell_reaper(sign: str, pid: int, folder: Path) -> None:
    _reaper().write(f"{sign}\t{pid}\t{folder}\n".encode())
    _reaper().flush()
