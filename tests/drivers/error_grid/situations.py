"""The lines of the grid, with the statements that serve every engine."""

from __future__ import annotations

import asyncdb
from tests.drivers.error_grid import scenes
from tests.drivers.error_grid.cases import FORGED, Situation

SCHEMA = (
    """
    CREATE TABLE {t} (
        id INTEGER PRIMARY KEY, email VARCHAR(60) NOT NULL,
        code VARCHAR(5), n SMALLINT, born DATE,
        CONSTRAINT {t}_email_key UNIQUE (email),
        CONSTRAINT {t}_n_check CHECK (n <> 13)
    )
    """,
    """
    CREATE TABLE {t}_orders (
        id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL,
        CONSTRAINT {t}_user_fk FOREIGN KEY (user_id) REFERENCES {t} (id)
    )
    """,
    "INSERT INTO {t} (id, email, n) VALUES (1, 'ann@example.com', 1)",
    "INSERT INTO {t} (id, email, n) VALUES (2, 'bob@example.com', 2)",
    "INSERT INTO {t}_orders VALUES (1, 1)",
)
INSERT = "INSERT INTO {t} (id, email) VALUES (?, ?)"
# So does this, with the name of a column.
FORGED_COLUMN = "x'' for column `a`.`b`.`forged` at row 1"

