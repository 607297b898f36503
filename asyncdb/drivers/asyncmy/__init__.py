"""MySQL and MariaDB through asyncmy (https://github.com/long2ice/asyncmy), compiled."""

from __future__ import annotations

from asyncdb.errors import MissingDriver

try:
    from asyncdb.drivers.asyncmy.connecting import driver
except ImportError as error:
    if (error.name or "").partition(".")[0] != "asyncmy":
        raise
    message = (
        "mysql+asyncmy needs the asyncmy library: "
        'pip install "asyncdb-toolkit[asyncmy]"'
    )
    raise MissingDriver(message) from error

__all__ = ["driver"]
