"""MySQL's dialect: quoting modes, versions, column values, many rows, error texts."""

# ruff: noqa: DTZ001  # naive datetimes are among what is tested

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from asyncdb import errors
from asyncdb.dialect import Lexis
from asyncdb.dialects.mysql import DIALECT, MARIADB, MySQLOptions, lexis_for
from asyncdb.dialects.mysql.columns import Decoder, RowDecoder, decoder
from asyncdb.dialects.mysql.error_numbers import ENDS_TRANSACTION, ERRORS, NAMES_ONLY
from asyncdb.dialects.mysql.errors import from_server
from asyncdb.dialects.mysql.facts import LEXIS, server_dialect
from asyncdb.dialects.mysql.multirow import multi_row
from asyncdb.dialects.mysql.session import Session, setup_statement
from asyncdb.sql import prepare
from asyncdb.sql.inserts import Insert, take_apart
from asyncdb.values.rows import tuple_row

SESSION = ["ANSI_QUOTES", "+00:00", "UTC", "utf8mb4", 1000, "h:1:1"]


@pytest.mark.parametrize(
    ("mode", "strings", "names", "backslash"),
    [
        ("ANSI_QUOTES,NO_BACKSLASH_ESCAPES", "'", '"`', ""),
        ("STRICT_ALL_TABLES,ANSI_QUOTES", "'", '"`', "'"),
        ("no_backslash_escapes", "'\"", "`", ""),
        ("", "'\"", "`", "'\""),
    ],
)
def test_a_mode_is_a_lexis(mode: str, strings: str, names: str, backslash: str) -> None:
    """Two switches of sql_mode make four ways to read a text."""
    found = lexis_for(mode)

    assert (strings, names, backslash) == (found.strings, found.names, found.backslash)
    assert found is lexis_for(mode)


@pytest.mark.parametrize(
    ("version", "flavor", "numbers"),
    [
        ("5.5.5-10.11.6-MariaDB-0+deb12u1", "mariadb", (10, 11, 6)),
        ("11.8.9-MariaDB-4 from Debian", "mariadb", (11, 8, 9)),
        ("9.7.4-2", "", (9, 7, 4)),
        ("8.0.36-28", "", (8, 0, 36)),
        ("5.5.5", "", (5, 5, 5)),
        ("8.0.mysql_aurora.3.04.0", "", (8, 0)),
        ("strange", "", ()),
    ],
)
def test_a_greeting_is_a_version(
    version: str, flavor: str, numbers: tuple[int, ...]
) -> None:
    """The greeting tells MySQL from MariaDB, which hides behind 5.5.5."""
    found = server_dialect(version)

    assert (flavor, numbers) == (found.flavor, found.server_version)
    assert (flavor == "mariadb") == found.supports_returning


def test_the_set_up_differs_by_flavor() -> None:
    """One SET asks for the portable session in each product's own words."""
    options = MySQLOptions(statement_timeout=1.5, lock_timeout=0.2)
    mysql = setup_statement(options, DIALECT)
    maria = setup_statement(options, replace(MARIADB, server_version=(10, 11)))

    assert "max_execution_time = 1500" in mysql
    assert "max_statement_time = 1.500000" in maria
    assert "ONLY_FULL_GROUP_BY" in mysql
    assert "TIME_ROUND_FRACTIONAL" in maria
    for sent in (mysql, maria):
        assert "innodb_lock_wait_timeout = 1," in sent
        assert "time_zone = '+00:00'" in sent
        assert sent.endswith(", NAMES utf8mb4")


def test_each_item_of_the_set_up_can_be_left_out() -> None:
    """What is None is the server's own affair; text stays utf8mb4."""
    options = MySQLOptions(
        sql_mode=None, time_zone=None, lock_timeout=None, lc_messages=None
    )

    assert "SET autocommit = 1, NAMES utf8mb4" == setup_statement(options, DIALECT)


def test_an_option_cannot_leave_its_literal() -> None:
    """A mode or a time zone is a value in the SET, whatever it holds."""
    options = MySQLOptions(sql_mode="', x='", time_zone="\\'")
    sent = setup_statement(options, DIALECT)

    assert "_utf8mb4 X'272c20783d27'" in sent
    assert "_utf8mb4 X'5c27'" in sent


@pytest.mark.parametrize(
    ("zone", "system", "utc"),
    [
        ("+00:00", "CET", True),
        ("SYSTEM", "UTC", True),
        ("SYSTEM", "CET", False),
        ("Europe/Berlin", "UTC", False),
    ],
)
def test_instants_need_utc(zone: str, system: str, utc: bool) -> None:
    """Only a session in UTC takes aware datetimes and gives them back."""
    session = Session([*SESSION[:1], zone, system, *SESSION[3:]], DIALECT)

    assert utc == session.utc
    assert utc == (session.dialect.encoders is DIALECT.encoders)


