"""SQL text and its parameters: read once, rewritten for the driver, never guessed."""

from asyncdb.sql.lists import Expand, expand, spread
from asyncdb.sql.memberships import refuse_lists, refuse_lists_in_rows
from asyncdb.sql.parameters import arguments, prepare, style_of
from asyncdb.sql.quoting import escape_like, quote_identifier
from asyncdb.sql.reading import SQLText, read_sql
from asyncdb.sql.sanitizing import sanitize
from asyncdb.sql.scripts import Piece, split_script
from asyncdb.sql.statement import Statement, Style, touches
from asyncdb.sql.templates import Template, read_template

__all__ = [
    "Expand",
    "Piece",
    "SQLText",
    "Statement",
    "Style",
    "Template",
    "arguments",
    "escape_like",
    "expand",
    "prepare",
    "quote_identifier",
    "read_sql",
    "read_template",
    "refuse_lists",
    "refuse_lists_in_rows",
    "sanitize",
    "split_script",
    "spread",
    "style_of",
    "touches",
]
