"""What asyncpg takes for parameters, and what it would take in a way of its own.

asyncpg reads a naive datetime, or a date, for a `timestamptz` in the zone of this
machine. On every engine naive means UTC, the session's zone, so such values are made
aware wherever the server says that it expects an instant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

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

# pg_type.oid
_TIMESTAMPTZ, _TIMESTAMPTZ_ARRAY = 1184, 1185

_OWN = (
    asyncpg.Range, BitString, Box, Circle, Line, LineSegment, Path, Point, Polygon,
)  # fmt: skip
ENCODERS: Mapping[type, Any] = {**DIALECT.encoders, **dict.fromkeys(_OWN)}

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
