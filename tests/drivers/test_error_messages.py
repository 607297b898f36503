"""An audit: what is said for each code of each engine, provoked elsewhere or never.

No message is a class's docstring, none says no more than its code, none holds a value.
"""

from __future__ import annotations

import importlib
import re
import socket
import sqlite3
import ssl
from collections.abc import Callable
from typing import Any

import pytest

import asyncdb
from asyncdb import errors
from asyncdb.dialects import database_error
from asyncdb.dialects.mysql import error_numbers
from asyncdb.dialects.mysql.errors import from_server
from asyncdb.dialects.postgresql import (
    CLASSES,
    CLEAN_CLASSES,
    ERRORS,
    PostgreSQLOptions,
    answers,
)
from asyncdb.dialects.sqlite_errors import BY_CODE, from_code
from asyncdb.dialects.sqlite_errors import MESSAGES as OF_SQLITE
from asyncdb.driver import Driver
from asyncdb.driver.messages import MESSAGES, message_of

VALUE = "s3cret-text"
# What a server may say, with a value in every place where one may stand.
WORDS = f"Duplicate entry '{VALUE}': it has {VALUE}"
KINDS = [
    kind
    for kind in map(vars(errors).get, errors.__all__)
    if isinstance(kind, type) and issubclass(kind, errors.DatabaseError)
]
DOCSTRINGS = {(kind.__doc__ or "").partition("\n")[0].rstrip(".") for kind in KINDS}
_BEHIND = re.compile(r" \([^()]*\)$")  # the names and the code


def audit(error: BaseException | None) -> None:
    """Assert that an error is worth reading, and gives nothing away."""
    assert isinstance(error, asyncdb.Error)
    said = _BEHIND.sub("", str(error))

    assert len(said.split()) > 2, said
    assert not {doc for doc in DOCSTRINGS if doc.lower() in said.lower()}, said
    assert VALUE not in f"{error!s} {error!r} {getattr(error, 'diag', '')!r}"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_class_has_a_sentence(kind: type[asyncdb.DatabaseError]) -> None:
    """Not its docstring; and one of its own."""
    audit(database_error(kind))
    audit(database_error(kind, code="X", sqlstate="23505", columns=("a",)))
    assert kind in MESSAGES
    assert 1 == list(MESSAGES.values()).count(message_of(kind))


def test_a_class_of_somebody_else_has_the_one_above() -> None:
    """A fourth driver's own class says what its base says."""

    class Mine(asyncdb.LockTimeout):
        """Somebody's own docstring."""

    assert message_of(asyncdb.LockTimeout) == str(database_error(Mine))


# -- PostgreSQL ------------------------------------------------------------------------


def _of_postgresql(state: str, **fields: str) -> Any:
    exceptions = pytest.importorskip("asyncpg.exceptions")
    from asyncdb.drivers.asyncpg.translation import translate, translate_connecting

    told = {"S": "FATAL", "V": "FATAL", "C": state, "D": WORDS, "H": WORDS, **fields}
    error = exceptions.PostgresError.new(told, query=f"SELECT '{VALUE}'")
    audit(translate_connecting(error, PostgreSQLOptions()))
    return translate(error)


@pytest.mark.parametrize("state", [*ERRORS, *(f"{two}ZZZ" for two in CLASSES), "ZZZZZ"])
def test_postgresql(state: str) -> None:
    """Where the server's words may hold a value they are not shown."""
    clean = state[:2] in CLEAN_CLASSES
    author = issubclass(ERRORS.get(state, errors.Error), errors.RaisedException)
    words = "names and no value" if clean or author or state == "ZZZZZ" else WORDS
    error = _of_postgresql(state, M=words)

    audit(error)
    assert WORDS == error.diag.detail == error.diag.hint
    assert words == error.diag.message


@pytest.mark.parametrize("state", [*ERRORS, *(f"{two}ZZZ" for two in CLASSES)])
def test_what_an_author_raises_with_a_state(state: str) -> None:
    """Whatever class of words is clean, an author's own may hold a value."""
    if state in ("P0001", "P0004"):
        return
    error = _of_postgresql(state, M=WORDS, R="exec_stmt_raise", S="ERROR", V="ERROR")

    audit(error)
    assert not isinstance(error, asyncdb.ConnectionLost)  # it goes on


