"""What stands in front of servers: PgBouncer and HAProxy, our own and throw-away."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

from asyncdb.testing.servers.process import Server
from tests.plugins.clusters import programs


class Front(Server):
    """A program in front of `targets`, which is told all by a file.

    Args:
        program: its executable.
        targets: the servers, in order.
        settings: its own, by their own names.
    """

    polite = signal.SIGTERM
    abrupt = signal.SIGKILL

    def __init__(
        self, program: Path, targets: Sequence[Server], settings: Mapping[str, object]
    ) -> None:
        super().__init__(program, {}, settings, password=targets[0].password)
        self.targets = list(targets)
        self.engine = targets[0].engine  # type: ignore[misc]
        self.database = targets[0].database  # type: ignore[misc]
        self.environment = programs.libraries()

    @property
    def socket(self) -> Path:
        """Nothing: a proxy of ours listens on TCP alone."""
        message = "a proxy has no Unix socket"
        raise AttributeError(message)

    @property
    def release(self) -> tuple[int, ...]:
        """Its version, such as `(1, 26, 1)`."""
        flag = "-v" if "haproxy" in self.program.name else "--version"
        done = subprocess.run(
            [str(self.program), flag],
            capture_output=True,
            text=True,
            check=False,
            env=programs.libraries(),
        )
        found = re.search(r"(\d+(?:\.\d+)+)", done.stdout)
        return tuple(map(int, found[1].split("."))) if found else ()

    def initialise(self) -> None:
        """Nothing: the file is written when the port is known."""

    def command(self) -> list[str]:
        """Nothing: see `command_at`."""
        return []

    def clear_locks(self) -> None:
        """It leaves none."""

    def reload(self, targets: Sequence[Server]) -> None:
        """Lead to other servers from now on."""
        self.targets = list(targets)
        self.command_at(self.port)
        os.kill(self.pid, signal.SIGHUP)


class PgBouncer(Front):
    """PgBouncer, in transaction mode if nothing else is said."""

    ready = b"process up"

    def command_at(self, port: int) -> list[str]:
        """The command line; the file tells the port."""
        target = self.targets[0]
        settings = {
            "listen_addr": self.host,
            "listen_port": port,
            "unix_socket_dir": "",
            "auth_type": "any",
            "pool_mode": "transaction",
            "default_pool_size": 8,
            "max_client_conn": 1000,
            "ignore_startup_parameters": "extra_float_digits",
            **self.settings,
        }
        lines = [
            "[databases]",
            (
                f"* = host={target.host} port={target.port} user={target.user}"
                f" password='{target.password}'"
            ),
            "[pgbouncer]",
            *(f"{name} = {value}" for name, value in settings.items()),
        ]
        file = self._write("bouncer.ini", "\n".join(lines) + "\n")
        return [str(self.program), str(file)]


class HAProxy(Front):
    """HAProxy, for TCP; a server's `check` may be another port, where HTTP answers.

    Args:
        program: its executable.
        targets: the servers, in order.
        settings: of the section `listen`, such as `balance="roundrobin"`.
        checks: the ports at which HTTP says whether a server is to be used.
    """

    ready = b""

    def __init__(
        self,
        program: Path,
        targets: Sequence[Server],
        settings: Mapping[str, object],
        checks: Sequence[int] = (),
    ) -> None:
        super().__init__(program, targets, settings)
        self.checks = list(checks)

    def command_at(self, port: int) -> list[str]:
        """The command line; the file tells the port."""
        lines = ["defaults", "  mode tcp", "  timeout connect 1s"]
        lines += ["  timeout client 1m", "  timeout server 1m"]
        lines += [
            (
                "  default-server inter 200ms fall 2 rise 1"
                " on-marked-down shutdown-sessions"
            ),
            "listen all",
            f"  bind {self.host}:{port}",
            *(f"  {name} {value}" for name, value in self.settings.items()),
        ]
        if self.checks:
            lines.append("  option httpchk GET /")
        for number, target in enumerate(self.targets):
            check = f" port {self.checks[number]}" if self.checks else ""
            lines.append(f"  server s{number} {target.host}:{target.port} check{check}")
        file = self._write("haproxy.cfg", "\n".join(lines) + "\n")
        return [str(self.program), "-db", "-f", str(file)]

    def is_ready(self, port: int, said: bytes) -> bool:
        """Whether it listens: it says nothing."""
        with socket.socket() as probe:
            return probe.connect_ex((self.host, port)) == 0


def start(front: Front) -> Front:
    """Start it, or leave nothing behind."""
    try:
        front.start()
    except BaseException:
        front.stop()
        raise
    return front


@contextlib.asynccontextmanager
async def answering(good: Callable[[], bool]) -> AsyncIterator[int]:
    """A port at which HTTP says 200 or 503, as the agents of high availability do."""
    open_ones: set[asyncio.StreamWriter] = set()

    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        open_ones.add(writer)
        try:
            await reply(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            open_ones.discard(writer)

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        try:
            fine = await asyncio.to_thread(good)
        except Exception:  # noqa: BLE001  # it is down: whatever its library says
            fine = False
        line = b"200 OK" if fine else b"503 Service Unavailable"
        with contextlib.suppress(OSError):
            writer.write(b"HTTP/1.0 " + line + b"\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in list(open_ones):
            writer.transport.abort()
        await asyncio.sleep(0)
