"""Clusters of our own: `pytest --clusters`, which is `make test-clusters`.

Without the option `tests/clusters` is not collected: it takes minutes, and programs
that few machines have.
"""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--clusters` and `--clusters-json`."""
    parser.addoption(
        "--clusters",
        action="store_true",
        help="run tests/clusters, on throw-away clusters",
    )
    parser.addoption(
        "--clusters-json",
        default="clusters.json",
        metavar="PATH",
        help="where tests/clusters writes what it saw",
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave `tests/clusters` out unless it is asked for."""
    folder = config.rootpath / "tests" / "clusters"
    if collection_path == folder or folder in collection_path.parents:
        return None if config.getoption("--clusters") else True
    return None
