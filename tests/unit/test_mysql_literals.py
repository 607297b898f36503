"""MySQL's literals: text that no session mode can read in another way."""

# ruff: noqa: DTZ001  # naive datetimes are among what is tested

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdb.dialects.mysql.literals import ENCODERS, ENCODERS_LOCAL
from asyncdb.errors import DataError, InvalidDatetime, InvalidText, NumericOutOfRange
from asyncdb.values.encoding import Encoders

PLAIN = re.compile(r"'[ !-&(-\[\]-~]*'")
HEXADECIMAL = re.compile(r"_utf8mb4 X'(?:[0-9a-f]{2})+'")

Color = Enum("Color", {"RED": "red"})
Size = IntEnum("Size", {"BIG": 7})
Word = StrEnum("Word", {"IT": "that's"})


def literal(value: Any) -> Any:
    """The literal that a parameter of this value becomes."""
    return Encoders(ENCODERS).encode_one(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "NULL"),
        (True, "TRUE"),
        (False, "FALSE"),
        (0, "0"),
        (-5, "-5"),
        (2**63 - 1, "9223372036854775807"),
        (-(2**63), "-9223372036854775808"),
        (1.5, "1.5e0"),
        (-0.0, "-0.0e0"),
        (1e308, "1e+308"),
        (5e-324, "5e-324"),
        (Decimal("1.50"), "1.50"),
        (Decimal("1E+2"), "100"),
        (Decimal("-1E-7"), "-0.0000001"),
        ("", "''"),
        ("plain text", "'plain text'"),
        ("100%", "'100%'"),
        ('a"b`c', "'a\"b`c'"),
        ("it's", "_utf8mb4 X'69742773'"),
        ("a\\b", "_utf8mb4 X'615c62'"),
        ("a\nb", "_utf8mb4 X'610a62'"),
        ("\x7f", "_utf8mb4 X'7f'"),
        ("é", "_utf8mb4 X'c3a9'"),
        ("🎉", "_utf8mb4 X'f09f8e89'"),
        (b"", "_binary X''"),
        (b"\x00'\xff", "_binary X'0027ff'"),
        (bytearray(b"ab"), "_binary X'6162'"),
        (memoryview(b"abcd")[::2], "_binary X'6163'"),
        (date(1, 2, 3), "DATE'0001-02-03'"),
        (datetime(2024, 1, 2, 3, 4, 5), "TIMESTAMP'2024-01-02 03:04:05'"),
        (datetime(2024, 1, 2, 3, 4, 5, 6), "TIMESTAMP'2024-01-02 03:04:05.000006'"),
        (datetime(2024, 1, 2, 3, tzinfo=UTC), "TIMESTAMP'2024-01-02 03:00:00'"),
        (
            datetime(2024, 1, 2, 3, tzinfo=timezone(timedelta(hours=5, minutes=30))),
            "TIMESTAMP'2024-01-01 21:30:00'",
        ),
        (time(3, 4, 5), "TIME'03:04:05'"),
        (time(3, 4, 5, 60), "TIME'03:04:05.000060'"),
        (timedelta(), "TIME'00:00:00'"),
        (timedelta(days=1, microseconds=1), "TIME'24:00:00.000001'"),
        (-timedelta(hours=838, minutes=59, seconds=59), "TIME'-838:59:59'"),
        (UUID(int=5), "'00000000-0000-0000-0000-000000000005'"),
        (Color.RED, "'red'"),
        (Size.BIG, "7"),
        (Word.IT, "_utf8mb4 X'746861742773'"),
        ([1, None, "a"], "'[1, null, \"a\"]'"),
        ({"a": "é"}, "_utf8mb4 X'7b2261223a2022c3a9227d'"),
    ],
)
def test_the_literal_of_each_type(value: Any, expected: str) -> None:
    """Each type of the portable set has its literal."""
    assert expected == literal(value)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (2**63, NumericOutOfRange),
        (-(2**63) - 1, NumericOutOfRange),
        (float("nan"), NumericOutOfRange),
        (float("-inf"), NumericOutOfRange),
        (Decimal("NaN"), NumericOutOfRange),
        (Decimal("Infinity"), NumericOutOfRange),
        ("secret\0", InvalidText),
        ("secret\ud800", InvalidText),
        ({"k": "secret\udfff"}, InvalidText),
        (time(1, tzinfo=UTC), InvalidDatetime),
        (timedelta(hours=839), InvalidDatetime),
        (
            -timedelta(hours=838, minutes=59, seconds=59, microseconds=1),
            InvalidDatetime,
        ),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=1))), InvalidDatetime),
        ({"k": float("nan")}, DataError),
        ({"k": {"secret"}}, DataError),
        (object(), DataError),
        ({"secret"}, DataError),
        (1j, DataError),
    ],
)
def test_what_cannot_be_held_is_refused(value: Any, kind: type[DataError]) -> None:
    """A value without a literal is an error that does not show it."""
    with pytest.raises(kind) as caught:
        literal(value)

    assert kind is type(caught.value)
    assert "secret" not in str(caught.value)


def test_an_aware_datetime_needs_a_session_in_utc() -> None:
    """In another time zone an instant has no literal, a naive datetime has."""
    local = Encoders(ENCODERS_LOCAL)

    assert "TIMESTAMP'2024-01-02 00:00:00'" == local.encode_one(datetime(2024, 1, 2))
    with pytest.raises(InvalidDatetime):
        local.encode_one(datetime(2024, 1, 2, tzinfo=UTC))


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_text_is_plain_or_hexadecimal(value: str) -> None:
    """Between the quotes of a literal there is nothing that could end it."""
    found = literal(value)

    assert PLAIN.fullmatch(found) or HEXADECIMAL.fullmatch(found)
    if found.startswith("'"):
        assert value == found[1:-1]
    else:
        assert value.encode() == bytes.fromhex(found[len("_utf8mb4 X'") : -1])


@given(st.binary())
def test_bytes_are_hexadecimal(value: bytes) -> None:
    """Every byte is written as two digits."""
    assert f"_binary X'{value.hex()}'" == literal(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_is_no_decimal(value: float) -> None:
    """A float has an exponent, and reads back as the very same float."""
    found = literal(value)

    assert "e" in found
    assert repr(value) == repr(float(found))


@given(st.timedeltas(timedelta(hours=-838), timedelta(hours=838)))
def test_an_interval_reads_back(value: timedelta) -> None:
    """TIME literals hold sign, hours beyond a day and microseconds."""
    match = re.fullmatch(r"TIME'(-?)(\d+):(\d\d):(\d\d)(\.\d{6})?'", literal(value))

    assert match
    size = timedelta(
        hours=int(match[2]),
        minutes=int(match[3]),
        seconds=int(match[4]),
        microseconds=int((match[5] or ".0")[1:]),
    )
    assert value == (-size if match[1] else size)
