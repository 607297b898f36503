"""The SQL texts of a program: of `.sql` files, and of our verbs' calls in Python."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asyncdb.contrib.checking.targets import Target, find_target

# The verbs whose first argument is SQL. Another library's are told apart by what they
# are called on where that is plain (`_STRANGERS`), else by `# asyncdb: ignore`.
VERBS = frozenset(
    (
        *("execute", "executemany", "executescript", "stream"),
        *("fetchone", "fetchmany", "fetchall", "fetchval"),
    )
)
# The verbs whose rows become objects; fetchval's is a value.
_ROWS = frozenset(["fetchone", "fetchmany", "fetchall", "stream"])
_MANY, _SCRIPT = "executemany", "executescript"
_STRANGERS = frozenset(["executor", "subprocess", "loop", "session", "native"])
_IGNORE = re.compile(r"#\s*asyncdb:\s*ignore\b")
_SQL_IGNORE = re.compile(r"--\s*asyncdb:\s*ignore\b")
# A first word of SQL: `.execute("job-7")` is somebody else's.
_SQL = re.compile(r"\s*(?:--.*\n\s*)*[A-Za-z(]+(\s|$|\*|\()")


@dataclass(frozen=True, slots=True)
class Found:
    r"""A text of SQL, and what is known of its call.

    Args:
        path: the file.
        line: the line in which the text begins, from 1.
        sql: the text.
        count: how many parameters a literal list of them has; `None`: not known.
        names: the names of a literal dict of them; `None`: not known.
        single: it is to hold one statement.
        has_lines: its lines are lines of the file, which pieces of texts and `\n` in
            them are not.
        into: the class that its rows are read into, where its fields are known.
    """

    path: Path
    line: int
    sql: str
    count: int | None = None
    names: frozenset[str] | None = None
    single: bool = False
    has_lines: bool = True
    into: Target | None = None


def read_file(path: Path) -> list[Found]:
    """Return the SQL texts of a file.

    Args:
        path: a Python source, else SQL: a script, or aiosql's named queries, whose
            `-- name: ...` lines are comments.

    Returns:
        The texts, in the order of their lines.

    Raises:
        SyntaxError: the source is none of this Python's; t-strings need 3.14.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     source = Path(folder) / "app.py"
        ...     _ = source.write_text("db.fetchall('SELECT ?', [1])")
        ...     [found] = read_file(source)
        >>> found.line, found.sql, found.count
        (1, 'SELECT ?', 1)
    """
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        return [] if _SQL_IGNORE.search(text[:200]) else [Found(path, 1, text)]
    tree = ast.parse(text, str(path))
    ignored = {n for n, s in enumerate(text.splitlines(), 1) if _IGNORE.search(s)}
    found = _Python(path, ignored, tree)
    found.visit(tree)
    return sorted(found.texts, key=lambda one: one.line)


class _Python(ast.NodeVisitor):
    """Finds the calls; knows the constants of the module and of the classes around."""

    def __init__(self, path: Path, ignored: set[int], tree: ast.Module) -> None:
        self._tree = tree
        self._path = path
        self._ignored = ignored
        self._scopes: list[dict[str, ast.expr]] = []
        self.texts: list[Found] = []

    def visit_Module(self, node: ast.Module) -> None:  # ast's name
        self._within(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._within(node)

    def _within(self, node: ast.Module | ast.ClassDef) -> None:
        self._scopes.append(dict(_constants(node.body)))
        self.generic_visit(node)
        self._scopes.pop()

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        call = node.func
        if not isinstance(call, ast.Attribute) or call.attr not in VERBS:
            return
        lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
        if not node.args or _name(call.value) in _STRANGERS:
            return
        if not self._ignored.isdisjoint(lines):
            return
        read = _text(self._resolved(node.args[0]))
        if read is None or not _SQL.match(read[1]):
            return
        line, sql, count = read
        names = None
        if count is None and call.attr != _SCRIPT:
            count, names = _parameters(node, call.attr)
        text = self._resolved(node.args[0])
        height = (text.end_lineno or text.lineno) - text.lineno
        self.texts.append(
            Found(
                self._path,
                line,
                sql,
                count,
                names,
                single=call.attr != _SCRIPT,
                has_lines=sql.count("\n") == height,
                into=self._target(node, call.attr),
            )
        )

    def _target(self, node: ast.Call, verb: str) -> Target | None:
        for word in node.keywords:
            if word.arg == "into" and verb in _ROWS:
                return find_target(self._tree, self._path, word.value)
        return None

    def _resolved(self, node: ast.expr) -> ast.expr:
        name = node.id if isinstance(node, ast.Name) else None
        own = isinstance(node, ast.Attribute) and _name(node.value) in ("self", "cls")
        if own:
            name = node.attr  # type: ignore[attr-defined]  # own says so
        for scope in reversed(self._scopes if name else []):
            if name in scope:
                return scope[name]
        return node


def _constants(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names that are assigned once, with what."""
    seen: dict[str, ast.expr | None] = {}
    for statement in body:
        targets: list[ast.expr] = []
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        value: Any = getattr(statement, "value", None)
        for target in targets:
            if isinstance(target, ast.Name):
                seen[target.id] = None if target.id in seen else value
    return ((name, value) for name, value in seen.items() if value is not None)


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _text(node: ast.expr) -> tuple[int, str, int | None] | None:
    """Return line, text and number of holes of what is written out; else `None`."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.lineno, node.value, None
    if isinstance(node, ast.JoinedStr):
        if all(isinstance(part, ast.Constant) for part in node.values):
            values = [str(part.value) for part in node.values]  # type: ignore[attr-defined]
            return node.lineno, "".join(values), None
        return None
    if type(node).__name__ == "TemplateStr":
        parts: list[Any] = node.values  # type: ignore[attr-defined]
        if any(getattr(part, "format_spec", None) for part in parts):
            return None  # an identifier, a piece of SQL: known when it runs
        holes = sum(not isinstance(part, ast.Constant) for part in parts)
        texts = [str(getattr(part, "value", "")) for part in parts]
        marks = [
            text if isinstance(part, ast.Constant) else "?"
            for part, text in zip(parts, texts, strict=True)
        ]
        return node.lineno, "".join(marks), holes
    return None


def _parameters(node: ast.Call, verb: str) -> tuple[int | None, frozenset[str] | None]:
    """Return the number or the names of parameters that are written out."""
    given = node.args[1:2] or [k.value for k in node.keywords if k.arg == "params"]
    if verb == _MANY:
        given = given[0].elts[:1] if given and isinstance(given[0], ast.List) else []
    if not given:
        has_more = bool(node.keywords and any(k.arg is None for k in node.keywords))
        none = len(node.args) == 1 and verb != _MANY and not has_more
        return (0 if none else None), None
    one = given[0]
    if isinstance(one, ast.List | ast.Tuple):
        starred = any(isinstance(element, ast.Starred) for element in one.elts)
        return (None if starred else len(one.elts)), None
    if isinstance(one, ast.Dict):
        keys = [getattr(key, "value", None) for key in one.keys]
        if all(isinstance(key, str) for key in keys):
            return None, frozenset(map(str, keys))
    return None, None
