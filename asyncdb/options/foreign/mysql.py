"""The MySQL clients' options, and what PyMySQL, SQLAlchemy and the platforms add.

https://dev.mysql.com/doc/refman/en/connection-options.html
"""

from __future__ import annotations

from asyncdb.options.foreign.general import SERVERS
from asyncdb.options.foreign.meaning import ForeignNames, never, nothing, same

_TRUE = ("true", "1", "yes", "on")
_FALSE = ("false", "0", "no", "off")
_CHARSET = (
    "the session is always in utf8mb4, which holds the characters of all others: leave"
    " it out"
)
_RECONNECT = (
    "a connection is never opened again behind one's back, for its transaction would be"
    " lost; a pool opens another one for the next: leave it out"
)

MYSQL = ForeignNames(
    meanings={
        **SERVERS.meanings,
        "socket": same("unix_socket"),
        "program_name": same("application_name"),
        **dict.fromkeys(
            ("charset", "default_character_set"), nothing("utf8mb4", refusal=_CHARSET)
        ),
        "collation": never(
            "the session has the server's own collation of utf8mb4; write COLLATE in"
            " the statement, or declare the column so"
        ),
        "use_unicode": nothing(*_TRUE, refusal="text is always str"),
        "autocommit": nothing(
            *_TRUE, refusal="each statement commits by itself outside transaction()"
        ),
        "local_infile": nothing(
            *_FALSE, refusal="asyncdb gives no server a file of this machine"
        ),
        "multi_statements": nothing(*_FALSE, refusal="execute() takes one statement"),
        "compress": nothing(*_FALSE, refusal="the libraries do not compress"),
        "reconnect": nothing(*_FALSE, refusal=_RECONNECT),
        "init_command": never("write settings={'name': value}, or ?setting.name=value"),
        "client_flag": never("see found_rows"),
        "default_auth": never("the server says how it wants to be logged in to"),
        "protocol": nothing("tcp", refusal="a socket is given as unix_socket"),
    }
)
