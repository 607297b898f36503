"""MySQL and MariaDB through aiomysql (https://aiomysql.readthedocs.io/)."""

from __future__ import annotations

from asyncdb.errors import MissingDriver

try:
    from asyncdb.drivers.aiomysql.connecting import driver
except ImportError as error:
    # PyMySQL 1.2.1 and 1.2.2 lack a name that aiomysql imports.
    if (error.name or "").partition(".")[0] not in ("aiomysql", "pymysql"):
        raise
    message = (
        "MySQL needs the aiomysql library and a PyMySQL that works with it: "
        'pip install "asyncdb-toolkit[mysql]"'
    )
    raise MissingDriver(message) from error

__all__ = ["driver"]
