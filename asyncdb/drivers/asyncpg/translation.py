"""asyncpg's exceptions as asyncdb's: by SQLSTATE, never by class or translated text."""

from __future__ import annotations

import re
import ssl
from typing import Any

from asyncpg import exceptions

from asyncdb import errors
from asyncdb.dialects import database_error
from asyncdb.dialects.postgresql import CLEAN_CLASSES, PostgreSQLOptions, error_class
from asyncdb.dialects.settings import refused_setting
from asyncdb.driver.tls import NO_TLS

# Savepoints and blocks used without a transaction, or after it has failed.
_LOST_TRANSACTION = {
    "25P01": "no transaction is open",
    "25P02": "the transaction has failed: only rollback is left",
    "3B001": "there is no such savepoint",
}
# There is none of this name, or not this value, or it is not this user's to set.
_BAD_SETTING = frozenset(["42704", "22023", "42501", "55P02", "42602"])
_OUTDATED = (
    "the statement has run, but its answer could not be read: a type in it was changed "
    "since this connection first saw it; statements from now on see the new one"
)
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
        return _from_server(fields)
    if isinstance(error, OverflowError):  # from asyncpg's encoders of dates
        return database_error(errors.InvalidDatetime)
    if isinstance(error, exceptions.OutdatedSchemaCacheError):
        return database_error(errors.InternalError, detail=_OUTDATED)
    if isinstance(error, exceptions.InternalClientError | AssertionError):
        # The server has ended an idle session, and only its last words have come yet.
        lost = "another operation (2)" in str(error)
        return database_error(errors.ConnectionLost if lost else errors.InternalError)
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


def translate_connecting(
    error: BaseException, options: PostgreSQLOptions
) -> errors.Error | None:
    """Return asyncdb's error for one that ended the attempt to connect."""
    if isinstance(error, errors.Error):
        return error
    if options.settings and getattr(error, "sqlstate", None) in _BAD_SETTING:
        return refused_setting(options.settings, str(error), error.sqlstate)  # type: ignore[attr-defined]
    if isinstance(error, ssl.SSLCertVerificationError):
        message = f"the server's certificate is not trusted: {error.verify_message}"
        return errors.ConnectionFailed(message)
    if isinstance(error, ConnectionError) and "rejected SSL upgrade" in str(error):
        return errors.ConnectionFailed(NO_TLS)
    found = translate(error)
    if isinstance(found, errors.ConnectionLost) or (
        found is None and isinstance(error, ValueError)
    ):
        code = found.code if isinstance(found, errors.ConnectionLost) else None
        return database_error(errors.ConnectionFailed, code=code)
    return found


def _from_server(error: Any) -> errors.Error:
    state = error.sqlstate or ""
    if state in _LOST_TRANSACTION:
        return errors.TransactionError(f"{_LOST_TRANSACTION[state]} (SQLSTATE {state})")
    kind = error_class(state)
    text = str(error.args[0]) if error.args else ""
    if state == "57014" and "statement timeout" in text:
        kind = errors.StatementTimeout
    if state == "42601" and "multiple commands" in text:
        kind = errors.MultipleStatements
    column = error.column_name
    found = database_error(
        kind,
        detail=text.partition("\n")[0] if state[:2] in CLEAN_CLASSES else "",
        sqlstate=state,
        code=state,
        constraint=error.constraint_name,
        table=error.table_name,
        columns=(column,) if column else (),
    )
    if isinstance(error, exceptions.InvalidCachedStatementError):
        # A table changed under a kept statement; nothing ran, so all may run again.
        found.is_transient = True
    return found


def _from_argument(error: exceptions.DataError) -> errors.Error:
    if isinstance(error.__cause__, errors.DataError):
        return error.__cause__  # of our own encoder
    match = _EXPECTED.search(str(error))
    number, why = (match["number"], match["why"]) if match else ("", None)
    kind: type[errors.DataError] = errors.DataError
    if isinstance(error.__cause__, UnicodeEncodeError):
        kind = errors.InvalidText
    if why and why.startswith("value out of"):
        kind = errors.NumericOutOfRange
    detail = f"parameter ${number} does not fit the type that the server expects there"
    if why:
        detail += f": {why}"
    if why and why.startswith("expected str"):
        detail += "; an untyped marker is text to PostgreSQL: write CAST(? AS ...)"
    return database_error(kind, detail=detail, sqlstate="22000")


def _from_interface(error: exceptions.InterfaceError) -> errors.Error:
    text = str(error)
    if "connection is closed" in text or "released" in text:
        return database_error(errors.ConnectionLost)
    if "the server expects" in text:  # counts only: '... expects 1 argument ..., 0 ...'
        return errors.ParameterError(text.partition("\n")[0])
    if "number of query arguments cannot exceed" in text:
        return database_error(errors.ResourceLimit, detail=text)
    return errors.InterfaceError(text.partition("\n")[0])
