"""Every example runs as it is, on every engine, with one output."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
# Lines that an example may have, where 60 do not do, and why.
LONGER = {"job_queue": 170}  # it is a program to copy, with all that goes wrong


def run(example: Path, url: str, folder: Path) -> str:
    """Run an example in a folder of its own and return what it prints."""
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "PYTHONPATH": str(ROOT),
        "PYTHONIOENCODING": "utf-8",
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", str(example)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example(example: Path, database_url: str, tmp_path: Path) -> None:
    """An example prints on each engine what it prints by default."""
    by_default = run(example, "", tmp_path)

    assert by_default == run(example, database_url, tmp_path)
    assert by_default


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_is_short(example: Path) -> None:
    """An example is read in one look."""
    most = LONGER.get(example.stem, 60)

    assert len(example.read_text().splitlines()) <= most
