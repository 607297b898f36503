"""The server's errors as asyncdb's: a table by number, names from the text.

Numbers: https://dev.mysql.com/doc/mysql-errors/en/ and
https://mariadb.com/kb/en/mariadb-error-codes/. The text of an error may hold values
(1062 shows the duplicate), so it becomes part of our message for those of `NAMES_ONLY`
alone, and where the author of a routine has written it. From the others names are
taken, by patterns that are anchored at the end of the text and greedy before it: a
value that imitates a text cannot forge a name.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from asyncdb import errors
from asyncdb.dialects import database_error
from asyncdb.dialects.mysql.error_numbers import ERRORS, MESSAGES, NAMES_ONLY

# Number, SQLSTATE and text of an error packet.
Reason: TypeAlias = tuple[int | None, str | None, str]

SYNTAX = 1064
_DUPLICATE, _DUPLICATE_NAMED = 1062, 1586
_FOREIGN_KEYS = frozenset([1451, 1452])
_BAD_NULL, _NO_DEFAULT = 1048, 1364
_CHECK_MARIADB, _CHECK_MYSQL = 4025, 3819
_DATA = frozenset([1264, 1265, 1366, 1406, 1292])
_TRUNCATED_VALUE = 1292
_ROUTINE_MISSING = 1305
_ERROR_DURING_COMMIT = 1180
_OPTION_PREVENTS = 1290
_ISOLATION_TOO_LATE = 1568
_USER_LIMIT = 1226
_SIGNALED = frozenset([1643, 1644])  # SIGNAL without a number of its own
# Classes of SQLSTATE: for users, and for all that has none of its own.
_USER_DEFINED, _UNSPECIFIC = "45", "HY"

# A node may be cut off: it is not ready, or its cluster did not take the transaction.
_OF_CLUSTERS = frozenset([1047, 1180, 3100])
# Galera's and Group Replication's answer to a COMMIT when the node lost its cluster:
# the others may have got the transaction, and keep it (`make test-clusters` saw it).
_COMMITS_UNKNOWN = frozenset([_ERROR_DURING_COMMIT, 3100])

# What a routine may signal with a SQLSTATE of the standard, or one of PostgreSQL's.
_STATES: dict[str, type[errors.DatabaseError]] = {
    "23502": errors.NotNullViolation,
    "23503": errors.ForeignKeyViolation,
    "23505": errors.UniqueViolation,
    "23514": errors.CheckViolation,
    "23P01": errors.ExclusionViolation,
    "22001": errors.StringTooLong,
    "22003": errors.NumericOutOfRange,
    "22007": errors.InvalidDatetime,
    "22008": errors.InvalidDatetime,
    "22012": errors.DivisionByZero,
    "25006": errors.ReadOnlyTransaction,
    "42501": errors.InsufficientPrivilege,
    "42S01": errors.DuplicateTable,
    "42S02": errors.UndefinedTable,
    "42S22": errors.UndefinedColumn,
    "40P01": errors.DeadlockDetected,
}
# By the first two characters of SQLSTATE, for numbers without a line in the table.
_CLASSES: dict[str, type[errors.DatabaseError]] = {
    "08": errors.ConnectionLost,
    "0A": errors.NotSupportedError,
    **dict.fromkeys(
        ["0K", "0Z", "20", "21", "24", "2F", "34", "39"], errors.ProgrammingError
    ),
    "22": errors.DataError,
    "23": errors.IntegrityError,
    "25": errors.OperationalError,
    "28": errors.AuthenticationFailed,
    "3D": errors.ProgrammingError,
    "40": errors.SerializationFailure,
    "42": errors.ProgrammingError,
    "44": errors.CheckViolation,  # WITH CHECK OPTION
    "70": errors.QueryCanceled,
    "HY": errors.OperationalError,
    "XA": errors.OperationalError,
}

_QUOTED = r"(?:`(?:[^`]|``)*`|\"(?:[^\"]|\"\")*\")"
_KEY = re.compile(r".* for key '(?P<name>.*)'$", re.DOTALL)
_REFERENCE = re.compile(
    rf"\((?:{_QUOTED}\.)?(?P<table>{_QUOTED}), CONSTRAINT (?P<name>{_QUOTED})"
    rf" FOREIGN KEY \((?P<columns>{_QUOTED}(?:, {_QUOTED})*)\) REFERENCES "
)
_COLUMN_NULL = re.compile(
    r"(?:Column|Field) '(?P<name>.*)' (?:cannot be null|doesn't have a default value)$",
    re.DOTALL,
)
_CONSTRAINT = re.compile(
    rf"CONSTRAINT (?P<name>{_QUOTED}) failed for {_QUOTED}\.(?P<table>{_QUOTED})$"
)
_CHECK = re.compile(r"Check constraint '(?P<name>.*)' is violated\.$", re.DOTALL)
_AT_ROW = re.compile(
    rf".* column (?:{_QUOTED}\.(?P<table>{_QUOTED})\.(?P<quoted>{_QUOTED})"
    r"|'(?P<name>[^']*)') at row \d+$",
    re.DOTALL,
)
_VALUE_OF = re.compile(r"(?:Truncated incorrect|Incorrect) (?P<type>\w+) value")
_TIMES = frozenset(["date", "time", "datetime", "timestamp", "year"])
_OF_CONNECTIONS = re.compile(r"the 'max_(?:user_connections|connections_per_hour)' res")
_NAMED = re.compile(r"'(?P<name>[^']*)'")


def from_server(
    number: int, sqlstate: str | None, text: str, place: str = ""
) -> errors.Error:
    """Make the error for an error packet.

    Args:
        number: the error's number.
        sqlstate: its SQLSTATE, where the packet has one.
        text: its text, in English.
        place: where in the user's text, as `asyncdb.sql.places` says it.

    Returns:
        An error that names constraint, table and columns as far as the text does.
    """
    found = _signaled(number, sqlstate or "") or _special(number, text)
    if isinstance(found, errors.Error):
        return found
    kind = found or ERRORS.get(number) or _CLASSES.get((sqlstate or "")[:2])
    constraint, table, columns = _names(number, text)
    error = database_error(
        kind or errors.DatabaseError,
        detail=_words(number, text, place),
        place=place,
        sqlstate=sqlstate,
        code=number,
        constraint=constraint,
        table=table,
        columns=columns,
        diag=errors.Diagnostic(text or None),
    )
    if kind is errors.RaisedException and text:
        error.args = (text,)
    if number in _OF_CLUSTERS:
        error.doubts_server = True
    return error


def lost(
    number: int | None = None, sqlstate: str | None = None, text: str = ""
) -> errors.ConnectionLost:
    """Make the error for a session that the server has ended, with its reason.

    Args:
        number: of the error packet that it sent last; `None` where it said nothing.
        sqlstate: its SQLSTATE.
        text: its text.
    """
    return database_error(
        errors.ConnectionLost,
        detail=_words(number, text, ""),
        sqlstate=sqlstate,
        code=number,
        diag=errors.Diagnostic(text or None),
    )


def read_packet(packet: bytes) -> Reason:
    """Read number, SQLSTATE and text of an error packet."""
    number, rest = int.from_bytes(packet[1:3], "little"), packet[3:]
    state = None
    if rest[:1] == b"#":
        state, rest = rest[1:6].decode("ascii", "replace"), rest[6:]
    return number, state, rest.decode("utf-8", "replace")


def reason_of(error: BaseException) -> Reason | None:
    """Return the reason that `lost` was told; `None` for any other error."""
    if not isinstance(error, errors.ConnectionLost):
        return None
    number = error.code if isinstance(error.code, int) else None
    return number, error.sqlstate, error.diag.message or ""


def _words(number: int | None, text: str, place: str) -> str:
    """Return what an error says, "" for what its class does."""
    if number == SYNTAX and place:
        return "the server could not parse the statement"
    if number in NAMES_ONLY:
        said = text.rstrip(".")
        if said and ERRORS.get(number) is errors.ConnectionLost:
            return f"the server ended the connection: {said}"
        return said
    return MESSAGES.get(number or 0, "")


def _signaled(number: int, sqlstate: str) -> type[errors.DatabaseError] | None:
    """Return the class of what a routine of somebody's has raised by SIGNAL."""
    if sqlstate[:2] == _USER_DEFINED:
        return errors.RaisedException
    if number not in _SIGNALED:
        return None
    if sqlstate[:2] == _UNSPECIFIC:
        return errors.RaisedException
    return _STATES.get(sqlstate) or _CLASSES.get(sqlstate[:2], errors.RaisedException)