@pytest.mark.parametrize(
    ("sql", "sure"),
    [
        ("SELECT 1", True),
        ("UPDATE t SET a = 1", True),
        ("CREATE TABLE t (a INT)", True),
        ("SET sql_mode = ''", False),
        ("SET @x = 1", False),
        ("SELECT @@sql_mode", False),
        ("CALL p()", False),
        ("EXECUTE s", False),
        ("/*! SET sql_mode = '' */", False),
    ],
)
def test_what_may_change_the_session_is_noted(sql: str, sure: bool) -> None:
    """After anything but an everyday statement the session's mode is asked anew."""
    session = Session(SESSION, DIALECT)
    session.note(prepare(sql, "none", LEXIS, "literal"))

    assert sure == session.sure


BINARY, UTF8, LATIN1 = 63, 45, 8


@pytest.mark.parametrize(
    ("kind", "charset", "raw", "expected"),
    [
        (1, BINARY, b"1", 1),
        (8, BINARY, b"18446744073709551615", 2**64 - 1),
        (13, BINARY, b"1999", 1999),
        (4, BINARY, b"1.5", 1.5),
        (5, BINARY, b"1e308", 1e308),
        (246, BINARY, b"1.50", Decimal("1.50")),
        (10, BINARY, b"2024-01-02", date(2024, 1, 2)),
        (12, BINARY, b"2024-01-02 03:04:05.000006", datetime(2024, 1, 2, 3, 4, 5, 6)),
        (7, BINARY, b"2024-01-02 03:04:05", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (11, BINARY, b"10:11:12", timedelta(hours=10, minutes=11, seconds=12)),
        (11, BINARY, b"-838:59:59", -timedelta(hours=838, minutes=59, seconds=59)),
        (11, BINARY, b"-00:00:00.000001", timedelta(microseconds=-1)),
        (11, BINARY, b"00:00:00.5", timedelta(milliseconds=500)),
        (16, BINARY, b"\x01\x02", 258),
        (245, BINARY, b'{"a": [1, null]}', {"a": [1, None]}),
        (252, BINARY, b"\xff\x00", b"\xff\x00"),
        (252, UTF8, "é".encode(), "é"),
        (253, UTF8, "🎉".encode(), "🎉"),
        (254, LATIN1, b"abc", "abc"),
        (255, BINARY, b"\x01", b"\x01"),
        (242, BINARY, b"\x00\x00\x80?", b"\x00\x00\x80?"),
    ],
)
@pytest.mark.parametrize("count", [1, 100])
def test_a_column_value_becomes_python_s(
    kind: int, charset: int, raw: bytes, expected: Any, count: int
) -> None:
    """Each field type has its Python type, alone and among many rows with NULLs."""
    row = RowDecoder(("a",), [decoder(kind, charset, utc=True)], tuple_row(("a",)))
    found = row.rows([raw, None] * count)

    assert [(expected,), (None,)] * count == found
    assert type(expected) is type(found[0][0])


@pytest.mark.parametrize(
    ("kind", "charset", "raw", "error"),
    [
        (10, BINARY, b"0000-00-00", errors.InvalidDatetime),
        (12, BINARY, b"2024-00-00 00:00:00", errors.InvalidDatetime),
        (7, BINARY, b"0000-00-00 00:00:00", errors.InvalidDatetime),
        (252, UTF8, b"\xff", errors.InvalidText),
        (254, LATIN1, b"\xe9", errors.InvalidText),
        (8, BINARY, b"secret", errors.DataError),
        (246, BINARY, b"secret", errors.DataError),
        (245, BINARY, b"secret", errors.DataError),
    ],
)
@pytest.mark.parametrize("count", [1, 100])
def test_a_value_that_does_not_decode_names_its_column(
    kind: int, charset: int, raw: bytes, error: type[Exception], count: int
) -> None:
    """The error says which column it was, and shows nothing of the value."""
    decoders = [Decoder(int), decoder(kind, charset, utc=True)]
    row = RowDecoder(("id", "born"), decoders, tuple_row(("id", "born")))
    with pytest.raises(errors.DataError, match="column born ") as caught:
        row.rows([b"1", raw] * count)

    assert error is type(caught.value)
    assert ("born",) == caught.value.columns
    assert "secret" not in str(caught.value)


def test_a_timestamp_outside_utc_is_naive() -> None:
    """Without UTC a TIMESTAMP is no instant that could be told."""
    row = RowDecoder(("a",), [decoder(7, BINARY, utc=False)], tuple_row(("a",)))

    assert datetime(2024, 1, 2) == row.rows([b"2024-01-02 00:00:00"])[0][0]


def taken_apart(sql: str, lexis: Lexis = LEXIS) -> Insert | None:
    """What `sql` is made an INSERT of many rows from."""
    return take_apart(prepare(sql, "positional", lexis, "literal"), lexis)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("INSERT INTO t VALUES (?, ?)", "INSERT INTO t VALUES (1, 2),(3, 4)"),
        (
            "replace into t (a, b) value (?, upper(?))",
            "replace into t (a, b) value (1, upper(2)),(3, upper(4))",
        ),
        (
            "INSERT INTO t VALUES (?, '%s)', ?) ON DUPLICATE KEY UPDATE a = VALUES(a)",
            (
                "INSERT INTO t VALUES (1, '%s)', 2),(3, '%s)', 4)"
                " ON DUPLICATE KEY UPDATE a = VALUES(a)"
            ),
        ),
        (
            "INSERT INTO `values` (`(`) /* VALUES (x*/ VALUES (?, /* )x*/ ?);",
            (
                "INSERT INTO `values` (`(`) /* VALUES (x*/ VALUES (1, /*)x*/ 2),"
                "(3, /*)x*/ 4);"
            ),
        ),
        (
            "INSERT INTO t SELECT * FROM u WHERE a = ? AND b = ?",
            None,
        ),
        ("INSERT INTO t VALUES (?, ?), (5, 6)", None),
        ("INSERT INTO t VALUES (?, 1) ON DUPLICATE KEY UPDATE a = ?", None),
        ("INSERT INTO t VALUES (?, (SELECT max(a) + ? FROM u))", None),
        ("INSERT INTO t VALUES (?, LAST_INSERT_ID() + ?)", None),
        ("INSERT INTO t VALUES (?, @x := @x + ?)", None),
        ("INSERT INTO t SET a = ?, b = ?", None),
        ("INSERT INTO t VALUES ROW(?, ?)", None),
        ("UPDATE t SET a = ? WHERE b = ?", None),
        ("INSERT INTO t VALUES (?, 'asyncdb_marker_7f3a', ?)", None),
    ],
)
def test_an_insert_of_one_row_is_made_many(sql: str, expected: str | None) -> None:
    """It is done where it means the same, and nowhere else."""
    parts = taken_apart(sql)
    rows = [["1", "2"], ["3", "4"]]
    found = list(multi_row(parts, rows, 10_000)) if parts else []

    assert ([expected] if expected else []) == [without_blanks(text) for text in found]


