"""Values on their way to the driver: one by one, and by the column."""

from __future__ import annotations

from typing import Any

import pytest

from asyncdb import DataError, InvalidText, NumericOutOfRange
from asyncdb.dialects import postgresql, sqlite
from asyncdb.values.encoding import Encoders

TABLES = {"sqlite": sqlite.DIALECT, "postgresql": postgresql.DIALECT}


@pytest.fixture(params=TABLES)
def encoders(request: pytest.FixtureRequest) -> Encoders:
    """An engine's encoders."""
    return Encoders(TABLES[request.param].encoders)


class Number(int):
    """An int of somebody's own."""


class Raw(bytes):
    """Bytes of somebody's own."""


class Name(str):
    """A text of somebody's own."""

    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "plain"), [(Number(5), 5), (Raw(b"raw"), b"raw"), (Name("x"), "x")]
)
def test_a_subclass_goes_as_the_plain_type(
    value: Any, plain: Any, encoders: Encoders
) -> None:
    """Drivers look at exact types: what goes out is of the plain one."""
    for found in (encoders.encode([value])[0], encoders.encode_many([[value]])[0][0]):
        assert (plain, type(plain)) == (found, type(found))


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (2**63, NumericOutOfRange),
        (-(2**63) - 1, NumericOutOfRange),
        (Number(2**64), NumericOutOfRange),
        ("\ud800", InvalidText),
        (Name("a\ud800"), InvalidText),
    ],
    ids=ascii,
)
def test_what_an_engine_cannot_hold(
    value: Any, error: type[DataError], encoders: Encoders
) -> None:
    """It is refused, alone and in a column of others, and the place is told."""
    with pytest.raises(error, match="parameter 2: "):
        encoders.encode([1, value], range(2))
    with pytest.raises(error, match="row 2, parameter 1: "):
        encoders.encode_many([[1], [value], [3]], range(1))
    with pytest.raises(error, match="row 1, parameter 1: "):
        encoders.encode_many([[value], [value]], range(1))


@pytest.mark.parametrize(
    "value",
    [
        {"\ud800": 1},
        {"a": "\ud800"},
        {"a": [{"b": ["\ud800"]}]},
        {"a": 2**64},
        {1: "a"},
        {"a": float("nan")},
        {"a": bytes},
    ],
    ids=ascii,
)
def test_what_is_no_json(value: Any) -> None:
    """Where JSON is text to the driver, what it cannot say is refused, however deep."""
    encoders = Encoders(sqlite.DIALECT.encoders)
    with pytest.raises(DataError, match="parameter 2: "):
        encoders.encode([1, value], range(2))
    with pytest.raises(DataError, match="row 2, parameter 1: "):
        encoders.encode_many([[{"a": 1}], [value]], range(1))


def test_the_last_that_fit(encoders: Encoders) -> None:
    """The smallest and the largest whole numbers of 64 bits go as they are."""
    rows = [[-(2**63)], [2**63 - 1]]

    assert rows == encoders.encode_many(rows)
    assert [2**63 - 1] == encoders.encode([2**63 - 1])


def test_rows_that_fit_are_not_copied(encoders: Encoders) -> None:
    """Where all values go as they are the rows that were given go themselves."""
    rows = [[1, "a", None, b"x"], [2, "é", None, None]]

    assert rows is encoders.encode_many(rows)
    assert rows is not encoders.encode_many([*rows, [Number(3), "b", None, None]])


def test_a_long_column_is_looked_at_to_its_end(encoders: Encoders) -> None:
    """A text that cannot be sent is found wherever it stands among thousands."""
    for place in (0, 998, 999, 1000, 1001, 2499):
        rows = [["a"]] * 2500
        rows[place] = ["\ud800"]
        with pytest.raises(InvalidText, match=f"row {place + 1}, "):
            encoders.encode_many(rows)
