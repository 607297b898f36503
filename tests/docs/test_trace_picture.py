"""The picture of a trace shows what a request is traced as."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import asyncdb
from tests.plugins.databases import engines

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "how-to"


def load() -> Any:
    """Import the script that draws it."""
    spec = importlib.util.spec_from_file_location(
        "observability_trace", FOLDER / "observability_trace.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shown(picture: str) -> list[tuple[str, float]]:
    """The names in a picture, with how far each is to the right."""
    texts = ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")
    return [
        (text.text or "", float(text.get("x", 0)))
        for text in texts
        if text.get("class") == "name"
    ]


async def empty(url: str) -> None:
    """Leave nothing of the service in a database."""
    async with asyncdb.connect(url) as db:
        await db.execute("DROP TABLE IF EXISTS users")
        await db.execute("DROP TABLE IF EXISTS alembic_version")


@engines("sqlite", "postgresql", "mariadb")
async def test_the_picture_is_current(database_url: str) -> None:
    """A request is traced as the picture shows; PYTHONPATH=. draws it anew."""
    script = load()
    picture = (FOLDER / "observability-trace.svg").read_text()
    await empty(database_url)
    spans = await script.record(database_url)
    await empty(database_url)

    assert shown(picture) == shown(script.draw(spans))
    assert 6 == len(shown(picture))
    assert re.search(r"prefers-color-scheme: dark", picture)
