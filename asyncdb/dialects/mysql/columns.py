"""Column values as they come over the wire, as Python values.

The text protocol sends each value as characters, or as nothing for NULL. Many rows are
decoded a column at a time, which leaves the loop to C; few rows one by one, which has
nothing to set up.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import repeat
from operator import add
from typing import Any, NamedTuple

from asyncdb.errors import DataError, InvalidDatetime, InvalidText
from asyncdb.values.rows import Row, make_rows

Raw = list[bytes | None]

# https://dev.mysql.com/doc/dev/mysql-server/latest/field__types_8h.html
TIMESTAMP = 7
_DATE, _TIME, _DATETIME, _NEW_DATE = 10, 11, 12, 14
_BIT, _JSON, _VECTOR, _GEOMETRY = 16, 245, 242, 255
_INTEGERS = frozenset([1, 2, 3, 8, 9, 13])  # TINY SHORT LONG LONGLONG INT24 YEAR
_FLOATS = frozenset([4, 5])
_DECIMALS = frozenset([0, 246])

_BINARY = 63  # the "character set" of what is no text
# Collations of character sets other than utf8mb4, utf8mb3 and ascii, as they are sent
# after somebody's SET NAMES; those with the numbers above are all utf8mb4.
_UTF8 = frozenset([11, 33, 45, 46, 65, 76, 83])
_FOREIGN = (frozenset(range(1, 100)) - _UTF8 - {_BINARY}) | {248, 249, 250}


class Decoder(NamedTuple):
    """How a column's values become Python's.

    Args:
        convert: from a value that is not NULL; `None` for as it is.
        from_text: `convert` takes a `str`, not the `bytes`.
    """

    convert: Callable[[Any], Any] | None
    from_text: bool = False


def decoder(kind: int, charset: int, *, utc: bool) -> Decoder:
    """Return the decoder for a column.

    Args:
        kind: the field type's number in the column's definition.
        charset: the collation's number there.
        utc: the session's time zone is UTC, so a TIMESTAMP is an instant.

    Returns:
        How its values are decoded. A BIT becomes an `int`.
    """
    if kind in _INTEGERS:
        return _INTEGER
    if kind == TIMESTAMP and utc:
        return _INSTANT
    found = _OTHERS.get(kind)
    if found is not None:
        return found
    if charset == _BINARY:
        return _AS_IT_IS
    return _ASCII if charset in _FOREIGN else _TEXT


class RowDecoder:
    """Makes rows of raw values.

    Args:
        names: the columns' names.
        decoders: the columns' decoders.
        make: the rows' class.
    """

    _FEW = 4

    def __init__(
        self,
        names: tuple[str, ...],
        decoders: list[Decoder],
        make: Callable[[Any], Row],
    ) -> None:
        self._names = names
        self._decoders = decoders
        self._make = make

    def rows(self, values: Raw) -> list[Row]:
        """Make rows.

        Args:
            values: those of all columns of the first row, then of the second, ...

        Returns:
            The rows.

        Raises:
            DataError: a value that Python's type cannot hold; names the column only.
        """
        width = len(self._names)
        if len(values) <= width * self._FEW:
            try:
                return [
                    self._make(self._values(values[i : i + width]))
                    for i in range(0, len(values), width)
                ]
            except _FAILURES:
                pass  # the other way finds the column
        columns = [
            _column(name, found, values[i::width])
            for i, (name, found) in enumerate(
                zip(self._names, self._decoders, strict=True)
            )
        ]
        return make_rows(self._make, zip(*columns, strict=True))

    def _values(self, values: Raw) -> list[Any]:
        return [
            value
            if value is None or convert is None
            else convert(value.decode() if from_text else value)
            for value, (convert, from_text) in zip(values, self._decoders, strict=True)
        ]


# From a column of a type that does not fit, or one that was damaged.
_FAILURES = (ValueError, ArithmeticError)


def _column(name: str, found: Decoder, raw: Raw) -> list[Any]:
    """Decode one column."""
    convert, from_text = found
    if convert is None:
        return raw
    try:
        try:
            source = map(bytes.decode, raw) if from_text else raw  # type: ignore[arg-type]  # NULL
            return list(map(convert, source))
        except TypeError:  # there are NULLs
            return [
                None if v is None else convert(v.decode() if from_text else v)
                for v in raw
            ]
    except UnicodeDecodeError:
        kind: type[DataError] = InvalidText
        what = "text that is not UTF-8: the session must be in utf8mb4"
    except _FAILURES:
        kind, what = DataError, "a value that Python's type for it cannot hold"
        if found in _DATED:
            kind, what = InvalidDatetime, "a date that is none, such as 0000-00-00"
    raise kind(f"column {name} holds {what}", columns=(name,)) from None


class ColumnDecoder:
    """Decodes columns whose text was taken for Latin-1; says not what is wrong.

    Args:
        decoder: the column's.

    Attributes:
        from_text: the column is given as text, not as bytes.
        takes_text: it may be given so.
    """

    def __init__(self, decoder: Decoder) -> None:
        self._convert = decoder.convert
        self.from_text = decoder.convert is bytes.decode or decoder.from_text
        self.takes_text = self.from_text or decoder.convert in (int, float)

    def of(self, column: list[Any], *, ready: bool) -> list[Any]:
        """Return the values, `None` where they are.

        Args:
            column: the raw ones.
            ready: they are text, and not only taken for Latin-1.

        Raises:
            Exception: one cannot be decoded.
        """
        convert = self._convert
        if self.from_text:
            if not ready:
                column = _characters(column)
            if convert is bytes.decode:
                return column
        if convert is None:
            return column
        try:
            if convert is _instant:
                zoned = map(add, column, repeat("+00:00"))
                return list(map(datetime.fromisoformat, zoned))
            return list(map(convert, column))
        except (TypeError, AttributeError):  # there are NULLs
            return [None if v is None else convert(v) for v in column]


def _characters(column: list[Any]) -> list[Any]:
    """Make text of what is UTF-8, and was taken for Latin-1."""
    try:
        joined = "\0".join(column)
    except TypeError:  # there are NULLs
        pass
    else:
        if joined.isascii():
            return column
        found = joined.encode("latin-1").decode().split("\0")
        if len(found) == len(column):  # none of them has a NUL
            return found
    return [
        v if v is None or v.isascii() else v.encode("latin-1").decode() for v in column
    ]


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


def _ascii(value: bytes) -> str:
    """Text in a character set that we do not speak: its ASCII is the same in most."""
    return str(value, "ascii")


def _bits(value: bytes) -> int:
    return int.from_bytes(value, "big")


_INTEGER, _FLOAT = Decoder(int), Decoder(float)
_AS_IT_IS, _TEXT, _ASCII = Decoder(None), Decoder(bytes.decode), Decoder(_ascii)
_DECIMAL = Decoder(Decimal, from_text=True)
_INSTANT = Decoder(_instant, from_text=True)
_DAY = Decoder(date.fromisoformat, from_text=True)
_MOMENT = Decoder(datetime.fromisoformat, from_text=True)
# The types that tell what Python type their values have, whatever the character set.
TYPES: dict[int, type] = {
    **dict.fromkeys(_INTEGERS, int),
    **dict.fromkeys(_FLOATS, float),
    **dict.fromkeys(_DECIMALS, Decimal),
    **dict.fromkeys((_DATE, _NEW_DATE), date),
    **dict.fromkeys((_DATETIME, TIMESTAMP), datetime),
    _TIME: timedelta,
    _BIT: int,
}
_DATED = (_DAY, _MOMENT, _INSTANT)
_OTHERS: dict[int, Decoder] = {
    **dict.fromkeys(_FLOATS, _FLOAT),
    **dict.fromkeys(_DECIMALS, _DECIMAL),
    _DATE: _DAY,
    _NEW_DATE: _DAY,
    _DATETIME: _MOMENT,
    TIMESTAMP: _MOMENT,
    _TIME: Decoder(_interval, from_text=True),
    _BIT: Decoder(_bits),
    _JSON: Decoder(json.loads, from_text=True),
    _VECTOR: _AS_IT_IS,
    _GEOMETRY: _AS_IT_IS,
}