def test_a_function_s_own_text_is_not_quoted() -> None:
    """A syntax error in what a function has made may quote a value of it."""
    error = _of_postgresql("42601", M=f'syntax error at or near "{VALUE}"', q=WORDS)

    audit(error)
    assert isinstance(error, asyncdb.SQLSyntaxError)


@pytest.mark.parametrize(
    ("text", "says", "kind"),
    [
        (
            "unsupported startup parameter: TimeZone",
            "(TimeZone), which is how PgBouncer answers: connect with pgbouncer=True",
            asyncdb.ConnectionFailed,
        ),
        (
            "unsupported startup parameter in options: geqo",
            "(geqo), which is how PgBouncer answers: connect with pgbouncer=True",
            asyncdb.ConnectionFailed,
        ),
        ("query_wait_timeout", "query_wait_timeout", asyncdb.ConnectionFailed),
        (
            "password authentication failed",
            "password authentication failed",
            asyncdb.AuthenticationFailed,
        ),
    ],
)
def test_pgbouncer(text: str, says: str, kind: type[asyncdb.DatabaseError]) -> None:
    """What PgBouncer refuses names the option, and else what it says."""
    exceptions = pytest.importorskip("asyncpg.exceptions")
    from asyncdb.drivers.asyncpg.translation import translate_connecting

    told = {"S": "FATAL", "V": "FATAL", "C": "08P01", "M": text}
    found = translate_connecting(
        exceptions.PostgresError.new(told), PostgreSQLOptions()
    )

    assert type(found) is kind
    assert says in str(found)


# -- MySQL and MariaDB -----------------------------------------------------------------

NUMBERS = sorted(
    error_numbers.ERRORS.keys()
    | error_numbers.NAMES_ONLY
    | error_numbers.MESSAGES.keys()
    | error_numbers.ENDS_TRANSACTION
    | {1643, 1644, 9999}
)


@pytest.mark.parametrize("number", NUMBERS)
def test_mysql(number: int) -> None:
    """By its number; and by the SQLSTATE where the table has none."""
    words = "names, and no value"
    for state in ("HY000", "23000", "42000", "08S01", "01000", "ZZ000", None):
        text = words if number in error_numbers.NAMES_ONLY else WORDS
        signaled = number in (1643, 1644)
        if not signaled or state in ("23000", "42000", "08S01"):
            error = from_server(number, state, text)
            audit(error)
            assert text == getattr(error, "diag", errors.Diagnostic(text)).message


# -- SQLite ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code", sorted({*BY_CODE, *OF_SQLITE, 12, 16, 21, 25, 531, 1043})
)
def test_sqlite(code: int) -> None:
    """By its code; of what constraints say only the names are taken."""
    if code == 1811:
        return
    error = from_code(code, f"SQLITE_{code}", f"it has {VALUE}: {VALUE}!")

    audit(error)


@pytest.mark.parametrize(
    "text",
    [
        f"JSON path error near '{VALUE}'",
        f"bad JSON path: '{VALUE}'",
        f'fts5: syntax error near "{VALUE}"',
        f"malformed MATCH expression: [{VALUE}]",
        f"unknown special query: {VALUE}",
        f"an extension says {VALUE}",
    ],
)
def test_sqlite_at_run_time(text: str) -> None:
    """What a function says may hold the value that it was given."""
    error = from_code(1, "SQLITE_ERROR", text)

    audit(error)
    assert type(error) is asyncdb.ProgrammingError
    assert text == error.diag.message


# -- what comes without a code ---------------------------------------------------------


BROKEN = [
    ConnectionRefusedError(111, f"Connect call failed ('{VALUE}', 5432)"),
    OSError(f"Multiple exceptions: {VALUE}"),
    ConnectionResetError(),
    socket.gaierror(-2, "Name or service not known"),
    TimeoutError(),
    FileNotFoundError(2, "No such file or directory"),
    ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"),
]


