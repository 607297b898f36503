"""Gets the database servers' programs that the tests want.

`python -m tests.plugins.binaries` (part of `make test`) installs what is missing where
that is one quiet step, else it prints the one command that does it and exits with 1.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from asyncdb.testing.servers.programs import (
    APT,
    VARIABLES,
    advice,
    find,
    share,
    version,
    version_text,
)

__all__ = [
    "VARIABLES",
    "advice",
    "find",
    "install",
    "main",
    "missing",
    "share",
    "version",
    "version_text",
]


def missing(engines: tuple[str, ...] = ("postgresql", "mariadb")) -> list[str]:
    """The engines that have neither a URL in the environment nor a program."""
    urls = {engine: f"ASYNCDB_TEST_{engine.upper()}_URL" for engine in engines}
    return [e for e in engines if not os.environ.get(urls[e]) and not find(e)]


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
            _run([*get, "pgbouncer"])


def _has_pgbouncer() -> bool:
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin"))
    named = os.environ.get("ASYNCDB_PGBOUNCER")
    return bool(named or shutil.which("pgbouncer", path=path))


def main() -> int:
    """Make sure that the tests find a PostgreSQL and a MariaDB."""
    lacking = missing()
    # Without it a few tests are skipped, and say so.
    wanted = [*lacking, *([] if _has_pgbouncer() else ["pgbouncer"])]
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
