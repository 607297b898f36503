"""Throw-away database servers: a private folder, a free port, gone with the process.

They are made from the programs on this machine, without a service or a container, and
as another user where this one is root. On Linux and macOS::

    with start("postgresql") as server:
        server.url, server.pid, server.socket
        server.freeze(); server.thaw(); server.kill(); server.restart()

Rules that every server keeps:

1. It never outlives the process that started it, however that one ends (`reaper`).
2. A commit that it acknowledged survives `kill()`: nothing is synced to the disk, but
   all is handed to the operating system before the answer.
3. Whatever a client can see is as the version has it by default, but for 200
   connections and the time zone, which is UTC if nothing else is asked for.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from asyncdb.testing.servers import programs
from asyncdb.testing.servers.process import Server

__all__ = ["KINDS", "MariaDB", "MySQL", "PostgreSQL", "Server", "programs", "start"]


class PostgreSQL(Server):
    """PostgreSQL 13 and later."""

    engine = "postgresql"
    database = "postgres"
    ready = b"ready to accept connections"
    polite = signal.SIGINT
    abrupt = signal.SIGQUIT

    @property
    def socket(self) -> Path:
        """The Unix socket; libraries want its folder."""
        return self.folder / f".s.PGSQL.{self.port}"

    def initialise(self) -> None:
        """Make the data folder."""
        password = self._write("password", self.password)
        self._run(
            [
                str(self.program.parent / "initdb"),
                f"--pgdata={self.folder / 'data'}",
                f"--username={self.user}",
                f"--pwfile={password}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            ]
        )

    def command(self) -> list[str]:
        """The command line, but for the port."""
        settings = {
            "listen_addresses": self.host,
            "unix_socket_directories": self.folder,
            "max_connections": 200,
            "timezone": self._zone(),
            "shared_buffers": "32MB",
            "fsync": "off",
            "full_page_writes": "off",
            # Its files lie in our folder and go with it, even after SIGKILL.
            "dynamic_shared_memory_type": "mmap",
            **self.settings,
        }
        given = [f"--{name}={value}" for name, value in settings.items()]
        return [str(self.program), "-D", str(self.folder / "data"), *given]

    def _zone(self) -> str:
        sign = "-" if self.time_zone.startswith("+") else "+"  # POSIX counts westwards
        return f"<{self.time_zone}>{sign}{self.time_zone[1:]}"

    def clear_locks(self) -> None:
        """Remove what a killed server leaves, and a new one would take for a rival."""
        (self.folder / "data" / "postmaster.pid").unlink(missing_ok=True)
        for lock in self.folder.glob(".s.PGSQL.*"):
            lock.unlink()

    def stop(self) -> None:
        """End it for good and remove its folder; harmless when repeated."""
        lock = self.folder / "data" / "postmaster.pid"
        if not self.is_running and lock.exists():  # killed: its memory is left
            memory = lock.read_text().splitlines()[6:7]
            for identifier in (line.split()[-1] for line in memory):
                command = ["ipcrm", "-m", identifier]
                subprocess.run(command, capture_output=True, check=False)
        super().stop()


class MySQL(Server):
    """Oracle's MySQL 8.4 and later."""

    engine = "mysql"
    database = "asyncdb"
    ready = b"ready for connections"  # its port opens before --init-file has run
    polite = signal.SIGTERM
    abrupt = signal.SIGKILL  # a shutdown takes a second

    speed: ClassVar[Mapping[str, str]] = {
        "innodb-redo-log-capacity": "32M",
        "mysqlx": "0",
        "secure-file-priv": "",
    }

    @property
    def socket(self) -> Path:
        """The Unix socket."""
        return self.folder / "sock"

    def initialise(self) -> None:
        """Make the data folder."""
        self._run([*self._base(), "--initialize-insecure"])
        self._write_init_file()

    def command(self) -> list[str]:
        """The command line, but for the port."""
        return [
            *self._base(),
            f"--bind-address={self.host}",
            f"--socket={self.socket}",
            f"--pid-file={self.folder / 'pid'}",
            f"--init-file={self.folder / 'init.sql'}",
            "--max-connections=200",
            "--skip-name-resolve",
            "--skip-log-bin",
            *(f"--{name}={value}" for name, value in self.settings.items()),
        ]

    def clear_locks(self) -> None:
        """Remove what a killed server leaves, and a new one would take for a rival."""
        for name in ("sock", "sock.lock", "pid"):
            (self.folder / name).unlink(missing_ok=True)

    def _base(self) -> list[str]:
        return [
            str(self.program),
            "--no-defaults",
            f"--datadir={self.folder / 'data'}",
            *self._share(),
            *self._fast(),
        ]

    def _share(self) -> list[str]:
        """Where the messages lie; an unpacked server would not find them."""
        folder = programs.share(self.program)
        return [f"--lc-messages-dir={folder}"] if folder else []

    def _fast(self) -> list[str]:
        fast = {
            "innodb-buffer-pool-size": "32M",
            "innodb-doublewrite": "0",
            "innodb-flush-log-at-trx-commit": "2",
            **self.speed,
        }
        return [f"--{name}={value}" for name, value in fast.items()]

    def _write_init_file(self) -> None:
        login = f"'{self.user}'@'%'"
        statements = (
            f"CREATE DATABASE IF NOT EXISTS {self.database} CHARACTER SET utf8mb4;",
            f"CREATE USER IF NOT EXISTS {login} IDENTIFIED BY '{self.password}';",
            f"GRANT ALL ON *.* TO {login} WITH GRANT OPTION;",
        )
        self._write("init.sql", "\n".join(statements) + "\n")


