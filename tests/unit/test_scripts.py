"""Scripts are cut where the engine would cut them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

import asyncdb
from asyncdb.dialect import Lexis
from asyncdb.dialects import mysql, postgresql, sqlite
from asyncdb.sql import scripts
from asyncdb.sql.lexer import Token, scan
from asyncdb.sql.scripts import split_script

LEXES = {
    "postgresql": postgresql.DIALECT.lexis,
    "mysql": mysql.DIALECT.lexis,
    "sqlite": sqlite.DIALECT.lexis,
}


def cut(text: str, engine: str = "sqlite") -> list[str]:
    """The texts of the statements."""
    return [piece.sql for piece in split_script(text, LEXES[engine])]


@pytest.mark.parametrize("engine", LEXES)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n;;; ; -- nothing\n/* ; */ ;", []),
        ("a", ["a"]),
        ("a;b;", ["a", "b"]),
        ("a ; b  \n", ["a", "b"]),
        ("1;2", ["1", "2"]),
        ("'a;b';\"c;d\"", ["'a;b'", '"c;d"']),
        ("-- a;\nb; /* c;\n */ d", ["b", "d"]),
        ("a -- b;\n, c; d", ["a -- b;\n, c", "d"]),
        ("a (b; c); d", ["a (b; c)", "d"]),
        ("a /* ( */; b", ["a /* ( */", "b"]),
        (
            "select case a when 1 then 2 end; b",
            ["select case a when 1 then 2 end", "b"],
        ),
        ("begin; a; end; b", ["begin", "a", "end", "b"]),
        ("create table trigger_x (begin int); b", 2),
        ("create table t (trigger int); begin; b", 3),
        ("create index i on t (a); b", 2),
    ],
)
def test_what_ends_a_statement(
    engine: str, text: str, expected: list[str] | int
) -> None:
    """A `;` ends a statement outside of quotes, comments and parentheses."""
    found = cut(text, engine)

    assert expected == (len(found) if isinstance(expected, int) else found)


@pytest.mark.parametrize(
    ("engine", "statement"),
    [
        ("sqlite", "create trigger t after insert on a begin select 1; select 2; end"),
        (
            "sqlite",
            (
                "CREATE TEMP TRIGGER IF NOT EXISTS t BEFORE UPDATE OF a ON b WHEN "
                "new.a > CASE WHEN 1 THEN 2 END BEGIN SELECT CASE new.a WHEN 1 THEN "
                "CASE WHEN 1 THEN RAISE(ABORT, 'x; end') END END; DELETE FROM c; END"
            ),
        ),
        ("sqlite", "create trigger t after insert on a begin select if, loop; end"),
        (
            "postgresql",
            "create function f() returns int as $$ begin; end; $$ language x",
        ),
        ("postgresql", "do $do$ begin raise notice 'a;'; end; $do$"),
        (
            "postgresql",
            (
                "create function f(a int) returns int begin atomic select 1; "
                "select case when a > 1 then 2 end; end"
            ),
        ),
        ("postgresql", "create rule r as on insert to t do also (delete a; delete b)"),
        ("mysql", "create procedure p() begin select 1; begin select 2; end; end"),
        (
            "mysql",
            (
                "create definer=`a`@`b` procedure p(a int) begin declare x int; "
                "declare continue handler for not found begin set x = 1; end; "
                "if a then select 1; elseif b then select 2; else select 3; end if; "
                "case a when 1 then select 1; if c then select 4; end if; "
                "else select 2; end case; set x = case when a then 1 end; "
                "l: loop leave l; end loop l; while a do set a = 0; end while; "
                "repeat set a = 1; until a end repeat; "
                "select repeat('a;', 2), if(a, 1, 2); end"
            ),
        ),
        ("mysql", "create trigger t before insert on a for each row set new.a = 1"),
        (
            "mysql",
            (
                "create trigger t before insert on a for each row "
                "if new.a then set new.b = 1; set new.c = if(a, 1, 2); end if"
            ),
        ),
        ("mysql", "create procedure p() while a do select 1; end while"),
        (
            "mysql",
            "create procedure if not exists p() repeat select 1; until a end repeat",
        ),
        ("mysql", "create event e on schedule every 1 day do begin select 1; end"),
        ("mysql", "begin not atomic select 1; if a then select 2; end if; end"),
        ("mysql", "create procedure p() begin for i in 1..3 do select i; end for; end"),
        (
            "mysql",
            "create procedure p() begin for i in 1..3 loop select i; end loop; end",
        ),
        (
            "mysql",
            "create package p as function f return int as begin return 1; end; end",
        ),
        (
            "mysql",
            (
                "/*!50003 create trigger t before insert on a for each row begin "
                "select 1; end */"
            ),
        ),
    ],
)
def test_a_body_is_one_statement(engine: str, statement: str) -> None:
    """A routine's body has statements of its own, each with its `;`."""
    assert ["a", statement, "b", "c"] == cut(f"a; {statement}; b; c", engine)


