"""What the pages on PostgreSQL show, on a PostgreSQL."""

from __future__ import annotations

import asyncio
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import asyncdb

PAGES = Path(__file__).resolve().parents[2] / "docs" / "how-to"


def names_of(page: str, folder: Path, name: str = "page") -> dict[str, Any]:
    """Run the first block of a page and return what it defines."""
    text = (PAGES / page).read_text()
    program = folder / "page.py"
    program.write_text(text.split("```python\n")[1].split("```")[0])
    return runpy.run_path(str(program), run_name=name)


async def test_listen_page(
    postgresql_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The program of the page on LISTEN hears what it sends itself."""
    main: Callable[[str], Any] = names_of("listen.md", tmp_path)["main"]
    async with asyncio.timeout(20):
        await main(postgresql_url)

    assert "jobs 42 " in capsys.readouterr().out


async def test_copy_page(postgresql_url: str, tmp_path: Path) -> None:
    """What one function of the page on COPY has written, the other one reads."""
    page = names_of("copy.md", tmp_path)
    file = tmp_path / "users.csv"
    async with asyncdb.connect(postgresql_url) as db:
        await db.execute("CREATE TEMPORARY TABLE users (id INTEGER, name TEXT)")
        rows = [(1, "Ann"), (2, 'B"o,b'), (3, "Cid\nD")]
        await db.executemany("INSERT INTO users VALUES (?, ?)", rows)
        await page["export"](db, 2, file)
        await db.execute("DELETE FROM users")
        await page["import_all"](db, file)

        assert rows[1:] == await db.fetchall("SELECT * FROM users ORDER BY id")
    assert file.read_text().startswith("id,name\n")
