"""Database URLs: what is understood, what is refused, and what is never shown."""

from __future__ import annotations

import copy
import pickle
import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import ANY
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdb.errors import URLError
from asyncdb.url import DatabaseURL
from asyncdb.url.grammar import quoted

FORMS: dict[str, dict[str, Any]] = {
    "postgresql://": {
        "scheme": "postgresql",
        "driver": None,
        "user": None,
        "password": None,
        "host": None,
        "port": None,
        "hosts": (),
        "database": None,
        "options": {},
    },
    "postgresql://ann:pw@db.example:5433/shop?tls=require&lock_timeout=2": {
        "user": "ann",
        "password": "pw",
        "host": "db.example",
        "port": 5433,
        "hosts": (("db.example", 5433),),
        "database": "shop",
        "options": {"tls": "require", "lock_timeout": "2"},
    },
    "postgres://h": {"scheme": "postgres", "host": "h", "port": None},
    "MySQL+AioMySQL://h/": {
        "scheme": "mysql",
        "driver": "aiomysql",
        "database": None,
    },
    "mariadb://h/a/b": {"scheme": "mariadb", "database": "a/b"},
    "my_db-2.x+drv_1://h": {"scheme": "my_db-2.x", "driver": "drv_1"},
    # user info
    "mysql://u@h": {"user": "u", "password": None},
    "mysql://u:@h": {"user": "u", "password": ""},
    "mysql://:p@h": {"user": None, "password": "p"},
    "mysql://@h": {"user": None, "password": None, "host": "h"},
    "mysql://u:a:b@h": {"user": "u", "password": "a:b"},
    "mysql://u:a@b@h": {"user": "u", "password": "a@b", "host": "h"},
    "mysql://u:#[x]#@h/d": {"password": "#[x]#", "host": "h", "database": "d"},
    "mysql://u:a b+c,d@h": {"password": "a b+c,d", "host": "h"},
    "mysql://u%40x:%2F%3F%23%25%E2%82%AC@h": {"user": "u@x", "password": "/?#%€"},
    "mysql://ü:é@h/ß": {"user": "ü", "password": "é", "database": "ß"},
    # hosts
    "mysql://h1:1,h2,h3:3/d": {
        "host": "h1",
        "port": 1,
        "hosts": (("h1", 1), ("h2", None), ("h3", 3)),
    },
    "mysql://[::1]:65535/d": {"host": "::1", "port": 65535},
    "mysql://[2001:db8::2],h:2/d": {"hosts": (("2001:db8::2", None), ("h", 2))},
    "mysql://[fe80::1%25eth0]/d": {"host": "fe80::1%eth0"},
    "mysql://10.0.0.1:3306": {"host": "10.0.0.1", "port": 3306},
    "mysql://b%C3%BCcher.example": {"host": "bücher.example"},
    "mysql://h:/d": {"host": "h", "port": None, "hosts": (("h", None),)},
    "mysql://[::1]:/d": {"host": "::1", "port": None},
    "mysql://u:p@a:,b:2/d": {"hosts": (("a", None), ("b", 2))},
    "postgresql://:/d": {"host": None, "port": None, "hosts": ()},
    "postgresql://:5433/d": {"host": None, "port": 5433, "hosts": (("", 5433),)},
    # sockets
    "postgresql://u@%2Frun%2Fpg:5433/d": {
        "host": "/run/pg",
        "port": 5433,
        "unix_socket": "/run/pg",
    },
    "mysql://u@h/d?unix_socket=/run/my.sock": {
        "host": "h",
        "unix_socket": None,
        "options": {"unix_socket": "/run/my.sock"},
    },
    # libpq's host and port
    "postgresql:///d?host=/run/pg&port=5433&tls=disable": {
        "hosts": (("/run/pg", 5433),),
        "options": {"tls": "disable"},
    },
    "postgresql:///d?host=h1,::1&port=1,2": {"hosts": (("h1", 1), ("::1", 2))},
    "postgresql:///d?host=h1,h2&port=7": {"hosts": (("h1", 7), ("h2", 7))},
    "postgresql:///d?port=7": {"hosts": (("", 7),)},
    "postgresql:///d?host=&port=": {"hosts": ()},
    # options
    "mysql://h/d?": {"options": {}},
    "mysql://h?a=1": {"host": "h", "database": None, "options": {"a": "1"}},
    "mysql://h/d?a=x%26y%3D&b=c=d?e/f#g+h": {
        "options": {"a": "x&y=", "b": "c=d?e/f#g+h"},
    },
    # SQLite
    "sqlite://": {"database": ":memory:", "host": None, "hosts": ()},
    "sqlite:///": {"database": ":memory:"},
    "sqlite:///:memory:": {"database": ":memory:"},
    "sqlite://?lock_timeout=1": {
        "database": ":memory:",
        "options": {"lock_timeout": "1"},
    },
    "sqlite:///relative.db": {"database": "relative.db"},
    "sqlite:///a/b c#1@x.db?lock_timeout=1": {
        "database": "a/b c#1@x.db",
        "options": {"lock_timeout": "1"},
    },
    "sqlite:////absolute.db": {"database": "/absolute.db"},
    "sqlite:///C:/x.db": {"database": "C:/x.db"},
    "sqlite:///C:\\x.db": {"database": "C:\\x.db"},
    "sqlite:///what%3F.db": {"database": "what?.db"},
    "sqlite+aiosqlite:///x.db": {"driver": "aiosqlite", "database": "x.db"},
}

