"""The answer to a command, parsed while its bytes arrive. No I/O.

Rules:

1. Bytes come in pieces that end anywhere; a packet is looked at when it is whole.
2. What cannot be decoded must not leave half an answer on the wire. A reader decodes
   the rows that have come; where it cannot, the values of these and of all that follow
   stay raw, and `take` raises when the answer has been read.
3. Sequence numbers are checked on the first and the last packet of a result: an answer
   that is not ours, or of which something is missing, is never taken for one.

An answer is one or more results, each an OK packet, or column definitions and rows
(https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_command_phase.html).
A procedure gives one for each SELECT in it, and one more: those that were complete
when another began are in `earlier`. Of an answer that is read in pieces only the first
result with columns is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asyncdb.dialects.mysql.columns import Raw
from asyncdb.dialects.mysql.protocol.dividing import divider
from asyncdb.dialects.mysql.protocol.packets import ERROR, MAX_PAYLOAD, Packets
from asyncdb.dialects.mysql.protocol.shapes import (
    NULL,
    SHAPES,
    Read,
    Reader,
    Shape,
    malformed,
    read_integer,
)
from asyncdb.errors import NotSupportedError
from asyncdb.values.rows import Row

# Bits of the server's status.
IN_TRANSACTION, MORE_RESULTS = 0x0001, 0x0008

_OK, _LOCAL_INFILE, _EOF = 0x00, 0xFB, 0xFE


class Answer(Packets):
    """The answer to one command.

    Args:
        data: bytes that came with the answer before.
        first: the number of its first packet, which follows those of the command.
        utc: whether TIMESTAMP values are in UTC, `None` for not known: then such rows
            are decoded when they are taken.
        reader: makes what reads rows; without, all are decoded when they are taken.

    Attributes:
        done: the answer is complete, an error packet included.
        error: the error packet that ended it.
        earlier: the results before the last one, each like an answer of its own.
        is_stream: it is read in pieces: what follows its first rows is passed over.
        shape: of the result's columns.
        values: raw values of rows that no reader has read, which `take` empties.
        status: the server's status bits, as last told.
        stopped: by KILL QUERY between two statements of one text: the server begins
            the second no more, and says nothing.
        warnings: how many the last statement left.
        affected: rows that the last statement matched, changed or inserted.
        made: the key of the one row that it made, 0 for none.
    """

    # What is so at the beginning; an answer has few of these to change.
    _discarding = False
    _read: Read
    _start = 0  # rows given out, which are still in `_made`
    _taken = 0  # values given out, which are still in `values`
    _width = 0
    affected = 0
    done = False
    error: bytes | None = None
    is_stream = False
    made = 0
    shape: Shape | None = None
    status: int | None = None
    stopped = False
    warnings = 0

    def __init__(
        self,
        data: bytes = b"",
        first: int = 1,
        *,
        utc: bool | None = None,
        reader: Reader | None = None,
    ) -> None:
        self._made: list[Row] = []  # what the reader gave; they come before `values`
        self._reader = reader
        self._sequence = first & 255  # of the next packet
        self._step: Callable[[Any], bool] = Answer._head  # unbound, or it is a cycle
        self._utc = utc
        self.earlier: list[Answer] = []
        self.values: Raw = []
        if data:
            self.feed(data)

    def feed(self, chunk: bytes) -> None:
        """Go on with more bytes.

        Raises:
            InternalError: this is no answer to one command of ours.
            ConnectionLost: the server says that it ends the connection.
            NotSupportedError: the server asks for a file of this machine.
        """
        if self._taken:
            del self.values[: self._taken]
            self._taken = 0
        rest = self._data[self._position :] if self._position < len(self._data) else b""
        self._data = rest + chunk if rest else chunk
        self._position = 0
        try:
            while not self.done and self._step(self):
                pass
        except IndexError:
            raise malformed() from None

    def discard(self) -> None:
        """Keep no rows from here on."""
        self._discarding = True
        self._made, self._start = [], 0
        self.values.clear()
        if self._step not in (Answer._head, Answer._columns):
            self._step = Answer._skip

    # -- rows ------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many rows are here, not taken yet."""
        shape, made = self.shape, len(self._made) - self._start
        return made + (len(self.values) - self._taken) // shape.width if shape else 0

    def take(self, size: int | None, *, utc: bool) -> list[Row]:
        """Give the next rows, and keep them no longer.

        Args:
            size: how many; all for `None`.
            utc: TIMESTAMP values are in UTC.

        Raises:
            DataError: a value cannot be decoded.
        """
        made, start = self._made, self._start
        if size is not None and start + size < len(made):
            self._start = start + size
            return made[start : start + size]
        if made:
            self._made, self._start = [], 0
            made = made[start:] if start else made
        if not self.values or size == len(made) or self.shape is None:
            return made
        left = None if size is None else size - len(made)
        raw = self.shape.rows(self._take_raw(left, self.shape.width), utc=utc)
        return made + raw if made else raw

    def _take_raw(self, size: int | None, width: int) -> Raw:
        values, start = self.values, self._taken
        end = len(values) if size is None else start + size * width
        if end < len(values):
            self._taken = end
        else:
            self.values, self._taken = [], 0
        return values[start:end] if start or size else values

    def _foreign(self, packet: bytes, sequence: int) -> None:
        if sequence == 1 and self.earlier and self._step is Answer._head:
            self.done = self.stopped = True  # it is the answer to the next command
        else:
            super()._foreign(packet, sequence)

    # -- steps: each parses what is whole, and says whether to go on ------------------

    def _head(self) -> bool:
        packet = self._packet()
        if packet is None:
            return False
        first = packet[0]
        if first == _OK:
            self._ok(packet)
        elif first == ERROR:
            self._fail(packet)
        elif first == _EOF and len(packet) == 5:  # to a command that is no statement
            self._end(packet)
        elif first == _LOCAL_INFILE:
            message = "the server asks for a file of this machine (LOAD DATA LOCAL)"
            raise NotSupportedError(message)
        else:
            self._width = first
            if first > NULL or len(packet) != 1:  # it does not fit in a byte
                self._width, end = read_integer(packet, 0)
                if end != len(packet):
                    raise malformed()
            self._step = Answer._columns
        return True

    def _ok(self, packet: bytes) -> None:
        self.affected, self.made, position = packet[1], packet[2], 3
        if self.affected >= NULL or self.made >= NULL:  # they do not fit in a byte
            self.affected, position = read_integer(packet, 1)
            self.made, position = read_integer(packet, position)
        # After INSERT, a text says how many rows there were, but not where VALUES gave
        # one. Of several the key is the first or the last: no statement made just that.
        if self.affected != 1 and len(packet) > position + 4:
            self.made = 0
        both = int.from_bytes(packet[position : position + 4], "little")
        self._finish(both & 0xFFFF, both >> 16)

    def _fail(self, packet: bytes) -> None:
        self.error = packet
        self.done = True

    def _finish(self, status: int, warnings: int) -> None:
        """End a result."""
        self.status = status
        self.warnings = warnings
        if status & MORE_RESULTS:
            if not self.is_stream and not self._discarding:
                self.earlier.append(self._put_by())
            self._step = Answer._head
        else:
            self.done = True

    def _put_by(self) -> Answer:
        """Put a result by that is complete, for the next one begins."""
        part = type(self)()
        part.affected, part.made = self.affected, self.made
        self.affected = self.made = 0
        part.shape, self.shape = self.shape, None
        part.values, self.values = self.values, []
        part._made, self._made = self._made, []
        part.done = True
        return part

    def _columns(self) -> bool:
        data, size = self._data, len(self._data)
        position = start = self._position
        packets = self._width + 1
        known = SHAPES.last
        if self._width == SHAPES.last_width and data.startswith(known, position):
            position += len(known)
            packets = 1
        for _ in range(packets):
            start = position
            if start + 4 > size:
                self.missing = start + 4 - size
                return False
            position = start + 4 + int.from_bytes(data[start : start + 3], "little")
            if position > size:
                self.missing = position - size
                return False
        if data[start + 4] != _EOF:
            raise malformed()
        kept = self.shape is None
        if kept:
            self.shape = SHAPES.find(data[self._position : start])
        self._sequence = (self._sequence + self._width + 1) & 255
        self._position = position
        keep = kept and not self._discarding
        self._step = self._rows_step() if keep else Answer._skip
        return True

    def _rows_step(self) -> Callable[[Any], bool]:
        """Return the step that keeps rows; the shape is known."""
        shape, reader, utc = self.shape, self._reader, self._utc
        if shape is None or reader is None or (utc is None and shape.has_timestamps):
            return Answer._raw_rows
        key = (reader, utc or False)
        read = shape.reads.get(key)
        if read is None:
            read = shape.reads[key] = reader(shape, bool(utc))
        self._read = read
        return Answer._rows

    def _rows(self) -> bool:
        """Have rows read."""
        if self._start:
            del self._made[: self._start]
            self._start = 0
        try:
            found = self._read(self._data, self._position, self._sequence)
        except Exception:  # noqa: BLE001  # a value that cannot be decoded, of any type
            self._step = Answer._raw_rows
            return True
        rows, self._position, self._sequence = found
        if self._made:
            self._made += rows
        else:
            self._made = rows
        return self._after_rows()

    def _raw_rows(self) -> bool:
        """Divide rows into values."""
        data, values, width = self._data, self.values, self._width
        before = len(values)
        position = divider((False,) * width)(data, "", self._position, values)
        self._advance(position, (len(values) - before) // width)
        return self._after_rows()

    def _after_rows(self) -> bool:
        """Look at the packet that is no row, or no whole one."""
        data, position = self._data, self._position
        start = position + 4
        if start > len(data):
            self.missing = start - len(data)
            return False
        length = int.from_bytes(data[position : position + 3], "little")
        if length == MAX_PAYLOAD:
            self._step = Answer._raw_rows
            return self._long_row()
        if start + length > len(data):
            self.missing = start + length - len(data)
            return False
        first = data[start] if length else 0
        if first == ERROR or (first == _EOF and length < 9):
            return self._last()
        self._packet()  # raises for one that is out of turn
        raise malformed()

    def _skip(self) -> bool:
        """Pass over rows that nobody wants."""
        data, position, size = self._data, self._position, len(self._data)
        rows = 0
        ended = is_long = False
        while True:
            p = position + 4
            if p > size:
                self.missing = p - size
                break
            length = data[position] | data[position + 1] << 8 | data[position + 2] << 16
            if p + length > size:
                self.missing = p + length - size
                break
            if data[p] >= _EOF and (length < 9 or data[p] == ERROR):
                ended = True
                break
            if length == MAX_PAYLOAD:
                is_long = True
                break
            position = p + length
            rows += 1
        self._advance(position, rows)
        return self._last() if ended else is_long and self._packet() is not None

    def _long_row(self) -> bool:
        """Take a row of 16 MB and more, which comes in several packets."""
        packet = self._packet()
        if packet is None:
            return False
        p = 0
        for _ in range(self._width):
            if packet[p] == NULL:
                self.values.append(None)
                p += 1
            else:
                n, p = read_integer(packet, p)
                self.values.append(packet[p : p + n])
                p += n
        if p != len(packet):
            raise malformed()
        return True

    def _last(self) -> bool:
        """Take the packet that ends the rows."""
        packet = self._packet()
        if packet is None:
            return False
        if packet[0] == ERROR:
            self._fail(packet)
        else:
            self._end(packet)
        return True

    def _end(self, packet: bytes) -> None:
        both = int.from_bytes(packet[1:5], "little")
        self._finish(both >> 16, both & 0xFFFF)


def server_values(answer: Answer) -> tuple[Any, ...]:
    """Return the first row of an answer of ours, for queries about the session."""
    if answer.shape is None:
        raise malformed()
    return tuple(answer.take(1, utc=True)[0])
