"""The grammar of database URLs: text to parts and back, pure functions.

Rules:

1. Every message is a constant: it never holds a piece of the URL, because any piece of
   a URL that cannot be understood may be a piece of the password. For the same reason
   nothing is raised inside an `except` block: `__context__` would keep an exception
   that quotes its argument.
2. `parse(render(parts)) == parts`, for all parts that `normal` lets pass.

Own parser instead of `urllib.parse.urlsplit`: that one ends the URL at a `#` in a
password, quotes the rest of the password in its error, and lets port 99999 and `%00`
pass.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from asyncdb.errors import URLError

Host = tuple[str, int | None]

# Schemes whose database is a file: there is no host, and an `@` is nothing special.
FILES = frozenset({"sqlite"})

_HIDDEN = "***"
# RFC 3986, 2.3
_UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~"
_ENCODE = "percent-encode the user and the password (/ as %2F, ? as %3F, @ as %40)"
_THREE_SLASHES = (
    "SQLite takes a file, not a host, user or port: write three slashes and a relative"
    " path (sqlite:///app.db), four for an absolute one (sqlite:////srv/app.db), or"
    " sqlite:// for a database in memory"
)
_BAD_PORT = (
    "a port in the database URL is not a number from 1 to 65535; if it is part of a"
    f" password, {_ENCODE}"
)
_BAD_HOST = (
    "a host in the database URL is not valid: it is a name, an IPv4 address, an IPv6"
    " address in brackets, or a socket's path with / as %2F"
)

_NAME = re.compile(r"[a-z][a-z0-9_.-]*")
_PORT = re.compile(r"[0-9]{1,5}")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
# C0 and C1 control characters, and surrogates: no UTF-8 text has them, but Python puts
# them into os.environ for bytes that it cannot decode.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# What WHATWG forbids in the host of a URL, and the comma that divides hosts.
_HOSTNAME = re.compile(r"[^\s#%,/:<>?@\[\\\]^|]+")
_IPV6 = re.compile(r"[0-9A-Fa-f:.]+(%[A-Za-z0-9_.~-]+)?")
_SECRET = re.compile(r"pass|pwd|secret|token|credential|api_?key", re.IGNORECASE)


class Parts(NamedTuple):
    """What a URL says, decoded.

    Args:
        scheme: in lower case.
        driver: in lower case.
        user: `None` rather than empty.
        password: may be empty.
        hosts: an IPv6 address without brackets, a socket's path with its `/`, and
            `("", port)` for a port of the default host.
        database: `None` rather than empty.
        options: sorted, so that equal URLs have equal parts.
    """

    scheme: str
    driver: str | None
    user: str | None
    password: str | None
    hosts: tuple[Host, ...]
    database: str | None
    options: tuple[tuple[str, str], ...]


def parse(text: str) -> Parts:
    """Read a URL.

    Args:
        text: the URL.

    Returns:
        Its parts, as `normal` gives them.

    Raises:
        URLError: it cannot be understood.

    Example:
        >>> parse("mysql://h:1/shop").hosts
        (('h', 1),)
    """
    if not isinstance(text, str):
        raise URLError(
            f"a database URL is a str, not {type(text).__name__}; if it comes from the"
            " environment, is the variable set?"
        )
    _check_text(text)
    if text != text.strip():
        raise URLError("white space around the database URL: take it away")
    head, mark, rest = text.partition("://")
    if not mark:
        raise URLError(
            "a database URL looks like scheme://user:password@host/database, and this"
            " text has no ://; for an SQLite file write sqlite:///app.db"
        )
    scheme, plus, driver = head.partition("+")
    authority = re.split("[/?]", rest, maxsplit=1)[0]
    path, _, query = rest[len(authority) :].partition("?")
    if scheme.lower() in FILES:
        if authority:
            raise URLError(_THREE_SLASHES)
    elif "@" in path or "@" in query:
        # Either the user info goes on after its first / or ?, or it just looks so.
        raise URLError(
            f"the database URL has an @ after its first / or ?: {_ENCODE}, and an @ in"
            " the database or the options too"
        )
    login, _, hosts = authority.rpartition("@")
    user, colon, password = login.partition(":")
    _refuse_hidden(password)
    return normal(
        Parts(
            scheme=scheme,
            driver=driver if plus else None,
            user=_decode(user),
            password=_decode(password) if colon else None,
            hosts=tuple(map(_parse_host, hosts.split(","))) if hosts else (),
            database=_decode(path[1:]),
            options=tuple(map(_parse_option, query.split("&"))) if query else (),
        )
    )


def _decode(text: str) -> str:
    if _BAD_ESCAPE.search(text):
        raise URLError(
            "the database URL has a % that is not followed by two hexadecimal digits:"
            " write %25 for a percent sign"
        )
    if "%" not in text:
        return text  # looked at already
    from urllib.parse import unquote_to_bytes  # noqa: PLC0415  # slow, and seldom needed

    decoded = unquote_to_bytes(text).decode("utf-8", "surrogateescape")
    _check_text(decoded)
    return decoded


def _parse_host(text: str) -> Host:
    if text.startswith("["):
        name, bracket, port = text[1:].partition("]")
        name = _decode(name)
        if not bracket or not _is_ipv6(name) or (port and port[0] != ":"):
            raise URLError("brackets in the database URL's host hold an IPv6 address")
        return name, _parse_port(port[1:]) if port[1:] else None
    if text.count(":") > 1:
        raise URLError(
            "a host in the database URL has more than one ':': write an IPv6 address in"
            f" brackets, end the user info with @, and {_ENCODE}"
        )
    name, _, port = text.partition(":")  # an empty port is the default one
    return _decode(name), _parse_port(port) if port else None


def _parse_port(text: str) -> int:
    if not _PORT.fullmatch(text):
        raise URLError(_BAD_PORT)
    return int(text)


def _parse_option(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise URLError("an option of the database URL is not written name=value")
    _refuse_hidden(value)
    return _decode(name), _decode(value)


def _refuse_hidden(text: str) -> None:
    # Real stars are written %2A: without this, what was printed would log in wrongly.
    if text == _HIDDEN:
        raise URLError(
            "the password, or an option, of the database URL is hidden: this text was"
            " made for reading; use the DatabaseURL itself, or"
            " render(hide_password=False)"
        )


def normal(parts: Parts) -> Parts:
    """Check parts and bring them into one form.

    Args:
        parts: from anywhere, of any type.

    Returns:
        The parts, which equal URLs have in common.

    Raises:
        URLError: a part is not valid.
    """
    scheme = _name(parts.scheme, "scheme")
    driver = None if parts.driver is None else _name(parts.driver, "driver")
    for text in (parts.user, parts.password, parts.database):
        if text is not None:
            _check_text(text)
    options = _check_options(parts.options)
    hosts = parts.hosts
    database = parts.database or None
    if scheme in FILES:
        if parts.user or parts.password is not None or hosts:
            raise URLError(_THREE_SLASHES)
        database = database or ":memory:"
    else:
        taken = _take_hosts(options)
        if taken and hosts:
            raise URLError(
                "the database URL has hosts or ports twice: write them before the path,"
                " or as the options host and port"
            )
        hosts = _check_hosts(taken or hosts)
    return Parts(
        scheme=scheme,
        driver=driver,
        user=parts.user or None,
        password=parts.password,
        hosts=hosts,
        database=database,
        options=tuple(sorted(options.items())),
    )


def _name(text: object, what: str) -> str:
    lower = text.lower() if isinstance(text, str) else ""
    if not _NAME.fullmatch(lower):
        raise URLError(
            f"the {what} of the database URL is not a name: it begins with a letter,"
            " and has letters, digits, '_', '.' and '-' only (the form is scheme://… or"
            " scheme+driver://…)"
        )
    return lower


def _check_text(text: object) -> None:
    if not isinstance(text, str):
        raise URLError("a part of the database URL is not a str")
    if _UNFIT.search(text):
        raise URLError(
            "the database URL has a control character (a line end at its end?), or"
            " bytes that are not UTF-8"
        )


def _check_options(pairs: tuple[tuple[str, str], ...]) -> dict[str, str]:
    for name, value in pairs:
        _check_text(name)
        _check_text(value)
        if not name:
            raise URLError("an option of the database URL has no name")
    options = dict(pairs)
    if len(options) < len(pairs):
        raise URLError("an option stands twice in the database URL")
    return options


def _take_hosts(options: dict[str, str]) -> tuple[Host, ...]:
    """Take libpq's `host` and `port` out of the options, as it divides them."""
    names = options.pop("host", "").split(",")
    ports = options.pop("port", "").split(",")
    if len(ports) == 1:
        ports *= len(names)
    if len(names) != len(ports):
        raise URLError("the option port has one port, or as many as host has hosts")
    hosts = tuple(
        (name, _parse_port(port) if port else None)
        for name, port in zip(names, ports, strict=True)
    )
    return () if hosts == (("", None),) else hosts


