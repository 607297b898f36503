"""libpq's way from an address to a session, without blocking, and why it failed.

libpq tells of a log-in that failed in words alone: the server's, in its language. Those
that it has in English are known by their beginnings. Of others the code is found by a
second attempt, whose protocol libpq writes down (`PQtrace`, in psycopg on Linux alone):
in memory, to be read for errors and thrown away. It is not done each time, for psycopg
never frees what it writes to.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from typing import Any

from psycopg import pq
from psycopg.conninfo import make_conninfo

from asyncdb import errors
from asyncdb.dialects import database_error
from asyncdb.dialects.postgresql import PostgreSQLOptions
from asyncdb.dialects.postgresql.answers import (
    Report,
    from_server,
    refused_session,
    while_connecting,
)
from asyncdb.driver.messages import of_network
from asyncdb.driver.tls import NO_TLS
from asyncdb.drivers.psycopg.leaving import when_ready

_BAD = pq.ConnStatus.BAD
_DONE = pq.PollingStatus.OK
_FAILED = pq.PollingStatus.FAILED

_SUPPRESS_TIMESTAMPS = pq.Trace.SUPPRESS_TIMESTAMPS
# A line of the trace: the fields of an error, a letter before each.
_TRACED = re.compile(rb"^B\t\d+\tErrorResponse\t(.*)$", re.MULTILINE)
_FIELD = re.compile(rb' ([A-Za-z]) "(.*?)"(?= [A-Za-z] "| \\x00)', re.DOTALL)
_SAID = re.compile(r"^connection .*? failed: (?:\S+):  (.*)", re.DOTALL)

# Words of libpq's, which has them in English alone unless it was built otherwise.
_NO_TLS = "server does not support SSL"
_PASSWORD = 'requirement "!password" failed'  # noqa: S105  # no password
_UNTRUSTED = re.compile(r"certificate verify failed|does not match host name")
# The server's words, by how they begin, and their code.
_WORDS = {
    r"password authentication failed for user": "28P01",
    r"\S+ authentication failed for user": "28000",
    r"no pg_hba\.conf entry for": "28000",
    r"pg_hba\.conf rejects": "28000",
    r"role \".*\" (does not exist|is not permitted to log in)": "28000",
    r"connection requires a valid client certificate": "28000",
    r"database \".*\" does not exist": "3D000",
    r"permission denied (for database|to set parameter)": "42501",
    r"sorry, too many clients|too many connections for": "53300",
    r"remaining connection slots are reserved": "53300",
    r"the database system is": "57P03",
    r"unrecognized configuration parameter": "42704",
    r"invalid (value for parameter|configuration parameter name)": "22023",
    r".* is outside the valid range for parameter": "22023",
    r"parameter \".*\" (cannot be changed|cannot be set)": "55P02",
    # PgBouncer's
    r"unsupported startup parameter|query_wait_timeout": "08P01",
    r"no such (user|database)|client_login_timeout": "08P01",
    r"password authentication failed|server login failed": "08P01",
}
_NETWORK = (
    *(errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTUNREACH, errno.ENETUNREACH),
    *(errno.ETIMEDOUT, errno.ENOENT, errno.EACCES, errno.EPIPE),
)


class Refused(Exception):  # it is no error of the user's yet
    """An attempt to connect that failed.

    Args:
        text: libpq's words.
        report: the server's error, if it sent one.
    """

    def __init__(self, text: str, report: Report) -> None:
        super().__init__("libpq could not connect")
        self._text = text
        self._report = report
        self.sqlstate = report.sqlstate

    @property
    def said(self) -> str:
        """The server's words, or what stands in between; "" where it is silent."""
        return self._report.message or ""

    @property
    def is_foreign(self) -> bool:
        """Whether the server has said something that is not understood."""
        return not self.sqlstate and self._report.message is not None

    @property
    def has_no_tls(self) -> bool:
        """Whether the server offers no TLS."""
        return _NO_TLS in self._text

    @property
    def has_refused_password(self) -> bool:
        """Whether libpq did not send the password as it is."""
        return _PASSWORD in self._text

    @property
    def of_network(self) -> bool:
        """Whether there was nobody to speak to."""
        return self._errno() is not None

    def _errno(self) -> int | None:
        return next((n for n in _NETWORK if os.strerror(n) in self._text), None)

    @staticmethod
    def by_network(error: OSError) -> errors.Error:
        """Return asyncdb's error for an error of the network's."""
        return database_error(
            errors.ConnectionFailed,
            detail=of_network(error),
            code=type(error).__name__,
        )

    def translated(self, options: PostgreSQLOptions) -> errors.Error:
        """Return asyncdb's error."""
        if self.sqlstate:
            report = self._report
            found: errors.Error | None = refused_session(report, options)
            found = found or while_connecting(from_server(report))
            return found or database_error(errors.ConnectionFailed)
        if self.has_no_tls:
            return errors.ConnectionFailed(NO_TLS)
        untrusted = _UNTRUSTED.search(self._text)
        if untrusted:
            why = untrusted[0].replace("does", "its name does")
            return errors.ConnectionFailed(
                f"the server's certificate is not trusted: {why}"
            )
        number = self._errno()
        if number is not None:
            return self.by_network(OSError(number, os.strerror(number)))
        return database_error(errors.ConnectionFailed)


