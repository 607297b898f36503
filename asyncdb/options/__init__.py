"""What can be tuned: declared once, read from a URL and from keywords."""

from __future__ import annotations

from asyncdb.options.declared import (
    ConnectOptions,
    Converters,
    Hook,
    Isolation,
    PoolOptions,
    ServerOptions,
    TargetSessionAttrs,
    TLSMode,
    TransactionOptions,
)
from asyncdb.options.notices import Notice, NoticeListener
from asyncdb.options.observers import Event, Observer, StatementEvent, TransactionEvent

__all__ = [
    "ConnectOptions",
    "Converters",
    "Event",
    "Hook",
    "Isolation",
    "Notice",
    "NoticeListener",
    "Observer",
    "PoolOptions",
    "ServerOptions",
    "StatementEvent",
    "TLSMode",
    "TargetSessionAttrs",
    "TransactionEvent",
    "TransactionOptions",
]
