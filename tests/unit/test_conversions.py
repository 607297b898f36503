"""How one type becomes another, and what a driver's own subclasses become."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Annotated, Any
from uuid import UUID

import pydantic
import pytest

from asyncdb import DataError, InterfaceError
from asyncdb.dialect import Dialect
from asyncdb.dialects import sqlite
from asyncdb.values import Decoding
from asyncdb.values.conversions import Found, MisfitError, plain_uuid, time_of_day

SQLITE = Decoding(sqlite.DIALECT, {})
ID = UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")


class DriverUUID(UUID):
    """What a driver makes of a uuid."""


class Mixed(enum.Enum):
    """An enumeration of values of two types."""

    ONE = 1
    TWO = "two"


class Inner(pydantic.BaseModel):
    """A model inside."""

    a: int


@dataclass
class Outer:
    """A class with one inside."""

    inner: Inner


class Open(pydantic.BaseModel, extra="allow"):
    """A model that takes more."""

    id: int


class ByAlias(pydantic.BaseModel):
    """A model whose fields are known by another name alone."""

    email: str = pydantic.Field(alias="eMail")


class ByBoth(pydantic.BaseModel, populate_by_name=True):
    """A model whose fields are known by both names, where they have two."""

    id: int = 0
    email: str = pydantic.Field(alias="eMail", default="")


class Patient(pydantic.BaseModel):
    """A model that reads more than the engine's forms."""

    took: timedelta


def rows(into: Any, names: str, *values: Any) -> Any:
    """Read one row on SQLite."""
    columns = tuple((name, None) for name in names.split())
    return SQLITE.rows(into, columns, [values])[0]


def test_what_is_of_its_type_already_is_not_made_again() -> None:
    """A value of exactly the type that is wanted costs no call."""

    def never(_: Any) -> Any:
        raise AssertionError

    reader = Decoding(Dialect(name="any", decoders={int: {int: never}}), {})

    assert [5, 6] == reader.rows(int, (("v", None),), [(5,), (6,)])
    assert [5, None] == reader.rows(int | None, (("v", None),), [(5,), (None,)])
    assert [(5, 6)] == reader.rows(
        tuple[int, int], (("a", None), ("b", None)), [(5, 6)]
    )


@pytest.mark.parametrize("seconds", [-1, -0.000001, 86400, 90000])
def test_a_span_beyond_a_day_is_no_time(seconds: float) -> None:
    """A span below nothing, or of a day and more, is no time of a day."""
    with pytest.raises(MisfitError):
        time_of_day(timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, time()), (86399.999999, time(23, 59, 59, 999999))],
)
def test_a_span_within_a_day_is_a_time(seconds: float, expected: time) -> None:
    """The first and the last moment of a day are times."""
    assert expected == time_of_day(timedelta(seconds=seconds))


def test_a_drivers_own_uuid() -> None:
    """It becomes the plain one where that is as it is, else what the table says."""
    assert plain_uuid is Found({UUID: None})[DriverUUID]
    assert str is Found({UUID: str})[DriverUUID]
    assert UUID is type(Found({UUID: None})[DriverUUID](DriverUUID(str(ID))))


@pytest.mark.parametrize(("value", "expected"), [(1, Mixed.ONE), ("two", Mixed.TWO)])
def test_members_of_several_types(value: Any, expected: Mixed) -> None:
    """A member is found whichever type of value it has."""
    assert expected is rows(Mixed, "v", value)
    with pytest.raises(DataError, match="column 'v': a value of type"):
        rows(Mixed, "v", f"{value}?")


def test_an_annotation_without_a_hash() -> None:
    """What an annotation carries may be anything; it is read all the same."""
    hint: Any = Annotated[int, ["no", "hash"]]

    assert [1, 2] == [rows(hint, "v", 1), rows(hint, "v", 2)]


def test_the_newest_decodings_are_shared() -> None:
    """Where there are too many, those that were made first are forgotten first."""
    for _ in range(100):
        own: Any = {Mixed: (str, Mixed)}
        made = Decoding.of(sqlite.DIALECT, own)

    assert made is Decoding.of(sqlite.DIALECT, own)


def test_what_the_engine_does_not_read_is_left_to_the_class() -> None:
    """A class that checks by itself gets the value, where it is in no form of ours."""
    assert timedelta(seconds=5) == rows(Patient, "took", "PT5S").took
    assert timedelta(microseconds=5) == rows(Patient, "took", 5).took


def test_a_class_inside_says_what_it_misses() -> None:
    """A value that does not fit a class inside a value is told where it is."""
    with pytest.raises(DataError, match="pydantic refuses a row for Inner: field 'a'"):
        rows(list[Inner], "v", '[{"a": "x"}]')


def test_a_class_inside_that_is_made_already() -> None:
    """A value that is of the class already, by a type of another's, stays as it is."""
    inner = Inner(a=3)

    assert inner is rows(Outer, "inner", inner).inner
    assert Outer(inner) == rows(Outer, "inner", '{"a": 3}')
    with pytest.raises(DataError, match="field 'inner'"):
        rows(Outer, "inner", Open(id=1))


def test_an_open_class_takes_no_column_twice() -> None:
    """A class that takes any column does not take two of one name."""
    assert {"x": 1, "y": 2} == rows(Open, "id x y", 7, 1, 2).model_extra
    with pytest.raises(InterfaceError, match="more than one column for field 'x'"):
        rows(Open, "id x x y", 7, 1, 1, 2)


def test_columns_are_found_by_the_names_that_a_class_allows() -> None:
    """An alias stands alone, unless the class takes its fields' own names, too."""
    assert "a@b" == rows(ByAlias, "eMail", "a@b").email
    assert "a@b" == rows(ByBoth, "eMail", "a@b").email
    assert "a@b" == rows(ByBoth, "email", "a@b").email
    with pytest.raises(InterfaceError, match="no field for column 'email'"):
        rows(ByAlias, "email", "a@b")
    with pytest.raises(InterfaceError, match="no field for column 'None'"):
        rows(ByBoth, "None", 1)
