"""Galera: three MariaDBs, each of which takes writes, that agree on each commit.

with GaleraCluster() as cluster: cluster.nodes[0].kill(); cluster.heal()
"""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import pymysql

from asyncdb.testing.servers.process import PATIENCE, free_port
from tests.plugins import binaries
from tests.plugins.clusters import programs
from tests.plugins.servers import MariaDB

# As short as stays safe on a busy machine; the defaults are PT5S and PT15S.
EVS = (
    "evs.keepalive_period=PT0.3S;evs.inactive_check_period=PT0.3S;"
    "evs.suspect_timeout=PT2S;evs.inactive_timeout=PT4S;evs.install_timeout=PT4S;"
    "gcache.size=16M"
)


class GaleraNode(MariaDB):
    """One of the nodes; `bootstrap` says that it makes the cluster at its next start.

    Args:
        program: `mariadbd`.
        number: from 1.
        ports: the group's, of all nodes.
        password: of all of them, for a node that joins is a copy.
    """

    def __init__(
        self, program: Path, number: int, ports: list[int], password: str
    ) -> None:
        own, base = "127.0.0.1", ports[number - 1]
        receiver = free_port()
        peers = ",".join(f"{own}:{port}" for port in ports)
        options = (
            f"base_port={base};gmcast.listen_addr=tcp://{own}:{base};"
            f"ist.recv_addr={own}:{free_port()};{EVS}"
        )
        settings: Mapping[str, Any] = {
            "binlog-format": "ROW",
            "default-storage-engine": "InnoDB",
            "innodb-autoinc-lock-mode": "2",
            "wsrep-on": "ON",
            "wsrep-provider": programs.provider(program),
            "wsrep-provider-options": options,
            "wsrep-cluster-name": "asyncdb",
            "wsrep-cluster-address": f"gcomm://{peers}",
            "wsrep-node-name": f"n{number}",
            "wsrep-node-address": f"{own}:{base}",
            "wsrep-sst-method": "rsync",
            "wsrep-sst-receive-address": f"{own}:{receiver}",
            "wsrep-slave-threads": "2",
        }
        super().__init__(program, {}, settings, password=password)
        self.number = number
        self.bootstrap = False
        folder = self.folder / "bin"
        folder.mkdir()
        folder.chmod(0o755)
        for found in programs.sst_programs(program) or []:
            (folder / found.name).symlink_to(found)
        path = f"{folder}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        self.environment = {"PATH": path, **programs.libraries()}

    def command(self) -> list[str]:
        """The command line, but for the port."""
        command = super().command()
        if self.bootstrap:
            return [*command, "--wsrep-new-cluster"]
        # What the file makes comes from the others.
        return [part for part in command if not part.startswith("--init-file=")]

    def is_ready(self, port: int, said: bytes) -> bool:
        """Whether it serves, and is in step with the cluster."""
        if not super().is_ready(port, said):
            return False
        self.port = port
        return self.status("wsrep_ready") == "ON"

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a statement by a connection of its own.

        Raises:
            pymysql.MySQLError: the node is down, frozen or refuses.
        """
        connection = pymysql.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            database=self.database,
            connect_timeout=2,
            read_timeout=10,
            autocommit=True,
        )
        with connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def status(self, name: str) -> str:
        """A status variable; empty where the node does not say."""
        try:
            rows = self.ask(f"SHOW GLOBAL STATUS LIKE '{name}'")
        except pymysql.MySQLError:
            return ""
        return str(rows[0][1]) if rows else ""

    def isolate(self) -> None:
        """Cut the node off from the others; its clients still reach it."""
        self.ask("SET GLOBAL wsrep_provider_options = 'gmcast.isolate=1'")

    def join(self) -> None:
        """End the isolation."""
        self.ask("SET GLOBAL wsrep_provider_options = 'gmcast.isolate=0'")


class GaleraCluster:
    """Three nodes, in step; `heal()` makes it so again after anything."""

    def __init__(self) -> None:
        program = binaries.find("mariadb")
        assert program is not None
        ports = [free_port() for _ in range(3)]
        password = secrets.token_hex(16)
        self.nodes = [GaleraNode(program, n, ports, password) for n in (1, 2, 3)]

    def __enter__(self) -> Self:
        try:
            self._make()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def version(self) -> str:
        """Such as `MariaDB 10.11.19, Galera 26.4.23`."""
        server = ".".join(map(str, self.nodes[0].version))
        galera = self.nodes[0].status("wsrep_provider_version").partition("(")[0]
        return f"MariaDB {server}, Galera {galera}"

    def url(self, *numbers: int) -> str:
        """A URL with these nodes as hosts, in this order; all by default."""
        chosen = [self.nodes[n - 1] for n in numbers or (1, 2, 3)]
        first = chosen[0]
        hosts = ",".join(f"{node.host}:{node.port}" for node in chosen)
        return first.url.replace(f"{first.host}:{first.port}", hosts)

    def size(self, node: GaleraNode) -> int:
        """How many nodes one sees in a cluster that may write; 0 when cut off."""
        if node.status("wsrep_cluster_status") != "Primary":
            return 0
        return int(node.status("wsrep_cluster_size") or 0)

    def wait_for(self, size: int, among: list[GaleraNode]) -> None:
        """Wait until these nodes agree that they are so many, and serve.

        Raises:
            TimeoutError: they do not.
        """
        patience = time.monotonic() + PATIENCE
        while time.monotonic() < patience:
            if all(
                self.size(node) == size and node.status("wsrep_ready") == "ON"
                for node in among
            ):
                return
            time.sleep(0.05)
        message = f"no cluster of {size}: {[self.size(node) for node in among]}"
        raise TimeoutError(message)

    def heal(self) -> None:
        """Three nodes, in step."""
        for node in self.nodes:
            node.thaw()
        if not any(node.is_running for node in self.nodes):
            self._boot(self.nodes[0])
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            if self.size(node) != 3:
                node.join()
        self.wait_for(3, self.nodes)

    def stop(self) -> None:
        """End all nodes and remove their folders."""
        for node in self.nodes:
            node.stop()

    def _make(self) -> None:
        """One node, shut down in step and copied: nobody has to send all its data."""
        first, *others = self.nodes
        first.initialise()
        self._boot(first)
        first.shutdown()
        for node in others:
            data = node.folder / "data"
            shutil.copytree(first.folder / "data", data)
            for name in ("gvwstate.dat", "galera.cache"):
                (data / name).unlink(missing_ok=True)
            for path in (data, *data.rglob("*")):
                node._own(path)
        self._boot(first)
        for node in others:
            node.start()
        self.wait_for(3, self.nodes)

    def _boot(self, node: GaleraNode) -> None:
        state = node.folder / "data" / "grastate.dat"
        if state.exists():
            text = state.read_text()
            state.write_text(text.replace("bootstrap: 0", "bootstrap: 1"))
        node.bootstrap = True
        try:
            node.start()
        finally:
            node.bootstrap = False
