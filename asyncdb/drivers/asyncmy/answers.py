"""Rows read by asyncmy's compiled reader, inside the answers of the shared protocol.

Rules:

1. The shared parser reads everything but the rows; the compiled one gets whole packets
   of rows alone, and stops at anything else.
2. It decodes while it reads. Where that fails, the chunk is read again by the shared
   parser, which keeps values raw: the answer is read to its end, and the error names
   the column.
3. What a TIMESTAMP means must be known before: where it is not, its rows stay raw.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

from asyncmy.protocol import parse_rows_from_buffer

from asyncdb.dialects.mysql.columns import Decoder
from asyncdb.dialects.mysql.protocol.answers import Answer
from asyncdb.dialects.mysql.protocol.shapes import Shape, malformed
from asyncdb.values.rows import Row

_END, _ERROR = 0xFE, 0xFF
# How the compiled reader is told about a column: a code for bytes or UTF-8, the
# encoding's name (of others), and what is called with the value.
_BYTES, _UTF8 = 0, 1
_Converter = tuple[int, str | None, Callable[[Any], Any] | None]
_CONVERTERS: Final = "converters of asyncmy"


class CompiledAnswer(Answer):
    """The answer to one command, its rows made by asyncmy.

    Args:
        data: bytes that came with the answer before.
        first: the number of its first packet.
        utc: whether TIMESTAMP values are in UTC; `None` for not known.
    """

    __slots__ = ("_converters", "_made", "_start")

    def __init__(
        self, data: bytes = b"", first: int = 1, *, utc: bool | None = None
    ) -> None:
        self._converters: tuple[_Converter, ...] = ()
        self._made: list[Row] = []  # they come before all of `values`
        self._start = 0  # of those not taken yet
        super().__init__(data, first, utc=utc)

    # -- rows ------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many rows are here, not taken yet."""
        return len(self._made) - self._start + super().count

    def take(self, size: int | None, *, utc: bool) -> list[Row]:
        """Give the next rows, and keep them no longer."""
        made, start = self._made, self._start
        if not made:
            return super().take(size, utc=utc)
        end = len(made) if size is None else start + size
        if end < len(made):
            self._start = end
            return made[start:end]
        self._made, self._start = [], 0
        rows = made[start:] if start else made
        if self.values:
            rest = None if size is None else size - len(rows)
            rows += super().take(rest, utc=utc)
        return rows

    def discard(self) -> None:
        """Keep no rows from here on."""
        self._made, self._start = [], 0
        super().discard()

    def _put_by(self) -> Answer:
        part = cast("CompiledAnswer", super()._put_by())
        part._made, self._made = self._made, []
        return part

    # -- steps -----------------------------------------------------------------------

    def _reader(self) -> Callable[[Any], bool]:
        shape = self.shape
        if shape is None or (shape.has_timestamps and self._utc is None):
            return super()._reader()
        self._converters = _converters(shape, utc=bool(self._utc))
        return CompiledAnswer._compiled

    def _compiled(self) -> bool:
        data, position, made = self._data, self._position, self._made
        if self._start:
            del made[: self._start]
            self._start = 0
        # The reader takes nothing but a bytearray.
        buffer = bytearray(memoryview(data)[position:] if position else data)
        tuples: list[Any] = []
        try:
            read, sequence = parse_rows_from_buffer(
                buffer, 0, len(buffer), self._converters, self._sequence, tuples
            )
        except Exception:  # noqa: BLE001  # a value that cannot be decoded, of any type
            self._step = Answer._rows
            return True
        assert self.shape is not None  # noqa: S101  # rows come after it
        # Now, while they are few: freed at once, their memory serves the next ones.
        made.extend(map(self.shape.make, tuples))
        self._sequence = sequence
        self._position = position = position + read
        return self._after_rows(data, position)

    def _after_rows(self, data: bytes, position: int) -> bool:
        """Look at the packet at which the compiled reader has stopped."""
        start = position + 4
        if start > len(data):
            self.missing = start - len(data)
            return False
        length = int.from_bytes(data[position : position + 3], "little")
        if length == 0xFFFFFF:  # a row of several packets
            self._step = Answer._rows
            return True
        end = start + length
        if end > len(data):
            self.missing = end - len(data)
            return False
        first = data[start] if length else 0
        if first == _ERROR or (first == _END and length < 9):
            return self._last()
        self._packet()  # raises for one that is out of turn
        raise malformed()


def _converters(shape: Shape, *, utc: bool) -> tuple[_Converter, ...]:
    """Return what the compiled reader needs to know about the columns."""
    key = (_CONVERTERS, utc)
    found = shape.notes.get(key)
    if found is None:
        found = shape.notes[key] = tuple(map(_converter, shape.decoders[utc]))
    converters: tuple[_Converter, ...] = found
    return converters


def _converter(decoder: Decoder) -> _Converter:
    if decoder.convert is bytes.decode:
        return _UTF8, None, None
    return (_UTF8 if decoder.from_text else _BYTES), None, decoder.convert
