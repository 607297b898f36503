"""Encoders that make something of a value: an instant in UTC, JSON as a text."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from asyncdb.errors import DataError, InvalidDatetime
from asyncdb.values.encoding import integer, text, type_name


def instant(value: datetime) -> datetime:
    """Return a `datetime` as it is when naive, else in UTC.

    Raises:
        InvalidDatetime: it is beyond year 1 or 9999 in UTC.
    """
    if value.tzinfo is None:
        return value
    try:
        return value.astimezone(UTC)
    except OverflowError:
        message = "a datetime beyond year 1 or 9999 in UTC"
        raise InvalidDatetime(message) from None


def json_text(value: Any) -> str:
    """Return the JSON of a dict or list of JSON's own types.

    Raises:
        DataError: it holds what JSON lacks (NaN, keys that are no `str`, other types)
            or what `integer` and `text` refuse.
    """
    try:
        _check_json(value)
        return json.dumps(value, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        message = f"a {type_name(type(value))} that is not JSON: {_why(error)}"
        raise DataError(message) from None


def _check_json(value: Any) -> None:
    # json.dumps would write the key 1 as "1", and lose one of the two.
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                message = f"a key of type {type_name(type(key))}"
                raise TypeError(message)
            text(key)
            _check_json(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_json(item)
    elif isinstance(value, str):
        text(value)
    elif isinstance(value, int):
        integer(value)


def _why(error: Exception) -> str:
    # Ours and json's own words name types alone.
    return str(error) if isinstance(error, TypeError) else type(error).__name__
