"""Arguments: the values of one call in the driver's order, or an error without them."""

from __future__ import annotations

from collections import ChainMap, UserDict, UserList, defaultdict, deque
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from asyncdb.errors import ParameterError
from asyncdb.sql import Statement, arguments, prepare, style_of
from tests.unit.lexes import POSTGRESQL, SQLITE

SECRET = "s3cret"


def read(text: str, style: Any) -> Statement:
    """The text, read for PostgreSQL."""
    return prepare(text, style, POSTGRESQL, "dollar")


class Point(NamedTuple):
    """A sequence of two."""

    x: int
    y: int


@pytest.mark.parametrize(
    "params",
    [[1, 2], (1, 2), Point(1, 2), UserList([1, 2]), deque([1, 2]), range(1, 3)],
)
def test_sequences_are_taken(params: Any) -> None:
    """Any sequence of the right length gives its values, in a list of their own."""
    given = arguments(read("?, ?", "positional"), params)
    assert [1, 2] == given
    assert given is not params


@pytest.mark.parametrize(
    "params",
    [
        {"a": 1, "b": 2},
        UserDict(a=1, b=2),
        ChainMap({"a": 1}, {"b": 2}),
        MappingProxyType({"a": 1, "b": 2}),
        defaultdict(int, a=1, b=2),
    ],
)
def test_mappings_are_taken(params: Any) -> None:
    """Any mapping with the right names gives its values, in the markers' order."""
    assert [2, 1, 2] == arguments(
        prepare(":b, :a, :b", "named", SQLITE, "qmark"), params
    )
    assert [2, 1] == arguments(read(":b, :a, :b", "named"), params)


def test_nothing_binds_nothing() -> None:
    """Without parameters there are no values."""
    assert [] == arguments(read("SELECT '?'", "none"), None)
    assert [] == arguments(read("SELECT 1", "positional"), ())
    assert [] == arguments(read("SELECT 1", "named"), {})


@pytest.mark.parametrize(
    ("text", "params", "message"),
    [
        ("?, ?", [SECRET], "takes 2 parameters, 1 given"),
        ("?", [SECRET, 2], "takes 1 parameter, 2 given"),
        ("?", [], "takes 1 parameter, 0 given"),
        ("'?'", [SECRET], "takes 0 parameters, 1 given; a `?` in quotes"),
        ("%s", [SECRET], "the marker is `?`, not `%s`"),
        ("?", SECRET, "a str is not a list of parameters"),
        ("?", SECRET.encode(), "a bytes is not a list"),
        ("?", bytearray(b"a"), "a bytearray is not a list"),
        ("?", memoryview(b"a"), "a memoryview is not a list"),
        ("?", {SECRET}, "as a list, a tuple or a mapping, not as set"),
        ("?", frozenset([SECRET]), "not as frozenset"),
        ("?", iter([SECRET]), "not as list_iterator"),
        ("?", (v for v in [SECRET]), "not as generator"),
        ("?", {1: 2}.values(), "not as dict_values"),
        ("?", 5, "not as int"),
        ("?", {"a": SECRET}, "a mapping binds `:name`"),
    ],
)
def test_wrong_sequences(text: str, params: Any, message: str) -> None:
    """Too few, too many, or no sequence: the error counts, and shows no value."""
    with pytest.raises(ParameterError) as caught:
        arguments(read(text, "positional"), params)
    assert message in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "params", "message"),
    [
        (":b, :a", {}, "no value for a, b"),
        (":a", {"b": SECRET}, "no value for a; no marker for b"),
        (":a", {"a": 1, "c": SECRET, "b": 1}, "no marker for b, c"),
        (":a, :a", {"a": 1, "b": SECRET}, "no marker for b"),
        (":a", {1: SECRET}, "names of parameters are str, not int"),
        (":a", {"a": 1, 1: SECRET}, "names of parameters are str, not int"),
        ("x[:a]", {"a": SECRET}, "`:a` in the text is no marker: it is in quotes,"),
        ("':a'", {"a": SECRET}, "no marker for a; `:a` in the text is no marker"),
        (":a", [SECRET], "which a mapping binds, not list"),
        (":a", defaultdict(str), "no value for a"),
    ],
)
def test_wrong_mappings(text: str, params: Any, message: str) -> None:
    """Missing and unknown names are listed, in order; no value is shown."""
    with pytest.raises(ParameterError) as caught:
        arguments(read(text, "named"), params)
    assert message in str(caught.value)
    assert SECRET not in str(caught.value)


def test_very_many_wrong_names_are_not_all_listed() -> None:
    """A mapping of thousands of wrong names does not make a message of megabytes."""
    params = {f"{n}" * 100: 1 for n in range(5000)}
    with pytest.raises(ParameterError) as caught:
        arguments(read("SELECT 1", "named"), params)
    assert "and 4960 more" in str(caught.value)
    assert len(str(caught.value)) < 3000


def test_parameters_where_none_were_prepared() -> None:
    """A statement read without parameters takes none."""
    with pytest.raises(ParameterError, match="without parameters"):
        arguments(read("SELECT 1", "none"), [1])


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (None, "none"),
        ([], "positional"),
        ((), "positional"),
        (Point(1, 2), "positional"),
        ("a", "positional"),  # to be refused by arguments()
        ({}, "named"),
        (UserDict(), "named"),
        (MappingProxyType({}), "named"),
    ],
)
def test_style_of(params: Any, expected: str) -> None:
    """A mapping is named, nothing is none, all else positional."""
    assert expected == style_of(params)
