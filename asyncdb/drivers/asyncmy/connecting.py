"""The driver object: asyncmy's line and exceptions in what all of MySQL shares."""

from __future__ import annotations

from asyncmy.errors import InterfaceError, MySQLError, raise_mysql_exception

from asyncdb.dialects.mysql.protocol.connecting import MySQLDriver
from asyncdb.dialects.mysql.protocol.library import Library
from asyncdb.drivers.asyncmy.line import AsyncmyLine, take_unread
from asyncdb.drivers.asyncmy.reading import reader

driver = MySQLDriver(
    Library(
        line=AsyncmyLine,
        error=MySQLError,
        misuse=InterfaceError,
        raise_error=raise_mysql_exception,
        take_unread=take_unread,
        extra="asyncmy",
        reader=reader,
    )
)
