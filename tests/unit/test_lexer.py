"""The lexer divides text as each engine does: every trap that was found, and more."""

from __future__ import annotations

import itertools
import re
import sys
import time
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncdb.dialect import Lexis
from asyncdb.dialects import mysql, postgresql, sqlite
from asyncdb.sql import lexer
from asyncdb.sql.lexer import scan
from tests.unit.lexes import (
    ALL,
    MYSQL,
    MYSQL_DEFAULT,
    POSTGRESQL,
    POSTGRESQL_BACKSLASH,
    SQLITE,
)

PG, MY, MYD, SL = POSTGRESQL, MYSQL, MYSQL_DEFAULT, SQLITE
EVERY = tuple(ALL.values())
OPAQUE = {"string", "name", "comment", "open"}


def tokens(text: str, lexis: Lexis) -> list[str]:
    """The tokens that are not words, as texts; opaque ones with their kind before."""
    found = [(kind, text[a:b]) for kind, a, b in scan(text, lexis) if kind != "word"]
    return [f"{kind} {t}" if kind in OPAQUE else t for kind, t in found]


def test_what_a_word_is_made_of() -> None:
    """Letters, `_` and all beyond ASCII begin a word; digits and `$` go on with it."""
    every = "".join(map(chr, range(sys.maxunicode + 1)))
    letters = re.findall(r"[A-Za-z_\x80-\U0010ffff]", every)

    assert letters == re.findall(lexer._FIRST, every)
    assert sorted([*letters, *"0123456789"]) == re.findall(lexer._PLAIN, every)
    assert sorted([*letters, *"0123456789$"]) == re.findall(lexer._NEXT, every)


@pytest.mark.parametrize(
    "lexis", [s.DIALECT.lexis for s in (sqlite, mysql, postgresql)]
)
def test_no_pattern_takes_long_to_compile(lexis: Lexis) -> None:
    """No class has a range beyond ASCII: each would take `re` milliseconds."""
    for brackets, code in itertools.product((False, True), repeat=2):
        assert not re.search(r"\\[uU]", lexer._pattern(lexis, brackets, code).pattern)


# text, the tokens but for words, and the engines that see it so.
SAME_EVERYWHERE = [
    ("", []),
    ("SELECT 1", []),
    ("?", ["?"]),
    ("? ?", ["?", "?"]),
    ("??", ["??"]),
    ("???", ["??", "?"]),
    ("????", ["??", "??"]),
    (":a", [":a"]),
    (":a, :b_2", [":a", ":b_2"]),
    (":größe", [":größe"]),
    (":a::b", [":a"]),
    ("x::a", []),
    ("x:: a", []),
    (":::a", []),
    ("x:=:a", [":a"]),
    ("x := ?", ["?"]),
    ("lbl:loop", []),
    ("1:a", []),
    (": a", []),
    ("'12:30'", ["string '12:30'"]),
    ("'key':value", ["string 'key'"]),
    ('"key":value', ['name "key"']),
    ("(1):a", []),
    ("x=:a", [":a"]),
    ("(:a)", [":a"]),
    ("'?'", ["string '?'"]),
    ("'a''?' ?", ["string 'a''?'", "?"]),
    ("''", ["string ''"]),
    ("'''' ?", ["string ''''", "?"]),
    ("'a' 'b'", ["string 'a'", "string 'b'"]),
    ("'\n?\n'", ["string '\n?\n'"]),
    ("'--' ?", ["string '--'", "?"]),
    ("'/*' ? '*/'", ["string '/*'", "?", "string '*/'"]),
    ('"a""?"', ['name "a""?"']),
    ("x'3F' ?", ["string '3F'", "?"]),
    ("-- ?\n?", ["comment -- ?", "?"]),
    ("-- it's\n?", ["comment -- it's", "?"]),
    ("-- ?", ["comment -- ?"]),
    ("--", ["comment --"]),
    ("1 - - ?", ["?"]),
    ("/* ? */ ?", ["comment /* ? */", "?"]),
    ("/**/?/**/", ["comment /**/", "?", "comment /**/"]),
    ("/***/ ?", ["comment /***/", "?"]),
    ("/* it's */ ?", ["comment /* it's */", "?"]),
    ("/* -- */ ?", ["comment /* -- */", "?"]),
    ("5*/*c*/2", ["comment /*c*/"]),
    ("5/ ?", ["?"]),
    ("a;;b", [";;"]),
    ("a; ;b", [";", ";"]),
    ("'a", ["open 'a"]),
    ("'a''", ["open 'a''"]),
    ("x '''", ["open '''"]),
    ('"a', ['open "a']),
    ("/* ?", ["open /* ?"]),
    ("/*/ ?", ["open /*/ ?"]),
    ("a ? b", ["?"]),
    ("a?b", ["?"]),
    ("f(?)", ["?"]),
    ("\N{NO-BREAK SPACE}:a", []),  # a blank to us, a letter to all engines
    ("\\ ?", ["?"]),
]


