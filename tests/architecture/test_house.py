"""The house rules: floors, sizes, names, documentation."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import asyncdb
from asyncdb import driver, errors

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "asyncdb"
SOURCES = sorted(PACKAGE.rglob("*.py"))

# Lines that a file may have beyond 400, and why.
LONGER = {
    # All verbs, once: two thirds of it are what editors show of them.
    "connection/executor.py": 50,
}

DOWN = "imports go down only"
WITHIN = "floors of the connection"
UNDER = "floors of the pool"
DOOR = "drivers are reached through entry points alone"
STRANGERS = "drivers do not know each other"
LIBRARIES = "imports its own library"
# Prints each circle of imports, the shortest through each module that is in one. Those
# for type checkers count: a file that needs another's types is not read without it.
FIND_CIRCLES = """
import grimp
graph = grimp.build_graph(
    "asyncdb", exclude_type_checking_imports=False, cache_dir=None
)
for module in sorted(graph.modules):
    ways = [
        graph.find_shortest_chain(imported, module)
        for imported in graph.find_modules_directly_imported_by(module)
    ]
    circle = min(filter(None, ways), key=len, default=None)
    if circle:
        print(module, *circle)
"""


def tracked() -> list[Path]:
    """The files of the repository; in an unpacked archive, those that lie there."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode == 0:
        files = [ROOT / name for name in listing.stdout.splitlines()]
    else:
        ours = ("asyncdb", "tests", "docs", "examples", "benchmarks", ".github", ".ci")
        files = [path for folder in ours for path in (ROOT / folder).rglob("*")]
        files += ROOT.glob("*.*")
    return [path for path in files if path.is_file()]


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the floors of the `asyncdb` in `folder`."""
    code = "from importlinter.cli import lint_imports_command as run; run()"
    return subprocess.run(
        [sys.executable, "-c", code, "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_imports_keep_to_the_floors() -> None:
    """Imports go down only, and drivers are met through entry points alone."""
    result = lint_imports(ROOT)

    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("file", "line", "broken"),
    [
        ("errors.py", "import asyncdb.options", DOWN),
        ("dialect.py", "import asyncdb.sql", DOWN),
        ("url/url.py", "import asyncdb.connection", DOWN),
        ("connection/runner.py", "import asyncdb.connection.session", WITHIN),
        ("pool/kernel.py", "import asyncdb.pool.lifecycle", UNDER),
        ("stray.py", "", "stray"),
        ("pool/stray.py", "", "stray"),
        ("connection/connection.py", "import asyncdb.drivers.asyncpg", DOOR),
        ("connection/connection.py", "import asyncpg", LIBRARIES),
        ("drivers/asyncpg/stray.py", "import asyncdb.drivers.aiosqlite", STRANGERS),
        ("drivers/asyncpg/stray.py", "import aiosqlite", LIBRARIES),
        ("testing/stray.py", "import asyncdb.drivers.aiosqlite", DOOR),
        ("contrib/stray.py", "import asyncpg", LIBRARIES),
    ],
)
def test_a_planted_violation_is_seen(
    file: str, line: str, broken: str, tmp_path: Path
) -> None:
    """The checker of the floors bites: each kind of forbidden import fails it."""
    shutil.copytree(PACKAGE, tmp_path / "asyncdb")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    planted = tmp_path / "asyncdb" / file
    planted.parent.mkdir(exist_ok=True)
    (planted.parent / "__init__.py").touch()
    with planted.open("a") as source:
        source.write(f"\n{line}\n")

    result = lint_imports(tmp_path)

    assert result.returncode != 0
    verdict = re.search(rf"{broken}.*", result.stdout)
    assert verdict, result.stdout
    assert not verdict[0].endswith("KEPT"), result.stdout


def circles(folder: Path) -> list[str]:
    """Find the circles of imports in the `asyncdb` of `folder`."""
    found = subprocess.run(
        [sys.executable, "-c", FIND_CIRCLES],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return found.stdout.splitlines()


def test_no_import_leads_back() -> None:
    """No module is imported by what it imports, be it for a type checker alone."""
    assert [] == circles(ROOT)


@pytest.mark.parametrize(
    ("file", "line"),
    [
        (
            "dialects/mysql/protocol/wire.py",
            "import asyncdb.dialects.mysql.protocol.connection",
        ),
        ("sql/lexer.py", "import asyncdb.sql"),  # its own room
        ("errors.py", "import asyncdb"),
    ],
)
@pytest.mark.parametrize("condition", ["if True", "if TYPE_CHECKING"])
def test_a_planted_circle_is_seen(
    file: str, line: str, condition: str, tmp_path: Path
) -> None:
    """The search for circles bites, under `TYPE_CHECKING` too."""
    shutil.copytree(PACKAGE, tmp_path / "asyncdb")
    with (tmp_path / "asyncdb" / file).open("a") as source:
        source.write(f"\nfrom typing import TYPE_CHECKING\n{condition}:\n    {line}\n")

    assert circles(tmp_path) != []


def test_no_file_is_long() -> None:
    """No file of the package has more than 400 lines, but those with a reason."""
    names = {path.relative_to(PACKAGE).as_posix(): path for path in SOURCES}
    lengths = {
        name: len(path.read_text().splitlines()) - LONGER.get(name, 0)
        for name, path in names.items()
    }

    assert not {name: length for name, length in lengths.items() if length > 400}
    assert LONGER.keys() <= lengths.keys()


def test_no_file_has_a_name_that_says_nothing() -> None:
    """No file is a bag for odds and ends, and none shadows the standard library."""
    bags = {"utils", "helpers", "common", "base", "misc", "core", "types", "typing"}
    names = {path.relative_to(ROOT): path.stem.strip("_") for path in SOURCES}

    assert not [path for path, name in names.items() if name in bags]


def test_every_module_says_what_it_is() -> None:
    """Every file of the package opens with a docstring."""
    assert not [
        path for path in SOURCES if not ast.get_docstring(ast.parse(path.read_text()))
    ]


@pytest.mark.parametrize("name", sorted(asyncdb.__all__))
def test_every_public_name_is_documented(name: str) -> None:
    """What `import asyncdb` gives has a docstring of its own, its methods too."""
    thing = getattr(asyncdb, name)
    if not (inspect.isclass(thing) or inspect.isroutine(thing)):
        return
    public = {name: thing}
    for member, value in vars(thing).items() if inspect.isclass(thing) else ():
        plain = getattr(value, "__func__", value)  # of class and static methods
        if inspect.isroutine(plain) or isinstance(plain, property):
            public[f"{name}.{member}"] = plain

    undocumented = [
        name
        for name, thing in public.items()
        if not re.search(r"\._", name) and not inspect.getdoc(thing)
    ]

    assert undocumented == []


def test_the_package_ships_its_types() -> None:
    """`py.typed` tells type checkers to read our annotations."""
    assert (PACKAGE / "py.typed").exists()


def promises() -> list[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every test function, the conformance kit's too, with the file it stands in."""
    files = [*(ROOT / "tests").rglob("test_*.py")]
    files += (PACKAGE / "testing" / "conformance").rglob("*.py")
    return [
        (str(path.relative_to(ROOT)), node)
        for path in sorted(files)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    ]


