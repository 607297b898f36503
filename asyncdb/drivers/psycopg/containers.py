"""Arrays, ranges and rows, whose parts are values of other types, in binary."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence, Sized
from typing import Any

from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from asyncdb.drivers.psycopg.encoding import Encode, Misfit

_pack_int = struct.Struct("!i").pack
_pack_head = struct.Struct("!iii").pack
_pack_pair = struct.Struct("!ii").pack

_NULL = _pack_int(-1)
# Bits of the byte that a range begins with.
_EMPTY, _LOWER_CLOSED, _UPPER_CLOSED, _NO_LOWER, _NO_UPPER = 1, 2, 4, 8, 16


def _part(value: Any, encode: Encode) -> bytes:
    if value is None:
        return _NULL
    data = encode(value)
    return _pack_int(len(data)) + data


def _is_list(value: Any) -> bool:
    return (
        isinstance(value, Iterable)
        and isinstance(value, Sized)
        and not isinstance(value, str | bytes | bytearray | memoryview | dict)
    )


def array(element: int, encode: Encode) -> Encode:
    """Return how an array is written.

    Args:
        element: the OID of what is in it.
        encode: how that is written.
    """

    def dump(value: Any) -> bytes:
        if not _is_list(value):
            raise Misfit(f"got type '{type(value).__name__}'")
        sizes: list[int] = []
        parts: list[bytes] = []
        _flatten(list(value), 0, sizes, parts, encode)
        if not parts:
            return _pack_head(0, 0, element)
        has_nulls = int(_NULL in parts)
        head = _pack_head(len(sizes), has_nulls, element)
        return head + b"".join([_pack_pair(n, 1) for n in sizes] + parts)

    return dump


def _flatten(
    values: list[Any],
    depth: int,
    sizes: list[int],
    parts: list[bytes],
    encode: Encode,
) -> None:
    """Add the parts of an array; each list of one depth has the same length."""
    if depth == len(sizes):
        sizes.append(len(values))
    elif sizes[depth] != len(values):
        raise ValueError("nested lists of different lengths")
    # A tuple in a list is a row.
    inner = [_is_list(value) and type(value) is not tuple for value in values]
    if not any(inner):
        if depth + 1 < len(sizes):
            raise ValueError("lists of different depths")
        parts.extend(_part(value, encode) for value in values)
        return
    if not all(inner) or (depth + 1 == len(sizes) and parts):
        raise ValueError("lists of different depths")
    for value in values:
        _flatten(list(value), depth + 1, sizes, parts, encode)


def range_of(encode: Encode) -> Encode:
    """Return how a range is written, of values that are written by `encode`."""

    def dump(value: Any) -> bytes:
        if isinstance(value, list | tuple):
            value = Range(*value)
        if not isinstance(value, Range):
            raise Misfit(f"got type '{type(value).__name__}'")
        if value.isempty:
            return bytes([_EMPTY])
        head, bounds = 0, b""
        for bound, none, closed, is_closed in (
            (value.lower, _NO_LOWER, _LOWER_CLOSED, value.lower_inc),
            (value.upper, _NO_UPPER, _UPPER_CLOSED, value.upper_inc),
        ):
            if bound is None:
                head |= none
                continue
            head |= closed if is_closed else 0
            bounds += _part(bound, encode)
        return bytes([head]) + bounds

    return dump


def multirange_of(dump_range: Encode) -> Encode:
    """Return how ranges of ranges are written."""

    def dump(value: Any) -> bytes:
        if not isinstance(value, Multirange | list | tuple):
            raise Misfit(f"got type '{type(value).__name__}'")
        return _pack_int(len(value)) + b"".join(_part(one, dump_range) for one in value)

    return dump


def row_of(fields: Sequence[tuple[int, Callable[[Any], bytes]]]) -> Encode:
    """Return how a row of a composite type is written.

    Args:
        fields: the OID of each column, and how its value is written.
    """

    def dump(value: Any) -> bytes:
        if isinstance(value, str | bytes) or not isinstance(value, Sequence):
            raise Misfit(f"got type '{type(value).__name__}'")
        if len(value) != len(fields):
            raise Misfit("the number of values is not that of its columns")
        parts = [
            _pack_int(oid) + _part(one, encode)
            for one, (oid, encode) in zip(value, fields, strict=True)
        ]
        return _pack_int(len(fields)) + b"".join(parts)

    return dump


def array_text(encode: Encode) -> Encode:
    """Return how an array is written whose elements have a text alone."""

    def literal(value: Any) -> str:
        if value is None:
            return "NULL"
        if _is_list(value):
            return "{" + ",".join(map(literal, value)) + "}"
        quoted = encode(value).decode().replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}"'

    def dump(value: Any) -> bytes:
        if not _is_list(value):
            raise Misfit(f"got type '{type(value).__name__}'")
        return literal(value).encode()

    return dump
