"""What may be a parameter: what may be one to PostgreSQL, and psycopg's own types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from asyncdb.dialects.postgresql import DIALECT

ENCODERS: Mapping[type, Any] = {**DIALECT.encoders, Range: None, Multirange: None}
