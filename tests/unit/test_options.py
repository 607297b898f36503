"""Options: a URL's texts and keywords become the fields of an options class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import FrozenInstanceError, dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

import asyncdb
from asyncdb.errors import URLError
from asyncdb.options import (
    ConnectOptions,
    PoolOptions,
    ServerOptions,
    TransactionOptions,
    reading,
)
from asyncdb.options.reading import option_names, read_options


@dataclass(frozen=True, kw_only=True)
class MyOptions(ServerOptions):
    """A driver's own options, of every kind of hint."""

    pgbouncer: bool = False
    size: int = 10
    ratio: float = 0.5
    level: Literal["low", "high", 3] | None = None
    kept: int | None = None
    name: Annotated[str, "shown to the server"] = "asyncdb"
    leak: bool | float = False
    hook: Callable[[], None] | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    made: int = field(default=1, init=False)


@dataclass(frozen=True, kw_only=True)
class NoOptions:
    """Options, of which there are none."""


@dataclass(frozen=True, kw_only=True)
class NeedyOptions:
    """Options, one of which has no default."""

    key: str


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("pgbouncer", "true", True),
        ("pgbouncer", "1", True),
        ("pgbouncer", "YES", True),
        ("pgbouncer", "on", True),
        ("pgbouncer", "False", False),
        ("pgbouncer", "0", False),
        ("pgbouncer", "no", False),
        ("pgbouncer", "off", False),
        ("size", "0", 0),
        ("size", "25", 25),
        ("ratio", "0", 0.0),
        ("ratio", "2", 2.0),
        ("ratio", "2.5", 2.5),
        ("ratio", "1e3", 1000.0),
        ("connect_timeout", "0.5", 0.5),
        ("lock_timeout", "none", None),
        ("lock_timeout", "None", None),
        ("statement_timeout", "30", 30.0),
        ("tls", "verify-full", "verify-full"),
        ("tls", "none", None),
        ("level", "high", "high"),
        ("level", "3", 3),
        ("kept", "none", None),
        ("kept", "7", 7),
        ("name", "none", "none"),
        ("name", "a b", "a b"),
        ("time_zone", "none", None),
        ("time_zone", "+02:00", "+02:00"),
        ("leak", "on", True),
        ("leak", "2.5", 2.5),
        ("hook", "none", None),
    ],
)
def test_texts_become_values(name: str, text: str, value: object) -> None:
    """The type hint of an option decides what its text in a URL means."""
    found = getattr(read_options(MyOptions, {name: text}, {}), name)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "text", "takes"),
    [
        ("pgbouncer", "maybe", "true or false"),
        ("pgbouncer", "", "true or false"),
        ("pgbouncer", "none", "true or false"),
        ("size", "-1", "a whole number of 0 or more"),
        ("size", "1.5", "a whole number of 0 or more"),
        ("size", "٣", "a whole number of 0 or more"),
        ("size", "1_0", "a whole number of 0 or more"),
        ("size", "9" * 5000, "a whole number of 0 or more"),
        ("ratio", "nan", "a number of 0 or more"),
        ("ratio", "inf", "a number of 0 or more"),
        ("ratio", "1e999", "a number of 0 or more"),
        ("ratio", "-0.1", "a number of 0 or more"),
        ("connect_timeout", "0", "a number above 0"),
        ("connect_timeout", "5s", "a number above 0"),
        ("connect_timeout", "none", "a number above 0"),
        ("lock_timeout", "0", "a number above 0 or none"),
        ("tls", "yes", "'disable' or 'prefer' or 'require' or"),
        ("tls", "REQUIRE", "'disable' or 'prefer' or 'require' or"),
        ("tls_ca", "", "a text that is not empty or none"),
        ("level", "4", "'low' or 'high' or 3 or none"),
        ("hook", "print", "an object that only a keyword can give or none"),
        ("extra", "{}", "an object that only a keyword can give"),
    ],
)
def test_wrong_texts_are_refused(name: str, text: str, takes: str) -> None:
    """The error names the option and what it takes, and never repeats the value."""
    with pytest.raises(URLError) as caught:
        read_options(MyOptions, {name: text}, {})
    assert str(caught.value).startswith(f"option {name!r} takes {takes}")
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("pgbouncer", True, True),
        ("size", 3, 3),
        ("ratio", 3, 3.0),
        ("ratio", 2**999, 2.0**999),
        ("connect_timeout", 0.25, 0.25),
        ("lock_timeout", None, None),
        ("tls", "require", "require"),
        ("level", 3, 3),
        ("name", "", ""),
        ("leak", 2, 2.0),
        ("leak", True, True),
        ("hook", print, print),
        ("extra", {"a": "b"}, {"a": "b"}),
    ],
)
def test_keywords_are_taken(name: str, given: object, value: object) -> None:
    """A keyword of the option's type is taken; an int is good for a float."""
    found = getattr(read_options(MyOptions, {}, {name: given}), name)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("pgbouncer", 1),
        ("pgbouncer", "true"),
        ("pgbouncer", None),
        ("size", True),
        ("size", 1.0),
        ("size", "3"),
        ("size", -3),
        ("ratio", True),
        ("ratio", float("nan")),
        ("ratio", float("inf")),
        ("ratio", 10**400),
        ("connect_timeout", 0),
        ("connect_timeout", None),
        ("lock_timeout", -1),
        ("tls", True),
        ("tls", "strong"),
        ("level", 3.0),
        ("name", 5),
        ("name", b"x"),
        ("extra", "text"),
        ("extra", True),
    ],
)
def test_wrong_keywords_are_refused(name: str, given: object) -> None:
    """A keyword of another type is refused as a text is; a bool is no number."""
    with pytest.raises(URLError) as caught:
        read_options(MyOptions, {}, {name: given})
    assert str(caught.value).startswith(f"option {name!r} takes ")
    assert caught.value.__context__ is None


