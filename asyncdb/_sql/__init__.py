"""SQL text and its parameters: read once, rewritten for the driver, never guessed."""

from asyncdb._sql.lists import Expand, expand, spread
from asyncdb._sql.parameters import arguments, prepare, style_of
from asyncdb._sql.quoting import escape_like, quote_identifier
from asyncdb._sql.statement import Statement, Style
from asyncdb._sql.templates import Template, read_template

__all__ = [
    "Expand",
    "Statement",
    "Style",
    "Template",
    "arguments",
    "escape_like",
    "expand",
    "prepare",
    "quote_identifier",
    "read_template",
    "spread",
    "style_of",
]
