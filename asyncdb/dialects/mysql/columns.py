"""Column values as they come over the wire, as Python values: whole columns at a time.

The text protocol sends each value as characters. A decoder takes one column's values
(`bytes`, or `None` for NULL) and gives the list of what they mean; working by column
leaves the loop to C. Decoders run after the whole answer was read, so one that fails
leaves the connection as clean as before.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from asyncdb.errors import DataError, InvalidDatetime, InvalidText

Raw = list[bytes | None]
Decoder = Callable[[Raw], list[Any]]

# https://dev.mysql.com/doc/dev/mysql-server/latest/field__types_8h.html
TIMESTAMP, DATE, TIME, DATETIME = 7, 10, 11, 12
_BIT, _JSON, _VECTOR, _GEOMETRY = 16, 245, 242, 255
_INTEGERS = frozenset([1, 2, 3, 8, 9, 13])  # TINY SHORT LONG LONGLONG INT24 YEAR
_FLOATS = frozenset([4, 5])
_DECIMALS = frozenset([0, 246])

_BINARY = 63  # the "character set" of what is no text
# Collations of character sets other than utf8mb4, utf8mb3 and ascii, as they are sent
# after somebody's SET NAMES.
_FOREIGN = (
    frozenset(range(1, 100)) - {11, 33, 45, 46, 63, 65, 76, 83}
) | {248, 249, 250}


def decoder(kind: int, charset: int, *, utc: bool) -> Decoder:
    """Return the decoder for a column.

    Args:
        kind: the field type's number in the column's definition.
        charset: the collation's number there.
        utc: the session's time zone is UTC, so a TIMESTAMP is an instant.

    Returns:
        A function from the column's raw values to Python's. A BIT is an `int`.
    """
    if kind in _INTEGERS:
        return partial(_each, int)
    if kind in _FLOATS:
        return partial(_each, float)
    if kind in _DECIMALS:
        return partial(_each_text, Decimal)
    if kind == TIMESTAMP and utc:
        return partial(_each_text, _instant)
    found = _OTHERS.get(kind)
    if found is not None:
        return found
    if charset == _BINARY:
        return list
    return _foreign if charset in _FOREIGN else partial(_each, bytes.decode)


def decode(name: str, decode_column: Decoder, raw: Raw) -> list[Any]:
    """Decode one column.

    Args:
        name: the column's, for the error.
        decode_column: its decoder.
        raw: its values.

    Returns:
        The values.

    Raises:
        DataError: a value that Python's type cannot hold; names the column only.
    """
    try:
        return decode_column(raw)
    except UnicodeDecodeError as error:
        kind: type[DataError] = InvalidText
        what = f"bytes that are not {error.encoding}; the session must be in utf8mb4"
    except (ValueError, OverflowError, ArithmeticError):
        kind, what = DataError, "a value that Python's type for it cannot hold"
        if decode_column in _DATED or getattr(decode_column, "args", ()) == (_instant,):
            kind, what = InvalidDatetime, "a date that does not exist, such as 0000-00-00"
    raise kind(f"column {name} holds {what}", columns=(name,)) from None


def _each(convert: Callable[[Any], Any], raw: Raw) -> list[Any]:
    try:
        return list(map(convert, raw))
    except TypeError:  # there are NULLs
        return [None if value is None else convert(value) for value in raw]


def _each_text(convert: Callable[[str], Any], raw: Raw) -> list[Any]:
    try:
        return list(map(convert, map(bytes.decode, raw)))  # type: ignore[arg-type]  # NULLs
    except TypeError:
        return [None if value is None else convert(value.decode()) for value in raw]


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text + "+00:00")


def _interval(text: str) -> timedelta:
    hours, minutes, seconds = text.lstrip("-").split(":")
    whole, _, fraction = seconds.partition(".")
    found = timedelta(
        hours=int(hours),
        minutes=int(minutes),
        seconds=int(whole),
        microseconds=int(fraction.ljust(6, "0")) if fraction else 0,
    )
    return -found if text[0] == "-" else found


def _foreign(raw: Raw) -> list[Any]:
    """Text in a character set that we do not speak: ASCII is the same in nearly all."""
    return [None if value is None else value.decode("ascii") for value in raw]


def _bits(raw: Iterable[bytes | None]) -> list[Any]:
    return [None if value is None else int.from_bytes(value, "big") for value in raw]


_DATED = (
    partial(_each_text, date.fromisoformat),
    partial(_each_text, datetime.fromisoformat),
)
_OTHERS: dict[int, Decoder] = {
    DATE: _DATED[0],
    14: _DATED[0],  # NEWDATE
    DATETIME: _DATED[1],
    TIMESTAMP: _DATED[1],
    TIME: partial(_each_text, _interval),
    _BIT: _bits,
    _JSON: partial(_each_text, json.loads),
    _VECTOR: list,
    _GEOMETRY: list,
}