def test_keywords_go_before_the_url() -> None:
    """A name given in both places has the keyword's value."""
    options = read_options(
        ConnectOptions,
        {"lock_timeout": "1", "close_timeout": "2"},
        {"lock_timeout": None},
    )
    assert options == ConnectOptions(lock_timeout=None, close_timeout=2.0)


def test_what_is_not_given_has_its_default() -> None:
    """Without texts and keywords the options are the class's defaults."""
    assert read_options(MyOptions, {}, {}) == MyOptions()


KNOWN = ", ".join(sorted(option_names(ServerOptions)))


@pytest.mark.parametrize(
    ("name", "hint"),
    [("conect_timeout", "; did you mean 'connect_timeout'?"), ("zzz", "")],
)
def test_unknown_names_are_refused(name: str, hint: str) -> None:
    """The error lists the names that there are, and the one that was perhaps meant."""
    for texts, keywords in (({name: "1"}, {}), ({}, {name: 1})):
        with pytest.raises(URLError) as caught:
            read_options(ServerOptions, texts, keywords)
        assert str(caught.value) == f"unknown option {name!r}; known: {KNOWN}{hint}"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("sslmode", "; did you mean 'tls'?"),
        ("timeout", "; did you mean 'connect_timeout'?"),
        ("sslcrl", "; in a URL: asyncdb reads no list of revoked certificates"),
    ],
)
def test_a_keyword_has_our_name(name: str, hint: str) -> None:
    """A keyword by another library's name is refused, with ours."""
    with pytest.raises(URLError) as caught:
        read_options(ServerOptions, {}, {name: "require"})

    wanted = f"unknown option {name!r}; known: {KNOWN}{hint}"
    assert str(caught.value).startswith(wanted)


def test_where_there_are_no_options_at_all() -> None:
    """A class without fields is said to have none."""
    with pytest.raises(URLError, match=r"unknown option 'a'; known: none$"):
        read_options(NoOptions, {"a": "1"}, {})


@pytest.mark.parametrize("name", ["S3cret", "x1", "a@h/d", "pässword", "a" * 41])
def test_odd_names_of_a_url_are_not_repeated(name: str) -> None:
    """What does not look like an option's name may be a piece of a password."""
    with pytest.raises(URLError, match=r"^unknown option; known: ") as caught:
        read_options(ConnectOptions, {name: "1"}, {})
    assert name not in str(caught.value)


def test_fields_that_are_not_arguments_are_no_options() -> None:
    """A field that the class sets by itself can neither be given nor is it listed."""
    assert "made" not in option_names(MyOptions)
    with pytest.raises(URLError, match="unknown option 'made'"):
        read_options(MyOptions, {"made": "2"}, {})


