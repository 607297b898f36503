"""The answer to a command, parsed while its bytes arrive. No I/O.

Rules:

1. Bytes come in pieces that end anywhere; a packet is looked at when it is whole.
2. Values stay raw until the answer is complete (`Shape.rows`): what cannot be decoded
   must not leave half an answer on the wire.
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
from asyncdb.dialects.mysql.errors import lost, read_packet
from asyncdb.dialects.mysql.protocol.shapes import (
    NULL,
    SHAPES,
    Shape,
    malformed,
    read_integer,
)
from asyncdb.errors import InternalError, NotSupportedError
from asyncdb.values.rows import Row

# Bits of the server's status.
IN_TRANSACTION, MORE_RESULTS = 0x0001, 0x0008

_OK, _LOCAL_INFILE, _EOF, _ERROR = 0x00, 0xFB, 0xFE, 0xFF
_MAX_PAYLOAD = 0xFFFFFF


class Answer:
    """The answer to one command.

    Args:
        data: bytes that came with the answer before.
        first: the number of its first packet, which follows those of the command.
        utc: whether TIMESTAMP values are in UTC, `None` for not known; here it is asked
            again when rows are taken, but a driver may decode while it reads.

    Attributes:
        done: the answer is complete, an error packet included.
        missing: how many bytes the packet that is incomplete lacks, at least.
        rest: bytes after the end of the answer.
        error: the error packet that ended it.
        earlier: the results before the last one, each like an answer of its own.
        is_stream: it is read in pieces: what follows its first rows is passed over.
        shape: of the result's columns.
        values: raw values of its rows, which `take` empties.
        status: the server's status bits, as last told.
        warnings: how many the last statement left.
        affected: rows that the last statement matched, changed or inserted.
        made: the key of the one row that it made, 0 for none.
    """

    __slots__ = (
        "_data",
        "_discarding",
        "_position",
        "_sequence",
        "_step",
        "_taken",
        "_utc",
        "_width",
        "affected",
        "done",
        "earlier",
        "error",
        "is_stream",
        "made",
        "missing",
        "shape",
        "status",
        "values",
        "warnings",
    )

    def __init__(
        self, data: bytes = b"", first: int = 1, *, utc: bool | None = None
    ) -> None:
        self._data = b""
        self._discarding = False
        self._position = 0
        self._sequence = first & 255  # of the next packet
        self._step: Callable[[Any], bool] = Answer._head  # unbound, or it is a cycle
        self._taken = 0  # values given out, which are still in `values`
        self._utc = utc
        self._width = 0
        self.affected = 0
        self.done = False
        self.earlier: list[Answer] = []
        self.is_stream = False
        self.error: bytes | None = None
        self.made = 0
        self.missing = 4
        self.shape: Shape | None = None
        self.status: int | None = None
        self.values: Raw = []
        self.warnings = 0
        if data:
            self.feed(data)

    @property
    def rest(self) -> bytes:
        """What came after the end of the answer."""
        return self._data[self._position :]

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
        self.values.clear()
        if self._step not in (Answer._head, Answer._columns):
            self._step = Answer._skip

    # -- rows ------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many rows are here, not taken yet."""
        shape = self.shape
        return (len(self.values) - self._taken) // shape.width if shape else 0

    def take(self, size: int | None, *, utc: bool) -> list[Row]:
        """Give the next rows, and keep them no longer.

        Args:
            size: how many; all for `None`.
            utc: TIMESTAMP values are in UTC.

        Raises:
            DataError: a value cannot be decoded.
        """
        if self.shape is None:
            return []
        values, start = self.values, self._taken
        end = len(values) if size is None else start + size * self.shape.width
        if end < len(values):
            self._taken = end
        else:
            self.values, self._taken = [], 0
        return self.shape.rows(values[start:end] if start or size else values, utc=utc)

    # -- steps: each parses what is whole, and says whether to go on ------------------

    def _packet(self) -> bytes | None:
        """Take one packet's payload, `None` when it is not whole."""
        data, position, spans = self._data, self._position, []
        start, size = position, _MAX_PAYLOAD
        while size == _MAX_PAYLOAD:
            start = position + 4
            if start > len(data):
                self.missing = start - len(data)
                return None
            size = int.from_bytes(data[position : position + 3], "little")
            position = start + size
            if position > len(data):
                self.missing = position - len(data)
                return None
            spans.append((start, position))
        sequence = (self._sequence + len(spans) - 1) & 255
        if data[start - 1] != sequence:
            self._foreign(data[start:position], data[start - 1])
        self._sequence = (sequence + 1) & 255
        self._position = position
        if len(spans) == 1:
            return data[start:position]
        return b"".join(data[start:end] for start, end in spans)

    def _foreign(self, packet: bytes, sequence: int) -> None:
        """Raise for a packet that is out of turn."""
        if packet[0] == _ERROR and sequence == 0:
            # A server that shuts down or ends an idle session says so unasked.
            raise lost(*read_packet(packet))
        message = f"packet {sequence} of an answer where {self._sequence} is due"
        raise InternalError(message)

    def _head(self) -> bool:
        packet = self._packet()
        if packet is None:
            return False
        first = packet[0]
        if first == _OK:
            self._ok(packet)
        elif first == _ERROR:
            self._fail(packet)
        elif first == _LOCAL_INFILE:
            message = "the server asks for a file of this machine (LOAD DATA LOCAL)"
            raise NotSupportedError(message)
        else:
            self._width, end = read_integer(packet, 0)
            if end != len(packet):
                raise malformed()
            self._step = Answer._columns
        return True

    def _ok(self, packet: bytes) -> None:
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
        self._step = self._reader() if keep else Answer._skip
        return True

    def _reader(self) -> Callable[[Any], bool]:
        """Return the step that keeps rows; the shape is known."""
        return Answer._rows

    def _rows(self) -> bool:
        """Divide rows into values: the loop in which the time goes."""
        data, position, size = self._data, self._position, len(self._data)
        values, columns = self.values, range(self._width)
        append, before = values.append, len(values)
        ended = is_long = False
        while True:
            p = position + 4
            if p > size:
                self.missing = p - size
                break
            length = data[position] | data[position + 1] << 8 | data[position + 2] << 16
            end = p + length
            if end > size:
                self.missing = end - size
                break
            first = data[p]
            if first >= _EOF and (length < 9 or first == _ERROR):
                ended = True
                break
            if length == _MAX_PAYLOAD:
                is_long = True
                break
            for _ in columns:
                n = data[p]
                p += 1
                if n < NULL:
                    append(data[p : (p := p + n)])
                elif n == NULL:
                    append(None)
                else:
                    n, p = read_integer(data, p - 1)
                    append(data[p : p + n])
                    p += n
            if p != end:
                raise malformed()
            position = end
        self._advance(position, (len(values) - before) // self._width)
        return self._last() if ended else is_long and self._long_row()

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
            if data[p] >= _EOF and (length < 9 or data[p] == _ERROR):
                ended = True
                break
            if length == _MAX_PAYLOAD:
                is_long = True
                break
            position = p + length
            rows += 1
        self._advance(position, rows)
        return self._last() if ended else is_long and self._packet() is not None

    def _advance(self, position: int, packets: int) -> None:
        self._position = position
        self._sequence = (self._sequence + packets) & 255

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
        if packet[0] == _ERROR:
            self._fail(packet)
        else:
            both = int.from_bytes(packet[1:5], "little")
            self._finish(both >> 16, both & 0xFFFF)
        return True


def server_values(answer: Answer) -> tuple[Any, ...]:
    """Return the first row of an answer of ours, for queries about the session."""
    if answer.shape is None:
        raise malformed()
    return tuple(answer.take(1, utc=True)[0])
