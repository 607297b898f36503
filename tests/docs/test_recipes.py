"""Pages that show a small application: its files, as they stand, pass its tests."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from asyncdb.testing.servers import programs

PAGES = Path(__file__).parents[2] / "docs" / "how-to"
FILE = re.compile(
    r"^```py\n# (?P<name>\w+\.py)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)
SETTINGS = re.compile(r"^```toml\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", ["bot-storage", "fastapi-service"])
def test_the_tests_of_the_page_pass(
    page: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An application that is copied from the page runs on each engine it names."""
    text = (PAGES / f"{page}.md").read_text()
    monkeypatch.delenv("ASYNCDB_TEST_POSTGRESQL_URL", raising=False)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    for match in FILE.finditer(text):
        (pytester.path / match["name"]).write_text(match["code"])
    settings = SETTINGS.search(text)
    assert settings
    (pytester.path / "pyproject.toml").write_text(settings["text"])
    found = bool(programs.find("postgresql"))

    done = pytester.runpytest_subprocess("-q", timeout=100)

    done.assert_outcomes(passed=4 * (1 + found), skipped=4 * (not found))


def test_the_bot_speaks(pytester: pytest.Pytester) -> None:
    """The bot runs in a terminal, and remembers after a restart."""
    text = (PAGES / "bot-storage.md").read_text()
    for match in FILE.finditer(text):
        (pytester.path / match["name"]).write_text(match["code"])
    bot = pytester.path / "bot.py"

    first = pytester.run(sys.executable, bot, stdin=b"/start\nAnn\nhello\n\n")
    again = pytester.run(sys.executable, bot, stdin=b"again\n\n")

    first.stdout.fnmatch_lines(["*Who are you?", "*Hello, Ann!", "*Message 1 of Ann*"])
    again.stdout.fnmatch_lines(["*Message 2 of Ann*"])
