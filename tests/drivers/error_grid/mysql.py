"""MariaDB's and MySQL's columns of the grid."""

from __future__ import annotations

from typing import Any
from unittest.mock import ANY

import asyncdb
from tests.drivers.error_grid import scenes
from tests.drivers.error_grid.cases import FORGED_ROW, Case, Table


def _case(
    kind: type[asyncdb.Error], code: Any = None, state: str | None = None, **names: Any
) -> Case:
    return Case(kind=kind, code=code, sqlstate=state, **names)


_SIGNAL = (
    "CREATE TRIGGER {t}_tr BEFORE DELETE ON {t}_orders FOR EACH ROW"
    " SIGNAL SQLSTATE '?' SET MESSAGE_TEXT = 'no more orders'"
)
_SAME: Table = {
    "not null": _case(asyncdb.NotNullViolation, 1048, "23000", columns=("email",)),
    "no value": _case(asyncdb.NotNullViolation, 1364, "HY000", columns=("email",)),
    "child": _case(
        asyncdb.ForeignKeyViolation,
        1452,
        "23000",
        constraint="{t}_user_fk",
        table="{t}_orders",
        columns=("user_id",),
    ),
    "parent": _case(
        asyncdb.ForeignKeyViolation,
        1451,
        "23000",
        constraint="{t}_user_fk",
        table="{t}_orders",
        columns=("user_id",),
    ),
    "exclusion": Case(),
    "too long": _case(asyncdb.StringTooLong, 1406, "22001", columns=("code",)),
    "column range": _case(asyncdb.NumericOutOfRange, 1264, "22003", columns=("n",)),
    "range": _case(asyncdb.NumericOutOfRange, 1690, "22003"),
    "division": Case(instead="NULL", gives=None),
    "stored division": _case(asyncdb.DivisionByZero, 1365, "22012"),
    "strict": Case(),
    "undecodable": _case(
        asyncdb.InvalidDatetime,
        before=(
            "SET sql_mode = ''",
            "UPDATE {t} SET born = '0000-00-00' WHERE id = 1",
        ),
        columns=("born",),
    ),
    "raised": _case(
        asyncdb.RaisedException,
        1644,
        "45000",
        before=(_SIGNAL.replace("?", "45000"),),
    ),
    "raised state": _case(
        asyncdb.CheckViolation,
        1644,
        "23514",
        before=(_SIGNAL.replace("?", "23514"),),
    ),
    "table": _case(asyncdb.UndefinedTable, 1146, "42S02", table="{t}_nope"),
    "column": _case(asyncdb.UndefinedColumn, 1054, "42S22", columns=("nope",)),
    "function": _case(asyncdb.UndefinedFunction, 1305, "42000"),
    "ambiguous": _case(asyncdb.AmbiguousColumn, 1052, "23000", columns=("id",)),
    "table again": _case(asyncdb.DuplicateTable, 1050, "42S01", table="{t}"),
    "index again": _case(
        asyncdb.DuplicateTable,
        1061,
        "42000",
        before=("CREATE INDEX {t}_i ON {t} (code)",),
        table="{t}_i",
    ),
    "column again": _case(asyncdb.DuplicateColumn, 1060, "42S21", columns=("code",)),
    "syntax": _case(asyncdb.SQLSyntaxError, 1064, "42000"),
    "cardinality": _case(asyncdb.ProgrammingError, 1242, "21000"),
    "two statements": _case(asyncdb.MultipleStatements, 1064, "42000"),
    "two with parameters": _case(asyncdb.MultipleStatements),
    "permission": _case(
        asyncdb.InsufficientPrivilege, 1142, "42000", scene=scenes.not_allowed
    ),
    "deadlock": _case(asyncdb.DeadlockDetected, 1213, "40001", scene=scenes.deadlock),
    "lock": _case(asyncdb.LockTimeout, 1205, "HY000", scene=scenes.lock),
    "cancel": _case(asyncdb.QueryCanceled, 1317, "70100", scene=scenes.cancel),
    "readonly": _case(
        asyncdb.ReadOnlyTransaction, 1792, "25006", scene=scenes.readonly
    ),
    "readonly session": _case(
        asyncdb.ReadOnlyTransaction,
        1792,
        "25006",
        before=("SET SESSION TRANSACTION READ ONLY",),
    ),
    "savepoint": _case(asyncdb.TransactionError, scene=scenes.savepoint),
    "full": _case(
        asyncdb.ResourceLimit,
        1114,
        "HY000",
        sql="INSERT INTO {t}_f SELECT 'a' FROM information_schema.collations",
        before=(
            "SET max_heap_table_size = 16384",
            "CREATE TABLE {t}_f (a VARCHAR(1000)) ENGINE = MEMORY",
        ),
    ),
    "too big": _case(
        asyncdb.ResourceLimit,
        1301,
        "HY000",
        sql="INSERT INTO {t} (id, email) VALUES (3, repeat('x', 2000000000))",
    ),
    "packet": _case(asyncdb.ResourceLimit, scene=scenes.packet),
    "not a database": Case(),
    "corrupt": Case(),
    "password": _case(
        asyncdb.AuthenticationFailed, 1045, "28000", scene=scenes.password
    ),
    "user": _case(asyncdb.AuthenticationFailed, 1045, "28000", scene=scenes.user),
    "database": _case(asyncdb.ConnectionFailed, 1049, "42000", scene=scenes.database),
    "refused": _case(
        asyncdb.ConnectionFailed, "ConnectionRefusedError", scene=scenes.refused
    ),
    "dns": _case(asyncdb.ConnectionFailed, "gaierror", scene=scenes.dns),
    "silent": _case(asyncdb.ConnectionFailed, scene=scenes.silent),
    "too many": _case(asyncdb.TooManyConnections, 1226, "42000", scene=scenes.too_many),
    "too many for all": _case(
        asyncdb.TooManyConnections, 1040, scene=scenes.too_many_for_all
    ),
    "shutting down": Case(),
    "lost": _case(asyncdb.ConnectionLost, ANY, scene=scenes.lost),
    "lost idle": _case(asyncdb.ConnectionLost, scene=scenes.lost_idle),
    "closed": _case(asyncdb.ConnectionClosed, scene=scenes.closed),
    "parameters": _case(asyncdb.ParameterError),
    "parameter type": _case(asyncdb.DataError),
    "parameter range": _case(asyncdb.NumericOutOfRange),
    "surrogate": _case(asyncdb.InvalidText),
    "empty": _case(asyncdb.ProgrammingError),
}
_CHECKED = ("CREATE TABLE {t}_c (n INTEGER CHECK (n > 0))",)

