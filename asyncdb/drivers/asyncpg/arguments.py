"""What asyncpg takes for parameters, and what it would take in a way of its own.

asyncpg reads a naive datetime, or a date, for a `timestamptz` in the zone of this
machine. On every engine naive means UTC, the session's zone, so such values are made
aware wherever the server says that it expects an instant.

It also takes `int()` of any number that is to be a whole one: 10.9 would be equal to
10, and `n * 1.5` be `n`. So floats and decimals go as numbers without an `int()`: where
the server expects a whole number asyncpg refuses them, and another form is looked for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NoReturn

import asyncpg
from asyncpg.pgproto.types import (
    BitString,
    Box,
    Circle,
    Line,
    LineSegment,
    Path,
    Point,
    Polygon,
)

from asyncdb.dialects.postgresql import DIALECT
from asyncdb.dialects.postgresql.numbers import integers, with_whole

# pg_type.oid
_TIMESTAMPTZ, _TIMESTAMPTZ_ARRAY = 1184, 1185

_OWN = (
    asyncpg.Range, BitString, Box, Circle, Line, LineSegment, Path, Point, Polygon,
)  # fmt: skip
_NOT_WHOLE = "a whole number is expected"


class Real(float):
    """A float that is not taken for a whole number in silence."""

    __slots__ = ()
    __module__ = "builtins"

    def __int__(self) -> NoReturn:
        raise TypeError(_NOT_WHOLE)

    @staticmethod
    def all_fit(_: Sequence[float]) -> bool:
        """Let many go as they are: their types are looked at column by column."""
        return True


class Exact(Decimal):
    """A decimal that is not taken for a whole number in silence."""

    __slots__ = ()
    __module__ = "decimal"

    def __int__(self) -> NoReturn:
        raise TypeError(_NOT_WHOLE)


# As errors name them.
Real.__name__ = Real.__qualname__ = "float"
Exact.__name__ = Exact.__qualname__ = "Decimal"

_check_decimal: Callable[[Decimal], Decimal] = DIALECT.encoders[Decimal] or Decimal


def _decimal(value: Decimal) -> Decimal:
    return Exact(_check_decimal(value))


def _all_decimals_fit(values: Sequence[Decimal]) -> bool:
    deque(map(_check_decimal, values), maxlen=0)  # which raises
    return True


_decimal.all_fit = _all_decimals_fit  # type: ignore[attr-defined]

ENCODERS: Mapping[type, Any] = {
    **DIALECT.encoders,
    **dict.fromkeys(_OWN),
    float: Real,
    Decimal: _decimal,
}


Instants = tuple[tuple[int, Callable[[Any], Any]], ...]


def instants(oids: Sequence[int]) -> Instants:
    """Find the parameters that are instants, by the OIDs of their types.

    Returns:
        The index of each, and what makes its value aware.
    """
    how = {_TIMESTAMPTZ: _instant, _TIMESTAMPTZ_ARRAY: _array}
    return tuple((i, how[oid]) for i, oid in enumerate(oids) if oid in how)


def aware(args: Sequence[Any], found: Instants) -> Sequence[Any]:
    """Return arguments with those that are instants made aware."""
    if not found:
        return args
    out = list(args)
    for index, convert in found:
        if index < len(out):  # asyncpg will say that one is missing
            out[index] = convert(out[index])
    return out


def _instant(value: Any) -> Any:
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value


def _array(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_array(item) for item in value]
    return _instant(value)


async def records(
    batches: AsyncIterator[Sequence[Sequence[Any]]], oids: Sequence[int]
) -> AsyncIterator[Sequence[Any]]:
    """Give the rows of COPY, whose columns have these types, one by one."""
    found, whole_ones = instants(oids), integers(oids)
    sent = 0
    async for batch in batches:
        for row in with_whole(batch, whole_ones, sent):
            yield aware(row, found) if found else row
        sent += len(batch)
