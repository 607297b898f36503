"""Options that several commands have, and values written as text."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import typer

import asyncdb

Url = Annotated[
    str,
    typer.Option(
        "--url",
        "-u",
        envvar="ASYNCDB_URL",
        help="Where the database is, such as postgresql://ann@db/shop.",
        show_default=False,
        metavar="URL",
    ),
]
Ask = Annotated[bool, typer.Option("--password", "-W", help="Ask for the password.")]


def _bool(text: str) -> bool:
    found = {"true": True, "1": True, "false": False, "0": False}.get(text.lower())
    if found is None:
        raise ValueError
    return found


_TYPES: dict[str, Callable[[str], Any]] = {
    "text": str,
    "int": int,
    "float": float,
    "decimal": Decimal,
    "bool": _bool,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "datetime": datetime.fromisoformat,
    "uuid": UUID,
    "json": json.loads,
    "bytes": bytes.fromhex,
}
_INTEGER = re.compile(r"-?(?:0|[1-9]\d{0,18})")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)\.\d+(?:[eE][+-]?\d+)?")
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None}


def read_value(text: str) -> Any:
    """Return the value that an argument means.

    Args:
        text: `7` is an int, `7.5` a float, `true`, `false` and `null` are what they
            say, and everything else is text; `decimal:7.5`, `date:2024-02-29` or
            `text:7` says which type it is of.

    Raises:
        BadParameter: it is not of the type that it names.

    Example:
        >>> read_value("7"), read_value("007"), read_value("text:7"), read_value("null")
        (7, '007', '7', None)
    """
    kind, colon, rest = text.partition(":")
    if kind == "env" and rest.startswith("ASYNCDB_HIDDEN_URL_"):
        # A value that looked like a URL with a password: it is meant as it was given.
        return os.environ.get(rest, text)
    if colon and kind in _TYPES:
        try:
            return _TYPES[kind](rest)
        except (ValueError, ArithmeticError):
            # Not what stands there: it may be a secret.
            message = f"a value behind {kind}: is not one"
            raise typer.BadParameter(message) from None
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text


def read_params(values: Iterable[str], named: Iterable[str]) -> Any:
    """Return parameters: of values a list for `?`, of `name=value` a dict for `:name`.

    Raises:
        BadParameter: there are both, or one has no name.

    Example:
        >>> read_params(["1"], []), read_params([], ["a=x"]), read_params([], [])
        ([1], {'a': 'x'}, None)
    """
    found: dict[str, Any] = {}
    for one in named:
        name, equals, text = one.partition("=")
        if not equals or not name.isidentifier():
            raise typer.BadParameter("-p takes name=value")
        found[name] = read_value(text)
    given = [read_value(one) for one in values]
    if given and found:
        raise typer.BadParameter("values for ? and -p name=value do not go together")
    return found or given or None


def shown_version(dialect: asyncdb.Dialect) -> str:
    """Return the product and its version, such as `mariadb 10.11.6`."""
    numbers = ".".join(map(str, dialect.server_version))
    return f"{dialect.flavor or dialect.name} {numbers}".rstrip()
