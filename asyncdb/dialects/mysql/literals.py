"""Values as SQL literals that no session mode can read in another way.

Rules:

1. Text is printable ASCII without quote and backslash between quotes, else hexadecimal
   (`_utf8mb4 X'...'`): what `sql_mode`, `SET NAMES` and multi-byte character sets do to
   quotes and backslashes finds nothing to act upon. Plain text stays plain because some
   places of the grammar take no introducer, `GROUP_CONCAT(... SEPARATOR ?)` for one.
2. A type without a line here is refused by the core: no `repr` ever becomes a value.
3. A message names the type, never the value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NoReturn
from uuid import UUID

from asyncdb.errors import DataError, InvalidDatetime, InvalidText, NumericOutOfRange
from asyncdb.values.rendering import json_text

_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1
_MICROSECOND = timedelta(microseconds=1)
# DECIMAL has 65 digits; 1E+999999999 would be a gigabyte of zeros.
_DIGITS = 100
# TIME's range in MySQL; MariaDB would take a fraction more.
_TIME_MAX = timedelta(hours=838, minutes=59, seconds=59)


def text(value: str) -> str:
    """Return the literal of a text."""
    if (
        value.isascii()
        and value.isprintable()
        and "'" not in value
        and "\\" not in value
    ):
        return f"'{value}'"
    if "\0" in value:
        _refuse(InvalidText, "a str with a NUL character: PostgreSQL has none of those")
    try:
        return f"_utf8mb4 X'{value.encode().hex()}'"
    except UnicodeEncodeError:
        _refuse(InvalidText, "a str with a lone surrogate, which is no character")


def _integer(value: int) -> str:
    if not _INT_MIN <= value <= _INT_MAX:
        _refuse(NumericOutOfRange, "an int beyond 64 bits; send a Decimal")
    return str(value)


def _float(value: float) -> str:
    shown = repr(value)
    if "n" in shown:  # nan, inf
        _refuse(NumericOutOfRange, "a float that is not finite")
    # Without an exponent it would be a DECIMAL literal.
    return shown if "e" in shown else f"{shown}e0"


def _decimal(value: Decimal) -> str:
    if not value.is_finite() or abs(value.adjusted()) > _DIGITS:
        _refuse(NumericOutOfRange, "a Decimal that is not finite, or so large or small")
    return format(value, "f")


def _binary(value: bytes | bytearray | memoryview) -> str:
    return f"_binary X'{bytes(value).hex()}'"


def _date(value: date) -> str:
    return f"DATE'{value.isoformat()}'"


def _datetime(value: datetime) -> str:
    if value.tzinfo is not None:
        try:
            value = value.astimezone(UTC).replace(tzinfo=None)
        except OverflowError:
            _refuse(InvalidDatetime, "a datetime beyond year 1 or 9999 in UTC")
    return f"TIMESTAMP'{value.isoformat(' ')}'"


def _local_datetime(value: datetime) -> str:
    if value.tzinfo is not None:
        _refuse(
            InvalidDatetime,
            "an aware datetime in a session whose time zone is not UTC: connect with "
            'time_zone="UTC", or send a naive one',
        )
    return f"TIMESTAMP'{value.isoformat(' ')}'"


def _time(value: time) -> str:
    if value.tzinfo is not None:
        _refuse(InvalidDatetime, "an aware time: TIME has no time zone")
    return f"TIME'{value.isoformat()}'"


def _timedelta(value: timedelta) -> str:
    size = abs(value)
    if size > _TIME_MAX:
        _refuse(InvalidDatetime, "a timedelta of more than 838:59:59")
    micros = size // _MICROSECOND
    seconds, micros = divmod(micros, 1_000_000)
    minutes, seconds = divmod(seconds, 60)
    sign = "-" if value < timedelta() else ""
    fraction = f".{micros:06}" if micros else ""
    return f"TIME'{sign}{minutes // 60:02}:{minutes % 60:02}:{seconds:02}{fraction}'"


def _json(value: Any) -> str:
    return text(json_text(value))


def _refuse(kind: type[DataError], what: str) -> NoReturn:
    raise kind(f"MySQL cannot hold {what}") from None


ENCODERS: Mapping[type, Callable[[Any], str]] = {
    type(None): lambda _: "NULL",
    bool: lambda value: "TRUE" if value else "FALSE",
    int: _integer,
    float: _float,
    Decimal: _decimal,
    str: text,
    bytes: _binary,
    bytearray: _binary,
    memoryview: _binary,
    date: _date,
    datetime: _datetime,
    time: _time,
    timedelta: _timedelta,
    UUID: lambda value: f"'{value}'",
    dict: _json,
    list: _json,
}
ENCODERS_LOCAL = {**ENCODERS, datetime: _local_datetime}
