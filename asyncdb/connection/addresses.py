"""Where the hosts of a URL are: names looked up, and who has been silent lately."""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from asyncdb.url import DatabaseURL

# Seconds for which a host that did not answer in its share of the time is tried last.
REMEMBERED: Final = 30.0
_MOST = 1000  # of those that are remembered
_now = time.monotonic  # tests set their own


class Place(NamedTuple):
    """Somewhere to connect to.

    Args:
        url: with one host at most.
        address: one of the host's, where it is a name that was looked up.
        among: how many addresses the name has.
    """

    url: DatabaseURL
    address: str | None = None
    among: int = 1

    @property
    def key(self) -> str:
        """What it is remembered by."""
        return f"{self.address or self.url.host}:{self.url.port}"

    def __str__(self) -> str:
        """Say where it is, without a password."""
        return str(self.url) if self.among == 1 else f"{self.url} ({self.address})"


class Silence:
    """Who let the time pass without an answer, for a while; one for the process.

    A host that is frozen or cut off costs a share of `connect_timeout` each time that
    it is asked. Those that come after it need not wait for it again and again.
    """

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def note(self, place: Place) -> None:
        """Remember that nobody has answered there."""
        if len(self._until) >= _MOST:
            self._until.clear()
        self._until[place.key] = _now() + REMEMBERED

    def forget(self, place: Place) -> None:
        """Take note that somebody has answered, be it by a refusal."""
        if self._until:
            self._until.pop(place.key, None)

    def holds(self, place: Place) -> bool:
        """Tell whether nobody has answered there lately."""
        return bool(self._until) and self._until.get(place.key, 0.0) > _now()

    def last(self, places: Sequence[Place]) -> list[Place]:
        """Put those that were silent behind the others; else they stay in order."""
        if not self._until:
            return list(places)
        now = _now()
        return sorted(places, key=lambda place: self._until.get(place.key, 0.0) > now)

    def clear(self) -> None:
        """Forget all of it."""
        self._until.clear()


SILENCE = Silence()


def hosts(url: DatabaseURL, *, one: bool, shuffled: bool) -> list[Place]:
    """List a URL's hosts, in the order to try them.

    Args:
        url: with any number of hosts.
        one: another option says where it is.
        shuffled: by chance.
    """
    found = [Place(each) for each in url.each_host()]
    if one:
        del found[1:]
    if shuffled:
        random.shuffle(found)
    return SILENCE.last(found)


def is_name(host: str | None) -> bool:
    """Tell whether a host has to be looked up: it is no address, and no socket."""
    if not host or host.startswith("/"):
        return False
    from ipaddress import ip_address  # noqa: PLC0415  # slow, and no file needs it

    try:
        ip_address(host)
    except ValueError:
        return True
    return False


async def look_up(place: Place, *, shuffled: bool) -> list[Place]:
    """Find the addresses of a host's name, anew.

    Args:
        place: of the name.
        shuffled: by chance; else in the order that the system gives (RFC 6724).

    Raises:
        OSError: the name has none, or nobody could say.
    """
    found = await asyncio.get_running_loop().getaddrinfo(
        place.url.host, place.url.port, type=socket.SOCK_STREAM
    )
    addresses = list(dict.fromkeys(_addresses(found)))
    if shuffled:
        random.shuffle(addresses)
    return [Place(place.url, each, len(addresses)) for each in addresses]


def _addresses(found: Sequence[tuple[object, ...]]) -> Iterator[str]:
    for *_, at in found:
        yield at[0]  # type: ignore[index]  # of an IPv6 address there are four parts
