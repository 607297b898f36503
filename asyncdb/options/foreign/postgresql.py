"""libpq's parameters, and what asyncpg, SQLAlchemy, Prisma and the platforms add.

https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from asyncdb.options.foreign.general import SERVERS
from asyncdb.options.foreign.meaning import ForeignNames, Meaning, never, nothing, same

# `options` as the server takes it apart: by blanks, with \ before one that belongs.
_WORD = re.compile(r"(?:\\.|[^\s\\])+", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_SETTING = re.compile(r"(?P<name>[A-Za-z_][\w.$-]*)=(?P<value>.*)", re.DOTALL)
_NO_BINDING = (
    "it is disable, prefer or require. (asyncpg binds to no channel; what that guards"
    " against, somebody in between, is kept out by tls=verify-full, which require is"
    " taken for)"
)
_NO_GSS = "asyncpg encrypts by TLS, not by GSSAPI: see tls"


def _command_line(text: str) -> Mapping[str, str] | None:
    """Read `-c name=value -cname=value --name=value` as settings."""
    found: dict[str, str] = {}
    given = [_ESCAPED.sub(r"\1", word) for word in _WORD.findall(text)]
    while given:
        word = given.pop(0)
        if word == "-c" and given:
            setting, dashed = given.pop(0), False
        elif word.startswith("--"):
            setting, dashed = word[2:], True
        elif word.startswith("-c"):
            setting, dashed = word[2:], False
        else:
            return None
        match = _SETTING.fullmatch(setting)
        if match is None:
            return None
        name = match["name"].replace("-", "_") if dashed else match["name"]
        found[f"setting.{name}"] = match["value"]
    return found


def _schema(text: str) -> Mapping[str, str] | None:
    quoted = text.replace('"', '""')
    return {"setting.search_path": f'"{quoted}"'} if text else None


POSTGRESQL = ForeignNames(
    meanings={
        **SERVERS.meanings,
        # -- libpq
        "channel_binding": Meaning(
            option="tls",
            read={"require": {"tls": "verify-full"}, "prefer": {}, "disable": {}}.get,
            refusal=_NO_BINDING,
            firm=True,
        ),
        "options": Meaning(
            option="settings",
            read=_command_line,
            refusal="only '-c name=value' and '--name=value' are understood. (Neon's"
            " endpoint=… can be left out: the host's name, which TLS sends, says it)",
        ),
        "hostaddr": never("write the address, or the name, as the host"),
        "fallback_application_name": never("write application_name"),
        "client_encoding": nothing(
            "utf8", "utf-8", "auto", refusal="text is always sent as UTF8"
        ),
        "gssencmode": nothing("disable", "prefer", refusal=_NO_GSS),
        **dict.fromkeys(("krbsrvname", "gsslib", "gssdelegation"), never(_NO_GSS)),
        "requirepeer": never("asyncdb does not ask who owns a socket"),
        "require_auth": never(
            "asyncdb does not choose the way to log in; a password never leaves in"
            " clear text over a line without TLS"
        ),
        "passfile": never("give the password in the URL or by DatabaseURL.replace()"),
        **dict.fromkeys(
            ("service", "servicefile"), never("asyncdb reads no service file of libpq")
        ),
        "sslnegotiation": nothing(
            "postgres", refusal="TLS begins after PostgreSQL's own question for it"
        ),
        "sslcompression": nothing("0", refusal="TLS is not compressed any more"),
        "sslsni": nothing("1", refusal="the host's name is sent with TLS"),
        "sslcertmode": nothing(
            "allow", refusal="tls_cert is shown to a server that asks for it"
        ),
        "ssl_min_protocol_version": nothing(
            "tlsv1",
            "tlsv1.1",
            "tlsv1.2",
            refusal="TLS 1.2 at least is what is asked for",
        ),
        "ssl_max_protocol_version": never("the newest TLS that both know is used"),
        "replication": nothing(
            *("false", "off", "no", "0"), refusal="asyncdb speaks no replication"
        ),
        # -- other libraries and platforms
        "schema": Meaning(
            option="settings", read=_schema, refusal="it is the name of a schema"
        ),
        "currentSchema": same("setting.search_path"),
        "search_path": same("setting.search_path"),
        "prepared_statement_cache_size": same("statement_cache_size"),
        "uselibpqcompat": nothing("true", refusal="sslmode means what libpq says"),
        # A mark of Supabase's integrations, which no server sees.
        "supa": Meaning(read=lambda _: {}),
    }
)
