"""Names that do not depend on the engine: pools, times, and TLS of any server."""

from __future__ import annotations

import re
from collections.abc import Mapping

from asyncdb.options.foreign.meaning import (
    ForeignNames,
    Meaning,
    never,
    nothing,
    same,
    words,
)

_SOCKET_TIMES = (
    "asyncdb does not set the times of the line: connect_timeout, statement_timeout and"
    " a pool's health_check_after_idle, in seconds, find out a server that is silent"
)


def _pool_timeout(text: str) -> Mapping[str, str]:
    # Prisma's 0 is our none.
    return {"acquire_timeout": "none" if text == "0" else text}


# Prisma's and mysql2's names for a pool; the libraries' for times.
_GENERAL: dict[str, Meaning] = {
    "timeout": same("connect_timeout"),
    "command_timeout": same("statement_timeout"),
    "socket_timeout": same("statement_timeout"),  # Prisma's, for one statement
    "connection_limit": same("max_size"),
    "connectionLimit": same("max_size"),
    "pool_timeout": Meaning(option="acquire_timeout", read=_pool_timeout),
}
GENERAL = ForeignNames(meanings=_GENERAL)

# -- TLS -------------------------------------------------------------------------------

# libpq's words and MySQL's; node-postgres' own.
MODES = {
    "disable": "disable",
    "disabled": "disable",
    "prefer": "prefer",
    "preferred": "prefer",
    "require": "require",
    "required": "require",
    "no-verify": "require",
    "verify-ca": "verify-ca",
    "verify-full": "verify-full",
    "verify-identity": "verify-full",
}
_MODE = (
    "it is one of disable, prefer, require, verify-ca and verify-full, or MySQL's"
    " DISABLED, PREFERRED, REQUIRED, VERIFY_CA and VERIFY_IDENTITY. 'allow' asks for no"
    " encryption first, which asyncdb does for nobody: write disable or prefer, if the"
    " network may be trusted, else verify-full"
)
# JDBC, asyncpg and node-postgres check then; libpq alone does not.
_SWITCH = {
    **MODES,
    **dict.fromkeys(("true", "1", "yes", "on"), "verify-full"),
    **dict.fromkeys(("false", "0", "no", "off"), "disable"),
}
# mysql2's, as PlanetScale gives it.
_REJECT = re.compile(r'\{\s*"?rejectUnauthorized"?\s*:\s*(true|false)\s*\}')
_CHECK = "only 'true' can be honoured; write ssl-mode for what is to be checked"
_REVOKED = (
    "asyncdb reads no list of revoked certificates: leave it out if you can do without"
)


def _ssl(text: str) -> Mapping[str, str] | None:
    if match := _REJECT.fullmatch(text):
        return {"tls": "verify-full" if match[1] == "true" else "require"}
    mode = _SWITCH.get(text.lower().replace("_", "-"))
    return {"tls": mode} if mode else None


def _authority(text: str) -> Mapping[str, str]:
    # libpq: those of the system, and only together with verify-full.
    return {"tls": "verify-full"} if text == "system" else {"tls_ca": text}


_ssl_mode = words("tls", MODES, _MODE)
_ca = Meaning(option="tls_ca", read=_authority)
_TLS: dict[str, Meaning] = {
    **dict.fromkeys(("sslmode", "ssl_mode", "sslMode"), _ssl_mode),
    "ssl": Meaning(option="tls", read=_ssl, refusal=f"it is true or false, or {_MODE}"),
    "sslaccept": words(
        "tls",
        {"strict": "verify-full", "accept-invalid-certs": "require"},
        "it is strict or accept_invalid_certs",
    ),
    **dict.fromkeys(("sslrootcert", "ssl_ca", "sslca", "sslCA"), _ca),
    **dict.fromkeys(("sslcert", "ssl_cert"), same("tls_cert")),
    **dict.fromkeys(("sslkey", "ssl_key"), same("tls_key")),
    **dict.fromkeys(
        ("ssl_verify_identity", "ssl_check_hostname"),
        words("tls", {"true": "verify-full", "1": "verify-full"}, _CHECK),
    ),
    "ssl_verify_cert": words("tls", {"true": "verify-ca", "1": "verify-ca"}, _CHECK),
    **dict.fromkeys(("sslcrl", "sslcrldir", "ssl_crl", "ssl_crlpath"), never(_REVOKED)),
    "sslpassword": never("asyncdb takes a key that is not encrypted (tls_key)"),
    "sslidentity": never("write the client's own certificate as tls_cert and tls_key"),
    "ssl_capath": never("write one file of certificates as tls_ca"),
    **dict.fromkeys(
        ("ssl_cipher", "tls_version", "tls_ciphersuites"),
        never("the system's settings of OpenSSL decide, with TLS 1.2 at least"),
    ),
}
SERVERS = ForeignNames(
    meanings={
        **_GENERAL,
        **_TLS,
        "timezone": same("time_zone"),
        **dict.fromkeys(
            ("read_timeout", "write_timeout", "tcp_user_timeout"), never(_SOCKET_TIMES)
        ),
        "keepalives": nothing("0", refusal=_SOCKET_TIMES),
        **dict.fromkeys(
            ("keepalives_idle", "keepalives_interval", "keepalives_count"),
            never(_SOCKET_TIMES),
        ),
        **dict.fromkeys(
            ("user", "username"), never("write it before the host: scheme://user@host")
        ),
        "password": never("write it before the host: scheme://user:password@host"),
        **dict.fromkeys(
            ("dbname", "database"),
            never("write it behind the host: scheme://host/name"),
        ),
    }
)
