"""A primary and a replica that really follows it, and can be made to lag.

    with replicated("postgresql") as pair:
        pair.primary.url, pair.replica.url
        pair.pause(); pair.resume()   # what is received is not applied, and is again

PostgreSQL's is a hot standby by streaming, MariaDB's and MySQL's follow by GTID.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from tests.plugins import servers
from tests.plugins.databases import run_statement
from tests.plugins.pairs import Standby

# Words that differ between the two, and what else a server needs.
_WORDS = {
    "mariadb": ("MASTER", "SLAVE", "MASTER_USE_GTID = slave_pos", "RESET MASTER"),
    "mysql": (
        "SOURCE",
        "REPLICA",
        "SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1",
        "RESET BINARY LOGS AND GTIDS",
    ),
}
_GTIDS = {
    "mariadb": {"log_slave_updates": "ON"},
    "mysql": {"gtid_mode": "ON", "enforce_gtid_consistency": "ON"},
}


@dataclass
class Replication:
    """Both servers."""

    primary: servers.Server
    replica: servers.Server

    @property
    def engine(self) -> str:
        """Such as `postgresql`."""
        return self.primary.engine

    def pause(self) -> None:
        """Have the replica apply nothing more."""
        if self.engine == "postgresql":
            self.tell("SELECT pg_wal_replay_pause()")
        else:
            self.tell(f"STOP {_WORDS[self.engine][1]} SQL_THREAD")

    def resume(self) -> None:
        """Have it apply what has come meanwhile."""
        if self.engine == "postgresql":
            self.tell("SELECT pg_wal_replay_resume()")
        else:
            self.tell(f"START {_WORDS[self.engine][1]}")

    def tell(self, sql: str) -> None:
        """Run a statement on the replica, by the library itself."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the server's, of the plain password
            run_statement(self.engine, self.replica.url, sql)

    def follow(self) -> None:
        """Have a new server of MariaDB or MySQL follow the primary."""
        source, word, how, forget = _WORDS[self.engine]
        own = self.primary
        change = "CHANGE REPLICATION SOURCE" if source == "SOURCE" else "CHANGE MASTER"
        parts = (
            f"{source}_HOST = '{own.host}'",
            f"{source}_PORT = {own.port}",
            f"{source}_USER = '{own.user}'",
            f"{source}_PASSWORD = '{own.password}'",
            f"{source}_CONNECT_RETRY = 1",
            how,
        )
        self.tell(forget)
        self.tell(f"{change} TO {', '.join(parts)}")
        self.tell(f"START {word}")


@contextmanager
def standby(primary: servers.Server) -> Iterator[Standby]:
    """Start a hot standby of a PostgreSQL."""
    made: Any = type("Follower", (Standby,), {"primary": primary})
    options = {"wal_retrieve_retry_interval": "100"}
    second: Standby = made(primary.program, {}, options, password=primary.password)
    with second:
        second.initialise()
        second.start()
        yield second


@contextmanager
def replicated(engine: str) -> Iterator[Replication]:
    """Start both, and stop them at the end."""
    if engine == "postgresql":
        with servers.start(engine) as primary, standby(primary) as second:
            yield Replication(primary, second)
        return
    common: dict[str, Any] = {"log_bin": "binlog", "sync_binlog": "0", **_GTIDS[engine]}
    with (
        servers.start(engine, server_id=1, **common) as primary,
        servers.start(engine, server_id=2, read_only="ON", **common) as replica,
    ):
        pair = Replication(primary, replica)
        pair.follow()
        yield pair


def heal(pair: Replication) -> None:
    """Make both as they were, whatever a test did."""
    for server in (pair.primary, pair.replica):
        server.thaw()
        server.start()
    with suppress(Exception):  # MariaDB's has begun with the server
        pair.resume()
