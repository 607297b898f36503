"""PostgreSQL: a primary and a hot standby, with promotion and pg_rewind.

with Pair() as pair: pair.primary.kill(); pair.promote(); pair.rewind()
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import psycopg

from asyncdb.testing.servers.process import PATIENCE
from tests.plugins import binaries
from tests.plugins.servers import PostgreSQL

SETTINGS = {
    "wal_level": "replica",
    "hot_standby": "on",
    "hot_standby_feedback": "on",
    "wal_log_hints": "on",  # pg_rewind wants it, or checksums
    "full_page_writes": "on",  # the same
    "wal_keep_size": "64MB",
    "wal_retrieve_retry_interval": "200ms",
    "wal_receiver_timeout": "5s",
    "wal_sender_timeout": "5s",
}


class PairNode(PostgreSQL):
    """One of the two."""

    ready = b"database system is ready to accept"  # connections, or read-only ones

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a statement by a connection of its own.

        Raises:
            psycopg.Error: the node is down, frozen or refuses.
        """
        with contextlib.closing(
            psycopg.connect(self.conninfo, autocommit=True, connect_timeout=2)
        ) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    @property
    def conninfo(self) -> str:
        """Where it is, in libpq's words."""
        return (
            f"host={self.host} port={self.port} user={self.user}"
            f" password='{self.password}' dbname={self.database}"
        )

    @property
    def is_standby(self) -> bool:
        """Whether it is in recovery."""
        return bool(self.ask("SELECT pg_is_in_recovery()")[0][0])

    def set(self, name: str, value: str | None) -> None:
        """Change a setting while it runs; `None` takes the change back."""
        change = f"RESET {name}" if value is None else f"SET {name} = '{value}'"
        self.ask(f"ALTER SYSTEM {change}")
        self.ask("SELECT pg_reload_conf()")

    def run(self, name: str, *arguments: str) -> None:
        """Run one of PostgreSQL's own programs, as the server's user.

        Raises:
            RuntimeError: it failed; the message ends with the log.
        """
        self._run([str(self.program.parent / name), *arguments])


class Pair:
    """A primary and its standby.

    Args:
        synchronous: commits wait until the standby has them on its disk.
    """

    def __init__(self, *, synchronous: bool = False) -> None:
        program = binaries.find("postgresql")
        assert program is not None
        self.synchronous = synchronous
        # The standby is a copy, with the password of the other.
        password = secrets.token_hex(16)
        self.nodes = [
            PairNode(program, {}, SETTINGS, password=password) for _ in range(2)
        ]
        self.primary, self.standby = self.nodes

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
        """Such as `PostgreSQL 15.18`."""
        return f"PostgreSQL {'.'.join(map(str, self.primary.version))}"

    @property
    def url(self) -> str:
        """A URL with both hosts, the first primary first."""
        first, second = self.nodes
        address = f"{first.host}:{first.port}"
        return first.url.replace(address, f"{address},{second.host}:{second.port}")

    def promote(self) -> None:
        """Make the standby a primary, which waits for no other; returns when it is."""
        self.primary, self.standby = self.standby, self.primary
        if self.synchronous:
            self.primary.ask("ALTER SYSTEM RESET synchronous_standby_names")
        data = self.primary.folder / "data"
        self.primary.run("pg_ctl", "-s", "-D", str(data), "-w", "promote")

    def rewind(self) -> None:
        """Make the old primary a standby of the new one, as after a failover."""
        old, new = self.standby, self.primary
        old.thaw()
        old.start()  # what it had when it died has to be recovered first
        old.shutdown()
        data = f"--target-pgdata={old.folder / 'data'}"
        new.ask("CHECKPOINT")  # pg_rewind reads the new timeline from there
        source = f"--source-server={new.conninfo}"
        old.run("pg_rewind", data, source, "--no-sync")
        self._follow(old, new)
        old.start()
        self.wait_until_streaming()

    def switch(self) -> None:
        """Change the roles in good order: nothing is lost, the old one follows."""
        old = self.primary
        old.shutdown()
        self.promote()
        self._follow(old, self.primary)
        old.start()
        self.wait_until_streaming()

    def wait_until_streaming(self) -> None:
        """Wait until the standby follows, and commits wait for it if they shall.

        Raises:
            TimeoutError: it does not.
        """
        if self.synchronous:
            self.primary.set("synchronous_standby_names", "*")
        wanted = "sync" if self.synchronous else "async"
        patience = time.monotonic() + PATIENCE
        while time.monotonic() < patience:
            sql = "SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'"
            if self.primary.ask(sql) == [(wanted,)]:
                return
            time.sleep(0.02)
        message = f"the standby does not follow:\n{self.standby.log[-2000:]}"
        raise TimeoutError(message)

    @contextlib.contextmanager
    def replay_paused(self) -> Iterator[None]:
        """A standby that gets everything and shows none of it: lag, on order."""
        self.standby.ask("SELECT pg_wal_replay_pause()")
        try:
            yield
        finally:
            self.standby.ask("SELECT pg_wal_replay_resume()")

    def stop(self) -> None:
        """End both and remove their folders."""
        for node in self.nodes:
            node.stop()

    def _make(self) -> None:
        self.primary.initialise()
        self.primary.start()
        source, target = self.primary, self.standby
        target.run(
            "pg_basebackup",
            f"--dbname={source.conninfo}",
            f"--pgdata={target.folder / 'data'}",
            "--wal-method=stream",
            "--checkpoint=fast",
            "--no-sync",
        )
        self._follow(target, source)
        target.start()
        self.wait_until_streaming()

    def _follow(self, node: PairNode, leader: PairNode) -> None:
        data = node.folder / "data"
        for name, text in {
            "standby.signal": "",
            "postgresql.auto.conf": f"primary_conninfo = '{_quoted(leader)}'\n",
        }.items():
            self._put(node, data / name, text)

    def _put(self, node: PairNode, path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(0o600)
        node._own(path)


def _quoted(node: PairNode) -> str:
    return node.conninfo.replace("'", "''")
