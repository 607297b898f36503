"""What the documentation shows is true: each block of Python and each example runs."""

from __future__ import annotations

import ast
import doctest
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

from tests.plugins.databases import SECOND_DRIVERS, SERVERS, engine_url

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```python$", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:|#)(?P<target>[^)#]+)[^)]*\)")
# Pages about what is the same on every engine: they read DATABASE_URL.
EVERYWHERE = [
    ROOT / "docs/how-to" / f"{name}.md"
    for name in ("move-from-aiomysql", "move-from-asyncpg", "portable-sql")
]
READER = Sybil(parsers=[PythonCodeBlockParser()])


def name(path: Path) -> str:
    """A file's path in the repository."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize(
    "page", [page for page in PAGES if BLOCK.search(page.read_text())], ids=name
)
def test_page(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a page run, from its top to its end."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    run(page)


@pytest.mark.parametrize("engine", [*SERVERS, *SECOND_DRIVERS])
@pytest.mark.parametrize("page", EVERYWHERE, ids=name)
def test_page_on_servers(
    page: Path,
    engine: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A page about all engines runs on each of them."""
    monkeypatch.setenv("DATABASE_URL", engine_url(request, engine))
    run(page)


def run(page: Path) -> None:
    """Run the blocks of a page."""
    document = READER.parse(page)
    blocks = list(document.examples())
    assert len(BLOCK.findall(page.read_text())) == len(blocks)

    for block in blocks:
        block.evaluate()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    """A link to another file of the repository finds it."""
    targets = [match["target"] for match in LINK.finditer(page.read_text())]

    assert [] == [one for one in targets if not (page.parent / one).exists()]


def test_nobody_is_sent_to_the_other_asyncdb() -> None:
    """The distribution with the plain name is somebody else's."""
    wrong = re.compile(r"pip install [\"']?asyncdb(?!-toolkit)")

    assert [] == [name(page) for page in PAGES if wrong.search(page.read_text())]


# -- docstrings ----------------------------------------------------------------------


def docstrings() -> Iterator[Any]:
    """Each docstring with examples: its module, its line, its text."""
    finder = doctest.DocTestParser()
    for path in sorted((ROOT / "asyncdb").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(
                node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
            ):
                continue
            text = ast.get_docstring(node, clean=False) or ""
            if finder.get_examples(text):
                owner = getattr(node, "name", "__doc__")
                line = node.body[0].lineno
                where = f"{module.removesuffix('.__init__')}:{line}:{owner}"
                yield pytest.param(path, line, text, id=where)


@pytest.mark.parametrize(("path", "line", "text"), list(docstrings()))
def test_docstring(
    path: Path, line: int, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The examples of a docstring give what they say."""
    monkeypatch.chdir(tmp_path)
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    names = vars(importlib.import_module(module.removesuffix(".__init__"))).copy()
    test = doctest.DocTestParser().get_doctest(text, names, name(path), None, line)
    said: list[str] = []

    doctest.DocTestRunner(verbose=False).run(test, out=said.append)

    assert "" == "".join(said)
