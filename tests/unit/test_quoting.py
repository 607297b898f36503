"""Names that come from outside, quoted or refused."""

from __future__ import annotations

from typing import Any

import pytest

from asyncdb import ParameterError
from asyncdb.sql import quote_identifier
from asyncdb.testing.fake import DIALECT


@pytest.mark.parametrize("name", ["", "a\0b", "\0", ["t", "a\0"], ["a\0", "t"], [""]])
def test_a_name_that_no_engine_has(name: Any) -> None:
    """An empty name, or one that holds a NUL, is refused in every place."""
    with pytest.raises(ParameterError, match="may not be empty nor hold a NUL"):
        quote_identifier(name, DIALECT)
