"""Rows of short values, divided all at once.

A value is its length and its bytes, so each begins where the one before it ends, and
nothing in C divides such a thing. But a length below 32 is a control character. Where
values have none, what lies between two of them is a value, and `split` finds them all.
Whether it was so is looked at afterwards: each length is as long as what follows it, so
reading the values one by one would have met the very same. And each row has its own
number of values: all of them together do not tell that.
"""

from __future__ import annotations

import struct
from typing import Any, TypeAlias

# A packet's length in its two lower bytes and its upper one, and the first of its body.
HEADER = struct.Struct("<HBxB")

_SHORT, _NULL, _EOF, _ERROR = 32, 0xFB, 0xFE, 0xFF
_MARKS = bytes([*range(_SHORT), _NULL])  # no byte of UTF-8 is like NULL's
_BETWEEN = b"\xff"  # two rows; no byte of UTF-8 either, nor a length
_OTHERS = bytes(sorted({*range(256)}.difference(_MARKS, _BETWEEN)))
_CUT = bytes.maketrans(_MARKS, bytes(len(_MARKS)))

# Where the next row begins, and the values.
Split: TypeAlias = tuple[int, list[Any]]


def split(data: bytes, position: int, width: int) -> Split | None:
    """Divide all rows that are whole into texts and `None`.

    Args:
        data: the bytes.
        position: of the first row.
        width: the number of columns, none of them binary.

    Returns:
        What was found; `None` where this is no way to divide them.

    Raises:
        UnicodeDecodeError: the rows are not UTF-8.
    """
    bodies: list[bytes] = []
    append, most = bodies.append, width * _SHORT
    size = len(data)
    while position < size - 4:
        length, high, first = HEADER.unpack_from(data, position)
        if first >= _EOF and (length < 9 or first == _ERROR) and not high:
            break
        if high or length > most or _SHORT <= first != _NULL:
            return None
        start = position + 4
        end = start + length
        if end > size:
            break
        append(data[start:end])
        position = end
    if not bodies:
        return position, []
    body = _BETWEEN.join(bodies)
    marks = body.translate(None, _OTHERS)
    between = marks[width :: width + 1]
    marks = marks.translate(None, _BETWEEN)
    if between != _BETWEEN * (len(bodies) - 1) or len(marks) != width * len(bodies):
        return None
    whole = body.translate(_CUT, _BETWEEN)
    text = whole.decode()
    values: list[Any] = text.split("\0")
    raw = values if text.isascii() else whole.split(b"\0")
    lengths = [0, *marks.replace(b"\xfb", b"\0")]
    if list(map(len, raw)) != lengths:
        return None
    del values[0]
    null = marks.find(_NULL)
    while null >= 0:
        values[null] = None
        null = marks.find(_NULL, null + 1)
    return position, values
