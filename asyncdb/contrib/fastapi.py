"""asyncdb in a FastAPI application: `asyncdb.contrib.starlette`, and dependencies.

`register_asyncdb(app, url)` opens the pool, answers errors and adds a readiness route;
then a path function asks for what it needs:

* `TransactionDep`: a connection in a transaction, **committed before the response is
  sent**. An exception, `HTTPException` too, rolls it back, and so does a cancelled
  request. A COMMIT that fails is answered as the error that it is.
* `ConnectionDep`: a connection on which every statement commits by itself.
* `PoolDep`: the pool, which lends a connection for each call. For path functions that
  stream their response, or do slow things between statements.

What a path function returns commits, whatever its status: to roll back, raise. A
connection goes back to the pool before the response is sent, so that slow clients hold
none. It needs `pip install 'asyncdb-toolkit[fastapi]'`.

Example:
    >>> from fastapi import FastAPI
    >>> from fastapi.testclient import TestClient
    >>> app = FastAPI()
    >>> register_asyncdb(app, "sqlite://")
    >>> @app.get("/answer")
    ... async def answer(db: TransactionDep) -> int:
    ...     return await db.fetchval("SELECT 40 + 2")
    >>> with TestClient(app) as client:
    ...     client.get("/answer").json()
    42
"""

# No `from __future__ import annotations`: FastAPI reads them while running.

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final, TypeAlias

from fastapi import Depends

import asyncdb
from asyncdb.contrib.starlette import (
    add_error_handlers,
    get_pool,
    override_database,
    pool_lifespan,
    readiness,
    register_asyncdb,
)

__all__ = [
    "ERROR_RESPONSES",
    "ConnectionDep",
    "PoolDep",
    "TransactionDep",
    "add_error_handlers",
    "get_connection",
    "get_pool",
    "get_transaction",
    "override_database",
    "pool_lifespan",
    "readiness",
    "register_asyncdb",
]

# The application's pool, which lends a connection for each call.
PoolDep: TypeAlias = Annotated[asyncdb.Pool, Depends(get_pool)]


async def get_connection(pool: PoolDep) -> AsyncIterator[asyncdb.Connection]:
    """Lend a connection for the length of a path function; see `ConnectionDep`."""
    async with pool.acquire() as db:
        yield db


async def get_transaction(pool: PoolDep) -> AsyncIterator[asyncdb.Connection]:
    """Lend a connection in a transaction for a path function; see `TransactionDep`.

    For another isolation level, write one like it::

        async def get_serializable(pool: PoolDep) -> AsyncIterator[asyncdb.Connection]:
            async with pool.transaction(isolation="serializable") as db:
                yield db

        Serializable = Annotated[
            asyncdb.Connection, Depends(get_serializable, scope="function")
        ]
    """
    async with pool.transaction() as db:
        yield db


# A connection of the request's own.
# scope="function" ends it when the path function has returned and its result has been
# made a response, before that is sent. The default, "request", would commit afterwards:
# the client would have its 200 already when the COMMIT fails.
ConnectionDep: TypeAlias = Annotated[
    asyncdb.Connection, Depends(get_connection, scope="function")
]
# A connection in the request's transaction, which ends before the response is sent.
TransactionDep: TypeAlias = Annotated[
    asyncdb.Connection, Depends(get_transaction, scope="function")
]


def _response(description: str, *fields: str, **more: Any) -> dict[str, Any]:
    texts = {field: {"type": "string"} for field in ("detail", *fields)}
    schema = {"type": "object", "properties": texts, "required": ["detail"]}
    content = {"application/json": {"schema": schema}}
    return {"description": description, "content": content, **more}


# What the error handlers answer, for the OpenAPI of an application or a path:
# `FastAPI(responses={503: ERROR_RESPONSES[503]})`.
ERROR_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    400: _response("The body cannot be read."),
    404: _response("There is no such thing."),
    409: _response("It conflicts with what is there; `field` says by what.", "field"),
    503: _response(
        "The database is away or too busy; try again.",
        headers={
            "Retry-After": {
                "description": "Seconds. Absent where what was asked may be done.",
                "schema": {"type": "integer"},
            }
        },
    ),
}