REFUSED: list[tuple[Any, str]] = [
    (None, "NoneType; if it comes from the environment"),
    (b"sqlite://", "not bytes"),
    ("", "has no ://"),
    ("app.db", "sqlite:///app.db"),
    ("sqlite:app.db", "has no ://"),
    ("://h", "the scheme"),
    ("+x://h", "the scheme"),
    ("1sql://h", "the scheme"),
    ("my sql://h", "the scheme"),
    ("mýsql://h", "the scheme"),
    ("u:p@mysql://h", "the scheme"),
    ("mysql+://h", "the driver"),
    ("mysql+a+b://h", "the driver"),
    (" mysql://h", "white space"),
    ("mysql://h ", "white space"),
    ("mysql://h\n", "control character"),
    ("mysql://u:a\x00b@h", "control character"),
    ("mysql://u:a%00b@h", "control character"),
    ("mysql://h/a%0Ab", "control character"),
    ("mysql://h?a%0Ab=1", "control character"),
    ("mysql://h?a=b%0A", "control character"),
    ("mysql://h?x=%7f", "control character"),
    ("mysql://u:\udcff@h", "not UTF-8"),
    ("mysql://u:%ff@h", "not UTF-8"),
    ("mysql://u:%ed%a0%80@h", "not UTF-8"),
    ("mysql://u:%zz@h", "write %25"),
    ("mysql://u:%@h", "write %25"),
    ("mysql://h/d%4", "write %25"),
    ("mysql://h?a%=1", "write %25"),
    # a raw / or ? in the user info
    ("mysql://u:a/b@h/d", "/ as %2F, ? as %3F"),
    ("mysql://u:a?b@h/d", "/ as %2F, ? as %3F"),
    ("mysql://u:1/b@h/d", "/ as %2F, ? as %3F"),
    ("mysql://u:x@y/b@h/d", "/ as %2F, ? as %3F"),
    ("mysql://u:secret/h", "/ as %2F, ? as %3F"),
    ("mysql://h?user=a@b", "@ as %40"),
    # ports
    ("mysql://h:0", "1 to 65535"),
    ("mysql://h:65536", "1 to 65535"),
    ("mysql://h:99999999", "1 to 65535"),
    ("mysql://h:-1", "1 to 65535"),
    ("mysql://h:abc", "1 to 65535"),
    ("mysql://h:\u0661", "1 to 65535"),  # a digit to str.isdigit()
    ("mysql:///d?port=x", "1 to 65535"),
    ("mysql:///d?host=a,b&port=1,2,3", "as many as host"),
    ("mysql://a/d?host=b", "twice"),
    ("mysql://a/d?port=1", "twice"),
    # hosts
    ("mysql://::1/d", "in brackets"),
    ("mysql://[::1/d", "brackets"),
    ("mysql://[::1]x/d", "brackets"),
    ("mysql://[h]/d", "brackets"),
    ("mysql://[1.2.3.4]/d", "brackets"),
    ("mysql://[::1%25a b]/d", "brackets"),
    ("mysql://[fe80::1%eth0]/d", "write %25"),
    ("mysql://a,,b/d", "a host"),
    ("mysql://a,/d", "a host"),
    ("mysql://h#x/d", "a host"),
    ("mysql://a b/d", "a host"),
    ("mysql://a%40b/d", "a host"),
    ("mysql:///d?host=h:1", "a host"),
    # options
    ("mysql://h?a", "name=value"),
    ("mysql://h?=1", "name=value"),
    ("mysql://h?a=1&", "name=value"),
    ("mysql://h?a=1&a=1", "twice"),
    ("mysql://h?%61=1&a=2", "twice"),
    # SQLite has no host
    ("sqlite://app.db", "sqlite:///app.db"),
    ("sqlite://localhost/app.db", "sqlite:///app.db"),
    ("sqlite://u:p@/app.db", "sqlite:///app.db"),
    ("sqlite://:memory:", "sqlite:// for a database in memory"),
    # what was printed is no URL
    ("mysql://u:***@h", "hidden"),
    ("mysql://h?token=***", "hidden"),
]


