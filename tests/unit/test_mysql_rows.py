"""Rows of MySQL's answers: whichever way they are divided, they are the same."""

from __future__ import annotations

import gc
import random
import struct
from datetime import UTC, datetime, timedelta

import pytest

import asyncdb
from asyncdb.dialects.mysql.protocol import reading
from asyncdb.dialects.mysql.protocol.answers import Answer
from asyncdb.dialects.mysql.protocol.dividing import divider
from asyncdb.dialects.mysql.protocol.splitting import split

BINARY, UTF8, LATIN1 = 63, 45, 8
EOF = b"\xfe\0\0\x02\0"
SHORT = ["", "a", "é", "中文", "x" * 31, " ", "0", "ÿ" * 15]
OTHERS = ["x" * 32, "a\nb", "\0", "\x1f", "y" * 250, "z" * 251, "é" * 200, "w" * 66_000]


def packets(*payloads: bytes) -> bytes:
    """Payloads that follow each other."""
    return b"".join(
        len(payload).to_bytes(3, "little") + bytes([(1 + i) & 255]) + payload
        for i, payload in enumerate(payloads)
    )


def value(raw: bytes | None) -> bytes:
    """A value in a row, with its length."""
    if raw is None:
        return b"\xfb"
    size = len(raw)
    if size < 0xFB:
        return bytes([size]) + raw
    if size < 1 << 16:
        return b"\xfc" + size.to_bytes(2, "little") + raw
    return b"\xfd" + size.to_bytes(3, "little") + raw


def column(name: str, kind: int, charset: int) -> bytes:
    """The payload of a column definition."""
    texts = [b"def", b"s", b"t", b"t", name.encode(), name.encode()]
    fixed = b"\x0c" + struct.pack("<HIBHBxx", charset, 10, kind, 0, 0)
    return b"".join(map(value, texts)) + fixed


KINDS = [(3, BINARY), (253, UTF8), (5, BINARY), (7, BINARY), (246, BINARY)]


def made(rows: list[list[bytes | None]], kinds: list[tuple[int, int]]) -> bytes:
    """A result."""
    columns = [column(f"c{i}", *kind) for i, kind in enumerate(kinds)]
    bodies = [b"".join(map(value, row)) for row in rows]
    return packets(bytes([len(kinds)]), *columns, EOF, *bodies, EOF)


def some_rows(
    draw: random.Random, texts: list[str], count: int, nulls: float
) -> list[list[bytes | None]]:
    """Rows for `KINDS`."""
    begin = datetime(2020, 1, 1, tzinfo=UTC).replace(tzinfo=None)
    found = []
    for _ in range(count):
        values = [
            str(draw.randrange(-(10**9), 10**9)),
            draw.choice(texts),
            repr(draw.uniform(-1e6, 1e6)),
            (begin + timedelta(seconds=draw.randrange(10**8))).isoformat(" "),
            f"{draw.uniform(-1e6, 1e6):.4f}",
        ]
        found.append([None if draw.random() < nulls else v.encode() for v in values])
    return found


@pytest.mark.parametrize(
    "texts", [SHORT[:2], SHORT, SHORT + OTHERS[:1], SHORT + OTHERS]
)
@pytest.mark.parametrize("nulls", [0, 0.2])
@pytest.mark.parametrize("utc", [True, False])
def test_all_ways_lead_to_the_same_rows(
    texts: list[str], nulls: float, utc: bool
) -> None:
    """Split, divided, or raw until they are taken: the rows are equal, and so typed."""
    draw = random.Random(f"{texts}{nulls}{utc}")
    rows = some_rows(draw, texts, 400, nulls)
    data = made(rows, KINDS)
    for _ in range(10):
        raw, read = Answer(utc=utc), Answer(utc=utc, reader=reading.reader)
        cuts = sorted(draw.sample(range(1, len(data)), 3))
        for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
            raw.feed(data[start:end])
            read.feed(data[start:end])
        assert raw.done
        assert read.done
        assert not read.values  # it was read, not put off
        assert 400 == raw.count == read.count
        expected = raw.take(None, utc=utc)
        found = read.take(100, utc=utc) + read.take(None, utc=utc)

        assert expected == found
        assert [list(map(type, r)) for r in expected] == [
            list(map(type, r)) for r in found
        ]


@pytest.mark.parametrize("texts", [SHORT, ["a"], ["", "é"]])
def test_short_values_are_split(texts: list[str]) -> None:
    """Values of up to 31 bytes without control characters are found all at once."""
    rows = some_rows(random.Random(1), texts, 50, 0.3)
    data = made(rows, KINDS)
    start = data.index(EOF) + len(EOF)
    found = split(data, start, len(KINDS))

    assert found is not None
    position, values = found
    assert data[position + 4 :] == EOF
    assert [None if v is None else v.decode() for row in rows for v in row] == values


