"""What is public, and its pages: a directive for each name, filled by autodoc."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import logging
import pkgutil
import re
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any, TypeVar

import asyncdb
from asyncdb.testing.conformance import Conformance

DOORS = ["asyncdb", "asyncdb.errors", "asyncdb.driver", "asyncdb.driver.values"]
# Rooms whose modules are public, but for those that begin with "_" and the inner ones.
# A package in them is one module: what it offers, it imports.
ROOMS = ["asyncdb.contrib", "asyncdb.testing"]
INNER = {f"asyncdb.testing.{name}" for name in ("any_loop", "lending")}
NO_OFFER = (TypeVar, logging.Logger)
CODE = re.compile(r"(?<!`)`(?P<code>[^`]+)`(?P<more>\w)?(?!`)")
NAME = re.compile(r"(?P<name>[A-Za-z_][\w.]*)(?:\(\))?")
PAGE = re.compile(r"\bdocs/(?P<page>[\w/.-]+)\.md\b")
KIT = "asyncdb.testing.conformance"


@functools.cache
def modules() -> list[str]:
    """Every module that users import."""
    found = list(DOORS)
    for room in ROOMS:
        found += [room] if names(room) else []
        package = importlib.import_module(room)
        inside = pkgutil.iter_modules(package.__path__, f"{room}.")
        found += [one.name for one in inside if "._" not in one.name]
    return [module for module in found if module not in INNER]


def names(module: str) -> list[str]:
    """Every public name of a module: its `__all__`, or what it defines itself."""
    here = importlib.import_module(module)
    offered = getattr(here, "__all__", None)
    if offered is None:
        offered = [name for name in defined(here) if not name.startswith("_")]
    return sorted(n for n in offered if not isinstance(getattr(here, n), NO_OFFER))


def defined(module: ModuleType) -> Iterator[str]:
    """The names that a module's text makes, imports apart."""
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.Assign):
            yield from (one.id for one in node.targets if isinstance(one, ast.Name))


def home(module: str, name: str) -> str:
    """The full name under which a name is documented: users' own, where it has one."""
    thing = getattr(importlib.import_module(module), name)
    if inspect.ismodule(thing):
        return thing.__name__
    own = getattr(thing, "__qualname__", "")
    where = thing.__module__ if own == name else module
    if getattr(asyncdb, name, None) is thing:
        where = "asyncdb"
    return f"{where if where in modules() else module}.{name}"


def marked(text: str) -> str:
    """A text of ours in Sphinx's language: its code, and the names and pages in it."""
    return PAGE.sub(r":doc:`/\g<page>`", CODE.sub(_as_code, text))


def _as_code(match: re.Match[str]) -> str:
    code, more = " ".join(match["code"].split()), match["more"]
    name = NAME.fullmatch(code)
    made = f":py:obj:`{code} <{name['name']}>`" if name else f"``{code}``"
    return f"{made}\\ {more}" if more else made


def thing(full: str) -> tuple[Any, str]:
    """What has a name, and the last part of that."""
    module, _, name = full.rpartition(".")
    return getattr(importlib.import_module(module), name), name


def comment(thing: Any, name: str) -> str:
    """What stands above the line that makes a constant or a type's other name."""
    for module in [
        one for key, one in sys.modules.items() if key.startswith("asyncdb")
    ]:
        if getattr(module, name, None) is thing and name in defined(module):
            lines = inspect.getsource(module).splitlines()
            made = re.compile(rf"{name}\b.*=")
            at = next(n for n, line in enumerate(lines) if made.match(line))
            above = []
            while lines[at - 1].startswith("#"):
                at -= 1
                above.insert(0, lines[at].lstrip("#: "))
            return "\n".join(above)
    return ""


@functools.cache
def entries() -> set[str]:
    """Every name that the site must have."""
    found = [(module, name) for module in modules() for name in names(module)]
    return {
        home(module, name)
        for module, name in found
        if not inspect.ismodule(getattr(importlib.import_module(module), name))
    }


