"""One meaning of the `tls` option for every server."""

from __future__ import annotations

import ssl

from asyncdb.options import ServerOptions, TLSMode

_LOCAL = frozenset(["localhost", "127.0.0.1", "::1"])

# What to say when TLS is wanted and cannot be had.
NO_TLS = (
    "the server offers no TLS, or somebody in between took the offer away; no password "
    'was sent (tls="disable" connects without, for a network that you trust)'
)
# What to say when the password is wanted as it is, and somebody might listen.
CLEAR_TEXT = (
    "the server asks for the password in clear text, and the line to it is not "
    'encrypted; it was not sent: use TLS, or write tls="disable" for a network that '
    "you trust"
)


def tls_mode(options: ServerOptions, host: str | None) -> TLSMode:
    """Return the mode in force: the option, or the default for this host.

    Args:
        options: the connection's options.
        host: the host's name, a socket's path, or `None` for the local default.

    Returns:
        The mode; without an option `"disable"` for this machine (there is nobody in
        between, and throw-away servers have no certificates), else `"verify-full"`.
    """
    if options.tls is not None:
        return options.tls
    local = host is None or host in _LOCAL or host.startswith("/")
    return "disable" if local else "verify-full"


def tls_context(options: ServerOptions, host: str | None) -> ssl.SSLContext | None:
    """Return the context for this host, `None` where TLS is not wanted.

    Args:
        options: the connection's options.
        host: the host's name, a socket's path, or `None` for the local default.

    Returns:
        A context that verifies what the mode promises.

    Raises:
        OSError: a certificate file cannot be read.
    """
    mode = tls_mode(options, host)
    if mode == "disable":
        return None
    context = ssl.create_default_context(cafile=options.tls_ca)
    if mode != "verify-full":
        context.check_hostname = False
    if mode in ("prefer", "require"):
        context.verify_mode = ssl.CERT_NONE
    if options.tls_cert is not None:
        context.load_cert_chain(options.tls_cert, options.tls_key)
    return context
