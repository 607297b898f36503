"""How a driver passes on what the server says: to `on_notice`, else to a logger."""

from __future__ import annotations

import logging

from asyncdb.options import Notice, NoticeListener

__all__ = ["are_wanted", "tell"]

logger = logging.getLogger("asyncdb")
# What a server says may hold values of rows; nothing else of ours prints it.
server_logger = logging.getLogger("asyncdb.server")

_LEVELS = {
    "DEBUG": logging.DEBUG,
    "LOG": logging.INFO,
    "INFO": logging.INFO,
    "NOTICE": logging.INFO,
}


def are_wanted(listener: NoticeListener | None) -> bool:
    """Tell whether notices are worth a round trip, where they cost one.

    They are when somebody listens, or the logger `asyncdb.server` is enabled for INFO,
    which it is not by default: that they may be WARNINGs is only known once they came.

    Args:
        listener: the option `on_notice`.

    Returns:
        Whether to ask for them.
    """
    return listener is not None or server_logger.isEnabledFor(logging.INFO)


def tell(notice: Notice, listener: NoticeListener | None) -> None:
    """Pass a notice on; what a listener raises is logged and goes no further.

    Args:
        notice: what the server said.
        listener: the option `on_notice`; the logger `asyncdb.server` gets it if `None`.
    """
    if listener is None:
        level = _LEVELS.get(notice.severity.rstrip("12345"), logging.WARNING)
        server_logger.log(level, "%s", notice)
        return
    try:
        listener(notice)
    except Exception:
        logger.exception("on_notice raised; nobody else gets this notice")
