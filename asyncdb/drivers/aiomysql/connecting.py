"""The driver object: aiomysql's wire and exceptions in what all of MySQL shares."""

from __future__ import annotations

from pymysql.err import InterfaceError, MySQLError

from asyncdb.dialects.mysql.protocol.connecting import MySQLDriver
from asyncdb.dialects.mysql.protocol.translation import Library
from asyncdb.drivers.aiomysql.wire import AiomysqlWire

driver = MySQLDriver(AiomysqlWire, Library(MySQLError, InterfaceError, "mysql"))
