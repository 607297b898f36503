"""Parameters: markers become placeholders, or the text is refused and says why."""

from __future__ import annotations

import time
from typing import Any

import pytest

from asyncdb.dialect import Lexis
from asyncdb.errors import MultipleStatements, ParameterError
from asyncdb.sql import Statement, arguments, prepare
from asyncdb.sql.parameters import CACHED_TEXTS, LONGEST_CACHED
from tests.unit.lexes import ALL, MYSQL, MYSQL_DEFAULT, POSTGRESQL, SQLITE

PG, MY, MYD, SL = POSTGRESQL, MYSQL, MYSQL_DEFAULT, SQLITE
PLACEHOLDERS: dict[Lexis, Any] = {
    PG: "dollar",
    MY: "literal",
    MYD: "literal",
    SL: "qmark",
}


def read(text: str, style: Any, lexis: Lexis, placeholder: Any = None) -> Statement:
    """The text, read for this lexis and its engine's placeholder."""
    return prepare(text, style, lexis, placeholder or PLACEHOLDERS[lexis])


# -- rewriting -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lexis", "text", "expected", "order"),
    [
        (PG, "SELECT ?, ?", "SELECT $1, $2", (0, 1)),
        (PG, "?::int + ?", "$1::int + $2", (0, 1)),
        (PG, "a ?? ?", "a ? $1", (0,)),
        (PG, "a ??| ?", "a ?| $1", (0,)),
        (PG, "a @?? ?", "a @? $1", (0,)),
        (PG, "???", "?$1", (0,)),
        (PG, "?||?", "$1||$2", (0, 1)),
        (PG, "a[?:?]", "a[$1:$2]", (0, 1)),
        (PG, "a[:n] = ?", "a[:n] = $1", (0,)),
        (PG, "'?' \"?\" $$?$$ E'\\'?' /*/*?*/?*/ ?", None, (0,)),
        (SL, "SELECT ?, ?", "SELECT ?, ?", (0, 1)),
        (SL, "[?] `?` '?' -- ?\n ?", "[?] `?` '?' -- ?\n ?", (0,)),
        (SL, "SELECT '??'", "SELECT '??'", ()),
        (MY, "SELECT ?", "", (0,)),
        (MY, "SELECT '?'", "SELECT '?'", ()),
    ],
)
def test_a_sequence_binds_question_marks(
    lexis: Lexis, text: str, expected: str | None, order: tuple[int, ...]
) -> None:
    """Each `?` outside quotes and comments takes the next value, and `??` is a `?`."""
    statement = read(text, "positional", lexis)
    if expected is None:
        expected = text[:-1] + "$1"
    assert (expected, order) == (statement.text, statement.order)


@pytest.mark.parametrize(
    ("lexis", "text", "expected", "keys", "order"),
    [
        (PG, ":b, :a, :b", "$1, $2, $1", ("b", "a", "b"), ("b", "a")),
        (PG, ":a::int", "$1::int", ("a",), ("a",)),
        (PG, "x ? :a", "x ? $1", ("a",), ("a",)),
        (PG, "x ?| :a", "x ?| $1", ("a",), ("a",)),
        (PG, "x ?? :a", "x ? $1", ("a",), ("a",)),
        (PG, "x[1:2], ARRAY[:a], x[(:b)]", "x[1:2], ARRAY[$1], x[($2)]", "ab", "ab"),
        (PG, "f(x := :a)", "f(x := $1)", ("a",), ("a",)),
        (PG, "f(x:=:a)", "f(x:=$1)", ("a",), ("a",)),
        (PG, "JSON_OBJECT('k':v, 'l': :a)", "JSON_OBJECT('k':v, 'l': $1)", "a", "a"),
        (SL, ":b, :a, :b", "?, ?, ?", ("b", "a", "b"), ("b", "a", "b")),
        (SL, "':a' [:a] :größe", "':a' [:a] ?", ("größe",), ("größe",)),
        (MY, ":b, :a, :b", "", ("b", "a", "b"), ("b", "a", "b")),
        (MY, "@x := :a", "", ("a",), ("a",)),
    ],
)
def test_a_mapping_binds_names(
    lexis: Lexis, text: str, expected: str, keys: Any, order: Any
) -> None:
    """Each `:name` takes its value; a numbered placeholder is given it once."""
    statement = read(text, "named", lexis)
    assert expected == statement.text
    assert (tuple(keys), tuple(order)) == (statement.keys, statement.order)


