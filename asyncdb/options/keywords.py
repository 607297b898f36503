"""The options of `connect()` and `create_pool()`, for type checkers and editors.

Made from the option classes by `python -m tests.plugins.keywords`; a test holds it to
them. While running nothing reads it: a driver of somebody else's may have options that
are not here, to be given in the URL or as `**{"name": value}`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict

from asyncdb.options.declared import Converters, Hook, TargetSessionAttrs, TLSMode
from asyncdb.options.notices import NoticeListener
from asyncdb.options.observers import Observer
from asyncdb.options.settings import Settings


class ConnectKeywords(TypedDict, total=False):
    """What `connect()` takes, on one database or another."""

    connect_timeout: float
    """Seconds for all of connecting, from the first look for the host's name to the end
    of the session's set-up. Of several hosts, or addresses of a name, each has a share
    of it, the first ones a third at most."""

    close_timeout: float
    """Seconds a polite goodbye may take before the line is cut."""

    statement_timeout: float | None
    """Seconds a statement may run; `None` for no limit."""

    lock_timeout: float | None
    """Seconds to wait for a lock; `None` leaves the server's own."""

    target_session_attrs: TargetSessionAttrs
    """Which of several servers will do, in libpq's words: `"any"`, `"read-write"` and
    `"read-only"` (what a transaction can do there), `"primary"` and `"standby"` (what
    the server is), and `"prefer-standby"`, which takes another one where no host is a
    standby."""

    load_balance_hosts: Literal["disable", "random"]
    """`"random"` tries the hosts, and the addresses of each, in an order by chance;
    `"disable"` in the order that they stand in."""

    converters: Converters
    """Values of your own types: `{Point: (encode, decode)}`. `encode` makes of a
    parameter one of the portable set, `decode` is called by `into=` where an annotation
    says `Point`. What the parameter of `decode` is annotated with is read first, so
    that it gets the same on every engine."""

    on_connect: Hook | None
    """An async function, called with each new connection before anybody gets it, inside
    `connect_timeout`, and again where a pool's reset has undone what it did. If it
    raises, the connection is closed and the error is the caller's. See
    docs/how-to/prepare-connections.md."""

    on_notice: NoticeListener | None
    """A function that is called with each `Notice` that the server sends beside its
    answers; without it they go to the logger `asyncdb.server`. What it raises is
    logged. On MySQL and MariaDB a statement that left warnings costs a round trip then,
    to ask for them."""

    observers: Sequence[Observer]
    """Objects that hear of what takes time, each with any of the methods `connect`,
    `acquire`, `statement`, `transaction`: for traces, metrics and logs. Without one
    nothing is paid for them. See docs/how-to/observability.md."""

    slow_statement_log: float | None
    """Seconds that a statement may take before it is logged as a WARNING of the logger
    `asyncdb`, with its place in the caller's code; `None` for never."""

    unix_socket: str | None
    """Path of a socket (PostgreSQL: of its folder) instead of a host."""

    time_zone: str | None
    """The session's zone: an offset east of UTC such as `+02:00`, or a name such as
    `Europe/Berlin` that the server knows; `None` leaves its own."""

    tls: TLSMode | None
    """`"disable"` never; `"prefer"` when the server offers it, unverified; `"require"`
    or no connection, unverified; `"verify-ca"` also checks the certificate's issuer;
    `"verify-full"` the host's name too. `None` is `"disable"` for this machine,
    `"verify-full"` for any other."""

    tls_ca: str | None
    """File of the certificates to trust; the system's when `None`."""

    tls_cert: str | None
    """File of the client's own certificate."""

    tls_key: str | None
    """File of its private key."""

    application_name: str | None
    """What the server shows its administrators of this client, in PostgreSQL's
    `pg_stat_activity` and in MySQL's `performance_schema.session_connect_attrs` (as
    `program_name`): 63 bytes."""

    pgbouncer: bool | None
    """`True`: between us and the server is PgBouncer in transaction mode, or a pooler
    like it, so that no session is ours: it gets no settings but those that PgBouncer
    tracks, it is never reset, LISTEN is refused, and statements are kept prepared only
    where `max_prepared_statements` allows it. `False`: there is none, or one in session
    mode. `None`: asyncpg's driver recognises it (one that does not tell its mode is
    taken to be in transaction mode), psycopg's takes it for `False`."""

    settings: Settings
    """The server's own settings for the session, such as `{"search_path": "app"}`: what
    `SET` would take, sent at start-up, so that a reset goes back to it. In a URL:
    `?setting.search_path=app`."""

    statement_cache_size: int
    """How many statements are kept prepared."""

    sql_mode: str | None
    """`"portable"` for the modes that make SQL mean the same as elsewhere; another text
    is set as it is; `None` leaves the server's own."""

    found_rows: bool
    """UPDATE counts the rows it matched, not only those it changed."""

    lc_messages: str | None
    """The language of the server's messages, from which the names of constraints and
    columns in errors are read; `None` leaves the server's own."""

    server_public_key: str | None
    """File of the server's RSA key, for a password that goes to another machine without
    TLS; a key that the wire offers is not trusted."""

    pipeline: bool
    """`executemany` of anything but a plain INSERT, a batch, and a transaction with its
    first statement send several commands before they read the answers; off for proxies
    that cannot take that."""

    mode: Literal["rwc", "rw", "ro", "memory"]
    """`"rwc"` reads and writes, and creates the file; `"rw"` takes a file that is
    there; `"ro"` only reads, and writes nothing beside the file either; `"memory"` is a
    database in memory, whatever the path."""

    immutable: bool
    """The file is read as it is, without a lock, because nobody can write to it while
    it is open: on a read-only medium, in a package."""

    foreign_keys: bool
    """Foreign keys hold (SQLite's own default is that they do not)."""

    journal_mode: (
        Literal["wal", "delete", "truncate", "persist", "memory", "off"] | None
    )
    """Of files that may be written to; `"wal"` lets readers read while one writes;
    `None` leaves the file's own."""


