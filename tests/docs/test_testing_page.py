"""The page about tests is true: the tests it shows pass, on each engine it names."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest

from asyncdb.testing.servers import programs

PAGE = Path(__file__).parents[2] / "docs/how-to/test-your-application.md"
FILE = re.compile(
    r"^```py\n# (?P<name>\w+\.py)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)
SETTINGS = re.compile(r"^```toml\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_tests_of_the_page_pass(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files, written as they stand there, are a suite that passes everywhere."""
    text = PAGE.read_text()
    files: defaultdict[str, str] = defaultdict(str)
    for match in FILE.finditer(text):
        files[match["name"]] += match["code"]
    settings = SETTINGS.search(text)
    assert settings
    for name, code in files.items():
        (pytester.path / name).write_text(code)
    (pytester.path / "pyproject.toml").write_text(settings["text"])
    for engine in ("postgresql", "mariadb"):
        monkeypatch.delenv(f"ASYNCDB_TEST_{engine.upper()}_URL", raising=False)
    found = [e for e in ("postgresql", "mariadb") if programs.find(e)]

    done = pytester.runpytest_subprocess("-q", timeout=100)

    assert {"shop.py", "test_shop.py", "test_web.py", "test_examples.py"} <= {*files}
    done.assert_outcomes(passed=6 * (1 + len(found)), skipped=6 * (2 - len(found)))


ENVIRONMENT = """
import os
from alembic import context
from asyncdb.contrib.alembic import migrate
metadata = None
"""
MIGRATION = """
from alembic import op
revision = "1"
down_revision = None

def upgrade():
    op.execute("CREATE TABLE users (id INTEGER)")
"""


def test_the_alembic_fixture_migrates(pytester: pytest.Pytester) -> None:
    """The fixture for Alembic, and the line of env.py, migrate a test's database."""
    text = PAGE.read_text()
    code = {match["name"]: match["code"] for match in FILE.finditer(text)}
    line = re.search(r"^`(migrate\(.*\))`", text, re.MULTILINE)
    assert line
    (pytester.path / "conftest.py").write_text(code["conftest_with_alembic.py"])
    (pytester.path / "alembic.ini").write_text(
        "[alembic]\nscript_location = %(here)s/migrations\npath_separator = os\n"
    )
    versions = pytester.mkdir("migrations") / "versions"
    versions.mkdir()
    (versions / "1.py").write_text(MIGRATION)
    (versions.parent / "env.py").write_text(ENVIRONMENT + line[1])
    pytester.makepyfile("""
        import asyncio

        def test_it(asyncdb_rollback):
            found = asyncio.run(asyncdb_rollback.fetchval("SELECT count(*) FROM users"))
            assert found == 0
    """)

    pytester.runpytest_subprocess("-q").assert_outcomes(passed=1)