@pytest.mark.parametrize("lexis", EVERY, ids=list(ALL))
@pytest.mark.parametrize(("text", "expected"), SAME_EVERYWHERE)
def test_engines_agree(text: str, expected: list[str], lexis: Lexis) -> None:
    """What all engines read in the same way is read so for each of them."""
    if lexis is MYD and '"' in text:
        expected = [token.replace('name "', 'string "') for token in expected]
    assert expected == tokens(text, lexis)


TRAPS = [
    # -- PostgreSQL: escape strings, continued strings
    (PG, r"E'a\'?' ?", [r"string E'a\'?'", "?"]),
    (PG, r"e'\\' ?", [r"string e'\\'", "?"]),
    (PG, "E'a''?' ?", ["string E'a''?'", "?"]),
    (PG, r"'a\' ?", [r"string 'a\'", "?"]),
    (PG, r"xE'a\' ?", [r"string 'a\'", "?"]),  # the name xE, then a string
    (PG, r"E 'a\' ?", [r"string 'a\'", "?"]),
    (PG, "E'a'\n'b\\'?' ?", ["string E'a'\n'b\\'?'", "?"]),
    (PG, "E'a' -- c\n -- d\n 'b\\'?'", ["string E'a' -- c\n -- d\n 'b\\'?'"]),
    (PG, "E'a'\r\t'b\\'?'", ["string E'a'\r\t'b\\'?'"]),
    (PG, r"E'a' 'b\' ?", ["string E'a'", r"string 'b\'", "?"]),  # no line end
    (PG, "E'a'/**/\n'b'", ["string E'a'", "comment /**/", "string 'b'"]),
    (PG, "E'a'\n'b\\'", ["open E'a'\n'b\\'"]),
    (PG, r"E'a\'", [r"open E'a\'"]),
    (PG, r"U&'d\0061' ?", [r"string 'd\0061'", "?"]),
    (PG, r"B'1' X'3F' N'?'", ["string '1'", "string '3F'", "string '?'"]),
    (POSTGRESQL_BACKSLASH, r"'a\'?' ?", [r"string 'a\'?'", "?"]),
    (POSTGRESQL_BACKSLASH, r'"a\" ?', [r'name "a\"', "?"]),
    # -- PostgreSQL: dollar strings and what looks like them
    (PG, "$$?$$ ?", ["string $$?$$", "?"]),
    (PG, "$a$ $b$ ? $a$ ?", ["string $a$ $b$ ? $a$", "?"]),
    (PG, "$a$ $A$ $a$", ["string $a$ $A$ $a$"]),
    (PG, "$a$'$a$ ?", ["string $a$'$a$", "?"]),
    (PG, "$$ $a$$ ?", ["string $$ $a$$", "?"]),
    (PG, "$é$?$é$", ["string $é$?$é$"]),
    (PG, "a$b$c ? a$b$c", ["?"]),
    (PG, "a$$ ? b$$", ["?"]),
    (PG, "1$$?$$", ["string $$?$$"]),
    (PG, "$1$$?$$", ["$1", "string $$?$$"]),
    (PG, "$1a$ ? $1a$", ["$1", "?", "$1"]),
    (PG, "$a ?", ["?"]),
    (PG, "$$ ?", ["open $$ ?"]),
    (PG, "$a$ $b$", ["open $a$ $b$"]),
    (PG, "$1 + $23", ["$1", "$23"]),
    (PG, "x$1", []),
    # -- PostgreSQL: comments
    (PG, "/* /* ? */ ? */ ?", ["comment /* /* ? */ ? */", "?"]),
    (PG, "/*/**/*/ ?", ["comment /*/**/*/", "?"]),
    (PG, "/* /* */ ?", ["open /* /* */ ?"]),
    (PG, "/* -- */ ? /* */", ["comment /* -- */", "?", "comment /* */"]),
    (PG, "5--1 ?\n?", ["comment --1 ?", "?"]),
    (PG, "1 # ?", ["?"]),
    (PG, "/*! ? */", ["comment /*! ? */"]),
    # -- PostgreSQL: operators
    (PG, "a ?| ?", ["?", "?"]),
    (PG, "a ??& b", ["??"]),
    (PG, "a @? b", ["?"]),
    (PG, "a @?? ?", ["??", "?"]),
    (PG, "?||?", ["?", "?"]),
    (PG, "a->>?", ["?"]),
    (PG, "?::int", ["?"]),
    (PG, ":a::int[]", [":a"]),
    (PG, "`?`", ["?"]),
    (PG, "12:30", []),
    (SL, "12:30", [":30"]),  # a marker to SQLite, if hardly on purpose
    # -- PostgreSQL: subscripts, slices, lists
    (PG, "a[1:2] ?", ["?"]),
    (PG, "a[:2]", []),
    (PG, "a[:n]", []),
    (PG, "a[1 :n]", []),
    (PG, "a[x:n]", []),
    (PG, "a[?:?]", ["?", "?"]),
    (PG, "a[(:m):(:n)]", [":m", ":n"]),
    (PG, "a[f(:m, :n)]", [":m", ":n"]),
    (PG, "(:a)[:n]", [":a"]),
    (PG, "(ARRAY[1])[:n]", []),
    (PG, "ARRAY[:a, :b]", [":a", ":b"]),
    (PG, "array [ :a ]", [":a"]),
    (PG, "Array/*c*/[:a]", ["comment /*c*/", ":a"]),
    (PG, "ARRAY[[:a],[:b]]", [":a", ":b"]),
    (PG, "ARRAY[ARRAY[:a], ARRAY[:b]]", [":a", ":b"]),
    (PG, "ARRAY[x[:n], :a]", [":a"]),
    (PG, "ARRAY[:a][:n]", [":a"]),
    (PG, "ARRAY[f(x, y[:n]), :a]", [":a"]),
    (PG, "myarray[:n] array2[:n]", []),
    (PG, "a[:n] = :b", [":b"]),
    (PG, "']' || a[':x' :n]", ["string ']'", "string ':x'"]),
    (PG, 'a["b]":n]', ['name "b]"']),
    (PG, "a[ -- ]\n :n]", ["comment -- ]"]),
    (PG, "]) :a", [":a"]),
    (PG, "x[1) :n] :a", [":n", ":a"]),  # not SQL: the brackets are taken as they come
    (SL, "ARRAY[:a]", ["name [:a]"]),
    (MY, "a[:n]", [":n"]),
    # -- MySQL: comments
    (MY, "5--? ?", ["?", "?"]),
    (MY, "5--1 ?", ["?"]),
    (MY, "5 -- ?\n?", ["comment -- ?", "?"]),
    (MY, "5 --\t?\n?", ["comment --\t?", "?"]),
    (MY, "5--\n?", ["comment --", "?"]),
    (MY, "5--\x01?\n?", ["comment --\x01?", "?"]),
    (MY, "5--\x7f?\n?", ["comment --\x7f?", "?"]),
    (MY, "5--\N{NO-BREAK SPACE}?", ["?"]),
    (MY, "5--", ["comment --"]),
    (MY, "5---?", ["?"]),
    (MY, "# ?\n?", ["comment # ?", "?"]),
    (MY, "a#'\n?", ["comment #'", "?"]),
    (MY, "/* /* ? */ ?", ["comment /* /* ? */", "?"]),
    (MY, "/*+ ? */ ?", ["comment /*+ ? */", "?"]),
    (MY, "/*! ? */ ?", ["/*!", "?", "*/", "?"]),
    (MY, "/*!50701 a */", ["/*!50701", "*/"]),
    (MY, "/*!100100 a */", ["/*!100100", "*/"]),
    (MY, "/*!5 a */", ["/*!", "*/"]),
    (MY, "/*M! ? */", ["/*M!", "?", "*/"]),
    (MY, "/*M!100100 ? */", ["/*M!100100", "?", "*/"]),
    (MY, "/*m! ? */", ["comment /*m! ? */"]),
    (MY, "/*! '*/' */ ?", ["/*!", "string '*/'", "*/", "?"]),
    (MY, "/*! /* ? */ ? */", ["/*!", "comment /* ? */", "?", "*/"]),
    (MY, "/*! a */*/* ? */ b", ["/*!", "*/", "comment /* ? */"]),
    (MY, "a */*c*/ ?", ["comment /*c*/", "?"]),
    (MY, "/*!", ["/*!", "open /*!"]),
    (MY, "? /*! a", ["?", "/*!", "open /*! a"]),
    (MY, "/*! 'a */", ["/*!", "open 'a */"]),
    # -- MySQL: quotes, with and without backslashes
    (MY, r"'a\' ?", [r"string 'a\'", "?"]),
    (MY, r'"a\" ?', [r'name "a\"', "?"]),
    (MY, "`a``?` ?", ["name `a``?`", "?"]),
    (MY, r"`a\` ?", [r"name `a\`", "?"]),
    (MY, "`a", ["open `a"]),
    (MY, "$$ ? $$", ["?"]),
    (MY, "@a:=? @b:=:c", ["?", ":c"]),
    (MY, "@`?` @'?'", ["name `?`", "string '?'"]),
    (MY, "E'a' ?", ["string 'a'", "?"]),
    (MYD, r"'a\'?' ?", [r"string 'a\'?'", "?"]),
    (MYD, r"'a\\' ?", [r"string 'a\\'", "?"]),
    (MYD, r"'a\'''?' ?", [r"string 'a\'''?'", "?"]),
    (MYD, r'"a\"?" ?', [r'string "a\"?"', "?"]),
    (MYD, r"`a\` ?", [r"name `a\`", "?"]),
    (MYD, "'\\\n' ?", ["string '\\\n'", "?"]),
    (MYD, "'a\\", ["open 'a\\"]),
    (MYD, r"'\'", [r"open '\'"]),
    (MYD, "'a\"?' ?", ["string 'a\"?'", "?"]),
    # -- SQLite
    (SL, "[a:x] ?", ["name [a:x]", "?"]),
    (SL, "[a?]]? [", ["name [a?]", "?", "open ["]),
    (SL, "[it's] ?", ["name [it's]", "?"]),
    (SL, "[a", ["open [a"]),
    (SL, "`?` ?", ["name `?`", "?"]),
    (SL, "?1", ["?1"]),
    (SL, "?12, ?", ["?12", "?"]),
    (SL, "?a", ["?"]),
    (SL, "@a $b $b$c #d :1", ["@a", "$b", "$b$c", "#d", ":1"]),
    (SL, "a$b ?", ["?"]),
    (SL, "5--1 ?\n?", ["comment --1 ?", "?"]),
    (SL, "/* /* ? */ ?", ["comment /* /* ? */", "?"]),
    (SL, r"'a\' ?", [r"string 'a\'", "?"]),
    (SL, "/*! ? */", ["comment /*! ? */"]),
]


