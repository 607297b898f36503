"""LISTEN and NOTIFY on PostgreSQL, over restarts and failovers.

In short::

    async with listen(pool, "jobs", "news") as messages:
        await catch_up()  # from here on nothing is missed unseen
        async for message in messages:
            if isinstance(message, Missed):
                await catch_up()
            else:
                print(message.channel, message.payload)

Rules:

1. The listening session is a connection of its own: a pool's are reset, and lent on.
2. A notification that was not delivered leaves a `Missed` at its place. After a lost
   connection it comes only when the new one listens, so that who looks into the tables
   then has seen all.
3. Memory is bounded: what does not fit into the queue is counted and dropped.

It needs `pip install 'asyncdb-toolkit[postgresql]'`, or `[psycopg]` and a URL
`postgresql+psycopg://`; see docs/how-to/listen.md.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

import asyncdb
from asyncdb.options import PoolOptions

if TYPE_CHECKING:
    from typing import Self

__all__ = ["Listening", "Missed", "Notification", "listen", "notify"]

logger = logging.getLogger("asyncdb")

# They may stand in a pool's URL, and mean nothing to one connection.
_OF_POOLS: Final = frozenset(field.name for field in fields(PoolOptions))
# What PostgreSQL keeps of a name: it would cut a longer one, and make it another.
_NAME_BYTES: Final = 63
_OFF: Final = frozenset(["false", "0", "no", "off"])
# Seconds between two tries to connect again: the first pause, and the longest.
_PAUSE, _LONGEST = 0.1, 15.0
# What waiting may mend: a server that restarts, one that is not the primary yet.
_PASSING = (asyncdb.OperationalError, asyncdb.ConnectionClosed)


@dataclass(frozen=True, slots=True)
class Notification:
    """What somebody has sent by NOTIFY.

    Args:
        channel: the channel's name.
        payload: the text that came with it, `""` if there was none.
        pid: the process of the sender's session, as `pg_backend_pid()` tells it.
    """

    channel: str
    payload: str
    pid: int


@dataclass(frozen=True, slots=True)
class Missed:
    """Here notifications are lacking.

    Args:
        count: how many, because the queue was full; `None` when the connection was
            lost, and nobody knows whether there were any.
    """

    count: int | None


class Listening:
    """What `listen()` returns: an async context manager and, inside, an iterator."""

    def __init__(
        self,
        url: asyncdb.DatabaseURL,
        channels: tuple[str, ...],
        queue_size: int,
        keepalive: float,
        options: dict[str, Any],
    ) -> None:
        self._url = url
        self._channels = channels
        self._queue_size = queue_size
        self._keepalive = keepalive
        self._options = options
        self._queue: deque[Notification | Missed] = deque()
        self._changed = asyncio.Event()  # something came, or it is over
        self._db: asyncdb.Connection | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Connect and listen.

        Raises:
            ConnectionFailed: the server cannot be reached; only a connection that was
                there once is mended.
        """
        self._db, lost = await self._connect()
        self._task = asyncio.create_task(self._stay(self._db, lost))
        self._task.add_done_callback(lambda _: self._changed.set())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connection."""
        task = self._task
        if task is None:
            return
        task.cancel()
        try:
            await asyncio.wait([task])
            if not task.cancelled():
                task.exception()  # whoever iterates has been told
        finally:
            # Not by the task: one that is cancelled before it began runs no `finally`.
            if self._db is not None:
                await self._db.close()

    def __aiter__(self) -> Self:
        """Iterate, for ever; several tasks may, and share what comes."""
        return self

    async def __anext__(self) -> Notification | Missed:
        """Wait for the next message.

        Raises:
            Error: the connection was lost and cannot be mended by waiting.
        """
        while not self._queue:
            if self._task is None:
                message = "listen() is used in `async with`"
                raise asyncdb.InterfaceError(message)
            if self._task.done():
                if not self._task.cancelled():
                    self._task.result()  # raises what has ended it
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return self._queue.popleft()

    def __repr__(self) -> str:
        """Show where it is connected to and what waits, without a password."""
        channels = ", ".join(self._channels)
        return f"<Listening {self._url} {channels}: {len(self._queue)} waiting>"

    # -- the queue ---------------------------------------------------------------------

    def _put(self, message: Notification | Missed) -> None:
        """Add a message, or count it where there is no room."""
        queue = self._queue
        last = queue[-1] if queue else None
        full = len(queue) >= self._queue_size
        if isinstance(message, Notification) and full:
            message = Missed(1)
        if isinstance(message, Missed) and isinstance(last, Missed):
            known = message.count is not None and last.count is not None
            total = (message.count or 0) + (last.count or 0)
            queue[-1] = Missed(total if known else None)
        else:
            queue.append(message)
        self._changed.set()

    def _heard(self, _: object, pid: int, channel: str, payload: str) -> None:
        self._put(Notification(channel, payload, pid))

    # -- the connection ----------------------------------------------------------------

    async def _connect(self) -> tuple[asyncdb.Connection, asyncio.Event]:
        """Open a connection that listens, to the first host that lets it.

        A standby takes connections and refuses LISTEN: then the next host may do.
        """
        *others, last = self._url.each_host()
        for url in others:
            try:
                return await self._connect_to(url)
            except _PASSING as error:
                logger.debug("listening on %s: no connection: %s", url, error)
        return await self._connect_to(last)

    async def _connect_to(
        self, url: asyncdb.DatabaseURL
    ) -> tuple[asyncdb.Connection, asyncio.Event]:
        """Open a connection that listens, and an event of its loss."""
        lost = asyncio.Event()
        db = await asyncdb.connect(url, **self._options)
        try:
            if db.dialect.name != "postgresql":
                message = f"{db.dialect.name} has no LISTEN"
                raise asyncdb.NotSupportedError(message)
            try:
                await self._listen(db)
                db.native.add_termination_listener(lambda _: lost.set())
            except asyncdb.Error:
                raise
            except Exception as error:  # the library's, most likely
                if not db.is_closed:
                    raise
                message = "the connection was lost while it began to listen"
                raise asyncdb.ConnectionLost(message) from error
        except BaseException:
            await db.close()
            raise
        return db, lost

    async def _listen(self, db: asyncdb.Connection) -> None:
        native = db.native
        if by_psycopg := hasattr(native, "add_notify_handler"):
            native.add_notify_handler(
                lambda one: self._heard(native, one.pid, one.channel, one.payload)
            )
        for channel in self._channels:
            # asyncpg sends it a second time; but an error of this one is asyncdb's.
            name = asyncdb.quote_identifier(channel, db.dialect)
            await db.execute(f"LISTEN {name}")
            if not by_psycopg:
                await native.add_listener(channel, self._heard)

    async def _stay(self, db: asyncdb.Connection, lost: asyncio.Event) -> None:
        """Connect again each time that the connection is lost."""
        while True:
            await self._until_lost(db, lost)
            await db.close()
            logger.warning("listening on %s: the connection was lost", self._url)
            db, lost = await self._connect_again()
            self._db = db
            logger.info("listening on %s again", self._url)
            self._put(Missed(None))

    async def _until_lost(self, db: asyncdb.Connection, lost: asyncio.Event) -> None:
        """Return when the connection is closed, or gives no sign of life when asked."""
        while not db.is_closed:
            try:
                async with asyncio.timeout(self._keepalive):
                    await lost.wait()
            except TimeoutError:
                try:
                    await db.execute("SELECT 1", timeout=self._keepalive)
                except asyncdb.Error:
                    return

    async def _connect_again(self) -> tuple[asyncdb.Connection, asyncio.Event]:
        """Try until it works, in pauses that grow, so that a server can come up."""
        pause = _PAUSE
        while True:
            try:
                return await self._connect()
            except _PASSING as error:
                logger.warning("listening on %s: no connection: %s", self._url, error)
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311  # no secret
            pause = min(2 * pause, _LONGEST)


def listen(
    target: asyncdb.Pool | asyncdb.Connection | asyncdb.DatabaseURL | str,
    *channels: str,
    queue_size: int = 1000,
    keepalive: float = 30.0,
    **options: Any,
) -> Listening:
    """Listen to channels, on a connection of its own that is mended when it is lost.

    What comes is waited for by `async for`: `Notification`s in the server's order, and
    a `Missed` where there may have been more.

    Args:
        target: the database's URL, or a pool or connection that has it. Of its options
            only those in the URL are known: repeat the others.
        *channels: names, as `notify()` takes them: they are quoted, and `"Jobs"` is not
            `"jobs"`.
        queue_size: how many messages may wait for the iterator. The next ones are
            dropped, and a `Missed` at their place counts them.
        keepalive: seconds after which the server is asked for a sign of life, again and
            again, for which it has as many seconds.
        **options: those of `connect()`, such as `tls_ca`.

    Returns:
        A `Listening`, for `async with`.

    Raises:
        InterfaceError: there is no channel, or the name of one is too long; or there is
            PgBouncer in between: its sessions change, and nothing would ever arrive.
            Where that is found out by connecting it is a `NotSupportedError`.
        URLError: an option cannot be understood.

    Example:
        >>> import asyncio, asyncdb
        >>> async def main(url):
        ...     async with listen(url, "jobs") as messages:
        ...         async for message in messages:
        ...             match message:
        ...                 case Notification(channel, payload):
        ...                     print(channel, payload)
        ...                 case Missed():
        ...                     print("look into the table")
    """
    if isinstance(target, asyncdb.Pool | asyncdb.Connection):
        target = target.url
    url = asyncdb.DatabaseURL(target)
    own = {k: v for k, v in url.options.items() if k not in _OF_POOLS}
    if not channels:
        raise asyncdb.InterfaceError("listen() takes the names of channels")
    for channel in channels:
        if not 0 < len(channel.encode(errors="replace")) <= _NAME_BYTES:
            message = f"the name of a channel has 1 to {_NAME_BYTES} bytes"
            raise asyncdb.InterfaceError(message)
    pgbouncer = options.get("pgbouncer", own.get("pgbouncer", "false"))
    if str(pgbouncer).lower() not in _OFF:
        message = (
            "LISTEN through PgBouncer hears nothing: give the URL of the server itself"
        )
        raise asyncdb.InterfaceError(message)
    if queue_size < 1 or keepalive <= 0:
        message = "queue_size is at least 1, and keepalive above 0"
        raise asyncdb.InterfaceError(message)
    names = tuple(dict.fromkeys(channels))
    return Listening(url.replace(options=own), names, queue_size, keepalive, options)


async def notify(db: asyncdb.Executor, channel: str, payload: str = "") -> None:
    """Send a notification to all that listen to a channel.

    Inside a transaction it goes out when that commits, and not at all when it rolls
    back; equal ones of one transaction go out once.

    Args:
        db: a connection or pool.
        channel: the name, as `listen()` takes it.
        payload: a text of less than 8000 bytes.

    Raises:
        DataError: the payload is too long, or the name is, or is empty.

    Example:
        >>> async def add_job(pool, text):
        ...     async with pool.transaction() as db:
        ...         await db.execute("INSERT INTO jobs (text) VALUES (?)", [text])
        ...         await notify(db, "jobs")
    """
    await db.execute("SELECT pg_notify(?, ?)", [channel, payload])
