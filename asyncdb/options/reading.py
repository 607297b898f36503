"""Options from a URL's texts and from keywords, as the fields of a class say.

The fields of the frozen dataclass, with their type hints, are the only place where an
option is declared; the table that is made of them is kept for each class.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import cache
from math import inf
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from asyncdb.errors import URLError
from asyncdb.options.declared import PoolOptions
from asyncdb.options.foreign import ForeignNames, Translated

__all__ = ["option_names", "read_options"]

OptionsT = TypeVar("OptionsT")

_WRONG: Any = object()
_NONE = ForeignNames(meanings={})
_INT = re.compile(r"[0-9]{1,18}")
_FLOAT = re.compile(r"[0-9]{1,18}(\.[0-9]{0,18})?(e[+-]?[0-9]{1,3})?", re.IGNORECASE)
_BOOLS = dict.fromkeys(("true", "1", "yes", "on"), True) | dict.fromkeys(
    ("false", "0", "no", "off"), False
)
# A name out of a URL is repeated in an error only when it looks like an option's name:
# what looks otherwise may be a piece of a password with a raw ? in it.
_PLAIN_NAME = re.compile(r"[a-z][a-z_]{0,39}")


class _Option(NamedTuple):
    """What one field takes.

    Args:
        name: the field's name.
        required: the field has no default.
        optional: `None` is taken.
        timeout: a number must be above 0, not just 0 or more.
        choices: the members of `Literal`.
        types: those of bool, int, float and str that are taken.
        others: classes that only a keyword can give; `object` for hints that are no
            classes.
        prefix: a URL gives it by items whose names begin so, each with a text.
    """

    name: str
    required: bool
    optional: bool
    timeout: bool
    choices: tuple[object, ...]
    types: frozenset[type]
    others: tuple[type, ...]
    prefix: str | None

    def takes(self, *, by_keyword: bool = False) -> str:
        """Say what the option takes, for a message."""
        number = "above 0" if self.timeout else "of 0 or more"
        words = [repr(choice) for choice in self.choices]
        if bool in self.types:
            words.append("true or false")
        if float in self.types:
            words.append(f"a number {number}")
        elif int in self.types:
            words.append(f"a whole number {number}")
        if str in self.types:
            words.append("a text that is not empty")
        if self.others:
            kinds = ", ".join(sorted(kind.__name__ for kind in self.others))
            only = "an object that only a keyword can give"
            if self.prefix:
                only = f"items of their own in a URL: {self.prefix}name=value"
            words.append(f"an object of the type {kinds}" if by_keyword else only)
        if self.optional:
            words.append("none")
        return " or ".join(words)

    def from_text(self, text: str) -> object:
        """Return the value that a URL's text stands for, or `_WRONG`."""
        lower = text.lower()
        for choice in self.choices:
            if text == str(choice):
                return choice
        if self.optional and lower == "none":
            return None
        if bool in self.types and lower in _BOOLS:
            return _BOOLS[lower]
        if int in self.types and _INT.fullmatch(text):
            return self._in_range(int(text))
        if float in self.types and _FLOAT.fullmatch(text):
            return self._in_range(float(text))
        # An empty text is most often a variable that was not set: better an error than
        # "no certificate to trust".
        return text if str in self.types and text else _WRONG

    def from_value(self, value: object) -> object:
        """Return a keyword's value as the field's type, or `_WRONG`."""
        for choice in self.choices:
            if type(value) is type(choice) and value == choice:
                return choice
        if value is None:
            return None if self.optional else _WRONG
        if isinstance(value, bool):
            return value if bool in self.types or object in self.others else _WRONG
        if int in self.types and isinstance(value, int):
            return self._in_range(value)
        if float in self.types and isinstance(value, int | float):
            # Beyond this, float() of an int raises OverflowError.
            return self._in_range(float(value)) if abs(value) < 2**1000 else _WRONG
        if str in self.types and isinstance(value, str):
            return value
        return value if isinstance(value, self.others) else _WRONG

    def _in_range(self, number: float) -> object:
        # False for NaN too.
        fits = 0 <= number < inf and not (self.timeout and number == 0)
        return number if fits else _WRONG


