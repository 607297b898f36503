"""What an author of a driver imports: the contract, and what it is written in."""

from __future__ import annotations

from asyncdb.driver.contract import (
    Driver,
    DriverConnection,
    DriverCursor,
    Result,
    SupportsExactCount,
    SupportsLoad,
    SupportsPlainRows,
    SupportsReset,
)
from asyncdb.options import Notice

__all__ = [
    "Driver",
    "DriverConnection",
    "DriverCursor",
    "Notice",
    "Result",
    "SupportsExactCount",
    "SupportsLoad",
    "SupportsPlainRows",
    "SupportsReset",
]
