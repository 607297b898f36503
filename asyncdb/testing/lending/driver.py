"""The driver of `sqlite+testing://`, `postgresql+testing://`, and so on.

A URL of it leads into what a `Lender` of this process lends: the option `lender` is its
key. All other options are those of the engine's own driver, so that an application may
give what it always gives. In a rollback those about the session (`application_name`,
`time_zone`, ...) have no effect, for the real session is open already.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, make_dataclass
from functools import cached_property
from typing import Protocol

from asyncdb import errors
from asyncdb.driver import (
    ConnectOptions,
    DatabaseURL,
    Dialect,
    Driver,
    DriverConnection,
)
from asyncdb.driver.registry import find_driver

_GONE = (
    "nothing is lent at this URL: it leads into a test's database of this process, as "
    "long as the test runs"
)


class Lender(Protocol):
    """What lends sessions."""

    async def lend(self, options: ConnectOptions) -> DriverConnection:
        """Return one more session, for the loop that runs here.

        Args:
            options: what the application gave, as the engine's own driver takes it.
        """
        ...


_lenders: dict[str, Lender] = {}


def announce(url: DatabaseURL, lender: Lender) -> DatabaseURL:
    """Make the URL that leads to a lender.

    Args:
        url: of the real database; its engine and its name are kept.
        lender: what to lead to.

    Returns:
        A URL without a user and a password, for `asyncdb.connect` and `create_pool`.
    """
    key = secrets.token_hex(8)
    _lenders[key] = lender
    return url.replace(
        driver="testing",
        user=None,
        password=None,
        options={**url.options, "lender": key},
    )


def withdraw(url: DatabaseURL) -> None:
    """Have the URL lead nowhere."""
    _lenders.pop(url.options["lender"], None)


@dataclass(frozen=True, kw_only=True)
class LentDriver:
    """Serves one engine's `+testing` URLs; a `Driver`, by its shape.

    Args:
        engine: the scheme of the engine's own driver.
    """

    engine: str

    @property
    def dialect(self) -> Dialect:
        """The engine's facts."""
        return self._own.dialect

    @cached_property
    def options(self) -> type[ConnectOptions]:
        """The engine's options, and the key."""
        kind: type[ConnectOptions] = make_dataclass(
            "LentOptions",
            [("lender", str, field(default="", repr=False))],
            bases=(self._own.options,),
            frozen=True,
            kw_only=True,
            namespace={"__module__": __name__},
        )
        return kind

    @property
    def _own(self) -> Driver:
        return find_driver(DatabaseURL(f"{self.engine}://"))

    async def connect(
        self,
        url: DatabaseURL,  # noqa: ARG002  # the key is an option
        options: ConnectOptions,
    ) -> DriverConnection:
        """Have one more session lent."""
        lender = _lenders.get(getattr(options, "lender", ""))
        if lender is None:
            raise errors.InterfaceError(_GONE)
        return await lender.lend(options)

    def translate(self, error: BaseException) -> errors.Error | None:  # noqa: ARG002
        """Leave it: errors are named where the session is."""
        return None


sqlite = LentDriver(engine="sqlite")
postgresql = LentDriver(engine="postgresql")
mysql = LentDriver(engine="mysql")
mariadb = LentDriver(engine="mariadb")
