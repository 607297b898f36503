"""Everything that can go wrong, as one tree.

The upper classes are those of PEP 249 (https://peps.python.org/pep-0249/#exceptions);
below them stand the names that programs act on::

    asyncdb.Error
    ├── InterfaceError            asyncdb was used wrongly, or cannot be used
    │   ├── ConnectionBusy        two tasks on one connection
    │   ├── ConnectionClosed      this side has closed the connection
    │   ├── PoolClosed
    │   ├── WrongLoop             another event loop, thread or process
    │   ├── TransactionError      blocks nested wrongly, or a transaction already lost
    │   ├── ParameterError        the text and its parameters do not fit
    │   ├── URLError
    │   ├── UnknownDriver
    │   └── MissingDriver         says which extra to install
    └── DatabaseError             the database said no
        ├── IntegrityError        UniqueViolation ForeignKeyViolation NotNullViolation
        │                         CheckViolation ExclusionViolation
        ├── DataError             StringTooLong NumericOutOfRange DivisionByZero
        │                         InvalidText InvalidDatetime
        ├── ProgrammingError      SQLSyntaxError UndefinedTable UndefinedColumn
        │                         UndefinedFunction AmbiguousColumn DuplicateTable
        │                         DuplicateColumn InsufficientPrivilege
        │                         MultipleStatements
        ├── OperationalError      ConnectionFailed (AuthenticationFailed,
        │                         TooManyConnections) ConnectionLost
        │                         SerializationFailure DeadlockDetected LockTimeout
        │                         StatementTimeout QueryCanceled ReadOnlyTransaction
        │                         ResourceLimit RaisedException PoolTimeout PoolFull
        │                         CommitUnknown
        ├── InternalError
        └── NotSupportedError

Every error of a driver is translated; the driver's own exception is ``__cause__``.
The server's text may hold values of rows, so it never becomes our message: ours is
built from the error's code and the names of constraint, table and columns. It is in
`diag`, for those who ask.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = [
    "AmbiguousColumn", "AuthenticationFailed", "CheckViolation", "CommitUnknown",
    "ConnectionBusy", "ConnectionClosed", "ConnectionFailed", "ConnectionLost",
    "DataError", "DatabaseError", "DeadlockDetected", "Diagnostic", "DivisionByZero",
    "DuplicateColumn", "DuplicateTable", "Error", "ExclusionViolation",
    "ForeignKeyViolation", "InsufficientPrivilege", "IntegrityError", "InterfaceError",
    "InternalError", "InvalidDatetime", "InvalidText", "LockTimeout", "MissingDriver",
    "MultipleStatements", "NotNullViolation", "NotSupportedError", "NumericOutOfRange",
    "OperationalError", "ParameterError", "PoolClosed", "PoolFull", "PoolTimeout",
    "ProgrammingError", "QueryCanceled", "RaisedException", "ReadOnlyTransaction",
    "ResourceLimit", "SQLSyntaxError", "SerializationFailure", "StatementTimeout",
    "StringTooLong", "TooManyConnections", "TransactionError", "URLError",
    "UndefinedColumn", "UndefinedFunction", "UndefinedTable", "UniqueViolation",
    "UnknownDriver", "WrongLoop",
]  # fmt: skip


class Error(Exception):
    """The root: `except asyncdb.Error` catches all that asyncdb raises on purpose."""


class InterfaceError(Error):
    """asyncdb was used wrongly, or cannot be used: nothing was done by the database."""


class ConnectionBusy(InterfaceError):
    """A second task used a connection while a first one was still using it.

    A connection serves one task at a time; take one connection per task.
    """


class ConnectionClosed(InterfaceError):
    """This side has closed the connection, or cut it; it never reconnects by itself.

    One that the other side has ended is a `ConnectionLost`.
    """


class PoolClosed(InterfaceError):
    """The pool is closed, or closing."""


class WrongLoop(InterfaceError):
    """Used from another event loop, thread or process than the one it was made in."""


class TransactionError(InterfaceError):
    """Blocks nested wrongly, or used after the transaction had ended or failed."""


class ParameterError(InterfaceError):
    """The SQL text and its parameters do not fit; nothing was sent."""


class URLError(InterfaceError):
    """A database URL, or an option in it, that cannot be understood.

    The message never quotes the URL: it may hold a password.
    """


class UnknownDriver(InterfaceError):
    """No installed driver serves the URL's scheme; the message lists the known ones."""


class MissingDriver(InterfaceError):
    """The library under a driver is not installed; the message says what to install."""


@dataclass(frozen=True, slots=True, repr=False)
class Diagnostic:
    """The server's own words about an error, for those who ask: they may hold values.

    Nothing shows them by itself: no `str`, no `repr`, no log line; and an error that is
    pickled or copied leaves them behind.

    Args:
        message: what the server said, or SQLite; `None` where nobody said anything.
        detail: PostgreSQL's DETAIL, which quotes rows.
        hint: PostgreSQL's HINT.

    Example:
        >>> words = Diagnostic("duplicate key", detail="Key (email)=(ann@x) exists.")
        >>> words, words.hint
        (<Diagnostic: message, detail>, None)
    """

    message: str | None = None
    detail: str | None = None
    hint: str | None = None

    def __repr__(self) -> str:
        """Show which words there are, and none of them."""
        told = [name for name in self.__slots__ if getattr(self, name) is not None]
        return f"<Diagnostic: {', '.join(told) or 'nothing said'}>"


_NOTHING_SAID = Diagnostic()


