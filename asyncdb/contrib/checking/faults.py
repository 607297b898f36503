"""What is wrong, and where; how it is shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One mistake.

    Args:
        path: the file.
        line: the line in it, from 1.
        message: what is wrong; it begins with the engine where only one says so.
    """

    path: Path
    line: int
    message: str


def as_text(faults: Iterable[Fault]) -> str:
    """Return a line for each fault, as compilers write it.

    Example:
        >>> as_text([Fault(Path("app.py"), 3, "no such table: users")])
        'app.py:3: no such table: users'
    """
    return "\n".join(f"{one.path}:{one.line}: {one.message}" for one in faults)


def as_annotations(faults: Iterable[Fault]) -> str:
    r"""Return GitHub's workflow commands, which show each fault at its line.

    Example:
        >>> as_annotations([Fault(Path("app.py"), 3, "50% wrong")])
        '::error file=app.py,line=3,title=asyncdb check::50%25 wrong'
    """
    return "\n".join(
        f"::error file={_property(str(one.path))},line={one.line},"
        f"title=asyncdb check::{_data(one.message)}"
        for one in faults
    )


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
