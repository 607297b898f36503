"""Replicas in a FastAPI application: reads from them, and each client sees its writes.

`register_replicas(app, urls)` comes after `register_asyncdb(app, url)`. Then

* `ReaderDep` gives a path function a connection for reading, by
  `asyncdb.contrib.replicas`;
* writes stay as they are (`TransactionDep` and the others of
  `asyncdb.contrib.fastapi`): the answer to a request that may write (POST, PUT, PATCH,
  DELETE) carries a token, in a cookie or a header, and what the same client reads
  afterwards is not older.

It needs `pip install 'asyncdb-toolkit[fastapi]'`; see docs/how-to/replicas.md.

Example:
    >>> from fastapi import FastAPI
    >>> from fastapi.testclient import TestClient
    >>> from asyncdb.contrib.fastapi import TransactionDep, register_asyncdb
    >>> app = FastAPI()
    >>> register_asyncdb(app, "sqlite:///app.db")
    >>> register_replicas(app, ["sqlite:///app.db?mode=ro"])
    >>> @app.post("/tables")
    ... async def add(db: TransactionDep) -> None:
    ...     await db.execute("CREATE TABLE t (a INTEGER)")
    >>> @app.get("/count")
    ... async def count(db: ReaderDep) -> int:
    ...     return await db.fetchval("SELECT count(*) FROM t")
    >>> with TestClient(app) as client:
    ...     client.post("/tables").status_code, client.get("/count").json()
    (200, 0)
"""

# No `from __future__ import annotations`: FastAPI reads them while running.

import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated, Any, Final, TypeAlias

from fastapi import Depends
from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import asyncdb
from asyncdb.contrib.replicas import Replicas, is_token
from asyncdb.contrib.starlette import get_pool

__all__ = [
    "ReaderDep",
    "ReplicasDep",
    "TokenMiddleware",
    "get_after",
    "get_reader",
    "get_replicas",
    "register_replicas",
]

logger = logging.getLogger("asyncdb")

_SAFE: Final = frozenset(["GET", "HEAD", "OPTIONS", "TRACE"])


class TokenMiddleware:
    """Gives each answer to a request that may have written a token.

    Args:
        app: what answers.
        cookie: the cookie's name; `None` for no cookie.
        header: the name of a header, for clients that keep no cookies; of the request
            as of the answer. It comes before the cookie.
        max_age: seconds that a browser keeps the cookie: longer than replicas lag.
        secure: the cookie goes over HTTPS alone.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        cookie: str | None = "asyncdb_written",
        header: str | None = None,
        max_age: int = 3600,
        secure: bool = False,
    ) -> None:
        self._app = app
        self._cookie = cookie
        self._header = header
        self._max_age = max_age
        self._secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        request = HTTPConnection(scope)
        request.state.asyncdb_after = self._sent(request)
        writes = scope["type"] == "http" and scope["method"] not in _SAFE

        async def answer(message: Message) -> None:
            if writes and message["type"] == "http.response.start":
                try:
                    token = await get_replicas(request).written()
                except asyncdb.Error as error:
                    # What was done is done: the answer must not fail for the token.
                    logger.warning("an answer has no token: %s", type(error).__name__)
                else:
                    headers = message.setdefault("headers", [])
                    message["headers"] = [*headers, *self._headers(token)]
            await send(message)

        await self._app(scope, receive, answer)

    def _sent(self, request: HTTPConnection) -> str | None:
        """Return the client's token; what is none counts as none."""
        token = request.headers.get(self._header) if self._header else None
        if token is None and self._cookie:
            token = request.cookies.get(self._cookie)
        return token if is_token(token) else None

    def _headers(self, token: str) -> list[tuple[bytes, bytes]]:
        response = Response()
        if self._cookie:
            response.set_cookie(
                self._cookie,
                token,
                max_age=self._max_age,
                secure=self._secure,
                httponly=True,
                samesite="lax",
            )
        if self._header:
            response.headers[self._header] = token
        return [pair for pair in response.raw_headers if pair[0] != b"content-length"]


def register_replicas(
    app: Starlette,
    urls: Iterable[str | asyncdb.DatabaseURL],
    *,
    cookie: str | None = "asyncdb_written",
    header: str | None = None,
    max_age: int = 3600,
    secure: bool = False,
    limits: Mapping[str, Any] | None = None,
    **options: Any,
) -> None:
    """Give an application replicas to read from; `register_asyncdb()` comes before.

    Their pools are open before the application's own lifespan begins, after the
    primary's. A replica that is down then does not keep the application from starting.

    Args:
        app: a Starlette or FastAPI application that has not started.
        urls: of the replicas.
        cookie: see `TokenMiddleware`.
        header: see `TokenMiddleware`.
        max_age: see `TokenMiddleware`.
        secure: see `TokenMiddleware`.
        limits: the options of `Replicas`, such as `{"max_lag": 5}`.
        **options: those of `asyncdb.create_pool`, for each replica; `min_size` is 0
            if it is not given.
    """
    own, addresses = app.router.lifespan_context, list(urls)
    given: dict[str, Any] = {"min_size": 0, **options}

    @asynccontextmanager
    async def lifespan(started: Any) -> AsyncIterator[Mapping[str, Any]]:
        # Inside: `register_asyncdb` has put the primary's pool around what was there,
        # so that this is entered with its state in hand.
        async with own(started) as state, AsyncExitStack() as stack:
            pools = [
                await stack.enter_async_context(asyncdb.create_pool(url, **given))
                for url in addresses
            ]
            primary = started.state.asyncdb_pool
            replicas = Replicas(primary, pools, **(limits or {}))
            started.state.asyncdb_replicas = replicas
            try:
                yield {**(state or {}), "asyncdb_replicas": replicas}
            finally:
                del started.state.asyncdb_replicas

    app.router.lifespan_context = lifespan
    app.add_middleware(
        TokenMiddleware, cookie=cookie, header=header, max_age=max_age, secure=secure
    )


def get_replicas(connection: HTTPConnection) -> Replicas:
    """Return the application's replicas.

    Args:
        connection: the request or the web socket.

    Raises:
        InterfaceError: `register_replicas()` was not called, or the lifespan does not
            run.
    """
    for state in (connection.state, connection.app.state):
        replicas: Replicas | None = getattr(state, "asyncdb_replicas", None)
        if replicas is not None:
            return replicas
    get_pool(connection)  # says what is missing when there is no pool either
    message = "the application has no replicas: call register_replicas(app, urls)"
    raise asyncdb.InterfaceError(message)


def get_after(connection: HTTPConnection) -> str | None:
    """Return the token that the client sent, if it sent one."""
    after: str | None = getattr(connection.state, "asyncdb_after", None)
    return after


# The application's replicas.
ReplicasDep: TypeAlias = Annotated[Replicas, Depends(get_replicas)]


async def get_reader(
    replicas: ReplicasDep, after: Annotated[str | None, Depends(get_after)]
) -> AsyncIterator[asyncdb.Connection]:
    """Lend a connection for reading for a path function; see `ReaderDep`."""
    async with replicas.reader(after=after) as db:
        yield db


# scope="function": it goes back before the response is sent.
ReaderDep: TypeAlias = Annotated[
    asyncdb.Connection, Depends(get_reader, scope="function")
]
