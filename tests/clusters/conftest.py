"""The clusters, one of each for a file, and the report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.plugins import binaries
from tests.plugins.clusters import programs
from tests.plugins.clusters.galera import GaleraCluster
from tests.plugins.clusters.group import GroupCluster
from tests.plugins.clusters.pair import Pair
from tests.plugins.clusters.report import Report


@pytest.fixture(scope="session")
def report(request: pytest.FixtureRequest) -> Report:
    """Where a scenario notes what it saw."""
    return Report(Path(str(request.config.getoption("--clusters-json"))))


@pytest.fixture(scope="module")
def galera_nodes() -> Iterator[GaleraCluster]:
    """Three nodes of Galera for the file."""
    if why := programs.why_no_galera():
        pytest.skip(f"no Galera: {why}; `make test-clusters` gets it on Debian")
    with GaleraCluster() as cluster:
        yield cluster


@pytest.fixture
def galera(galera_nodes: GaleraCluster) -> GaleraCluster:
    """Three nodes of Galera, in step."""
    galera_nodes.heal()
    return galera_nodes


@pytest.fixture(scope="module")
def group_members() -> Iterator[GroupCluster]:
    """Three members of a Group Replication for the file."""
    if programs.mysqld() is None:
        pytest.skip("no mysqld of Oracle's MySQL: ASYNCDB_MYSQLD names one")
    with GroupCluster() as cluster:
        yield cluster


@pytest.fixture
def group(group_members: GroupCluster) -> GroupCluster:
    """Three members of a Group Replication, online."""
    group_members.heal()
    return group_members


@pytest.fixture
def synchronous_pair() -> Iterator[Pair]:
    """A primary whose commits wait for its standby."""
    _need_postgresql()
    with Pair(synchronous=True) as pair:
        yield pair


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A primary whose standby comes after."""
    _need_postgresql()
    with Pair() as made:
        yield made


def _need_postgresql() -> None:
    if binaries.find("postgresql") is None:
        pytest.skip("no PostgreSQL: `make test` gets it")
