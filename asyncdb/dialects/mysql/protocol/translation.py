"""A library's exceptions as asyncdb's: by error number, never by class."""

from __future__ import annotations

import ssl
from typing import NamedTuple

from asyncdb import errors
from asyncdb.dialects import database_error
from asyncdb.dialects.mysql.errors import from_server

_LOST = 2013


class Library(NamedTuple):
    """The exceptions of a library of PyMySQL's family.

    Args:
        error: the root of them; `args` are number and text.
        misuse: "Not connected", "Cancelled during execution".
        extra: what to install for the library and for all it may need.
    """

    error: type[Exception]
    misuse: type[Exception]
    extra: str


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
    if isinstance(error, library.error):
        return database_error(
            errors.ConnectionFailed,
            detail="the server refused the connection",
            sqlstate=getattr(found, "sqlstate", None),
            code=code,
        )
    return database_error(errors.ConnectionFailed, detail=_reason(error), code=code)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"No connection could be made: {error.strerror}"
    if isinstance(error, OSError | EOFError | errors.Error):
        return ""
    return "the server's greeting is not understood"


def _from_library(error: Exception) -> errors.Error:
    number = error.args[0] if error.args else None
    if isinstance(number, int):
        text = str(error.args[1]) if len(error.args) > 1 else ""
        return from_server(number, getattr(error, "sqlstate", None), text)
    text = str(number)
    if text.startswith("Packet sequence number wrong"):
        return database_error(errors.ConnectionLost, code=_LOST)
    return database_error(errors.InternalError)
