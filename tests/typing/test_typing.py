"""What type checkers make of the public API."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.plugins.keywords import FILE, render

ROOT = Path(__file__).resolve().parents[2]
REVEAL = "tests/typing/reveal.py"
KEYWORDS = "tests/typing/keywords.py"
CHECKERS = pytest.mark.parametrize(
    "program",
    [
        ["mypy", "--strict", "--no-error-summary"],
        ["pyright", "--pythonpath", sys.executable],
    ],
    ids=["mypy", "pyright"],
)


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
@CHECKERS
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


@pytest.mark.timeout(240)
@CHECKERS
def test_keywords_are_known(program: list[str]) -> None:
    """A misspelt option, or a value of another type, is an error; others are none."""
    lines = (ROOT / KEYWORDS).read_text().splitlines()
    result = check([*program, KEYWORDS])
    found = {int(n) for n in re.findall(r"keywords\.py:(\d+)", result.stdout)}

    expected = {n for n, line in enumerate(lines, 1) if line.endswith("# wrong")}
    assert expected == found, result.stdout


def test_keywords_are_those_of_the_option_classes() -> None:
    """The file for editors has each option, its type and its words, and no other."""

    def told(text: str) -> list[str]:
        return [" ".join(ast.unparse(node).split()) for node in ast.parse(text).body]

    assert told(render()) == told(FILE.read_text())