def without_blanks(text: str) -> str:
    """The text without those that keep values apart from their neighbours."""
    text = " ".join(text.split())
    return text.replace("( ", "(").replace(" )", ")").replace(" ,", ",")


def test_pieces_stay_below_the_server_s_limit() -> None:
    """No piece is longer than max_allowed_packet, but for a row that is so itself."""
    parts = taken_apart("INSERT INTO t VALUES (?)")
    assert parts
    texts = list(multi_row(parts, [["'" + "x" * 100 + "'"]] * 50, 1000))

    assert 50 == sum(text.count("(") for text in texts)
    assert max(map(len, texts)) < 1000
    assert 1 == len(list(multi_row(parts, [["x" * 5000]], 1000)))


def test_every_error_number_has_a_place() -> None:
    """What is said of a number elsewhere is a number of the table."""
    assert ERRORS.keys() >= NAMES_ONLY - {1515}
    assert {1205, 1213} <= ENDS_TRANSACTION


@pytest.mark.parametrize(
    ("number", "text", "kind", "names"),
    [
        (
            1062,
            "Duplicate entry 'x' for key 'users.email'",
            errors.UniqueViolation,
            ("email", "users", ()),
        ),
        (
            1062,
            "Duplicate entry 'x' for key 'email'",
            errors.UniqueViolation,
            ("email", None, ()),
        ),
        (
            1062,
            "Duplicate entry 'a' for key 'forged'' for key 'real'",
            errors.UniqueViolation,
            ("real", None, ()),
        ),
        (
            1452,
            (
                "Cannot add or update a child row: a foreign key constraint fails"
                ' ("db"."t`x", CONSTRAINT "fk""1" FOREIGN KEY ("a", "b") REFERENCES "p"'
                ' ("id", "id2"))'
            ),
            errors.ForeignKeyViolation,
            ('fk"1', "t`x", ("a", "b")),
        ),
        (
            1451,
            (
                "Cannot delete or update a parent row: a foreign key constraint fails"
                " (`db`.`t`, CONSTRAINT `fk` FOREIGN KEY (`a`) REFERENCES `p` (`id`))"
            ),
            errors.ForeignKeyViolation,
            ("fk", "t", ("a",)),
        ),
        (1048, "Column 'it's' cannot be null", errors.NotNullViolation, "it's"),
        (1364, "Field 'a' doesn't have a default value", errors.NotNullViolation, "a"),
        (
            4025,
            "CONSTRAINT `adult``s` failed for `db`.`t`",
            errors.CheckViolation,
            ("adult`s", "t", ()),
        ),
        (
            3819,
            "Check constraint 'adult' is violated.",
            errors.CheckViolation,
            ("adult", None, ()),
        ),
        (1406, "Data too long for column 'n' at row 1", errors.StringTooLong, "n"),
        (
            1264,
            "Out of range value for column 'n' at row 1",
            errors.NumericOutOfRange,
            "n",
        ),
        (
            1366,
            (
                "Incorrect integer value: 'x' for column `d`.`t`.`c` at row 1'"
                " for column `d`.`t`.`n` at row 1"
            ),
            errors.InvalidText,
            (None, "t", ("n",)),
        ),
        (
            1292,
            "Incorrect datetime value: 'x' for column 'n' at row 1",
            errors.InvalidDatetime,
            "n",
        ),
        (1292, "Truncated incorrect DOUBLE value: 'x'", errors.InvalidText, ()),
        (1146, "Table 'db.t' doesn't exist", errors.UndefinedTable, (None, "t", ())),
        (1054, "Unknown column 't.n' in 'field list'", errors.UndefinedColumn, "n"),
        (1305, "FUNCTION db.f does not exist", errors.UndefinedFunction, ()),
        (1290, "... --read-only option ...", errors.ReadOnlyTransaction, ()),
        (1290, "... --secure-file-priv option ...", errors.InsufficientPrivilege, ()),
        (1180, "Got error 149 during COMMIT", errors.SerializationFailure, ()),
        (1180, "Got error 107 during COMMIT", errors.CommitUnknown, ()),
        (3100, "Error on observer", errors.CommitUnknown, ()),
        (9999, "secret", errors.OperationalError, ()),
    ],
)
def test_an_error_packet_is_told_apart(
    number: int, text: str, kind: type[errors.DatabaseError], names: Any
) -> None:
    """The number gives the class; constraint, table and columns come from the text."""
    state = "HY000"
    found = from_server(number, state, text)
    if isinstance(names, str):
        names = (None, None, (names,))

    assert isinstance(found, errors.DatabaseError)
    assert kind is type(found)
    assert (number, state) == (found.code, found.sqlstate)
    assert (names or (None, None, ())) == (
        found.constraint,
        found.table,
        found.columns,
    )
    assert "secret" not in str(found)
    assert "Duplicate entry" not in str(found)


