"""The driver object: asyncmy's wire and exceptions in what all of MySQL shares."""

from __future__ import annotations

from asyncmy.errors import InterfaceError, MySQLError

from asyncdb.dialects.mysql.protocol.connecting import MySQLDriver
from asyncdb.dialects.mysql.protocol.translation import Library
from asyncdb.drivers.asyncmy.wire import AsyncmyWire

driver = MySQLDriver(AsyncmyWire, Library(MySQLError, InterfaceError, "asyncmy"))
