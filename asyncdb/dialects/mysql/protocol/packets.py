"""Packets, taken one after the other out of bytes that come in pieces."""

from __future__ import annotations

from asyncdb.dialects.mysql.errors import lost, read_packet
from asyncdb.errors import InternalError

ERROR = 0xFF  # the first byte of an error packet
MAX_PAYLOAD = 0xFFFFFF


class Packets:
    """What an answer is read from; whoever inherits it sets `_sequence`.

    Attributes:
        missing: how many bytes the packet that is incomplete lacks, at least.
    """

    _data = b""
    _position = 0
    _sequence: int  # of the next packet
    missing = 4

    @property
    def rest(self) -> bytes:
        """What came after the end of the answer."""
        return self._data[self._position :]

    def _packet(self) -> bytes | None:
        """Take one packet's payload, `None` when it is not whole."""
        data, position, spans = self._data, self._position, []
        start, size = position, MAX_PAYLOAD
        while size == MAX_PAYLOAD:
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
            return None
        self._sequence = (sequence + 1) & 255
        self._position = position
        if len(spans) == 1:
            return data[start:position]
        return b"".join(data[start:end] for start, end in spans)

    def _foreign(self, packet: bytes, sequence: int) -> None:
        """Raise for a packet that is out of turn; or leave it, if it is another's."""
        if packet[0] == ERROR and sequence == 0:
            # A server that shuts down or ends an idle session says so unasked.
            raise lost(*read_packet(packet))
        message = f"packet {sequence} of an answer where {self._sequence} is due"
        raise InternalError(message)

    def _advance(self, position: int, packets: int) -> None:
        self._position = position
        self._sequence = (self._sequence + packets) & 255
