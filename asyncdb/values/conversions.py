"""How values of one type become another's, without loss: data, no engine.

A table says for each type that an annotation may name which types of values it is made
from, and how; `None` stands for as it is. `PORTABLE` is what holds everywhere; a
dialect's `decoders` add the forms in which its engine keeps what it has no type for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

Convert: TypeAlias = Callable[[Any], Any]
Sources: TypeAlias = Mapping[type, Convert | None]

_MIDNIGHT = datetime(1, 1, 1)  # noqa: DTZ001  # a place to add a timedelta to
_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)


class MisfitError(ValueError):
    """A value that does not fit; the message names types, never the value."""


def exact_float(value: int) -> float:
    """Return an `int` as the `float` that equals it."""
    try:
        found = float(value)
    except OverflowError:
        found = 0.0
    if found != value:
        raise MisfitError
    return found


def finite_decimal(value: str) -> Decimal:
    """Return the `Decimal` that a text spells."""
    found = Decimal(value)
    if not found.is_finite():
        raise MisfitError
    return found


def utc(value: str) -> datetime:
    """Return the `datetime` of an ISO text: aware in UTC when it has an offset."""
    found = datetime.fromisoformat(value)
    return found if found.tzinfo is None else found.astimezone(UTC)


# The `bool` of an engine without one: no Python code for each value.
zero_or_one: Convert = {0: False, 1: True}.__getitem__


def microseconds(value: int) -> timedelta:
    """Return the `timedelta` of its microseconds."""
    return value * _MICROSECOND


def time_of_day(value: timedelta) -> time:
    """Return the `time` of a span since midnight (MySQL's TIME is both)."""
    if not timedelta(0) <= value < _DAY:
        raise MisfitError
    return (_MIDNIGHT + value).time()


def json_object(value: str) -> dict[str, Any]:
    """Return the object of a JSON text."""
    found = json.loads(value)
    if type(found) is not dict:
        raise MisfitError
    return found


def json_array(value: str) -> list[Any]:
    """Return the array of a JSON text."""
    found = json.loads(value)
    if type(found) is not list:
        raise MisfitError
    return found


def plain_uuid(value: UUID) -> UUID:
    """Return a driver's own kind of UUID as exactly `uuid.UUID`."""
    return UUID(int=value.int)


def uuid_of_bytes(value: bytes) -> UUID:
    """Return the UUID of its 16 bytes."""
    return UUID(bytes=value)


PORTABLE: Mapping[type, Sources] = {
    bool: {bool: None},
    int: {int: None},
    float: {float: None, int: exact_float},
    Decimal: {Decimal: None, int: Decimal, str: finite_decimal},
    str: {str: None},
    bytes: {bytes: None},
    date: {date: None, str: date.fromisoformat},
    datetime: {datetime: None, str: utc},
    time: {time: None, str: time.fromisoformat},
    timedelta: {timedelta: None},
    UUID: {UUID: None, str: UUID, bytes: uuid_of_bytes},
    dict: {dict: None},
    list: {list: None},
    # Of PostgreSQL: arrays come as lists, rows as tuples.
    tuple: {tuple: None, list: tuple},
    set: {set: None, list: set},
    frozenset: {frozenset: None, list: frozenset},
}

# Where JSON is text to the client.
JSON_TEXT: Mapping[type, Sources] = {dict: {str: json_object}, list: {str: json_array}}


def same(value: Any) -> Any:
    """Return the value as it is."""
    return value


class Found(dict[type, Convert]):
    """The sources of one type, completed by the subclasses met on the way.

    `None` may stand for a function there: the value fits as it is.
    """

    def __init__(self, sources: Sources) -> None:
        super().__init__()
        self.add(sources)

    def add(self, sources: Sources) -> None:
        """Take in more, which go before those that are there."""
        self.update({kind: how or same for kind, how in sources.items()})

    def __missing__(self, kind: type) -> Convert:
        """Find how a driver's own subclass of a type converts, once."""
        if kind is bool or kind is datetime:
            raise MisfitError  # neither a number nor a date, whatever its bases say
        for base in kind.__mro__[1:-1]:
            if base in self.keys():
                convert = self[base]
                if convert is same and base is UUID:
                    convert = plain_uuid
                self[kind] = convert
                return convert
        raise MisfitError


def table_of(decoders: Mapping[type, Sources]) -> dict[type, Found]:
    """Complete a dialect's decoders by what holds everywhere."""
    table = {kind: Found(sources) for kind, sources in PORTABLE.items()}
    for kind, sources in decoders.items():
        table.setdefault(kind, Found({})).add(sources)
    return table