@pytest.mark.parametrize("text", FORMS)
def test_every_form_is_understood(text: str) -> None:
    """Each documented form gives the parts that it spells."""
    url = DatabaseURL(text)
    found = {name: getattr(url, name) for name in FORMS[text]}
    assert found == FORMS[text]


@pytest.mark.parametrize("text", FORMS)
def test_every_form_is_written_back(text: str) -> None:
    """What is rendered with the password reads back as an equal URL."""
    url = DatabaseURL(text)
    assert DatabaseURL(url.render(hide_password=False)) == url


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_what_cannot_be_understood_is_refused(text: Any, words: str) -> None:
    """Each mistake is a URLError that says what to do, and drags nothing along."""
    with pytest.raises(URLError) as caught:
        DatabaseURL(text)
    assert words in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_the_password_and_other_secrets_are_hidden() -> None:
    """Neither str, repr nor format shows a password or an option that is a secret."""
    url = DatabaseURL("postgresql://ann:s3cret@h?key_password=k3y&api_key=k3y&a=1")
    text = "postgresql://ann:***@h?a=1&api_key=***&key_password=***"
    assert str(url) == f"{url}" == url.render() == text
    assert repr(url) == f"DatabaseURL('{text}')"


def test_a_url_that_looks_hidden_can_still_be_written() -> None:
    """A password of three stars is not written like a hidden one."""
    url = DatabaseURL("mysql://u@h").replace(password="***", options={"token": "***"})
    assert DatabaseURL(url.render(hide_password=False)).password == "***"


def test_a_url_of_a_url_is_the_same() -> None:
    """DatabaseURL(DatabaseURL(x)) is DatabaseURL(x)."""
    url = DatabaseURL("mysql://u:p@h")
    assert DatabaseURL(url) is url


def test_urls_are_values() -> None:
    """URLs compare and hash by all their parts, the password included."""
    one = DatabaseURL("mysql://u:p@h?a=1&b=2")
    assert one == DatabaseURL("mysql://u:%70@h/?b=2&a=1")
    assert len({one, DatabaseURL("mysql://u:p@h?b=2&a=1")}) == 1
    assert one != one.replace(password="q")
    assert one != "mysql://u:p@h?a=1&b=2"


