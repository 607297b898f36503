"""Where a database is and how to log in, as one immutable object.

The grammar, with its rules about secrets, stands in `_url_text`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import EllipsisType, MappingProxyType
from typing import Any, Self

from asyncdb.errors import URLError
from asyncdb.options.foreign import MYSQL, POSTGRESQL, SQLITE
from asyncdb.url.grammar import Host, Parts, normal, parse, quoted, render

__all__ = ["DatabaseURL", "Host"]

# The signature of replace() shows it as `...`, Python's sign for "as it is".
_KEEP: Any = ...


# Not a dataclass on purpose: pytest and others print the fields of dataclasses one by
# one, the password among them.
class DatabaseURL:
    """Where a database is and how to log in; prints with its secrets hidden.

    User, password, host, database and options may be percent-encoded, and must be where
    they hold one of `/ ? @ % &`. `#` is an ordinary character. Options are separated by
    `&`; `+` is a plus.

    Args:
        text: the URL, or a `DatabaseURL`, which is given back as it is.

    Raises:
        URLError: the text cannot be understood; the message says what is wrong with it
            without quoting any of it.

    Example:
        >>> from asyncdb import DatabaseURL
        >>> url = DatabaseURL("postgresql://ann:s3cret@db1,db2:5433/shop?tls=require")
        >>> url.user, url.database, url.hosts
        ('ann', 'shop', (('db1', None), ('db2', 5433)))
        >>> url
        DatabaseURL('postgresql://ann:***@db1,db2:5433/shop?tls=require')
        >>> DatabaseURL("sqlite:///app.db").database
        'app.db'
    """

    __slots__ = ("_parts",)
    _parts: Parts

    def __new__(cls, text: str | DatabaseURL) -> Self:
        """Read `text`; in `__new__`, so that a URL of a URL can be the same object."""
        if isinstance(text, cls):
            return text
        return cls._of(text._parts if isinstance(text, DatabaseURL) else parse(text))

    @classmethod
    def _of(cls, parts: Parts) -> Self:
        self = super().__new__(cls)
        self._parts = parts
        return self

    @property
    def scheme(self) -> str:
        """The part before `+` or `://`, in lower case: `"postgresql"`, `"sqlite"`."""
        return self._parts.scheme

    @property
    def driver(self) -> str | None:
        """The part after `+` in `scheme+driver://`, in lower case."""
        return self._parts.driver

    @property
    def user(self) -> str | None:
        """The name to log in with."""
        return self._parts.user

    @property
    def password(self) -> str | None:
        """The password; `""` when given and empty, `None` when not given."""
        return self._parts.password

    @property
    def host(self) -> str | None:
        """The first host, IPv6 without brackets; a socket's path starts with `/`."""
        return (self._parts.hosts[0][0] or None) if self._parts.hosts else None

    @property
    def port(self) -> int | None:
        """The first host's port; `None` when it is not given."""
        return self._parts.hosts[0][1] if self._parts.hosts else None

    @property
    def hosts(self) -> tuple[Host, ...]:
        """`(host, port)` of every host; `("", 5433)` for a port of the default host."""
        return self._parts.hosts

    @property
    def database(self) -> str | None:
        """The database's name; for SQLite the file's path, or `":memory:"`."""
        return self._parts.database

    @property
    def options(self) -> Mapping[str, str]:
        """The query, decoded, by name; without `host` and `port`, which are `hosts`."""
        return MappingProxyType(dict(self._parts.options))

    @property
    def unix_socket(self) -> str | None:
        """The first host when it is the path of a socket (or of its folder).

        The option `unix_socket` goes before it, so a driver takes
        `options.unix_socket or url.unix_socket`.
        """
        return self.host if self.host and self.host.startswith("/") else None

    @property
    def sqlalchemy(self) -> str:
        """The URL for SQLAlchemy's `create_async_engine`, **with the password in it**.

        Options of asyncdb mean nothing to SQLAlchemy and are left out: the socket goes
        along, `tls` for PostgreSQL (as asyncpg's `ssl` or libpq's `sslmode`), and
        SQLite's `mode` and `immutable`. What would silently weaken the connection or
        change what names mean (`tls_ca`, `settings`) is refused instead.

        Raises:
            URLError: SQLAlchemy has no such dialect; several hosts of another database
                than PostgreSQL; TLS options that a SQLAlchemy URL cannot carry.

        Example:
            >>> DatabaseURL("sqlite:///app.db").sqlalchemy
            'sqlite+aiosqlite:///app.db'
        """
        return _for_sqlalchemy(self)

    def each_host(self) -> Iterator[Self]:
        """Give one URL for each host, in order; for one host or none the URL itself.

        Returns:
            URLs with at most one host each, equal in everything else.

        Example:
            >>> [u.port for u in DatabaseURL("mysql://h1:1,h2:2/shop").each_host()]
            [1, 2]
        """
        if len(self.hosts) < 2:
            yield self
        else:
            for one in self.hosts:
                yield self._of(self._parts._replace(hosts=(one,)))

    def replace(
        self,
        *,
        scheme: str = _KEEP,
        driver: str | None = _KEEP,
        user: str | None = _KEEP,
        password: str | None = _KEEP,
        host: str | None = _KEEP,
        port: int | None = _KEEP,
        hosts: Iterable[Host] = _KEEP,
        database: str | None = _KEEP,
        options: Mapping[str, str] = _KEEP,
    ) -> Self:
        """Make a copy with other parts; texts are given plain, not percent-encoded.

        Args:
            scheme: see the attributes, as for all the others.
            driver: `None` for none.
            user: `None` for none.
            password: `None` for none.
            host: changes the only host and keeps its port; `None` for none.
            port: changes the only host's port; `None` for the default.
            hosts: `(host, port)` of each, instead of all that were there.
            database: `None` for none.
            options: instead of all that were there.

        Returns:
            The changed copy.

        Raises:
            URLError: a part is not valid, or `host` or `port` meets several hosts.

        Example:
            >>> DatabaseURL("postgresql://ann@db/shop").replace(database="test")
            DatabaseURL('postgresql://ann@db/test')
        """
        changes: dict[str, Any] = {
            "scheme": scheme,
            "driver": driver,
            "user": user,
            "password": password,
            "hosts": _change_hosts(self.hosts, host, port, hosts),
            "database": database,
            "options": options if options is _KEEP else tuple(options.items()),
        }
        changed = {name: new for name, new in changes.items() if new is not _KEEP}
        return self._of(normal(self._parts._replace(**changed)))

    def render(self, *, hide_password: bool = True) -> str:
        """Write the URL as text.

        Args:
            hide_password: write `***` for the password and for options that look like
                secrets. Such a text cannot be used as a URL again.

        Returns:
            The text; with `hide_password=False` it reads back as an equal URL.

        Example:
            >>> DatabaseURL("mysql://ann:p#1@db/shop").render(hide_password=False)
            'mysql://ann:p%231@db/shop'
        """
        return render(self._parts, hide=hide_password)

    def __str__(self) -> str:
        return self.render()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.render()!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DatabaseURL):
            return NotImplemented
        return self._parts == other._parts

    def __hash__(self) -> int:
        return hash(self._parts)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self)._of, (self._parts,)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self


