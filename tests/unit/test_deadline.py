"""How long a statement may take, where several limits hold."""

from __future__ import annotations

from dataclasses import replace
from math import nan
from typing import Any

import pytest

import asyncdb
from asyncdb.connection.deadline import GRACE, backstop, shorter
from asyncdb.dialect import Dialect
from asyncdb.options import ConnectOptions
from asyncdb.testing.fake import DIALECT

KEEPS_IT = replace(DIALECT, supports_statement_timeout=True)


@pytest.mark.parametrize(
    ("limit", "dialect", "seconds"),
    [
        (None, DIALECT, None),
        (None, KEEPS_IT, None),
        (3, DIALECT, 3),
        (3, KEEPS_IT, 3.5),
        (0.2, KEEPS_IT, 0.7),
    ],
)
def test_the_server_is_given_time_to_say_it(
    limit: float | None, dialect: Dialect, seconds: float | None
) -> None:
    """Where the server keeps the limit itself, ours comes half a second later."""
    assert seconds == backstop(ConnectOptions(statement_timeout=limit), dialect)
    assert 0 < GRACE <= 0.5


@pytest.mark.parametrize(
    ("timeout", "limit", "seconds"),
    [
        (None, None, None),
        (None, 3, 3),
        (2, None, 2),
        (2, 3, 2),
        (4, 3, 3),
        (1e-9, 3, 1e-9),
    ],
)
def test_the_shorter_limit_holds(
    timeout: float | None, limit: float | None, seconds: float | None
) -> None:
    """Of a call's limit and its connection's the shorter one holds."""
    assert seconds == shorter(timeout, limit)


@pytest.mark.parametrize("timeout", [0, -1, nan, "1", [1]])
@pytest.mark.parametrize("limit", [None, 3])
def test_what_is_no_limit_is_refused(timeout: Any, limit: float | None) -> None:
    """A limit is a number above 0."""
    with pytest.raises(asyncdb.InterfaceError, match="above 0, not"):
        shorter(timeout, limit)
