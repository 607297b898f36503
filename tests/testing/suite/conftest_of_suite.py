"""Which schema the tests' databases have."""

import pytest
from shop import make_schema


@pytest.fixture(scope="session")
def asyncdb_schema():
    """The application's own."""
    return make_schema
