"""How each engine divides text, written a second time for the tests of the lexer."""

from __future__ import annotations

from asyncdb.dialect import Lexis

POSTGRESQL = Lexis(
    escape_strings=True,
    dollar_strings=True,
    nested_comments=True,
    brackets="subscript",
    question_operators=True,
    native_markers=r"\$\d+",
)
# with standard_conforming_strings off
POSTGRESQL_BACKSLASH = Lexis(
    backslash="'",
    escape_strings=True,
    dollar_strings=True,
    nested_comments=True,
    brackets="subscript",
    question_operators=True,
    native_markers=r"\$\d+",
)
# ANSI_QUOTES, NO_BACKSLASH_ESCAPES
MYSQL = Lexis(names='"`', hash_comments=True, dash_needs_blank=True, code_comments=True)
MYSQL_DEFAULT = Lexis(
    strings="'\"",
    names="`",
    backslash="'\"",
    hash_comments=True,
    dash_needs_blank=True,
    code_comments=True,
)
_ID = r"0-9A-Za-z_$\x80-\U0010ffff"
SQLITE = Lexis(
    names='"`',
    brackets="name",
    native_markers=rf"\?\d+|[@$#][{_ID}]+|:[0-9$][{_ID}]*",
)
ALL = {
    "postgresql": POSTGRESQL,
    "postgresql-backslash": POSTGRESQL_BACKSLASH,
    "mysql": MYSQL,
    "mysql-default": MYSQL_DEFAULT,
    "sqlite": SQLITE,
}