def _change_hosts(
    hosts: tuple[Host, ...],
    host: str | EllipsisType | None,
    port: int | EllipsisType | None,
    instead: Iterable[Host] | EllipsisType,
) -> tuple[Host, ...]:
    if instead is not ...:
        if host is not ... or port is not ...:
            raise URLError("replace() takes hosts, or host and port, not both")
        return tuple((name, number) for name, number in instead)
    if host is ... and port is ...:
        return hosts
    if len(hosts) > 1:
        raise URLError("the database URL has several hosts: replace them with hosts=")
    name, number = hosts[0] if hosts else ("", None)
    return ((name if host is ... else host or "", number if port is ... else port),)


# Scheme -> SQLAlchemy's, and what the URL's options may be called besides.
_SQLALCHEMY = {
    "postgresql": ("postgresql+asyncpg", POSTGRESQL),
    "postgres": ("postgresql+asyncpg", POSTGRESQL),
    "mysql": ("mysql+aiomysql", MYSQL),
    "mariadb": ("mysql+aiomysql", MYSQL),
    "sqlite": ("sqlite+aiosqlite", SQLITE),
}


def _for_sqlalchemy(url: DatabaseURL) -> str:
    # Not by render(): SQLAlchemy reads hosts, sockets and the database its own way.
    dialect, foreign = _SQLALCHEMY.get(url.scheme, (None, None))
    if dialect is None or foreign is None:
        known = ", ".join(sorted(_SQLALCHEMY))
        raise URLError(f"SQLAlchemy's async URL is known for the schemes {known} only")
    if "%" in (url.database or "") or "?" in (url.database or ""):
        raise URLError(
            "SQLAlchemy 2.0 and 2.1 read % and ? in a database's name differently: use"
            " sqlalchemy.URL.create()"
        )
    postgresql = dialect == "postgresql+asyncpg"
    if postgresql and url.driver == "psycopg":
        dialect = "postgresql+psycopg"
    options = foreign.translate(url.options).texts
    if any(name.startswith("setting.") for name in options):
        raise URLError(
            "a SQLAlchemy URL cannot carry settings of the session: set them in a"
            " listener of its event 'connect', and replace(options={}) here"
        )
    if url.scheme == "sqlite":
        return _sqlalchemy_file(url, options)
    place, query = _sqlalchemy_place(url, options, postgresql=postgresql)
    if dialect == "postgresql+psycopg":
        query |= _libpq_tls(options)
    else:
        query |= _sqlalchemy_tls(options, postgresql=postgresql)
    query |= _sqlalchemy_servers(options, postgresql=postgresql)
    login = ""
    if url.user is not None or url.password is not None:
        login = quoted(url.user or "")
        login += "" if url.password is None else ":" + quoted(url.password)
        login += "@"
    database = "" if url.database is None else f"/{url.database}"
    items = "&".join(f"{name}={quoted(text, safe='/')}" for name, text in query.items())
    return f"{dialect}://{login}{place}{database}" + (f"?{items}" if items else "")


