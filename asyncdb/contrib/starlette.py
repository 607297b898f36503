"""asyncdb in a Starlette application, and so in a FastAPI one.

One call does it all, and is made of parts that can be used alone::

    register_asyncdb(app, "postgresql://...", max_size=20)
        pool_lifespan()         opens the pool before the first request, closes it after
        add_error_handlers()    errors become 404, 409, 422 and 503
        readiness               answers whether the database can be reached

A view finds the pool with `get_pool(request)`, and what belongs together stands in
`async with get_pool(request).transaction() as db`, whose end commits before the view
returns its response. It needs `pip install 'asyncdb-toolkit[fastapi]'`.

Example:
    >>> from starlette.applications import Starlette
    >>> from starlette.responses import PlainTextResponse
    >>> from starlette.testclient import TestClient
    >>> async def version(request):
    ...     found = await get_pool(request).fetchval("SELECT 40 + 2")
    ...     return PlainTextResponse(str(found))
    >>> app = Starlette()
    >>> app.add_route("/answer", version)
    >>> register_asyncdb(app, "sqlite://")
    >>> with TestClient(app) as client:
    ...     client.get("/answer").text
    '42'
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
)
from typing import Any, Final, TypeAlias

from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse

import asyncdb

# What runs around an application's life.
Lifespan: TypeAlias = Callable[[Any], AbstractAsyncContextManager[Mapping[str, Any]]]

CONFLICT, UNPROCESSABLE, UNAVAILABLE = 409, 422, 503
# The status of the answer to each error that an endpoint raises.
STATUSES: Final[Mapping[type[Exception], int]] = {
    asyncdb.UniqueViolation: CONFLICT,
    asyncdb.ExclusionViolation: CONFLICT,
    asyncdb.ForeignKeyViolation: CONFLICT,
    asyncdb.DataError: UNPROCESSABLE,
    asyncdb.NotNullViolation: UNPROCESSABLE,
    asyncdb.CheckViolation: UNPROCESSABLE,
    # Too busy.
    asyncdb.PoolTimeout: UNAVAILABLE,
    asyncdb.PoolFull: UNAVAILABLE,
    asyncdb.TooManyConnections: UNAVAILABLE,
    asyncdb.LockTimeout: UNAVAILABLE,
    asyncdb.StatementTimeout: UNAVAILABLE,
    asyncdb.DeadlockDetected: UNAVAILABLE,
    asyncdb.SerializationFailure: UNAVAILABLE,
    # Away.
    asyncdb.PoolClosed: UNAVAILABLE,
    asyncdb.ConnectionFailed: UNAVAILABLE,
    asyncdb.ConnectionLost: UNAVAILABLE,
    asyncdb.ConnectionClosed: UNAVAILABLE,
    asyncdb.CommitUnknown: UNAVAILABLE,
}
# What the header `Retry-After` of a 503 says.
RETRY_AFTER: Final = "1"  # seconds

logger = logging.getLogger("asyncdb")


def register_asyncdb(
    app: Starlette,
    url: str | asyncdb.DatabaseURL,
    *,
    errors: Mapping[type[Exception], int] | None = None,
    fields: Mapping[str, str] | None = None,
    readiness_path: str | None = "/ready",
    **options: Any,
) -> None:
    """Give an application a pool, answers to database errors, and a readiness route.

    The pool is open before the application's own lifespan begins, and closed after it
    has ended.

    Args:
        app: a Starlette or FastAPI application that has not started.
        url: of the database.
        errors: see `add_error_handlers`.
        fields: see `add_error_handlers`.
        readiness_path: of the readiness route; `None` for no route.
        **options: those of `asyncdb.create_pool`.
    """
    database, own = pool_lifespan(url, **options), app.router.lifespan_context

    @asynccontextmanager
    async def both(started: Any) -> AsyncIterator[Mapping[str, Any]]:
        async with database(started) as state, own(started) as more:
            yield {**state, **(more or {})}

    app.router.lifespan_context = both
    add_error_handlers(app, errors=errors, fields=fields)
    if readiness_path is not None:
        app.router.add_route(readiness_path, readiness, include_in_schema=False)


def pool_lifespan(url: str | asyncdb.DatabaseURL, **options: Any) -> Lifespan:
    """Return a lifespan that opens a pool and closes it at the end.

    An application whose database cannot be reached does not start.

    Args:
        url: of the database.
        **options: those of `asyncdb.create_pool`.

    Example:
        >>> from starlette.applications import Starlette
        >>> app = Starlette(lifespan=pool_lifespan("sqlite://"))
    """

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[Mapping[str, Any]]:
        override: _Override | None = getattr(app.state, _OVERRIDE, None)
        target = url if override is None else override.use()
        async with asyncdb.create_pool(target, **options) as pool:
            app.state.asyncdb_pool = pool
            try:
                yield {"asyncdb_pool": pool}  # for applications mounted in this one
            finally:
                del app.state.asyncdb_pool

    return lifespan


def override_database(
    app: Starlette, url: str | asyncdb.DatabaseURL
) -> AbstractContextManager[None]:
    """Have an application open its pool on another database, for a block of a test.

    It is for applications that are made when they are imported; where a function makes
    it, give that the URL. The lifespan has to run inside the block, as it does in
    `with TestClient(app)`; with httpx write
    `async with app.router.lifespan_context(app)`.

    Args:
        app: an application of `register_asyncdb` or `pool_lifespan`.
        url: of the database: in tests `asyncdb_rollback.url` or `asyncdb_url`.

    Returns:
        A context manager.

    Raises:
        InterfaceError: at the end of the block, where the application opened no pool in
            it: it was running already, never ran, or is not registered.

    Example:
        >>> from starlette.applications import Starlette
        >>> from starlette.testclient import TestClient
        >>> app = Starlette()
        >>> register_asyncdb(app, "postgresql://db.example/shop")
        >>> with override_database(app, "sqlite://"), TestClient(app) as client:
        ...     client.get("/ready").status_code
        200
    """
    return _Override(app, url)


_OVERRIDE: Final = "asyncdb_override"


class _Override:
    """Another database for an application's pool."""

    def __init__(self, app: Starlette, url: str | asyncdb.DatabaseURL) -> None:
        self._app = app
        self._url = url
        self._used = False

    def use(self) -> str | asyncdb.DatabaseURL:
        self._used = True
        return self._url

    def __enter__(self) -> None:
        if getattr(self._app.state, _OVERRIDE, None) is not None:
            message = "the application's database is overridden already"
            raise asyncdb.InterfaceError(message)
        setattr(self._app.state, _OVERRIDE, self)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        delattr(self._app.state, _OVERRIDE)
        if kind is None and not self._used:
            message = (
                "override_database() had no effect: the application opened no pool in "
                "its block. Call register_asyncdb(app, url), and run the lifespan in "
                "the block: `with TestClient(app)`, `app.router.lifespan_context(app)`"
            )
            raise asyncdb.InterfaceError(message)


