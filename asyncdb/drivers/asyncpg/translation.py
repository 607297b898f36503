"""asyncpg's exceptions as asyncdb's: by SQLSTATE, never by class or translated text."""

from __future__ import annotations

import re
import ssl
from collections.abc import Sequence
from typing import Any, Protocol

from asyncpg import exceptions

from asyncdb import errors
from asyncdb.dialects import database_error
from asyncdb.dialects.pgbouncer import is_refusal
from asyncdb.dialects.postgresql import (
    CLEAN_CLASSES,
    MESSAGES,
    PostgreSQLOptions,
    error_class,
)
from asyncdb.dialects.settings import refused_setting
from asyncdb.driver import DriverConnection
from asyncdb.driver.messages import of_network
from asyncdb.driver.tls import NO_TLS
from asyncdb.sql import Statement
from asyncdb.sql.places import place


class Known(Protocol):
    """A statement whose result is known."""

    columns: tuple[tuple[str, Any], ...] | None


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
_UNSUPPORTED_SETTING = (
    "PgBouncer, or what answers like it, takes no setting {parameter} when a session "
    "starts: let it pass by its own setting ignore_startup_parameters"
)
_FINAL = frozenset(["FATAL", "PANIC"])
# The server's functions behind RAISE and what other languages have for it.
_OWN_WORDS = frozenset(
    [
        "exec_stmt_raise",
        "PLy_elog_impl",
        "do_util_elog",
        "pltcl_elog",
        "exec_stmt_assert",
    ]
)
# Types of dates and times, their arrays and ranges: pg_type.oid.
_TEMPORAL = frozenset(
    (
        *(1082, 1083, 1114, 1184, 1186, 1266, 1182, 1183, 1115, 1185, 1187, 1270),
        *(3908, 3910, 3912, 4533, 4534, 4535),
    )
)
_SETTING = re.compile(r'parameter "(?P<name>\w+)"')
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
        return _from_server(fields)
    result = getattr(error, "result", None)
    if result is not None:
        return _undecodable(error, result)
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


def lost(sqlstate: str | None, text: str = "") -> errors.ConnectionLost:
    """Return the error for a session that the server has ended, with its reason.

    Args:
        sqlstate: of the server's last words, `None` where it said nothing.
        text: what they were.
    """
    said = sqlstate is not None and sqlstate[:2] in CLEAN_CLASSES
    return database_error(
        errors.ConnectionLost,
        detail=f"the server ended the connection: {text}" if said and text else "",
        sqlstate=sqlstate,
        code=sqlstate,
        diag=errors.Diagnostic(text or None),
    )


def misfit(error: BaseException) -> errors.DataError:
    """Return the error for a value that asyncpg could not encode for COPY."""
    match = _WHY.search(str(error))
    why = f": {match[0]}" if match else ""
    kind: type[errors.DataError] = errors.DataError
    if isinstance(error, UnicodeEncodeError):
        kind = errors.InvalidText
    elif isinstance(error, OverflowError):
        kind = errors.NumericOutOfRange if why else errors.InvalidDatetime
    message = "a value of a row does not fit the type of its column"
    return database_error(kind, detail=f"{message}{why}", sqlstate="22000")


