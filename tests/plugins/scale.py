"""How long the fault tests go on: a taste, or all of it with `--full-faults`.

async def test_storm(scaled): for _ in range(scaled(200, 2_000)): ...
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import pytest

Scaled: TypeAlias = Callable[[float, float], int]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--full-faults`."""
    parser.addoption(
        "--full-faults",
        action="store_true",
        help="run the fault tests for as long as their promises say",
    )


@pytest.fixture
def scaled(request: pytest.FixtureRequest) -> Scaled:
    """A function of two numbers: the first in every run, the second in a full one."""
    full = bool(request.config.getoption("--full-faults"))
    return lambda taste, whole: int(whole if full else taste)


async def eventually(
    check: Callable[[], Awaitable[bool]], *, within: float = 2.0, pause: float = 0.005
) -> float:
    """Wait for something that gives no event; returns the seconds that it took.

    Args:
        check: whether it is so by now.
        within: seconds after which the test fails.
        pause: seconds between two looks.
    """
    began = time.monotonic()
    while not await check():
        if time.monotonic() - began > within:
            pytest.fail(f"not so within {within} seconds")
        await asyncio.sleep(pause)
    return time.monotonic() - began
