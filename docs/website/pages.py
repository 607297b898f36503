"""The pages of the site: those of docs/ as they are, and some that are made.

They are written below build/, so that nothing made lies in the repository. A page of
docs/ gets two things that GitHub does not want: links into the code lead to pages that
show it, and the first page has its tables as navigation.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from docs.website import api

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
OURS = DOCS / "website"
DECISIONS = "explanation/decisions"
LINK = re.compile(r"(?<=\]\()(?!\w+:|#)(?P<target>[^)#\s]+)")
FENCE = re.compile(r"^\s*(`{3,})")
HEAD = re.compile(r"^\| (?P<caption>to [^|]*?) \|")
LANGUAGES = {".py": "python", ".sql": "sql", ".html": "html", ".ini": "ini"}


def write(target: Path) -> None:
    """Write the source of the site; a file that has not changed keeps its time."""
    found: dict[str, bytes] = {}
    for path in ours():
        name = path.relative_to(DOCS).as_posix()
        text = linked(path.read_text(), path, name, found)
        found[name] = (text + (navigation(text) if name == "index.md" else "")).encode()
    found[f"{DECISIONS}/index.rst"] = (
        f"{api.title('Decisions')}One page each: context, choice, price.\n\n"
        ".. toctree::\n   :glob:\n   :maxdepth: 1\n\n   0*\n"
    ).encode()
    for name, text in api.pages().items():
        found[f"reference/api/{name}.rst"] = text.encode()
    for path in target.rglob("*") if target.exists() else ():
        if path.is_file() and path.relative_to(target).as_posix() not in found:
            path.unlink()
    for name, content in found.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)


def ours() -> list[Path]:
    """The pages of docs/."""
    return sorted(path for path in DOCS.rglob("*.md") if OURS not in path.parents)


def prose(text: str, change: Callable[[str], str]) -> str:
    """A page with its lines outside of code blocks changed."""
    lines, fence = [], ""
    for line in text.splitlines(keepends=True):
        mark = FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif mark and line.strip() == fence:
            fence = ""
        lines.append(line if fence or mark else change(line))
    return "".join(lines)


def linked(text: str, path: Path, name: str, found: dict[str, bytes]) -> str:
    """A page with its links to files outside of docs/ leading to pages made of them."""

    def lead(match: re.Match[str]) -> str:
        goal = (path.parent / match["target"]).resolve()
        if goal == DOCS / DECISIONS:
            made = f"{DECISIONS}/index.rst"
        elif goal.suffix == ".md" and goal.is_relative_to(DOCS):
            made = goal.relative_to(DOCS).as_posix()
        elif goal.exists():
            made = show(goal, found)
        else:
            return match[0]
        return os.path.relpath(made, Path(name).parent)

    return prose(text, lambda line: LINK.sub(lead, line))


def show(path: Path, found: dict[str, bytes]) -> str:
    """Make a page of a file of the repository, and return its name."""
    place = path.relative_to(ROOT).as_posix()
    name = f"files/{place}"
    if path.suffix in {".svg", ".png"}:
        found[name] = path.read_bytes()
        return name
    name = name if path.suffix == ".md" else f"{name}.md"
    if name in found:
        return name
    found[name] = b""  # being made: pages may link to each other
    if path.suffix == ".md":
        text = linked(path.read_text(), path, name, found)
    elif path.is_dir():
        inside = sorted(path.glob("*.py"))
        lines = [
            f"* [{one.name}]({os.path.relpath(show(one, found), Path(name).parent)})"
            for one in inside
        ]
        text = f"# {place}\n\n" + "\n".join(lines) + "\n"
    else:
        code = path.read_text()
        text = f"# {place}\n\n`````{LANGUAGES.get(path.suffix, 'text')}\n{code}`````\n"
    found[name] = f"---\norphan: true\nno-search: true\n---\n\n{text}".encode()
    return name


def navigation(index: str) -> str:
    """The tables of the first page as lists of pages: who is in none, is nowhere.

    Sphinx warns of a page that no list has, and a warning fails the build.
    """
    return "".join(
        f"\n```{{toctree}}\n:hidden:\n:caption: {caption.capitalize()}\n\n"
        + "".join(f"{target}\n" for target in targets)
        + ("reference/api/index\n" if caption == "to look up" else "")
        + "```\n"
        for caption, targets in tables(index)
    )


def tables(index: str) -> Iterator[tuple[str, list[str]]]:
    """The caption and the pages of each table of the first page."""
    caption, targets = "", list[str]()
    for line in [*index.splitlines(), ""]:
        if head := HEAD.match(line):
            caption, targets = head["caption"], []
        elif caption and line.startswith("|"):
            targets += [match["target"] for match in LINK.finditer(line)]
        elif caption:
            yield caption, list(dict.fromkeys(targets))
            caption = ""
