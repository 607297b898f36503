"""SQLite's result codes as asyncdb's errors (https://sqlite.org/rescode.html).

SQLite tells names only in its words. Those of a statement that could not be prepared
hold names and SQL; those of a function that runs (JSON, full-text search, somebody's
own) may hold a value. So only texts that are known become part of our message.
"""

from __future__ import annotations

import re

from asyncdb import errors
from asyncdb.dialects import database_error
from asyncdb.dialects.sqlite import LEXIS
from asyncdb.sql.places import described
from asyncdb.sql.statement import Statement

_PRIMARY_KEY, _UNIQUE, _ROWID = 1555, 2067, 2579
_NOT_NULL, _CHECK, _FOREIGN_KEY, _TYPE = 1299, 275, 787, 3091
_RAISED = 1811
_BUSY_SNAPSHOT = 517
# ON DELETE RESTRICT is a trigger of SQLite's own, and raises like one.
_RESTRICTED = "FOREIGN KEY constraint failed"

_UNIQUE_TEXT = re.compile(
    r"constraint failed: (?:index '(?P<index>.*)'|(?P<columns>.*))$"
)
_CHECK_TEXT = re.compile(r"constraint failed: (?P<name>.*)$", re.DOTALL)
_TYPE_TEXT = re.compile(r" in (?:\w+ )?column (?P<column>[^ ]*)$")
_NEAR = re.compile(r'^near "(?P<token>.*)": syntax error$', re.DOTALL)

# By extended code, then by the primary code in its low byte.
BY_CODE: dict[int, type[errors.DatabaseError]] = {
    _PRIMARY_KEY: errors.UniqueViolation,
    _UNIQUE: errors.UniqueViolation,
    _ROWID: errors.UniqueViolation,
    _NOT_NULL: errors.NotNullViolation,
    _CHECK: errors.CheckViolation,
    _FOREIGN_KEY: errors.ForeignKeyViolation,
    _RAISED: errors.RaisedException,  # RAISE(ABORT, ...) in a trigger
    _TYPE: errors.InvalidText,  # a STRICT table's column refused the type
    _BUSY_SNAPSHOT: errors.SerializationFailure,
    2: errors.InternalError,
    3: errors.InsufficientPrivilege,
    4: errors.QueryCanceled,  # ABORT: a callback of somebody's
    5: errors.LockTimeout,  # BUSY: another connection holds the lock
    6: errors.LockTimeout,  # LOCKED: within this connection or shared cache
    7: errors.ResourceLimit,
    8: errors.ReadOnlyTransaction,
    9: errors.QueryCanceled,
    10: errors.OperationalError,  # I/O error
    11: errors.OperationalError,  # CORRUPT
    13: errors.ResourceLimit,  # disk or size limit
    14: errors.ConnectionFailed,  # CANTOPEN
    15: errors.LockTimeout,  # PROTOCOL: of the locks of a WAL
    17: errors.OperationalError,  # SCHEMA
    18: errors.ResourceLimit,  # TOOBIG
    19: errors.IntegrityError,
    20: errors.DataError,  # MISMATCH
    23: errors.InsufficientPrivilege,  # AUTH
    26: errors.OperationalError,  # NOTADB
}

# What says more than the sentence of the class: by the extended code, or the primary.
MESSAGES: dict[int, str] = {
    _TYPE: "a value is not of its column's type, which a STRICT table does not take",
    _BUSY_SNAPSHOT: (
        "another connection has written since this transaction began to read: run the "
        "whole transaction again, as retry() does"
    ),
    3: "the file may not be used in this way: look at its permissions",
    5: (
        "another connection was writing to the database for too long: try again, or "
        "wait longer with lock_timeout"
    ),
    6: "a statement of this connection, or of its shared cache, holds the lock",
    7: "there is no memory left",
    10: (
        "the file could not be read or written: look at the disk, and whether it is a "
        "regular file there"
    ),
    11: (
        "the database file is damaged: go back to a copy, or try .recover of the "
        "sqlite3 program"
    ),
    13: "the disk is full, or the database has max_page_count pages",
    14: "the file could not be opened: check its path, its folder and the permissions",
    17: "the schema changed again and again while the statement was prepared",
    18: "a value or a text is longer than SQLite's limit for it",
    20: "a value is of a type that cannot stand there, such as a text for a row's id",
    23: "the connection's authorizer does not allow this",
    26: "the file is not a database: it is of another kind, or encrypted",
}

# What is said of statements that cannot be run as they are written.
_AS_WRITTEN = (
    r"^no such (?:index|view|trigger|module|collation sequence|database)\b"
    r"|^table .* (?:has \d+ columns but |may not be )|^\d+ values for \d+ columns$"
    r"|^SELECTs to the left and right of |^all VALUES must have |^sub-select returns "
    r"|^row value misused$|^misuse of |^RAISE\(\) may |^ESCAPE expression must "
    r"|^\d+(?:st|nd|rd|th) (?:ORDER|GROUP) BY term |^(?:a )?GROUP BY clause "
    r"|^(?:ORDER|GROUP) BY |^HAVING clause |^a JOIN clause |^foreign key "
    r"|^cannot (?:start|commit|rollback|release|open|modify|UPSERT|use|join|add) "
    r"|^Cannot add |^ON CONFLICT clause does not match |^circular reference: "
    r"|^not authorized$|^unknown database |^duplicate WITH table name: "
    r"|^user-defined function raised exception$"
)

