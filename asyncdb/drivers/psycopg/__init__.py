"""PostgreSQL through psycopg 3 (https://www.psycopg.org/psycopg3/docs/)."""

from __future__ import annotations

from asyncdb.errors import MissingDriver

try:
    from asyncdb.drivers.psycopg.connecting import PsycopgDriver
except ImportError as error:
    # psycopg raises an ImportError without a name where it finds no libpq.
    if (error.name or "psycopg").partition(".")[0] not in ("psycopg", "psycopg_binary"):
        raise
    message = (
        "postgresql+psycopg needs psycopg 3 with libpq: "
        'pip install "asyncdb-toolkit[psycopg]" "psycopg[binary]"'
    )
    raise MissingDriver(message) from error

driver = PsycopgDriver()

__all__ = ["driver"]
