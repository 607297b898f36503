"""Do the tests bite? Plants one mistake at a time, and asks the tests of that room.

The mistakes are cosmic-ray's and two kinds of our own. See tests/README.md; nothing
else runs this file.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import json
import os
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code

from tests.mutation.rooms import ROOMS, TIMEOUT, Room

ROOT = Path(__file__).resolve().parents[2]
# The same tests in the same order each time; nothing that only costs time to import.
PYTEST = (
    "-x -q --no-header -p no:randomly -p no:xdist -p no:schemathesis "
    "-p no:cacheprovider --hypothesis-seed=0 -o timeout=8 "
    "-o timeout_method=thread "  # an event loop would swallow the other one's exception
    "-W ignore::pytest.PytestAssertRewriteWarning"  # imported ahead, by the nursery
)


@dataclass(frozen=True)
class Mutant:
    """One mistake: where it stands, what kind it is, and how the file reads with it."""

    file: str
    line: int
    column: int
    kind: str
    write: Callable[[], str]

    @property
    def site(self) -> tuple[str, int, int]:
        """Where it stands: of several at one place, one is enough."""
        return self.file, self.line, self.column

    @property
    def name(self) -> str:
        """A name for it, the same in each run."""
        return f"{self.file}:{self.line}:{self.column} {self.kind}"


# -- the mistakes ----------------------------------------------------------------------


def cosmic(file: str, source: str) -> Iterator[Mutant]:
    """Give the mistakes that cosmic-ray knows."""
    tree = get_ast(source)
    for name in plugins.operator_names():
        kind = plugins.get_operator(name)
        if kind.arguments():
            continue
        places = [kind().mutation_positions(node) for node in ast_nodes(tree)]
        for number, ((line, column), _) in enumerate(chain.from_iterable(places)):
            write = partial(mutate_code, source, kind(), number)
            yield Mutant(file, line, column, name.removeprefix("core/"), write)


def ours(file: str, source: str) -> Iterator[Mutant]:
    """Give the mistakes of leaving out: a step, or one side of `and` and `or`."""
    for node in ast.walk(ast.parse(source)):
        if _is_step(node):
            yield _replaced(file, source, node, "LeaveOutStep", "pass")
        elif isinstance(node, ast.Return) and node.value is not None:
            told = node.value.value if isinstance(node.value, ast.Constant) else None
            if isinstance(told, bool):
                yield _replaced(file, source, node, "ReturnNot", f"return {not told}")
            else:
                yield _replaced(file, source, node, "ReturnNone", "return None")
        elif isinstance(node, ast.BoolOp):
            for side in node.values:
                neutral = str(isinstance(node.op, ast.And))
                yield _replaced(file, source, side, "LeaveOutSide", neutral)


def _is_step(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr):
        return not isinstance(node.value, ast.Constant | ast.Yield)
    if isinstance(node, ast.Assign):
        kept = ast.Attribute | ast.Subscript
        return all(isinstance(target, kept) for target in node.targets)
    return isinstance(node, ast.AugAssign | ast.Raise)


def _replaced(file: str, source: str, node: ast.AST, kind: str, by: str) -> Mutant:
    lines = source.encode().splitlines(keepends=True)
    before = (
        b"".join(lines[: node.lineno - 1]) + lines[node.lineno - 1][: node.col_offset]
    )
    after = lines[node.end_lineno - 1][node.end_col_offset :]
    after += b"".join(lines[node.end_lineno :])
    text = (before + by.encode() + after).decode()
    return Mutant(file, node.lineno, node.col_offset, kind, lambda: text)


def unseen(source: str) -> set[int]:
    """Return the lines that nothing runs: annotations, aliases, overloads, asserts.

    A mistake there is for the type checkers; an assert is there for them, too.
    """
    lines: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            found = [(node.lineno, node.end_lineno)]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            decorators = [ast.unparse(item) for item in node.decorator_list]
            if "overload" in decorators:
                found = [(node.decorator_list[0].lineno, node.end_lineno)]
            else:
                args = node.args
                some = [*args.posonlyargs, *args.args, *args.kwonlyargs]
                some += [one for one in (args.vararg, args.kwarg) if one]
                hints = [arg.annotation for arg in some] + [node.returns]
                found = [(one.lineno, one.end_lineno) for one in hints if one]
        elif isinstance(node, ast.ClassDef) and "Protocol" in map(
            ast.unparse, node.bases
        ):
            found = [(node.lineno, node.end_lineno)]
        elif isinstance(node, ast.AnnAssign):
            hint = node.annotation
            kept = node.value is not None and "TypeAlias" not in ast.unparse(hint)
            last = hint.end_lineno if kept else node.end_lineno
            found = [] if kept and last == node.value.lineno else [(node.lineno, last)]
        elif isinstance(node, ast.Assert):
            found = [(node.lineno, node.end_lineno)]
        else:
            continue
        for first, last in found:
            lines.update(range(first, last + 1))
    return lines


def annotated(source: str) -> set[tuple[int, int]]:
    """Return the places inside annotations that share a line with a value."""
    return {
        (part.lineno, column)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.AnnAssign)
        for part in [node.annotation]
        for column in range(part.col_offset, part.end_col_offset)
    }


def mutants(files: list[Path]) -> list[Mutant]:
    """Return all mistakes that can be made in files and that are not for the eye."""
    found: list[Mutant] = []
    for path in files:
        source = path.read_text()
        file = str(path.relative_to(ROOT))
        lines, places = unseen(source), annotated(source)
        found += (
            one
            for one in (*cosmic(file, source), *ours(file, source))
            if one.line not in lines and (one.line, one.column) not in places
        )
    return found


def sample(found: list[Mutant], share: float, chance: random.Random) -> list[Mutant]:
    """Choose: of each place one mistake, of the places an even share."""
    places: dict[tuple[str, int, int], list[Mutant]] = defaultdict(list)
    for one in found:
        places[one.site].append(one)
    each = [chance.choice(places[site]) for site in sorted(places)]
    count = min(len(each), max(12, round(len(each) * share)))
    step = len(each) / count
    begin = chance.random() * step
    return [each[int(begin + number * step)] for number in range(count)]


# -- the asking ------------------------------------------------------------------------


class House:
    """A copy of the checkout, so that no mistake is ever planted in it."""

    def __init__(self, folder: Path, python: str) -> None:
        self.root = folder / "asyncdb"
        left = shutil.ignore_patterns(".*", "__pycache__", "build", "dist")
        shutil.copytree(ROOT, self.root, ignore=left)
        # By what the source says: a mistake and its mending may fall into one second.
        how = ["compileall", "-q", "--invalidation-mode", "checked-hash", "asyncdb"]
        subprocess.run([python, "-m", *how], cwd=self.root, check=True)
        self._nursery = subprocess.Popen(
            [python, "-m", "tests.mutation.nursery"],
            cwd=self.root,
            env=os.environ | {"PYTHONPATH": str(self.root)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, room: Room) -> str:
        """Return how the tests took the house as it is: killed, timeout, survived."""
        answers = (self._ask_some(tests) for tests in room.tests)
        return next((one for one in answers if one != "survived"), "survived")

    def _ask_some(self, tests: str) -> str:
        stdin, stdout = self._nursery.stdin, self._nursery.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps([shlex.split(f"{PYTEST} {tests}"), TIMEOUT]) + "\n")
        stdin.flush()
        return stdout.readline().strip()

    def plant(self, one: Mutant, room: Room) -> str:
        """Return how the tests took a mistake."""
        path = self.root / one.file
        kept = path.read_text()
        path.write_text(one.write())
        try:
            outcome = self.ask(room)
            # Noticed twice, or it was not the mistake that a busy machine stumbled on.
            return outcome if outcome == "survived" else self.ask(room)
        finally:
            path.write_text(kept)

    def close(self) -> None:
        """End the process in which the tests run."""
        with self._nursery as nursery:
            nursery.terminate()


def difference(one: Mutant) -> str:
    """Show a mistake as a patch."""
    before = (ROOT / one.file).read_text().splitlines()
    after = one.write().splitlines()
    lines = difflib.unified_diff(before, after, one.file, one.file, lineterm="", n=1)
    return "\n".join(lines)


def main() -> None:
    """Run the rooms that are asked for, and print what survives and a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rooms", nargs="*", default=list(ROOMS))
    parser.add_argument("--python", default=sys.executable, help="has the test tools")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--share", type=float, help="of the places, not the room's")
    parser.add_argument("--log", type=Path, required=True, help="goes on with it")
    parser.add_argument("--again", action="store_true", help="only what survived in it")
    options = parser.parse_args()
    known = read(options.log)
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder), options.python)
        for name in options.rooms:
            room = ROOMS[name]
            files = [path for text in room.files for path in sorted(ROOT.glob(text))]
            found = mutants(files)
            chosen = sample(
                found, options.share or room.share, random.Random(options.seed)
            )
            chosen = [
                one for one in chosen if one.write() != (ROOT / one.file).read_text()
            ]
            # Thrice, for a busy machine may be late once; the first time compiles.
            if all(house.ask(room) != "survived" for _ in range(3)):
                say(f"{name}: its tests fail without any mistake")
                continue
            for one in chosen:
                before = known.get(one.name)
                if before and not (options.again and before == "survived"):
                    continue
                known[one.name] = outcome = house.plant(one, room)
                with options.log.open("a") as log:
                    log.write(json.dumps([one.name, outcome]) + "\n")
                if outcome == "survived":
                    say(f"{one.name}\n{difference(one)}")
            counts = Counter(known[one.name] for one in chosen)
            say(f"{name}: of {len(found)} {len(chosen)} were tried: {dict(counts)}")
        house.close()


def read(log: Path) -> dict[str, str]:
    """Return what became of each mistake when it was last tried."""
    return dict(map(json.loads, log.read_text().splitlines())) if log.exists() else {}


def say(text: str) -> None:
    """Print at once, for it takes long."""
    print(text, flush=True)  # noqa: T201  # it is a command


if __name__ == "__main__":
    main()
