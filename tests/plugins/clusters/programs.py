"""What clusters need beside the servers, and how to get it without root.

`python -m tests.plugins.clusters.programs` (part of `make test-clusters`) unpacks what
is missing from the packages of Debian or Ubuntu into `.venv/programs`: nothing is
installed on the machine, no service is made or started. Elsewhere it says what is
missing; the tests that need it are skipped. It needs the standard library alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.plugins import binaries

HOME = Path(sys.prefix) / "programs"
# program -> the variable that names one, and Debian's package
VARIABLES = {"pgbouncer": "ASYNCDB_PGBOUNCER", "haproxy": "ASYNCDB_HAPROXY"}
CLOSED = ["galera-4", "rsync", "pgbouncer", "haproxy"]  # with the libraries they need
# For their scripts alone: MariaDB's joiners run `wsrep_sst_rsync`.
ALONE = ["mariadb-server", "mariadb-client-core"]
_FOLDERS = ("usr/sbin", "usr/bin")


def find(name: str) -> Path | None:
    """A program such as `pgbouncer`: named by its variable, unpacked, or installed.

    Raises:
        FileNotFoundError: its variable names a place without it.
    """
    variable = VARIABLES.get(name, "")
    if named := os.environ.get(variable):
        program = Path(named).resolve()
        if not os.access(program, os.X_OK):
            message = f"{variable}={named}: there is no program"
            raise FileNotFoundError(message)
        return program
    for folder in _FOLDERS:
        if (HOME / folder / name).exists():
            return HOME / folder / name
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin"))
    found = shutil.which(name, path=path)
    return Path(found) if found else None


def libraries() -> dict[str, str]:
    """The environment in which what was unpacked finds its libraries."""
    folders = sorted(HOME.glob("usr/lib/*-linux-gnu*"))
    return {"LD_LIBRARY_PATH": os.pathsep.join(map(str, folders))} if folders else {}


def provider(mariadbd: Path) -> Path | None:
    """Galera's library: of the same unpacked packages as the server, or ours."""
    for prefix in (*mariadbd.parents[1:3], HOME / "usr", Path("/usr")):
        for name in ("lib/galera", "lib64/galera-4", "lib64/galera", "lib"):
            library = prefix / name / "libgalera_smm.so"
            if library.exists():
                return library
    return None


def sst_programs(mariadbd: Path) -> list[Path] | None:
    """What a joining node runs: the script, and the programs that it calls."""
    found = []
    for name in ("wsrep_sst_rsync", "wsrep_sst_common", "my_print_defaults"):
        places = [mariadbd.parents[1] / "bin" / name, HOME / "usr/bin" / name]
        good = [place for place in places if place.exists()]
        installed = shutil.which(name)
        if not good and not installed:
            return None
        found.append(good[0] if good else Path(str(installed)))
    rsync = find("rsync")
    return [*found, rsync] if rsync else None


def mysqld() -> Path | None:
    """Oracle's `mysqld`: the one that is named, or this machine's if it is Oracle's."""
    if found := binaries.find("mysql"):
        return found
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin"))
    installed = shutil.which("mysqld", path=path)
    if installed and "MariaDB" not in binaries.version_text(Path(installed)):
        return Path(installed).resolve()
    return None


def why_no_galera() -> str | None:
    """Why no Galera cluster can be had; `None` when it can."""
    mariadbd = binaries.find("mariadb")
    if mariadbd is None:
        return "no mariadbd"
    if provider(mariadbd) is None:
        return "no libgalera_smm.so (package galera-4)"
    if sst_programs(mariadbd) is None:
        return "no wsrep_sst_rsync, my_print_defaults or rsync"
    return None


def missing() -> list[str]:
    """What is not to be had by now, each with a reason."""
    galera = why_no_galera()
    lacking = [f"Galera: {galera}"] if galera else []
    lacking += [f"{name}: not found" for name in VARIABLES if not find(name)]
    return lacking


def unpack() -> None:
    """Unpack Debian's packages into `HOME`, with lists and a cache of its own.

    Raises:
        subprocess.CalledProcessError: apt-get or dpkg-deb failed.
    """
    with tempfile.TemporaryDirectory(prefix="asyncdb-apt-") as folder:
        cache = Path(folder) / "archives"
        for made in (Path(folder) / "lists/partial", cache / "partial"):
            made.mkdir(parents=True)
        options = {
            "Dir::State::lists": f"{folder}/lists",
            "Dir::Cache": folder,
            "Debug::NoLocking": "1",
            "Acquire::Languages": "none",
            "APT::Sandbox::User": "root",
        }
        apt = ["apt-get", "-qq", "-y"]
        for name, value in options.items():
            apt += ["-o", f"{name}={value}"]
        _run([*apt, "update"], cache)
        # Already installed ones are not fetched by `install`, so they are found there.
        only = ["install", "--download-only", "--no-install-recommends"]
        _run([*apt, *only, *CLOSED], cache)
        _run([*apt, "download", *ALONE], cache)
        HOME.mkdir(parents=True, exist_ok=True)
        for package in sorted(cache.glob("*.deb")):
            _run(["dpkg-deb", "-x", str(package), str(HOME)], cache)


def _run(command: list[str], folder: Path) -> None:
    print("+", command[0], *command[-4:], file=sys.stderr, flush=True)
    subprocess.run(command, cwd=folder, stdout=sys.stderr, check=True)


def main() -> int:
    """Get what is missing; what cannot be had is said, and skipped by the tests."""
    if code := binaries.main():
        return code
    if missing() and shutil.which("apt-get") and shutil.which("dpkg-deb"):
        try:
            unpack()
        except subprocess.CalledProcessError as error:
            print(f"{error.cmd[0]} failed ({error.returncode})", file=sys.stderr)
    for lacking in missing():
        print(lacking, file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