def test_urls_cannot_be_changed() -> None:
    """No attribute can be set, made or changed in place."""
    url: Any = DatabaseURL("mysql://u:p@h?a=1")
    for name in ("password", "host", "options", "something"):
        with pytest.raises(AttributeError):
            setattr(url, name, "x")
    with pytest.raises(TypeError):
        url.options["a"] = "2"


def test_urls_copy_and_pickle() -> None:
    """Copies and pickles are equal, the password included."""
    url = DatabaseURL("mysql://u:p@h1,h2:2/d?a=1")
    assert copy.copy(url) is url
    assert copy.deepcopy(url) is url
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(url, protocol))
        assert again == url


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "mysql://u:p@h:1/d?a=1"),
        ({"scheme": "MariaDB", "driver": "x"}, "mariadb+x://u:p@h:1/d?a=1"),
        ({"user": None, "password": None}, "mysql://h:1/d?a=1"),
        ({"password": "p/?#@%"}, "mysql://u:p%2F%3F%23%40%25@h:1/d?a=1"),
        ({"host": "::1"}, "mysql://u:p@[::1]:1/d?a=1"),
        ({"host": "/run/x"}, "mysql://u:p@%2Frun%2Fx:1/d?a=1"),
        ({"host": "g", "port": None}, "mysql://u:p@g/d?a=1"),
        ({"host": None}, "mysql://u:p@:1/d?a=1"),
        ({"host": None, "port": None}, "mysql://u:p@/d?a=1"),
        ({"port": 2}, "mysql://u:p@h:2/d?a=1"),
        ({"hosts": [("x", None), ("y", 2)]}, "mysql://u:p@x,y:2/d?a=1"),
        ({"hosts": []}, "mysql://u:p@/d?a=1"),
        ({"database": None}, "mysql://u:p@h:1?a=1"),
        ({"database": "a b/c?"}, "mysql://u:p@h:1/a%20b/c%3F?a=1"),
        ({"options": {}}, "mysql://u:p@h:1/d"),
        ({"options": {"b": "&="}}, "mysql://u:p@h:1/d?b=%26%3D"),
    ],
)
def test_replace_changes_what_it_is_told(changes: Any, text: str) -> None:
    """replace() gives a copy with the named parts changed, and nothing else."""
    url = DatabaseURL("mysql://u:p@h:1/d?a=1")
    assert url.replace(**changes).render(hide_password=False) == text
    assert url.render(hide_password=False) == "mysql://u:p@h:1/d?a=1"


@pytest.mark.parametrize(
    ("text", "changes", "words"),
    [
        ("mysql://h", {"scheme": "no scheme"}, "the scheme"),
        ("mysql://h", {"scheme": None}, "the scheme"),
        ("mysql://h", {"driver": ""}, "the driver"),
        ("mysql://h", {"user": 1}, "not a str"),
        ("mysql://h", {"password": "a\x00"}, "control character"),
        ("mysql://h", {"options": {"a\x00": "1"}}, "control character"),
        ("mysql://h", {"database": "\udcff"}, "not UTF-8"),
        ("mysql://h", {"host": "a b"}, "a host"),
        ("mysql://h", {"host": "a:b"}, "a host"),
        ("mysql://h", {"host": 5}, "not a str"),
        ("mysql://h", {"port": 0}, "1 to 65535"),
        ("mysql://h", {"port": True}, "1 to 65535"),
        ("mysql://h", {"port": "5"}, "1 to 65535"),
        ("mysql://h", {"hosts": [("a", 1), ("", 2)]}, "a host"),
        ("mysql://h", {"hosts": [("a", 1)], "port": 2}, "not both"),
        ("mysql://h", {"hosts": [("a", 1)], "host": "b"}, "not both"),
        ("mysql://h,g", {"host": "x"}, "several hosts"),
        ("mysql://h,g", {"port": 1}, "several hosts"),
        ("mysql://h", {"options": {"a": 1}}, "not a str"),
        ("mysql://h", {"options": {"": "1"}}, "no name"),
        ("mysql://h", {"options": {"host": "g"}}, "twice"),
        ("mysql://h", {"scheme": "sqlite"}, "three slashes"),
        ("sqlite://", {"host": "h"}, "three slashes"),
        ("sqlite://", {"user": "u"}, "three slashes"),
        ("sqlite://", {"password": ""}, "three slashes"),
    ],
)
def test_replace_refuses_what_a_url_cannot_be(
    text: str, changes: Any, words: str
) -> None:
    """replace() checks as strictly as reading does."""
    with pytest.raises(URLError, match=words):
        DatabaseURL(text).replace(**changes)