@pytest.mark.parametrize("error", BROKEN, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("name", ["asyncpg", "psycopg", "aiomysql", "asyncmy"])
def test_the_network(name: str, error: BaseException) -> None:
    """A line that cannot be had, or breaks."""
    pytest.importorskip(name)
    for translate in _translators(name):
        audit(translate(error))


def _translators(name: str) -> list[Callable[[Any], Any]]:
    driver: Driver = importlib.import_module(f"asyncdb.drivers.{name}").driver
    if name == "asyncpg":
        from asyncdb.drivers.asyncpg.translation import translate_connecting

        return [
            driver.translate,
            lambda error: translate_connecting(error, PostgreSQLOptions()),
        ]
    if name == "psycopg":
        from asyncdb.drivers.psycopg.login import Refused

        return [driver.translate, Refused.by_network]
    from asyncdb.dialects.mysql.protocol import translation

    found: Any = driver
    return [
        driver.translate,
        lambda error: translation.translate_connecting(error, found._library),
    ]


def test_asyncpg_s_own() -> None:
    """Errors of asyncpg's client, with and without something to say."""
    exceptions = pytest.importorskip("asyncpg.exceptions")
    from asyncdb.drivers.asyncpg.translation import translate

    for error in (
        AssertionError(),
        exceptions.InternalClientError(WORDS),
        exceptions.ProtocolError(WORDS),
        exceptions.InterfaceError("cannot perform operation: connection is closed"),
        exceptions.ConnectionDoesNotExistError("connection was closed"),
        exceptions.OutdatedSchemaCacheError(WORDS),
        exceptions.DataError(f"invalid input for query argument $1: {VALUE} (x)"),
    ):
        audit(translate(error))


def test_psycopg_s_own() -> None:
    """Errors that psycopg or libpq has made, and what could not be encoded or read."""
    psycopg = pytest.importorskip("psycopg")
    from asyncdb.drivers.psycopg.encoding import Misfit
    from asyncdb.drivers.psycopg.translation import Undecodable, Unfit, translate

    for error in (
        psycopg.OperationalError(WORDS),
        psycopg.InterfaceError(WORDS),
        psycopg.DataError(WORDS),
        psycopg.ProgrammingError(WORDS),
        Unfit(1, ValueError(WORDS)),
        Unfit(2, Misfit("expected str, got int")),
        Undecodable(ValueError(WORDS), [("a", 1082)]),
        Undecodable(ValueError(WORDS), [("a", 25)]),
    ):
        audit(translate(error))


@pytest.mark.parametrize("state", [*ERRORS, *(f"{two}ZZZ" for two in CLASSES)])
def test_a_report_of_postgresql(state: str) -> None:
    """What a driver makes of the server's fields shows no value, whatever the code."""
    report = answers.Report(
        sqlstate=state, severity="FATAL", message=WORDS, detail=WORDS, hint=WORDS
    )
    found = answers.from_server(report)
    if state[:2] not in CLEAN_CLASSES and state not in ("P0001", "P0004"):
        audit(found)
        audit(answers.while_connecting(found))


def test_pymysql_s_own() -> None:
    """Errors of the MySQL libraries without a number of the server's."""
    err = pytest.importorskip("pymysql.err")
    (translate, connecting) = _translators("aiomysql")

    for error in (
        err.InterfaceError("(0, 'Not connected')"),
        err.InternalError("Packet sequence number wrong - got 1 expected 2"),
        err.InternalError(WORDS),
        err.OperationalError(2003, WORDS),
        err.OperationalError(1298, WORDS),
        EOFError(),
    ):
        audit(translate(error))
        audit(connecting(error))


def test_sqlite3_s_own() -> None:
    """Errors of Python's module, which have no code."""
    driver = importlib.import_module("asyncdb.drivers.aiosqlite").driver

    for error in (
        sqlite3.ProgrammingError("You can only execute one statement at a time."),
        sqlite3.ProgrammingError("Incorrect number of bindings supplied."),
        sqlite3.ProgrammingError("Cannot operate on a closed database."),
        sqlite3.ProgrammingError(f"Error binding parameter 1: {VALUE}"),
        sqlite3.DatabaseError(WORDS),
        sqlite3.OperationalError(f"Could not decode to UTF-8 column {VALUE}"),
        OverflowError("Python int too large to convert to SQLite INTEGER"),
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates"),
    ):
        audit(driver.translate(error))
