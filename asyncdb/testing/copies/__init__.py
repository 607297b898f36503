"""Clean databases for tests, each engine's fastest way: one file for each.

* SQLite: a copy of a file.
* PostgreSQL: `CREATE DATABASE ... TEMPLATE`.
* MySQL and MariaDB: made once, and emptied after each use; made again after DDL.
"""

from __future__ import annotations

from asyncdb.testing.copies.mysql import MySQLCopies
from asyncdb.testing.copies.postgresql import PostgreSQLCopies
from asyncdb.testing.copies.schema import Copies, Schema
from asyncdb.testing.copies.sqlite import SQLiteCopies

__all__ = ["KINDS", "Copies", "Schema"]

# How databases are copied, by engine.
KINDS: dict[str, type[Copies]] = {
    "sqlite": SQLiteCopies,
    "postgresql": PostgreSQLCopies,
    "postgres": PostgreSQLCopies,
    "mysql": MySQLCopies,
    "mariadb": MySQLCopies,
}
