"""An environment for each contestant, so that none decides what another may use."""

from __future__ import annotations

import subprocess
import sys
import venv
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
    """

    name: str
    module: str
    requires: tuple[str, ...]


ASYNCPG, AIOMYSQL = "asyncpg", ("aiomysql", "PyMySQL>=1.1.1,<1.3,!=1.2.1,!=1.2.2")
CORE = "sqlalchemy[asyncio]>=2.0"
# engine -> asyncdb, the raw driver that is 1, then the peers
PLAYERS: dict[str, tuple[Player, ...]] = {
    "postgresql": (
        Player("asyncdb", "asyncdb_", ()),
        Player("asyncpg", "asyncpg_", (ASYNCPG,)),
        Player("psycopg 3", "psycopg_", ("psycopg[binary,pool]",)),
        Player("databases", "databases_", ("databases[asyncpg]",)),
        Player("SQLAlchemy Core", "sqlalchemy_", (CORE, ASYNCPG)),
        Player("sqlspec", "sqlspec_", ("sqlspec[asyncpg]",)),
        Player("tortoise", "tortoise_", ("tortoise-orm[asyncpg]",)),
    ),
    "aiomysql": (
        Player("asyncdb", "asyncdb_", ()),
        Player("aiomysql", "aiomysql_", (*AIOMYSQL, "cryptography")),
        Player("asyncmy", "asyncmy_", ("asyncmy", "cryptography")),
        Player("databases", "databases_", ("databases[aiomysql]", *AIOMYSQL)),
        Player("SQLAlchemy Core", "sqlalchemy_", (CORE, *AIOMYSQL, "cryptography")),
    ),
    "asyncmy": (
        Player("asyncdb", "asyncdb_", ()),
        Player("asyncmy", "asyncmy_", ("asyncmy", "cryptography")),
        Player("sqlspec", "sqlspec_", ("sqlspec[asyncmy]", "cryptography")),
        Player("tortoise", "tortoise_", ("tortoise-orm[asyncmy]", "cryptography")),
    ),
    "sqlite": (
        Player("asyncdb", "asyncdb_", ()),
        Player("aiosqlite", "aiosqlite_", ("aiosqlite",)),
        Player("databases", "databases_", ("databases[aiosqlite]",)),
        Player("SQLAlchemy Core", "sqlalchemy_", (CORE, "aiosqlite")),
        Player("sqlspec", "sqlspec_", ("sqlspec[aiosqlite]",)),
        Player("tortoise", "tortoise_", ("tortoise-orm",)),
    ),
}
RAW = {
    "postgresql": "asyncpg",
    "aiomysql": "aiomysql",
    "asyncmy": "asyncmy",
    "sqlite": "aiosqlite",
}


def python_for(engine: str, player: Player) -> str:
    """The interpreter of a contestant, its environment made when it is not there.

    asyncdb and the raw drivers share the one that runs this, so that both have the
    same version of the library.

    Raises:
        RuntimeError: its requirements cannot be installed.
    """
    if player.name in ("asyncdb", RAW[engine]):
        return sys.executable
    folder = PLACE / f"{player.module.strip('_')}-{engine}"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        venv.create(folder, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        done = subprocess.run(
            [*pip, *player.requires], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[-1][:200])
        (folder / "ready").touch()
    return str(python)
