"""MySQL Group Replication: three MySQLs, one of which takes writes.

with GroupCluster() as cluster: cluster.promote(cluster.nodes[1]); cluster.heal()
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
from tests.plugins.clusters import programs
from tests.plugins.servers import MySQL

NAME = "aaaaaaaa-0000-4000-8000-000000000001"
MAJORITY_TIMEOUT = 5  # seconds without a majority after which a member gives up


class GroupNode(MySQL):
    """One of the members.

    Args:
        program: Oracle's `mysqld`.
        number: from 1.
        ports: the group's, of all members.
        password: of all of them, for a node that joins is a copy.
    """

    def __init__(
        self, program: Path, number: int, ports: list[int], password: str
    ) -> None:
        seeds = ",".join(f"127.0.0.1:{port}" for port in ports)
        settings: Mapping[str, Any] = {
            "server-id": number,
            "gtid-mode": "ON",
            "enforce-gtid-consistency": "ON",
            "log-bin": "binlog",
            "sync-binlog": 0,
            "report-host": "127.0.0.1",
            "plugin-load-add": "group_replication.so",
        }
        group: Mapping[str, Any] = {
            "group-name": NAME,
            "start-on-boot": "OFF",
            "local-address": f"127.0.0.1:{ports[number - 1]}",
            "group-seeds": seeds,
            "communication-stack": "XCOM",
            "ip-allowlist": "127.0.0.1/8",
            "recovery-get-public-key": "ON",
            "recovery-reconnect-interval": 1,
            "member-expel-timeout": 0,
            "unreachable-majority-timeout": MAJORITY_TIMEOUT,
            "autorejoin-tries": 0,
        }
        prefix = "loose-group-replication-"
        settings = {**settings, **{prefix + name: v for name, v in group.items()}}
        super().__init__(program, {}, settings, password=password)
        self.number = number
        self.fresh = True

    def command(self) -> list[str]:
        """The command line, but for the port."""
        parts = [part for part in super().command() if part != "--skip-log-bin"]
        if self.fresh:
            return parts
        # A member must not change anything on its own: until the group has it, it takes
        # no writes, or a client that finds it so makes it unfit to join again.
        parts = [part for part in parts if not part.startswith("--init-file=")]
        return [*parts, "--super-read-only=ON"]

    def command_at(self, port: int) -> list[str]:
        """The command line that listens on a port."""
        return [*super().command_at(port), f"--report-port={port}"]

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a statement by a connection of its own.

        Raises:
            pymysql.MySQLError: the member is down, frozen or refuses.
        """
        connection = pymysql.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            database=self.database,
            connect_timeout=2,
            read_timeout=30,
            autocommit=True,
        )
        with connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def members(self) -> dict[int, tuple[str, str]]:
        """port -> (state, role) of all members, as this one sees them."""
        sql = (
            "SELECT member_port, member_state, member_role"
            " FROM performance_schema.replication_group_members"
        )
        try:
            rows = self.ask(sql)
        except pymysql.MySQLError:
            return {}
        return {int(port): (state, role) for port, state, role in rows if port}

    def _write_init_file(self) -> None:
        super()._write_init_file()
        path = self.folder / "init.sql"
        lines = ["SET sql_log_bin = 0;", path.read_text()]
        lines += [
            (
                f"CHANGE REPLICATION SOURCE TO SOURCE_USER = '{self.user}',"
                f" SOURCE_PASSWORD = '{self.password}'"
                " FOR CHANNEL 'group_replication_recovery';"
            ),
            "RESET BINARY LOGS AND GTIDS;",
        ]
        self._write("init.sql", "\n".join(lines) + "\n")


