"""Check the SQL of a program against a live schema; no statement of it is run.

    faults = await check(["app", "queries.sql"], ["sqlite:///dev.db"])
    print(as_text(faults))

Statements that read or change rows are prepared by the engine itself: by `PREPARE` on
PostgreSQL, MySQL and MariaDB, by `EXPLAIN` on SQLite. Others, such as CREATE TABLE, are
read for their form alone. The class of `into=` is compared with a statement's columns
on SQLite and PostgreSQL.
"""

from asyncdb.contrib.checking.engines import check
from asyncdb.contrib.checking.faults import Fault, as_annotations, as_text
from asyncdb.contrib.checking.sources import Found, read_file
from asyncdb.contrib.checking.targets import Target

__all__ = [
    "Fault",
    "Found",
    "Target",
    "as_annotations",
    "as_text",
    "check",
    "read_file",
]
