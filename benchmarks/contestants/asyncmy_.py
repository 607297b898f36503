"""asyncmy by itself: the 1 of its column."""

from __future__ import annotations

import asyncmy
from asyncmy.cursors import SSCursor

from benchmarks.contestants.mysql_family import Family


class Asyncmy(Family):
    """The raw driver."""

    library = asyncmy
    unbuffered = SSCursor


contestant = Asyncmy
