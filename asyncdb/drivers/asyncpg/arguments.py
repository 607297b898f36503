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
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from operator import itemgetter
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
from asyncdb.errors import DataError

# pg_type.oid
_INTEGERS = frozenset([20, 21, 23])
_TIMESTAMPTZ, _TIMESTAMPTZ_ARRAY = 1184, 1185

_OWN = (
    asyncpg.Range, BitString, Box, Circle, Line, LineSegment, Path, Point, Polygon,
)  # fmt: skip
_LONGEST = 2**63
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
FRACTIONAL = frozenset([float, Real, Decimal, Exact])

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


def whole(value: Any) -> int | None:
    """Return the whole number of up to 64 bits that a number is, `None` if it is none.

    Example:
        >>> whole(7.0), whole(Decimal("7.5")), whole(1e300), whole("7")
        (7, None, None, None)
    """
    if type(value) not in FRACTIONAL or not -_LONGEST <= value < _LONGEST:
        return None
    numerator, denominator = value.as_integer_ratio()
    return int(numerator) if denominator == 1 else None


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


def integers(oids: Sequence[int]) -> list[int]:
    """Return the indexes of the parameters that are whole numbers."""
    return [index for index, oid in enumerate(oids) if oid in _INTEGERS]


def types_at(rows: Sequence[Sequence[Any]], index: int) -> set[type]:
    """Return the types of the values that rows have at an index."""
    return set(map(type, map(itemgetter(index), rows)))


def with_whole(
    rows: Sequence[Sequence[Any]], indexes: Iterable[int], before: int = 0
) -> Sequence[Sequence[Any]]:
    """Return rows with whole numbers for fractions that are, at some indexes.

    Args:
        rows: the rows.
        indexes: where the server takes whole numbers alone.
        before: how many rows there were before these, to number one in an error.

    Raises:
        DataError: one is none.
    """
    found = [i for i in indexes if not types_at(rows, i).isdisjoint(FRACTIONAL)]
    if not found:
        return rows
    made = [list(row) for row in rows]
    for number, row in enumerate(made, before + 1):
        for index in found:
            if type(row[index]) in FRACTIONAL:
                row[index] = whole(row[index])
                if row[index] is None:
                    message = (
                        f"row {number}, parameter {index + 1}: a fraction where the "
                        "server expects a whole number"
                    )
                    raise DataError(message)
    return made


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
