"""The driver object: aiomysql's line and exceptions in what all of MySQL shares."""

from __future__ import annotations

from pymysql.err import InterfaceError, MySQLError, raise_mysql_exception

from asyncdb.dialects.mysql.protocol.connecting import MySQLDriver
from asyncdb.dialects.mysql.protocol.library import Library
from asyncdb.drivers.aiomysql.line import AiomysqlLine, take_unread

driver = MySQLDriver(
    Library(
        line=AiomysqlLine,
        error=MySQLError,
        misuse=InterfaceError,
        raise_error=raise_mysql_exception,
        take_unread=take_unread,
        extra="mysql",
    )
)