@pytest.mark.parametrize(("lexis", "text", "expected"), TRAPS)
def test_traps(lexis: Lexis, text: str, expected: list[str]) -> None:
    """Each engine's own quoting, comments and colons are read as it reads them."""
    assert expected == tokens(text, lexis)


def test_words_are_identifiers_and_keywords() -> None:
    """Words are names and keywords, not numbers, nor anything inside quotes."""
    text = "SELECT a$b, _c, 1e5, 0x1F, 12abc, é1 FROM \"x\" /* no */ WHERE 'y'"
    found = [text[a:b] for kind, a, b in scan(text, PG) if kind == "word"]
    assert ["SELECT", "a$b", "_c", "é1", "FROM", "WHERE"] == found


def test_words_in_code_comments_are_words() -> None:
    """MySQL runs what stands in /*! */, so its words are found."""
    text = "SELECT /*!50000 SQL_NO_CACHE */ 1 /* CACHE */"
    found = [text[a:b] for kind, a, b in scan(text, MY) if kind == "word"]
    assert ["SELECT", "SQL_NO_CACHE"] == found


def test_a_lexis_may_bring_markers_with_groups() -> None:
    """A native marker's expression may have groups of its own."""
    lexis = Lexis(native_markers=r"%\((?P<n>\w+)\)s|(%)s")
    assert ["%(a)s", "%s", "?"] == tokens("%(a)s %s %d ?", lexis)


