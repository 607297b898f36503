"""Keeps a pool's sessions: makes, judges, mends, closes and counts them.

Rules:

1. A session is lent only when it is alive as far as can be known without asking. It is
   asked (a ping) when it has been idle for long, or when another one was found dead
   after it was last used: a server that restarts is noticed once for all of them.
2. It comes back clean, or it is mended before anybody else gets it: a transaction left
   open is rolled back, and a session that was touched is reset. What cannot be mended
   within `close_timeout` is replaced.
3. A session whose server turns out not to be what the pool wants, demoted or cut off
   from its cluster, is given up, and all others are asked before they are lent. The
   server itself is asked, so that what a borrower has set for itself is no reason.
4. Nothing here waits for ever, and no failure of the upkeep reaches a borrower.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections import Counter
from math import inf
from typing import TYPE_CHECKING

from asyncdb import errors
from asyncdb.connection.preparing import run_hook
from asyncdb.driver import SupportsDeparture
from asyncdb.pool.kernel import Resources
from asyncdb.pool.lease import Lease
from asyncdb.pool.wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from asyncdb.connection.session import Session
    from asyncdb.dialect import Dialect
    from asyncdb.driver import Driver
    from asyncdb.options import ConnectOptions, PoolOptions
    from asyncdb.url import DatabaseURL

logger = logging.getLogger("asyncdb")

_JITTER = 0.1  # of max_lifetime
_SETTLED = 1.0  # seconds before another look for a better server
_PERIOD = 30.0  # seconds between two looks at the idle ones, at most
# The failure to connect says nothing of the connections that are there.
_MINE = (errors.AuthenticationFailed, errors.TooManyConnections)


class Lifecycle:
    """The sessions of one pool.

    Args:
        driver: the driver.
        url: where to.
        connect_options: the driver's options.
        options: the pool's options.
        open_session: opens a session; told whether one for writing is preferred.
    """

    def __init__(
        self,
        driver: Driver,
        url: DatabaseURL,
        connect_options: ConnectOptions,
        options: PoolOptions,
        open_session: Callable[[bool], Awaitable[Session]],
    ) -> None:
        self._driver = driver
        self.url = url
        self._connect_options = connect_options
        self._options = options
        self._open_session = open_session
        self._wanted = Wanted(connect_options)
        self._check_after = _or_never(options.health_check_after_idle)
        self._lifetime = _or_never(options.max_lifetime)
        self._max_idle = _or_never(options.max_idle)
        self.loop = asyncio.get_running_loop()
        self.now = self.loop.time  # tests set their own clock
        self.process = os.getpid()
        self.min_size = options.min_size
        self.kernel: Resources[Lease] = Resources(
            self._make,
            self._mend,
            self._close,
            self._fit,
            self._failed_alone,
            max_size=options.max_size,
        )
        # All that are open, wherever they are: what `terminate()` cuts.
        self.leases: set[Lease] = set()
        # One more each time that a connection is found dead: all others that were not
        # heard of since then are asked before they are lent.
        self.generation = 0
        # The database lives in its connection: there is one, and it is never replaced
        # as long as it lives.
        self.is_private = False
        self.dialect: Dialect = driver.dialect
        self.created = 0
        self.failures = 0
        self.closed: Counter[str] = Counter()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def forked(self) -> bool:
        """Whether this is a forked process, to which the sessions do not belong."""
        return os.getpid() != self.process

    # -- what the kernel asks ----------------------------------------------------------

    async def _make(self) -> Lease:
        generation, prefers_writes = self.generation, self._wanted.prefers_writes
        try:
            session = await self._open_session(prefers_writes)
        except Exception as error:
            self.failures += 1
            lost = isinstance(error, errors.ConnectionFailed | errors.ConnectionLost)
            if lost and not isinstance(error, _MINE):
                self.suspect()
            raise
        self.dialect = session.dialect
        if not session.dialect.supports_concurrent_connections:
            self.is_private = True
            self.kernel.resize(1)
        now = self.now()
        lived = self._lifetime * random.uniform(1 - _JITTER, 1)  # noqa: S311  # no secret
        lease = Lease(
            owner=self,
            session=session,
            expires=inf if self.is_private else now + lived,
            generation=generation,
            idle_since=now,
        )
        session.belongs_to_a_pool(None if self.is_private else lease)
        if prefers_writes:
            lease.settled = now + _SETTLED
        self.created += 1
        self.leases.add(lease)
        return lease

    def _fit(self, lease: Lease) -> bool | None:
        """Judge an idle one, without I/O."""
        if lease.inner.is_closed():
            lease.reason = "lost"
            self.suspect()
            return False
        now = self.now()
        if lease.expires <= now:
            lease.reason = "lifetime"
            return False
        if lease.generation != self.generation:
            return None
        return True if now - lease.idle_since <= self._check_after else None

    async def _mend(self, lease: Lease) -> bool:
        """Roll back and reset, or ask for a sign of life, and what the server is."""
        inner, generation = lease.inner, self.generation
        asks = self._asks(lease)
        try:
            async with asyncio.timeout(self._connect_options.close_timeout):
                if inner.in_transaction():
                    await inner.rollback()
                elif not lease.dirty and not lease.released and not asks:
                    await lease.session.ping()
                if lease.released:
                    await self._let_go(lease)
                if lease.dirty and not (lease.can_reset and await inner.reset()):  # type: ignore[attr-defined]  # asked once
                    lease.reason = lease.reason or "reset"
                elif lease.dirty and self._connect_options.on_connect is not None:
                    hook = self._connect_options.on_connect
                    await run_hook("on_connect", hook, lease.session)
                if asks and not lease.reason:
                    await self._judge(lease)
        except Exception as error:  # noqa: BLE001  # it is replaced, whatever it was
            logger.debug("a connection is replaced: %s", type(error).__name__)
            lease.reason = lease.reason or "broken"
            lease.is_unfit = lease.doubted  # nobody is left to be asked
            inner.terminate()
            self.suspect()
        except BaseException:
            inner.terminate()
            raise
        if lease.reason or inner.is_closed():
            return False
        lease.dirty = lease.doubted = False
        lease.generation = generation
        lease.session.forget()
        return True

    def _asks(self, lease: Lease) -> bool:
        """Tell whether to ask what a session's server is."""
        changed = lease.generation != self.generation
        if (
            self._wanted.is_firm and not self.is_private
        ):  # a sign of life is wanted, too, or was
            asked = not lease.dirty and not lease.released
            return lease.doubted or changed or asked
        return lease.doubted or (changed and self._wanted.prefers_writes)

    async def _judge(self, lease: Lease) -> None:
        """Ask what a session's server is; one that is not wanted is left."""
        why = await self._wanted.misfit(lease.inner)
        lease.is_unfit = bool(why)
        if not why:
            return
        self._wanted.refused()
        if self.now() < lease.settled:
            return  # when it was opened, just now, there was none better
        logger.info("a connection is given up: %s", why)
        lease.reason = "demoted"
        if lease.generation == self.generation:
            self.suspect()

    async def still_fits(self, lease: Lease) -> bool:
        """Ask for a sign of life, and whether the server is still what is wanted."""
        if not self._wanted.is_firm or self.is_private:
            await lease.session.ping()
            return True
        try:
            await self._judge(lease)
        except errors.Error:
            raise
        except asyncio.CancelledError:
            # A frozen server, most often. Kept, it would be asked again each time.
            lease.inner.terminate()
            self.suspect()
            raise
        except Exception as error:
            raise self._driver.translate(error) or error from error
        return not lease.reason

    async def _let_go(self, lease: Lease) -> None:
        """Show a session that has come back to the application."""
        lease.released = False
        hook = self._options.on_release
        if hook is None:
            return
        try:
            verdict, touched = await run_hook("on_release", hook, lease.session)
        except Exception:
            logger.warning("on_release failed; the connection is closed", exc_info=True)
            lease.reason = "refused"
            return
        lease.dirty = lease.dirty or (touched and self._options.reset == "auto")
        if verdict is False:
            lease.reason = "refused"

    async def _close(self, lease: Lease) -> None:
        inner = lease.inner
        try:
            await lease.session.close()
            if isinstance(inner, SupportsDeparture):
                async with asyncio.timeout(self._connect_options.close_timeout):
                    await inner.departed()
        except TimeoutError:
            logger.debug("a closed session is still there on the server")
        finally:
            self.leases.discard(lease)
            self.closed[
                lease.reason or ("closed" if self.kernel.is_closed else "shrunk")
            ] += 1

    def _failed_alone(self, error: BaseException) -> None:
        logger.warning("a pool could not open a connection ahead: %s", error)

    def suspect(self) -> None:
        """Note that a connection was lost: the others may be, too."""
        self.generation += 1
        self.kernel.alarmed = True

    # -- coming back -------------------------------------------------------------------

    def put(self, lease: Lease, session: Session) -> asyncio.Task[None] | None:
        """Take a loan back; the task, if any, ends when all is in order."""
        inner = lease.inner
        now = lease.idle_since = self.now()
        if not (
            inner.is_closed()
            or inner.in_transaction()
            or session.touched
            or session.is_busy
            or lease.reason
            or lease.doubted
            or lease.expires <= now
            or self._options.reset == "always"
            or self._options.on_release is not None
        ):
            self.kernel.put(lease)
            return None
        if lease not in self.leases:
            self.kernel.forget(lease)  # the pool was terminated
            return None
        lease.dirty = self._options.reset == "always" or (
            session.touched and self._options.reset == "auto"
        )
        session.touched = lease.session.touched = False
        lease.released = self._options.on_release is not None
        if inner.is_closed():
            lease.reason = lease.reason or "broken"
            lease.is_unfit = lease.doubted
            if session.lost:
                self.suspect()
        elif session.is_busy:
            lease.reason = "busy"
            inner.terminate()
        elif lease.expires <= now:
            lease.reason = lease.reason or "lifetime"
        if lease.reason:
            return self.kernel.put_to_close(lease)
        return self.kernel.put_to_mend(lease)

    def forgotten(self, lease: Lease) -> None:
        """Take back a connection that was borrowed and never given back.

        Called by the garbage collector, from any thread and after any end.
        """
        if not self.forked and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._reclaim, lease)

    def _reclaim(self, lease: Lease) -> None:
        lease.borrowed = lease.borrower = None
        if lease.alarm is not None:
            lease.alarm.cancel()
        lease.inner.terminate()
        lease.reason = "leaked"
        if lease in self.leases:
            self.kernel.put_to_close(lease)
        else:
            self.kernel.forget(lease)

    # -- upkeep ------------------------------------------------------------------------

    def start(self) -> None:
        """Look after the idle ones from now on.

        A timer, not a task: it keeps no loop from closing, and says nothing then.
        """
        period = min(_PERIOD, self._lifetime, self._max_idle)
        self._timer = self.loop.call_later(max(period, 0.05), self._tick)

    def _tick(self) -> None:
        self.look_after()
        self.start()

    def look_after(self) -> None:
        """Close the idle that are dead, old or not needed; fill up to `min_size`."""
        now = self.now()
        spare = self.kernel.size - self.min_size

        def keep(lease: Lease) -> bool:
            nonlocal spare
            if lease.inner.is_closed():
                lease.reason = "lost"
                self.suspect()
            elif self.is_private:
                return True
            elif lease.expires <= now:
                lease.reason = "lifetime"
            elif spare > 0 and now - lease.idle_since > self._max_idle:
                lease.reason = "idle"
            else:
                return True
            spare -= 1
            return False

        self.kernel.sweep(keep)
        self.kernel.fill(self.min_size)

    def drain(self) -> None:
        """Replace all that are open now: the idle ones at once, the others later."""
        if self.is_private:
            return
        for lease in self.leases:
            lease.reason = lease.reason or "drained"
        self.kernel.sweep(lambda lease: not lease.reason)
        self.kernel.fill(self.min_size)

    def stop(self) -> None:
        """End the upkeep."""
        if self._timer is not None:
            self._timer.cancel()

    def cut(self) -> None:
        """Cut all that is open."""
        self.stop()
        for lease in self.leases:
            try:
                lease.inner.terminate()
            except Exception as error:  # noqa: BLE001  # its loop may be gone
                logger.debug("could not cut a connection: %s", type(error).__name__)
        self.leases.clear()


def _or_never(seconds: float | None) -> float:
    return inf if seconds is None else seconds