class MariaDB(MySQL):
    """MariaDB 10.6 and later."""

    engine = "mariadb"
    speed: ClassVar[Mapping[str, str]] = {
        "innodb-flush-method": "nosync",
        "innodb-log-file-size": "8M",
    }

    def initialise(self) -> None:
        """Make the data folder.

        What `mariadb-install-db` does, which itself needs a program that Debian has in
        the client's package.
        """
        folder = programs.share(self.program)
        if folder is None:
            message = f"no share folder near {self.program}"
            raise FileNotFoundError(message)
        parts = (
            "*_system_tables.sql",
            "*_performance_tables.sql",
            "*_system_tables_data.sql",
            "maria_add_gis_sp_bootstrap.sql",
            "*_sys_schema.sql",
        )
        lines = ["CREATE DATABASE mysql;\n", "USE mysql;\n"]
        lines += ["SET @auth_root_socket = NULL;\n"]
        for part in parts:
            for path in folder.glob(part):
                lines += path.read_text().splitlines(keepends=True)
        text = "".join(line for line in lines if "@current_hostname" not in line)
        script = self._write("bootstrap.sql", text)
        data = self.folder / "data"
        data.mkdir()
        self._own(data)
        command = [*self._base(), "--bootstrap", "--enforce-storage-engine="]
        self._run([*command, "--max-allowed-packet=8M"], feed=script)
        self._write_init_file()


# The kinds that `start()` knows.
KINDS: dict[str, type[Server]] = {
    kind.engine: kind for kind in (PostgreSQL, MariaDB, MySQL)
}


def start(
    engine: str,
    *,
    program: Path | None = None,
    files: Mapping[str, str] | None = None,
    password: str | None = None,
    time_zone: str = "+00:00",
    **settings: Any,
) -> Server:
    """Start a new server; stop it, or use it as a context manager.

    Args:
        engine: `"postgresql"`, `"mariadb"` or `"mysql"`.
        program: its executable, where it is not the one that `programs.find` finds.
        files: name -> text, for certificates and the like; see `Server`.
        password: of its user `asyncdb`, who may do everything; made up when `None`.
        time_zone: of its clock, as an offset such as `"+05:30"`.
        settings: the server's own, such as `ssl_cert_file="{folder}/server.crt"`.

    Returns:
        The `Server`, which serves: `url`, `host`, `port`, `pid`, `log` and others.

    Raises:
        FileNotFoundError: there is no such program.
        RuntimeError: it did not start; the message ends with its log.

    Example:
        >>> if programs.find("postgresql"):
        ...     with start("postgresql") as server:
        ...         assert server.is_running
    """
    program = program or programs.find(engine)
    if program is None:
        message = f"no program of {engine} on this machine"
        raise FileNotFoundError(message)
    server = KINDS[engine](
        program,
        files or {},
        settings,
        password=password,
        time_zone=time_zone,
    )
    try:
        server.initialise()
        server.start()
    except BaseException:
        server.stop()
        raise
    return server