def test_a_lexis_without_names() -> None:
    """A language need not have quoted names."""
    assert ["?"] == tokens('"?"', Lexis(names=""))


ALPHABET = "'\"`?:$;/*-#\\[](),!M eEa1\n\r\x00é@="


@settings(deadline=None, max_examples=400)
@given(text=st.text(alphabet=ALPHABET, max_size=40))
@pytest.mark.parametrize("lexis", EVERY, ids=list(ALL))
def test_any_text_is_divided(text: str, lexis: Lexis) -> None:
    """No text is refused; tokens stand in order, and only the last one may be open."""
    found = list(scan(text, lexis))
    position = 0
    for kind, start, end in found:
        at = text.index("/*", 0) if kind == "open" and start < position else position
        assert at <= start < end <= len(text)
        position = end
    assert "open" not in [kind for kind, _, _ in found[:-1]]


@settings(deadline=None, max_examples=200)
@given(text=st.text(alphabet=ALPHABET, max_size=20))
@pytest.mark.parametrize("lexis", EVERY, ids=list(ALL))
def test_what_is_quoted_stays_whole(text: str, lexis: Lexis) -> None:
    """Any text becomes one string, and one quoted name, by doubling the quotes."""
    doubled = text.replace("'", "''")
    if "'" in lexis.backslash:
        doubled = doubled.replace("\\", "\\\\")
    named = text.replace('"', '""')
    if '"' in lexis.backslash:
        named = named.replace("\\", "\\\\")
    string, name = f"'{doubled}'", f'"{named}"'
    kind = "string" if '"' in lexis.strings else "name"
    expected = [f"string {string}", "?", f"{kind} {name}", "?"]
    assert expected == tokens(f"{string} ? {name} ?", lexis)


