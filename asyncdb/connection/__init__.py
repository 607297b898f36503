"""A connection and what it gives: cursors, streams, transactions, and the verbs."""

from __future__ import annotations

from asyncdb.connection.connection import Connection
from asyncdb.connection.cursor import Cursor, Stream
from asyncdb.connection.executor import Executor
from asyncdb.connection.transaction import Transaction

__all__ = ["Connection", "Cursor", "Executor", "Stream", "Transaction"]
