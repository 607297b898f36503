"""A connection and what it gives: cursors, streams, transactions, and the verbs.

Who wraps an executor finds what a `Runner` is made of here, too.
"""

from __future__ import annotations

from asyncdb.connection.batch import Batch, Queued
from asyncdb.connection.connection import Connection
from asyncdb.connection.cursor import Cursor
from asyncdb.connection.executor import Executor
from asyncdb.connection.runner import OpenStream, Params, Runner, Seconds, Step, Text
from asyncdb.connection.stream import Stream
from asyncdb.connection.transaction import Transaction
from asyncdb.driver import Result

__all__ = [
    "Batch",
    "Connection",
    "Cursor",
    "Executor",
    "OpenStream",
    "Params",
    "Queued",
    "Result",
    "Runner",
    "Seconds",
    "Step",
    "Stream",
    "Text",
    "Transaction",
]
