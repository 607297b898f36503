"""Error numbers and what they mean: the table that `errors` reads."""

from __future__ import annotations

from asyncdb import errors

# The client library's own numbers (CR_...) are below 3000 and above 2000.
ERRORS: dict[int, type[errors.DatabaseError]] = {
    # -- a rule of the schema
    1022: errors.UniqueViolation,  # DUP_KEY: without the key's name
    1062: errors.UniqueViolation,  # DUP_ENTRY
    1169: errors.UniqueViolation,  # DUP_UNIQUE: by an engine's own check
    1586: errors.UniqueViolation,  # DUP_ENTRY_WITH_KEY_NAME
    1216: errors.ForeignKeyViolation,  # NO_REFERENCED_ROW: old form of 1452
    1217: errors.ForeignKeyViolation,  # ROW_IS_REFERENCED: old form of 1451
    1451: errors.ForeignKeyViolation,  # ROW_IS_REFERENCED_2: the parent goes
    1452: errors.ForeignKeyViolation,  # NO_REFERENCED_ROW_2: the parent is missing
    1761: errors.UniqueViolation,  # FOREIGN_DUPLICATE_KEY: by a cascade
    1762: errors.UniqueViolation,  # the same without a child's name
    1048: errors.NotNullViolation,  # BAD_NULL
    1263: errors.NotNullViolation,  # WARN_NULL_TO_NOTNULL
    1364: errors.NotNullViolation,  # NO_DEFAULT_FOR_FIELD: left out in INSERT
    3819: errors.CheckViolation,  # CHECK_CONSTRAINT_VIOLATED (MySQL)
    4025: errors.CheckViolation,  # CONSTRAINT_FAILED (MariaDB)
    1369: errors.CheckViolation,  # VIEW_CHECK_FAILED
    # -- a value
    1406: errors.StringTooLong,  # DATA_TOO_LONG
    1264: errors.NumericOutOfRange,  # WARN_DATA_OUT_OF_RANGE: a column
    1367: errors.NumericOutOfRange,  # ILLEGAL_VALUE_FOR_TYPE: 1e400
    1690: errors.NumericOutOfRange,  # DATA_OUT_OF_RANGE: an expression
    1365: errors.DivisionByZero,  # DIVISION_BY_ZERO
    1265: errors.InvalidText,  # WARN_DATA_TRUNCATED: not one of an ENUM, say
    1300: errors.InvalidText,  # INVALID_CHARACTER_STRING
    1366: errors.InvalidText,  # TRUNCATED_WRONG_VALUE_FOR_FIELD: no number
    3854: errors.InvalidText,  # CANNOT_CONVERT_STRING: not in that character set
    3140: errors.InvalidText,  # INVALID_JSON_TEXT
    3141: errors.InvalidText,  # INVALID_JSON_TEXT_IN_PARAM
    3144: errors.InvalidText,  # INVALID_JSON_CHARSET
    4038: errors.InvalidText,  # JSON_SYNTAX (MariaDB)
    1292: errors.InvalidDatetime,  # TRUNCATED_WRONG_VALUE; or InvalidText
    1411: errors.InvalidDatetime,  # WRONG_VALUE_FOR_TYPE: STR_TO_DATE
    1441: errors.InvalidDatetime,  # DATETIME_FUNCTION_OVERFLOW
    1525: errors.InvalidDatetime,  # WRONG_VALUE: an impossible DATE'...'
    # -- the statement
    1064: errors.SQLSyntaxError,  # PARSE_ERROR
    1149: errors.SQLSyntaxError,  # SYNTAX_ERROR
    1046: errors.ProgrammingError,  # NO_DB: no database chosen
    1065: errors.ProgrammingError,  # EMPTY_QUERY
    1007: errors.ProgrammingError,  # DB_CREATE_EXISTS
    1008: errors.ProgrammingError,  # DB_DROP_EXISTS
    1055: errors.ProgrammingError,  # WRONG_FIELD_WITH_GROUP
    1111: errors.ProgrammingError,  # INVALID_GROUP_FUNC_USE
    1140: errors.ProgrammingError,  # MIX_OF_GROUP_FUNC_AND_FIELDS
    1193: errors.ProgrammingError,  # UNKNOWN_SYSTEM_VARIABLE
    1215: errors.ProgrammingError,  # CANNOT_ADD_FOREIGN
    1231: errors.ProgrammingError,  # WRONG_VALUE_FOR_VAR
    1241: errors.ProgrammingError,  # OPERAND_COLUMNS
    1242: errors.ProgrammingError,  # SUBQUERY_NO_1_ROW
    1267: errors.ProgrammingError,  # CANT_AGGREGATE_2COLLATIONS
    1298: errors.ProgrammingError,  # UNKNOWN_TIME_ZONE
    1051: errors.UndefinedTable,  # BAD_TABLE: DROP
    1109: errors.UndefinedTable,  # UNKNOWN_TABLE: in this statement
    1146: errors.UndefinedTable,  # NO_SUCH_TABLE
    1054: errors.UndefinedColumn,  # BAD_FIELD
    1305: errors.UndefinedFunction,  # SP_DOES_NOT_EXIST; or a savepoint
    1318: errors.UndefinedFunction,  # SP_WRONG_NO_OF_ARGS
    1582: errors.UndefinedFunction,  # WRONG_PARAMCOUNT_TO_NATIVE_FCT
    1630: errors.UndefinedFunction,  # FUNC_INEXISTENT_NAME_COLLISION
    1052: errors.AmbiguousColumn,  # NON_UNIQ, with SQLSTATE 23000
    1050: errors.DuplicateTable,  # TABLE_EXISTS
    1061: errors.DuplicateTable,  # DUP_KEYNAME: an index
    1060: errors.DuplicateColumn,  # DUP_FIELDNAME
    1110: errors.DuplicateColumn,  # FIELD_SPECIFIED_TWICE
    1044: errors.InsufficientPrivilege,  # DBACCESS_DENIED
    1095: errors.InsufficientPrivilege,  # KILL_DENIED
    1142: errors.InsufficientPrivilege,  # TABLEACCESS_DENIED
    1143: errors.InsufficientPrivilege,  # COLUMNACCESS_DENIED
    1227: errors.InsufficientPrivilege,  # SPECIFIC_ACCESS_DENIED
    1290: errors.InsufficientPrivilege,  # OPTION_PREVENTS_STATEMENT; or read only
    1370: errors.InsufficientPrivilege,  # PROCACCESS_DENIED
    1148: errors.NotSupportedError,  # NOT_ALLOWED_COMMAND: LOAD DATA LOCAL
    1235: errors.NotSupportedError,  # NOT_SUPPORTED_YET
    1286: errors.NotSupportedError,  # UNKNOWN_STORAGE_ENGINE
    3948: errors.NotSupportedError,  # CLIENT_LOCAL_FILES_DISABLED
    1047: errors.OperationalError,  # UNKNOWN_COM; Galera: a node without quorum
    # -- concurrent work
    1213: errors.DeadlockDetected,  # LOCK_DEADLOCK: the transaction is undone
    1205: errors.LockTimeout,  # LOCK_WAIT_TIMEOUT: the statement is undone
    3572: errors.LockTimeout,  # LOCK_NOWAIT (MySQL)
    1020: errors.SerializationFailure,  # CHECKREAD: innodb_snapshot_isolation
    1412: errors.SerializationFailure,  # TABLE_DEF_CHANGED since the snapshot
    1615: errors.SerializationFailure,  # NEED_REPREPARE
    3101: errors.SerializationFailure,  # group replication: lost at COMMIT
    # -- stopped
    1317: errors.QueryCanceled,  # QUERY_INTERRUPTED: KILL QUERY
    1969: errors.StatementTimeout,  # STATEMENT_TIMEOUT (MariaDB)
    3024: errors.StatementTimeout,  # QUERY_TIMEOUT (MySQL)
    # -- read only
    1036: errors.ReadOnlyTransaction,  # OPEN_AS_READONLY: a table
    1792: errors.ReadOnlyTransaction,  # CANT_EXECUTE_IN_READ_ONLY_TRANSACTION
    1836: errors.ReadOnlyTransaction,  # READ_ONLY_MODE: the server
    # -- limits
    3: errors.ResourceLimit,  # ERROR_ON_WRITE: disk full
    1021: errors.ResourceLimit,  # DISK_FULL
    1037: errors.ResourceLimit,  # OUTOFMEMORY
    1038: errors.ResourceLimit,  # OUT_OF_SORTMEMORY
    1041: errors.ResourceLimit,  # OUT_OF_RESOURCES
    1104: errors.ResourceLimit,  # TOO_BIG_SELECT: max_join_size
    1114: errors.ResourceLimit,  # RECORD_FILE_FULL
    1118: errors.ResourceLimit,  # TOO_BIG_ROWSIZE
    1153: errors.ResourceLimit,  # NET_PACKET_TOO_LARGE: max_allowed_packet
    1206: errors.ResourceLimit,  # LOCK_TABLE_FULL
    1226: errors.ResourceLimit,  # USER_LIMIT_REACHED
    1301: errors.ResourceLimit,  # WARN_ALLOWED_PACKET_OVERFLOWED
    1436: errors.ResourceLimit,  # STACK_OVERRUN_NEED_MORE
    # -- the way there
    1040: errors.TooManyConnections,  # CON_COUNT
    1203: errors.TooManyConnections,  # TOO_MANY_USER_CONNECTIONS
    1045: errors.AuthenticationFailed,  # ACCESS_DENIED
    1130: errors.AuthenticationFailed,  # HOST_NOT_PRIVILEGED
    1251: errors.AuthenticationFailed,  # NOT_SUPPORTED_AUTH_MODE
    1524: errors.AuthenticationFailed,  # PLUGIN_IS_NOT_LOADED
    1698: errors.AuthenticationFailed,  # ACCESS_DENIED_NO_PASSWORD
    1820: errors.AuthenticationFailed,  # MUST_CHANGE_PASSWORD
    1862: errors.AuthenticationFailed,  # MUST_CHANGE_PASSWORD_LOGIN
    2059: errors.AuthenticationFailed,  # AUTH_PLUGIN_CANNOT_LOAD
    3118: errors.AuthenticationFailed,  # ACCOUNT_HAS_BEEN_LOCKED (MySQL)
    3159: errors.AuthenticationFailed,  # SECURE_TRANSPORT_REQUIRED
    4151: errors.AuthenticationFailed,  # ACCOUNT_HAS_BEEN_LOCKED (MariaDB)
    1043: errors.ConnectionFailed,  # HANDSHAKE
    1049: errors.ConnectionFailed,  # BAD_DB
    1129: errors.ConnectionFailed,  # HOST_IS_BLOCKED: too many failures
    2002: errors.ConnectionFailed,  # CR_CONNECTION
    2003: errors.ConnectionFailed,  # CR_CONN_HOST
    2005: errors.ConnectionFailed,  # CR_UNKNOWN_HOST
    2026: errors.ConnectionFailed,  # CR_SSL_CONNECTION
    1053: errors.ConnectionLost,  # SERVER_SHUTDOWN
    1079: errors.ConnectionLost,  # SHUTDOWN_COMPLETE
    1152: errors.ConnectionLost,  # ABORTING_CONNECTION
    1158: errors.ConnectionLost,  # NET_READ
    1159: errors.ConnectionLost,  # NET_READ_INTERRUPTED
    1160: errors.ConnectionLost,  # NET_ERROR_ON_WRITE
    1161: errors.ConnectionLost,  # NET_WRITE_INTERRUPTED
    1927: errors.ConnectionLost,  # CONNECTION_KILLED (MariaDB)
    2006: errors.ConnectionLost,  # CR_SERVER_GONE
    2013: errors.ConnectionLost,  # CR_SERVER_LOST
    2055: errors.ConnectionLost,  # CR_SERVER_LOST_EXTENDED
    3169: errors.ConnectionLost,  # SESSION_WAS_KILLED (MySQL)
    4031: errors.ConnectionLost,  # CLIENT_INTERACTION_TIMEOUT (MySQL)
    2014: errors.InternalError,  # CR_COMMANDS_OUT_OF_SYNC
    2027: errors.InternalError,  # CR_MALFORMED_PACKET
}

