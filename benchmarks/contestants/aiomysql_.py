"""aiomysql by itself: the 1 of its column."""

from __future__ import annotations

import aiomysql

from benchmarks.contestants.mysql_family import Family


class Aiomysql(Family):
    """The raw driver."""

    library = aiomysql
    unbuffered = aiomysql.SSCursor


contestant = Aiomysql
