"""asyncpg's exceptions as asyncdb's: by SQLSTATE, never by class or translated text."""

from __future__ import annotations

import re
import ssl
from typing import Any, Protocol

from asyncpg import exceptions

from asyncdb import errors
from asyncdb.dialects import database_error
from asyncdb.dialects.postgresql import PostgreSQLOptions
from asyncdb.dialects.postgresql.answers import (
    Report,
    from_server,
    lost,
    refused_session,
    undecodable,
    unfit_argument,
    unfit_in_row,
    while_connecting,
)
from asyncdb.driver import DriverConnection
from asyncdb.driver.messages import of_network
from asyncdb.driver.tls import NO_TLS
from asyncdb.sql import Statement
from asyncdb.sql.places import place


class Known(Protocol):
    """A statement whose result is known."""

    columns: tuple[tuple[str, Any], ...] | None


_OUTDATED = (
    "the statement has run, but its answer could not be read: a type in it was changed "
    "since this connection first saw it; statements from now on see the new one"
)
_WHY = re.compile(r"expected \w+, got \w+$|value out of \w+ range$")
# asyncpg's own words on an argument that does not fit end in one of these.
_EXPECTED = re.compile(
    r"query argument \$(?P<number>\d+)(?: in element #\d+ of executemany\(\) sequence)?"
    r": .*?"
    r"(?P<why>expected \w+, got \w+|value out of \w+ range|got type '\w+')?\)?$",
    re.DOTALL,
)


def translate(error: BaseException) -> errors.Error | None:
    """Return asyncdb's error for one of asyncpg's, or of the network's."""
    if isinstance(error, exceptions.PostgresError):
        # asyncpg uses one class for the server's errors and for its own.
        fields: Any = error  # the server's, which asyncpg sets one by one
        if isinstance(error, exceptions.DataError) and fields.severity is None:
            return _from_argument(error)
        if fields.severity is None:
            return _broken(error)
        found: Any = from_server(_report(fields))
        if isinstance(error, exceptions.InvalidCachedStatementError):
            # A table changed under a kept statement; nothing ran: all may run again.
            found.is_transient = True
        return found  # type: ignore[no-any-return]  # an Error
    result = getattr(error, "result", None)
    if result is not None:
        return undecodable(error, result)
    if isinstance(error, exceptions.OutdatedSchemaCacheError):
        return database_error(errors.InternalError, detail=_OUTDATED)
    if isinstance(error, exceptions.InternalClientError | AssertionError):
        # The server has ended an idle session, and only its last words have come yet.
        is_lost = "another operation (2)" in str(error)
        kind = errors.ConnectionLost if is_lost else errors.InternalError
        return database_error(kind)
    if isinstance(error, exceptions.InterfaceError):
        return _from_interface(error)
    if isinstance(error, OSError):  # TimeoutError too
        return database_error(errors.ConnectionLost, code=type(error).__name__)
    return None


def answered(error: BaseException) -> bool:
    """Tell whether the server has said so: asyncpg raises its classes, too."""
    return isinstance(error, exceptions.PostgresError) and bool(
        getattr(error, "severity", None)
    )


def annotate(
    error: Any,
    statement: Statement | None = None,
    session: DriverConnection | None = None,
    kept: Known | None = None,
) -> None:
    """Note on an error what its translation is to say besides.

    Args:
        error: of the server, which tells where in a text it is; or of asyncpg's
            decoders (what an argument raises it has turned into a DataError).
        statement: of which the text was sent.
        session: on which it was; it may be gone.
        kept: what is known of the statement's result.
    """
    if isinstance(error, exceptions.PostgresError):
        fields: Any = error
        if statement and session and fields.position and not session.is_closed():
            at, sent = int(fields.position) - 1, fields.query or statement.text
            fields.place = place(statement, session.lexis, at, sent)
    elif kept is not None and isinstance(error, ValueError | ArithmeticError):
        error.result = kept.columns or ()  # type: ignore[union-attr]


def misfit(error: BaseException) -> errors.DataError:
    """Return the error for a value that asyncpg could not encode for COPY."""
    match = _WHY.search(str(error))
    return unfit_in_row(match[0] if match else None, error)


def translate_connecting(
    error: BaseException, options: PostgreSQLOptions
) -> errors.Error | None:
    """Return asyncdb's error for one that ended the attempt to connect."""
    if isinstance(error, errors.Error):
        return error
    if isinstance(error, exceptions.PostgresError):
        found: errors.Error | None = refused_session(_report(error), options)
        if found is not None:
            return found
    if isinstance(error, ssl.SSLCertVerificationError):
        message = f"the server's certificate is not trusted: {error.verify_message}"
        return errors.ConnectionFailed(message)
    if isinstance(error, ConnectionError) and "rejected SSL upgrade" in str(error):
        return errors.ConnectionFailed(NO_TLS)
    if isinstance(error, OSError):
        return database_error(
            errors.ConnectionFailed,
            detail=of_network(error),
            code=type(error).__name__,
        )
    found = translate(error)
    if found is None and isinstance(error, ValueError):
        return database_error(errors.ConnectionFailed)
    return while_connecting(found)


def _broken(error: BaseException) -> errors.ConnectionLost:
    """Return the error for a line that broke, with what the server said before."""
    cause: Any = error.__cause__
    if cause is not None and answered(cause):
        return lost(cause.sqlstate, _report(cause).first_line)
    return lost(getattr(error, "sqlstate", None))


def _report(error: Any) -> Report:
    return Report(
        sqlstate=error.sqlstate or "",
        severity=error.severity_en or error.severity,
        message=str(error.args[0]) if error.args else None,
        detail=error.detail,
        hint=error.hint,
        constraint=error.constraint_name,
        table=error.table_name,
        column=error.column_name,
        function=error.server_source_function,
        internal_query=error.internal_query,
        place=getattr(error, "place", ""),
    )


def _from_argument(error: exceptions.DataError) -> errors.Error:
    if isinstance(error.__cause__, errors.DataError):
        return error.__cause__  # of our own encoder
    match = _EXPECTED.search(str(error))
    number, why = (match["number"], match["why"]) if match else ("", None)
    return unfit_argument(number, why, error.__cause__)


def _from_interface(error: exceptions.InterfaceError) -> errors.Error:
    text = str(error)
    if "connection is closed" in text or "released" in text:
        return lost(None)
    if "the server expects" in text:  # counts only: '... expects 1 argument ..., 0 ...'
        return errors.ParameterError(text.partition("\n")[0])
    if "number of query arguments cannot exceed" in text:
        return database_error(errors.ResourceLimit, detail=text)
    return errors.InterfaceError(text.partition("\n")[0])
