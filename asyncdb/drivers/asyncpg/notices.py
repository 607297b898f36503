"""What PostgreSQL says beside its answers, passed on; it comes without being asked."""

from __future__ import annotations

from typing import Any

from asyncdb.driver import Notice
from asyncdb.driver.notices import tell
from asyncdb.drivers.asyncpg import inner
from asyncdb.options import NoticeListener


class Hearing:
    """What asyncpg calls with each message; a class, so that `forget` knows ours.

    Args:
        listener: the option `on_notice`.
    """

    def __init__(self, listener: NoticeListener | None) -> None:
        self._listener = listener

    def __call__(self, _connection: object, message: Any) -> None:
        """Pass a message on."""
        notice = Notice(
            # `severity` is in the server's language; before PostgreSQL 9.6 all there is
            severity=message.severity_en or message.severity,
            sqlstate=message.sqlstate,
            code=message.sqlstate,
            message=message.message,
            detail=message.detail,
            hint=message.hint,
        )
        tell(notice, self._listener)


def forget_listeners(native: Any) -> bool:
    """Remove the listeners that a borrower left at asyncpg's connection, not ours.

    Returns:
        Whether that can be done.
    """
    if not inner.FORGETS:
        return False
    native._listeners.clear()
    for known in list(native._log_listeners):
        if not isinstance(known.cb, Hearing):
            native._log_listeners.discard(known)
    return True
