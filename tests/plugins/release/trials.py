"""What is tried for each extra, and on which databases."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import asyncdb
from tests.plugins import servers


@dataclass(frozen=True)
class Trial:
    """What an extra must bring.

    Args:
        modules: that can be imported with what it brings, and nothing else.
        engines: on which the quickstart and the kit run with it.
        tools: what must be installed besides to run it on this machine.
    """

    modules: tuple[str, ...] = ()
    engines: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()


# "" is the wheel without any.
TRIALS = {
    "": Trial(
        (
            "asyncdb.driver",
            "asyncdb.contrib.checking",
            "asyncdb.contrib.copying",
            "asyncdb.contrib.postgresql",
            "asyncdb.contrib.replicas",
            "asyncdb.testing",
        )
    ),
    "sqlite": Trial(engines=("sqlite",)),
    "postgresql": Trial(engines=("postgresql",)),
    "mysql": Trial(engines=("mariadb",)),
    "asyncmy": Trial(engines=("mariadb+asyncmy",)),
    # A libpq of 16 or later is the machine's to have, or `psycopg[binary]`'s.
    "psycopg": Trial(engines=("postgresql+psycopg",), tools=("psycopg[binary]",)),
    "fastapi": Trial(("asyncdb.contrib.fastapi", "asyncdb.contrib.fastapi_replicas")),
    "starlette": Trial(("asyncdb.contrib.starlette",)),
    "users": Trial(("asyncdb.contrib.users", "asyncdb.contrib.passwords")),
    "sqlalchemy": Trial(("asyncdb.contrib.sqlalchemy",)),
    "migrations": Trial(("asyncdb.contrib.alembic",)),
    "sqlfiles": Trial(("asyncdb.contrib.sqlfiles",)),
    "opentelemetry": Trial(("asyncdb.contrib.opentelemetry",)),
    "cli": Trial(("asyncdb.contrib.cli", "asyncdb.__main__")),
    "all": Trial(
        (
            "asyncdb.contrib.alembic",
            "asyncdb.contrib.cli",
            "asyncdb.contrib.fastapi",
            "asyncdb.contrib.opentelemetry",
            "asyncdb.contrib.passwords",
            "asyncdb.contrib.sqlalchemy",
            "asyncdb.contrib.sqlfiles",
            "asyncdb.contrib.starlette",
            "asyncdb.contrib.users",
        ),
        engines=("sqlite", "postgresql", "mariadb"),
    ),
}
# Its engines have their kit by the other extras.
WITHOUT_KIT = ("all",)


class Databases:
    """A new database for each that asks; the servers start when one does."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._servers: dict[str, str] = {}
        self._number = count(1)

    def url(self, engine: str, folder: Path) -> str:
        """Make a database.

        Args:
            engine: such as `"sqlite"`, `"mariadb+asyncmy"`.
            folder: a new one, for a database that is a file.
        """
        if engine == "sqlite":
            return f"sqlite:///{folder / 'kit.db'}"
        server, _, driver = engine.partition("+")
        if server not in self._servers:
            started = self._stack.enter_context(servers.start(server))
            self._servers[server] = started.url
        name = f"dist_{next(self._number)}"
        asyncio.run(_create(self._servers[server], name))
        url = urlsplit(self._servers[server])._replace(path=f"/{name}").geturl()
        return url.replace("://", f"+{driver}://", 1) if driver else url


async def _create(url: str, name: str) -> None:
    async with asyncdb.connect(url) as db:
        charset = "" if db.dialect.name == "postgresql" else " CHARACTER SET utf8mb4"
        await db.execute(f"CREATE DATABASE {name}{charset}")


@contextmanager
def databases() -> Iterator[Databases]:
    """Lend databases on servers that end with the block."""
    with ExitStack() as stack:
        yield Databases(stack)
