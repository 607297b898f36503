"""The classes that `into=` names, read from their source: nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BASES = frozenset(["NamedTuple", "TypedDict", "BaseModel", "Struct"])
_DECORATORS = frozenset(["dataclass", "define", "frozen", "mutable"])
# What changes neither the names of the fields nor which are required.
_HARMLESS = frozenset(["frozen", "slots", "kw_only", "order", "eq", "repr", "total"])
_FIELDS = frozenset(["field", "Field", "ib"])
_DEFAULTS = frozenset(["default", "default_factory", "factory"])
# Of a field's own words those that rename it, or take it out.
_RENAMING = frozenset(["alias", "validation_alias", "init", "name"])
_DEPTH = 3  # modules that hand a name on


@dataclass(frozen=True, slots=True)
class Target:
    """A class that rows are read into.

    Args:
        name: as the call writes it.
        line: the line of `into=`.
        fields: the names of its fields.
        required: those of them without a default.
    """

    name: str
    line: int
    fields: tuple[str, ...]
    required: frozenset[str]

    def compare(self, columns: list[str]) -> str | None:
        """Say how the columns of a statement differ from the fields.

        Args:
            columns: their names.

        Returns:
            What is wrong; `None`: they fit.

        Example:
            >>> Target("User", 1, ("id",), frozenset(["id"])).compare(["id", "name"])
            'the result does not fit User: no field for column name'
        """
        missing = [f for f in self.fields if f in self.required and f not in columns]
        extra = [column for column in columns if column not in self.fields]
        said = [f"no column for field {', '.join(missing)}"] if missing else []
        said += [f"no field for column {', '.join(extra)}"] if extra else []
        if not said:
            return None
        return f"the result does not fit {self.name}: {'; '.join(said)}"


def find_target(tree: ast.Module, path: Path, node: ast.expr) -> Target | None:
    """Find the class that an `into=` names.

    Args:
        tree: the module of the call.
        path: its file, beside or below which imported modules are looked for.
        node: what `into=` is given.

    Returns:
        The class, if it is one of the module or of one that it imports from, and its
        fields can be told from the source; else `None`.
    """
    if not isinstance(node, ast.Name):
        return None
    found = _class(tree, path, node.id, _DEPTH)
    fields = _fields(found) if found else None
    if fields is None:
        return None
    required = frozenset(name for name, needed in fields.items() if needed)
    return Target(node.id, node.lineno, tuple(fields), required)


def _class(tree: ast.Module, path: Path, name: str, depth: int) -> ast.ClassDef | None:
    classes = [
        one for one in tree.body if isinstance(one, ast.ClassDef) and one.name == name
    ]
    if classes:
        return classes[0] if len(classes) == 1 else None
    for one in tree.body if depth else []:
        if not isinstance(one, ast.ImportFrom):
            continue
        for alias in one.names:
            if (alias.asname or alias.name) != name:
                continue
            for file in _modules(path, one):
                try:
                    module = ast.parse(file.read_text(encoding="utf-8"))
                except (SyntaxError, UnicodeDecodeError):
                    return None
                return _class(module, file, alias.name, depth - 1)
    return None


def _modules(path: Path, node: ast.ImportFrom) -> Iterator[Path]:
    parents = list(path.resolve().parents)
    if node.level:
        parents = parents[node.level - 1 : node.level]
    parts = node.module.split(".") if node.module else []
    for parent in parents:
        where = parent.joinpath(*parts)
        for file in (where.with_suffix(".py"), where / "__init__.py"):
            if parts and file.is_file():
                yield file


def _fields(node: ast.ClassDef) -> dict[str, bool] | None:
    """Return the fields and whether each is required; `None`: it cannot be told."""
    bases = [_last(base) for base in node.bases]
    marks = [_last(one) for one in node.decorator_list]
    known = (len(bases) == 1 and bases[0] in _BASES and not marks) or (
        not bases and len(marks) == 1 and marks[0] in _DECORATORS
    )
    words = [*node.keywords]
    for mark in node.decorator_list:
        words += mark.keywords if isinstance(mark, ast.Call) else []
    if not known or any(word.arg not in _HARMLESS for word in words):
        return None
    partial = any(
        word.arg == "total" and getattr(word.value, "value", True) is not True
        for word in words
    )
    fields: dict[str, bool] = {}
    for one in node.body:
        if isinstance(one, ast.FunctionDef) and one.name in ("__init__", "__new__"):
            return None
        if isinstance(one, ast.Assign):
            return None  # model_config, attr.ib(): not to be told from here
        if not isinstance(one, ast.AnnAssign) or not isinstance(one.target, ast.Name):
            continue
        shown = ast.unparse(one.annotation)
        if "ClassVar" in shown or "KW_ONLY" in shown:
            continue
        name = one.target.id
        if name.startswith("_") or name == "model_config":
            return None
        if "InitVar" in shown or "alias" in shown:
            return None
        needed = _is_required(one.value)
        if needed is None:
            return None
        optional = "NotRequired" in shown or (partial and "Required" not in shown)
        fields[name] = needed and not optional
    return fields


def _is_required(value: ast.expr | None) -> bool | None:
    if value is None:
        return True
    if not isinstance(value, ast.Call) or _last(value) not in _FIELDS:
        return False
    words = {word.arg for word in value.keywords}
    if None in words or words & _RENAMING:
        return None
    if value.args:
        return getattr(value.args[0], "value", None) is ...
    return not words & _DEFAULTS


def _last(node: ast.expr) -> str:
    """Return the last name: of `msgspec.Struct`, of `dataclass(slots=True)`."""
    if isinstance(node, ast.Call):
        return _last(node.func)
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
