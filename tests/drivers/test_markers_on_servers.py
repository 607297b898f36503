"""Markers mean to each server what they mean to us, whatever stands around them.

Hypothesis writes `SELECT expression, expression ...` from an engine's own literals,
comments, names and operators, all full of what looks like markers, around real ones.
The server must give the values that were bound and written, each in its place.
"""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import asyncdb
from tests.plugins.databases import POSTGRESQLS, engines

# `db` is the same connection for all examples of a test: they leave nothing behind.
EXAMPLES = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

# An expression: its text with MARKER for each marker, their values, what it gives.
Expression = tuple[str, list[Any], Any]
MARKER = "\0"
BITS = st.sampled_from(
    ["?", "??", ":a", "::b", "$1", "$$", "$t$", "%s", "%", "--", "-- ", "#", "/*", "*/",
     "'", '"', "`", "[", "]", "\\", ";", "\n", "E'", "a", "1", " ", "é", "@x", "/*!"]
)  # fmt: skip
CONTENT = st.lists(BITS, max_size=6).map("".join)


def without(*lost: str) -> st.SearchStrategy[str]:
    """Content that cannot end what it stands in."""
    return CONTENT.filter(lambda content: not any(bit in content for bit in lost))


def doubled(content: str, quote: str) -> str:
    """A literal or name with its quotes doubled."""
    return quote + content.replace(quote, quote * 2) + quote


def escaped(content: str) -> str:
    """A PostgreSQL literal with backslashes."""
    content = content.replace("\\", "\\\\").replace("'", r"\'").replace("\n", r"\n")
    return f"E'{content}'"


BOUND = CONTENT.map(lambda value: (MARKER, [value], value))
LITERAL: st.SearchStrategy[Expression] = CONTENT.map(
    lambda value: (doubled(value, "'"), [], value)
)
BLOCK = without("*/", "/*").map(lambda content: f"/* {content} */")
LINE = without("\n").map(lambda content: f"-- {content}\n")
BLANK = st.sampled_from([" ", "\n", "\t"])


class Engine:
    """What an engine's texts are made of.

    Args:
        text_type: what CAST makes a string.
        gaps: what may stand between two tokens.
        names: quoted names.
        extra: expressions of its own.
    """

    def __init__(
        self,
        text_type: str,
        gaps: list[st.SearchStrategy[str]],
        names: list[st.SearchStrategy[str]],
        extra: list[st.SearchStrategy[Expression]],
    ) -> None:
        self.text_type = text_type
        self.gap = st.one_of(BLANK, BLOCK, LINE, *gaps)
        self.name = st.one_of(names)
        self.texts = st.one_of(BOUND, LITERAL, BOUND, self._composed())
        self.extra = st.one_of(self.texts, *extra)

    def _composed(self) -> st.SearchStrategy[Expression]:
        """An expression around other ones; the gaps are drawn here as well."""
        simple = st.one_of(BOUND, LITERAL)
        join = st.builds(
            lambda a, x, y, b: (f"{a[0]}{x}||{y}{b[0]}", a[1] + b[1], a[2] + b[2]),
            simple, self.gap | st.just(""), self.gap | st.just(""), simple,
        )  # fmt: skip
        shapes = [f"CAST({{}} AS {self.text_type})", "({})", "CASE WHEN 1=1 THEN{}END"]
        shapes += ["COALESCE({},'x')", "NULLIF({}, NULL)"]
        wrapped = st.builds(
            lambda shape, gap, inner: (
                shape.format(f"{gap}{inner[0]}{gap}"), inner[1], inner[2],
            ),
            st.sampled_from(shapes), self.gap, simple,
        )  # fmt: skip
        return st.one_of(join, wrapped)


def aliases(quote: str) -> st.SearchStrategy[str]:
    """Quoted names: not empty, and without a blank at their end (MySQL)."""
    return CONTENT.map(lambda content: doubled(f"n{content}.", quote))


def dollar(content: str, tag: str) -> Expression:
    """A dollar-quoted string of PostgreSQL."""
    return f"${tag}${content}${tag}$", [], content


