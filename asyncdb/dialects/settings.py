"""What a server says of a setting that it does not take, as an error that names it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from asyncdb.errors import ProgrammingError


def refused_setting(
    names: Iterable[str], text: str, code: int | str
) -> ProgrammingError:
    """Make the error for a session that could not be set up as `settings` says.

    Args:
        names: of the settings.
        text: the server's words, which may hold the value.
        code: the server's code.

    Returns:
        An error that names the setting, if the server did, else all of them.

    Example:
        >>> print(refused_setting(["a", "b"], 'unknown parameter "b"', "42704"))
        the server does not take the setting 'b' (code 42704)
    """
    listed = list(names)
    said = {word.lower() for word in re.findall(r"[\w.$]+", text)}
    found = [name for name in listed if name.lower() in said] or listed
    shown = ", ".join(map(repr, found))
    return ProgrammingError(
        f"the server does not take the setting {shown} (code {code})", code=code
    )
