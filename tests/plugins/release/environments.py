"""A fresh environment, and what is run in it: nothing there knows of the work tree."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.plugins.release.building import ROOT

KIT = """
import os

import pytest

from asyncdb.testing.conformance import Conformance


class TestKit(Conformance):
    @pytest.fixture
    def database_url(self):
        return os.environ["DATABASE_URL"]
"""
INI = """
[pytest]
filterwarnings = error
asyncio_default_fixture_loop_scope = function
"""
# The wheel is what is imported, and it is whole.
LOOK = """
import importlib, importlib.metadata, pathlib, sys
import asyncdb
home = pathlib.Path(asyncdb.__file__).parent
assert home.is_relative_to(sys.prefix), home
assert (home / "py.typed").exists()
assert asyncdb.__version__ == importlib.metadata.version("asyncdb-toolkit")
for name in sys.argv[1:]:
    importlib.import_module(name)
"""
# Without an extra the first URL says which one is needed.
ASK = """
import asyncdb
try:
    asyncdb.connect("sqlite://")
except asyncdb.MissingDriver as error:
    assert "asyncdb-toolkit[sqlite]" in str(error), error
else:
    raise AssertionError("a driver without its library")
"""
TOOLS = ("pytest", "pytest-asyncio", "pytest-timeout")


class FailedError(Exception):
    """A program in the environment failed; the message ends with what it said."""


@dataclass
class Environment:
    """A fresh environment of one Python.

    Args:
        python: the program that it is made with.
        folder: where; it is made.
        constraints: for all that is installed, as pip reads them.
        report: gets a word on each step that is done.
    """

    python: Path
    folder: Path
    constraints: Sequence[str]
    report: Callable[[str], None]
    _program: Path = field(init=False)

    def __post_init__(self) -> None:
        """Make it, without pip: ours installs into it."""
        self._run([str(self.python), "-m", "venv", "--without-pip", str(self.folder)])
        self._program = self.folder / "bin" / "python"
        (self.folder / "constraints.txt").write_text("\n".join(self.constraints))

    def install(self, *what: str) -> None:
        """Install distributions or wheels."""
        since = time.monotonic()
        pip = [sys.executable, "-m", "pip", "--python", str(self._program)]
        quiet = ["-q", "--disable-pip-version-check", "--no-warn-script-location"]
        bounds = ["-c", str(self.folder / "constraints.txt")]
        self._run([*pip, "install", *quiet, *bounds, *what])
        names = ", ".join(Path(name).name.partition("-py3")[0] for name in what[:1])
        self.report(f"{names} installed in {_seconds(since)}")

    def look(self, modules: Sequence[str]) -> None:
        """Import asyncdb from the wheel, and these modules; warnings are errors."""
        self._run([str(self._program), "-I", "-W", "error", "-c", LOOK, *modules])
        if modules:
            self.report(f"{len(modules)} modules")

    def ask_without(self) -> None:
        """See that the want of an extra is told."""
        self._run([str(self._program), "-I", "-W", "error", "-c", ASK])

    def quickstart(self, url: str) -> None:
        """Run the example of the README."""
        since = time.monotonic()
        text = (ROOT / "examples/quickstart.py").read_text()
        (self.folder / "quickstart.py").write_text(text)
        command = [str(self._program), "-W", "error", "quickstart.py"]
        said = self._run(command, DATABASE_URL=url)
        if "left ['Anna', 'Bob']" not in said:
            raise FailedError(f"quickstart.py said:\n{said}")
        self.report(f"quickstart in {_seconds(since)}")

    def kit(self, url: str) -> None:
        """Run the conformance kit."""
        since = time.monotonic()
        (self.folder / "test_kit.py").write_text(KIT)
        (self.folder / "pytest.ini").write_text(INI)
        command = [str(self._program), "-m", "pytest", "-q", "--tb=short", "-rs"]
        said = self._run(
            [*command, "--timeout=120", "-p", "no:cacheprovider", "test_kit.py"],
            DATABASE_URL=url,
        )
        last = said.strip().rpartition("\n")[2]
        counted = re.match(r"(\d+) passed.*?(?= in )", last)
        if counted is None or int(counted[1]) < 100:
            raise FailedError(f"the kit ran hardly anything:\n{said}")
        self.report(f"kit in {_seconds(since)}: {counted[0]}")

    def _run(self, command: list[str], **more: str) -> str:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        cwd = self.folder if self.folder.exists() else None
        run = subprocess.run(
            command,
            cwd=cwd,
            env=kept | more,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if run.returncode:
            shown = " ".join(command[:6])
            raise FailedError(f"{shown} ... ended with {run.returncode}:\n{run.stdout}")
        return run.stdout


def _seconds(since: float) -> str:
    return f"{time.monotonic() - since:.0f} s"
