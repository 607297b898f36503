"""What is true of each database, whatever library speaks to it.

One room for each: its `Dialect`, how values go in and come out, its error table. The
drivers (and the fake) of one database share it; none of it imports a library.
"""

from __future__ import annotations

from asyncdb.driver.naming import database_error

__all__ = ["database_error"]
