"""Opening a database that is there, to look at it."""

from __future__ import annotations

from typing import Any

import asyncdb


def as_it_is(url: asyncdb.DatabaseURL) -> dict[str, Any]:
    """Return options that open a database without making or changing its file.

    Args:
        url: where it is. What it says itself holds.

    Returns:
        Options of `connect()`: for a file of SQLite those by which a missing one is an
        error and its journal mode stays; otherwise none.

    Example:
        >>> as_it_is(asyncdb.DatabaseURL("sqlite:///shop.db"))
        {'mode': 'rw', 'journal_mode': None}
    """
    ours = url.scheme == "sqlite" and url.driver in (None, "aiosqlite")
    if not ours or url.database in (None, "", ":memory:"):
        return {}
    if not url.options.keys().isdisjoint(("mode", "immutable")):
        return {}
    # Not `ro`: it cannot open a file in WAL mode that nobody has open.
    options: dict[str, Any] = {"mode": "rw", "journal_mode": None}
    return {name: options[name] for name in options if name not in url.options}
