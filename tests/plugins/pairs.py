"""Two servers of one database: a primary, and another one that takes no writes.

    with start_pair("postgresql") as pair:
        pair.urls          # of both, the primary's first
        pair.url(...)      # one URL with several hosts
        pair.demote(0); pair.promote(1)

PostgreSQL's second server is a hot standby that follows the first by streaming. For
MySQL and MariaDB it is a server of its own with `read_only`: what a client sees of a
replica, without its rows.

A server is demoted *under its sessions*, which go on: MySQL and MariaDB by `SET GLOBAL
read_only`; PostgreSQL by `default_transaction_read_only` in its configuration, since
its real demotion is a restart, which ends them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from tests.plugins import binaries, servers
from tests.plugins.databases import SERVERS, run_statement

# A user whom `read_only` holds: the servers' own one is free of it.
APP, APP_PASSWORD = "app", "an app's password"
_SECRET = APP_PASSWORD.replace("'", "''")


class Standby(servers.PostgreSQL):
    """A hot standby of a primary."""

    ready = b"ready to accept read"  # "read-only connections", and older words
    primary: servers.Server

    def initialise(self) -> None:
        """Copy the primary as it runs."""
        source = (
            f"host={self.primary.host} port={self.primary.port}"
            f" user={self.primary.user} password='{self.primary.password}'"
        )
        self._run(
            [
                str(self.program.parent / "pg_basebackup"),
                f"--pgdata={self.folder / 'data'}",
                f"--dbname={source}",
                "--wal-method=stream",
                "--checkpoint=fast",
                "--no-sync",
                "--write-recovery-conf",
            ]
        )

    def promote(self) -> None:
        """Make it a primary."""
        data = self.folder / "data"
        self._run(
            [str(self.program.parent / "pg_ctl"), "promote", "--wait", "-D", str(data)]
        )


class Pair:
    """A primary, and a server beside it that takes no writes.

    Args:
        primary: the first.
        second: the other.
    """

    def __init__(self, primary: servers.Server, second: servers.Server) -> None:
        self.servers = primary, second
        self.engine = primary.engine
        self.is_mysql = self.engine != "postgresql"

    @property
    def urls(self) -> tuple[str, str]:
        """The URLs, the primary's first, for a user who is nobody special."""
        first, second = map(self._url, self.servers)
        return first, second

    def url(self, *hosts: str, options: str = "") -> str:
        """Make one URL with these hosts, such as `127.0.0.1:5432`, in their order."""
        parts = urlsplit(self.urls[0])
        login = parts.netloc.rpartition("@")[0]
        netloc = f"{login}@{','.join(hosts)}"
        return parts._replace(netloc=netloc, query=options).geturl()

    @property
    def hosts(self) -> tuple[str, str]:
        """Where they are, the primary first."""
        first, second = (f"{each.host}:{each.port}" for each in self.servers)
        return first, second

    def set_up(self) -> None:
        """Make the user of MySQL's, and have the second take no writes."""
        for each in self.servers:
            self.tell(each, f"CREATE USER '{APP}'@'%' IDENTIFIED BY '{_SECRET}'")
            self.tell(each, f"GRANT ALL ON {each.database}.* TO '{APP}'@'%'")
        self.demote(1)

    def demote(self, which: int) -> None:
        """Have a server take no more writes, under its sessions."""
        self._switch(which, writes=False)

    def acknowledge_together(self) -> None:
        """Have PostgreSQL acknowledge a commit when the standby has it, too."""
        self.tell(
            self.servers[0],
            "ALTER SYSTEM SET synchronous_standby_names = '*'",
            "SELECT pg_reload_conf()",
        )

    def restore(self, which: int) -> None:
        """Undo `demote`."""
        self._switch(which, writes=True)

    def promote(self, which: int) -> None:
        """Make the second server a primary; PostgreSQL's cannot be one again."""
        server = self.servers[which]
        if isinstance(server, Standby):
            server.promote()
        else:
            self._switch(which, writes=True)

    def _switch(self, which: int, *, writes: bool) -> None:
        server, word = self.servers[which], "OFF" if writes else "ON"
        if self.is_mysql:
            self.tell(server, f"SET GLOBAL read_only = {word}")
        else:
            name = "default_transaction_read_only"
            self.tell(
                server, f"ALTER SYSTEM SET {name} = {word}", "SELECT pg_reload_conf()"
            )

    @staticmethod
    def tell(server: servers.Server, *statements: str) -> None:
        """Run statements as an administrator, through the library itself."""
        for sql in statements:
            run_statement(server.engine, server.url, sql)

    def _url(self, server: servers.Server) -> str:
        parts = urlsplit(server.url)
        netloc = f"{APP}:{quote(APP_PASSWORD, safe='')}@{server.host}:{server.port}"
        return parts._replace(netloc=netloc).geturl()


@contextmanager
def start_pair(engine: str) -> Iterator[Pair]:
    """Start both, and stop them at the end."""
    with servers.start(engine) as primary:
        if engine == "postgresql":
            # Before there is a copy, which then has the user, too.
            role = f"CREATE ROLE {APP} SUPERUSER LOGIN PASSWORD '{_SECRET}'"
            Pair.tell(primary, role)
            kind = type("Follower", (Standby,), {"primary": primary})
            second: Any = kind(primary.program, {}, {}, password=primary.password)
            try:
                second.initialise()
                second.start()
            except BaseException:
                second.stop()
                raise
        else:
            second = servers.start(engine)
        with second:
            pair = Pair(primary, second)
            if pair.is_mysql:
                pair.set_up()
            yield pair


@pytest.fixture(scope="module", params=SERVERS)
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """A primary and a server beside it that takes no writes, on each engine in turn.

    A test leaves them as it found them.
    """
    if binaries.find(request.param) is None:
        pytest.skip(f"no {request.param} of our own")
    with start_pair(request.param) as made:
        yield made
