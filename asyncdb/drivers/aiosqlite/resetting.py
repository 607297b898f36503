"""A session in memory as new, with its data: another one would not have them."""

from __future__ import annotations

import sqlite3

from asyncdb.drivers.aiosqlite.pragmas import set_pragmas
from asyncdb.options.settings import Settings

# What a session can be told, and what it is told at the beginning.
_DEFAULTS = {
    "query_only": 0,
    "defer_foreign_keys": 0,
    "ignore_check_constraints": 0,
    "recursive_triggers": 0,
    "reverse_unordered_selects": 0,
    "read_uncommitted": 0,
    "writable_schema": 0,
    "legacy_alter_table": 0,
    "cell_size_check": 0,
    "case_sensitive_like": 0,
    "trusted_schema": 1,
    "automatic_index": 1,
    "temp_store": 0,
    "synchronous": 2,
    "cache_size": -2000,
    "soft_heap_limit": 0,
}


def reset(raw: sqlite3.Connection, *, foreign_keys: bool, settings: Settings) -> None:
    """Undo what statements have done to the session; runs in its thread.

    Functions and collations that were made by the library's own connection stay.
    """
    raw.row_factory = None
    raw.text_factory = str
    for name, value in _DEFAULTS.items():
        if name != "temp_store":  # it would drop the temporary tables by itself
            raw.execute(f"PRAGMA {name}={value}").fetchall()
    raw.execute("PRAGMA foreign_keys=OFF")
    for kind in ("trigger", "view", "table"):
        found = raw.execute(
            "SELECT name FROM sqlite_temp_master WHERE type = ?"
            " AND name NOT LIKE 'sqlite~_%' ESCAPE '~'",
            [kind],
        )
        for (name,) in found.fetchall():
            quoted = name.replace('"', '""')
            raw.execute(f'DROP {kind} IF EXISTS temp."{quoted}"')
    raw.execute(f"PRAGMA temp_store={_DEFAULTS['temp_store']}").fetchall()
    for _, name, _ in raw.execute("PRAGMA database_list").fetchall():
        if name not in ("main", "temp"):
            quoted = name.replace('"', '""')
            raw.execute(f'DETACH "{quoted}"')
    raw.execute(f"PRAGMA foreign_keys={'ON' if foreign_keys else 'OFF'}")
    set_pragmas(raw, settings)
