"""The pool, and what it tells of itself."""

from __future__ import annotations

from asyncdb.pool.pool import Pool
from asyncdb.pool.stats import PoolStats

__all__ = ["Pool", "PoolStats"]