def test_each_host_gives_one_url_for_each_in_order() -> None:
    """Several hosts become URLs of one, equal in all else; one or none stays."""
    url = DatabaseURL("mysql://u:p@h1:1,[::1],%2Fs/d?a=1")
    assert list(url.each_host()) == [
        DatabaseURL("mysql://u:p@h1:1/d?a=1"),
        DatabaseURL("mysql://u:p@[::1]/d?a=1"),
        DatabaseURL("mysql://u:p@%2Fs/d?a=1"),
    ]
    for text in ("mysql://h", "mysql://", "sqlite:///x.db"):
        assert list(DatabaseURL(text).each_host()) == [DatabaseURL(text)]


SQLALCHEMY = {
    "postgres://u:p%40%2B@h:1/d?lock_timeout=2": (
        "postgresql+asyncpg://u:p%40%2B@h:1/d"
    ),
    "postgresql+asyncpg://h/d?tls=verify-full": (
        "postgresql+asyncpg://h/d?ssl=verify-full"
    ),
    "postgresql://u@a:1,[::1]/d": (
        "postgresql+asyncpg://u@/d?host=a%2C%3A%3A1&port=1%2C5432"
    ),
    "postgresql://%2Frun:1/d": "postgresql+asyncpg:///d?host=/run&port=1",
    "postgresql:///d?unix_socket=/run": "postgresql+asyncpg:///d?host=/run",
    "postgresql://:1/d": "postgresql+asyncpg://:1/d",
    "mysql://u:p@[::1]:3/d?tls=prefer": "mysql+aiomysql://u:p@[::1]:3/d",
    "mariadb://:p@h": "mysql+aiomysql://:p@h",
    "mysql://h:1/d?unix_socket=/run/m": "mysql+aiomysql:///d?unix_socket=/run/m",
    "sqlite://": "sqlite+aiosqlite:///:memory:",
    "sqlite:///a b#c.db": "sqlite+aiosqlite:///a b#c.db",
    "sqlite:////srv/x.db": "sqlite+aiosqlite:////srv/x.db",
    # by the names of others
    "postgres://h/d?sslmode=require": "postgresql+asyncpg://h/d?ssl=require",
    "postgres://h/d?sslmode=require&channel_binding=require": (
        "postgresql+asyncpg://h/d?ssl=verify-full"
    ),
    "mysql://h/d?ssl-mode=PREFERRED&charset=utf8mb4": "mysql+aiomysql://h/d",
}
# A path with an item of its own is written as SQLite's URI, which is no plain path.
SQLALCHEMY_FILES = {
    "sqlite:///x.db?mode=ro": "sqlite+aiosqlite:///file:x.db?mode=ro&uri=true",
    "sqlite:////srv/x.db?immutable=true": (
        "sqlite+aiosqlite:///file:/srv/x.db?immutable=true&uri=true"
    ),
    "sqlite:///file:x.db?mode=rw&uri=true": (
        "sqlite+aiosqlite:///file:x.db?mode=rw&uri=true"
    ),
}


@pytest.mark.parametrize("text", SQLALCHEMY)
def test_sqlalchemy_gets_a_url_that_it_understands(text: str) -> None:
    """The converted URL names the async dialect and carries what SQLAlchemy reads."""
    assert DatabaseURL(text).sqlalchemy == SQLALCHEMY[text]