REPEATED = [
    "?", "? ", "'", "''", '"', "`", "\\", "'\\", "/*", "/*/", "*/", "/*!", "/*!*/",
    "$", "$a$", "$a$ ", "$1 ", ":", ":a", ",:a", "::", "-", "--", "--\n", "#", "#\n",
    ";", ";a", "[", "[]", "a[:b]", "ARRAY[", "(", ",", "a", "a ", "1", "1 ", " ", "é",
    "E'", "E''\n", "E'a'--\n", "E'\\", "@", "@a ", "%", "\r", "\x00", "/", "*", "e",
]  # fmt: skip


def seconds(text: str, lexis: Lexis) -> float:
    """Processor time to divide a text; other programs' does not count."""
    began = time.process_time()
    deque(scan(text, lexis), maxlen=0)
    return time.process_time() - began


@pytest.mark.parametrize("opening", ["", "'", "/*", "E'", "$x$", "a[", "/*!"])
@pytest.mark.parametrize("lexis", EVERY, ids=list(ALL))
def test_time_is_linear(lexis: Lexis, opening: str) -> None:
    """Whatever a text repeats, each character is looked at a few times only."""
    for unit in REPEATED:
        text = opening + unit * (10_000 // len(unit))
        # About 0.01 s; a second and more if each character looked at all others.
        assert seconds(text, lexis) < 0.4, f"{unit!r} after {opening!r}"


@pytest.mark.parametrize(
    ("lexis", "unit"),
    [
        *[(PG, u) for u in ("?", "'", "$", ":", "\\", "/*", "[]", ",:a", "a ", ";a")],
        *[(MYD, u) for u in ("?", "'", "\\'", "/*", "/*!*/", "--", "#\n", "`")],
        *[(SL, u) for u in ("?", '"', "[", "?1")],
    ],
)
def test_a_million_characters(lexis: Lexis, unit: str) -> None:
    """A million characters of the worst kind take a second or so."""
    text = unit * (1_000_000 // len(unit))
    assert seconds(text, lexis) < 5  # 0.1 to 1.0 where this was written