class PoolKeywords(ConnectKeywords, total=False):
    """What `create_pool()` takes: the options of a connection, and a pool's."""

    min_size: int
    """Connections that are kept open even when nobody needs them. With 0 the pool also
    opens while the server is down."""

    max_size: int
    """Connections that are open at most, on this pool's account."""

    acquire_timeout: float | None
    """Seconds to wait for a connection; `None` waits for ever."""

    max_waiting: int | None
    """Tasks that may wait for one; more are refused with `PoolFull`. `None` for no
    limit."""

    max_lifetime: float | None
    """Seconds after which a connection is replaced by a new one, less up to a tenth, so
    that those opened together do not end together; `None` for never."""

    max_idle: float | None
    """Seconds after which an idle connection beyond `min_size` is closed; `None` for
    never."""

    health_check_after_idle: float | None
    """Seconds after which an idle connection is asked for a sign of life before it is
    lent; `None` for never."""

    reset: Literal["auto", "always", "never"]
    """`"auto"` resets a session that a statement may have changed; `"always"` any,
    which costs a round trip each time and also undoes what functions and procedures
    have hidden; `"never"` none, and leaves SET, temporary tables and locks to the next
    borrower."""

    leak_warning: float | None
    """Seconds after which a connection that is still borrowed is logged with who
    borrowed it; `None` for never."""

    on_acquire: Hook | None
    """An async function, called with a connection before each loan, those of the pool's
    own verbs included. If it returns `False` the connection is closed and the next one
    is taken; if it raises, the error is the caller's."""

    on_release: Hook | None
    """An async function, called with a connection after each loan, when what was left
    open has been rolled back. If it returns `False` or raises (which is logged) the
    connection is closed. It has `close_timeout` seconds."""
