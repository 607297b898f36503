"""PostgreSQL's column of the grid; its code is the SQLSTATE."""

from __future__ import annotations

from typing import Any

import asyncdb
from tests.drivers.error_grid import scenes
from tests.drivers.error_grid.cases import FORGED_ROW, Case, Table


def _case(kind: type[asyncdb.Error], state: str | None = None, **names: Any) -> Case:
    return Case(kind=kind, sqlstate=state, code=state, **names)


_RAISE = (
    """
    CREATE FUNCTION {t}_f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION 'no more %', 'orders' USING ERRCODE = '?', HINT = 's3cret';
    END $$
    """,
    """
    CREATE TRIGGER {t}_tr BEFORE DELETE ON {t}_orders FOR EACH STATEMENT
    EXECUTE FUNCTION {t}_f()
    """,
)
POSTGRESQL: Table = {
    "unique": _case(
        asyncdb.UniqueViolation, "23505", constraint="{t}_email_key", table="{t}"
    ),
    "primary key": _case(
        asyncdb.UniqueViolation, "23505", constraint="{t}_pkey", table="{t}"
    ),
    "unique expression": _case(
        asyncdb.UniqueViolation,
        "23505",
        before=("CREATE UNIQUE INDEX {t}_lower ON {t} (lower(email))",),
        constraint="{t}_lower",
        table="{t}",
    ),
    "forged": _case(
        asyncdb.UniqueViolation,
        "23505",
        before=(FORGED_ROW,),
        constraint="{t}_email_key",
        table="{t}",
    ),
    "child": _case(
        asyncdb.ForeignKeyViolation,
        "23503",
        constraint="{t}_user_fk",
        table="{t}_orders",
    ),
    "parent": _case(
        asyncdb.ForeignKeyViolation,
        "23503",
        constraint="{t}_user_fk",
        table="{t}_orders",
    ),
    "not null": _case(
        asyncdb.NotNullViolation, "23502", table="{t}", columns=("email",)
    ),
    "no value": _case(
        asyncdb.NotNullViolation, "23502", table="{t}", columns=("email",)
    ),
    "check": _case(
        asyncdb.CheckViolation, "23514", constraint="{t}_n_check", table="{t}"
    ),
    "unnamed check": _case(
        asyncdb.CheckViolation,
        "23514",
        before=("CREATE TABLE {t}_c (n INTEGER CHECK (n > 0))",),
        constraint="{t}_c_n_check",
        table="{t}_c",
    ),
    "exclusion": _case(
        asyncdb.ExclusionViolation,
        "23P01",
        before=(
            "CREATE TABLE {t}_x (a INTEGER)",
            "ALTER TABLE {t}_x ADD CONSTRAINT {t}_x_excl EXCLUDE (a WITH =)",
            "INSERT INTO {t}_x VALUES (998877)",
        ),
        constraint="{t}_x_excl",
        table="{t}_x",
    ),
    "too long": _case(asyncdb.StringTooLong, "22001"),
    "column range": _case(asyncdb.NumericOutOfRange, "22003"),
    "range": _case(asyncdb.NumericOutOfRange, "22003"),
    "division": _case(asyncdb.DivisionByZero, "22012"),
    "stored division": _case(asyncdb.DivisionByZero, "22012"),
    "number": _case(asyncdb.InvalidText, "22P02"),
    "forged column": _case(asyncdb.InvalidText, "22P02"),
    "strict": Case(),
    "undecodable": Case(
        kind=asyncdb.InvalidDatetime,
        before=("UPDATE {t} SET born = '0044-03-15 BC' WHERE id = 1",),
        columns=("born",),
    ),
    "raised": _case(
        asyncdb.RaisedException,
        "P0001",
        before=tuple(text.replace("?", "P0001") for text in _RAISE),
    ),
    "raised state": _case(
        asyncdb.CheckViolation,
        "23514",
        before=tuple(text.replace("?", "23514") for text in _RAISE),
    ),
    "date": _case(asyncdb.InvalidDatetime, "22008"),
    "date text": _case(asyncdb.InvalidDatetime, "22007"),
    "table": _case(asyncdb.UndefinedTable, "42P01"),
    "column": _case(asyncdb.UndefinedColumn, "42703"),
    "function": _case(asyncdb.UndefinedFunction, "42883"),
    "ambiguous": _case(asyncdb.AmbiguousColumn, "42702"),
    "table again": _case(asyncdb.DuplicateTable, "42P07"),
    "index again": _case(
        asyncdb.DuplicateTable,
        "42P07",
        before=("CREATE INDEX {t}_i ON {t} (code)",),
    ),
    "column again": _case(asyncdb.DuplicateColumn, "42701"),
    "syntax": _case(asyncdb.SQLSyntaxError, "42601"),
    "group by": _case(asyncdb.ProgrammingError, "42803"),
    "cardinality": _case(asyncdb.ProgrammingError, "21000"),
    "two statements": _case(asyncdb.MultipleStatements, "42601"),
    "two with parameters": Case(kind=asyncdb.MultipleStatements),
    "permission": _case(
        asyncdb.InsufficientPrivilege, "42501", scene=scenes.not_allowed
    ),
    "deadlock": _case(asyncdb.DeadlockDetected, "40P01", scene=scenes.deadlock),
    "serialization": _case(
        asyncdb.SerializationFailure, "40001", scene=scenes.serialization
    ),
    "lock": _case(asyncdb.LockTimeout, "55P03", scene=scenes.lock),
    "nowait": _case(asyncdb.LockTimeout, "55P03", scene=scenes.nowait),
    "timeout": _case(asyncdb.StatementTimeout, "57014", scene=scenes.timeout),
    "cancel": _case(asyncdb.QueryCanceled, "57014", scene=scenes.cancel),
    "readonly": _case(asyncdb.ReadOnlyTransaction, "25006", scene=scenes.readonly),
    "readonly session": _case(
        asyncdb.ReadOnlyTransaction,
        "25006",
        before=("SET default_transaction_read_only = on",),
    ),
    "savepoint": _case(asyncdb.TransactionError, scene=scenes.savepoint),
    "full": _case(
        asyncdb.ResourceLimit,
        "53400",
        sql="SELECT count(*) FROM"
        " (SELECT g FROM generate_series(1, 100000) g ORDER BY random()) x",
        before=("SET work_mem = '64kB'", "SET temp_file_limit = 0"),
    ),
    "too big": _case(
        asyncdb.ResourceLimit,
        "54000",
        sql="INSERT INTO {t}_b SELECT string_agg(md5(CAST(g AS text)), '')"
        " FROM generate_series(1, 500) g",
        before=("CREATE TABLE {t}_b (a TEXT PRIMARY KEY)",),
    ),
    "packet": Case(),
    "not a database": Case(),
    "corrupt": Case(),
    "password": _case(asyncdb.AuthenticationFailed, "28P01", scene=scenes.password),
    "user": _case(asyncdb.AuthenticationFailed, "28P01", scene=scenes.user),
    "database": _case(asyncdb.ConnectionFailed, "3D000", scene=scenes.database),
    "refused": Case(
        kind=asyncdb.ConnectionFailed,
        scene=scenes.refused,
        code="ConnectionRefusedError",
    ),
    "dns": Case(kind=asyncdb.ConnectionFailed, scene=scenes.dns, code="gaierror"),
    "silent": Case(kind=asyncdb.ConnectionFailed, scene=scenes.silent),
    "too many": _case(asyncdb.TooManyConnections, "53300", scene=scenes.too_many),
    "too many for all": _case(
        asyncdb.TooManyConnections, "53300", scene=scenes.too_many_for_all
    ),
    "shutting down": _case(
        asyncdb.ConnectionFailed, "57P03", scene=scenes.shutting_down
    ),
    "lost": _case(asyncdb.ConnectionLost, "57P01", scene=scenes.lost),
    "lost idle": _case(asyncdb.ConnectionLost, "57P01", scene=scenes.lost_idle),
    "idle": _case(asyncdb.ConnectionLost, "25P03", scene=scenes.idle_too_long),
    "closed": Case(kind=asyncdb.ConnectionClosed, scene=scenes.closed),
    "parameters": Case(kind=asyncdb.ParameterError),
    "parameter type": Case(kind=asyncdb.DataError),
    "parameter range": Case(kind=asyncdb.NumericOutOfRange),
    "surrogate": Case(kind=asyncdb.InvalidText),
    "empty": Case(kind=asyncdb.ProgrammingError),
}
