"""Warnings: an answer only counts them, so their texts are asked for, if wanted.

Rules:

1. Nothing is asked where the count is 0, or nobody wants to know.
2. They are asked for before anything else is sent, for the next statement forgets them.
3. They quote values: a listener gets the text, a log line its code alone.
4. The statement has succeeded: whatever becomes of the question is no error of it. A
   connection that is lost meanwhile says so at its next use.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from asyncdb.driver import Notice
from asyncdb.driver.notices import are_wanted, tell

if TYPE_CHECKING:
    from asyncdb.dialects.mysql.protocol.exchange import Exchange
    from asyncdb.options import NoticeListener
    from asyncdb.sql.statement import Statement

logger = logging.getLogger("asyncdb")

_SEVERITIES = {"Note": "NOTICE", "Warning": "WARNING", "Error": "ERROR"}
# A statement that is about the warnings answers with the count of the one before.
_ASKING = frozenset(["SHOW", "GET"])
_ASKED = frozenset(["WARNINGS", "ERRORS", "DIAGNOSTICS"])


class Warnings:
    """Asks for the warnings of the statement just answered, and passes them on.

    Args:
        exchange: the session's.
        listener: the option `on_notice`.
    """

    def __init__(self, exchange: Exchange, listener: NoticeListener | None) -> None:
        self._exchange = exchange
        self._listener = listener

    async def ask(self, statement: Statement) -> None:
        """Ask, where somebody wants to know; the last answer counted at least one."""
        if not are_wanted(self._listener):
            return
        if statement.verb in _ASKING and not _ASKED.isdisjoint(statement.words):
            return
        try:
            answer = await self._exchange.command("SHOW WARNINGS", plain=True)
            rows = answer.take(None, utc=True)
        except Exception as error:  # noqa: BLE001  # see rule 4
            logger.debug("could not ask for warnings: %s", type(error).__name__)
            return
        for level, code, text in rows:
            severity = _SEVERITIES.get(level) or str(level).upper()
            said = f"code {code}; on_notice= hears its text, which may quote values"
            message = said if self._listener is None else text
            notice = Notice(severity=severity, code=code, message=message)
            tell(notice, self._listener)