def get_pool(connection: HTTPConnection) -> asyncdb.Pool:
    """Return the application's pool.

    Args:
        connection: the request or the web socket.

    Raises:
        InterfaceError: the lifespan does not run.
    """
    for state in (connection.state, connection.app.state):
        pool: asyncdb.Pool | None = getattr(state, "asyncdb_pool", None)
        if pool is not None:
            return pool
    message = (
        "the application has no pool: call register_asyncdb(app, url), and in tests "
        "run its lifespan: `with TestClient(app)`, `app.router.lifespan_context(app)`"
    )
    raise asyncdb.InterfaceError(message)


def add_error_handlers(
    app: Starlette,
    *,
    errors: Mapping[type[Exception], int] | None = None,
    fields: Mapping[str, str] | None = None,
) -> None:
    """Have errors of the database answered: 409, 422, and 503 with `Retry-After`.

    The answers hold no values, no SQL and no names of constraints; a 409 says its
    `field`. After a `CommitUnknown` there is no `Retry-After`, for what was asked may
    have been done.

    Args:
        app: a Starlette or FastAPI application.
        errors: what to answer for the application's own exceptions, such as
            `{UserNotFound: 404, DuplicateUser: 409}`; their text is sent, and their
            attribute `field`.
        fields: names of constraints or columns -> names of fields in the answers.
    """
    answers = Answers(fields or {})
    for kind, status in {**STATUSES, **(errors or {})}.items():
        app.add_exception_handler(kind, answers.handler(status))


async def readiness(request: Request) -> JSONResponse:
    """Answer 200 when the database does within two seconds, else 503.

    It is the server that the pool wants, by its `target_session_attrs`, which has to
    answer: while no primary is to be had a pool of `read-write` is not ready.
    """
    pool = get_pool(request)
    try:
        async with asyncio.timeout(2):
            await pool.ping()
    except (asyncdb.Error, TimeoutError) as error:
        logger.warning("not ready: %s", type(error).__name__)
        headers = {"Retry-After": RETRY_AFTER}
        return JSONResponse({"status": "unavailable"}, UNAVAILABLE, headers)
    return JSONResponse({"status": "ready"})


class Answers:
    """What is answered for an exception.

    Args:
        fields: names of constraints or columns -> names of fields.
    """

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields = fields

    def handler(self, status: int) -> Any:
        """Return the handler for errors that are answered by this status."""

        async def answer(_: Request, error: Exception) -> JSONResponse:
            if status == UNAVAILABLE:
                logger.warning("answered 503", exc_info=error)
            return self.answer(status, error)

        return answer

    def answer(self, status: int, error: Exception) -> JSONResponse:
        """Return the response."""
        if not isinstance(error, asyncdb.Error):
            content = {"detail": str(error)}
            if field := getattr(error, "field", None):
                content["field"] = field
            return JSONResponse(content, status)
        said = (type(error).__doc__ or "").partition("\n")[0]
        if status == UNAVAILABLE:
            unsure = isinstance(error, asyncdb.CommitUnknown)
            headers = None if unsure else {"Retry-After": RETRY_AFTER}
            return JSONResponse({"detail": said}, status, headers)
        names = self._names(error)
        if status == UNPROCESSABLE:  # in the form that FastAPI has for it
            kind = type(error).__name__
            detail = {"loc": ["body", *names], "msg": said, "type": kind}
            return JSONResponse({"detail": [detail]}, status)
        field = {"field": names[0]} if names else {}
        return JSONResponse({"detail": said, **field}, status)

    def _names(self, error: Exception) -> list[str]:
        constraint = getattr(error, "constraint", None) or ""
        if constraint in self._fields:
            return [self._fields[constraint]]
        return [self._fields.get(name, name) for name in getattr(error, "columns", ())]
