"""The type that a value names when its place names none, as a literal's would be.

A whole number is `int4` when it fits and `int8` when it does not, as one written into
the text is: `substr(text, int8)` and `date + int8` do not exist. A list is JSON, as it
is on every engine, or an array where only one will do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from typing import Any
from uuid import UUID

# The kind of a value: a type of PostgreSQL's, "" for one that names none.
Kinds = tuple[str, ...]

NUMBERS = frozenset(["int4", "int8", "numeric", "float8"])
_ARRAY = "[]"


def _integer(value: int) -> str:
    return "int4" if -(2**31) <= value < 2**31 else "int8"


def _moment(value: datetime) -> str:
    return "timestamp" if value.tzinfo is None else "timestamptz"


def _array(values: Iterable[Any]) -> str:
    """Return the array's type, `jsonb` for a list that none can hold."""
    found = ""
    for value in values:
        kind = _element(value)
        merged = merge_kinds(found, kind)
        if merged is None or kind == "jsonb":
            return "jsonb"
        found = merged
    return (found or "text") + _ARRAY


def _element(value: Any) -> str:
    """Return the kind of an element; an array in an array has the same elements."""
    return kind_of(value).removesuffix(_ARRAY)


_KINDS: Mapping[type, str | Callable[[Any], str]] = {
    bool: "boolean",
    int: _integer,
    float: "float8",
    Decimal: "numeric",
    str: "text",
    **dict.fromkeys([bytes, bytearray, memoryview], "bytea"),
    date: "date",
    time: "time",
    datetime: _moment,
    timedelta: "interval",
    dict: "jsonb",
    **dict.fromkeys([list, tuple, set, frozenset, range], _array),
    **dict.fromkeys([IPv4Address, IPv6Address, IPv4Interface, IPv6Interface], "inet"),
    **dict.fromkeys([IPv4Network, IPv6Network], "cidr"),
}

_BASES = ((float, "float8"), (Decimal, "numeric"), (UUID, "uuid"))


def kind_of(value: Any) -> str:
    """Return the type that a value names, "" when it names none.

    Args:
        value: an encoded one.

    Example:
        >>> [kind_of(value) for value in (1, 2**40, "a", None, [1, 2**40], [1, {}])]
        ['int4', 'int8', 'text', '', 'int8[]', 'jsonb']
    """
    kind = _KINDS.get(type(value))
    if kind is None:  # a driver's own kind of one of these
        found = (name for base, name in _BASES if isinstance(value, base))
        return next(found, "")
    return kind if isinstance(kind, str) else kind(value)


def kinds_of(values: Sequence[Any]) -> Kinds:
    """Return the kinds of the values of one call."""
    return tuple(map(kind_of, values))


def merge_kinds(one: str, other: str) -> str | None:
    """Return the kind that two values of a column can share, `None` if there is none.

    Example:
        >>> merge_kinds("int4", "int8"), merge_kinds("", "text"), merge_kinds("a", "b")
        ('int8', 'text', None)
    """
    if one == other or not other:
        return one
    if not one:
        return other
    return _WIDER.get(frozenset((one, other)))


_WIDER = {
    frozenset(("int4", "int8")): "int8",
    frozenset(("int4[]", "int8[]")): "int8[]",
}


def runs(
    rows: Sequence[Sequence[Any]],
) -> list[tuple[Sequence[Any], list[Sequence[Any]]]]:
    """Divide rows into those in a row that one statement serves, kind by kind.

    Returns:
        For each part a row whose values have the kinds of all its rows, and the rows.

    Example:
        >>> runs([[None], [1], ["a"]])
        [([1], [[None], [1]]), (['a'], [['a']])]
    """
    found: list[tuple[Sequence[Any], list[Sequence[Any]]]] = []
    current: list[str] = []
    for row in rows:
        kinds = kinds_of(row)
        merged = [merge_kinds(*pair) for pair in zip(current, kinds, strict=False)]
        if not found or None in merged:
            current = list(kinds)
            found.append((list(row), [row]))
            continue
        sample, part = found[-1]
        for index, kind in enumerate(merged):
            if kind != current[index]:
                current[index] = kind or ""
                sample[index] = row[index]  # type: ignore[index]  # it is our list
        part.append(row)
    return found


def array_or_json(kind: str, *, arrays: bool) -> str:
    """Return what a list is cast to."""
    return kind if arrays or not kind.endswith(_ARRAY) else "jsonb"
