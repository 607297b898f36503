"""A throw-away PgBouncer in front of the tests' PostgreSQL, and the fixture for it."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from asyncdb.testing.servers.process import Server
from tests.plugins.clusters import programs
from tests.plugins.databases import POSTGRESQLS

MakePgBouncer = Callable[..., "PgBouncer"]


class PgBouncer(Server):
    """PgBouncer 1.18 and later; logins and URL are the server's behind it.

    Args:
        program: its executable.
        behind: the URL of the server.
        settings: of its section `[pgbouncer]`.
    """

    engine = "pgbouncer"
    database = ""
    ready = b"process up"
    polite = signal.SIGTERM
    abrupt = signal.SIGKILL

    def __init__(self, program: Path, behind: str, settings: dict[str, Any]) -> None:
        self._behind = urlsplit(behind)
        super().__init__(program, {}, settings)
        self.environment = programs.libraries()
        self.version = self._release()
        self.user = unquote(self._behind.username or "")
        self.password = unquote(self._behind.password or "")

    def _release(self) -> tuple[int, ...]:
        command = [str(self.program), "--version"]
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, env=self.environment
        )
        found = re.search(r"PgBouncer (\d+(?:\.\d+)*)", done.stdout)
        assert found is not None
        return tuple(map(int, found[1].split(".")))

    @property
    def url(self) -> str:
        """The server's URL, with another port."""
        login, _, _ = self._behind.netloc.rpartition("@")
        place = f"{login}@{self.host}:{self.port}"
        return self._behind._replace(netloc=place).geturl()

    @property
    def socket(self) -> Path:
        """The Unix socket."""
        return self.folder / f".s.PGSQL.{self.port}"

    def initialise(self) -> None:
        """Write who may log in."""
        self._write("users", f'"{self.user}" "{self.password}"\n')

    def command(self) -> list[str]:
        """The command line."""
        return [str(self.program), str(self.folder / "ini")]

    def command_at(self, port: int) -> list[str]:
        """The same; the port stands in the file."""
        own = {
            "listen_addr": self.host,
            "listen_port": port,
            "unix_socket_dir": self.folder,
            "auth_type": "scram-sha-256",
            "auth_file": self.folder / "users",
            "pool_mode": "transaction",
            "default_pool_size": 4,
            **self.settings,
        }
        behind = f"host={self._behind.hostname} port={self._behind.port or 5432}"
        lines = ["[databases]", f"* = {behind}", "[pgbouncer]"]
        lines += [f"{name} = {value}" for name, value in own.items()]
        self._write("ini", "\n".join(lines) + "\n")
        return self.command()

    def clear_locks(self) -> None:
        """Remove what a killed one leaves."""
        for socket in self.folder.glob(".s.PGSQL.*"):
            socket.unlink()


@pytest.fixture(params=POSTGRESQLS)
def make_pgbouncer(
    request: pytest.FixtureRequest, postgresql_url: str
) -> Iterator[MakePgBouncer]:
    """A function that starts a PgBouncer: `make_pgbouncer(pool_mode="session").url`.

    With each driver of PostgreSQL in turn.
    """
    program = programs.find("pgbouncer")
    if program is None:
        pytest.skip("no pgbouncer found; `make test` gets one, or ASYNCDB_PGBOUNCER")
    made: list[PgBouncer] = []

    def make(**settings: Any) -> PgBouncer:
        url = postgresql_url.replace("postgresql://", f"{request.param}://", 1)
        made.append(PgBouncer(program, url, settings))
        made[-1].initialise()
        made[-1].start()
        return made[-1]

    yield make
    for one in made:
        one.stop()