INTEGERS = st.integers(-(2**31), 2**31 - 1)
KEYS = st.sampled_from(["a", "?", ":b", "z"])
HOLDS = """'{"a": 1, "?": 2, ":b": 3}'::jsonb"""
POSTGRESQL = Engine(
    "TEXT",
    gaps=[without("*/", "/*").map(lambda c: f"/*{c}/*{c}*/?*/")],
    names=[aliases('"')],
    extra=[
        CONTENT.map(lambda v: (escaped(v), [], v)),
        st.builds(lambda a, b: (f"{escaped(a)} -- '\n {escaped(b)[1:]}", [], a + b),
                  CONTENT, CONTENT),
        without("$").map(lambda v: dollar(v, "")),
        without("$t$").filter(lambda v: not v.endswith(("$", "$t"))).map(
            lambda v: dollar(v, "t")),
        BOUND.map(lambda e: (f"{MARKER}::text", e[1], e[2])),
        KEYS.map(lambda k: (f"{HOLDS}??{MARKER}", [k], k != "z")),
        KEYS.map(lambda k: (f"{HOLDS} ??| ARRAY[{MARKER}]", [k], k != "z")),
        st.builds(lambda a, b: (f"(ARRAY[{MARKER},{MARKER}])[:2]", [a, b], [a, b]),
                  CONTENT, CONTENT),
        st.integers(1, 3).map(lambda n: (
            f"('{{1,2,3}}'::int[])[({MARKER}::int):]", [n], [1, 2, 3][n - 1:])),
        INTEGERS.map(lambda n: (f"1-{MARKER}::bigint", [n], 1 - n)),
        INTEGERS.map(lambda n: (f"- -{MARKER}::bigint", [n], n)),
        st.just(("a$b FROM (SELECT 7 AS a$b) x", [], 7)),
    ],
)  # fmt: skip
MYSQL = Engine(
    "CHAR",
    gaps=[
        without("\n").map(lambda c: f"#{c}\n"),
        without("\n").map(lambda c: f"--\t{c}\n"),
        st.just("/*!*/"),
        st.just("/*!50000*/"),
    ],
    names=[aliases("`"), aliases('"'), aliases("'")],
    extra=[
        INTEGERS.map(lambda n: (f"5--{MARKER}", [n], 5 + n)),
        INTEGERS.map(lambda n: (f"5-{MARKER}", [n], 5 - n)),
        INTEGERS.map(lambda n: (f"5---{MARKER}", [n], 5 - n)),
        INTEGERS.map(lambda n: (f"-{MARKER}", [n], -n)),
        INTEGERS.map(lambda n: (f"/*! 1 + */{MARKER}", [n], 1 + n)),
        st.just(("1 /*! + 1 */", [], 2)),
    ],
)
SQLITE = Engine(
    "TEXT",
    gaps=[],
    names=[aliases('"'), aliases("`"), without("]").map(lambda c: f"[n{c}]")],
    extra=[
        INTEGERS.map(lambda n: (f"5-{MARKER}", [n], 5 - n)),
        INTEGERS.map(lambda n: (f"-{MARKER}", [n], -n)),
        st.just(("[a:x] FROM (SELECT 7 AS [a:x])", [], 7)),
    ],
)
ENGINES = {"postgresql": POSTGRESQL, "mysql": MYSQL, "sqlite": SQLITE}
WORDY = frozenset(string.ascii_letters + string.digits + "_$é")


@st.composite
def statements(draw: Any, engine: Engine, marker: str) -> Expression:
    """A SELECT with some columns: its text, all values bound, all values expected."""
    text, values, expected = "SELECT", [], []
    columns = draw(st.lists(engine.texts, max_size=3))
    columns.append(draw(engine.extra))  # last, for it may bring a FROM of its own
    for number, (column, bound, gives) in enumerate(columns):
        text += "," if number else ""
        # `SELECT'a'` and `SELECT?` will do; `SELECT1` will not, and in `SELECT:name`
        # the colon belongs to the word.
        first = marker if column[0] == MARKER else column[0]
        needed = not number and (first in WORDY or first == ":")
        text += draw(engine.gap if needed else engine.gap | st.just("")) + column
        if " FROM " not in column:
            text += draw(named(engine, column))
        values += bound
        expected.append(gives)
    text += draw(engine.gap | st.just(""))
    parts = text.split(MARKER)
    names = ["?" if marker == "?" else f":p{n}" for n in range(len(values))]
    text = parts[0] + "".join(
        n + part for n, part in zip(names, parts[1:], strict=True)
    )
    return text, values, expected


