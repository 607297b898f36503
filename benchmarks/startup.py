"""How long `import asyncdb` takes, and how much it is on the disk."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import asyncdb

_IMPORTS = {"asyncio": "import asyncio", "asyncdb": "import asyncio, asyncdb"}


def measure(rounds: int) -> dict[str, float]:
    """Milliseconds over a bare interpreter with asyncio, side by side; megabytes."""
    differences = []
    for _ in range(rounds):
        took = {}
        for name, code in _IMPORTS.items():
            begun = time.perf_counter()
            subprocess.run([sys.executable, "-I", "-c", code], check=True)
            took[name] = time.perf_counter() - begun
        differences.append((took["asyncdb"] - took["asyncio"]) * 1000)
    low, middle, high = statistics.quantiles(differences, n=4, method="inclusive")
    found = {"import ms": middle, "import ms low": low, "import ms high": high}
    package = Path(asyncdb.__file__).parent
    sources = [path for path in package.rglob("*") if "__pycache__" not in path.parts]
    found["size MB of asyncdb"] = _megabytes(sources)
    for library in ("asyncpg", "aiomysql", "asyncmy", "aiosqlite"):
        try:
            files = metadata.files(library) or []
        except metadata.PackageNotFoundError:
            continue
        paths = [Path(str(file.locate())) for file in files]
        found[f"size MB of {library}"] = _megabytes(paths)
    return found


def _megabytes(paths: list[Path]) -> float:
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6