def test_every_test_states_its_promise() -> None:
    """Every test has a docstring: the promise, not the steps."""
    assert not [
        f"{path}:{node.lineno} {node.name}"
        for path, node in promises()
        if not ast.get_docstring(node)
    ]


def test_no_chapter_of_the_kit_hides_a_test_of_another() -> None:
    """The chapters become one class, where the last of two tests of a name wins."""
    kit = str(Path("asyncdb", "testing", "conformance"))
    names = Counter(node.name for path, node in promises() if path.startswith(kit))

    assert not [name for name, times in names.items() if times > 1]


def test_nothing_of_this_machine_is_kept() -> None:
    """No lock file, address of a package registry or path of a developer's machine."""
    locks = {"uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "package-lock.json"}
    words = [
        r"https?://\S+\.(?:whl|tar\.gz|tgz)",
        r"https?://\S+/simple\b",
        r"(?:index-url|find-links)[ =]",
    ]
    here = "|".join(re.escape(f"{path}/") for path in (ROOT, Path.home()))
    forbidden = re.compile(rf"{'|'.join(words)}|(?<![\w./-])(?:{here})")
    found = [str(path) for path in tracked() if path.name in locks]
    for path in tracked():
        text = path.read_bytes().decode(errors="replace")
        found += [f"{path}: {match[0]}" for match in forbidden.finditer(text)]

    assert found == []


def test_the_makefile_is_short() -> None:
    """A Makefile of more than 70 lines is a program, and wants to be one."""
    assert len((ROOT / "Makefile").read_text().splitlines()) <= 70


# -- what a driver's author imports ----------------------------------------------------

AUTHORS: dict[str, Any] = {
    "asyncdb": asyncdb,
    "asyncdb.driver": driver,
    "asyncdb.errors": errors,
}


def strange_imports(text: str) -> set[str]:
    """What a file imports of asyncdb that is not offered to authors of drivers."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names} - {*AUTHORS}
        elif isinstance(node, ast.ImportFrom):
            door = AUTHORS.get(node.module or "")
            offered = {*door.__all__, "errors"} if door else set()
            found |= {
                f"{'.' * node.level}{node.module or ''}.{alias.name}"
                for alias in node.names
                if alias.name not in offered
            }
    ours = re.compile(r"asyncdb\b|\.")
    return {name for name in found if ours.match(name)}


@pytest.mark.parametrize(
    ("file", "also"),
    [
        ("tests/fourth_driver/asyncdb_fourth.py", ""),
        # What is true of its engine is written once.
        ("asyncdb/testing/fake.py", "asyncdb.dialects.sqlite"),
    ],
)
def test_authors_come_in_by_one_door(file: str, also: str) -> None:
    """The example and the fake import `asyncdb.driver`, and nothing behind it."""
    strange = strange_imports((ROOT / file).read_text())

    assert not {name for name in strange if not also or not name.startswith(also)}


@pytest.mark.parametrize(
    "line",
    [
        "import asyncdb.sql",
        "from asyncdb import dialects",
        "from asyncdb.driver import contract",
        "from asyncdb.driver.contract import Driver",
        "from asyncdb.values.rows import Row",
        "from . import sql",
        "def connect():\n    from asyncdb.pool import Pool",
    ],
)
def test_a_side_door_is_seen(line: str) -> None:
    """The check of the door bites: each way around it is found."""
    assert 1 == len(strange_imports(line))


# Families that are three deep, and why: what is declared once for all is inherited.
DEEPER = {
    "ConnectOptions": "an engine's options are a server's, and those anybody's",
    "Row": "a row by position, for libraries whose rows know no names",
    "Chapter": "the kit is its chapters",
    "MySQL": "MariaDB is started as MySQL is, but for its first step",
}


def depth(kind: type) -> int:
    """How many classes of ours stand above each other in a class."""
    ours = [base for base in kind.__bases__ if base.__module__.startswith("asyncdb")]
    return 1 + max(map(depth, ours), default=0)


def test_no_class_is_more_than_two_deep() -> None:
    """A class has what it needs; what it is, it is by one other class at most."""
    kinds: set[type] = set()
    for path in SOURCES:
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        found = vars(importlib.import_module(name.removesuffix(".__init__"))).values()
        kinds |= {one for one in found if inspect.isclass(one)}
    deep = {
        kind
        for kind in kinds
        if kind.__module__.startswith("asyncdb")
        and depth(kind) > 2
        and not issubclass(kind, Exception)  # PEP 249's tree
    }

    families = {family: [k for k in deep if named(k, family)] for family in DEEPER}
    assert all(families.values())
    assert [] == sorted(map(str, deep.difference(*families.values())))


def named(kind: type, family: str) -> bool:
    """Whether a class is of a family."""
    return family in {base.__name__ for base in kind.__mro__}
