"""`asyncdb drivers`: what is installed."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Annotated

import typer

import asyncdb
from asyncdb.contrib.cli.running import run
from asyncdb.contrib.cli.writing import Format, writer


def drivers(
    *, form: Annotated[Format, typer.Option("--format", "-f")] = Format.table
) -> None:
    """List the drivers: the URLs they take, their libraries, and what is missing.

    asyncdb drivers
    asyncdb drivers -f jsonl
    """
    run(_drivers(form))


async def _drivers(form: Format) -> None:
    out = writer(form, ["library", "version", "urls", "state"])
    out.rows(installed())
    out.end()


def installed() -> list[tuple[str, str | None, str, str]]:
    """Return library, version, URLs and state of asyncdb and of each driver.

    The doors of `asyncdb.testing` are left out: they lead into a test, to no database.
    """
    schemes: dict[str, list[metadata.EntryPoint]] = {}
    for entry in metadata.entry_points(group="asyncdb.drivers"):
        if entry.value.startswith("asyncdb.testing."):
            continue
        schemes.setdefault(entry.value, []).append(entry)
    found: list[tuple[str, str | None, str, str]] = [
        (
            "asyncdb-toolkit",
            asyncdb.__version__,
            "",
            f"Python {platform.python_version()}",
        )
    ]
    for value, entries in sorted(schemes.items()):
        module = value.partition(":")[0]
        library = module.rpartition(".")[2]
        own = module.startswith("asyncdb.")
        if not own and entries[0].dist is not None:
            library = entries[0].dist.name
        version = _version(library)
        names = " ".join(f"{entry.name}://" for entry in entries)
        if version is None and own:
            state = f"missing: {_remedy(entries[0])}"
        else:
            state = "ready"
            try:
                entries[0].load()
            except Exception as error:  # noqa: BLE001  # a stranger's; it is shown
                state = f"broken: {error}"
        found.append((library, version, names, state))
    return found


def _remedy(entry: metadata.EntryPoint) -> str:
    """Return what the driver itself says of how its library is installed."""
    try:
        entry.load()
    except asyncdb.MissingDriver as error:
        return str(error).rpartition(": ")[2]
    return ""


def _version(library: str) -> str | None:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None
