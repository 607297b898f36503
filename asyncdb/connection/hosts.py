"""A session on one of the hosts: which is asked, for how long, and which is taken.

Rules:

1. `connect_timeout` is for all of it. As long as others are left a host has an even
   share of what remains, and a third of the whole at most: a host that is frozen costs
   a new session no more than that. Who let its share pass is asked last for a while.
2. A name is looked up anew each time, and each of its addresses is a host to be tried.
3. A session is taken where the server is what `target_session_attrs` wants. Where that
   is only a wish (`prefer-standby`) the first session that would also do is kept until
   all others were asked, but those that were silent lately; so none is opened twice.
4. When there is none, the last reason is raised, and all of them stand in its notes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from asyncdb import errors
from asyncdb.connection.addresses import SILENCE, Place, hosts, is_name, look_up
from asyncdb.connection.observed import session_over
from asyncdb.connection.preparing import run_hook
from asyncdb.driver import SupportsAddresses, SupportsRole, database_error
from asyncdb.driver.messages import of_network

if TYPE_CHECKING:
    from asyncdb.connection.session import Session
    from asyncdb.connection.watch import Watch
    from asyncdb.driver import Driver, DriverConnection
    from asyncdb.options import ConnectOptions, TargetSessionAttrs
    from asyncdb.url import DatabaseURL

# Of connect_timeout, for one host, as long as there are others.
_LARGEST_SHARE: Final = 1 / 3
_NO_NAME: Final = "the host's name is none"
_GOODBYE: Final = 0.2  # seconds, to a server that is not the one
_WISHES: Final[dict[TargetSessionAttrs, TargetSessionAttrs]] = {
    "prefer-standby": "standby"
}


async def open_session(
    driver: Driver,
    url: DatabaseURL,
    options: ConnectOptions,
    watch: Watch | None = None,
    *,
    prefers_writes: bool = False,
) -> Session:
    """Open a session on the first host that answers and is what is wanted.

    Args:
        driver: the driver.
        url: with any number of hosts.
        options: the driver's options.
        watch: of observers; `None` where nobody wants to hear of it.
        prefers_writes: where any server will do, one that takes writes is the better.

    Raises:
        ConnectionFailed: there is none, or none that is what is wanted.
        AuthenticationFailed: a host did not take user and password.
        NotSupportedError: the driver cannot tell what a server is.
    """
    search = _Search(driver, url, options, prefers_writes=prefers_writes)
    inner, place = await search.run()
    session = session_over(driver, inner, url, options, watch, host=place.url)
    if options.on_connect is not None:
        # A scope that is left with an exception has closed the session: see run_hook.
        scope = asyncio.timeout_at(search.end)
        try:
            async with scope:
                await run_hook("on_connect", options.on_connect, session)
        except Exception as error:
            if scope.expired():
                raise _hook_too_slow(options) from error
            raise
    return session


class _Search:
    """The search for one session.

    Args:
        driver: the driver.
        url: with any number of hosts.
        options: the driver's options.
        prefers_writes: see `open_session`.

    Attributes:
        end: when `connect_timeout` is over, on the loop's clock.
    """

    def __init__(
        self,
        driver: Driver,
        url: DatabaseURL,
        options: ConnectOptions,
        *,
        prefers_writes: bool,
    ) -> None:
        wanted = options.target_session_attrs
        self._asked: TargetSessionAttrs = wanted
        if wanted == "any" and prefers_writes:
            options = replace(options, target_session_attrs="read-write")
            self._wanted: TargetSessionAttrs = "read-write"
            self._is_wish = True
        else:
            self._wanted = _WISHES.get(wanted, wanted)
            self._is_wish = wanted in _WISHES
        self._driver = driver
        self._options = options
        self._by_address = driver if isinstance(driver, SupportsAddresses) else None
        self._shuffled = options.load_balance_hosts == "random"
        self._loop = asyncio.get_running_loop()
        self.end = self._loop.time() + options.connect_timeout
        socket = getattr(options, "unix_socket", None) is not None
        self._left = deque(hosts(url, one=socket, shuffled=self._shuffled))
        self._looks_up = self._by_address is not None and not socket
        self._failures: list[errors.Error] = []
        self._spare: tuple[DriverConnection, Place] | None = None

    async def run(self) -> tuple[DriverConnection, Place]:
        """Find a session that fits, and tell where."""
        try:
            while self._left:
                place = self._left.popleft()
                if self._spare is not None and SILENCE.holds(place):
                    continue  # a wish is not worth the wait
                inner = await self._try(place)
                if inner is not None and await self._fits(inner, place):
                    return inner, place
            spare, self._spare = self._spare, None
            if spare is not None:
                return spare
        finally:
            if self._spare is not None:
                await _leave(self._spare[0])
        for number, failure in enumerate(self._failures, 1):
            if len(self._failures) > 1:
                note = f"host {number} of {len(self._failures)}: {failure}"
                self._failures[-1].add_note(note)
        raise self._failures[-1]

    async def _try(self, place: Place) -> DriverConnection | None:
        """Connect, or look a name up; `None` where that gave no session."""
        inner: DriverConnection | None = None
        share = self._share()
        scope = asyncio.timeout(share)
        try:
            async with scope:
                if self._looks_up and place.address is None and is_name(place.url.host):
                    self._insert(place, await self._look_up(place))
                    return None
                inner = await self._connect(place)
        except Exception as error:  # noqa: BLE001  # `_note` raises what has no name
            if inner is not None:
                inner.terminate()
            if scope.expired():
                SILENCE.note(place)
            else:
                SILENCE.forget(place)
            self._note(place, self._named(error, share, silent=scope.expired()), error)
            return None
        SILENCE.forget(place)
        return inner

    def _share(self) -> float:
        """Return how many seconds the next one has."""
        remaining = self.end - self._loop.time()
        if not self._left and self._spare is None:
            return remaining
        most = self._options.connect_timeout * _LARGEST_SHARE
        return min(remaining / (1 + len(self._left)), most)

    def _insert(self, place: Place, found: list[Place]) -> None:
        """Put the addresses of a name in its place, the silent ones to the end."""
        SILENCE.forget(place)
        ordered = SILENCE.last([*found, *self._left])
        self._left = deque(ordered)

    async def _look_up(self, place: Place) -> list[Place]:
        try:
            return await look_up(place, shuffled=self._shuffled)
        except TimeoutError:
            raise
        except (OSError, UnicodeError) as error:
            said = of_network(error) if isinstance(error, OSError) else _NO_NAME
            raise database_error(
                errors.ConnectionFailed, detail=said, code=type(error).__name__
            ) from error

    async def _connect(self, place: Place) -> DriverConnection:
        if self._by_address is not None and place.address is not None:
            return await self._by_address.connect_to(
                place.address, place.url, self._options
            )
        return await self._driver.connect(place.url, self._options)

    async def _fits(self, inner: DriverConnection, place: Place) -> bool:
        """Look whether the server is what is wanted; keep what would also do."""
        if self._wanted == "any":
            return True
        if not isinstance(inner, SupportsRole) or (role := inner.role) is None:
            if self._is_wish:
                return True
            await _leave(inner)
            raise errors.NotSupportedError(
                "this driver cannot tell what a server is: only"
                " target_session_attrs=any can be asked for"
            )
        if role.fits(self._wanted):
            return True
        if self._is_wish and self._spare is None and role.fits(self._asked):
            self._spare = inner, place
            return False
        await _leave(inner)
        reason = role.misfit(self._wanted)
        self._note(place, errors.ConnectionFailed(reason), None)
        return False

    # -- failures ----------------------------------------------------------------------

    def _note(
        self, place: Place, failure: errors.Error | None, error: BaseException | None
    ) -> None:
        """Remember why there is no session; raise what is no reason to go on."""
        if failure is None:
            assert error is not None  # noqa: S101  # it has no name
            raise error
        self._failures.append(failure)
        if not isinstance(failure, errors.ConnectionFailed | errors.ConnectionLost):
            self._left.clear()  # another host would say the same
            return
        failure.args = (f"{place}: {failure}",)
        if isinstance(failure, errors.AuthenticationFailed):
            self._left.clear()  # as in libpq: they are servers of one database

    def _named(
        self, error: Exception, share: float, *, silent: bool
    ) -> errors.Error | None:
        """Say why a host could not be connected to; `None`: the program's fault."""
        if isinstance(error, errors.Error):
            return error
        found: errors.Error | None
        if isinstance(error, TimeoutError):
            whole = f"connect_timeout={self._options.connect_timeout}"
            within = f"{whole} seconds"
            if silent and self._left:
                within = f"{share:.3g} seconds, its share of {whole}"
            found = errors.ConnectionFailed(f"no answer within {within}")
        else:
            found = self._driver.translate(error)
        if found is not None:
            found.__cause__ = error
        return found


async def _leave(inner: DriverConnection) -> None:
    """Say goodbye to a server that is not the one; shortly."""
    try:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_GOODBYE):
                await inner.close()
    finally:
        inner.terminate()


def _hook_too_slow(options: ConnectOptions) -> errors.ConnectionFailed:
    return errors.ConnectionFailed(
        "on_connect was not through within what was left of "
        f"connect_timeout={options.connect_timeout} seconds"
    )
