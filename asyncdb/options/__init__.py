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

__all__ = [
    "ConnectOptions",
    "Converters",
    "Hook",
    "Isolation",
    "Notice",
    "NoticeListener",
    "PoolOptions",
    "ServerOptions",
    "TLSMode",
    "TargetSessionAttrs",
    "TransactionOptions",
]
