"""A checksum of rows that is the same on every engine, in whatever order they come."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from asyncdb.contrib.copying.schema import Kind

_MOST = 2**128


def decimal_text(value: Decimal) -> str:
    """Return the digits of a Decimal, the same for equal ones.

    Example:
        >>> decimal_text(Decimal("1.500")), decimal_text(Decimal("15E-1"))
        ('1.5', '1.5')
    """
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def json_text(value: str) -> str:
    r"""Return JSON as one text for all that mean the same.

    Example:
        >>> json_text('{"b": 1.0, "a": [1e2]}')
        '{"a": ["\\u0000100"], "b": "\\u00001"}'
    """
    found = json.loads(value, parse_float=_json_number, parse_int=_json_number)
    return json.dumps(found, sort_keys=True, ensure_ascii=False)


def _json_number(text: str) -> str:
    return "\0" + decimal_text(Decimal(text))  # no text of JSON has a NUL there


def _moment(value: datetime) -> str:
    text = str(value)
    if text.endswith("+00:00"):
        return text[:-6]  # one without a zone is in UTC
    if value.tzinfo is not None:
        return str(value.astimezone(UTC).replace(tzinfo=None))
    return text


def _float(value: float) -> float:
    return value + 0.0  # -0.0 is 0.0, which is all that SQLite keeps of it


_NORMAL: dict[str, Callable[[Any], Any]] = {
    "Decimal": decimal_text,
    "dict, list": json_text,
    "datetime, naive": _moment,
    "datetime, aware": _moment,
    "float": _float,
    "UUID": str,
}


class Checksum:
    """Counts rows and sums up what is in them.

    Args:
        kinds: of the columns.

    Example:
        >>> one, other = Checksum([Kind("int")]), Checksum([Kind("int")])
        >>> one.add([(1,), (2,)])
        >>> other.add([(2,), (1,)])
        >>> one.text == other.text, one.rows
        (True, 2)
    """

    def __init__(self, kinds: Sequence[Kind]) -> None:
        self.rows = 0
        self._sum = 0
        self._normal = [
            (at, _NORMAL[kind.name])
            for at, kind in enumerate(kinds)
            if kind.name in _NORMAL
        ]

    def add(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Take in rows, whose values are as their kinds say."""
        columns = [*zip(*rows, strict=True)]
        for at, make in self._normal:
            if columns:
                found = columns[at]
                columns[at] = tuple([None if v is None else make(v) for v in found])
        blake2b, texts = hashlib.blake2b, list(map(repr, zip(*columns, strict=True)))
        self.rows += len(texts)
        whole = 0
        for text in texts:
            digest = blake2b(text.encode(), digest_size=16).digest()
            whole += int.from_bytes(digest)
        self._sum = (self._sum + whole) % _MOST

    @property
    def text(self) -> str:
        """The checksum, in 32 hexadecimal digits."""
        return f"{self._sum:032x}"
