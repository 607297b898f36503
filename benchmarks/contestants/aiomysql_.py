"""aiomysql by itself: the 1 of its column."""

from __future__ import annotations

import aiomysql

from benchmarks.contestants.mysql_family import Family


class Aiomysql(Family):
    """The raw driver."""

    requires = ("aiomysql", "PyMySQL<1.3,!=1.2.1,!=1.2.2", "cryptography")
    library = aiomysql
    unbuffered = aiomysql.SSCursor


contestant = Aiomysql
