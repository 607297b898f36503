"""What a library is on the disk: it and all that it needs, their versions, megabytes.

Only the standard library: it runs in the environment of each contestant.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import TypedDict

_NAME = re.compile(r"([\w.-]+)\s*(?:\[([^\]]*)\])?")
_EXTRA = re.compile(r"""extra\s*==\s*["']([\w.-]+)["']""")


class Installed(TypedDict):
    """What was found.

    Attributes:
        versions: of those that were asked for, by their names or by an extra's.
        megabytes: of them, and of all that they need in turn.
    """

    versions: dict[str, str]
    megabytes: float


def installed(requirements: Iterable[str]) -> Installed:
    """Look for distributions, named as pip is told to install them."""
    versions: dict[str, str] = {}
    files: set[Path] = set()
    todo = [*requirements]
    asked = set(todo)
    for requirement in todo:  # grows meanwhile
        found = _NAME.match(requirement)
        assert found is not None  # noqa: S101  # pip took it
        name, extras = found[1], set(re.findall(r"[\w.-]+", found[2] or ""))
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # needed elsewhere: on another system or Python
        if requirement in asked:
            versions[name] = distribution.version
        files.update(_files(name, distribution))
        for needed in distribution.requires or ():
            extra = _EXTRA.search(needed)
            if extra and extra[1] in extras:
                asked.add(needed)
            if needed not in todo and (extra is None or extra[1] in extras):
                todo.append(needed)
    size = sum(path.stat().st_size for path in files if path.is_file())
    return {"versions": versions, "megabytes": size / 1e6}


def _files(name: str, distribution: metadata.Distribution) -> Iterator[Path]:
    """The files of a distribution, without what Python compiles by itself."""
    if name == "asyncdb-toolkit":  # it may be installed as a link to the sources
        spec = importlib.util.find_spec("asyncdb")
        assert spec is not None  # noqa: S101  # it is there
        assert spec.origin is not None  # noqa: S101
        paths = Path(spec.origin).parent.rglob("*")
    else:
        paths = (Path(str(file.locate())) for file in distribution.files or ())
    return (path for path in paths if "__pycache__" not in path.parts)