class DatabaseError(Error):
    """The database, or the way to it, said no.

    Args:
        message: what happened and what to do, free of row and parameter values.
        sqlstate: the five characters of the SQL standard, where the engine tells them.
        code: the engine's own number or name (MySQL's 1062, SQLite's
            `SQLITE_CONSTRAINT_UNIQUE`, PostgreSQL's SQLSTATE).
        constraint: the name of the violated constraint or index.
        table: the table concerned.
        columns: the columns concerned, in the engine's order.
        sql: the statement's text as it was given, never its values.
        diag: the server's own words.

    Attributes:
        is_transient: whether running the whole transaction again may succeed.
        doubts_server: whether the server may have been demoted, or cut off from its
            cluster: a pool asks it before it lends the session again.

    Example:
        >>> error = DatabaseError("no", sqlstate="23505", constraint="users_email_key")
        >>> error.sqlstate, error.constraint, error.is_transient
        ('23505', 'users_email_key', False)
    """

    is_transient: bool = False
    doubts_server: bool = False

    def __init__(
        self,
        message: str = "",
        *,
        sqlstate: str | None = None,
        code: int | str | None = None,
        constraint: str | None = None,
        table: str | None = None,
        columns: tuple[str, ...] = (),
        sql: str | None = None,
        diag: Diagnostic = _NOTHING_SAID,
    ) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.code = code
        self.constraint = constraint
        self.table = table
        self.columns = columns
        self.sql = sql
        self.diag = diag

    def __reduce__(self) -> tuple[Any, ...]:
        # BaseException would call the class with `args` only; the fields travel as
        # state, so that errors cross process borders. The server's words, which may
        # hold values, stay here.
        state = dict(self.__dict__)
        state.pop("diag", None)
        return type(self), self.args, state


class IntegrityError(DatabaseError):
    """A rule of the schema was violated."""


class UniqueViolation(IntegrityError):
    """A primary key, unique constraint or unique index already has the value."""


class ForeignKeyViolation(IntegrityError):
    """A reference to a missing row, or a referenced row removed."""


class NotNullViolation(IntegrityError):
    """NULL, or nothing, for a column that needs a value."""


class CheckViolation(IntegrityError):
    """A CHECK constraint is false."""


class ExclusionViolation(IntegrityError):
    """An EXCLUDE constraint of PostgreSQL is violated."""


class DataError(DatabaseError):
    """A value that cannot be stored, compared or computed as asked."""


class StringTooLong(DataError):
    """Text or bytes longer than the column."""


class NumericOutOfRange(DataError):
    """A number outside the range of its type."""


class DivisionByZero(DataError):
    """Division by zero."""


class InvalidText(DataError):
    """Text that is not a value of the wanted type, or not valid in the encoding."""


class InvalidDatetime(DataError):
    """Not a date or time, or one outside the engine's range."""


class ProgrammingError(DatabaseError):
    """The statement cannot be run as it is written."""


class SQLSyntaxError(ProgrammingError):
    """The engine could not parse the statement."""


class UndefinedTable(ProgrammingError):
    """There is no such table or view."""


class UndefinedColumn(ProgrammingError):
    """There is no such column."""


class UndefinedFunction(ProgrammingError):
    """There is no such function, operator or procedure for these arguments."""


class AmbiguousColumn(ProgrammingError):
    """A column name fits more than one table."""


class DuplicateTable(ProgrammingError):
    """A table, view or index of this name exists."""


class DuplicateColumn(ProgrammingError):
    """A column of this name exists."""


class InsufficientPrivilege(ProgrammingError):
    """The user may not do this."""


class MultipleStatements(ProgrammingError):
    """More than one statement in one text: `executescript()` is for those."""


class OperationalError(DatabaseError):
    """Not the programmer's fault: the way to the database, locks, limits."""


class ConnectionFailed(OperationalError):
    """No connection could be made."""


class AuthenticationFailed(ConnectionFailed):
    """The server refused the user, the password or the method."""


class TooManyConnections(ConnectionFailed):
    """The server has no room for another connection."""


class ConnectionLost(OperationalError):
    """The other side, or the network, has ended the connection.

    What it was doing then may or may not be done; of a block nothing is.
    """


class SerializationFailure(OperationalError):
    """The transaction met a concurrent one; run the whole transaction again."""

    is_transient = True


class DeadlockDetected(OperationalError):
    """The engine ended this transaction to break a deadlock; run all of it again."""

    is_transient = True


class LockTimeout(OperationalError):
    """A lock was not granted within `lock_timeout`, or at once with NOWAIT."""

    is_transient = True


class StatementTimeout(OperationalError):
    """The statement ran longer than `statement_timeout`."""


class QueryCanceled(OperationalError):
    """The statement was stopped by a cancel request."""


class ReadOnlyTransaction(OperationalError):
    """A write in a read-only transaction, session, server or file."""

    doubts_server = True


class ResourceLimit(OperationalError):
    """Memory, disk, packet size or another limit of the engine is exhausted."""


class RaisedException(OperationalError):
    """A trigger or procedure of the application said no; the message is its text.

    `RAISE EXCEPTION` (PostgreSQL), `SIGNAL SQLSTATE '45000'` (MySQL, MariaDB) and
    `RAISE(ABORT, ...)` (SQLite). It is an `OperationalError`, which PEP 249 has for
    what a statement's author need not have caused. Where the author gave a SQLSTATE of
    the standard, the error is the one of that, and the text is in `diag.message`.
    """


class PoolTimeout(OperationalError):
    """No connection became free within `acquire_timeout`."""


class PoolFull(OperationalError):
    """More than `max_waiting` tasks are waiting already."""


class CommitUnknown(OperationalError):
    """COMMIT was sent and its answer never came: it may or may not have happened.

    Or the answer was that the node had lost its cluster, which may have it (MySQL's and
    MariaDB's 1180 and 3100).
    """


class InternalError(DatabaseError):
    """The engine or the protocol is in a state that it should not be in."""


class NotSupportedError(DatabaseError):
    """The engine or its driver cannot do this."""