SITUATIONS: dict[str, Situation] = {
    # -- a rule of the schema
    "unique": Situation(
        title="unique constraint or index",
        kind=asyncdb.UniqueViolation,
        sql=INSERT,
        params=[3, "ann@example.com"],
    ),
    "primary key": Situation(
        title="primary key",
        kind=asyncdb.UniqueViolation,
        sql=INSERT,
        params=[1, "cid@example.com"],
    ),
    "unique expression": Situation(
        title="unique index over an expression",
        kind=asyncdb.UniqueViolation,
        sql=INSERT,
        params=[3, "ANN@example.com"],
    ),
    "forged": Situation(
        title="a value that imitates a name",
        kind=asyncdb.UniqueViolation,
        sql=INSERT,
        params=[3, FORGED],
    ),
    "child": Situation(
        title="foreign key: no such parent",
        kind=asyncdb.ForeignKeyViolation,
        sql="INSERT INTO {t}_orders VALUES (?, ?)",
        params=[2, 998877],
    ),
    "parent": Situation(
        title="foreign key: the parent is needed",
        kind=asyncdb.ForeignKeyViolation,
        sql="DELETE FROM {t} WHERE id = 1",
    ),
    "not null": Situation(
        title="NULL for NOT NULL",
        kind=asyncdb.NotNullViolation,
        sql=INSERT,
        params=[3, None],
    ),
    "no value": Situation(
        title="no value for NOT NULL",
        kind=asyncdb.NotNullViolation,
        sql="INSERT INTO {t} (id) VALUES (3)",
    ),
    "check": Situation(
        title="CHECK with a name",
        kind=asyncdb.CheckViolation,
        sql="UPDATE {t} SET n = ? WHERE id = 1",
        params=[13],
    ),
    "unnamed check": Situation(
        title="CHECK without a name",
        kind=asyncdb.CheckViolation,
        sql="INSERT INTO {t}_c VALUES (?)",
        params=[-998877],
    ),
    "exclusion": Situation(
        title="EXCLUDE",
        kind=asyncdb.ExclusionViolation,
        sql="INSERT INTO {t}_x VALUES (?)",
        params=[998877],
    ),
    # -- a value
    "too long": Situation(
        title="text too long",
        kind=asyncdb.StringTooLong,
        sql="UPDATE {t} SET code = ? WHERE id = 1",
        params=["s3cret-text"],
    ),
    "column range": Situation(
        title="number beyond the column",
        kind=asyncdb.NumericOutOfRange,
        sql="UPDATE {t} SET n = 998877 WHERE id = 1",
    ),
    "range": Situation(
        title="number beyond its type",
        kind=asyncdb.NumericOutOfRange,
        sql="SELECT 9223372036854775807 + 1",
    ),
    "division": Situation(
        title="division by zero",
        kind=asyncdb.DivisionByZero,
        sql="SELECT 1 / 0",
    ),
    "stored division": Situation(
        title="division by zero, to be stored",
        kind=asyncdb.DivisionByZero,
        sql="UPDATE {t} SET n = 1 / 0 WHERE id = 1",
    ),
    "number": Situation(
        title="text that is no number",
        kind=asyncdb.InvalidText,
        sql="UPDATE {t} SET n = 's3cret-text' WHERE id = 1",
    ),
    "forged column": Situation(
        title="text that is no number, and imitates a name",
        kind=asyncdb.InvalidText,
        sql=f"UPDATE {{t}} SET n = '{FORGED_COLUMN}'",
    ),
    "strict": Situation(
        title="text that is no number, in a STRICT table",
        kind=asyncdb.InvalidText,
        sql="INSERT INTO {t}_s VALUES ('s3cret-text')",
    ),
    "date": Situation(
        title="a day that no month has",
        kind=asyncdb.InvalidDatetime,
        sql="UPDATE {t} SET born = '2025-02-30' WHERE id = 1",
    ),
    "date text": Situation(
        title="text that is no date",
        kind=asyncdb.InvalidDatetime,
        sql="UPDATE {t} SET born = 's3cret-text' WHERE id = 1",
    ),
    "undecodable": Situation(
        title="a date that Python's type cannot hold, read",
        kind=asyncdb.InvalidDatetime,
        sql="SELECT born FROM {t} WHERE id = 1",
    ),
    # -- what the application itself says
    "raised": Situation(
        title="raised by a trigger or procedure of one's own",
        kind=asyncdb.RaisedException,
        sql="DELETE FROM {t}_orders",
    ),
    "raised state": Situation(
        title="the same with a SQLSTATE of the standard",
        kind=asyncdb.CheckViolation,
        sql="DELETE FROM {t}_orders",
    ),
    # -- the statement
    "table": Situation(
        title="no such table",
        kind=asyncdb.UndefinedTable,
        sql="SELECT * FROM {t}_nope",
    ),
    "column": Situation(
        title="no such column",
        kind=asyncdb.UndefinedColumn,
        sql="SELECT nope FROM {t}",
    ),
    "function": Situation(
        title="no such function",
        kind=asyncdb.UndefinedFunction,
        sql="SELECT nope(1)",
    ),
    "ambiguous": Situation(
        title="ambiguous column",
        kind=asyncdb.AmbiguousColumn,
        sql="SELECT id FROM {t} a, {t} b",
    ),
    "table again": Situation(
        title="table exists",
        kind=asyncdb.DuplicateTable,
        sql="CREATE TABLE {t} (id INTEGER)",
    ),
    "index again": Situation(
        title="index exists",
        kind=asyncdb.DuplicateTable,
        sql="CREATE INDEX {t}_i ON {t} (code)",
    ),
    "column again": Situation(
        title="column exists",
        kind=asyncdb.DuplicateColumn,
        sql="ALTER TABLE {t} ADD COLUMN code INTEGER",
    ),
    "syntax": Situation(
        title="syntax",
        kind=asyncdb.SQLSyntaxError,
        sql="SELEC 's3cret-text'",
    ),
    "group by": Situation(
        title="a column outside GROUP BY",
        kind=asyncdb.ProgrammingError,
        sql="SELECT code, count(*) FROM {t}",
    ),
    "cardinality": Situation(
        title="a scalar subquery of two rows",
        kind=asyncdb.ProgrammingError,
        sql="SELECT (SELECT id FROM {t} ORDER BY id)",
    ),
    "two statements": Situation(
        title="two statements in one text",
        kind=asyncdb.MultipleStatements,
        sql="SELECT 1; SELECT 2",
    ),
    "two with parameters": Situation(
        title="the same with parameters",
        kind=asyncdb.MultipleStatements,
        sql="SELECT ? + 0; SELECT 2",
        params=[1],
    ),
    "permission": Situation(
        title="not allowed",
        kind=asyncdb.InsufficientPrivilege,
        scene=scenes.not_allowed,
    ),
    # -- concurrent work
    "deadlock": Situation(
        title="deadlock (`is_transient`)",
        kind=asyncdb.DeadlockDetected,
        scene=scenes.deadlock,
    ),
    "serialization": Situation(
        title="serialization failure (`is_transient`)",
        kind=asyncdb.SerializationFailure,
        scene=scenes.serialization,
    ),
    "lock": Situation(
        title="`lock_timeout` is over (`is_transient`)",
        kind=asyncdb.LockTimeout,
        scene=scenes.lock,
    ),
    "nowait": Situation(
        title="NOWAIT (`is_transient`)",
        kind=asyncdb.LockTimeout,
        scene=scenes.nowait,
    ),
    "timeout": Situation(
        title="`statement_timeout` is over",
        kind=asyncdb.StatementTimeout,
        scene=scenes.timeout,
    ),
    "cancel": Situation(
        title="stopped by another session",
        kind=asyncdb.QueryCanceled,
        scene=scenes.cancel,
    ),
    "readonly": Situation(
        title="a write in a read-only transaction",
        kind=asyncdb.ReadOnlyTransaction,
        scene=scenes.readonly,
    ),
    "readonly session": Situation(
        title="a write in a read-only session",
        kind=asyncdb.ReadOnlyTransaction,
        sql="DELETE FROM {t}_orders",
    ),
    "savepoint": Situation(
        title="no such savepoint",
        kind=asyncdb.TransactionError,
        scene=scenes.savepoint,
    ),
    # -- limits
    "full": Situation(
        title="full",
        kind=asyncdb.ResourceLimit,
        sql="INSERT INTO {t}_f VALUES (?)",
        params=["s3cret" * 10_000],
    ),
    "too big": Situation(
        title="a value too big",
        kind=asyncdb.ResourceLimit,
    ),
    "packet": Situation(
        title="a statement too long",
        kind=asyncdb.ResourceLimit,
        scene=scenes.packet,
    ),
    "not a database": Situation(
        title="not a database file",
        kind=asyncdb.OperationalError,
        scene=scenes.not_a_database,
    ),
    "corrupt": Situation(
        title="a damaged file",
        kind=asyncdb.OperationalError,
        scene=scenes.corrupt,
    ),
    # -- the way there
    "password": Situation(
        title="wrong password",
        kind=asyncdb.AuthenticationFailed,
        scene=scenes.password,
    ),
    "user": Situation(
        title="no such user",
        kind=asyncdb.AuthenticationFailed,
        scene=scenes.user,
    ),
    "database": Situation(
        title="no such database, or a file that cannot be opened",
        kind=asyncdb.ConnectionFailed,
        scene=scenes.database,
    ),
    "refused": Situation(
        title="nobody listens",
        kind=asyncdb.ConnectionFailed,
        scene=scenes.refused,
    ),
    "dns": Situation(
        title="no such host",
        kind=asyncdb.ConnectionFailed,
        scene=scenes.dns,
    ),
    "silent": Situation(
        title="nobody answers within `connect_timeout`",
        kind=asyncdb.ConnectionFailed,
        scene=scenes.silent,
    ),
    "too many": Situation(
        title="too many connections of one user",
        kind=asyncdb.TooManyConnections,
        scene=scenes.too_many,
    ),
    "too many for all": Situation(
        title="too many connections",
        kind=asyncdb.TooManyConnections,
        scene=scenes.too_many_for_all,
    ),
    "shutting down": Situation(
        title="the server is shutting down",
        kind=asyncdb.ConnectionFailed,
        scene=scenes.shutting_down,
    ),
    "lost": Situation(
        title="the session is killed while it works",
        kind=asyncdb.ConnectionLost,
        scene=scenes.lost,
    ),
    "lost idle": Situation(
        title="the session was killed while it was idle",
        kind=asyncdb.ConnectionLost,
        scene=scenes.lost_idle,
    ),
    "idle": Situation(
        title="the session was idle for too long, in a transaction",
        kind=asyncdb.ConnectionLost,
        scene=scenes.idle_too_long,
    ),
    "closed": Situation(
        title="the connection is closed",
        kind=asyncdb.ConnectionClosed,
        scene=scenes.closed,
    ),
    # -- ours, before anything is sent
    "parameters": Situation(
        title="too few parameters",
        kind=asyncdb.ParameterError,
        sql="SELECT ?, ?",
        params=["s3cret-text"],
    ),
    "parameter type": Situation(
        title="a parameter of a type that is not known",
        kind=asyncdb.DataError,
        sql="SELECT ?",
        params=[scenes.Unknown()],
    ),
    "parameter range": Situation(
        title="an int beyond 64 bits for an integer",
        kind=asyncdb.NumericOutOfRange,
        sql="UPDATE {t} SET n = ? WHERE id = 1",
        params=[2**64],
    ),
    "surrogate": Situation(
        title="text with a lone surrogate",
        kind=asyncdb.InvalidText,
        sql="UPDATE {t} SET code = ? WHERE id = 1",
        params=["\ud800"],
    ),
    "empty": Situation(
        title="no statement in the text",
        kind=asyncdb.ProgrammingError,
        sql=" -- nothing",
    ),
}