def _check_hosts(hosts: tuple[Host, ...]) -> tuple[Host, ...]:
    for name, port in hosts:
        _check_text(name)
        if port is not None and (type(port) is not int or not 1 <= port <= 65535):
            raise URLError(_BAD_PORT)
        # A path is a socket's, and may hold what no name of a host can.
        fits = name.startswith("/") or _HOSTNAME.fullmatch(name) or _is_ipv6(name)
        if not fits and (name or len(hosts) > 1):
            raise URLError(_BAD_HOST)
    return () if hosts == (("", None),) else hosts


def _is_ipv6(text: str) -> bool:
    if not _IPV6.fullmatch(text):
        return False
    from ipaddress import IPv6Address  # noqa: PLC0415  # slow, for these alone

    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def render(parts: Parts, *, hide: bool) -> str:
    """Write parts as a URL.

    Args:
        parts: as `normal` gives them.
        hide: `***` instead of the password and of options that look like secrets.

    Returns:
        The text.
    """
    text = parts.scheme + (f"+{parts.driver}" if parts.driver else "") + "://"
    if parts.user is not None or parts.password is not None:
        text += quoted(parts.user or "")
        if parts.password is not None:
            text += ":" + (_HIDDEN if hide else quoted(parts.password))
        text += "@"
    text += ",".join(map(_render_host, parts.hosts))
    if parts.database is not None:
        text += "/" + quoted(parts.database, safe="/:")
    items = [
        f"{quoted(name)}="
        + (_HIDDEN if hide and _SECRET.search(name) else quoted(value, safe="/:"))
        for name, value in parts.options
    ]
    return text + ("?" + "&".join(items) if items else "")


def _render_host(host: Host) -> str:
    name, port = host
    if ":" in name and not name.startswith("/"):
        text = f"[{quoted(name, safe=':')}]"
    else:
        text = quoted(name)
    return text if port is None else f"{text}:{port}"


def quoted(text: str, *, safe: str = "") -> str:
    """Percent-encode a text.

    Args:
        text: the text.
        safe: what may stand as it is, besides letters, digits and `_.-~`.

    Returns:
        The text as a piece of a URL.
    """
    # Not by urllib: at the end of a process, when a connection that nobody closed is
    # warned of, nothing can be imported any more.
    kept = f"{_UNRESERVED}{safe}".encode()
    return "".join(chr(b) if b in kept else f"%{b:02X}" for b in text.encode())
