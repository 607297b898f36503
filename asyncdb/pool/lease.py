"""What a pool remembers of a session, and of whoever has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from asyncdb.connection.exclusive import Ended
from asyncdb.driver import SupportsReset

if TYPE_CHECKING:
    import asyncio
    import weakref

    from asyncdb.connection.session import Session

_RETURNED: Final = (
    "this connection was returned to the pool: use it only inside its block, or "
    "acquire another"
)


class Lease:
    """A session in a pool, and what the pool remembers of it.

    Args:
        owner: the pool's lifecycle.
        session: what the pool's own verbs use; nobody else gets it.
        expires: when it has lived long enough, on the loop's clock.
        generation: the pool's generation in which it was last known to be alive.
        idle_since: when it was last used.
    """

    __slots__ = (
        *("alarm", "borrowed", "borrower", "can_reset", "dirty", "doubted", "expires"),
        *("generation", "idle_since", "inner", "is_unfit", "owner", "reason"),
        *("released", "returned", "session", "settled"),
    )

    def __init__(
        self,
        owner: object,
        session: Session,
        *,
        expires: float,
        generation: int,
        idle_since: float,
    ) -> None:
        self.owner = owner
        self.session = session
        self.inner = session.inner
        self.expires = expires
        self.generation = generation
        self.idle_since = idle_since
        self.returned = Ended(self.inner, _RETURNED)
        self.can_reset = isinstance(self.inner, SupportsReset)
        # Why it leaves the pool; "" as long as it is to stay.
        self.reason = ""
        # It must be reset before it is lent again; else a sign of life is enough.
        self.dirty = False
        # It comes back from a loan, and `on_release` has not seen it yet.
        self.released = False
        # An error says that its server may not be what is wanted; and so it was found,
        # or could not be asked any more.
        self.doubted = self.is_unfit = False
        # Until when there is none better: one was looked for when this was opened.
        self.settled = 0.0
        # The loan: whose it is, how to warn of a leak, and how to see a forgotten one.
        self.borrower: asyncio.Task[Any] | None = None
        self.borrowed: weakref.ref[Session] | None = None
        self.alarm: asyncio.TimerHandle | None = None