def test_delimiter_lines() -> None:
    """MySQL's client reads DELIMITER lines, and dumps are full of them."""
    text = """
        select 1;
        DELIMITER //
        create procedure p() begin select '//'; # //
          select 2; end //
        -- none //
        select 3 // select 4
        //
        delimiter ;
        select 5; DELIMITER $$
        select 6$$
        select delimiter $$ DELIMITER ;;
        select 7; select 8;;
    """
    found = cut(text, "mysql")

    assert 8 == len(found)
    assert found[1].startswith("create")
    assert found[1].endswith("end")
    assert ["select 3", "select 4", "select 5", "select 6"] == found[2:6]
    assert ["select delimiter", "select 7; select 8"] == found[6:]
    assert 2 == len(cut("delimiter //\nselect 1; select 2", "sqlite"))


def test_where_a_statement_stands() -> None:
    """A piece knows its number and the line in which it begins."""
    found = split_script("a;\n\n-- x\n b\n;c;\n'\n';\nd", LEXES["mysql"])

    assert [(1, 1), (2, 4), (3, 5), (4, 6), (5, 8)] == [
        (piece.number, piece.line) for piece in found
    ]


@pytest.mark.parametrize("text", ["a;\n'b", 'a;\n"', "a;\n/* b"])
def test_what_is_never_closed(text: str) -> None:
    """A script that ends in the middle of a string is not run up to there."""
    with pytest.raises(asyncdb.ProgrammingError, match="line 2"):
        cut(text)


@given(
    st.lists(st.sampled_from(["'a;'", '";"', "b", "1", "(c;)", "/*;*/ d", "e -- ;\n"]))
)
def test_what_was_joined_is_cut_again(statements: list[str]) -> None:
    """Statements joined by `;` come back one by one."""
    bare = [statement.strip().removeprefix("/*;*/ ") for statement in statements]
    for lexis in LEXES.values():
        found = split_script(";\n".join(statements), lexis)
        assert bare == [piece.sql for piece in found]


@pytest.mark.parametrize("line", ["a 'b;'; -- c\n", "delimiter //\na//\n"])
def test_a_long_script_is_read_once(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each token goes by once, also behind ten thousand DELIMITER lines."""
    tokens = 0

    def counting(sql: str, lexis: Lexis, position: int) -> Iterator[Token]:
        nonlocal tokens
        for token in scan(sql, lexis, position):
            tokens += 1
            yield token

    monkeypatch.setattr(scripts, "scan", counting)
    assert 10_000 == len(cut(line * 10_000, "mysql"))

    assert tokens <= 4 * 10_000


def test_the_default_lexis() -> None:
    """A stranger's driver has the rules of the standard."""
    assert 2 == len(split_script("create trigger t begin a; end; b", Lexis()))
