"""What a text does is told by its words: verb, transaction control, backslashes."""

from __future__ import annotations

from typing import Any

import pytest

from asyncdb.dialect import Lexis
from asyncdb.sql import Statement, prepare
from asyncdb.sql.outline import LONGEST_WORD
from tests.unit.lexes import ALL, MYSQL, POSTGRESQL, SQLITE


def read(text: str, lexis: Lexis, style: Any = "none") -> Statement:
    """The text, read."""
    return prepare(text, style, lexis, "dollar")


@pytest.mark.parametrize(
    ("text", "verb"),
    [
        ("", ""),
        ("  ", ""),
        (";", ""),
        ("-- select\n", ""),
        ("/* select */", ""),
        ("'select'", ""),
        ("1", ""),
        ("select 1", "SELECT"),
        ("\n\tInsert into t", "INSERT"),
        ("-- a\n /* b */ update", "UPDATE"),
        ("((select 1) union (select 2))", "SELECT"),
        ("; ; delete from t", "DELETE"),
        ("with a as (select 1) select 2", "WITH"),
        ("1; select", "SELECT"),
        ("x" * 1000, "X" * LONGEST_WORD),
    ],
)
@pytest.mark.parametrize("lexis", ALL.values(), ids=list(ALL))
def test_verb(text: str, verb: str, lexis: Lexis) -> None:
    """The verb is the first word, whatever blanks, comments and brackets precede it."""
    assert verb == read(text, lexis).verb


CONTROL = [
    "BEGIN",
    "begin immediate",
    "BEGIN; SELECT 1",
    "START TRANSACTION READ ONLY",
    "start /* a */ transaction",
    "COMMIT",
    "COMMIT AND CHAIN",
    "COMMIT PREPARED 'x'",
    "END",
    "END TRANSACTION",
    "ABORT",
    "ROLLBACK",
    "ROLLBACK WORK",
    "ROLLBACK AND NO CHAIN",
    "XA START 'x'",
    "XA END 'x'",
    "PREPARE TRANSACTION 'x'",
    "SET autocommit = 0",
    "SET autocommit=1",
    "SET SESSION autocommit = 0",
    'SET "AutoCommit" = 0',
    "SET sql_mode = '', autocommit = 0",
    "-- x\nCOMMIT",
    "/* x */ COMMIT",
    "; COMMIT",
    "SELECT 1; COMMIT",
    "SELECT 1; SELECT 2; ROLLBACK",
    "CREATE FUNCTION f() RETURNS int AS 'BEGIN' LANGUAGE sql; COMMIT",
    "CREATE TABLE event (begin int); COMMIT",
]
NO_CONTROL = [
    "",
    "SELECT 1",
    "SELECT 'a; COMMIT'",
    "SELECT 1 -- ; COMMIT",
    "SELECT 1 /* ; COMMIT */",
    "SAVEPOINT a",
    "RELEASE SAVEPOINT a",
    "RELEASE a",
    "ROLLBACK TO a",
    "ROLLBACK TO SAVEPOINT a",
    "rollback work to savepoint a",
    "ROLLBACK TRANSACTION TO a",
    "ROLLBACK TRANSACTION a TO b",
    "START REPLICA",
    "PREPARE s FROM 'COMMIT'",
    "PREPARE s AS SELECT 1",
    "SET x = 1",
    "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
    "SELECT autocommit FROM t",
    "SELECT @@autocommit",
    "UPDATE t SET autocommit = 1",
    "SELECT CASE WHEN 1 THEN 2 END",
    "DECLARE c CURSOR FOR SELECT 1",
    "CALL p()",
    "CREATE TRIGGER t AFTER INSERT ON x BEGIN SELECT 1; SELECT 2; END",
    "CREATE TEMP TRIGGER t AFTER INSERT ON x BEGIN SELECT 1; END;",
    "CREATE OR REPLACE PROCEDURE p() BEGIN START TRANSACTION; COMMIT; END",
    "CREATE DEFINER = `a`@`b` FUNCTION f() RETURNS INT BEGIN RETURN 1; END",
    "CREATE PROCEDURE p() l: BEGIN SELECT 1; ROLLBACK; END l",
    "ALTER EVENT e DO BEGIN SELECT 1; END",
]


