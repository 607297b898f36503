"""A pool's loans, observed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncdb.pool.checkout import DEFAULT, Checkout

if TYPE_CHECKING:
    from asyncdb.connection.watch import Watch
    from asyncdb.options import PoolOptions
    from asyncdb.pool.lease import Lease
    from asyncdb.pool.lifecycle import Lifecycle


class ObservedCheckout(Checkout):
    """A checkout whose observers hear of each loan.

    Args:
        lifecycle: makes, judges, mends and closes what is lent.
        options: the pool's.
        watch: tells the observers.
    """

    def __init__(
        self, lifecycle: Lifecycle, options: PoolOptions, watch: Watch
    ) -> None:
        super().__init__(lifecycle, options)
        self._watch = watch

    def take(self) -> None:
        """Leave it to `wait()`, which all callers go on to."""

    async def wait(self, timeout: float | None = DEFAULT) -> Lease:
        """Take a connection that is free, or wait for one."""
        with self._watch.acquire(self._lifecycle.dialect):
            return super().take() or await super().wait(timeout)
