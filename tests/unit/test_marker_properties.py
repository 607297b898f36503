"""Whatever stands around a marker: what is opaque stays untouched, markers are found.

Texts are made of an engine's own literals, comments and quoted names, full of what
looks like markers, with real markers between them. The tests know where those are.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncdb.dialect import Lexis
from asyncdb.sql import arguments, prepare
from asyncdb.sql.lexer import scan
from tests.unit.lexes import ALL

# What an opaque token is made of: all that could be taken for something.
BITS = st.sampled_from(
    ["?", "??", ":a", "::b", "$1", "$$", "$t$", "%s", "%", "--", "-- ", "#", "/*", "*/",
     "'", '"', "`", "[", "]", "\\", ";", "\n", "E'", "a", "1", " ", "é", "@x", "/*!"]
)  # fmt: skip
CONTENT = st.lists(BITS, max_size=6).map("".join)


def quoted(lexis: Lexis, quote: str) -> st.SearchStrategy[str]:
    """Strings or names in this quote, with anything inside."""

    def write(content: str) -> str:
        if quote in lexis.backslash:
            content = content.replace("\\", "\\\\")
        return quote + content.replace(quote, quote * 2) + quote

    return CONTENT.map(write)


def without(*lost: str) -> st.SearchStrategy[str]:
    """Content that cannot end what it stands in."""

    def strip(content: str) -> str:
        for bit in lost:
            content = content.replace(bit, "")
        return content

    # Twice, for one removal may bring together what another one removes.
    return CONTENT.map(strip).map(strip).filter(lambda c: not any(b in c for b in lost))


def comments(lexis: Lexis) -> st.SearchStrategy[str]:
    """Comments of this engine, with anything inside."""
    line = without("\n").map(lambda c: f"-- {c}\n")
    kinds = [line, without("*/", "/*").map(lambda c: f"/* {c} */")]
    if lexis.hash_comments:
        kinds.append(without("\n").map(lambda c: f"#{c}\n"))
    if lexis.nested_comments:
        kinds.append(without("*/", "/*").map(lambda c: f"/* {c} /* {c} */ {c} */"))
    return st.one_of(kinds)


def opaque(lexis: Lexis) -> st.SearchStrategy[str]:
    """Anything of this engine that no marker can be in."""
    kinds = [quoted(lexis, quote) for quote in lexis.strings + lexis.names]
    kinds.append(comments(lexis))
    if lexis.escape_strings:
        escaped = CONTENT.map(lambda c: c.replace("\\", "\\\\").replace("'", r"\'"))
        kinds.append(escaped.map(lambda c: f"E'{c}'"))
    if lexis.dollar_strings:
        kinds.append(without("$").map(lambda c: f"$${c}$$"))
        kinds.append(without("$t$").map(lambda c: f"$t$ {c} $t$"))
    if lexis.brackets == "name":
        kinds.append(without("]").map(lambda c: f"[{c}]"))
    return st.one_of(kinds)


PLAIN = st.sampled_from(
    [" ", "\n", "SELECT", "x", "a$b", "5", "1.5e3", "(", ")", ",", "=", "||", "<=", "+",
     "::int", ":=", "x:y", "IN", "x_", "é", "*", "- "]
)  # fmt: skip


def texts(lexis: Lexis, marker: str) -> st.SearchStrategy[list[str]]:
    """Parts of a text; those that equal `marker` are markers."""
    parts = st.lists(st.one_of(opaque(lexis), PLAIN, st.just(marker)), max_size=12)
    return parts.filter(stand_alone)


def stand_alone(parts: list[str]) -> bool:
    r"""Tell that no string may go on where another one ended.

    `E''`, a line end, and `'\'` are one string of PostgreSQL's, whose end is open.
    """
    escapes = [at for at, part in enumerate(parts) if part.startswith("E'")]
    rest = parts[escapes[0] + 1 :] if escapes else ()
    return not any(part[0] == "'" and "\\" in part for part in rest)


@pytest.mark.parametrize("lexis", ALL.values(), ids=list(ALL))
@pytest.mark.parametrize(("marker", "style"), [("?", "positional"), (":p", "named")])
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_markers_are_found_and_nothing_else(
    data: st.DataObject, lexis: Lexis, marker: str, style: Any
) -> None:
    """The pieces around the markers rejoin to the text, whatever is quoted in it."""
    parts = data.draw(texts(lexis, marker))
    # Blanks around each part, so that no two of them make a third.
    text = " ".join(parts)
    statement = prepare(text, style, lexis, "dollar")
    assert parts.count(marker) == len(statement.keys)
    assert text == marker.join(statement.pieces)


@pytest.mark.parametrize("placeholder", ["dollar", "literal", "format"])
@pytest.mark.parametrize("lexis", ALL.values(), ids=list(ALL))
@settings(deadline=None, max_examples=50)
@given(data=st.data())
def test_what_is_opaque_is_untouched(
    data: st.DataObject, lexis: Lexis, placeholder: Any
) -> None:
    """Strings, names and comments are sent as they were written."""
    parts = data.draw(texts(lexis, "?"))
    text = " ".join(parts)
    expected = [text[a:b] for kind, a, b in scan(text, lexis) if kind in OPAQUE]
    statement = prepare(text, "positional", lexis, placeholder)
    # 7: a value that is one token, and none of an opaque kind.
    sent = " 7 ".join(statement.pieces)
    assert expected == [sent[a:b] for kind, a, b in scan(sent, lexis) if kind in OPAQUE]


OPAQUE = {"string", "name", "comment"}
# The beginnings and ends of what literals and placeholders look like.
VALUES = ["'v'", "-7", "7", "NULL", "_utf8mb4 X'76'", "DATE'2000-01-01'", "$1", "?"]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("lexis", ALL.values(), ids=list(ALL))
@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_a_value_joins_nothing(data: st.DataObject, lexis: Lexis, value: str) -> None:
    """A value between two pieces is the same tokens as alone, whatever is beside it."""
    before = data.draw(st.one_of(opaque(lexis), PLAIN, st.just("-"), st.just("5--")))
    after = data.draw(st.one_of(opaque(lexis), PLAIN, st.just("-"), st.just(".5")))
    if before.endswith("-") and not lexis.dash_needs_blank:
        return  # `5--?` is a comment
    placeholder: Any = {"$1": "dollar", "?": "qmark"}.get(value, "literal")
    if after[0].isdigit() and lexis is ALL["sqlite"]:
        return  # `?5`, SQLite's own marker
    left, right = prepare(before + "?" + after, "positional", lexis, placeholder).pieces
    sent = left + value + right
    alone = [(k, value[a:b]) for k, a, b in scan(value, lexis)]
    inside = [
        (k, sent[a:b])
        for k, a, b in scan(sent, lexis)
        if a >= len(left) and b <= len(left) + len(value)
    ]
    assert alone == inside
    spans = [(a, b) for _, a, b in scan(sent, lexis)]
    assert not any(a < len(left) < b or a < len(left + value) < b for a, b in spans)


@settings(deadline=None, max_examples=200)
@given(
    names=st.lists(st.sampled_from(["a", "b", "_c", "größe", "A"]), max_size=8),
    extra=st.sets(st.sampled_from(["x", "y"])),
)
def test_arguments_follow_the_markers(names: list[str], extra: set[str]) -> None:
    """Each marker gets the value of its own name, numbered or one by one."""
    values: dict[str, Any] = {name: f"value of {name}" for name in names}
    text = "SELECT " + ", ".join(f":{name}" for name in names)
    lexis = ALL["postgresql"]
    one_by_one = prepare(text, "named", lexis, "qmark")
    assert [values[name] for name in names] == arguments(one_by_one, values)
    numbered = prepare(text, "named", lexis, "dollar")
    given_values = arguments(numbered, values)
    sent = numbered.text
    for number, value in reversed(list(enumerate(given_values, 1))):
        sent = sent.replace(f"${number}", value)
    assert "SELECT " + ", ".join(values[name] for name in names) == sent
    if extra:
        with pytest.raises(Exception, match="no marker for"):
            arguments(numbered, values | dict.fromkeys(extra))
