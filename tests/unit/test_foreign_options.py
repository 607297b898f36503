"""What other libraries and the platforms write in a URL: understood, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import asyncdb
from asyncdb.dialects.mysql import MySQLOptions
from asyncdb.dialects.postgresql import PostgreSQLOptions
from asyncdb.dialects.sqlite import SQLiteOptions
from asyncdb.errors import URLError
from asyncdb.options import PoolOptions
from asyncdb.options.foreign import MYSQL, POSTGRESQL, SQLITE
from asyncdb.options.reading import option_names, read_options
from asyncdb.url import DatabaseURL

KINDS: dict[str, Any] = {
    "postgresql": PostgreSQLOptions,
    "mysql": MySQLOptions,
    "sqlite": SQLiteOptions,
}


def read(url: str, **keywords: object) -> Any:
    """Return the options of a URL."""
    parsed = DatabaseURL(url)
    return read_options(KINDS[parsed.scheme], parsed.options, keywords)


@pytest.mark.parametrize(
    ("query", "tls"),
    [
        ("sslmode=disable", "disable"),
        ("sslmode=prefer", "prefer"),
        ("sslmode=require", "require"),
        ("sslmode=verify-ca", "verify-ca"),
        ("sslmode=verify-full", "verify-full"),
        ("ssl-mode=DISABLED", "disable"),
        ("ssl_mode=Preferred", "prefer"),
        ("sslMode=REQUIRED", "require"),
        ("ssl-mode=VERIFY_CA", "verify-ca"),
        ("ssl-mode=VERIFY_IDENTITY", "verify-full"),
        ("ssl=true", "verify-full"),
        ("ssl=0", "disable"),
        ("ssl=no-verify", "require"),
        ('ssl={"rejectUnauthorized":false}', "require"),
        ('ssl={"rejectUnauthorized": true}', "verify-full"),
        ("sslaccept=strict", "verify-full"),
        ("sslaccept=accept_invalid_certs", "require"),
        ("sslrootcert=system", "verify-full"),
        ("sslrootcert=/ca.pem", "verify-full"),
        ("sslrootcert=/ca.pem&sslmode=require", "verify-ca"),
        ("tls_ca=/ca.pem&sslmode=require", "verify-ca"),
        ("sslrootcert=/ca.pem&tls=require", "require"),  # ours says what it says
        ("tls_ca=/ca.pem", None),  # ours: the default for the host
        # of several the strongest
        ("sslmode=require&sslaccept=strict", "verify-full"),
        ("sslaccept=strict&sslmode=require", "verify-full"),
        ("ssl_verify_cert=1&ssl_verify_identity=1", "verify-full"),
        ("sslmode=require&tls=require", "require"),
    ],
)
@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_tls(scheme: str, query: str, tls: str | None) -> None:
    """Each word for how a connection is encrypted is ours, and no weaker one."""
    assert tls == read(f"{scheme}://h/d?{query}").tls


@pytest.mark.parametrize(
    ("url", "name", "value"),
    [
        ("postgresql://h?channel_binding=require", "tls", "verify-full"),
        (
            "postgresql://h?channel_binding=require&sslmode=disable",
            "tls",
            "verify-full",
        ),
        ("postgresql://h?channel_binding=prefer&sslmode=require", "tls", "require"),
        ("postgresql://h?sslcert=c&sslkey=k&sslmode=require", "tls_cert", "c"),
        ("postgresql://h?sslcert=c&sslkey=k&sslmode=require", "tls_key", "k"),
        ("postgresql://h?sslrootcert=/ca", "tls_ca", "/ca"),
        ("postgresql://h?sslrootcert=system", "tls_ca", None),
        ("postgresql://h?connect_timeout=7", "connect_timeout", 7.0),
        ("postgresql://h?timeout=7", "connect_timeout", 7.0),
        ("postgresql://h?command_timeout=7", "statement_timeout", 7.0),
        ("postgresql://h?timezone=Asia/Tokyo", "time_zone", "Asia/Tokyo"),
        (
            "postgresql://h?prepared_statement_cache_size=0",
            "statement_cache_size",
            0,
        ),
        ("postgresql://h?schema=my%20one", "settings", {"search_path": '"my one"'}),
        ("postgresql://h?schema=a%22b", "settings", {"search_path": '"a""b"'}),
        ("postgresql://h?search_path=a,b", "settings", {"search_path": "a,b"}),
        (
            "postgresql://h?options=-c%20a.b%3D1%20-cwork_mem%3D2MB%20--c-d%3D%5C%20x",
            "settings",
            {"a.b": "1", "work_mem": "2MB", "c_d": " x"},
        ),
        (
            "postgresql://h?options=-c%20work_mem%3D1MB&setting.jit=off",
            "settings",
            {"work_mem": "1MB", "jit": "off"},
        ),
        ("postgresql://h?supa=base-pooler.x&uselibpqcompat=true", "tls", None),
        ("mysql://h?socket=/run/m.sock", "unix_socket", "/run/m.sock"),
        ("mysql://h?program_name=shop", "application_name", "shop"),
        ("mysql://h?charset=utf8mb4&autocommit=true&use_unicode=1", "tls", None),
        ("mysql://h?local_infile=0&reconnect=false", "tls", None),
        ("mysql://h?socket_timeout=3", "statement_timeout", 3.0),
        ("sqlite:///a.db?timeout=3", "lock_timeout", 3.0),
        ("sqlite:///a.db?check_same_thread=false&uri=true", "mode", "rwc"),
    ],
)
def test_names_of_others(url: str, name: str, value: object) -> None:
    """A name of somebody else's is the option of ours that means it."""
    assert value == getattr(read(url), name)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://h?sslmode=allow", "'allow' asks for no encryption first"),
        ("postgresql://h?ssl=maybe", "'ssl' of the URL: it is true or false"),
        ("postgresql://h?channel_binding=s3cret", "binds to no channel"),
        ("postgresql://h?sslmode=prefer&sslrootcert=/ca", "nothing is checked"),
        ("postgresql://h?sslmode=disable&sslrootcert=/ca", "nothing is checked"),
        ("postgresql://h?sslcrl=/crl", "revoked"),
        ("postgresql://h?sslpassword=s3cret", "not encrypted"),
        ("postgresql://h?target_session_attrs=master", "prefer-standby"),
        ("postgresql://h?load_balance_hosts=on", "disable"),
        ("postgresql://h?gssencmode=require", "not by GSSAPI"),
        ("postgresql://h?options=endpoint%3Ds3cret", "Neon's endpoint"),
        ("postgresql://h?options=-B%20100", "only '-c name=value'"),
        ("postgresql://h?options=-c%20timezone%3DUTC", "the option time_zone"),
        ("postgresql://h?options=-c", "only '-c name=value'"),
        ("postgresql://h?client_encoding=latin1", "UTF8"),
        ("postgresql://h?keepalives_idle=30", "health_check_after_idle"),
        ("postgresql://h?user=ann", "before the host"),
        ("postgresql://h?password=s3cret", "before the host"),
        ("postgresql://h?sslnegotiation=direct", "own question"),
        ("postgresql://h?ssl_min_protocol_version=TLSv1.3", "TLS 1.2 at least"),
        ("postgresql://h?sslmode=require&tls=verify-full", "in two ways"),
        ("postgresql://h?schema=a&search_path=b", "in two ways"),
        ("postgresql://h?timeout=1&connect_timeout=2", "in two ways"),
        ("postgresql://h?timeout=s3cret", "'timeout' (our 'connect_timeout') takes"),
        ("postgresql://h?connect_timeout=0", "takes a number above 0"),
        ("postgresql://h?settings=s3cret", "setting.name=value"),
        ("postgresql://h?setting.=s3cret", "unknown option"),
        ("mysql://h?charset=utf8", "always in utf8mb4"),
        ("mysql://h?charset=latin1", "always in utf8mb4"),
        ("mysql://h?collation=utf8mb4_bin", "COLLATE"),
        ("mysql://h?ssl_verify_cert=false", "only 'true'"),
        ("mysql://h?autocommit=false", "commits by itself"),
        ("mysql://h?reconnect=true", "never opened again"),
        ("mysql://h?local_infile=1", "no server a file"),
        ("mysql://h?init_command=s3cret", "settings="),
        ("mysql://h?tls=true", "option 'tls' takes"),
        ("sqlite:///a.db?cache=shared", "cannot be waited for"),
        ("sqlite:///a.db?nolock=1", "locked as SQLite does"),
        ("sqlite:///a.db?mode=rx", "option 'mode' takes 'rwc' or 'rw' or 'ro'"),
    ],
)
def test_what_cannot_be_honoured_is_refused(url: str, words: str) -> None:
    """What has no meaning here is refused with the reason, and never with its value."""
    with pytest.raises(URLError) as caught:
        read(url)

    assert words in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__context__ is None


