"""What type checkers make of the public API."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REVEAL = "tests/typing/reveal.py"


def check(program: list[str], folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a type checker."""
    if find_spec(program[0]) is None:
        pytest.skip(f"{program[0]} is not installed")
    return subprocess.run(
        [sys.executable, "-m", *program],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    "program",
    [
        ["mypy", "--strict", "--no-error-summary"],
        ["pyright", "--pythonpath", sys.executable],
    ],
    ids=["mypy", "pyright"],
)
def test_types_are_what_they_seem(program: list[str]) -> None:
    """Every verb reveals the right type, with and without `into`."""
    result = check([*program, REVEAL])

    assert result.returncode == 0, result.stdout


@pytest.mark.timeout(240)
def test_the_checker_bites(tmp_path: Path) -> None:
    """A wrong claim in such a file is an error."""
    text = (ROOT / REVEAL).read_text()
    wrong = tmp_path / "wrong.py"
    wrong.write_text(text.replace("list[User])", "list[int])", 1))

    result = check(["mypy", "--strict", str(wrong)])

    assert result.returncode == 1
    assert "assert-type" in result.stdout
