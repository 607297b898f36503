"""Rows read by asyncmy's compiled reader, inside the answers of the shared protocol.

The shared parser reads everything but the rows; the compiled one decodes as it reads,
and stops at anything else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asyncmy.protocol import parse_rows_from_buffer

from asyncdb.dialects.mysql.columns import Decoder
from asyncdb.dialects.mysql.protocol.shapes import Read, Shape
from asyncdb.values.rows import make_rows

# How the compiled reader is told about a column: a code for bytes or UTF-8, the
# encoding's name (of others), and what is called with the value.
_BYTES, _UTF8 = 0, 1
_FEW = 100  # rows that the garbage collector may see being made
_Converter = tuple[int, str | None, Callable[[Any], Any] | None]


def reader(shape: Shape, utc: bool) -> Read:
    """Make what reads rows of a shape.

    Args:
        shape: of the rows.
        utc: TIMESTAMP values are in UTC.
    """
    make = shape.make
    converters = tuple(map(_converter, shape.decoders[utc]))

    def read(data: bytes, position: int, sequence: int) -> Any:
        buffer = bytearray(data)  # it takes nothing else
        tuples: list[Any] = []
        position, sequence = parse_rows_from_buffer(
            buffer, position, len(buffer), converters, sequence, tuples
        )
        # Now, while they are few: freed at once, their memory serves the next ones.
        rows = make_rows(make, tuples) if len(tuples) > _FEW else [*map(make, tuples)]
        return rows, position, sequence

    return read


def _converter(decoder: Decoder) -> _Converter:
    if decoder.convert is bytes.decode:
        return _UTF8, None, None
    return (_UTF8 if decoder.from_text else _BYTES), None, decoder.convert