def _special(
    number: int, text: str
) -> errors.Error | type[errors.DatabaseError] | None:
    """Tell apart what one number says of several situations."""
    if number == _ROUTINE_MISSING and text.startswith("SAVEPOINT"):
        return errors.TransactionError(f"there is no such savepoint (code {number})")
    if number == _ISOLATION_TOO_LATE:
        return errors.TransactionError(f"a transaction is open (code {number})")
    if number == _TRUNCATED_VALUE:
        match = _VALUE_OF.match(text)
        if match and match["type"].lower() not in _TIMES:
            return errors.InvalidText
    if number == _ERROR_DURING_COMMIT and "error 149" in text:
        return errors.SerializationFailure  # group replication: lost to another node
    if number in _COMMITS_UNKNOWN:
        return errors.CommitUnknown
    if number == _USER_LIMIT and _OF_CONNECTIONS.search(text):
        return errors.TooManyConnections
    if number == _OPTION_PREVENTS and "read-only" in text.replace("_", "-"):
        return errors.ReadOnlyTransaction
    return None


def _names(number: int, text: str) -> tuple[str | None, str | None, tuple[str, ...]]:
    """Read `(constraint, table, columns)` out of a text."""
    if number in (_DUPLICATE, _DUPLICATE_NAMED):
        match = _KEY.match(text)
        # MySQL 8 says table.index, MariaDB the index alone.
        table, _, name = match["name"].rpartition(".") if match else ("", "", "")
        return name or None, table or None, ()
    if number in _FOREIGN_KEYS:
        match = _REFERENCE.search(text)
        if match:
            columns = tuple(map(_plain, re.findall(_QUOTED, match["columns"])))
            return _plain(match["name"]), _plain(match["table"]), columns
    if number in (_BAD_NULL, _NO_DEFAULT):
        match = _COLUMN_NULL.match(text)
        return None, None, (match["name"],) if match else ()
    if number == _CHECK_MARIADB:
        match = _CONSTRAINT.search(text)
        if match:
            name, table = _plain(match["name"]), _plain(match["table"])
            # A check that was written with a column is called like it.
            column = name.removeprefix(f"{table}.")
            return column, table, (column,) if column != name else ()
    if number == _CHECK_MYSQL:
        match = _CHECK.match(text)
        return match["name"] if match else None, None, ()
    if number in _DATA:
        return _row_names(text)
    return None, *_missing_names(number, text)


