"""Everything that can be tuned, as frozen objects; all times are in seconds.

Each option is a keyword of `connect()` and `create_pool()` or a query item of the URL,
under the same name. A driver says which options it takes by naming its own subclass of
`ConnectOptions`; what is not a field of it is refused with the list of those that are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import iscoroutinefunction
from typing import Any, ClassVar, Literal, TypeAlias

from asyncdb.errors import URLError
from asyncdb.options.foreign import GENERAL, SERVERS, ForeignNames
from asyncdb.options.notices import NoticeListener
from asyncdb.options.observers import Observer, check_observers
from asyncdb.options.zones import read_zone

# The levels of SQL; which one a database has by itself, its documentation says.
Isolation = Literal[
    "read uncommitted", "read committed", "repeatable read", "serializable"
]
# Type -> what makes a value of the portable set of it, and it of what was read.
Converters: TypeAlias = Mapping[type, tuple[Callable[[Any], Any], Callable[[Any], Any]]]
# What an application does with a connection before or after anybody has it.
Hook: TypeAlias = Callable[[Any], Awaitable[object]]
TLSMode = Literal["disable", "prefer", "require", "verify-ca", "verify-full"]
# libpq's words, and libpq's meaning of them.
TargetSessionAttrs = Literal[
    "any", "read-write", "read-only", "primary", "standby", "prefer-standby"
]


@dataclass(frozen=True, kw_only=True)
class ConnectOptions:
    """What every driver understands.

    Args:
        connect_timeout: seconds for all of connecting, from the first look for the
            host's name to the end of the session's set-up. Of several hosts, or
            addresses of a name, each has a share of it, the first ones a third at most.
        close_timeout: seconds a polite goodbye may take before the line is cut.
        statement_timeout: seconds a statement may run; `None` for no limit.
        lock_timeout: seconds to wait for a lock; `None` leaves the server's own.
        target_session_attrs: which of several servers will do, in libpq's words:
            `"any"`, `"read-write"` and `"read-only"` (what a transaction can do there),
            `"primary"` and `"standby"` (what the server is), and `"prefer-standby"`,
            which takes another one where no host is a standby.
        load_balance_hosts: `"random"` tries the hosts, and the addresses of each, in an
            order by chance; `"disable"` in the order that they stand in.
        converters: values of your own types: `{Point: (encode, decode)}`. `encode`
            makes of a parameter one of the portable set, `decode` is called by `into=`
            where an annotation says `Point`. What the parameter of `decode` is
            annotated with is read first, so that it gets the same on every engine.
        on_connect: an async function, called with each new connection before anybody
            gets it, inside `connect_timeout`, and again where a pool's reset has undone
            what it did. If it raises, the connection is closed and the error is the
            caller's. See docs/how-to/prepare-connections.md.
        on_notice: a function that is called with each `Notice` that the server sends
            beside its answers; without it they go to the logger `asyncdb.server`. What
            it raises is logged. On MySQL and MariaDB a statement that left warnings
            costs a round trip then, to ask for them.
        observers: objects that hear of what takes time, each with any of the methods
            `connect`, `acquire`, `statement`, `transaction`: for traces, metrics and
            logs. Without one nothing is paid for them. See
            docs/how-to/observability.md.
        slow_statement_log: seconds that a statement may take before it is logged as a
            WARNING of the logger `asyncdb`, with its place in the caller's code; `None`
            for never.

    Attributes:
        foreign: what a URL may call the options as well, and what it means by that.
    """

    foreign: ClassVar[ForeignNames] = GENERAL
    connect_timeout: float = 10.0
    close_timeout: float = 5.0
    statement_timeout: float | None = None
    lock_timeout: float | None = 5.0
    target_session_attrs: TargetSessionAttrs = "any"
    load_balance_hosts: Literal["disable", "random"] = "disable"
    converters: Converters = field(default_factory=dict, repr=False)
    on_connect: Hook | None = field(default=None, repr=False)
    on_notice: NoticeListener | None = field(default=None, repr=False)
    observers: Sequence[Observer] = field(default=(), repr=False)
    slow_statement_log: float | None = None

    def __post_init__(self) -> None:
        """Look at what is called before a connection is open that would have to close.

        Raises:
            TypeError: the converters are not types with a pair of functions each, or
                `on_notice` is async.
            URLError: an observer has none of the methods, or an async one.
        """
        check_observers(self.observers)
        if iscoroutinefunction(self.on_notice):
            message = "on_notice is called, not awaited: it takes a plain function"
            raise TypeError(message)
        given: Mapping[Any, Any] = self.converters
        for kind, pair in given.items():
            fits = isinstance(kind, type) and isinstance(pair, tuple)
            if not fits or len(pair) != 2 or not all(map(callable, pair)):
                message = "converters takes {type: (encode, decode)}"
                raise TypeError(message)


@dataclass(frozen=True, kw_only=True)
class ServerOptions(ConnectOptions):
    """What drivers of servers understand as well.

    Args:
        unix_socket: path of a socket (PostgreSQL: of its folder) instead of a host.
        time_zone: the session's zone: an offset east of UTC such as `+02:00`, or a name
            such as `Europe/Berlin` that the server knows; `None` leaves its own.
        tls: `"disable"` never; `"prefer"` when the server offers it, unverified;
            `"require"` or no connection, unverified; `"verify-ca"` also checks the
            certificate's issuer; `"verify-full"` the host's name too. `None` is
            `"disable"` for this machine, `"verify-full"` for any other.
        tls_ca: file of the certificates to trust; the system's when `None`.
        tls_cert: file of the client's own certificate.
        tls_key: file of its private key.
        application_name: what the server shows its administrators of this client, in
            PostgreSQL's `pg_stat_activity` and in MySQL's
            `performance_schema.session_connect_attrs` (as `program_name`): 63 bytes.
    """

    foreign: ClassVar[ForeignNames] = SERVERS
    unix_socket: str | None = None
    time_zone: str | None = "UTC"
    tls: TLSMode | None = None
    tls_ca: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    application_name: str | None = None

    def __post_init__(self) -> None:
        """Give the zone its one form, and look at the name before a server cuts it.

        Raises:
            URLError: the zone is not to be understood, the name is longer than kept.
        """
        super().__post_init__()
        if self.time_zone is not None:
            object.__setattr__(self, "time_zone", read_zone(self.time_zone))
        if len((self.application_name or "").encode("utf-8", "replace")) > 63:
            raise URLError("option 'application_name' takes at most 63 bytes")


@dataclass(frozen=True, kw_only=True)
class TransactionOptions:
    """How a transaction is opened.

    Args:
        isolation: the SQL standard's level; `None` for the session's default.
        readonly: the database refuses writes in it.
        deferrable: PostgreSQL's DEFERRABLE, for serializable read-only reports.
    """

    isolation: Isolation | None = None
    readonly: bool = False
    deferrable: bool = False


@dataclass(frozen=True, kw_only=True)
class PoolOptions:
    """What every pool understands.

    Args:
        min_size: connections that are kept open even when nobody needs them. With 0 the
            pool also opens while the server is down.
        max_size: connections that are open at most, on this pool's account.
        acquire_timeout: seconds to wait for a connection; `None` waits for ever.
        max_waiting: tasks that may wait for one; more are refused with `PoolFull`.
            `None` for no limit.
        max_lifetime: seconds after which a connection is replaced by a new one, less
            up to a tenth, so that those opened together do not end together; `None`
            for never.
        max_idle: seconds after which an idle connection beyond `min_size` is closed;
            `None` for never.
        health_check_after_idle: seconds after which an idle connection is asked for a
            sign of life before it is lent; `None` for never.
        reset: `"auto"` resets a session that a statement may have changed; `"always"`
            any, which costs a round trip each time and also undoes what functions and
            procedures have hidden; `"never"` none, and leaves SET, temporary tables
            and locks to the next borrower.
        leak_warning: seconds after which a connection that is still borrowed is logged
            with who borrowed it; `None` for never.
        on_acquire: an async function, called with a connection before each loan, those
            of the pool's own verbs included. If it returns `False` the connection is
            closed and the next one is taken; if it raises, the error is the caller's.
        on_release: an async function, called with a connection after each loan, when
            what was left open has been rolled back. If it returns `False` or raises
            (which is logged) the connection is closed. It has `close_timeout` seconds.
    """

    min_size: int = 1
    max_size: int = 10
    acquire_timeout: float | None = 30.0
    max_waiting: int | None = None
    max_lifetime: float | None = 3600.0
    max_idle: float | None = 600.0
    health_check_after_idle: float | None = 30.0
    reset: Literal["auto", "always", "never"] = "auto"
    leak_warning: float | None = None
    on_acquire: Hook | None = field(default=None, repr=False)
    on_release: Hook | None = field(default=None, repr=False)
