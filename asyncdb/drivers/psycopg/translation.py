"""psycopg's exceptions as asyncdb's: by SQLSTATE, never by class or translated text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import pq

from asyncdb import errors
from asyncdb.dialect import Lexis
from asyncdb.dialects import database_error
from asyncdb.dialects.postgresql import PostgreSQLOptions
from asyncdb.dialects.postgresql.answers import (
    FINAL,
    Report,
    from_server,
    lost,
    refused_session,
    undecodable,
    unfit_argument,
    while_connecting,
)
from asyncdb.drivers.psycopg.encoding import Misfit
from asyncdb.sql import Statement
from asyncdb.sql.places import place

_SEVERITY = pq.DiagnosticField.SEVERITY_NONLOCALIZED
_OWN_WORDS = frozenset(["RevalidateCachedQuery"])


class Unfit(Exception):  # it is no error of the user's yet
    """An argument that is no value of the type that its place has.

    Args:
        number: of the argument, from 1.
        cause: what the encoder raised.
    """

    def __init__(self, number: int, cause: BaseException) -> None:
        super().__init__(number)
        self.number = number
        self.cause = cause


class Undecodable(ValueError):
    """A value of a result that Python's type for it cannot hold.

    Args:
        cause: what the decoder raised; it may quote the value.
        columns: name and OID of each column of the result.
    """

    def __init__(
        self, cause: BaseException, columns: Sequence[tuple[str, Any]]
    ) -> None:
        super().__init__()
        self.cause = cause
        self.columns = columns


def translate(error: BaseException) -> errors.Error | None:
    """Return asyncdb's error for one of psycopg's, or of the network's."""
    if isinstance(error, Unfit):
        return _from_argument(error)
    if isinstance(error, Undecodable):
        return undecodable(error.cause, error.columns)
    if isinstance(error, psycopg.Error):
        if error.sqlstate is None:
            return _own(error)
        found: Any = from_server(report(error))
        if is_stale(error):
            # A table changed under a kept statement; nothing ran: all may run again.
            found.is_transient = True
        return found  # type: ignore[no-any-return]  # an Error
    if isinstance(error, OSError):  # TimeoutError too
        return database_error(errors.ConnectionLost, code=type(error).__name__)
    return None


def translate_connecting(
    error: psycopg.Error, options: PostgreSQLOptions
) -> errors.Error | None:
    """Return asyncdb's error for one that ended a session before it was anybody's."""
    found: errors.Error | None = refused_session(report(error), options)
    return found or while_connecting(translate(error))


def is_stale(error: psycopg.Error) -> bool:
    """Tell whether a kept statement was refused before it ran, and may be anew."""
    own = error.sqlstate == "0A000" and error.diag.source_function in _OWN_WORDS
    return own or error.sqlstate == "26000"


def is_final(result: Any) -> bool:
    """Tell whether a result is the server's last word."""
    if result.status != pq.ExecStatus.FATAL_ERROR:
        return False
    severity = result.error_field(_SEVERITY) or b""
    return severity.decode() in FINAL


def raise_first(results: Sequence[Any], text: str = "", offset: int = 0) -> None:
    """Raise the server's error, if one of the results is one.

    Args:
        results: of an exchange.
        text: what was sent, for `annotate`.
        offset: how much was put before it.
    """
    for result in results:
        if result.status == pq.ExecStatus.FATAL_ERROR:
            error = psycopg.errors.error_from_result(result, "utf-8")
            error.sent = text, offset  # type: ignore[attr-defined]
            raise error


def annotate(error: BaseException, statement: Statement, lexis: Lexis) -> None:
    """Note on the server's error where in a statement's text it is.

    Args:
        error: what was raised.
        statement: whose text was sent, in whatever form.
        lexis: how its session divides text.
    """
    if isinstance(error, psycopg.Error) and error.diag.statement_position:
        text, offset = getattr(error, "sent", ("", 0))
        at = int(error.diag.statement_position) - 1 - offset
        found = place(statement, lexis, at, text or statement.text)
        error.place = found  # type: ignore[attr-defined]


def report(error: psycopg.Error) -> Report:
    """Return what the server said."""
    diag = error.diag
    return Report(
        sqlstate=error.sqlstate or "",
        severity=diag.severity_nonlocalized or diag.severity,
        message=diag.message_primary,
        detail=diag.message_detail,
        hint=diag.message_hint,
        constraint=diag.constraint_name,
        table=diag.table_name,
        column=diag.column_name,
        function=diag.source_function,
        internal_query=diag.internal_query,
        place=getattr(error, "place", ""),
    )


def _from_argument(error: Unfit) -> errors.Error:
    if isinstance(error.cause, errors.DataError):
        return error.cause  # of our own encoder
    why = str(error.cause) if isinstance(error.cause, Misfit) else None
    return unfit_argument(error.number, why, error.cause)


def _own(error: psycopg.Error) -> errors.Error:
    """Return the error for one that libpq or psycopg has made: its words are kept out.

    They are of the line, nearly always; and may quote what was sent.
    """
    if isinstance(error, psycopg.OperationalError):
        return lost(None)
    if isinstance(error, psycopg.InterfaceError):
        return errors.InterfaceError("psycopg cannot do this")
    if isinstance(error, psycopg.DataError):
        return database_error(errors.DataError)
    return database_error(errors.InternalError)