def _undecodable(
    error: BaseException, columns: Sequence[tuple[str, Any]]
) -> errors.DataError:
    """Return the error for a value of a result that asyncpg could not decode.

    Args:
        error: what its decoder raised; it may quote the value.
        columns: name and OID of each column of the result.
    """
    if isinstance(error, UnicodeDecodeError):
        message = "a column holds text that is not valid in the session's encoding"
        return database_error(errors.InvalidText, detail=message)
    names = tuple(name for name, oid in columns if oid in _TEMPORAL)
    if not names:
        message = "a column holds a value that Python's type for it cannot hold"
        return database_error(errors.DataError, detail=f"{message}: CAST it to text")
    which = "it" if len(names) == 1 else "them"
    return database_error(
        errors.InvalidDatetime,
        detail=f"a date or time that Python's types cannot hold, such as one before "
        f"the year 1 or after 9999, or 24:00: CAST {which} to text",
        columns=names,
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
    if isinstance(error, OSError):
        return database_error(
            errors.ConnectionFailed,
            detail=of_network(error),
            code=type(error).__name__,
        )
    found = translate(error)
    if getattr(error, "sqlstate", None) == "22023" and "TimeZone" in str(error):
        return database_error(
            errors.ConnectionFailed,
            detail="time_zone names no zone that this server knows",
            sqlstate="22023",
            code="22023",
        )
    if found is None and isinstance(error, ValueError):
        return database_error(errors.ConnectionFailed)
    if isinstance(found, errors.ConnectionLost):
        return _refused(found)
    if isinstance(found, errors.DataError):  # of a setting in the start-up packet
        setting = _SETTING.search(found.diag.message or "")
        name = setting["name"] if setting else "unknown"
        return database_error(
            errors.ConnectionFailed,
            detail=f"the server does not take the value of a setting: {name}",
            sqlstate=found.sqlstate,
            code=found.code,
            diag=found.diag,
        )
    return found


def _refused(found: errors.ConnectionLost) -> errors.ConnectionFailed:
    """Say of a session that ended before it began that it could not be opened.

    PgBouncer has one SQLSTATE for all of its reasons.
    """
    kind: type[errors.ConnectionFailed] = errors.ConnectionFailed
    said = (found.diag.message or "").partition("\n")[0]
    if said not in str(found):  # it may hold a value
        said = ""
    detail = f"the server refused the connection: {said}" if said else ""
    if is_refusal(found.sqlstate, said):
        parameter = said.rpartition(" ")[2]
        detail = _UNSUPPORTED_SETTING.format(parameter=parameter)
    elif "authentication failed" in said:
        kind = errors.AuthenticationFailed
    return database_error(
        kind,
        detail=detail,
        sqlstate=found.sqlstate,
        code=found.code,
        diag=found.diag,
    )


def _broken(error: BaseException) -> errors.ConnectionLost:
    """Return the error for a line that broke, with what the server said before."""
    cause: Any = error.__cause__
    if cause is not None and answered(cause):
        return lost(cause.sqlstate, _first_line(cause))
    return lost(getattr(error, "sqlstate", None))


def _severity(error: Any) -> Any:
    """Return how bad it is: FATAL ends the session."""
    return error.severity_en or error.severity


def _first_line(error: Any) -> str:
    return str(error.args[0]).partition("\n")[0] if error.args else ""


def _from_server(error: Any) -> errors.Error:
    state = error.sqlstate or ""
    if state in _LOST_TRANSACTION:
        return errors.TransactionError(f"{_LOST_TRANSACTION[state]} (SQLSTATE {state})")
    kind, text = error_class(state), _first_line(error)
    if kind is errors.ConnectionLost and _severity(error) not in _FINAL:
        kind = errors.OperationalError
    if state == "57014" and "statement timeout" in text:
        kind = errors.StatementTimeout
    if state == "42601" and "multiple commands" in text:
        kind = errors.MultipleStatements
    column = error.column_name
    found = database_error(
        kind,
        detail=_words(error, kind, state, text),
        place=getattr(error, "place", ""),
        sqlstate=state,
        code=state,
        constraint=error.constraint_name,
        table=error.table_name,
        columns=(column,) if column else (),
        diag=errors.Diagnostic(
            str(error.args[0]) if error.args else None, error.detail, error.hint
        ),
    )
    if isinstance(error, exceptions.InvalidCachedStatementError):
        # A table changed under a kept statement; nothing ran, so all may run again.
        found.is_transient = True
    if kind is errors.RaisedException and found.diag.message:
        found.args = (found.diag.message,)
    return found


def _words(error: Any, kind: type[errors.DatabaseError], state: str, text: str) -> str:
    """Return what an error says, "" for what its class does."""
    if kind is errors.MultipleStatements:
        return ""
    if error.server_source_function in _OWN_WORDS or state[:2] not in CLEAN_CLASSES:
        return MESSAGES.get(state, "")
    if state == "42601" and error.internal_query:
        # What it quotes may be a value that a function put into a text of its own.
        return "a statement that a function or a block has made could not be parsed"
    if kind is errors.ConnectionLost:
        return f"the server ended the connection: {text}"
    if getattr(error, "place", ""):  # which quotes more
        return text.partition(" at or near ")[0].removesuffix(" at end of input")
    return text


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
        return lost(None)
    if "the server expects" in text:  # counts only: '... expects 1 argument ..., 0 ...'
        return errors.ParameterError(text.partition("\n")[0])
    if "number of query arguments cannot exceed" in text:
        return database_error(errors.ResourceLimit, detail=text)
    return errors.InterfaceError(text.partition("\n")[0])
