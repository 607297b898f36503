"""What asyncpg says of a lost session, and of a value that does not fit."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

import asyncdb
from tests.plugins.databases import engines

exceptions = pytest.importorskip("asyncpg.exceptions")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (
            "cannot switch to state 11; another operation (2) is in progress",
            asyncdb.ConnectionLost,
        ),
        ("got result for unknown protocol state 3", asyncdb.InternalError),
    ],
)
def test_an_idle_session_that_was_ended(text: str, kind: type[asyncdb.Error]) -> None:
    """Between the server's last words and the end of the line it is lost already."""
    from asyncdb.drivers.asyncpg.translation import translate

    assert kind is type(translate(exceptions.InternalClientError(text)))


@engines("postgresql")
@pytest.mark.parametrize(
    ("kind", "value", "says"),
    [
        ("int", "s3cr3t", " (SQLSTATE"),
        ("int", 2**40, ": value out of int32 range"),
        ("text", 7, ": expected str, got int; an untyped marker"),
        (
            "timestamp",
            datetime(2026, 2, 3, tzinfo=UTC),
            ": a datetime with a time zone fits timestamptz, one without",
        ),
        ("date", "query argument $9: s3cr3t", " (SQLSTATE"),
    ],
)
async def test_a_value_that_does_not_fit(
    db: asyncdb.Connection, table: str, kind: str, value: Any, says: str
) -> None:
    """The message names the parameter, in a bulk too, and never the value."""
    await db.execute(f"CREATE TABLE {table} (id INT, v {kind})")
    insert = f"INSERT INTO {table} VALUES (?, ?)"
    with pytest.raises(asyncdb.DataError) as one:
        await db.execute(insert, [1, value])
    with pytest.raises(asyncdb.DataError) as many:
        await db.executemany(insert, [[1, None], [2, value]])

    message = f"parameter $2 does not fit the type that the server expects there{says}"
    assert str(one.value).startswith(message)
    assert type(one.value) is type(many.value)
    assert str(one.value) == str(many.value)
    assert "s3cr3t" not in str(many.value)


def _error(severity: str, text: str = "terminating connection") -> bytes:
    fields = [f"S{severity}", f"V{severity}", "C57P01", f"M{text}", "", ""]
    body = "\0".join(fields).encode()
    return b"E" + (4 + len(body)).to_bytes(4, "big") + body


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (_error("FATAL"), ("57P01", "terminating connection")),
        (_error("PANIC"), ("57P01", "terminating connection")),
        (_error("ERROR"), None),  # the session goes on
        (_error("FATAL")[:-1], None),  # the rest is to come
        (_error("FATAL") + b"Z", None),  # a part of something else
        (b"E", None),
        (b"Exxxx FATAL", None),
        (b"D" + _error("FATAL"), None),
    ],
)
async def test_the_last_words(data: bytes, said: Any) -> None:
    """Only a whole message that ends the session is one; all goes on to asyncpg."""
    from asyncdb.drivers.asyncpg.last_words import LastWords

    passed: list[bytes] = []

    class Protocol:
        data_received = staticmethod(passed.append)

    listener = LastWords(Protocol)
    listener.get_buffer(-1)[: len(data)] = data
    listener.buffer_updated(len(data))

    assert said == listener.said
    assert [data] == passed
