"""What a server says beside its answers, as `on_notice=` gets it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A NOTICE, WARNING or INFO of PostgreSQL, a warning or note of MySQL or MariaDB.

    Its texts may hold values of rows, so the repr leaves them out; `str()` has all.

    Args:
        severity: `"WARNING"` or `"NOTICE"` (MySQL's Note is one) on every engine; also
            PostgreSQL's `"INFO"`, `"LOG"` and `"DEBUG"`, and `"ERROR"` for an error
            that a statement of MySQL went on after.
        sqlstate: the five characters of the SQL standard; MySQL tells none.
        code: MySQL's number; PostgreSQL's SQLSTATE.
        message: what the server says.
        detail: more of it, where the server tells more.
        hint: what the server advises.

    Example:
        >>> notice = Notice(
        ...     severity="NOTICE", code=1051, message="Unknown table 'app.old'"
        ... )
        >>> str(notice)
        "NOTICE: Unknown table 'app.old'"
        >>> notice
        Notice(severity='NOTICE', sqlstate=None, code=1051)
    """

    severity: str
    sqlstate: str | None = None
    code: int | str | None = None
    message: str = field(repr=False)
    detail: str | None = field(default=None, repr=False)
    hint: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        lines = [f"{self.severity}: {self.message}"]
        if self.detail:
            lines.append(f"DETAIL: {self.detail}")
        if self.hint:
            lines.append(f"HINT: {self.hint}")
        return "\n".join(lines)


# What `on_notice=` takes.
NoticeListener: TypeAlias = Callable[[Notice], object]
