"""Rows decoded as they come, while what they are made of is still in the caches.

Columns are decoded whole. Rows of short values are split into texts. Of others all
bytes are taken for Latin-1, which costs next to nothing: what is cut out of that is
text already, and right as it is where it is ASCII.
"""

from __future__ import annotations

from typing import Any

from asyncdb.dialects.mysql.columns import ColumnDecoder
from asyncdb.dialects.mysql.protocol.dividing import divider
from asyncdb.dialects.mysql.protocol.shapes import Read, Shape
from asyncdb.dialects.mysql.protocol.splitting import split
from asyncdb.values.rows import make_rows

# Fewer bytes than that are a few rows, for which preparing would not pay.
_FEW = 2048
# Pieces of an answer that are read without trying to split them, once that has failed.
_LONGEST_PAUSE = 64


def reader(shape: Shape, utc: bool) -> Read:
    """Make what reads rows of a shape.

    Args:
        shape: of the rows.
        utc: TIMESTAMP values are in UTC.
    """
    width, make = shape.width, shape.make
    columns = [ColumnDecoder(found) for found in shape.decoders[utc]]
    text = tuple(column.from_text for column in columns)
    decode_few = shape.decode[utc].rows
    divide, divide_few = divider(text), divider((False,) * width)
    splits = all(column.takes_text for column in columns)
    pause = skipped = 0

    def read(data: bytes, position: int, sequence: int) -> Any:
        nonlocal pause, skipped
        values: list[Any] = []
        if len(data) - position < _FEW:
            position = divide_few(data, "", position, values)
            rows = decode_few(values)
            return rows, position, (sequence + len(rows)) & 255
        found = None
        if splits and skipped >= pause:
            found = split(data, position, width)
            pause = 0 if found else min(2 * pause + 1, _LONGEST_PAUSE)
            skipped = 0
        else:
            skipped += 1
        if found:
            position, values = found
        else:
            whole = data.decode("latin-1") if any(text) else ""
            position = divide(data, whole, position, values)
        ready = found is not None
        decoded = [
            column.of(values[i::width], ready=ready) for i, column in enumerate(columns)
        ]
        rows = make_rows(make, zip(*decoded, strict=True))
        return rows, position, (sequence + len(rows)) & 255

    return read
