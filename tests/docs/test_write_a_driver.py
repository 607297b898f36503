"""The page for authors of drivers shows the driver that the tests install and run."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import asyncdb.driver

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "how-to" / "write-a-driver.md").read_text()
FOURTH = ROOT / "tests" / "fourth_driver"
BLOCK = re.compile(
    r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
# How the page's headings stand in the file.
SECTION = re.compile(r"^# -- \w+ -+$")


def blocks(language: str) -> list[str]:
    """The page's blocks of a language, in order."""
    return [m["text"] for m in BLOCK.finditer(PAGE) if m["language"] == language]


def lines(text: str) -> list[str]:
    """The lines of a file or a block, but for the space between its pieces."""
    return [line for line in text.splitlines() if line and not SECTION.match(line)]


def test_the_pieces_are_the_driver() -> None:
    """Put together, the page's pieces are the file, line by line."""
    *pieces, _ = blocks("py")

    assert lines((FOURTH / "asyncdb_fourth.py").read_text()) == lines("".join(pieces))


def test_it_is_registered_as_shown() -> None:
    """The page shows the metadata of the package that is installed."""
    assert [(FOURTH / "pyproject.toml").read_text()] == blocks("toml")


def test_it_is_tested_as_shown() -> None:
    """The page's last piece is how the kit runs on it here."""
    shown = blocks("py")[-1]
    imports, _, of_the_class = shown.partition("\n\n\n")
    here = (ROOT / "tests" / "drivers" / "test_fourth_driver.py").read_text()

    assert of_the_class in here
    assert set(lines(imports)) <= set(lines(here))


@pytest.mark.parametrize("name", asyncdb.driver.__all__)
def test_what_the_door_offers_is_explained(name: str) -> None:
    """Each name has a docstring, where it can have one, and a word on the page."""
    thing = getattr(asyncdb.driver, name)
    prose = BLOCK.sub("", PAGE)

    assert f"`{name}`" in prose
    if inspect.isclass(thing) or inspect.isroutine(thing) or inspect.ismodule(thing):
        assert inspect.getdoc(thing)
