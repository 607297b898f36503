"""The kit, run on the fake and on every engine of the matrix."""

from __future__ import annotations

import pytest

from asyncdb.testing.conformance import Conformance
from tests.plugins.databases import ENGINES_AND_FAKE, SECOND_DRIVERS, engine_url


class TestConformance(Conformance):
    """All chapters."""

    @pytest.fixture(params=(*ENGINES_AND_FAKE, *SECOND_DRIVERS))
    def database_url(self, request: pytest.FixtureRequest) -> str:
        """A database of each engine in turn."""
        return engine_url(request, request.param)