@pytest.mark.parametrize("lexis", [PG, MY, SL])
@pytest.mark.parametrize("text", ["SELECT '?", "a ? b ?? :c $1; x", "", "a\0b", "%s"])
def test_without_parameters_the_text_is_untouched(text: str, lexis: Lexis) -> None:
    """With no parameters any text is sent as it is, right or wrong."""
    statement = read(text, "none", lexis)
    assert (text, (text,), (), ()) == (
        statement.text,
        statement.pieces,
        statement.keys,
        statement.order,
    )


def test_format_doubles_percent_signs() -> None:
    """Where the driver formats with `%`, all others are doubled, in quotes as well."""
    statement = read("x LIKE '%?%' AND y % ? = 0", "positional", MY, "format")
    assert "x LIKE '%%?%%' AND y %% %s = 0" == statement.text
    assert ("x LIKE '%?%' AND y % ", " = 0") == statement.pieces


def test_format_without_parameters_doubles_nothing() -> None:
    """A text without parameters is not formatted, so its `%` stay single."""
    assert "LIKE 'a%'" == read("LIKE 'a%'", "none", MY, "format").text


# -- seams -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT?", "SELECT $1"),
        ("E?", "E $1"),
        ("a$?", "a$ $1"),
        ("é?", "é $1"),
        ("5?", "5 $1"),
        ("?5", "$1 5"),
        ("?OR?", "$1 OR $2"),
        ("?::int", "$1::int"),
        ("?.x", "$1.x"),
        ("a=?", "a=$1"),
        ("-?", "-$1"),
        ("'a'?", "'a'$1"),
        ("$$a$$?", "$$a$$ $1"),
    ],
)
def test_a_numbered_placeholder_does_not_grow(text: str, expected: str) -> None:
    """A `$1` never joins a name or number beside it."""
    assert expected == read(text, "positional", PG).text


def test_a_question_mark_does_not_get_a_number() -> None:
    """A `:a` before a digit does not become SQLite's `?5`."""
    assert "? AND ?" == read("?AND ?", "positional", SL).text
    assert "?" == read(":a5", "named", SL).text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = ?", "a = V"),
        ("f(?,?)", "f(V,V)"),
        ("f(?);", "f(V);"),
        ("a=?", "a= V"),
        ("x?", "x V"),
        ("N?", "N V"),
        ("@?", "@ V"),
        ("x.?", "x. V"),
        ("5?", "5 V"),
        ("?5", "V 5"),
        ("?.5", "V .5"),
        ("?OR?", "V OR V"),
        ("?-1", "V -1"),
        ("?--1", "V --1"),
        ("5-?", "5-(V)"),
        ("5--?", "5--(V)"),
        ("5 - -?", "5 - -(V)"),
        ("'a'?", "'a' (V)"),
        ("'a' ?", "'a' (V)"),
        ("?'a'", "(V)'a'"),
        ("? 'a'", "(V) 'a'"),
        ("? /* c */ 'a'", "(V) /* c */ 'a'"),
        ("? -- c\n 'a'", "(V) -- c\n 'a'"),
        ("? /*! 'a' */", "(V) /*! 'a' */"),
        ("? /*!50000 'a' */", "(V) /*!50000 'a' */"),
        ("? AS 'a'", "V AS 'a'"),
        ("?, 'a'", "V, 'a'"),
        ("'a' = ?", "'a' = V"),
        ('? "a"', '(V) "a"'),
        ("? `a`", "(V) `a`"),
        ("? ?", "V (V)"),
        ("LIMIT ?, ?", "LIMIT V, V"),
        ("INTERVAL ? DAY", "INTERVAL V DAY"),
        ("_x, ?", "_x, V"),
        ("a->?", "a-> V"),
        ("/*c*/?", "/*c*/ V"),
    ],
)
@pytest.mark.parametrize("placeholder", ["literal", "format"])
def test_a_literal_stays_one_token(text: str, expected: str, placeholder: Any) -> None:
    """What is written in a marker's place never joins what stands beside it."""
    assert expected == "V".join(read(text, "positional", MY, placeholder).pieces)


