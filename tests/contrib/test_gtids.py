"""What MariaDB tells of its positions, and what can be read by then."""

from __future__ import annotations

import pytest

from asyncdb.contrib._gtids import shows


@pytest.mark.parametrize(
    ("log", "slave", "current", "gtids", "there"),
    [
        # A replica of server 1, in the moment between its log and its tables.
        ("0-1-6", "0-1-5", "0-1-5", "0-1-5", True),
        ("0-1-6", "0-1-5", "0-1-5", "0-1-6", False),
        ("0-1-6", "0-1-6", "0-1-6", "0-1-6", True),
        # It keeps no log of what it gets.
        ("", "0-1-6", "0-1-6", "0-1-6", True),
        ("", "0-1-6", "0-1-6", "0-1-7", False),
        # Server 2 took over, and then server 1 again.
        ("0-2-9,0-1-7", "0-2-9", "0-2-9", "0-1-7", True),
        ("0-2-9,0-1-7", "0-2-9", "0-2-9", "0-1-8", False),  # which was never here
        ("0-2-9,0-1-10", "0-2-9", "0-2-9", "0-1-10", False),
        ("0-2-9,0-1-10", "0-1-10", "0-1-10", "0-2-9", True),
        # The primary itself, and one that has been one.
        ("0-1-6", "", "0-1-6", "0-1-6", True),
        ("0-1-6,0-2-9", "0-2-9", "0-2-9", "0-1-6", True),
        # Several domains, each with a place of its own.
        ("0-1-6,1-1-3", "0-1-6,1-1-2", "0-1-6,1-1-2", "0-1-6,1-1-2", True),
        ("0-1-6,1-1-3", "0-1-6,1-1-2", "0-1-6,1-1-2", "0-1-6,1-1-3", False),
        ("0-1-6", "0-1-6", "0-1-6", "2-1-1", False),
        # A server that has nothing.
        ("", "", "", "0-1-1", False),
        ("", "", "", "0-1-0", False),
    ],
)
def test_shows(log: str, slave: str, current: str, gtids: str, there: bool) -> None:
    """Only what a reader would find is there."""
    variables = {
        "GTID_BINLOG_STATE": log,
        "GTID_SLAVE_POS": slave,
        "GTID_CURRENT_POS": current,
    }
    assert there is shows(variables, gtids)
