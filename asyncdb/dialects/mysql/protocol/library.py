"""What a driver says of its library: how a line is opened, and what goes wrong."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Protocol

from asyncdb.dialects.mysql.protocol.login import Login
from asyncdb.dialects.mysql.protocol.reading import reader
from asyncdb.dialects.mysql.protocol.receiving import Receiver
from asyncdb.dialects.mysql.protocol.shapes import Reader


class Line(Protocol):
    """A library's connection with what is done here beyond its own verbs.

    A driver's class is its library's connection, so that `db.native` gives just that.
    It shows its `Login` what comes before the library obeys. Members that both
    libraries have are named here, too.

    Attributes:
        receiver: what comes over it, once it is logged in.
        server_status: the server's status bits, as last told, whoever was told.
        due: to be awaited before the library sends a command for `db.native`.
    """

    due: Callable[[], Awaitable[None]] | None
    receiver: Receiver
    server_status: int

    @abstractmethod
    async def open(self) -> None:
        """Connect and log in."""

    @property
    @abstractmethod
    def transport(self) -> asyncio.Transport:
        """The open line's."""
        ...

    @property
    @abstractmethod
    def is_gone(self) -> bool:
        """Closed by us or by the other side, as far as the loop has heard."""

    @abstractmethod
    def abort(self) -> None:
        """Cut the line."""

    @abstractmethod
    def get_server_info(self) -> str:
        """The version in the server's greeting."""

    @abstractmethod
    def thread_id(self) -> int:
        """The session's number on the server, for KILL."""


class Library(NamedTuple):
    """A library of PyMySQL's family.

    Args:
        line: makes a connection that is not open yet.
        error: the root of its exceptions; `args` are number and text.
        misuse: "Not connected", "Cancelled during execution".
        raise_error: raises its exception for an error packet.
        take_unread: takes from its protocol what has come and nobody has read there.
        extra: what to install for the library and for all it may need.
        reader: makes what reads rows.
    """

    line: Callable[[Login], Line]
    error: type[Exception]
    misuse: type[Exception]
    raise_error: Callable[[bytes], Any]
    take_unread: Callable[[Any], bytes]
    extra: str
    reader: Reader = reader
