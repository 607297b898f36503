"""What asyncpg says of a session that the server has just ended."""

from __future__ import annotations

import pytest

import asyncdb

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
