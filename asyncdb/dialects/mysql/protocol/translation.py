"""A library's exceptions as asyncdb's: by error number, never by class."""

from __future__ import annotations

import ssl

from asyncdb import errors
from asyncdb.dialects import database_error
from asyncdb.dialects.mysql.errors import from_server
from asyncdb.dialects.mysql.protocol.library import Library
from asyncdb.driver.messages import of_network

_LOST = 2013
_NO_SUCH_ZONE = 1298
_UNKNOWN_ZONE = (
    "time_zone names no zone that this server knows: names are in its tables only when "
    "mysql_tzinfo_to_sql has filled them, an offset such as +02:00 needs none"
)


def translate(error: BaseException, library: Library) -> errors.Error | None:
    """Return asyncdb's error for one of the library's, or of the network's."""
    if isinstance(error, library.misuse):
        return errors.ConnectionClosed("the connection to the server is closed")
    if isinstance(error, library.error):
        return _from_library(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        message = f"the server's certificate is not trusted: {error.verify_message}"
        return errors.ConnectionFailed(message)
    if isinstance(error, OSError | EOFError):  # TimeoutError too
        return database_error(errors.ConnectionLost, code=type(error).__name__)
    if isinstance(error, RuntimeError) and "'cryptography' package" in str(error):
        return errors.MissingDriver(
            "the server wants the password encrypted, which needs the cryptography "
            f'package: pip install "asyncdb-toolkit[{library.extra}]"'
        )
    return None


def translate_connecting(error: Exception, library: Library) -> errors.Error:
    """Return asyncdb's error for one that ended the attempt to connect."""
    cause = error.__cause__
    if isinstance(error, library.error) and isinstance(cause, OSError):
        error = cause  # the libraries say 2003 for all of them
    found = error if isinstance(error, errors.Error) else translate(error, library)
    if isinstance(found, errors.ConnectionFailed | errors.MissingDriver):
        return found
    if isinstance(error, errors.ProgrammingError):  # the fault of what was asked for
        return error
    code = getattr(found, "code", None) or type(error).__name__
    diag = getattr(found, "diag", None)
    if isinstance(error, library.error):
        # Of the set-up, or of the log-in: what it says of a statement is true here.
        said = str(found).rpartition(" (")[0] if found is not None else ""
        if code == _NO_SUCH_ZONE:
            said = _UNKNOWN_ZONE
        return database_error(
            errors.ConnectionFailed,
            detail=f"the server refused the connection: {said}" if said else "",
            sqlstate=getattr(found, "sqlstate", None),
            code=code,
            diag=diag,
        )
    return database_error(
        errors.ConnectionFailed, detail=_reason(error), code=code, diag=diag
    )


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return of_network(error)
    if isinstance(error, errors.Error):
        return f"the connection could not be opened: {error}"
    if isinstance(error, EOFError):
        return "the server closed the connection before the log-in was over"
    return "the server's greeting is not understood: is it MySQL or MariaDB?"


def _from_library(error: Exception) -> errors.Error:
    number = error.args[0] if error.args else None
    if isinstance(number, int):
        text = str(error.args[1]) if len(error.args) > 1 else ""
        state = getattr(error, "sqlstate", None)
        if getattr(error, "multiple", False):
            return database_error(
                errors.MultipleStatements,
                sqlstate=state,
                code=number,
                diag=errors.Diagnostic(text),
            )
        return from_server(number, state, text, getattr(error, "place", ""))
    text = str(number)
    if text.startswith("Packet sequence number wrong"):
        return database_error(errors.ConnectionLost, code=_LOST)
    return database_error(errors.InternalError)