def test_a_required_option_must_be_given() -> None:
    """An option without a default that is missing is named."""
    with pytest.raises(URLError, match="option 'key' must be given"):
        read_options(NeedyOptions, {}, {})
    assert read_options(NeedyOptions, {"key": "x"}, {}) == NeedyOptions(key="x")


def test_a_class_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table of a class's fields is made once, however often it is used."""
    read_options(ConnectOptions, {}, {})

    def broken(*_: Any, **__: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(reading, "get_type_hints", broken)
    assert read_options(ConnectOptions, {"lock_timeout": "3"}, {}).lock_timeout == 3


KEYWORDS_ALONE = {
    "converters",
    "observers",
    "on_notice",
    "on_connect",
    "on_acquire",
    "on_release",
}


@pytest.mark.parametrize("kind", [ConnectOptions, ServerOptions])
def test_the_page_has_every_option_with_its_default(kind: type[ConnectOptions]) -> None:
    """The tables of docs/reference/urls.md list each option and its default."""
    page = Path(__file__).parents[2].joinpath("docs/reference/urls.md").read_text()
    for option in fields(kind):
        if option.name in KEYWORDS_ALONE:  # no text says them
            assert f"`{option.name}`" in page
            continue
        assert f"\n| `{option.name}` | `{option.default!r}` | " in page


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"converters": 5}, "option 'converters' takes an object of the type"),
        ({"max_size": 5}, "option 'max_size' is for create_pool(), not for a single"),
        (
            {"connection_limit": 5},
            "option 'connection_limit' (our 'max_size') is for create_pool(), not for",
        ),
    ],
)
def test_keywords_in_the_wrong_place(given: dict[str, object], message: str) -> None:
    """What a keyword was given wrongly, or to the wrong function, is said."""
    with pytest.raises(URLError) as caught:
        read_options(ConnectOptions, {}, given)

    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    "kind",
    [ConnectOptions, ServerOptions, PoolOptions, TransactionOptions, asyncdb.PoolStats],
)
def test_they_are_given_by_name_and_kept(kind: Any) -> None:
    """Options and numbers are given by name alone, and nothing changes them later."""
    names = [option.name for option in fields(kind)]
    values = dict.fromkeys(names, {} if "converters" in names else 1)
    with pytest.raises(TypeError, match="positional"):
        kind(*values.values())
    made = kind(**(values if kind is asyncdb.PoolStats else {}))
    with pytest.raises(FrozenInstanceError):
        setattr(made, names[0], 7)


def test_the_pool_has_the_defaults_of_its_page() -> None:
    """What docs/how-to/tune-the-pool.md promises is what a pool has."""
    defaults = {option.name: option.default for option in fields(PoolOptions)}

    assert {
        "min_size": 1,
        "max_size": 10,
        "acquire_timeout": 30,
        "max_waiting": None,
        "max_lifetime": 3600,
        "max_idle": 600,
        "health_check_after_idle": 30,
        "reset": "auto",
        "leak_warning": None,
        "on_acquire": None,
        "on_release": None,
    } == defaults


def test_a_transaction_is_plain_unless_asked_otherwise() -> None:
    """By default a transaction has the session's level and may write."""
    plain = TransactionOptions()

    assert (None, False, False) == (plain.isolation, plain.readonly, plain.deferrable)


@dataclass(frozen=True, kw_only=True)
class Choosy:
    """An option that may be chosen away."""

    level: Literal["low", None] = "low"  # noqa: PYI061  # as somebody else may write it


def test_none_among_the_choices() -> None:
    """`None` among the choices is taken like `| None`."""
    assert read_options(Choosy, {"level": "none"}, {}).level is None
    assert read_options(Choosy, {}, {"level": None}).level is None
    with pytest.raises(URLError, match="takes 'low' or none"):
        read_options(Choosy, {"level": "high"}, {})


@pytest.mark.parametrize(
    "given",
    [
        {"int": (str, int)},
        {int: [str, int]},
        {int: (str,)},
        {int: (str, int, str)},
        {int: (str, 5)},
        {int: (5, str)},
        {int: {str: 1, int: 2}},
        {int: None},
    ],
    ids=str,
)
def test_converters_are_pairs_of_functions(given: Any) -> None:
    """Converters are types with a tuple of two functions each, and nothing else."""
    with pytest.raises(TypeError, match=r"takes \{type:"):
        ConnectOptions(converters=given)
    assert ConnectOptions(converters={int: (str, int)}).converters
