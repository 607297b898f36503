"""An environment for each contestant, so that none decides what another may use."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / ".venv-bench"


class Player(NamedTuple):
    """A contestant.

    Args:
        name: as it is shown.
        module: of `benchmarks.contestants`.
        requires: what pip installs for it.
        imports: what a program has imported when it is connected.
    """

    name: str
    module: str
    requires: tuple[str, ...]
    imports: str


AIOMYSQL = ("aiomysql", "PyMySQL>=1.1.1,<1.3,!=1.2.1,!=1.2.2", "cryptography")
ASYNCMY = ("asyncmy", "cryptography")
CORE = "sqlalchemy[asyncio]>=2.0"
DIALECTS = "sqlalchemy.ext.asyncio, sqlalchemy.dialects"
# Its pool is a distribution of its own, so it has an environment; the version is ours.
PSYCOPG = (f"psycopg[binary,pool]=={metadata.version('psycopg')}",)


def _ours(extra: str, driver: str) -> Player:
    requires = (f"asyncdb-toolkit[{extra}]",)
    return Player("asyncdb", "asyncdb_", requires, f"asyncdb, asyncdb.drivers.{driver}")


def _raw(name: str, *requires: str) -> Player:
    return Player(name, f"{name}_", requires or (name,), name)


def _databases(driver: str, *requires: str) -> Player:
    needed = (f"databases[{driver}]", *requires)
    backend = {"aiomysql": "mysql", "asyncpg": "postgres", "aiosqlite": "sqlite"}
    imports = f"databases.backends.{backend[driver]}"
    return Player("databases", "databases_", needed, imports)


def _core(dialect: str, driver: str, *requires: str) -> Player:
    imports = f"{DIALECTS}.{dialect}.{driver}, {driver}"
    needed = (CORE, *(requires or (driver,)))
    return Player("SQLAlchemy Core", "sqlalchemy_", needed, imports)


def _sqlspec(driver: str, *requires: str) -> Player:
    needed = (f"sqlspec[{driver}]", *requires)
    return Player("sqlspec", "sqlspec_", needed, f"sqlspec.adapters.{driver}")


def _tortoise(backend: str, *requires: str) -> Player:
    imports = f"tortoise, tortoise.backends.{backend}"
    return Player("tortoise", "tortoise_", requires, imports)


def _psycopg(name: str, module: str) -> Player:
    return Player(name, module, PSYCOPG, "psycopg, psycopg_pool")


_RSQLX = Player("rsqlx", "rsqlx_", ("rsqlx",), "rsqlx")

# engine -> asyncdb, the raw driver that is 1, then the peers
PLAYERS: dict[str, tuple[Player, ...]] = {
    "postgresql": (
        _ours("postgresql", "asyncpg"),
        _raw("asyncpg"),
        _psycopg("psycopg 3", "psycopg_"),
        _databases("asyncpg"),
        _core("postgresql", "asyncpg"),
        _sqlspec("asyncpg"),
        _tortoise("asyncpg", "tortoise-orm[asyncpg]"),
        _RSQLX,
    ),
    "psycopg": (
        _ours("psycopg", "psycopg"),
        _psycopg("psycopg 3", "psycopg_"),
        _psycopg("psycopg pipeline", "psycopg_pipeline_"),
        _core("postgresql", "psycopg", "psycopg[binary]"),
        _sqlspec("psycopg"),
        _tortoise("psycopg", "tortoise-orm[psycopg]", "psycopg[binary]"),
        _RSQLX,
    ),
    "aiomysql": (
        _ours("mysql", "aiomysql"),
        _raw("aiomysql", *AIOMYSQL),
        _raw("asyncmy", *ASYNCMY),
        _databases("aiomysql", *AIOMYSQL),
        _core("mysql", "aiomysql", *AIOMYSQL),
        _sqlspec("aiomysql", *AIOMYSQL),
        _tortoise("mysql", "tortoise-orm[aiomysql]", *AIOMYSQL),
        _RSQLX,
    ),
    "asyncmy": (
        _ours("asyncmy", "asyncmy"),
        _raw("asyncmy", *ASYNCMY),
        _core("mysql", "asyncmy", *ASYNCMY),
        _sqlspec("asyncmy", "cryptography"),
        _tortoise("mysql", "tortoise-orm[asyncmy]", "cryptography"),
        _RSQLX,
    ),
    "sqlite": (
        _ours("sqlite", "aiosqlite"),
        _raw("aiosqlite"),
        _databases("aiosqlite"),
        _core("sqlite", "aiosqlite"),
        _sqlspec("aiosqlite"),
        _tortoise("sqlite", "tortoise-orm"),
        _RSQLX,
    ),
}
RAW = {
    "postgresql": "asyncpg",
    "psycopg": "psycopg 3",
    "aiomysql": "aiomysql",
    "asyncmy": "asyncmy",
    "sqlite": "aiosqlite",
}


def is_ready(engine: str, player: Player) -> bool:
    """Whether the environment of a contestant is there."""
    return _shared(engine, player) or (_folder(player) / "ready").exists()


def _shared(engine: str, player: Player) -> bool:
    return player.name in ("asyncdb", RAW[engine]) and player.requires != PSYCOPG


def _folder(player: Player) -> Path:
    """What needs the same shares it; who needs something else gets a new one."""
    needed = hashlib.sha256(" ".join(player.requires).encode()).hexdigest()
    return PLACE / f"{player.requires[0].partition('[')[0]}-{needed[:8]}"


def python_for(engine: str, player: Player) -> str:
    """The interpreter of a contestant, its environment made when it is not there.

    asyncdb and the raw drivers share the one that runs this, so that both have the
    same version of the library; psycopg, whose pool is not there, has one beside it.

    Raises:
        RuntimeError: its requirements cannot be installed.
    """
    if _shared(engine, player):
        return sys.executable
    folder = _folder(player)
    python = folder / "bin" / "python"
    if not is_ready(engine, player):
        venv.create(folder, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        done = subprocess.run(
            [*pip, *player.requires], capture_output=True, text=True, check=False
        )
        if done.returncode:
            # What pip says may name a host, which is nobody else's business: it goes
            # to the terminal, not into the results.
            print(done.stderr, file=sys.stderr)
            message = f"pip could not install {' '.join(player.requires)}"
            raise RuntimeError(message)
        (folder / "ready").touch()
    return str(python)
