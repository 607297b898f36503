"""Time zones by one meaning: an offset counts east of UTC, as in ISO 8601.

MySQL reads offsets so. PostgreSQL's own texts for zones are POSIX's, which count west:
`UTC+2` is two hours *behind* UTC. Such a text is refused, for it would mean the
opposite of what it looks like, or nothing, from one engine to the next.
"""

from __future__ import annotations

import re

from asyncdb.errors import URLError

_OFFSET = re.compile(r"(?P<sign>[+-])(?P<hours>[0-9]{1,2})(?::?(?P<minutes>[0-9]{2}))?")
_FURTHEST = 14 * 60
_POSIX = re.compile(r"<.*|[A-Za-z]{3,}[+-]?[0-9].*|[0-9].*", re.DOTALL)
# Names in the list of zones that look like POSIX's.
_NAMES = frozenset(
    ["EST5EDT", "CST6CDT", "MST7MDT", "PST8PDT", "GMT0", "GMT+0", "GMT-0"]
)
_TAKES = (
    "option 'time_zone' takes an offset such as +02:00, east of UTC, a name such as "
    "Europe/Berlin, or none"
)


def read_zone(text: str) -> str:
    """Return a zone in the form that all engines' dialects start from.

    Args:
        text: `UTC` or `Z`, an offset of ISO 8601 (`+02:00`, `+0200`, `+02`), or a name
            that the server is to know.

    Returns:
        `UTC`, an offset as `+02:00`, or the name.

    Raises:
        URLError: an offset beyond 14 hours, or a text that counts west.

    Example:
        >>> [read_zone(text) for text in ("utc", "+2", "-0330", "Europe/Berlin")]
        ['UTC', '+02:00', '-03:30', 'Europe/Berlin']
    """
    if text.upper() in ("UTC", "Z"):
        return "UTC"
    offset = _OFFSET.fullmatch(text)
    if offset:
        hours, minutes = int(offset["hours"]), int(offset["minutes"] or 0)
        if minutes > 59 or hours * 60 + minutes > _FURTHEST:
            raise URLError(_TAKES)
        sign = offset["sign"] if hours or minutes else "+"
        zone = f"{sign}{hours:02}:{minutes:02}"
        return "UTC" if zone == "+00:00" else zone
    if _POSIX.fullmatch(text) and text.upper() not in _NAMES:
        message = f"{_TAKES}; in a text such as UTC+2 PostgreSQL counts west of UTC"
        raise URLError(message)
    return text