MARIADB: Table = {
    **_SAME,
    "unique": _case(asyncdb.UniqueViolation, 1062, "23000", constraint="{t}_email_key"),
    "primary key": _case(asyncdb.UniqueViolation, 1062, "23000", constraint="PRIMARY"),
    "unique expression": Case(),
    "forged": _case(
        asyncdb.UniqueViolation,
        1062,
        "23000",
        before=(FORGED_ROW,),
        constraint="{t}_email_key",
    ),
    "check": _case(
        asyncdb.CheckViolation,
        4025,
        "23000",
        constraint="{t}_n_check",
        table="{t}",
    ),
    "unnamed check": _case(
        asyncdb.CheckViolation,
        4025,
        "23000",
        before=_CHECKED,
        constraint="n",
        table="{t}_c",
        columns=("n",),
    ),
    "number": _case(asyncdb.InvalidText, 1366, "22007", table="{t}", columns=("n",)),
    "forged column": _case(
        asyncdb.InvalidText, 1366, "22007", table="{t}", columns=("n",)
    ),
    "date": _case(
        asyncdb.InvalidDatetime, 1292, "22007", table="{t}", columns=("born",)
    ),
    "date text": _case(
        asyncdb.InvalidDatetime, 1292, "22007", table="{t}", columns=("born",)
    ),
    "group by": Case(instead="accepted", gives=None),
    "serialization": _case(
        asyncdb.SerializationFailure, 1020, "HY000", scene=scenes.serialization
    ),
    "nowait": _case(asyncdb.LockTimeout, 1205, "HY000", scene=scenes.nowait),
    "timeout": _case(asyncdb.StatementTimeout, 1969, "70100", scene=scenes.timeout),
    "idle": _case(asyncdb.ConnectionLost, scene=scenes.idle_too_long),
}

MYSQL: Table = {
    **_SAME,
    "unique": _case(
        asyncdb.UniqueViolation,
        1062,
        "23000",
        constraint="{t}_email_key",
        table="{t}",
    ),
    "primary key": _case(
        asyncdb.UniqueViolation, 1062, "23000", constraint="PRIMARY", table="{t}"
    ),
    "unique expression": _case(
        asyncdb.UniqueViolation,
        1062,
        "23000",
        before=("CREATE UNIQUE INDEX {t}_lower ON {t} ((lower(code)))",),
        sql="UPDATE {t} SET code = 'AbC'",
        constraint="{t}_lower",
        table="{t}",
    ),
    "forged": _case(
        asyncdb.UniqueViolation,
        1062,
        "23000",
        before=(FORGED_ROW,),
        constraint="{t}_email_key",
        table="{t}",
    ),
    "check": _case(asyncdb.CheckViolation, 3819, "HY000", constraint="{t}_n_check"),
    "unnamed check": _case(
        asyncdb.CheckViolation,
        3819,
        "HY000",
        before=_CHECKED,
        constraint="{t}_c_chk_1",
    ),
    "number": _case(asyncdb.InvalidText, 1366, "HY000", columns=("n",)),
    "forged column": _case(asyncdb.InvalidText, 1366, "HY000", columns=("n",)),
    "date": _case(asyncdb.InvalidDatetime, 1292, "22007", columns=("born",)),
    "date text": _case(asyncdb.InvalidDatetime, 1292, "22007", columns=("born",)),
    "group by": _case(asyncdb.ProgrammingError, 1140, "42000"),
    "serialization": Case(),
    "nowait": _case(asyncdb.LockTimeout, 3572, "HY000", scene=scenes.nowait),
    "timeout": _case(asyncdb.StatementTimeout, 3024, "HY000", scene=scenes.timeout),
    "idle": _case(asyncdb.ConnectionLost, 4031, "HY000", scene=scenes.idle_too_long),
}
