"""SQLite's column of the grid. Codes: https://sqlite.org/rescode.html."""

from __future__ import annotations

import asyncdb
from tests.drivers.error_grid import scenes
from tests.drivers.error_grid.cases import FORGED_ROW, Case, Table

_NO_TYPES = "SELECT typeof(n) FROM {t} WHERE id = 1"
_ERROR = "SQLITE_ERROR"

SQLITE: Table = {
    "unique": Case(
        kind=asyncdb.UniqueViolation,
        code="SQLITE_CONSTRAINT_UNIQUE",
        table="{t}",
        columns=("email",),
    ),
    "primary key": Case(
        kind=asyncdb.UniqueViolation,
        code="SQLITE_CONSTRAINT_PRIMARYKEY",
        table="{t}",
        columns=("id",),
    ),
    "unique expression": Case(
        kind=asyncdb.UniqueViolation,
        before=("CREATE UNIQUE INDEX {t}_lower ON {t} (lower(email))",),
        code="SQLITE_CONSTRAINT_UNIQUE",
        constraint="{t}_lower",
    ),
    "forged": Case(
        kind=asyncdb.UniqueViolation,
        before=(FORGED_ROW,),
        code="SQLITE_CONSTRAINT_UNIQUE",
        table="{t}",
        columns=("email",),
    ),
    "child": Case(
        kind=asyncdb.ForeignKeyViolation, code="SQLITE_CONSTRAINT_FOREIGNKEY"
    ),
    "parent": Case(
        kind=asyncdb.ForeignKeyViolation, code="SQLITE_CONSTRAINT_FOREIGNKEY"
    ),
    "not null": Case(
        kind=asyncdb.NotNullViolation,
        code="SQLITE_CONSTRAINT_NOTNULL",
        table="{t}",
        columns=("email",),
    ),
    "no value": Case(
        kind=asyncdb.NotNullViolation,
        code="SQLITE_CONSTRAINT_NOTNULL",
        table="{t}",
        columns=("email",),
    ),
    "check": Case(
        kind=asyncdb.CheckViolation,
        code="SQLITE_CONSTRAINT_CHECK",
        constraint="{t}_n_check",
    ),
    "unnamed check": Case(
        kind=asyncdb.CheckViolation,
        before=("CREATE TABLE {t}_c (n INTEGER CHECK (n > 0))",),
        code="SQLITE_CONSTRAINT_CHECK",
        constraint="n > 0",
    ),
    "exclusion": Case(),
    "too long": Case(
        instead="stored",
        then="SELECT code FROM {t} WHERE id = 1",
        gives="s3cret-text",
    ),
    "column range": Case(
        instead="stored", then="SELECT n FROM {t} WHERE id = 1", gives=998877
    ),
    "range": Case(instead="becomes REAL", gives=2.0**63),
    "division": Case(instead="NULL", gives=None),
    "stored division": Case(instead="NULL", then=_NO_TYPES, gives="null"),
    "number": Case(instead="stored as text", then=_NO_TYPES, gives="text"),
    "forged column": Case(instead="stored as text", then=_NO_TYPES, gives="text"),
    "strict": Case(
        kind=asyncdb.InvalidText,
        before=("CREATE TABLE {t}_s (n INTEGER) STRICT",),
        code="SQLITE_CONSTRAINT_DATATYPE",
        table="{t}_s",
        columns=("n",),
    ),
    "date": Case(
        instead="stored",
        then="SELECT born FROM {t} WHERE id = 1",
        gives="2025-02-30",
    ),
    "date text": Case(
        instead="stored",
        then="SELECT born FROM {t} WHERE id = 1",
        gives="s3cret-text",
    ),
    "undecodable": Case(
        instead="text, which `into=` refuses",
        before=("UPDATE {t} SET born = '0044-03-15 BC' WHERE id = 1",),
        gives="0044-03-15 BC",
    ),
    "raised": Case(
        kind=asyncdb.RaisedException,
        before=(
            """
            CREATE TRIGGER {t}_tr BEFORE DELETE ON {t}_orders BEGIN
                SELECT RAISE(ABORT, 'no more orders');
            END
            """,
        ),
        code="SQLITE_CONSTRAINT_TRIGGER",
    ),
    "raised state": Case(),
    "table": Case(kind=asyncdb.UndefinedTable, code=_ERROR),
    "column": Case(kind=asyncdb.UndefinedColumn, code=_ERROR),
    "function": Case(kind=asyncdb.UndefinedFunction, code=_ERROR),
    "ambiguous": Case(kind=asyncdb.AmbiguousColumn, code=_ERROR),
    "table again": Case(kind=asyncdb.DuplicateTable, code=_ERROR),
    "index again": Case(
        kind=asyncdb.DuplicateTable,
        before=("CREATE INDEX {t}_i ON {t} (code)",),
        code=_ERROR,
    ),
    "column again": Case(kind=asyncdb.DuplicateColumn, code=_ERROR),
    "syntax": Case(kind=asyncdb.SQLSyntaxError, code=_ERROR),
    "group by": Case(instead="accepted", gives=None),
    "cardinality": Case(instead="the first row", gives=1),
    "two statements": Case(kind=asyncdb.MultipleStatements),
    "two with parameters": Case(kind=asyncdb.MultipleStatements),
    "permission": Case(),
    "deadlock": Case(),
    "serialization": Case(
        kind=asyncdb.SerializationFailure,
        scene=scenes.serialization,
        code="SQLITE_BUSY_SNAPSHOT",
    ),
    "lock": Case(kind=asyncdb.LockTimeout, scene=scenes.lock, code="SQLITE_BUSY"),
    "nowait": Case(),
    "timeout": Case(kind=asyncdb.StatementTimeout, scene=scenes.timeout),
    "cancel": Case(
        kind=asyncdb.QueryCanceled, scene=scenes.cancel, code="SQLITE_INTERRUPT"
    ),
    "readonly": Case(
        kind=asyncdb.ReadOnlyTransaction,
        scene=scenes.readonly,
        code="SQLITE_READONLY",
    ),
    "readonly session": Case(
        kind=asyncdb.ReadOnlyTransaction,
        before=("PRAGMA query_only = ON",),
        code="SQLITE_READONLY",
    ),
    "savepoint": Case(kind=asyncdb.TransactionError, scene=scenes.savepoint),
    "full": Case(
        kind=asyncdb.ResourceLimit,
        before=("CREATE TABLE {t}_f (a TEXT)", "PRAGMA max_page_count = 10"),
        code="SQLITE_FULL",
    ),
    "too big": Case(
        kind=asyncdb.ResourceLimit,
        sql="SELECT zeroblob(2000000000)",
        code="SQLITE_TOOBIG",
    ),
    "packet": Case(),
    "not a database": Case(
        kind=asyncdb.OperationalError,
        scene=scenes.not_a_database,
        code="SQLITE_NOTADB",
    ),
    "corrupt": Case(
        kind=asyncdb.OperationalError, scene=scenes.corrupt, code="SQLITE_CORRUPT"
    ),
    "password": Case(),
    "user": Case(),
    "database": Case(
        kind=asyncdb.ConnectionFailed,
        scene=scenes.database,
        code="SQLITE_CANTOPEN",
    ),
    "refused": Case(),
    "dns": Case(),
    "silent": Case(),
    "too many": Case(),
    "too many for all": Case(),
    "shutting down": Case(),
    "lost": Case(),
    "lost idle": Case(),
    "idle": Case(),
    "closed": Case(kind=asyncdb.ConnectionClosed, scene=scenes.closed),
    "parameters": Case(kind=asyncdb.ParameterError),
    "parameter type": Case(kind=asyncdb.DataError),
    "parameter range": Case(kind=asyncdb.NumericOutOfRange),
    "surrogate": Case(kind=asyncdb.InvalidText),
    "empty": Case(kind=asyncdb.ProgrammingError),
}