def _row_names(text: str) -> tuple[None, str | None, tuple[str, ...]]:
    match = _AT_ROW.match(text)
    if match is None:
        return None, None, ()
    if match["quoted"]:
        return None, _plain(match["table"]), (_plain(match["quoted"]),)
    return None, None, (match["name"],)


def _missing_names(number: int, text: str) -> tuple[str | None, tuple[str, ...]]:
    """Read the first name in a text that has only names in it."""
    kind = ERRORS.get(number)
    match = _NAMED.search(text) if number in NAMES_ONLY else None
    if match is None:
        return None, ()
    name = match["name"].rpartition(".")[2]
    if kind in (errors.UndefinedTable, errors.DuplicateTable):
        return name, ()
    if kind in (
        errors.UndefinedColumn,
        errors.AmbiguousColumn,
        errors.DuplicateColumn,
    ):
        return None, (name,)
    return None, ()


def _plain(name: str) -> str:
    """Take the quotes off a name."""
    quote = name[0]
    return name[1:-1].replace(quote * 2, quote)


def farewell(data: bytes) -> Reason:
    """Read why the server has ended a session, in what it sent unasked, if anything."""
    end = 4 + int.from_bytes(data[:3], "little")
    if 4 < end <= len(data) and data[4] == 0xFF:
        return read_packet(data[4:end])
    return None, None, ""