@st.composite
def named(draw: Any, engine: Engine, column: str) -> str:
    """A name for a column, with AS, without, or none."""
    kind = draw(st.sampled_from(["", "AS", "alone"]))
    if not kind:
        return ""
    name = draw(engine.name)
    # A name in a string's quotes, after a string, would be more of the string; and
    # after some words a string is a literal of another kind.
    is_safe = column[-1] not in WORDY and (name[0] != "'" or column == MARKER)
    if kind == "AS" or not is_safe:
        return f"{draw(engine.gap)}AS{draw(engine.gap | st.just(''))}{name}"
    return f"{draw(engine.gap | st.just(''))}{name}"


@EXAMPLES
@given(data=st.data())
async def test_positional(db: asyncdb.Connection, data: st.DataObject) -> None:
    """A sequence's values arrive, each where its `?` stands."""
    text, values, expected = data.draw(statements(ENGINES[db.dialect.name], "?"))
    row = await db.fetchone(text, values)
    assert row is not None
    assert expected == list(row)


@EXAMPLES
@given(data=st.data())
async def test_named(db: asyncdb.Connection, data: st.DataObject) -> None:
    """A mapping's values arrive, each where its `:name` stands."""
    text, values, expected = data.draw(statements(ENGINES[db.dialect.name], ":"))
    params = {f"p{n}": value for n, value in enumerate(values)}
    row = await db.fetchone(text, params)
    assert row is not None
    assert expected == list(row)


@EXAMPLES
@given(data=st.data())
async def test_repeated_names(db: asyncdb.Connection, data: st.DataObject) -> None:
    """One name may stand in many places, and has one value in all of them."""
    engine = ENGINES[db.dialect.name]
    value, gap = data.draw(CONTENT), data.draw(engine.gap)
    text = f"SELECT{gap}:v,{gap}:v{gap}||{gap}:w,{gap}CAST(:v AS {engine.text_type})"
    row = await db.fetchone(text, {"v": value, "w": "w"})
    assert row is not None
    assert [value, value + "w", value] == list(row)


@EXAMPLES
@given(value=CONTENT, other=CONTENT)
async def test_values_are_never_read(
    db: asyncdb.Connection, value: str, other: str
) -> None:
    """What looks like a marker inside a value is that value's text."""
    row = await db.fetchone("SELECT ?, '?', ?", [value, other])
    assert row is not None
    assert [value, "?", other] == list(row)


async def check(db: asyncdb.Connection, sql: str, params: Any, expected: Any) -> None:
    """Compare what a server gives with what it should."""
    row = await db.fetchone(sql, params)
    assert row is not None
    assert expected == list(row)


@engines(*POSTGRESQLS)
@pytest.mark.parametrize(
    ("sql", "params", "expected"),
    [
        ("SELECT?", ["a"], ["a"]),
        ("SELECT?AS x,?::int", ["a", 1], ["a", 1]),
        ("SELECT E'\\'?', ?", ["a"], ["'?", "a"]),
        ("SELECT E'a'\n'\\'?', ?", ["b"], ["a'?", "b"]),
        ("SELECT 'a\\', ?", ["b"], ["a\\", "b"]),
        ("SELECT $$?$$, $a$ $$ ? $a$, ?", ["b"], ["?", " $$ ? ", "b"]),
        ("SELECT a$b$c, ? FROM (SELECT 1 AS a$b$c) t", ["b"], [1, "b"]),
        ("SELECT /* /* ? */ ? */ ?", ["b"], ["b"]),
        ("SELECT 5--?\n, ?", ["b"], [5, "b"]),
        ("SELECT 5#?::int", [1], [4]),
        ("SELECT '{\"a\":1}'::jsonb ?? ?", ["a"], [True]),
        ("SELECT '{\"a\":1}'::jsonb ? :k", {"k": "a"}, [True]),
        ("SELECT '{\"a\":1}'::jsonb ?| ARRAY[:k]", {"k": "b"}, [False]),
        ("SELECT '{\"a\":1}'::jsonb @?? ?", ["$.a"], [True]),
        ("SELECT (ARRAY[1,2])[:n], :n FROM (SELECT 1 AS n) t", {"n": "b"}, [[1], "b"]),
        ("SELECT (ARRAY[1,2])[(:n::int):], :n::int", {"n": 2}, [[2], 2]),
        ("SELECT ARRAY[ARRAY[:a::int],ARRAY[:b::int]]", {"a": 1, "b": 2}, [[[1], [2]]]),
        ("SELECT (ARRAY[1,2,3])[?:?]", [1, 2], [[1, 2]]),
        ("SELECT :v::text::varchar", {"v": "a"}, ["a"]),
        ("SELECT make_date(year:=?, month:=?, day:=1)::text", [1, 2], ["0001-02-01"]),
        ("; SELECT ? ; -- end", ["a"], ["a"]),
    ],
)  # fmt: skip
async def test_traps_of_postgresql(
    db: asyncdb.Connection, sql: str, params: Any, expected: Any
) -> None:
    """What was once read wrongly somewhere is read as PostgreSQL reads it."""
    await check(db, sql, params, expected)


