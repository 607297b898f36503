"""What an error says where the engine's own words may hold values.

For each class a sentence on what happened and what to do, true on every engine; names
and code are put behind it by `database_error`. What can be said better of a code stands
beside the table of codes of its engine.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from asyncdb import errors

MESSAGES: Mapping[type[errors.DatabaseError], str] = {
    errors.DatabaseError: (
        "the database refused the statement, and asyncdb knows no more of this code; "
        "the server's words are in error.diag"
    ),
    # -- a rule of the schema
    errors.IntegrityError: (
        "a rule of the schema refused the row: look at its constraints and triggers"
    ),
    errors.UniqueViolation: (
        "another row has this key already: update that one, or give another key"
    ),
    errors.ForeignKeyViolation: (
        "a row would refer to one that is not there: write the parent before its "
        "children, and delete it after them"
    ),
    errors.NotNullViolation: (
        "a column that may not be NULL got no value: give it one, or the column a "
        "default"
    ),
    errors.CheckViolation: "the row does not satisfy a CHECK of its table or view",
    errors.ExclusionViolation: (
        "the row conflicts with another one, which an EXCLUDE constraint forbids"
    ),
    # -- a value
    errors.DataError: (
        "the database could not take a value, or compute with it: compare its type and "
        "range with what stands there"
    ),
    errors.StringTooLong: (
        "text or bytes do not fit the length of their column: shorten them, or widen "
        "the column"
    ),
    errors.NumericOutOfRange: (
        "a number does not fit its type: the column or the expression needs a wider one"
    ),
    errors.DivisionByZero: "a divisor is zero: NULLIF(divisor, 0) gives NULL instead",
    errors.InvalidText: (
        "a text is no value of the type that is wanted there, or has characters that "
        "cannot be stored there"
    ),
    errors.InvalidDatetime: (
        "a value is no date or time that can be held there: look at its form and range"
    ),
    # -- the statement
    errors.ProgrammingError: (
        "the statement cannot run as it stands; the server's words are in error.diag"
    ),
    errors.SQLSyntaxError: (
        "the statement could not be parsed: check it against this database's grammar"
    ),
    errors.UndefinedTable: (
        "a table or view does not exist here: check its name and schema, and whether "
        "the migrations have run"
    ),
    errors.UndefinedColumn: (
        "a column does not exist: check its name, and whether the migrations have run"
    ),
    errors.UndefinedFunction: (
        "a function or operator does not exist for arguments of these types or number"
    ),
    errors.AmbiguousColumn: (
        "a column's name fits more than one table: put the table's name before it"
    ),
    errors.DuplicateTable: (
        "a table, view or index has this name already: IF NOT EXISTS skips it"
    ),
    errors.DuplicateColumn: "a column has this name already, or one stands twice",
    errors.InsufficientPrivilege: (
        "the user lacks a privilege for this: the owner may GRANT it"
    ),
    errors.MultipleStatements: (
        "the text holds more than one statement: executescript() runs those, execute() "
        "one"
    ),
    # -- not the programmer's fault
    errors.OperationalError: (
        "the database could not do this at the moment; the server's words are in "
        "error.diag"
    ),
    errors.ConnectionFailed: (
        "the connection could not be opened: check address and port, and whether the "
        "server is up"
    ),
    errors.AuthenticationFailed: (
        "the server refused the log-in: check the user, the password, and from where "
        "the user may come"
    ),
    errors.TooManyConnections: (
        "the server has no room for one more connection: make the pools smaller, or "
        "its limit larger"
    ),
    errors.ConnectionLost: (
        "the connection was ended by the other side or by the network: open another "
        "one, and look what became of the statement before repeating it"
    ),
    errors.SerializationFailure: (
        "a concurrent transaction was first: run the whole transaction again, as "
        "retry() does"
    ),
    errors.DeadlockDetected: (
        "this transaction was ended to break a deadlock: run all of it again, as "
        "retry() does"
    ),
    errors.LockTimeout: (
        "somebody else held a lock for too long: try again, or wait longer with "
        "lock_timeout"
    ),
    errors.StatementTimeout: (
        "the statement was stopped because its time was over: statement_timeout and "
        "timeout= set it"
    ),
    errors.QueryCanceled: "somebody stopped the statement; it can be run again",
    errors.ReadOnlyTransaction: (
        "a write where only reading is allowed: by the transaction, the session, the "
        "server or the file"
    ),
    errors.ResourceLimit: (
        "the database met a limit of memory, disk, or size, and gave the statement up"
    ),
    errors.RaisedException: (
        "a trigger or procedure refused the statement, and said nothing"
    ),
    errors.PoolTimeout: (
        "no connection became free in time: raise max_size, or hold them shorter"
    ),
    errors.PoolFull: "too many tasks wait for a connection already: come again later",
    errors.CommitUnknown: (
        "COMMIT was sent and never answered: look whether it happened before repeating"
    ),
    errors.InternalError: (
        "the server, or what carries its answers, is in a state that it should not be "
        "in: do not go on with this connection, and look into the server's log"
    ),
    errors.NotSupportedError: (
        "this server, or this version of it, cannot do that, whatever the values"
    ),
}


def message_of(kind: type[errors.DatabaseError]) -> str:
    """Return the sentence for a class, or for the nearest one above it."""
    return next(MESSAGES[each] for each in kind.__mro__ if each in MESSAGES)


def of_network(error: OSError) -> str:
    """Say why an address could not be reached, in the system's words.

    They name a host or a file at most. (asyncio's own name a list of addresses.)
    """
    number = error.errno
    system = os.strerror(number) if number is not None and number > 0 else ""
    said = error.strerror or ""
    reason = system if said.startswith(("Connect call", "Multiple")) else said or system
    if isinstance(error.filename, str):
        reason = f"{reason}: {error.filename}"
    return f"the connection could not be opened: {reason}" if reason else ""
