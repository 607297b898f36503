"""What PostgreSQL says beside its answers, passed on; it comes without being asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asyncdb.dialects.postgresql.answers import FINAL
from asyncdb.driver import Notice
from asyncdb.driver.notices import tell
from asyncdb.options import NoticeListener


class Hearing:
    """What psycopg calls with each message.

    Args:
        listener: the option `on_notice`.
        ends: is told of what the server says when it ends the session.
    """

    def __init__(
        self, listener: NoticeListener | None, ends: Callable[[Any], None]
    ) -> None:
        self._listener = listener
        self._ends = ends

    def __call__(self, diag: Any) -> None:
        """Pass a message on."""
        severity = diag.severity_nonlocalized or diag.severity
        if severity in FINAL:
            self._ends(diag)
            return
        notice = Notice(
            severity=severity,
            sqlstate=diag.sqlstate,
            code=diag.sqlstate,
            message=diag.message_primary,
            detail=diag.message_detail,
            hint=diag.message_hint,
        )
        tell(notice, self._listener)