@engines("mysql", "mariadb")
@pytest.mark.parametrize(
    ("sql", "params", "expected"),
    [
        ("SELECT?", ["a"], ["a"]),
        ("SELECT?AS x", [1], [1]),
        ("SELECT ? 'x'", ["a"], ["a"]),
        ("SELECT ? /* ' */ 'x'", ["a"], ["a"]),
        ("SELECT ? /*! 'x' */", ["a"], ["a"]),
        ('SELECT ?`x`, ?"y"', ["a", "b"], ["a", "b"]),
        ("SELECT 5--?", [3], [8]),
        ("SELECT 5--?", [-3], [2]),
        ("SELECT 5---?", [-3], [8]),
        ("SELECT 5 -- ?\n, ?", [1], [5, 1]),
        ("SELECT 5 # ?\n, ?", [1], [5, 1]),
        ("SELECT 'a\\', ?", ["b"], ["a\\", "b"]),
        ("SELECT 'a''?', `?`, ? FROM (SELECT 1 AS `?`) t", ["b"], ["a'?", 1, "b"]),
        ("SELECT /* /* ? */ ?", ["b"], ["b"]),
        ("SELECT /*! 1 + */ ?", [1], [2]),
        ("SELECT ? = 'a' OR 'b' = ?", ["a", "a"], [1]),
        ("SELECT '%', ? % 2, '%s'", [3], ["%", 1, "%s"]),
        ("SELECT 'a' LIKE ? ESCAPE '!'", ["a%"], [1]),
        ("SELECT DATE_ADD('2000-01-01', INTERVAL ? DAY)", [1], ["2000-01-02"]),
        ("SELECT ? LIMIT ?,?", [1, 0, 1], [1]),
        ("SELECT JSON_VALID(?), '$[0]'", ["[1]"], [1, "$[0]"]),
        ("SELECT :a, :b, :a;", {"a": 1, "b": 2}, [1, 2, 1]),
    ],
)
async def test_traps_of_mysql(
    db: asyncdb.Connection, sql: str, params: Any, expected: Any
) -> None:
    """What was once read wrongly somewhere is read as MySQL reads it."""
    await check(db, sql, params, expected)


@engines("sqlite")
@pytest.mark.parametrize(
    ("sql", "params", "expected"),
    [
        ("SELECT?", ["a"], ["a"]),
        ("SELECT ?OR 0", [1], [1]),
        ("SELECT [a:x?], `b?`, ? FROM (SELECT 1 AS [a:x?], 2 AS `b?`)", [3], [1, 2, 3]),
        ("SELECT 'a\\', ?", ["b"], ["a\\", "b"]),
        ("SELECT a$b, ? FROM (SELECT 1 AS a$b)", [2], [1, 2]),
        ("SELECT 5--?\n, ?", [1], [5, 1]),
        ("SELECT /* /* ? */ ?", [1], [1]),
        ("SELECT :a, ':a', :a5, :a", {"a": 1, "a5": 2}, [1, ":a", 2, 1]),
        ("; SELECT ? ; -- end", ["a"], ["a"]),
    ],
)
async def test_traps_of_sqlite(
    db: asyncdb.Connection, sql: str, params: Any, expected: Any
) -> None:
    """What was once read wrongly somewhere is read as SQLite reads it."""
    await check(db, sql, params, expected)
