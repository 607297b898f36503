"""Where the database servers' programs are on this machine, and how to get them.

`python -m tests.plugins.binaries` (part of `make test`) installs what is missing where
that is one quiet step, else it prints the one command that does it and exits with 1.
It needs the standard library alone.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

# Asked for by name, because a machine's own `mysqld` is as often MariaDB's.
VARIABLES = {
    "postgresql": "ASYNCDB_PGBIN",  # the folder with initdb and postgres
    "mariadb": "ASYNCDB_MARIADBD",  # the program mariadbd
    "mysql": "ASYNCDB_MYSQLD",  # Oracle's program mysqld
    "pgbouncer": "ASYNCDB_PGBOUNCER",  # the program pgbouncer
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
    "pgbouncer": (
        "/usr/sbin/pgbouncer",  # often not on the PATH
        "/opt/homebrew/bin/pgbouncer",
        "/usr/local/bin/pgbouncer",
    ),
}
NAMES = {
    "postgresql": ("postgres",),
    "mariadb": ("mariadbd", "mysqld"),
    "pgbouncer": ("pgbouncer",),
}
APT = {
    "postgresql": "postgresql",
    "mariadb": "mariadb-server-core",
    "pgbouncer": "pgbouncer",
}
BY_HAND = {
    "dnf": "sudo dnf install -y postgresql-server mariadb-server",
    "pacman": "sudo pacman -S --needed postgresql mariadb",
    "apk": "sudo apk add postgresql mariadb mariadb-server-utils",
    "zypper": "sudo zypper install -y postgresql-server mariadb",
    "brew": "brew install postgresql@18 mariadb",
}
DOCKER = "docker compose up -d --wait, and the variables that compose.yaml names"


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
    if engine == "pgbouncer":
        return version_text(program).startswith("PgBouncer")
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
    own = program.name in ("postgres", "pgbouncer")
    first = [] if own else ["--no-defaults"]
    command = [str(program), *first, "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def version(program: Path) -> tuple[int, ...]:
    """The program's version, such as `(15, 18)` or `(10, 11, 19)`."""
    match = re.search(
        r"(?:Ver |PostgreSQL\) |PgBouncer )(\d+(?:\.\d+)*)", version_text(program)
    )
    return tuple(int(number) for number in match[1].split(".")) if match else ()


def missing(engines: tuple[str, ...] = ("postgresql", "mariadb")) -> list[str]:
    """The engines that have neither a URL in the environment nor a program."""
    urls = {engine: f"ASYNCDB_TEST_{engine.upper()}_URL" for engine in engines}
    return [e for e in engines if not os.environ.get(urls[e]) and not find(e)]


def advice(engines: list[str]) -> str:
    """The one command that brings the servers to this machine."""
    if shutil.which("apt-get"):
        packages = " ".join(APT[engine] for engine in engines)
        return (
            "sudo apt-get update && sudo apt-get install -y --no-install-recommends "
            + packages
        )
    for tool, command in BY_HAND.items():
        if shutil.which(tool):
            return command
    return DOCKER


@contextlib.contextmanager
def _no_service() -> Iterator[None]:
    """Keep a package from starting its service, as Debian's policy has it."""
    policy = Path("/usr/sbin/policy-rc.d")
    if policy.exists():
        yield
        return
    _run(["tee", str(policy)], feed="#!/bin/sh\nexit 101\n")
    try:
        _run(["chmod", "+x", str(policy)])
        yield
    finally:
        _run(["rm", str(policy)])


@contextlib.contextmanager
def _no_cluster() -> Iterator[None]:
    """Keep Debian's PostgreSQL package from making and starting a server."""
    settings = Path("/etc/postgresql-common/createcluster.conf")
    before = settings.read_bytes() if settings.exists() else None
    quiet = "create_main_cluster = false\n"
    _run(["tee", "-a", str(settings)], feed=quiet)
    try:
        yield
    finally:
        if before is not None:
            _run(["tee", str(settings)], feed=before.decode())


def _run(command: list[str], feed: str | None = None) -> None:
    if os.getuid() != 0:
        command = ["sudo", "-n", *command]
    print("+", " ".join(command), file=sys.stderr, flush=True)
    quiet = subprocess.DEVNULL if feed is not None else sys.stderr
    subprocess.run(command, input=feed, text=True, stdout=quiet, check=True)


def _can_be_root() -> bool:
    if os.getuid() == 0:
        return True
    if not shutil.which("sudo"):
        return False
    asked = subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False)
    return asked.returncode == 0


def install(engines: list[str]) -> None:
    """Install servers with apt-get; no service is made, started or left running."""
    apt = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-y"]
    apt += ["-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Options::=--force-confold"]
    get = [*apt, "install", "--no-install-recommends"]
    _run([*apt, "update"])
    if "postgresql" in engines:
        _run([*get, "postgresql-common"])
        with _no_cluster():
            _run([*get, APT["postgresql"]])
    if "mariadb" in engines:
        _run([*get, APT["mariadb"]])
    if "pgbouncer" in engines:
        with _no_service():
            _run([*get, APT["pgbouncer"]])


def main() -> int:
    """Make sure that the tests find a PostgreSQL and a MariaDB."""
    lacking = missing()
    # Without it a few tests are skipped, and say so.
    wanted = [*lacking, *([] if find("pgbouncer") else ["pgbouncer"])]
    if wanted and shutil.which("apt-get") and _can_be_root():
        try:
            install(wanted)
        except subprocess.CalledProcessError as error:
            print(f"apt-get failed ({error.returncode})", file=sys.stderr)
        lacking = missing()
    if lacking:
        names = " and ".join(lacking)
        print(
            f"No server found for {names}. Get it with\n    {advice(lacking)}\n"
            "or name one: see tests/README.md. Without servers, `pytest` alone runs "
            "the tests on SQLite.",
            file=sys.stderr,
        )
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main())