@pytest.mark.parametrize("other", OTHERS)
def test_what_only_looks_like_a_length_is_not_taken_for_one(other: str) -> None:
    """One value that is long or has a control character, and nothing is split."""
    rows: list[list[bytes | None]] = [
        [b"ab", b"cd"],
        [b"1", other.encode()],
        [b"", b""],
    ]
    # As many marks more as there are less must not add up.
    rows += [[b"\x01\x02", b"x" * 40], [b"\x01" * 3, b"y" * 33]]
    for i in range(1, len(rows)):
        body = [b"".join(map(value, row)) for row in rows[: i + 1]]

        assert split(packets(*body), 0, 2) is None
        got: list[bytes | None] = []
        divider((False, False))(packets(*body), "", 0, got)
        assert [v for row in rows[: i + 1] for v in row] == got


@pytest.mark.parametrize("at", [0, 1, 198])
@pytest.mark.parametrize("moved", [b"a", b"", None])
def test_a_row_has_its_own_number_of_values(at: int, moved: bytes | None) -> None:
    """One row with a value too many and one too few are not taken for two good ones."""
    rows: list[list[bytes | None]] = [[moved, b"x" * 10, moved] for _ in range(200)]
    rows[at].append(rows[at + 1].pop(0))
    for kinds in ([(253, UTF8)] * 3, [(253, UTF8), (252, BINARY), (253, UTF8)]):
        answer = Answer(utc=True, reader=reading.reader)

        with pytest.raises(asyncdb.InternalError, match="not understood"):
            answer.feed(made(rows, kinds))


def test_a_column_of_bytes_stays_bytes() -> None:
    """Beside texts, and whatever is in it."""
    kinds = [(252, BINARY), (253, UTF8), (254, LATIN1), (16, BINARY)]
    rows: list[list[bytes | None]] = [
        [bytes([i % 256] * (i % 300)), "é\n".encode(), b"abc", b"\1"]
        for i in range(600)
    ]
    answer = Answer(utc=True, reader=reading.reader)
    answer.feed(made(rows, kinds))

    assert not answer.values
    assert [(row[0], "é\n", "abc", 1) for row in rows] == answer.take(None, utc=True)


@pytest.mark.parametrize("bad", [b"\xff", b"\xc3", b"\xed\xa0\x80"])
@pytest.mark.parametrize("at", [0, 200, 399])
def test_text_that_is_none_is_told_when_all_is_read(bad: bytes, at: int) -> None:
    """The answer is complete; what is taken raises, and names the column."""
    rows = some_rows(random.Random(2), SHORT, 400, 0)
    rows[at][1] = bad
    data = made(rows, KINDS)
    answer = Answer(utc=True, reader=reading.reader)
    for start in range(0, len(data), 5000):
        answer.feed(data[start : start + 5000])

    assert answer.done
    assert 400 == answer.count
    with pytest.raises(asyncdb.InvalidText, match="column c1"):
        answer.take(None, utc=True)


def test_rows_that_cannot_be_read_do_not_pass_those_before_them() -> None:
    """Taken in pieces, what was decoded comes first, and then the error."""
    rows = some_rows(random.Random(3), SHORT, 400, 0)
    rows[399][0] = b"nonsense"
    data = made(rows, KINDS)
    answer = Answer(utc=True, reader=reading.reader)
    answer.feed(data[: len(data) // 2])
    ready = answer.count
    answer.feed(data[len(data) // 2 :])

    assert 0 < ready < 400 == answer.count
    assert [row[0] for row in answer.take(ready, utc=True)] == [
        int(row[0] or b"") for row in rows[:ready]
    ]
    with pytest.raises(asyncdb.DataError, match="column c0"):
        answer.take(None, utc=True)


@pytest.mark.parametrize("collects", [True, False])
def test_the_collector_is_left_as_it_was(collects: bool) -> None:
    """Whoever has switched it off finds it off; and on, also after a failure."""
    before = gc.isenabled()
    (gc.enable if collects else gc.disable)()
    try:
        for first in (b"1", b"nonsense"):
            answer = Answer(utc=True, reader=reading.reader)
            answer.feed(made([[first, b"x" * 20]] * 200, KINDS[:2]))

            assert answer.done
            assert collects is gc.isenabled()
    finally:
        (gc.enable if before else gc.disable)()