async def log_in(parameters: dict[str, Any]) -> Any:
    """Connect by libpq's parameters; return its connection.

    Raises:
        Refused: it could not.
    """
    info = make_conninfo("", **parameters).encode()
    try:
        return await _attempt(info)
    except Refused as error:
        if not error.is_foreign or sys.platform != "linux":
            raise
    return await _attempt(info, traced=True)


async def _attempt(info: bytes, *, traced: bool = False) -> Any:
    pgconn: Any = pq.PGconn.connect_start(info)
    trace: _Trace | None = None
    try:
        if traced and pgconn.status != _BAD:
            trace = _Trace(pgconn)
        while pgconn.status != _BAD:
            wanted = pgconn.connect_poll()
            if wanted == _DONE:
                pgconn.nonblocking = 1
                return pgconn
            if wanted == _FAILED:
                break
            await when_ready(pgconn.socket, wanted)
        text = pgconn.error_message.decode("utf-8", "replace")
        raise Refused(text, (trace and trace.report()) or _read(text))
    except BaseException:
        pgconn.finish()
        raise
    finally:
        if trace is not None:
            trace.close()


class _Trace:
    """What passes during the log-in, where psycopg can have it written down."""

    def __init__(self, pgconn: Any) -> None:
        self._pgconn = pgconn
        self._file = os.memfd_create("asyncdb")
        pgconn.trace(self._file)
        pgconn.set_trace_flags(_SUPPRESS_TIMESTAMPS)

    def report(self) -> Report | None:
        """Return the server's error."""
        self._pgconn.untrace()
        found = _TRACED.findall(os.pread(self._file, 1 << 20, 0))
        if not found:
            return None
        fields = {
            letter.decode(): text.decode("utf-8", "replace")
            for letter, text in _FIELD.findall(b" " + found[-1].lstrip())
        }
        return Report(
            sqlstate=fields.get("C", ""),
            severity=fields.get("V") or fields.get("S"),
            message=fields.get("M"),
            detail=fields.get("D"),
            hint=fields.get("H"),
            function=fields.get("R"),
        )

    def close(self) -> None:
        """Throw it away."""
        if self._pgconn.status != _BAD:
            self._pgconn.untrace()
        os.close(self._file)


def _read(text: str) -> Report:
    """Return what is known of the server's error by its words."""
    found = _SAID.match(text)
    said = found[1].strip() if found else ""
    codes = (code for words, code in _WORDS.items() if re.match(words, said))
    return Report(sqlstate=next(codes, ""), severity="FATAL", message=said or None)
