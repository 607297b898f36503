"""Time zones as options give them, in one form."""

from __future__ import annotations

import pytest

from asyncdb import URLError
from asyncdb.options import ServerOptions
from asyncdb.options.zones import read_zone


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("utc", "UTC"),
        ("+00", "UTC"),
        ("-00:00", "UTC"),
        ("+14", "+14:00"),
        ("-1130", "-11:30"),
        ("EST5EDT", "EST5EDT"),
        ("Etc/GMT+2", "Etc/GMT+2"),
    ],
)
def test_forms_of_one_zone(text: str, zone: str) -> None:
    """Offsets get one form; names are the server's to know."""
    assert zone == read_zone(text) == ServerOptions(time_zone=text).time_zone


@pytest.mark.parametrize("text", ["+14:01", "-24", "+1:60", "GMT-2", "EST+5", "7"])
def test_what_would_mislead(text: str) -> None:
    """An offset that no zone has, or that counts west, is refused."""
    with pytest.raises(URLError, match="east of UTC"):
        ServerOptions(time_zone=text)