# Their texts hold names of tables, columns, users and options, and never a value of a
# row or of a parameter.
NAMES_ONLY = frozenset(
    (
        *(1007, 1008, 1036, 1040, 1044, 1045, 1046, 1049, 1050, 1051, 1052, 1053, 1054),
        *(1055, 1060, 1061, 1065, 1109, 1110, 1111, 1114, 1130, 1140, 1142, 1143, 1146),
        *(1153, 1193, 1203, 1205, 1213, 1215, 1226, 1227, 1235, 1241, 1242, 1267, 1286),
        *(1290, 1305, 1317, 1318, 1370, 1412, 1524, 1582, 1698, 1792, 1927, 1969, 3024),
        *(3101, 3118, 3159, 3169, 3572, 4031, 4151),
    )
)

# What says more than the sentence of the class, where the server's words are not shown.
MESSAGES: dict[int, str] = {
    1021: "the server's disk is full",
    1037: "the server is out of memory",
    1038: "the server is out of memory for sorting (sort_buffer_size)",
    1041: "the server is out of memory",
    1043: "the server did not understand the log-in: is it MySQL or MariaDB?",
    1047: (
        "the node is not ready for statements: in a Galera cluster it has lost sight "
        "of the others, or is still joining; use another node, or wait"
    ),
    1095: "the user may not end that session",
    1104: "the statement would look at more rows than max_join_size allows",
    1118: "a row of this table would be longer than the engine can hold",
    1129: (
        "the server refuses this machine after too many broken log-ins: an "
        "administrator ends that by FLUSH HOSTS (max_connect_errors)"
    ),
    1148: "the server does not allow this command",
    1206: "the transaction's locks do not fit the server's memory: make it smaller",
    1251: "the server wants a way to log in that its driver does not know",
    1265: "a value is none of those that the column takes, or does not fit its type",
    1298: (
        "the server does not know the time zone: load its tables of time zones, or "
        "give an offset such as +02:00"
    ),
    1301: "a value would be longer than max_allowed_packet",
    1436: "the statement is nested too deeply for the server's stack (thread_stack)",
    1820: "the user's password has expired: set a new one first",
    1862: "the user's password has expired: set a new one first",
    2003: "nobody answers at the address: check host and port, and whether it is up",
    2005: "the host's name is not known",
    2014: "an answer came out of turn: the connection cannot be used any more",
    2026: "the encrypted connection could not be made",
    2059: "the server wants a way to log in that the driver does not know",
    **dict.fromkeys(
        (1180, 3100),
        "the node lost its cluster at COMMIT: it may or may not have happened; "
        "look before you repeat it",
    ),
    3948: "the server does not allow LOAD DATA LOCAL",
}

# After these the whole transaction is gone, not only the statement.
ENDS_TRANSACTION = frozenset([1205, 1206, 1213, 1180, 3100, 3101, 1020])
