"""Fixtures as many write them first: one pool for all tests, and nobody cleans up."""

import asyncdb
import pytest
from shop import make_schema

from asyncdb.testing.any_loop import AnyLoopPool


@pytest.fixture(scope="session")
def asyncdb_schema():
    """The application's own."""
    return make_schema


@pytest.fixture(scope="session")
def asyncdb_url(asyncdb_sandbox):
    """One database for all tests."""
    with asyncdb_sandbox.database() as url:
        yield url


@pytest.fixture(scope="session")
def asyncdb_pool(asyncdb_sandbox, asyncdb_url):
    """One pool for all tests."""
    with asyncdb_sandbox.pool(asyncdb_url) as pool:
        yield pool


@pytest.fixture(scope="session")
def asyncdb_rollback(asyncdb_pool):
    """The same."""
    return asyncdb_pool
