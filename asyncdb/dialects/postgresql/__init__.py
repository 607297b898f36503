"""PostgreSQL: its facts, its values, its errors.

Shared by every driver that speaks to it, and importing none: `facts` (dialect, quoting,
values in), `options` (and what is sent when a session starts), `sqlstates` and
`answers` (errors), `places`, `casts`, `forms` and `kept` (markers without a type, the
statements that are kept prepared), `numbers` (fractions where whole numbers are taken),
`commands` (what is said by every driver), `stopping` (work that is to end).
"""

from __future__ import annotations

from asyncdb.dialects.postgresql.facts import DIALECT, ENCODERS, LEXIS, LEXIS_BACKSLASH
from asyncdb.dialects.postgresql.options import PostgreSQLOptions, startup_settings
from asyncdb.dialects.postgresql.sqlstates import (
    CLASSES,
    CLEAN_CLASSES,
    ERRORS,
    MESSAGES,
    error_class,
)

__all__ = [
    "CLASSES",
    "CLEAN_CLASSES",
    "DIALECT",
    "ENCODERS",
    "ERRORS",
    "LEXIS",
    "LEXIS_BACKSLASH",
    "MESSAGES",
    "PostgreSQLOptions",
    "error_class",
    "startup_settings",
]