@pytest.mark.parametrize("text", SQLALCHEMY_FILES)
async def test_sqlalchemy_opens_a_file_as_it_is_asked_to(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's mode goes along: what was to be read only is so for SQLAlchemy, too."""
    sqlalchemy = pytest.importorskip("sqlalchemy")
    create_async_engine = pytest.importorskip(
        "sqlalchemy.ext.asyncio"
    ).create_async_engine
    url = DatabaseURL(text.replace("/srv/", f"{tmp_path}/"))
    assert SQLALCHEMY_FILES[text].replace("/srv/", f"{tmp_path}/") == url.sqlalchemy

    monkeypatch.chdir(tmp_path)
    with closing(sqlite3.connect("x.db")) as made:
        made.execute("CREATE TABLE t (a)")
    engine = create_async_engine(url.sqlalchemy)
    try:
        async with engine.begin() as connection:
            found = await connection.execute(sqlalchemy.text("SELECT count(*) FROM t"))
            assert 0 == found.scalar()
            insert = sqlalchemy.text("INSERT INTO t VALUES (1)")
            if "rw" in text:
                await connection.execute(insert)
            else:
                with pytest.raises(sqlalchemy.exc.OperationalError):
                    await connection.execute(insert)
    finally:
        await engine.dispose()


@pytest.mark.parametrize("text", SQLALCHEMY)
def test_sqlalchemy_reads_the_same_parts(text: str) -> None:
    """SQLAlchemy's own parser finds the user, password, database and hosts we mean."""
    make_url = pytest.importorskip("sqlalchemy").make_url
    url = DatabaseURL(text)
    theirs = make_url(url.sqlalchemy)
    assert (theirs.username or None) == url.user
    assert theirs.password == url.password
    assert theirs.database == url.database
    if not theirs.query:
        assert (theirs.host, theirs.port) == (url.host, url.port)
    _, arguments = theirs.get_dialect()().create_connect_args(theirs)
    if len(url.hosts) > 1:
        assert arguments["host"] == [name for name, _ in url.hosts]
        assert arguments["port"] == [port or 5432 for _, port in url.hosts]
    elif url.unix_socket:
        assert (arguments["host"], arguments["port"]) == url.hosts[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("oracle://h", "schemes mariadb, mysql, postgres, postgresql, sqlite only"),
        ("mysql://a,b/d", "several hosts for PostgreSQL only"),
        ("mysql://h/d?tls=require", "connect_args"),
        ("postgresql://h/d?tls=verify-ca&tls_ca=/ca.pem", "connect_args"),
        ("postgresql://h/a%3Fb", "differently"),
        ("sqlite:///a%25b", "differently"),
        ("mysql://h/d?ssl-mode=REQUIRED", "connect_args"),
        ("postgres://h/d?sslmode=verify-full&sslrootcert=/ca.pem", "connect_args"),
        ("postgres://h/d?options=-c%20search_path%3Dapp", "cannot carry settings"),
        ("mysql://h/d?setting.sql_safe_updates=1", "cannot carry settings"),
        ("postgres://h/d?load_balance_hosts=random", "load_balance_hosts"),
        ("mysql://h/d?target_session_attrs=primary", "for PostgreSQL only"),
    ],
)
def test_sqlalchemy_never_gets_less_than_was_asked(text: str, words: str) -> None:
    """What a SQLAlchemy URL cannot say is refused instead of dropped."""
    with pytest.raises(URLError, match=words):
        DatabaseURL(text).sqlalchemy  # noqa: B018


_texts = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20)
_names = st.text(
    st.characters(
        exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"],
        exclude_characters="#%,/:<>?@[\\]^|",
    ),
    min_size=1,
    max_size=20,
)
_hosts = st.lists(
    st.tuples(
        _names | _texts.map("/".__add__) | st.ip_addresses(v=6).map(str),
        st.none() | st.integers(1, 65535),
    ),
    max_size=3,
)
_options = st.dictionaries(
    _texts.filter(lambda name: name not in ("", "host", "port")), _texts, max_size=3
)


