"""The site: every public name has an entry, every page a place in its navigation.

That it builds without a warning is asked by `make docs`, which CI runs.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import pkgutil
import re
from pathlib import Path
from typing import Any, TypeVar

import pytest

import asyncdb
import asyncdb.contrib
import asyncdb.driver
import asyncdb.errors
import asyncdb.testing
from docs.website import api, pages

ROOT = Path(__file__).resolve().parents[2]
AUTO = re.compile(r"^\.\. auto(?:class|exception|function):: (\S+)$", re.MULTILINE)
DATA = re.compile(r"^\.\. py:data:: (\S+)\n   :module: (\S+)$", re.MULTILINE)
# Behind what its neighbours offer.
INNER = {"asyncdb.testing.any_loop", "asyncdb.testing.lending"}


def documented(made: dict[str, str]) -> list[Any]:
    """Each thing that has an entry on one of the pages."""
    text = "\n".join(made.values())
    names = [
        *AUTO.findall(text),
        *(".".join(found[::-1]) for found in DATA.findall(text)),
    ]
    assert len(names) == len(set(names))
    return [api.thing(name)[0] for name in names]


def public() -> dict[str, Any]:
    """Each public thing, by its name: looked for in another way than the site does."""
    found = {}
    rooms = [asyncdb.contrib, asyncdb.testing]
    modules = [asyncdb, asyncdb.errors, asyncdb.driver, asyncdb.driver.values, *rooms]
    for room in rooms:
        inside = pkgutil.iter_modules(room.__path__, f"{room.__name__}.")
        names = [one.name for one in inside if "._" not in one.name]
        modules += [importlib.import_module(one) for one in names if one not in INNER]
    for module in modules:
        own = [
            name
            for name, value in vars(module).items()
            if not name.startswith("_")
            and getattr(value, "__module__", None) == module.__name__
        ]
        for name in getattr(module, "__all__", own):
            value = getattr(module, name)
            if not isinstance(value, TypeVar | logging.Logger | type(asyncdb)):
                found[f"{module.__name__}.{name}"] = value
    return found


def missing(made: dict[str, str]) -> list[str]:
    """The public names that have no entry."""
    known = documented(made)
    things = public().items()
    return [name for name, one in things if not any(one is other for other in known)]


def test_every_public_name_has_an_entry() -> None:
    """What users import is on a page of the API."""
    assert len(public()) > 150
    assert [] == missing(api.pages())


def test_a_missing_entry_is_seen() -> None:
    """The search for missing names bites."""
    made = api.pages()
    made["asyncdb.Pool"] = made["asyncdb.Pool"].replace("autoclass", "class")

    assert ["asyncdb.Pool"] == missing(made)


def test_every_constant_says_what_it_is() -> None:
    """What has no docstring has a comment, which its entry shows."""
    silent = []
    for name in api.entries():
        thing, last = api.thing(name)
        if not (inspect.isclass(thing) or inspect.isroutine(thing)):
            silent += [] if api.comment(thing, last) else [name]

    assert [] == silent


def test_every_page_has_a_place() -> None:
    """A page is in a table of the first one, or a decision; as Sphinx insists."""
    tables = list(pages.tables((pages.DOCS / "index.md").read_text()))
    listed = [target for _, targets in tables for target in targets]
    written = {path.relative_to(pages.DOCS).as_posix() for path in pages.ours()}
    decisions = {name for name in written if name.startswith(pages.DECISIONS)}

    assert ["to learn", "to understand"] == [tables[0][0], tables[-1][0]]
    assert len(listed) == len(set(listed))
    assert written - decisions - {"index.md"} == {*listed} - {f"{pages.DECISIONS}/"}


def test_links_out_of_docs_lead_to_pages(tmp_path: Path) -> None:
    """A link into the code leads to a page with that file, and code is not touched."""
    pages.write(tmp_path)
    page = (tmp_path / "how-to/job-queue.md").read_text()
    file = (tmp_path / "files/examples/job_queue.py.md").read_text()

    assert "](../files/examples/job_queue.py.md)" in page
    assert (ROOT / "examples/job_queue.py").read_text() in file
    assert not re.search(r"\]\((?:\.\./)+(?:asyncdb|examples|tests|benchmarks)/", page)


@pytest.mark.parametrize("text", ["```\n[a](b)\n```\n", "`````\n```\n[a](b)\n`````\n"])
def test_code_stays_as_it_is(text: str) -> None:
    """What looks like a link in a block of code is none."""
    assert text == pages.prose(text, lambda _: "changed\n")
    assert "changed\n" + text == pages.prose("[a](b)\n" + text, lambda _: "changed\n")
