"""Which server a pool wants, and whether a session's is still one.

A pool whose `target_session_attrs` is `any` takes what it gets, until a server refuses
a write for what it is: from then on the pool looks for one that takes writes first, and
is content with another where there is none. Otherwise its sessions would stay on a
primary that was demoted, and fail for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from asyncdb.driver import Role, SupportsRole

if TYPE_CHECKING:
    from asyncdb.driver import DriverConnection
    from asyncdb.options import ConnectOptions, TargetSessionAttrs

# What no server can cease to be.
_WISHES: Final = frozenset(["any", "prefer-standby"])


class Wanted:
    """What a pool wants of its servers.

    Args:
        options: the connections'.

    Attributes:
        is_firm: health checks ask for more than a sign of life.
        prefers_writes: a write was refused where any server would do.
    """

    def __init__(self, options: ConnectOptions) -> None:
        self._attrs: TargetSessionAttrs = options.target_session_attrs
        self.is_firm = self._attrs not in _WISHES
        self.prefers_writes = False

    async def misfit(self, inner: DriverConnection) -> str:
        """Ask a session's server what it is, as a sign of life.

        Returns:
            Why it is not what is wanted; `""` if it is, or if nobody can tell.
        """
        if not isinstance(inner, SupportsRole):
            return ""
        role: Role = await inner.read_role()
        wanted: TargetSessionAttrs = (
            "read-write" if self._attrs == "any" else self._attrs
        )
        return "" if role.fits(wanted) else role.misfit(wanted)

    def refused(self) -> None:
        """Take note that a server turned out not to be what is wanted."""
        self.prefers_writes = self._attrs == "any"
