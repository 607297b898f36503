"""Which markers stand alone in an IN, on every engine's quoting."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

import asyncdb
from asyncdb.dialect import Lexis
from asyncdb.sql import prepare, refuse_lists
from tests.unit.lexes import ALL


class Pair(NamedTuple):
    """A tuple that is one value."""

    a: int
    b: int


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a IN (?)", {0}),
        ("a in(?)", {0}),
        ("a NOT\nIN\t(\r\n?\n)", {0}),
        ("? = a AND b IN (?) AND c IN (?)", {1, 2}),
        ("a IN /* b */ ( /* c */ ? /* d */ )", {0}),
        ("a IN (-- ?\n?)", {0}),
        ("a IN ((?))", {0}),
        ("a IN ( (? ) )", {0}),
        ("(a, b) IN (?)", {0}),
        ("a IN (?) OR ?", {0}),
        ("a IN (?", set()),
        ("a IN (?, ?)", set()),
        ("a IN (1, ?)", set()),
        ("a IN (?, 1)", set()),
        ("a IN (? + 1)", set()),
        ("a IN (-?)", set()),
        ("a IN (SELECT ?)", set()),
        ("a IN (f(?))", set()),
        ("a IN ?", set()),
        ("a IN ((?)::int[])", set()),
        ("a IN ((?) + 1)", set()),
        ("a = ANY(?)", set()),
        ("xin (?)", set()),
        ("'IN' (?)", set()),
        ("a IN (?::int[])", set()),
        ("coalesce(?) IN (1)", set()),
    ],
)
@pytest.mark.parametrize("lexis", ALL.values(), ids=list(ALL))
def test_markers_alone_in_an_in(lexis: Lexis, text: str, expected: set[int]) -> None:
    """Found whatever stands between, and only where the marker is all there is."""
    for placeholder in ("qmark", "dollar", "literal"):
        found = prepare(f"SELECT {text}", "positional", lexis, placeholder)  # type: ignore[arg-type]
        assert expected == found.memberships


def test_names_and_escapes() -> None:
    """Names are told by name; a literal `??` is no marker."""
    text = "SELECT a ?? b, :x FROM t WHERE c IN (:y) OR d = :y"
    named = prepare(text.replace("??", "|"), "named", Lexis(), "dollar")
    escaped = prepare("SELECT a ?? b AND c IN (?)", "positional", Lexis(), "dollar")
    none = prepare("SELECT a IN (?)", "none", Lexis(), "dollar")

    assert {"y"} == named.memberships
    assert {0} == escaped.memberships
    assert frozenset() == none.memberships


@pytest.mark.parametrize("value", [1, "ab", b"cd", {"a": 1}, None, asyncdb.expand([1])])
def test_what_is_no_list(value: Any) -> None:
    """Single values, documents and `expand()` pass."""
    statement = prepare("SELECT a IN (?)", "positional", Lexis(), "qmark")
    refuse_lists(statement, [value], ())


def test_a_type_with_a_converter_is_one_value() -> None:
    """A tuple of the user's own type, for which there is a converter, passes."""
    statement = prepare("SELECT a IN (?)", "positional", Lexis(), "qmark")

    refuse_lists(statement, [Pair(1, 2)], {Pair: None})
    with pytest.raises(asyncdb.ParameterError, match=r"parameter 1 is a Pair in `IN"):
        refuse_lists(statement, [Pair(1, 2)], {})