@pytest.mark.parametrize(
    ("number", "state", "kind"),
    [
        (1644, "45000", errors.RaisedException),
        (1644, "45ABC", errors.RaisedException),
        (1644, "HY000", errors.RaisedException),
        (1644, "U0001", errors.RaisedException),
        (1643, "02000", errors.RaisedException),
        (1062, "45000", errors.RaisedException),
        (1644, "23514", errors.CheckViolation),
        (1644, "23505", errors.UniqueViolation),
        (1644, "23000", errors.IntegrityError),
        (1644, "22012", errors.DivisionByZero),
        (1644, "40001", errors.SerializationFailure),
        (1644, "42000", errors.ProgrammingError),
        (1062, "23000", errors.UniqueViolation),
    ],
)
def test_what_a_routine_signals(
    number: int, state: str, kind: type[errors.DatabaseError]
) -> None:
    """Its author's text is the message, unless its SQLSTATE says what it is."""
    text = "no more than\n5 a day"
    found = from_server(number, state, text)

    assert isinstance(found, errors.DatabaseError)
    assert kind is type(found)
    assert text == found.diag.message
    assert (kind is errors.RaisedException) == (text == str(found))
    assert (kind is errors.RaisedException) == ("a day" in str(found))


def test_a_missing_savepoint_is_a_transaction_s_matter() -> None:
    """1305 says two things."""
    found = from_server(1305, "42000", "SAVEPOINT x does not exist")

    assert isinstance(found, errors.TransactionError)
