"""THE DOOR for authors of drivers: all that a driver imports of asyncdb, in one place.

How to write, register, test and publish one: docs/how-to/write-a-driver.md. What stands
here, by what it is for:

* the contract, in full in `contract` and `supports`: `Driver`, `DriverConnection`,
  `DriverCursor` and `Result`, which it must have; `SupportsAddresses`,
  `SupportsBatch` (of `Command`s), `SupportsDeparture`, `SupportsDescribe` (which
  gives a `Description`), `SupportsExactCount`, `SupportsLastWords`, `SupportsLoad`,
  `SupportsPlainRows`, `SupportsReset` and `SupportsRole` (which tells a `Role`),
  which it may;
* facts, as data: `Dialect`, `Lexis`, `Placeholder`, `STANDARD_VERBS`, `STANDARD_WORDS`,
  and `values` for the tables of encoders and decoders;
* what a driver is given: `DatabaseURL`, `ConnectOptions`, `ServerOptions`,
  `TransactionOptions`, `Isolation`, `Statement`;
* rows: `Row`, made by `tuple_row()`, or by `row_class()` of a `PositionedRow` over the
  row that the library makes in C;
* errors: `database_error()`, which names one of `asyncdb.errors`;
* TLS: `tls_context()`, `tls_mode()`, `NO_TLS`.

Whatever else asyncdb consists of is its own, and may change with any version. The tests
that a driver must pass are in `asyncdb.testing.conformance`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from asyncdb.dialect import STANDARD_VERBS, STANDARD_WORDS, Dialect, Lexis, Placeholder
from asyncdb.driver.contract import (
    Command,
    Description,
    Driver,
    DriverConnection,
    DriverCursor,
    Result,
)
from asyncdb.driver.naming import database_error
from asyncdb.driver.roles import Role
from asyncdb.driver.supports import (
    SupportsAddresses,
    SupportsBatch,
    SupportsDeparture,
    SupportsDescribe,
    SupportsExactCount,
    SupportsLastWords,
    SupportsLoad,
    SupportsPlainRows,
    SupportsReset,
    SupportsRole,
)
from asyncdb.driver.tls import NO_TLS, tls_context, tls_mode
from asyncdb.options import (
    ConnectOptions,
    Isolation,
    Notice,
    ServerOptions,
    TransactionOptions,
)
from asyncdb.sql.statement import Statement
from asyncdb.url import DatabaseURL
from asyncdb.values.rows import PositionedRow, Row, row_class, tuple_row

if TYPE_CHECKING:
    from asyncdb.driver import values

__all__ = [
    "NO_TLS",
    "STANDARD_VERBS",
    "STANDARD_WORDS",
    "Command",
    "ConnectOptions",
    "DatabaseURL",
    "Description",
    "Dialect",
    "Driver",
    "DriverConnection",
    "DriverCursor",
    "Isolation",
    "Lexis",
    "Notice",
    "Placeholder",
    "PositionedRow",
    "Result",
    "Role",
    "Row",
    "ServerOptions",
    "Statement",
    "SupportsAddresses",
    "SupportsBatch",
    "SupportsDeparture",
    "SupportsDescribe",
    "SupportsExactCount",
    "SupportsLastWords",
    "SupportsLoad",
    "SupportsPlainRows",
    "SupportsReset",
    "SupportsRole",
    "TransactionOptions",
    "database_error",
    "row_class",
    "tls_context",
    "tls_mode",
    "tuple_row",
    "values",
]


def __getattr__(name: str) -> Any:
    """Import `values` when it is asked for: with json, decimal and uuid it is slow."""
    if name == "values":
        return import_module("asyncdb.driver.values")
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    """Show `values` before it is imported, too."""
    return sorted({*globals(), *__all__})