class GroupCluster:
    """Three members, one of them the primary; `heal()` makes it so again."""

    def __init__(self) -> None:
        program = programs.mysqld()
        assert program is not None
        ports = [free_port() for _ in range(3)]
        password = secrets.token_hex(16)
        self.nodes = [GroupNode(program, n, ports, password) for n in (1, 2, 3)]
        self._refused: dict[int, str] = {}  # number -> why it could not join

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
        """Such as `MySQL 9.7.4, Group Replication`."""
        return f"MySQL {'.'.join(map(str, self.nodes[0].version))}, Group Replication"

    def url(self, *numbers: int) -> str:
        """A URL with these members as hosts, in this order; all by default."""
        chosen = [self.nodes[n - 1] for n in numbers or (1, 2, 3)]
        first = chosen[0]
        hosts = ",".join(f"{node.host}:{node.port}" for node in chosen)
        return first.url.replace(f"{first.host}:{first.port}", hosts)

    def primary(self, among: list[GroupNode] | None = None) -> GroupNode | None:
        """The primary that these members agree on, online and within a majority."""
        among = among or self.nodes
        agreed: set[int] = set()
        for node in among:
            seen = node.members()
            online = sum(state == "ONLINE" for state, _ in seen.values())
            primaries = [p for p, got in seen.items() if got == ("ONLINE", "PRIMARY")]
            if online < 2 or len(primaries) != 1:
                return None
            agreed.add(primaries[0])
        if len(agreed) != 1:
            return None
        port = agreed.pop()
        return next(node for node in self.nodes if node.port == port)

    def wait_for_primary(self, among: list[GroupNode]) -> GroupNode:
        """Wait until these agree on a primary among them that takes writes.

        Raises:
            TimeoutError: they do not.
        """
        patience = time.monotonic() + PATIENCE
        while time.monotonic() < patience:
            primary = self.primary(among)
            if primary in among and primary is not None:
                try:
                    if primary.ask("SELECT @@super_read_only") == [(0,)]:
                        return primary
                except pymysql.MySQLError:
                    pass
            time.sleep(0.05)
        message = f"no primary: {[node.members() for node in among]}"
        raise TimeoutError(message)

    def promote(self, node: GroupNode) -> None:
        """Make it the primary, as an administrator does; the old one is demoted."""
        identity = node.ask("SELECT @@server_uuid")[0][0]
        node.ask(f"SELECT group_replication_set_as_primary('{identity}')")

    def heal(self) -> None:
        """Three members, online."""
        for node in self.nodes:
            node.thaw()
        for node in self.nodes:
            node.start()
        patience = time.monotonic() + PATIENCE
        while time.monotonic() < patience:
            seen = [node.members() for node in self.nodes]
            online = [
                one.get(node.port, ("", ""))[0] == "ONLINE"
                for node, one in zip(self.nodes, seen, strict=True)
            ]
            states = [[state for state, _ in one.values()] for one in seen]
            if states == [["ONLINE"] * 3] * 3:
                return
            if not any(online):
                self._bootstrap(self._newest())
                continue
            for node, one in zip(self.nodes, seen, strict=True):
                state = one.get(node.port, ("OFFLINE", ""))[0]
                if state == "ERROR":
                    node.ask("STOP GROUP_REPLICATION")
                if state in ("OFFLINE", "ERROR"):
                    self._join(node)
            time.sleep(0.1)
        members = [n.members() for n in self.nodes]
        message = f"the group does not heal: {members} {self._refused}"
        raise TimeoutError(message)

    def stop(self) -> None:
        """End all members and remove their folders."""
        for node in self.nodes:
            node.stop()

    def _newest(self) -> GroupNode:
        """The member that has all that the others have."""
        sets = {n.number: n.ask("SELECT @@gtid_executed")[0][0] for n in self.nodes}
        for node in self.nodes:
            if all(
                node.ask(f"SELECT gtid_subset('{other}', '{sets[node.number]}')")
                == [(1,)]
                for other in sets.values()
            ):
                return node
        message = f"no member has everything: {sets}"
        raise RuntimeError(message)

    def _bootstrap(self, node: GroupNode) -> None:
        node.ask("SET GLOBAL group_replication_bootstrap_group = ON")
        try:
            node.ask("START GROUP_REPLICATION")
        finally:
            node.ask("SET GLOBAL group_replication_bootstrap_group = OFF")

    def _join(self, node: GroupNode) -> None:
        try:
            node.ask("START GROUP_REPLICATION")
        except pymysql.MySQLError as error:
            self._refused[node.number] = str(error)
            time.sleep(0.3)  # the others have not yet let its former self go

    def _make(self) -> None:
        first, *others = self.nodes
        first.initialise()
        for node in others:
            data = node.folder / "data"
            shutil.copytree(first.folder / "data", data)
            (data / "auto.cnf").unlink(missing_ok=True)
            for path in (data, *data.rglob("*")):
                node._own(path)
            node._write_init_file()
        for node in self.nodes:
            node.start()
            node.fresh = False
        self._bootstrap(first)
        for node in others:
            node.ask("START GROUP_REPLICATION")
        self.heal()
