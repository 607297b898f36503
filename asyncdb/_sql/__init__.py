"""SQL text and its parameters: read once, rewritten for the driver, never guessed."""

from asyncdb._sql.parameters import arguments, prepare, style_of
from asyncdb._sql.statement import Statement, Style

__all__ = ["Statement", "Style", "arguments", "prepare", "style_of"]