def read_options(
    kind: type[OptionsT],
    url_options: Mapping[str, str],
    keywords: Mapping[str, object],
) -> OptionsT:
    """Make an options object of a URL's query and of keywords.

    Args:
        kind: a frozen dataclass, most often the driver's `options`.
        url_options: texts by name: `DatabaseURL.options`.
        keywords: values by name; they go before those of the URL.

    Returns:
        An object of `kind`; what was not given has its default.

    Raises:
        URLError: a name that `kind` does not have, a value that its field does not take
            (the message does not repeat it), or a required option that is missing.

    Example:
        >>> from asyncdb.options import ServerOptions
        >>> url_options = {"tls": "require", "lock_timeout": "none"}
        >>> options = read_options(ServerOptions, url_options, {"lock_timeout": 2})
        >>> options.tls, options.lock_timeout
        ('require', 2.0)
    """
    table = _table(cast("Any", kind))
    foreign: ForeignNames = getattr(kind, "foreign", _NONE)
    for name in keywords:
        if name not in table:
            raise URLError(_unknown(name, tuple(table), foreign, written=True))
    said = foreign.translate(
        url_options, known=table, has_ca=keywords.get("tls_ca") is not None
    )
    items = _take_items(said, table, foreign)
    values: dict[str, object] = {}
    for name, option in table.items():
        if name in keywords:
            values[name] = option.from_value(keywords[name])
            if values[name] is _WRONG:
                raise URLError(f"option {name!r} takes {option.takes(by_keyword=True)}")
            if name in said.firm and values[name] != said.texts[name]:
                raise URLError(
                    f"{said.firm[name]!r} of the URL needs {name}={said.texts[name]!r},"
                    f" and the keyword {name!r} says something else: leave one out"
                )
        elif name in said.texts:
            values[name] = option.from_text(said.texts[name])
            if values[name] is _WRONG:
                theirs = said.names.get(name)
                shown = f"{theirs!r} (our {name!r})" if theirs else repr(name)
                raise URLError(f"option {shown} takes {option.takes()}")
        elif option.required and name not in items:
            raise URLError(f"option {name!r} must be given: it takes {option.takes()}")
    for name, texts in items.items():
        # A keyword goes before the URL here, too: item by item.
        values[name] = {**texts, **cast("dict[str, str]", values.get(name, {}))}
    return kind(**values)


def _take_items(
    said: Translated, table: Mapping[str, _Option], foreign: ForeignNames
) -> dict[str, dict[str, str]]:
    """Return the texts of options that a URL gives item by item.

    Raises:
        URLError: a name is neither an option's nor an item's.
    """
    prefixes = {option.prefix: name for name, option in table.items() if option.prefix}
    found: dict[str, dict[str, str]] = {}
    for name, text in said.texts.items():
        if name in table:
            continue
        prefix, dot, item = name.partition(".")
        whole = prefixes.get(prefix + dot) if item else None
        if whole is None:
            theirs = said.names.get(name, name)
            raise URLError(_unknown(theirs, tuple(table), foreign, ours=name))
        found.setdefault(whole, {})[item] = text
    return found


def option_names(kind: type[Any]) -> frozenset[str]:
    """Tell which names `read_options` takes for a class.

    Args:
        kind: a dataclass of options.

    Returns:
        The names.

    Example:
        >>> from asyncdb.options import TransactionOptions
        >>> sorted(option_names(TransactionOptions))
        ['deferrable', 'isolation', 'readonly']
    """
    return frozenset(_table(cast("Any", kind)))


def _unknown(
    name: str,
    known: tuple[str, ...],
    foreign: ForeignNames,
    *,
    ours: str = "",
    written: bool = False,
) -> str:
    """Say that an option is not known, and what was perhaps meant.

    Args:
        name: as it was given.
        known: the names that there are.
        foreign: what others call them.
        ours: our name for it, where it is somebody else's.
        written: it is a keyword, which holds no piece of a password.
    """
    meaning = foreign.get(name)
    meant = ours or (meaning.option if meaning else None) or name
    if meant in option_names(PoolOptions):
        other = f" (our {meant!r})" if meant != name else ""
        return (
            f"option {name!r}{other} is for create_pool(), not for a single connection"
        )
    from difflib import get_close_matches  # noqa: PLC0415  # slow, for this alone

    near = [meant] if meant in known else get_close_matches(name, known, n=1)
    shown = f"option {name!r}" if written or _PLAIN_NAME.fullmatch(name) else "option"
    hint = f"; did you mean {near[0]!r}?" if near else ""
    if meaning and meaning.option is None:
        hint = f"; in a URL: {meaning.refusal}"
    return f"unknown {shown}; known: {', '.join(sorted(known)) or 'none'}{hint}"


# Any, here and in the calls: to mypy no class is Hashable, as `cache` wants it.
@cache
def _table(kind: Any) -> dict[str, _Option]:
    hints = get_type_hints(kind, include_extras=True)
    table = {}
    for field in fields(kind):
        if not field.init:
            continue
        single = _flatten(hints[field.name])
        choices = [
            c for hint in single if get_origin(hint) is Literal for c in hint.__args__
        ]
        plain = [hint for hint in single if get_origin(hint) is not Literal]
        types = frozenset(hint for hint in plain if hint in (bool, int, float, str))
        others = [_runtime_class(hint) for hint in plain if hint not in types]
        table[field.name] = _Option(
            name=field.name,
            required=field.default is MISSING and field.default_factory is MISSING,
            optional=NoneType in others or None in choices,
            timeout=field.name.endswith("timeout"),
            choices=tuple(choice for choice in choices if choice is not None),
            types=types,
            others=tuple(other for other in others if other is not NoneType),
            prefix=field.metadata.get("prefix"),
        )
    return table


def _flatten(hint: Any) -> list[Any]:
    """Return the members of a union; `type X = ...` (3.12) and Annotated are opened."""
    while hasattr(hint, "__value__") or get_origin(hint) is Annotated:
        hint = hint.__value__ if hasattr(hint, "__value__") else get_args(hint)[0]
    if get_origin(hint) in (Union, UnionType):
        return [single for member in get_args(hint) for single in _flatten(member)]
    return [hint]


def _runtime_class(hint: Any) -> type:
    found = get_origin(hint) or hint
    return found if isinstance(found, type) else object
