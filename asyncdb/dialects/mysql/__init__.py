"""MySQL and MariaDB: their facts, their values, their errors.

Shared by every driver that speaks to them, and importing none: `facts` (dialects,
quoting), `literals` (values in), `columns` (values out), `session` (options, the
portable state), `multirow` (one INSERT for many rows), `errors` and `error_numbers`.
"""

from __future__ import annotations

from asyncdb.dialects.mysql.facts import DIALECT, MARIADB, lexis_for
from asyncdb.dialects.mysql.session import MySQLOptions

__all__ = ["DIALECT", "MARIADB", "MySQLOptions", "lexis_for"]