@pytest.mark.parametrize("text", ["_utf8mb4 ?", "_binary?", "x = _latin1 /* c */ ?"])
def test_introducers_are_refused(text: str) -> None:
    """`_binary ?` would work for some values only: literals have one of their own."""
    with pytest.raises(ParameterError, match="after an introducer"):
        read(text, "positional", MY)


def test_an_operator_is_no_neighbour() -> None:
    """A `?` that is left to the engine needs nothing around it, and makes nothing."""
    statement = read("_x ? :a", "named", PG, "format")
    assert ("_x ? ", "") == statement.pieces


# -- refusals --------------------------------------------------------------------------

SECRET = "s3cret"


@pytest.mark.parametrize(
    ("lexis", "style", "text", "message"),
    [
        (
            PG,
            "positional",
            "SELECT ?, 's3cret",
            r"unterminated string.*line 1.*column 11",
        ),
        (
            PG,
            "named",
            "SELECT :a,\n  's3cret",
            r"unterminated string.*line 2, column 3",
        ),
        (PG, "positional", "E's3cret", "unterminated string"),
        (PG, "positional", "E'a'\n's3cret\\'", "unterminated string"),
        (PG, "positional", '"s3cret', "unterminated quoted name"),
        (PG, "positional", "$x$s3cret$y$", "unterminated dollar-quoted string"),
        (PG, "positional", "? /* /* s3cret */", "unterminated comment.*column 3"),
        (MY, "positional", "? /* s3cret", "unterminated comment"),
        (MY, "positional", "? /*! s3cret", "unterminated comment"),
        (MY, "positional", "`s3cret", "unterminated quoted name"),
        (MYD, "positional", "'s3cret\\'", "unterminated string"),
        (MYD, "positional", '"s3cret', "unterminated string"),
        (SL, "positional", "[s3cret", "unterminated quoted name"),
        (SL, "positional", "? 's3cret\0'", "NUL character.*column 10"),
        (PG, "positional", "? = $1", r"`\$1` is the database's own"),
        (PG, "named", ":a = $1", r"`\$1` is the database's own"),
        (SL, "positional", "?1", r"`\?1` is the database's own"),
        (SL, "named", ":a, @b", "`@b` is the database's own"),
        (SL, "named", ":a, $b", r"`\$b` is the database's own"),
        (SL, "named", ":1", "`:1` is the database's own"),
        (SL, "named", ":a$b", r"`\$b` is the database's own"),
        (MY, "positional", "/*! ? */", r"marker in the comment that begins with /\*!"),
        (MY, "positional", "/*M! ? */", r"comment that begins with /\*M!|/\*M"),
        (MY, "named", "/*!50000 :a */", "marker in the comment"),
        (MY, "positional", "/*! ?? */", "marker in the comment"),
        (
            MY,
            "positional",
            "/*! '*/ s3cret' */ ?",
            "end depends on the server's version",
        ),
        (MY, "positional", "/*! /* a */ b */ ?", "end depends on the server's version"),
        (MY, "positional", "/*! -- */ ?\n */", "end depends on the server's version"),
        (PG, "positional", "? = :a", "a sequence binds `\\?`, a mapping `:name`"),
        (PG, "positional", "ARRAY[:a]", "a sequence binds"),
        (MY, "positional", "? = :a", "a sequence binds"),
        (SL, "positional", "? = :a", "a sequence binds"),
        (MY, "named", ":a = ?", "a sequence binds"),
        (SL, "named", ":a = ?", "a sequence binds"),
        (SL, "positional", "a ?? ?", "no use for one"),
        (SL, "named", "a ?? :b", "no use for one"),
        (PG, "positional", "-- s3cret\r ?\n ?", "carriage return.*line 1"),
        (MY, "positional", "# s3cret\r ?\n ?", "carriage return"),
    ],
)
def test_refusals(lexis: Lexis, style: Any, text: str, message: str) -> None:
    """What could be bound wrongly is refused, with the place and not the content."""
    with pytest.raises(ParameterError, match=message) as caught:
        read(text, style, lexis)
    assert SECRET not in str(caught.value)


