"""The server's errors as asyncdb's: a table by number, names from the text.

Numbers: https://dev.mysql.com/doc/mysql-errors/en/ and
https://mariadb.com/kb/en/mariadb-error-codes/. The text of an error may hold values
(1062 shows the duplicate), so it becomes part of our message for those of `NAMES_ONLY`
alone. From the others names are taken, by patterns that are anchored at the end of the
text and greedy before it: a value that imitates a text cannot forge a name.
"""

from __future__ import annotations

import re

from asyncdb import errors
from asyncdb.dialects import database_error
from asyncdb.dialects.mysql.error_numbers import ERRORS, NAMES_ONLY

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

# By the first two characters of SQLSTATE, for numbers without a line in the table.
_CLASSES: dict[str, type[errors.DatabaseError]] = {
    "08": errors.ConnectionLost,
    "0A": errors.NotSupportedError,
    "21": errors.ProgrammingError,
    "22": errors.DataError,
    "23": errors.IntegrityError,
    "25": errors.OperationalError,
    "28": errors.AuthenticationFailed,
    "3D": errors.ProgrammingError,
    "40": errors.SerializationFailure,
    "42": errors.ProgrammingError,
    "44": errors.CheckViolation,  # WITH CHECK OPTION
    "45": errors.DatabaseError,  # SIGNAL of somebody's routine
    "70": errors.QueryCanceled,
    "HY": errors.OperationalError,
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


def from_server(number: int, sqlstate: str | None, text: str) -> errors.Error:
    """Make the error for an error packet.

    Args:
        number: the error's number.
        sqlstate: its SQLSTATE, where the packet has one.
        text: its text, in English.

    Returns:
        An error that names constraint, table and columns as far as the text does.
    """
    found = _special(number, text)
    if isinstance(found, errors.Error):
        return found
    kind = found or ERRORS.get(number) or _CLASSES.get((sqlstate or "")[:2])
    constraint, table, columns = _names(number, text)
    return database_error(
        kind or errors.DatabaseError,
        detail=text.rstrip(".") if number in NAMES_ONLY else "",
        sqlstate=sqlstate,
        code=number,
        constraint=constraint,
        table=table,
        columns=columns,
    )


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
