"""The throw-away servers of our own tests: `asyncdb.testing.servers`, made difficult.

What a client can see is as the version has it by default, but for a password that a URL
must escape, and a clock in a foreign time zone, so that a session that forgot to set
its own is found out.
"""

from __future__ import annotations

from typing import Any

from asyncdb.testing import servers
from asyncdb.testing.servers import MariaDB, MySQL, PostgreSQL, Server

__all__ = ["PASSWORD", "MariaDB", "MySQL", "PostgreSQL", "Server", "start"]

PASSWORD = "s3cret/pass word"


def start(engine: str, **more: Any) -> Server:
    """A new server, serving; see `asyncdb.testing.servers.start`."""
    return servers.start(engine, password=PASSWORD, time_zone="+05:30", **more)