# SQLITE_ERROR is told apart only by its words; these hold names and SQL, no values.
BY_TEXT: tuple[tuple[re.Pattern[str], type[errors.DatabaseError]], ...] = tuple(
    (re.compile(pattern, re.DOTALL), kind)
    for pattern, kind in (
        (r"^no such table: ", errors.UndefinedTable),
        (r"^no such column: |has no column named ", errors.UndefinedColumn),
        (
            r"^no such function: |^wrong number of arguments to function ",
            errors.UndefinedFunction,
        ),
        (r"^ambiguous column name: ", errors.AmbiguousColumn),
        (r"^(?:table|view|index|trigger) .* already exists$", errors.DuplicateTable),
        (r"^there is already (?:a|an) \w+ named ", errors.DuplicateTable),
        (r"^duplicate column name: ", errors.DuplicateColumn),
        (
            r"^near .*: syntax error$|^unrecognized token: |^incomplete input$",
            errors.SQLSyntaxError,
        ),
        (r"^integer overflow$", errors.NumericOutOfRange),
        (r"^malformed JSON$", errors.InvalidText),
        (r"^(?:too many|Expression tree)", errors.ResourceLimit),
        (r"^attempt to write a readonly", errors.ReadOnlyTransaction),
        (r"^Could not decode to UTF-8", errors.InvalidText),
        (r"^interrupted$", errors.QueryCanceled),
        (_AS_WRITTEN, errors.ProgrammingError),
    )
)
_NO_COLUMN, _INCOMPLETE = "no such column: ", "incomplete input"


def from_code(
    code: int,
    name: str,
    text: str,
    *,
    statement: Statement | None = None,
    opening: str = "",
) -> errors.Error:
    """Make the error for SQLite's extended result code.

    Args:
        code: the extended result code.
        name: its name, such as `SQLITE_CONSTRAINT_UNIQUE`.
        text: SQLite's own words, from which the names are taken.
        statement: what was run, where that is known.
        opening: why the file cannot be opened, where that is known.

    Returns:
        An error that names constraint, table and columns as far as SQLite tells them.
    """
    diag = errors.Diagnostic(text)
    if code == _RAISED and text == _RESTRICTED:
        code = _FOREIGN_KEY
    if code == _RAISED and text:
        return errors.RaisedException(text, code=name, diag=diag)
    if text.startswith("no such savepoint"):
        return errors.TransactionError("there is no such savepoint")
    if code == 1:
        return _from_text(name, text, statement)
    kind = BY_CODE.get(code) or BY_CODE.get(code & 0xFF) or errors.OperationalError
    constraint, table, columns = _names(code, text)
    shown = name if name.startswith("SQLITE_") else f"SQLITE_{code}"
    return database_error(
        kind,
        detail=opening or MESSAGES.get(code) or MESSAGES.get(code & 0xFF, ""),
        code="SQLITE_CONSTRAINT_DATATYPE" if code == _TYPE else shown,
        constraint=constraint,
        table=table,
        columns=columns,
        diag=diag,
    )


def _names(code: int, text: str) -> tuple[str | None, str | None, tuple[str, ...]]:
    """Read `(constraint, table, columns)` out of a text."""
    if code in (_PRIMARY_KEY, _UNIQUE, _ROWID, _NOT_NULL):
        match = _UNIQUE_TEXT.search(text)
        if match and match["index"]:
            return match["index"], None, ()
        return None, *_table_and_columns(match["columns"] if match else "")
    if code == _CHECK:
        match = _CHECK_TEXT.search(text)
        return match["name"] if match else None, None, ()
    if code == _TYPE:
        match = _TYPE_TEXT.search(text)
        return None, *_table_and_columns(match["column"] if match else "")
    return None, None, ()


def _from_text(
    name: str, text: str, statement: Statement | None
) -> errors.DatabaseError:
    diag = errors.Diagnostic(text)
    sql = statement.sql if statement is not None else None
    for pattern, kind in BY_TEXT:
        if not pattern.search(text):
            continue
        # A full-text query names columns, too: then the name is in a value.
        column = text.removeprefix(_NO_COLUMN).rpartition(".")[2].strip('"')
        hidden = text.startswith(_NO_COLUMN) and sql is not None and column not in sql
        place = _place(text, sql)
        if place:
            text = "syntax error"
        return database_error(
            kind,
            detail="" if hidden else text,
            place=place,
            code=name,
            diag=diag,
        )
    return database_error(errors.ProgrammingError, code=name, diag=diag)


def _place(text: str, sql: str | None) -> str:
    """Say where a token stands that SQLite does not like, if there is but one."""
    if text == _INCOMPLETE:
        return "at the end of the text"
    match = _NEAR.match(text)
    if match is None or sql is None or sql.count(match["token"]) != 1:
        return ""
    return described(sql, LEXIS, sql.index(match["token"]))


def _table_and_columns(text: str) -> tuple[str | None, tuple[str, ...]]:
    """Split `t.a, t.b` (names are not quoted in SQLite's messages)."""
    pairs = [part.rpartition(".") for part in text.split(", ")]
    return pairs[0][0] or None, tuple(column for _, _, column in pairs if column)
