"""To one address of a host, which asyncpg knows by its name alone.

asyncpg looks a name up itself and tries its addresses for as long as all may take. But
it takes the event loop to use, and keeps it for the cancel requests of the session.
`DirectedLoop` is the running one, whose connections go to the address; the name stays
with asyncpg, which has the certificate checked for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class DirectedLoop:
    """The running loop, whose new connections go to one address.

    Args:
        loop: the running one.
        address: where to, instead of the host that is named.
    """

    def __init__(self, loop: Any, address: str) -> None:
        self._loop = loop
        self._address = address

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    async def create_connection(
        self, factory: Callable[[], Any], _: str, *args: Any, **options: Any
    ) -> tuple[Any, Any]:
        """Connect to the address."""
        found: tuple[Any, Any] = await self._loop.create_connection(
            factory, self._address, *args, **options
        )
        return found
