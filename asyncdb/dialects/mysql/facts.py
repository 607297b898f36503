"""What is true of MySQL and of MariaDB: dialects, quoting modes, versions."""

from __future__ import annotations

import re
from dataclasses import replace

from asyncdb.dialect import Dialect, Lexis
from asyncdb.dialects.mysql.literals import ENCODERS, ENCODERS_LOCAL

# Four ways to read a text, by two switches of `sql_mode`: whether "..." is a name
# (ANSI_QUOTES) or a string, and whether strings have backslash escapes (no
# NO_BACKSLASH_ESCAPES). Quoted names never have them.
LEXIS = Lexis(names='"`', hash_comments=True, dash_needs_blank=True, code_comments=True)
LEXIS_BACKSLASH = Lexis(
    names='"`',
    backslash="'",
    hash_comments=True,
    dash_needs_blank=True,
    code_comments=True,
)
LEXIS_QUOTES = Lexis(
    strings="'\"",
    names="`",
    hash_comments=True,
    dash_needs_blank=True,
    code_comments=True,
)
LEXIS_QUOTES_BACKSLASH = Lexis(
    strings="'\"",
    names="`",
    backslash="'\"",
    hash_comments=True,
    dash_needs_blank=True,
    code_comments=True,
)

DIALECT = Dialect(
    name="mysql",
    placeholder="literal",
    lexis=LEXIS,
    # Not the double quote: that one opens a string in a session without ANSI_QUOTES,
    # in which even a backslash could end it. The backtick means one thing in all modes.
    identifier_quote="`",
    encoders=ENCODERS,
    identity_column="BIGINT PRIMARY KEY AUTO_INCREMENT",
    supports_lastrowid=True,
    supports_isolation=frozenset(
        ["read uncommitted", "read committed", "repeatable read", "serializable"]
    ),
)
MARIADB = replace(DIALECT, flavor="mariadb", supports_returning=True)

# MariaDB 10 and 11 say 5.5.5 first, for the sake of old replicas.
_VERSION = re.compile(
    r"(?:5\.5\.5-(?=\d+\.\d+.*MariaDB))?(\d+(?:\.\d+)*)", re.IGNORECASE
)


def lexis_for(sql_mode: str) -> Lexis:
    r"""Return how a session with this `sql_mode` reads its texts.

    Args:
        sql_mode: what the server answers to `SELECT @@sql_mode`.

    Returns:
        One of the four constants of this file.

    Example:
        >>> lexis_for("ANSI_QUOTES,NO_BACKSLASH_ESCAPES") is LEXIS
        True
        >>> lexis_for("").backslash
        '\'"'
    """
    modes = sql_mode.upper().split(",")
    if "ANSI_QUOTES" in modes:
        return LEXIS if "NO_BACKSLASH_ESCAPES" in modes else LEXIS_BACKSLASH
    if "NO_BACKSLASH_ESCAPES" in modes:
        return LEXIS_QUOTES
    return LEXIS_QUOTES_BACKSLASH


def server_dialect(version: str) -> Dialect:
    """Return the dialect of the server that calls itself `version`.

    Args:
        version: the version in the server's greeting.

    Returns:
        `DIALECT` or `MARIADB` with the version as numbers.

    Example:
        >>> dialect = server_dialect("5.5.5-10.11.6-MariaDB-log")
        >>> dialect.flavor, dialect.server_version
        ('mariadb', (10, 11, 6))
    """
    match = _VERSION.match(version)
    numbers = tuple(int(n) for n in match[1].split(".")) if match else ()
    kind = MARIADB if "mariadb" in version.lower() else DIALECT
    return replace(kind, server_version=numbers)


def in_local_time(dialect: Dialect) -> Dialect:
    """Return the dialect for a session whose time zone is not UTC.

    TIMESTAMP literals have no offset, so an aware datetime has no literal there.
    """
    return replace(dialect, encoders=ENCODERS_LOCAL)