def pages() -> dict[str, str]:
    """The text of each page, by its name."""
    own = [name for name in asyncdb.__all__ if name not in names("asyncdb.errors")]
    kinds = [name for name in own if inspect.isclass(getattr(asyncdb, name))]
    rest = [name for name in own if name not in kinds and name != "errors"]
    found = {f"asyncdb.{name}": kind(name) for name in kinds}
    found["asyncdb"] = (
        f"{title('The module asyncdb')}\n.. automodule:: asyncdb\n   :no-index:\n\n"
        + "".join(directive("asyncdb", name) for name in rest)
        + "Errors are in :doc:`asyncdb.errors`. Each class has a page:\n\n"
        + contents({f"asyncdb.{name}": getattr(asyncdb, name) for name in kinds})
    )
    for module in modules()[1:]:
        found[module] = page(module)
    found["index"] = (
        f"{title('API')}\nEvery public name, from its docstring. What is not here is "
        f"asyncdb's own, and may change with any version.\n\n"
        + contents({name: importlib.import_module(name) for name in modules()})
    )
    return found


def kind(name: str) -> str:
    """A page for one class of the front door."""
    thing = getattr(asyncdb, name)
    text = title(name) + directive("asyncdb", name)
    for base in thing.__mro__[1:]:
        if base.__name__ not in asyncdb.__all__ or issubclass(thing, Exception):
            continue
        members = [
            f":py:obj:`{one} <asyncdb.{base.__name__}.{one}>`"
            for one in vars(base)
            if not one.startswith("_") and one not in vars(thing)
        ]
        text += f"It also has what {base.__name__} has: {', '.join(members)}.\n\n"
    return text


def page(module: str) -> str:
    """A page for one module."""
    text = f"{title(module)}\n.. automodule:: {module}\n   :no-index:\n\n"
    elsewhere = []
    for name in names(module):
        full = home(module, name)
        where = full.rpartition(".")[0]
        if inspect.ismodule(getattr(importlib.import_module(module), name)):
            known = full in modules()
            elsewhere.append(f":doc:`{full}`" if known else f"the module ``{full}``")
        elif where == module or (where, module) == ("asyncdb", "asyncdb.errors"):
            text += directive(where, name)
        else:
            elsewhere.append(f":py:obj:`{full}`")
    if elsewhere:
        text += f"Also offered here: {', '.join(elsewhere)}.\n\n"
    if module == KIT:
        text += f"Its chapters, and what each promises:\n\n{chapters()}"
    return text


def chapters() -> str:
    """What the conformance kit promises, chapter by chapter."""
    text = ""
    for chapter in Conformance.__bases__:
        text += f"{title(chapter.__name__, '-')}\n"
        for name, test in vars(chapter).items():
            if name.startswith("test_"):
                said = " ".join((inspect.getdoc(test) or "").split("\n\n")[0].split())
                text += f"* ``{name}``: {said}\n"
        text += "\n"
    return text


def directive(module: str, name: str) -> str:
    """What makes autodoc write about one name."""
    thing: Any = getattr(importlib.import_module(module), name)
    if inspect.isclass(thing):
        what, options = "class", "   :members:\n   :show-inheritance:\n"
        if issubclass(thing, Exception):
            what = "exception"
    elif inspect.isroutine(thing):
        what, options = "function", ""
    else:
        said = comment(thing, name).replace("\n", "\n   ")
        return f".. py:data:: {name}\n   :module: {module}\n\n   {marked(said)}\n\n"
    return f".. auto{what}:: {module}.{name}\n{options}\n"


def title(text: str, line: str = "=") -> str:
    """A heading."""
    return f"{text}\n{line * len(text)}\n\n"


def contents(targets: dict[str, Any]) -> str:
    """A list of pages, with what each is about; the navigation has it too."""
    said = [
        f"* :doc:`{target}`: {marked(inspect.getdoc(about) or '').splitlines()[0]}\n"
        for target, about in targets.items()
    ]
    hidden = "".join(f"   {target}\n" for target in targets)
    return f"{''.join(said)}\n.. toctree::\n   :hidden:\n\n{hidden}\n"
