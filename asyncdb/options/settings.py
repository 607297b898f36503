"""`settings={...}`: the engine's own words for the session, checked before they go."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from asyncdb.errors import URLError

Settings: TypeAlias = Mapping[str, str | int | float | bool]

# Metadata of the field: in a URL each is an item, ?setting.search_path=app
BY_ITEMS = {"prefix": "setting."}
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,62}")


def check_settings(
    settings: Settings, names: re.Pattern[str], owned: Mapping[str, str]
) -> None:
    """Refuse names that are none, and settings that the portable session owns.

    Args:
        settings: values by the engine's names.
        names: what a name looks like, whole.
        owned: name in small letters -> what to write instead.

    Raises:
        URLError: a name is none, is owned, or its value is no setting's.
    """
    given: Mapping[Any, Any] = settings
    for name, value in given.items():
        if not isinstance(name, str) or not names.fullmatch(name):
            raise URLError("option 'settings' has a name that is no setting's")
        # A URL's could be anything; a piece of a password does not look like a name.
        shown = repr(name) if _PLAIN.fullmatch(name) else "a name"
        if instead := owned.get(name.lower()):
            raise URLError(f"option 'settings' has {shown}: {instead}")
        if not isinstance(value, str | int | float) or value != value:  # noqa: PLR0124
            raise URLError(
                f"option 'settings' has {shown} with a value that is no text, number or"
                " bool"
            )
        if isinstance(value, str) and "\0" in value:
            raise URLError(f"option 'settings' has {shown} with a NUL in its value")