@given(
    user=st.none() | _texts,
    password=st.none() | _texts,
    database=st.none() | _texts,
    hosts=_hosts,
    options=_options,
)
def test_any_parts_survive_being_written_and_read(
    user: Any, password: Any, database: Any, hosts: Any, options: Any
) -> None:
    """Whatever user, password, hosts, database and options hold, they come back."""
    url = DatabaseURL("postgresql://").replace(
        user=user, password=password, database=database, hosts=hosts, options=options
    )
    again = DatabaseURL(url.render(hide_password=False))
    assert again == url
    assert again.user == (user or None)
    assert again.password == password
    assert again.database == (database or None)
    assert again.hosts == tuple(hosts)
    assert again.options == options


@given(path=_texts, options=st.dictionaries(_texts.filter(bool), _texts, max_size=2))
def test_any_file_survives_being_written_and_read(path: str, options: Any) -> None:
    """Whatever the path of an SQLite file is, it comes back."""
    url = DatabaseURL("sqlite://").replace(database=path, options=options)
    again = DatabaseURL(url.render(hide_password=False))
    assert again == url
    assert again.database == (path or ":memory:")


@given(st.text() | st.text("ab1:/?#[]@!%&=+,. \x00é").map("mysql://".__add__))
def test_any_text_is_a_url_or_a_url_error(text: str) -> None:
    """No text makes the parser fail in another way, and all it takes it can write."""
    try:
        url = DatabaseURL(text)
    except URLError:
        return
    assert DatabaseURL(url.render(hide_password=False)) == url


# Characters that our messages do not have side by side: a piece of the password in a
# message can only come from the URL.
_LETTERS = "QXZJWK79"
_SIGNS = "#/?@[]%:,;&=+ \x00"


def _mutilate(text: str, chance: random.Random) -> str:
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(text) + 1)
        end = min(len(text), at + chance.randint(0, 4))
        put = "".join(chance.choices(_SIGNS, k=chance.randint(0, 2)))
        text = text[:at] + put + text[end:]
    return text


def test_no_message_shows_a_piece_of_the_password() -> None:
    """However a URL is mutilated, its error has no three characters of the password."""
    chance = random.Random(20261120)
    refused = 0
    for _ in range(20_000):
        password = "".join(chance.choices(_LETTERS * 3 + _SIGNS, k=12))
        scheme = chance.choice(("postgresql", "mysql", "sqlite"))
        text = f"{scheme}://QUSER:{password}@h1:5432,[::1]/shop?token={password}&b=2"
        try:
            DatabaseURL(_mutilate(text, chance))
        except URLError as error:
            refused += 1
            shown = f"{error} {error!r} {error.__cause__} {error.__context__}"
            pieces = (password[i : i + 3] for i in range(len(password) - 2))
            for piece in (*pieces, "QUSER"):
                if any(character in _LETTERS for character in piece):
                    assert piece not in shown, shown
    assert refused > 10_000


def test_very_many_hosts() -> None:
    """However many hosts there are, each has its port, or there is one for all."""
    names = [f"h{number}" for number in range(300)]
    ports = [*range(1, 301)]
    text = f"postgresql:///d?host={','.join(names)}&port="

    listed = DatabaseURL(text + ",".join(map(str, ports)))
    assert tuple(zip(names, ports, strict=True)) == listed.hosts
    assert tuple((name, 7) for name in names) == DatabaseURL(text + "7").hosts
    with pytest.raises(URLError, match="as many as host has hosts"):
        DatabaseURL(text + ",".join(map(str, ports[:-1])))


def test_a_stranger_decides_whether_it_is_equal() -> None:
    """Compared with what is no URL, the other side is asked."""
    assert DatabaseURL("sqlite://") == ANY
    assert DatabaseURL("sqlite://") != "sqlite://"


@given(text=st.text(), safe=st.sampled_from(["", "/", "/:", ":"]))
def test_quoting_is_urllib_s(text: str, safe: str) -> None:
    """Which cannot be asked at the end of a process."""
    assert quote(text, safe=safe) == quoted(text, safe=safe)
