"""What PostgreSQL answers when it fails, as asyncdb's errors: by SQLSTATE alone.

Never by the library's class or by a translated text. A driver fills a `Report` with the
fields of the server's message, whatever its library calls them.
https://www.postgresql.org/docs/current/protocol-error-fields.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from asyncdb import errors
from asyncdb.dialects.postgresql.options import PostgreSQLOptions
from asyncdb.dialects.postgresql.sqlstates import CLEAN_CLASSES, MESSAGES, error_class
from asyncdb.dialects.settings import refused_setting
from asyncdb.driver.naming import database_error

# Savepoints and blocks used without a transaction, or after it has failed.
_LOST_TRANSACTION = {
    "25P01": "no transaction is open",
    "25P02": "the transaction has failed: only rollback is left",
    "3B001": "there is no such savepoint",
}
# There is none of this name, or not this value, or it is not this user's to set.
_BAD_SETTING = frozenset(["42704", "22023", "42501", "55P02", "42602"])
_UNSUPPORTED_SETTING = (
    "the server takes no settings when a session starts ({parameter}), which is how "
    "PgBouncer answers: connect with pgbouncer=True"
)
# What ends a session.
FINAL = frozenset(["FATAL", "PANIC"])
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """The fields of the server's message.

    Args:
        sqlstate: the code.
        severity: how bad it is, in English where the server says so: FATAL ends the
            session.
        message: its first line and what follows.
        detail: which may quote rows.
        hint: what may be done.
        constraint: the name of one.
        table: the name of one.
        column: the name of one.
        function: of the server's own source.
        internal_query: a statement that a function has made.
        place: where in the user's text, as `place()` says it.
    """

    sqlstate: str = ""
    severity: str | None = None
    message: str | None = None
    detail: str | None = None
    hint: str | None = None
    constraint: str | None = None
    table: str | None = None
    column: str | None = None
    function: str | None = None
    internal_query: str | None = None
    place: str = ""

    @property
    def first_line(self) -> str:
        """The first line of the message."""
        return (self.message or "").partition("\n")[0]


def from_server(report: Report) -> errors.Error:
    """Return asyncdb's error for a message of the server's."""
    state, text = report.sqlstate, report.first_line
    if state in _LOST_TRANSACTION:
        return errors.TransactionError(f"{_LOST_TRANSACTION[state]} (SQLSTATE {state})")
    kind = error_class(state)
    if kind is errors.ConnectionLost and report.severity not in FINAL:
        kind = errors.OperationalError
    if state == "57014" and "statement timeout" in text:
        kind = errors.StatementTimeout
    if state == "42601" and "multiple commands" in text:
        kind = errors.MultipleStatements
    found = database_error(
        kind,
        detail=_words(report, kind),
        place=report.place,
        sqlstate=state,
        code=state,
        constraint=report.constraint,
        table=report.table,
        columns=(report.column,) if report.column else (),
        diag=errors.Diagnostic(report.message, report.detail, report.hint),
    )
    if kind is errors.RaisedException and found.diag.message:
        found.args = (found.diag.message,)
    return found


def _words(report: Report, kind: type[errors.DatabaseError]) -> str:
    """Return what an error says, "" for what its class does."""
    state, text = report.sqlstate, report.first_line
    if kind is errors.MultipleStatements:
        return ""
    if report.function in _OWN_WORDS or state[:2] not in CLEAN_CLASSES:
        return MESSAGES.get(state, "")
    if state == "42601" and report.internal_query:
        # What it quotes may be a value that a function put into a text of its own.
        return "a statement that a function or a block has made could not be parsed"
    if kind is errors.ConnectionLost:
        return f"the server ended the connection: {text}"
    if report.place:  # which quotes more
        return text.partition(" at or near ")[0].removesuffix(" at end of input")
    return text


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


# -- values ----------------------------------------------------------------------------


def unfit_argument(number: int | str, why: str | None, cause: Any) -> errors.DataError:
    """Return the error for a parameter that is no value of its place's type.

    Args:
        number: of the parameter, from 1.
        why: the types, or the range, in the words of asyncpg; never the value.
        cause: what the encoder raised.
    """
    kind: type[errors.DataError] = errors.DataError
    if isinstance(cause, UnicodeEncodeError):
        kind = errors.InvalidText
    if why and why.startswith("value out of"):
        kind = errors.NumericOutOfRange
    detail = f"parameter ${number} does not fit the type that the server expects there"
    if isinstance(cause, TypeError) and "offset-naive" in str(cause):
        why = (  # Python's words hold no value
            "a datetime with a time zone fits timestamptz, one without fits timestamp"
        )
    if why:
        detail += f": {why}"
    if why and why.startswith("expected str"):
        detail += "; an untyped marker is text to PostgreSQL: write CAST(? AS ...)"
    return database_error(kind, detail=detail, sqlstate="22000")


def unfit_in_row(why: str | None, cause: BaseException) -> errors.DataError:
    """Return the error for a value of a row that COPY could not be given."""
    kind: type[errors.DataError] = errors.DataError
    if isinstance(cause, UnicodeEncodeError):
        kind = errors.InvalidText
    elif why and why.startswith("value out of"):
        kind = errors.NumericOutOfRange
    elif isinstance(cause, OverflowError):
        kind = errors.NumericOutOfRange if why else errors.InvalidDatetime
    message = "a value of a row does not fit the type of its column"
    detail = f"{message}: {why}" if why else message
    return database_error(kind, detail=detail, sqlstate="22000")


def undecodable(
    error: BaseException, columns: Sequence[tuple[str, Any]]
) -> errors.DataError:
    """Return the error for a value of a result that could not be decoded.

    Args:
        error: what the decoder raised; it may quote the value.
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


# -- connecting ------------------------------------------------------------------------


def refused_session(
    report: Report, options: PostgreSQLOptions
) -> errors.ProgrammingError | errors.ConnectionFailed | None:
    """Return the error for a setting that the server refused when a session began.

    Returns:
        `None` where it was something else.
    """
    state, text = report.sqlstate, report.message or ""
    if options.settings and state in _BAD_SETTING:
        return refused_setting(options.settings, text, state)
    if state == "22023" and "TimeZone" in text:
        return database_error(
            errors.ConnectionFailed,
            detail="time_zone names no zone that this server knows",
            sqlstate="22023",
            code="22023",
        )
    return None


def while_connecting(found: errors.Error | None) -> errors.Error | None:
    """Say of a session that ended before it began that it could not be opened.

    PgBouncer has one SQLSTATE for all of its reasons.
    """
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
    kind: type[errors.ConnectionFailed] = errors.ConnectionFailed
    said = (found.diag.message or "").partition("\n")[0]
    if said not in str(found):  # it may hold a value
        said = ""
    detail = f"the server refused the connection: {said}" if said else ""
    if found.sqlstate == "08P01" and "unsupported startup parameter" in said:
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
