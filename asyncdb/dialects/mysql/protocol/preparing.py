"""The answer to a statement that is only prepared: what it takes and gives.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_stmt_prepare.html
"""

from __future__ import annotations

from asyncdb.dialects.mysql.protocol.packets import ERROR, Packets
from asyncdb.dialects.mysql.protocol.shapes import malformed, parse_definition

_OK, _EOF = 0x00, 0xFE


class Prepared(Packets):
    """Parses that answer while its bytes arrive.

    Args:
        first: the number of its first packet, which follows those of the command.

    Attributes:
        done: the answer is complete, an error packet included.
        error: the error packet that it is.
        number: the server's for the statement, as the wire has it.
        columns: name and field type of each column of its result.
    """

    def __init__(self, first: int) -> None:
        self._sequence = first & 255
        # What is to come: of each list of definitions, the last of columns, how many.
        self._due: list[int] = []
        self.done = False
        self.error: bytes | None = None
        self.number = b""
        self.columns: list[tuple[str, int]] = []

    def feed(self, chunk: bytes) -> None:
        """Go on with more bytes.

        Raises:
            InternalError: this is no answer to one command of ours.
            ConnectionLost: the server says that it ends the connection.
        """
        self._data, self._position = self.rest + chunk, 0
        while not self.done:
            packet = self._packet()
            if packet is None:
                return
            try:
                self._take(packet)
            except IndexError:
                raise malformed() from None

    def _take(self, packet: bytes) -> None:
        if packet[0] == ERROR:
            self.error, self.done = packet, True
        elif not self.number:
            self._head(packet)
        elif self._due[0]:
            self._due[0] -= 1
            if len(self._due) == 1:
                self.columns.append(parse_definition(packet)[:2])
        elif packet[0] == _EOF and len(packet) < 9:  # it ends a list
            del self._due[0]
            self._skip_empty()
        else:
            raise malformed()

    def _head(self, packet: bytes) -> None:
        if packet[0] != _OK or len(packet) < 12:
            raise malformed()
        self.number = packet[1:5]
        columns, parameters = packet[5:7], packet[7:9]
        self._due = [int.from_bytes(n, "little") for n in (parameters, columns)]
        self._skip_empty()

    def _skip_empty(self) -> None:
        """Pass over lists that do not come at all, having nothing in them."""
        while self._due and not self._due[0]:
            del self._due[0]
        self.done = not self._due
