"""What is true of MySQL and of MariaDB: dialects, quoting modes, versions."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import time, timedelta

from asyncdb.dialect import STANDARD_VERBS, STANDARD_WORDS, Dialect, Lexis
from asyncdb.dialects.mysql.columns import TYPES
from asyncdb.dialects.mysql.literals import ENCODERS, ENCODERS_LOCAL
from asyncdb.values.conversions import JSON_TEXT, time_of_day, zero_or_one

# Four ways to read a text, by two switches of `sql_mode`: whether "..." is a name
# (ANSI_QUOTES) or a string, and whether strings have backslash escapes (no
# NO_BACKSLASH_ESCAPES). Quoted names never have them.
LEXIS = Lexis(
    names='"`',
    hash_comments=True,
    dash_needs_blank=True,
    code_comments=True,
    compounds=frozenset({"BEGIN", "CASE", "FOR", "IF", "LOOP", "REPEAT", "WHILE"}),
    delimiter_lines=True,
)
LEXIS_BACKSLASH = replace(LEXIS, backslash="'")
LEXIS_QUOTES = replace(LEXIS, strings="'\"", names="`")
LEXIS_QUOTES_BACKSLASH = replace(LEXIS_QUOTES, backslash="'\"")

HARMLESS_VERBS = STANDARD_VERBS | {
    *("TABLE", "REPLACE", "TRUNCATE", "EXPLAIN", "DESCRIBE", "DESC", "SHOW"),
    *("ANALYZE", "OPTIMIZE", "CHECK", "CHECKSUM", "RENAME"),
}
TOUCHING_WORDS = STANDARD_WORDS | {
    *("GET_LOCK", "RELEASE_LOCK", "RELEASE_ALL_LOCKS", "SQL_CALC_FOUND_ROWS"),
    "ATOMIC",  # BEGIN NOT ATOMIC: a block of statements, SET among them (MariaDB)
}

COLUMN_TYPES = {
    "bool": "BOOLEAN",
    "int": "BIGINT",
    "float": "DOUBLE",
    "Decimal": "DECIMAL(65, 30)",
    "str": "LONGTEXT",
    "bytes": "LONGBLOB",
    "date": "DATE",
    "time": "TIME(6)",
    "datetime, naive": "DATETIME(6)",
    "datetime, aware": "TIMESTAMP(6)",
    "timedelta": "TIME(6)",
    "UUID": "CHAR(36)",
    "dict, list": "JSON",
}

DIALECT = Dialect(
    name="mysql",
    placeholder="literal",
    lexis=LEXIS,
    # Not the double quote: that one opens a string in a session without ANSI_QUOTES,
    # in which even a backslash could end it. The backtick means one thing in all modes.
    identifier_quote="`",
    max_identifier_length=64,
    encoders=ENCODERS,
    # A BOOL is a number and a TIME an interval; JSON may be text.
    decoders={bool: {int: zero_or_one}, time: {timedelta: time_of_day}, **JSON_TEXT},
    type_codes=TYPES,
    column_types=COLUMN_TYPES,
    # In other collations 'a' equals 'A', 'á' or 'a ', also in unique keys.
    text_column="VARCHAR({length}) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin",
    identity_column="BIGINT PRIMARY KEY AUTO_INCREMENT",
    upsert="AS excluded ON DUPLICATE KEY UPDATE {changes}",
    supports_lastrowid=True,
    supports_isolation=frozenset(
        ["read uncommitted", "read committed", "repeatable read", "serializable"]
    ),
    supports_statement_timeout=True,
    supports_notices=True,
    harmless_verbs=HARMLESS_VERBS,
    touching_words=TOUCHING_WORDS,
    touching_mark="@",  # a user variable, which any statement may set
)
MARIADB = replace(
    DIALECT,
    flavor="mariadb",
    text_column="VARCHAR({length}) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
    upsert="ON DUPLICATE KEY UPDATE {changes}",
    upsert_value="VALUES({column})",
    supports_returning=True,
)

# Since when SELECT ... FOR UPDATE takes SKIP LOCKED.
_MYSQL_SKIPS, _MARIADB_SKIPS = (8, 0, 1), (10, 6)

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
        `DIALECT` or `MARIADB` with the version as numbers, and what it brought.

    Example:
        >>> dialect = server_dialect("5.5.5-10.11.6-MariaDB-log")
        >>> dialect.flavor, dialect.server_version
        ('mariadb', (10, 11, 6))
    """
    match = _VERSION.match(version)
    numbers = tuple(int(n) for n in match[1].split(".")) if match else ()
    kind = MARIADB if "mariadb" in version.lower() else DIALECT
    skips = numbers >= (_MARIADB_SKIPS if kind is MARIADB else _MYSQL_SKIPS)
    return replace(kind, server_version=numbers, supports_skip_locked=skips)


def in_local_time(dialect: Dialect) -> Dialect:
    """Return the dialect for a session whose time zone is not UTC.

    TIMESTAMP literals have no offset, so an aware datetime has no literal there.
    """
    return replace(dialect, encoders=ENCODERS_LOCAL)
