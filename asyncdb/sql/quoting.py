"""Names and patterns made from what a program holds in variables."""

from __future__ import annotations

from collections.abc import Sequence

from asyncdb.dialect import Dialect
from asyncdb.errors import ParameterError


def quote_identifier(name: str | Sequence[str], dialect: Dialect) -> str:
    """Quote the name of a table or column, so that any text is one name.

    Args:
        name: the name, or the parts of a qualified one: `("schema", "table")`.
        dialect: of the connection that will run it: `db.dialect`.

    Returns:
        Text for a statement: `"schema"."table"`.

    Raises:
        ParameterError: the name is empty, holds a NUL, is no text, or is longer than
            the engine keeps: PostgreSQL would cut it, and take it for another one.

    Example:
        >>> from asyncdb.dialect import Dialect
        >>> quote_identifier(("public", 'the "x" one'), Dialect(name="any"))
        '"public"."the ""x"" one"'
    """
    parts = [name] if isinstance(name, str) else list(name)
    if not parts or not all(isinstance(part, str) for part in parts):
        message = "a name is a str, or a sequence of str for a qualified one"
        raise ParameterError(message)
    if not all(parts) or any("\0" in part for part in parts):
        message = "a name may not be empty nor hold a NUL character"
        raise ParameterError(message)
    most, unit = dialect.max_identifier_length, dialect.max_identifier_unit
    if most:
        longest = max(map(_bytes if unit == "bytes" else len, parts))
        if longest > most:
            message = (
                f"a name of {longest} {unit}; this database keeps {most} at most: "
                "shorten it"
            )
            raise ParameterError(message)
    quote = dialect.identifier_quote
    return ".".join(f"{quote}{p.replace(quote, quote * 2)}{quote}" for p in parts)


def _bytes(name: str) -> int:
    """Count the bytes of UTF-8; half a character is refused by the engine."""
    return len(name) if name.isascii() else len(name.encode(errors="surrogatepass"))


def escape_like(text: str, escape: str = "!") -> str:
    """Make LIKE take a text literally: for `LIKE ? ESCAPE '!'`.

    The escape character is written in the statement, because engines differ in the one
    they have without it (PostgreSQL a backslash, SQLite none).

    Args:
        text: what to look for.
        escape: the character that the statement's ESCAPE names.

    Returns:
        The text, to which `%` and `_` may be added as wildcards.

    Raises:
        ParameterError: `escape` is not one character, or is a wildcard.

    Example:
        >>> escape_like("100%_!") + "%"
        '100!%!_!!%'
    """
    if len(escape) != 1 or escape in "%_":
        message = "escape is one character, neither % nor _"
        raise ParameterError(message)
    for special in (escape, "%", "_"):
        text = text.replace(special, escape + special)
    return text
