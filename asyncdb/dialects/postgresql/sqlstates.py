"""PostgreSQL's error codes: which error of ours each is, and what may be shown."""

from __future__ import annotations

from asyncdb import errors

# SQLSTATE -> class; https://www.postgresql.org/docs/current/errcodes-appendix.html
ERRORS: dict[str, type[errors.DatabaseError]] = {
    "23505": errors.UniqueViolation,
    "23503": errors.ForeignKeyViolation,
    "23001": errors.ForeignKeyViolation,  # restrict_violation
    "23502": errors.NotNullViolation,
    "23514": errors.CheckViolation,
    "23P01": errors.ExclusionViolation,
    "22001": errors.StringTooLong,
    "22003": errors.NumericOutOfRange,
    "22012": errors.DivisionByZero,
    "22P02": errors.InvalidText,
    "22P03": errors.InvalidText,  # binary form
    "22021": errors.InvalidText,  # NUL or another character the encoding lacks
    "22P05": errors.InvalidText,
    "22007": errors.InvalidDatetime,
    "22008": errors.InvalidDatetime,
    "22009": errors.InvalidDatetime,
    "42601": errors.SQLSyntaxError,
    "42P01": errors.UndefinedTable,
    "42703": errors.UndefinedColumn,
    "42883": errors.UndefinedFunction,
    "42702": errors.AmbiguousColumn,
    "42P07": errors.DuplicateTable,
    "42701": errors.DuplicateColumn,
    "42501": errors.InsufficientPrivilege,
    "40001": errors.SerializationFailure,
    "40P01": errors.DeadlockDetected,
    "55P03": errors.LockTimeout,
    "57014": errors.QueryCanceled,  # the core says StatementTimeout where it was one
    "25006": errors.ReadOnlyTransaction,
    "28P01": errors.AuthenticationFailed,
    "28000": errors.AuthenticationFailed,
    "3D000": errors.ConnectionFailed,  # no such database
    "53300": errors.TooManyConnections,
    "57P03": errors.ConnectionFailed,  # starting up, shutting down
    "25P03": errors.ConnectionLost,  # idle_in_transaction_session_timeout
    "25P04": errors.ConnectionLost,  # transaction_timeout
    "57P01": errors.ConnectionLost,  # an administrator ended the session
    "57P02": errors.ConnectionLost,  # another session has crashed
    "57P04": errors.ConnectionLost,  # the database was dropped
    "57P05": errors.ConnectionLost,  # idle_session_timeout
    "54000": errors.ResourceLimit,
    "54001": errors.ResourceLimit,
    "54011": errors.ResourceLimit,
    "54023": errors.ResourceLimit,
    "0A000": errors.NotSupportedError,
    "P0001": errors.RaisedException,  # RAISE EXCEPTION
    "P0004": errors.RaisedException,  # ASSERT
}

# The first two characters, for codes that have no line above: all that PostgreSQL has.
CLASSES: dict[str, type[errors.DatabaseError]] = {
    **dict.fromkeys(
        ["03", "0F", "0L", "0P", "0Z", "20", "21", "24", "2B", "34", "39", "3B", "3D"],
        errors.ProgrammingError,
    ),
    **dict.fromkeys(["3F", "42", "P0"], errors.ProgrammingError),
    **dict.fromkeys(
        ["09", "0B", "25", "26", "27", "2D", "2F", "38", "40", "55", "57", "58", "72"],
        errors.OperationalError,
    ),
    **dict.fromkeys(["F0", "HV"], errors.OperationalError),
    "08": errors.ConnectionLost,
    "0A": errors.NotSupportedError,
    "10": errors.DataError,
    "22": errors.DataError,
    "23": errors.IntegrityError,
    "28": errors.AuthenticationFailed,
    "44": errors.CheckViolation,  # WITH CHECK OPTION
    "53": errors.ResourceLimit,
    "54": errors.ResourceLimit,
    "XX": errors.InternalError,
}

# The server's message holds names and SQL, never values, in these classes of codes
# (class 22 quotes values, as may what somebody raises; DETAIL quotes rows).
CLEAN_CLASSES = frozenset(
    (
        *("08", "0A", "20", "21", "24", "25", "26", "28", "2B", "34", "3B", "3D", "3F"),
        *("40", "42", "55", "57", "P0"),
    )
)

# What says more than the sentence of the class, where the server's words are not shown.
MESSAGES: dict[str, str] = {
    "22021": "a text has NUL, or a character that the database's encoding lacks",
    "22P05": "a text has a character that the database's encoding lacks",
    "53100": "the server's disk is full",
    "53200": "the server is out of memory",
    "53400": "a limit that the server's settings name is met, such as temp_file_limit",
    "54000": "something is larger than PostgreSQL can hold, such as an index's row",
    "54001": "the statement is nested too deeply for the server's stack",
    "54011": "a table or a result would have too many columns",
    "54023": "a function would have too many arguments",
    "58030": "the server could not read or write a file: look into its log",
}


def error_class(sqlstate: str) -> type[errors.DatabaseError]:
    """Return the class of error for a SQLSTATE, by its table, else by its class.

    One that PostgreSQL does not have is of somebody's own making.
    """
    found = ERRORS.get(sqlstate) or CLASSES.get(sqlstate[:2])
    return found or errors.RaisedException