def test_channel_binding_cannot_be_taken_back() -> None:
    """A keyword does not weaken what the URL insists on; it may say the same."""
    url = "postgresql://h/d?channel_binding=require"
    assert "verify-full" == read(url, tls="verify-full").tls
    assert "verify-full" == read(url, tls_ca="/ca.pem").tls
    with pytest.raises(URLError, match="'channel_binding' of the URL needs tls='verif"):
        read(url, tls="require")


def test_a_keyword_goes_before_another_name_too() -> None:
    """Our keyword decides over what the URL says in other words."""
    assert (
        "verify-full" == read("postgresql://h?sslmode=require", tls="verify-full").tls
    )
    assert 3.0 == read("postgresql://h?timeout=9", connect_timeout=3).connect_timeout


def test_names_for_pools() -> None:
    """Prisma's and mysql2's names for a pool are ours for create_pool() alone."""
    url = "postgresql://h/d?connection_limit=3&pool_timeout=7"
    kind: Any = type("Both", (PoolOptions, PostgreSQLOptions), {})
    options = read_options(kind, DatabaseURL(url).options, {})
    assert (3, 7.0) == (options.max_size, options.acquire_timeout)
    for_ever = {"pool_timeout": "0"}
    assert read_options(kind, for_ever, {}).acquire_timeout is None

    with pytest.raises(URLError) as caught:
        asyncdb.connect(url)
    assert "'connection_limit' (our 'max_size') is for create_pool()" in str(
        caught.value
    )


@pytest.mark.parametrize(
    ("engine", "table"),
    [("postgresql", POSTGRESQL), ("mysql", MYSQL), ("sqlite", SQLITE)],
)
def test_the_tables_are_whole(engine: str, table: Any) -> None:
    """Each name leads to an option that there is, or says why not; none is ours."""
    ours = option_names(KINDS[engine]) | option_names(PoolOptions)
    page = Path(__file__).parents[2].joinpath("docs/reference/urls.md").read_text()
    for name, meaning in table.meanings.items():
        option = (meaning.option or "").partition(".")[0]
        assert name not in ours
        assert meaning.option is None or option in ours | {"setting"}
        assert meaning.refusal or meaning.words is None
        assert f"`{name}" in page or f"`{name.replace('_', '-')}" in page, name
