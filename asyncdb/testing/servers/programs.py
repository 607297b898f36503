"""Where the database servers' programs are on this machine, and how to get them."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from pathlib import Path

__all__ = ["APT", "VARIABLES", "advice", "find", "share", "version", "version_text"]

# Asked for by name, because a machine's own `mysqld` is as often MariaDB's.
VARIABLES = {
    "postgresql": "ASYNCDB_PGBIN",  # the folder with initdb and postgres
    "mariadb": "ASYNCDB_MARIADBD",  # the program mariadbd
    "mysql": "ASYNCDB_MYSQLD",  # Oracle's program mysqld
}
PLACES = {
    "postgresql": (
        "/usr/lib/postgresql/*/bin/postgres",  # Debian, Ubuntu
        "/usr/pgsql-*/bin/postgres",  # RHEL, from PostgreSQL's own packages
        "/usr/libexec/postgresql*/postgres",  # Alpine
        "/opt/homebrew/opt/postgresql@*/bin/postgres",
        "/usr/local/opt/postgresql@*/bin/postgres",
        "/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin/postgres",
        "/Applications/Postgres.app/Contents/Versions/*/bin/postgres",
    ),
    "mariadb": (
        "/usr/sbin/mariadbd",  # Debian, Ubuntu
        "/usr/libexec/mariadbd",  # RHEL
        "/usr/libexec/mysqld",
        "/opt/homebrew/opt/mariadb*/bin/mariadbd",
        "/usr/local/opt/mariadb*/bin/mariadbd",
        "/home/linuxbrew/.linuxbrew/opt/mariadb*/bin/mariadbd",
        "/usr/local/mysql/bin/mariadbd",  # MariaDB's own archive
    ),
}
NAMES = {"postgresql": ("postgres",), "mariadb": ("mariadbd", "mysqld")}
APT = {"postgresql": "postgresql", "mariadb": "mariadb-server-core"}
BY_HAND = {
    "dnf": "sudo dnf install -y postgresql-server mariadb-server",
    "pacman": "sudo pacman -S --needed postgresql mariadb",
    "apk": "sudo apk add postgresql mariadb mariadb-server-utils",
    "zypper": "sudo zypper install -y postgresql-server mariadb",
    "brew": "brew install postgresql@18 mariadb",
}
ELSEWHERE = "a package of the server, or a container and its URL"


def find(engine: str) -> Path | None:
    """The newest server program of `engine` on this machine, or `None`.

    Raises:
        FileNotFoundError: the engine's variable names a place without the program.
    """
    variable = VARIABLES[engine]
    if named := os.environ.get(variable):
        program = Path(named).resolve()
        if engine == "postgresql":
            program /= "postgres"
        if not os.access(program, os.X_OK):
            message = f"{variable}={named}: there is no program {program}"
            raise FileNotFoundError(message)
        return program
    found = {Path(p) for p in map(shutil.which, NAMES.get(engine, ())) if p}
    for place in PLACES.get(engine, ()):
        found |= set(Path("/").glob(place.lstrip("/")))
    programs = {p.resolve() for p in found if os.access(p, os.X_OK)}
    programs = {p for p in programs if _is_the_server(engine, p)}
    return max(programs, key=version, default=None)


def _is_the_server(engine: str, program: Path) -> bool:
    """Whether it is the engine's own, with the program that makes its data folder."""
    if engine == "postgresql":
        return (program.parent / "initdb").exists()
    return "MariaDB" in version_text(program) and share(program) is not None


def share(mysqld: Path) -> Path | None:
    """Where a MySQL or MariaDB has its messages and the SQL of its own tables."""
    for prefix in mysqld.parents[1:3]:
        for name in ("share/mariadb", "share/mysql", "share"):
            if (prefix / name / "english" / "errmsg.sys").exists():
                return prefix / name
    return None


@functools.cache
def version_text(program: Path) -> str:
    """What the program says of itself."""
    first = [] if program.name == "postgres" else ["--no-defaults"]
    command = [str(program), *first, "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def version(program: Path) -> tuple[int, ...]:
    """The program's version, such as `(15, 18)` or `(10, 11, 19)`."""
    match = re.search(r"(?:Ver |PostgreSQL\) )(\d+(?:\.\d+)*)", version_text(program))
    return tuple(int(number) for number in match[1].split(".")) if match else ()


def advice(engines: list[str]) -> str:
    """Return the one command that brings the servers to this machine."""
    if not APT.keys() >= {*engines}:  # Oracle's has many ways
        names = " and ".join(VARIABLES[engine] for engine in engines)
        return f"and name the program in the variable {names}"
    if shutil.which("apt-get"):
        packages = " ".join(APT[engine] for engine in engines)
        return (
            "sudo apt-get update && sudo apt-get install -y --no-install-recommends "
            + packages
        )
    for tool, command in BY_HAND.items():
        if shutil.which(tool):
            return command
    return ELSEWHERE
