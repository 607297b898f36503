"""What the rows of a result are made of, read from its column definitions.

Definitions are read once: connections share what was learned, by the very bytes.
https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from asyncdb.dialects.mysql.columns import TIMESTAMP, Raw, RowDecoder, decoder
from asyncdb.errors import InternalError
from asyncdb.values.rows import Row, tuple_row

NULL = 0xFB  # instead of a value's length
_SIZES = {0xFC: 2, 0xFD: 3, 0xFE: 8}  # bytes of a number that does not fit in one

# Reads the rows that are whole, of the bytes, from a position on, where the packet with
# this number is due; gives rows, position and number of the next; may raise anything.
Read: TypeAlias = Callable[[bytes, int, int], tuple[list[Row], int, int]]


class Shape:
    """What rows of one kind are made of; made once for each list of definitions.

    Args:
        definitions: `(name, field type, collation)` of each column.

    Attributes:
        make: the rows' class, called with the values.
        decoders: by whether TIMESTAMPs are in UTC, how the columns are decoded.
        decode: what does that with raw values.
        reads: what reads such rows, by its maker and whether TIMESTAMPs are in UTC.
    """

    def __init__(self, definitions: list[tuple[str, int, int]]) -> None:
        self.width = len(definitions)
        self.columns = tuple((name, kind) for name, kind, _ in definitions)
        self.has_timestamps = any(kind == TIMESTAMP for _, kind, _ in definitions)
        names = tuple(name for name, _, _ in definitions)
        self.make = make = tuple_row(names)
        self.decoders = {
            utc: [decoder(kind, charset, utc=utc) for _, kind, charset in definitions]
            for utc in (True, False)
        }
        self.decode = {
            utc: RowDecoder(names, decoders, make)
            for utc, decoders in self.decoders.items()
        }
        self.reads: dict[tuple[Any, bool], Read] = {}

    def rows(self, values: Raw, *, utc: bool) -> list[Row]:
        """Make rows of raw values, which stand row after row.

        Raises:
            DataError: a value cannot be decoded.
        """
        return self.decode[utc].rows(values)


# Makes that for a shape and for TIMESTAMPs in UTC or not; kept with the shape.
Reader: TypeAlias = Callable[[Shape, bool], Read]


class Shapes:
    """The shapes seen, by the bytes that define them.

    Definitions hold names and types, so connections share them.
    """

    _MOST, _LONGEST = 512, 64 * 1024

    def __init__(self) -> None:
        self._known: dict[bytes, Shape] = {}
        # The definitions asked for last, which often come again, and their number.
        self.last = b""
        self.last_width = 0

    def find(self, definitions: bytes) -> Shape:
        """Return the shape for packets of column definitions, headers included."""
        shape = self._known.get(definitions)
        if shape is None:
            shape = Shape(_parse_definitions(definitions))
            if len(definitions) <= self._LONGEST:
                if len(self._known) >= self._MOST:
                    self._known.clear()
                self._known[definitions] = shape
        self.last, self.last_width = definitions, shape.width
        return shape


SHAPES = Shapes()


def _parse_definitions(data: bytes) -> list[tuple[str, int, int]]:
    """Read `(name, field type, collation)` out of column definitions."""
    found = []
    position = 0
    while position < len(data):
        p = position + 4
        position = p + int.from_bytes(data[position : position + 3], "little")
        found.append(parse_definition(data, p))
    return found


def parse_definition(data: bytes, p: int = 0) -> tuple[str, int, int]:
    """Read name, field type and collation out of one column definition."""
    # catalog, schema, table, original table, name, original name
    texts = []
    for _ in range(6):
        n, p = read_integer(data, p)
        texts.append(data[p : p + n])
        p += n
    name = texts[4].decode("utf-8", "replace")
    collation = int.from_bytes(data[p + 1 : p + 3], "little")
    return name, data[p + 7], collation


def read_integer(data: bytes, position: int) -> tuple[int, int]:
    """Read a number of variable length, and where it ends."""
    first = data[position]
    if first < NULL:
        return first, position + 1
    size = _SIZES.get(first)
    if size is None:
        raise malformed()
    end = position + 1 + size
    return int.from_bytes(data[position + 1 : end], "little"), end


def malformed() -> InternalError:
    """Make the error for a packet that does not parse."""
    return InternalError("the server sent a packet that is not understood")
