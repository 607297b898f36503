"""SQLite's own items of a `file:` URI, and sqlite3's arguments as SQLAlchemy has them.

https://sqlite.org/uri.html
"""

from __future__ import annotations

from asyncdb.options.foreign.general import GENERAL
from asyncdb.options.foreign.meaning import ForeignNames, never, nothing, same

SQLITE = ForeignNames(
    meanings={
        **GENERAL.meanings,
        "timeout": same("lock_timeout"),  # sqlite3's: for a lock
        "uri": nothing("true", "1", refusal="a path may always begin with file:"),
        "check_same_thread": nothing(
            *("false", "0", "true", "1"), refusal="it is true or false"
        ),
        "cache": nothing(
            "private",
            refusal="in a shared cache a lock cannot be waited for; the connections of"
            " a pool share the file",
        ),
        **dict.fromkeys(
            ("nolock", "vfs", "psow"),
            never("the file is locked as SQLite does by itself on this system"),
        ),
    }
)