@pytest.mark.parametrize("text", CONTROL)
@pytest.mark.parametrize("lexis", [POSTGRESQL, MYSQL, SQLITE])
def test_transaction_control(text: str, lexis: Lexis) -> None:
    """A statement that begins or ends a transaction is found, wherever it stands."""
    assert read(text, lexis).controls_transaction is True


@pytest.mark.parametrize("text", NO_CONTROL)
@pytest.mark.parametrize("lexis", [POSTGRESQL, MYSQL, SQLITE])
def test_no_transaction_control(text: str, lexis: Lexis) -> None:
    """Savepoints, strings, comments and the bodies of routines control nothing."""
    assert read(text, lexis).controls_transaction is False


@pytest.mark.parametrize(
    "text",
    [
        "set @@autocommit = 0",
        "SET @@session.autocommit = 0",
        "SET @@session . `autocommit` = 0",
        "SET `autocommit` = 0",
    ],
)
def test_autocommit_of_mysql(text: str) -> None:
    """MySQL's variable is found with its prefixes and quotes."""
    assert read(text, MYSQL).controls_transaction is True


@pytest.mark.parametrize(
    "text",
    [
        "/*! COMMIT */",
        "/*!50000 SET */ autocommit = 0",
        "SET /*! autocommit = 0, */ x = 1",
        "/*!999999 SELECT */ COMMIT",
        "/*!999999 SELECT */ SET autocommit = 0",
        "ROLLBACK /*!999999 TO a */",
        "SELECT 1; /*! COMMIT */",
        "/*M! ROLLBACK */",
    ],
)
def test_code_comments_are_read_both_ways(text: str) -> None:
    """Whether a server runs or skips /*! */, transaction control is found."""
    assert read(text, MYSQL).controls_transaction is True


def test_words() -> None:
    """Words are in upper case, and none are from quotes and comments."""
    text = "select pg_Advisory_lock(1), 'a', \"b\", ? -- d\n from /* e */ t$1"
    expected = {"SELECT", "PG_ADVISORY_LOCK", "FROM", "T$1"}
    assert expected == read(text, POSTGRESQL).words
    assert expected == read(text, POSTGRESQL, "positional").words


def test_names() -> None:
    """Quoted names are told apart from words, in upper case."""
    statement = read('SELECT "pg_sleep"(1), \'c\', x FROM "t" -- "d"', POSTGRESQL)
    assert {"PG_SLEEP", "T"} == statement.names
    assert {"SELECT", "X", "FROM"} == statement.words
    assert {"A B", "C"} == read("SELECT [a b], `c`", SQLITE).names


def test_words_in_code_comments() -> None:
    """Words in /*! */ count, since a server may run them."""
    assert {"SELECT", "GET_LOCK"} == read("SELECT /*! GET_LOCK() */ 1", MYSQL).words


def test_long_words_are_cut() -> None:
    """A word longer than any name is kept as its beginning, and costs no memory."""
    assert {"A" * LONGEST_WORD} == read("a" * 10_000, POSTGRESQL).words


def test_markers_are_not_words() -> None:
    """A name of a parameter is no word of the statement."""
    assert {"SELECT"} == read("SELECT :commit", POSTGRESQL, "named").words


def test_unfinished_texts_are_outlined() -> None:
    """A text without parameters is never refused, and still tells what it can."""
    statement = read("COMMIT; SELECT 'abc", POSTGRESQL)
    assert ("COMMIT", True, True) == (
        statement.verb,
        statement.controls_transaction,
        statement.multiple,
    )