def test_a_refusal_shows_little_of_a_marker() -> None:
    """Text that only looks like a marker is not shown at length."""
    with pytest.raises(ParameterError) as caught:
        read("? :" + "a" * 1000, "positional", PG)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "text", ["? -- a\r\n", "? -- a\r", "/* a\rb */ ?", "'a\rb' ?", "?\r", "\r\n?"]
)
def test_carriage_returns_elsewhere_are_fine(text: str) -> None:
    """A carriage return ends a line or stands in a literal without harm."""
    assert (0,) == read(text, "positional", PG).keys


@pytest.mark.parametrize(
    ("text", "many"),
    [
        ("SELECT ?; SELECT 2", True),
        ("SELECT ?; 2", True),
        ("SELECT ?;)", True),
        ("SELECT ?;;x", True),
        ("SELECT ?; 'x'", True),
        ("SELECT 1; ?", True),
        ("SELECT ?;", False),
        ("SELECT ?; \n;; -- end\n", False),
        ("SELECT ?; /* end; */", False),
        (";; SELECT ?", False),
        ("/* a; */ ; SELECT ? ';'", False),
        ("; 1 + ?", False),
        ("SELECT ';' || ?", False),
    ],
)
@pytest.mark.parametrize("lexis", ALL.values(), ids=list(ALL))
def test_one_statement_at_a_time(text: str, many: bool, lexis: Lexis) -> None:
    """A text with parameters holds one statement; with none, it is told how many."""
    assert many is prepare(text, "none", lexis, "dollar").multiple
    if many:
        with pytest.raises(MultipleStatements) as caught:
            prepare(text, "positional", lexis, "dollar")
        assert text == caught.value.sql
    else:
        assert (0,) == prepare(text, "positional", lexis, "dollar").keys


def test_code_comments_hold_statements() -> None:
    """A statement in /*! */ counts, the comment around it does not."""
    assert read("SELECT 1; /*! */", "none", MY).multiple is False
    assert read("SELECT 1; /*! SELECT 2 */", "none", MY).multiple is True


# -- cost ------------------------------------------------------------------------------


def test_a_text_is_read_once() -> None:
    """The same text, style, lexis and placeholder give the same statement."""
    text = "SELECT ?"
    assert read(text, "positional", PG) is read(text, "positional", PG)
    assert read(text, "positional", PG) is not read(text, "none", PG)
    assert read(text, "positional", PG) is not read(text, "positional", SL)
    assert read(text, "positional", MY) is not read(text, "positional", MY, "format")


def test_memory_is_bounded() -> None:
    """Long texts and texts of long ago are not kept."""
    long = "SELECT ?" + " " * LONGEST_CACHED
    assert read(long, "positional", PG) is not read(long, "positional", PG)
    first = read("SELECT ?, 'first'", "positional", PG)
    for number in range(CACHED_TEXTS):
        read(f"SELECT ?, {number}", "positional", PG)
    assert first is not read("SELECT ?, 'first'", "positional", PG)


@pytest.mark.parametrize("lexis", [PG, MY, SL])
@pytest.mark.parametrize("unit", ["?, ", "? 'a', ", "x-?,", "(?,?),"])
def test_a_million_characters_of_markers(unit: str, lexis: Lexis) -> None:
    """Hundreds of thousands of markers are read in about a second."""
    count = 1_000_000 // len(unit)
    began = time.process_time()
    statement = read("VALUES " + unit * count, "positional", lexis)
    args = arguments(statement, list(range(len(statement.keys))))
    assert time.process_time() - began < 5  # 1 where this was written
    assert count * unit.count("?") == len(args)