def _sqlalchemy_file(url: DatabaseURL, options: Mapping[str, str]) -> str:
    """Write SQLite's URL: a mode goes along as an item of SQLite's own."""
    kept = {name: options[name] for name in ("mode", "immutable") if name in options}
    path = url.database or ""
    if not kept and not path.startswith("file:"):
        return f"sqlite+aiosqlite:///{path}"
    path = path if path.startswith("file:") else f"file:{path}"
    items = "".join(f"{name}={text}&" for name, text in kept.items())
    return f"sqlite+aiosqlite:///{path}?{items}uri=true"


def _sqlalchemy_place(
    url: DatabaseURL, options: Mapping[str, str], *, postgresql: bool
) -> tuple[str, dict[str, str]]:
    socket = options.get("unix_socket") or url.unix_socket
    if socket and len(url.hosts) < 2:
        if not postgresql:
            return "", {"unix_socket": socket}
        return "", {"host": socket} | ({"port": str(url.port)} if url.port else {})
    if len(url.hosts) > 1:
        if not postgresql:
            raise URLError(
                "SQLAlchemy takes several hosts for PostgreSQL only: use each_host()"
            )
        # It wants all ports or none, and drops a lone default.
        ports = ",".join(str(port or 5432) for _, port in url.hosts)
        return "", {"host": ",".join(name for name, _ in url.hosts), "port": ports}
    host = url.host or ""
    host = f"[{host}]" if ":" in host else host
    return host + (f":{url.port}" if url.port else ""), {}


def _libpq_tls(options: Mapping[str, str]) -> dict[str, str]:
    """Return the TLS options in libpq's words, which can say all of them."""
    tls = options.get("tls", "none")
    words = {"tls_ca": "sslrootcert", "tls_cert": "sslcert", "tls_key": "sslkey"}
    query = {} if tls == "none" else {"sslmode": tls}
    query |= {word: options[name] for name, word in words.items() if name in options}
    if tls == "verify-full":
        query.setdefault("sslrootcert", "system")
    if tls == "verify-ca" and "sslrootcert" not in query:
        raise URLError("libpq takes tls=verify-ca with tls_ca alone: name the file")
    return query


def _sqlalchemy_servers(
    options: Mapping[str, str], *, postgresql: bool
) -> dict[str, str]:
    """Say which servers will do: asyncpg knows the words, and nobody the order."""
    wanted = options.get("target_session_attrs", "any")
    balanced = options.get("load_balance_hosts", "disable") != "disable"
    if balanced or (wanted != "any" and not postgresql):
        raise URLError(
            "a SQLAlchemy URL cannot carry load_balance_hosts, and target_session_attrs"
            " for PostgreSQL only: write hosts that will do, and replace(options={})"
        )
    return {"target_session_attrs": wanted} if wanted != "any" else {}


def _sqlalchemy_tls(options: Mapping[str, str], *, postgresql: bool) -> dict[str, str]:
    tls = options.get("tls", "none")
    files = options.keys() & {"tls_ca", "tls_cert", "tls_key"}
    weak = tls in ("none", "disable", "prefer")
    if files or not (postgresql or weak):
        raise URLError(
            "a SQLAlchemy URL cannot carry these TLS options: give create_async_engine"
            " connect_args={'ssl': context}, and replace(options={}) here"
        )
    return {"ssl": tls} if postgresql and tls != "none" else {}
