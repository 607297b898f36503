"""The kit, run on the fake and on every engine of the matrix."""

from __future__ import annotations

import pytest

from asyncdb.testing.conformance import Conformance
from tests.plugins.databases import ENGINES_AND_FAKE


@pytest.mark.parametrize("database_url", ENGINES_AND_FAKE, indirect=True)
class TestConformance(Conformance):
    """All chapters."""

    # Not the chapters' own, which would hide the matrix's.
    @pytest.fixture
    def database_url(self, request: pytest.FixtureRequest) -> str:
        """The matrix's URL."""
        return str(request.getfixturevalue("url_of")(request.param))
